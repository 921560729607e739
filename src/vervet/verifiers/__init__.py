"""Verifiers: each module judges samples in one way."""
