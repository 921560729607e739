"""Choose the next token of every row: temperature, top-p, one random number per row and step.

A distribution of a few hundred tokens is drawn from by inversion in two stages, first a block of
`BLOCK` tokens, then a token in it: the running sum over all tokens would cost ten times as much.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vervet.errors import ConfigError
from vervet.models.marmoset.checkpoint import Floats
from vervet.models.marmoset.engine import BLOCK, Tokens
from vervet.models.splitmix import GOLDEN, mixed

Keys = NDArray[np.uint64]
LIKELY = 32
"""Top-p looks at this many of the likeliest tokens before it sorts them all."""
BELOW_ONE = np.float32(1 - 2**-20)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are drawn, and when a completion ends."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 128
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < np.inf:
            raise ConfigError(f"temperature must be 0 or more, not {self.temperature!r}")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"top_p must be above 0 and at most 1, not {self.top_p!r}")
        if self.max_tokens < 1:
            raise ConfigError(f"max_tokens must be 1 or more, not {self.max_tokens!r}")
        if not all(self.stop):
            raise ConfigError("a stop string must not be empty")


def uniforms(keys: Keys, step: int) -> Floats:
    """Return number `step` of each key's stream, in [0, 1): the stream of SplitMix64.

    >>> bool((uniforms(np.arange(9, dtype=np.uint64), 3) < 1).all())
    True
    """
    drawn = mixed(keys + np.uint64((step + 1) * GOLDEN % 2**64))
    return (drawn >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)


def choose(logits: Floats, random: Floats, decoding: Decoding) -> tuple[Tokens, Floats]:
    """Return a token for each row, and its log-probability in the model's own distribution.

    The log-probability is that of temperature 1 and no truncation, as vLLM and OpenAI report it.
    `logits` are used up.
    """
    rows = np.arange(len(logits))
    logits -= logits.max(axis=1, keepdims=True)
    masses = np.exp(logits)
    total = masses @ np.ones(masses.shape[1], np.float32)
    if decoding.temperature == 0:
        tokens = logits.argmax(axis=1)
    else:
        if decoding.temperature != 1:
            masses = np.exp(logits * np.float32(1 / decoding.temperature))
        if decoding.top_p < 1:
            truncate(masses, decoding.top_p)
        tokens = invert(masses, random)
    return tokens, logits[rows, tokens] - np.log(total)


def invert(masses: Floats, random: Floats) -> Tokens:
    """Draw a token of each row with probability proportional to its mass.

    Args:
        masses: (rows, a multiple of BLOCK), not negative.
        random: (rows,), in [0, 1).
    """
    rows = np.arange(len(masses))
    blocks = masses.reshape(len(masses), -1, BLOCK)
    sums = (blocks.reshape(-1, BLOCK) @ np.ones(BLOCK, np.float32)).reshape(len(masses), -1)
    edges = sums.cumsum(axis=1)
    target = np.minimum(random, BELOW_ONE) * edges[:, -1]
    block = (edges <= target[:, None]).sum(axis=1)
    inside = blocks[rows, block].cumsum(axis=1)
    rest = target - (edges[rows, block] - sums[rows, block])
    rest = np.clip(rest, 0, inside[:, -1] * BELOW_ONE)
    tokens: Tokens = block * BLOCK + (inside <= rest[:, None]).sum(axis=1)
    return tokens


def truncate(masses: Floats, top_p: float) -> None:
    """Set all but the likeliest tokens to zero: the fewest that together hold `top_p`."""
    likely = -np.sort(-np.partition(masses, -LIKELY, axis=1)[:, -LIKELY:], axis=1)
    wanted = np.float32(top_p) * masses.sum(axis=1)
    short = likely.sum(axis=1) < wanted
    least = smallest_kept(likely, wanted)
    if short.any():
        least[short] = smallest_kept(-np.sort(-masses[short], axis=1), wanted[short])
    masses[masses < least[:, None]] = 0


def smallest_kept(ordered: Floats, wanted: Floats) -> Floats:
    """Return the last mass needed for a running sum of `wanted`; masses fall along each row."""
    before = ordered.cumsum(axis=1) - ordered
    last = np.maximum((before < wanted[:, None]).sum(axis=1) - 1, 0)
    result: Floats = ordered[np.arange(len(ordered)), last]
    return result
