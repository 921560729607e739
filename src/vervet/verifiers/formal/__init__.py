"""Formal proofs: a reply is accepted only if the kernel says that the very statement is proved."""
