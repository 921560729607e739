"""Statistics of repeated sampling: arrays in, frozen results out; numpy and scipy only."""
