"""Patches: a diff is applied to a repository, its tests decide (docs/patches.md)."""
