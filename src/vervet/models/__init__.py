"""Models: each module turns one kind of endpoint or engine into a `Sampler`."""
