"""Dollars of tokens. What is not known stays unknown: NaN in arrays, None for a price."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens. None is not known, never free."""

    input: float | None = None
    output: float | None = None
    cached_input: float | None = None
    batch: float | None = None
    """Factor on everything when sent as a batch (0.5 is half price)."""
    source: str = ""
    checked: str = ""
    """Date on which the source said so, YYYY-MM-DD."""


@dataclass(frozen=True, slots=True)
class Dollars:
    """What tokens cost, by kind; NaN where a count or a price is not known."""

    input: Floats
    cached: Floats
    output: Floats

    @property
    def total(self) -> Floats:
        """Return the sum of all kinds."""
        return self.input + self.cached + self.output


def token_dollars(
    price: Price | None,
    prompt_tokens: ArrayLike,
    completion_tokens: ArrayLike,
    cached_tokens: ArrayLike = 0,
    shared_tokens: ArrayLike = 0,
    *,
    batch: bool = False,
) -> Dollars:
    """Return the dollars of samples, element by element.

    `cached_tokens` and `shared_tokens` are parts of `prompt_tokens`: the first are billed at the
    cache rate, the second were billed with another sample of the same request. Reasoning tokens
    are part of `completion_tokens` and billed as output. NaN counts and missing prices give NaN,
    but nothing times an unknown price is nothing.

    >>> gpt = Price(input=2.5, output=10.0, cached_input=1.25, batch=0.5)
    >>> float(token_dollars(gpt, 1_000_000, 100_000, cached_tokens=400_000).total)
    3.0
    >>> float(token_dollars(gpt, 1_000_000, 100_000, batch=True).total)
    1.75
    >>> float(token_dollars(None, 10, 10).total)
    nan
    """
    known = price or Price()
    prompt, completion, cached, shared = (
        np.asarray(t, dtype=np.float64)
        for t in (prompt_tokens, completion_tokens, cached_tokens, shared_tokens)
    )
    factor = known.batch if batch else 1.0
    return Dollars(
        _times(prompt - cached - shared, known.input, factor),
        _times(cached, known.cached_input, factor),
        _times(completion, known.output, factor),
    )


def _times(tokens: Floats, price: float | None, factor: float | None) -> Floats:
    rate = np.nan if price is None or factor is None else price * factor / MILLION
    return np.where(tokens == 0, 0.0, tokens * rate)


def attempts_dollars(problems: float, attempts: float, usd_per_attempt: float) -> float:
    """Return problems × attempts × price of an attempt.

    Source: Large Language Monkeys (arXiv 2407.21787v3), table 1.

    >>> round(attempts_dollars(300, 5, 0.0072), 2)
    10.8
    """
    return problems * attempts * usd_per_attempt
