"""Engines: the one bounded loop that fills missing rows, here or on a cluster."""
