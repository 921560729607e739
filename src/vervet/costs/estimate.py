"""What a run would cost before it is run: `--dry-run`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from vervet.costs.dollars import Price, token_dollars

BYTES_PER_TOKEN = 4.0
"""English text under the tokenizers of 2023 and later; good to about a third."""


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Tokens and dollars that a run would take. None is not known."""

    problems: int
    samples: int
    requests: int
    prompt_tokens: int
    """Billed: once per request. Estimated from the length of the texts."""
    completion_tokens: int | None
    """At most this many (max_tokens of every sample), or as many as were expected."""
    usd: float | None
    """At list price, without cache discounts; None where price or tokens are not known."""

    def __repr__(self) -> str:
        """Say it in one line."""
        tokens = "?" if self.completion_tokens is None else f"{self.completion_tokens:,}"
        usd = "unknown (no price)" if self.usd is None else f"at most ${self.usd:,.2f}"
        return (
            f"{self.samples:,} samples of {self.problems:,} problems, {self.requests:,} requests: "
            f"about {self.prompt_tokens:,} prompt tokens, at most {tokens} completion tokens; {usd}"
        )


def estimate_cost(
    prompts: Sequence[str],
    sampler: Mapping[str, Any],
    n: int | Sequence[int],
    *,
    price: Price | None = None,
    expected_tokens: float | None = None,
) -> CostEstimate:
    """Return what drawing n samples of each prompt would take.

    `sampler` is the sampler's `describe()`: its `max_tokens` bounds the completions (unless
    `expected_tokens` says how long they are), its `samples_per_request` says how often a prompt is
    billed. `n` may be given per problem: how many samples are missing.

    >>> said = {"max_tokens": 100, "samples_per_request": 10}
    >>> estimate = estimate_cost(["a" * 400] * 2, said, 20, price=Price(input=1.0, output=20.0))
    >>> estimate.prompt_tokens, estimate.completion_tokens, estimate.usd
    (400, 4000, 0.0804)
    """
    wanted = [n] * len(prompts) if isinstance(n, int) else list(n)
    each = int(sampler.get("samples_per_request") or 1)
    requests = [ceil(w / each) for w in wanted]
    shown = [len(p.encode("utf-8", "replace")) / BYTES_PER_TOKEN for p in prompts]
    billed = ceil(sum(t * r for t, r in zip(shown, requests, strict=True)))
    longest = expected_tokens if expected_tokens is not None else sampler.get("max_tokens")
    completion = None if longest is None else ceil(longest * sum(wanted))
    return CostEstimate(
        problems=len(prompts),
        samples=sum(wanted),
        requests=sum(requests),
        prompt_tokens=billed,
        completion_tokens=completion,
        usd=_usd(price, billed, completion),
    )


def _usd(price: Price | None, prompt: int, completion: int | None) -> float | None:
    if price is None or completion is None:
        return None
    total = float(token_dollars(price, prompt, completion).total)
    return None if total != total else total  # noqa: PLR0124 - NaN is the one value unlike itself
