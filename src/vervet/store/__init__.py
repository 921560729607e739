"""A run: a folder of four append-only columnar tables."""
