"""From the choices of one request to samples whose token counts add up to what was billed.

The endpoint reports usage per request. With one choice it is exact. With several:
- a choice that ended by length has exactly `max_tokens` tokens;
- with log-probabilities, a choice has as many tokens as it has log-probabilities;
- what is left is split in proportion to the length of the texts, the largest remainders first.
The parts always add up to the request's usage. The prompt is billed once: all samples of a request
but the first carry it as `shared_tokens`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vervet.models.openai_wire import Choice, Usage, split
from vervet.types import Sample


@dataclass(frozen=True, slots=True)
class Request:
    """One request that came back: for which samples, under which seed, in how many seconds."""

    problem_id: str
    sampler_id: str
    indices: Sequence[int]
    seed: int | None
    seconds: float
    max_tokens: int | None = None


def samples_from(request: Request, choices: Sequence[Choice], usage: Usage) -> list[Sample]:
    """Return one sample per choice, in the order of `request.indices`."""
    tokens = completion_tokens(choices, usage.completion, request.max_tokens)
    thinking = reasoning_tokens(choices, usage.reasoning, tokens)
    costs = shares(usage.cost, tokens, len(choices))
    rest = 0 if usage.cached is not None else None
    return [
        Sample(
            request.problem_id,
            request.sampler_id,
            index,
            choice.text,
            choice.finish,
            choice.reasoning,
            choice.logprob,
            usage.prompt,
            tokens[i],
            thinking[i],
            rest if i else usage.cached,
            usage.prompt if i else 0,
            costs[i],
            request.seconds,
            request.seed,
        )
        for i, (index, choice) in enumerate(zip(request.indices, choices, strict=False))
    ]


def completion_tokens(
    choices: Sequence[Choice], total: int | None, max_tokens: int | None = None
) -> list[int | None]:
    """Return the tokens of each choice; they add up to `total` where the endpoint says it.

    >>> cut, done = Choice("four long words here", "length"), Choice("two words", "stop")
    >>> completion_tokens([cut, done], 11, max_tokens=8)
    [8, 3]
    """
    counted = [c.tokens for c in choices]
    if total is None or len(choices) == 1:
        return [total] if total is not None else counted
    if all(t is not None for t in counted) and sum(t or 0 for t in counted) == total:
        return counted
    fixed = [max_tokens if c.finish == "length" else None for c in choices]
    left = total - sum(f or 0 for f in fixed)
    if left < 0 or (left > 0 and all(f is not None for f in fixed)):
        fixed, left = [None] * len(choices), total
    weights = [0 if f is not None else _weight(c) for f, c in zip(fixed, choices, strict=True)]
    parts = split(left, weights)
    return [p if f is None else f for f, p in zip(fixed, parts, strict=True)]


def _weight(choice: Choice) -> int:
    return choice.tokens or 1 + len(choice.text) + len(choice.reasoning)


def reasoning_tokens(
    choices: Sequence[Choice], total: int | None, tokens: Sequence[int | None]
) -> list[int | None]:
    """Return the reasoning tokens of each choice, in proportion to the thoughts it shows."""
    if total is None:
        return [None] * len(choices)
    shown = [len(c.reasoning) for c in choices]
    weights = shown if any(shown) else [t or 1 for t in tokens]
    return list(split(total, weights))


def shares(cost: float | None, tokens: Sequence[int | None], count: int) -> list[float | None]:
    """Return the part of each choice in what the request cost, in proportion to its tokens."""
    if cost is None:
        return [None] * count
    weights = [float(t or 0) for t in tokens]
    whole = sum(weights)
    return [cost * w / whole if whole else cost / count for w in weights]
