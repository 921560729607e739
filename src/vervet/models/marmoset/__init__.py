"""marmoset: a small Llama-style model that comes with the package, and the engine that runs it.

`checkpoint` reads it, `engine` and `batch` compute it, `choice` draws tokens, `decode` makes
completions of them, `worker` and `pool` do so on every core, `sampler` is what users hold.
"""

from functools import partial

from vervet.models.marmoset.sampler import Marmoset

__all__ = ["Marmoset", "strong", "verifier"]

strong = partial(Marmoset, "marmoset-strong")
"""The same model trained to the end."""
verifier = partial(Marmoset, "marmoset-verifier", max_tokens=192)
"""The strong one, fine-tuned to check solutions and say Yes or No."""
