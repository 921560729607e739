"""Compute of repeated sampling: FLOPs of the Monkeys paper, and eFLOPs that count memory traffic.

Arrays broadcast: give tokens per problem and k on another axis to get a whole curve.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vervet.errors import ConfigError

Floats = NDArray[np.float64]
B200_INTENSITY = 562.5
"""FLOPs a B200 does while it reads one byte: 4.5 PFLOP/s over 8 TB/s (bfloat16, dense)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The part of an architecture that costs depend on.

    >>> Shape(8.03e9, layers=32, hidden=4096, heads=32, kv_heads=8, head_size=128).kv_elements
    65536
    """

    parameters: float
    """Parameters used for one token (of a mixture of experts, the active ones)."""
    layers: int
    hidden: int
    heads: int | None = None
    kv_heads: int | None = None
    head_size: int | None = None

    @property
    def kv_elements(self) -> int:
        """Numbers that one token leaves in the KV cache: keys and values of all layers."""
        heads, size = self._attention()
        return 2 * self.layers * heads * size

    @property
    def query_groups(self) -> float:
        """Query heads that share one key-value head."""
        heads, _ = self._attention()
        return (self.heads or heads) / heads

    def _attention(self) -> tuple[int, int]:
        if not self.kv_heads or not self.head_size:
            raise ConfigError("eFLOPs need the key-value heads and the head size of the model.")
        return self.kv_heads, self.head_size


@dataclass(frozen=True, slots=True)
class Compute:
    """FLOPs (or eFLOPs), split by where they are spent."""

    prefill: Floats
    decode: Floats

    @property
    def total(self) -> Floats:
        """Prefill and decode together."""
        return self.prefill + self.decode


def span_flops(shape: Shape, start: ArrayLike, tokens: ArrayLike) -> Floats:
    """Return the FLOPs of `tokens` tokens after a context of `start` tokens.

    One token at position t costs F(t) = 2 (P + 2 L d t), so n tokens after a cost
    2 [n P + 2 L d (n a + n (n + 1) / 2)].

    Source: Large Language Monkeys (arXiv 2407.21787v3), section 2.2; sum in closed form.

    >>> shape = Shape(10.0, layers=1, hidden=1)
    >>> float(span_flops(shape, 1, 2)) == sum(2 * (10 + 2 * t) for t in (2, 3))
    True
    """
    a, n = np.asarray(start, dtype=np.float64), np.asarray(tokens, dtype=np.float64)
    positions = n * a + n * (n + 1) / 2
    return np.asarray(2 * (n * shape.parameters + 2 * shape.layers * shape.hidden * positions))


def sampling_flops(
    shape: Shape,
    prompt_tokens: ArrayLike,
    completion_tokens: ArrayLike,
    samples: ArrayLike = 1,
    *,
    shared_prefill: bool = True,
) -> Compute:
    """Return the FLOPs of drawing `samples` completions of one prompt.

    With a shared prefill (one server, prefix caching) the prompt is computed once for all samples,
    as the paper counts; without it, once per sample, as separate requests to most APIs do.

    >>> llama = Shape(8.03e9, layers=32, hidden=4096)
    >>> print(f"{sampling_flops(llama, 672, 196, 10_000).total:.3g}")
    3.23e+16
    """
    k = np.asarray(samples, dtype=np.float64)
    prefill = span_flops(shape, 0, prompt_tokens) * (np.ones_like(k) if shared_prefill else k)
    return Compute(prefill, k * span_flops(shape, prompt_tokens, completion_tokens))


def sampling_eflops(
    shape: Shape,
    prompt_tokens: ArrayLike,
    completion_tokens: ArrayLike,
    samples: ArrayLike = 1,
    *,
    intensity: float = B200_INTENSITY,
) -> Compute:
    """Return the eFLOPs of drawing `samples` completions: compute plus I × bytes of KV cache read.

    2 N P Lₒ + 2 r N Lᵢ D Lₒ + r N D Lₒ² + I (2 Lᵢ D Lₒ + N D Lₒ²), where D is the KV cache of one
    token in elements (of two bytes), r the query heads per key-value head, I the FLOPs per byte of
    the accelerator. The prompt's cache is read once per step for all N samples; reading the
    weights is amortised over a large batch, and the prompt's own prefill is left out, both as in
    the source. `prefill` holds the terms with the prompt's cache, `decode` the rest.

    Source: Kinetics (arXiv 2506.05333), equation 5.

    >>> qwen = Shape(8.19e9, layers=36, hidden=4096, heads=32, kv_heads=8, head_size=128)
    >>> cost = sampling_eflops(qwen, 0, 4096)
    >>> plain = sampling_flops(qwen, 0, 4096)
    >>> bool(cost.total > 10 * plain.total)  # at length, reading the cache dominates
    True
    """
    n = np.asarray(samples, dtype=np.float64)
    given = np.asarray(prompt_tokens, dtype=np.float64)
    made = np.asarray(completion_tokens, dtype=np.float64)
    cache, groups = shape.kv_elements, shape.query_groups
    prompt = 2 * given * cache * made * (groups * n + intensity)
    decode = n * made * (2 * shape.parameters + cache * made * (groups + intensity))
    return Compute(np.asarray(prompt), np.asarray(decode))
