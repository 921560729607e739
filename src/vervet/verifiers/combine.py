"""Verifiers made of verifiers: all, any, first, weighted.

Three-valued, after Kleene: a part that failed leaves the whole undecided unless the other parts
decide it whatever the failed one would have said. Parts are asked in the order given, cheap ones
first, and no more of them than are needed.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from vervet import registry
from vervet.errors import AccessError, ConfigError, VervetError
from vervet.types import Outcome, Problem, Sample, Verdict, Verifier
from vervet.verifiers.answer import Traits, named

VERSION = "1"
ACCEPT, REJECT, ERROR = Outcome.ACCEPT, Outcome.REJECT, Outcome.ERROR
Rule = Literal["all", "any", "first"]
Parts = Sequence[Verifier | str] | str
"""Verifiers, or their names; one string names several with `+` between them, and settings of a
name with `;` between them: `exact+judge:model=m;template=few-shot`."""

ENDS: dict[Rule, frozenset[Outcome]] = {
    "all": frozenset({REJECT}),
    "any": frozenset({ACCEPT}),
    "first": frozenset({ACCEPT, REJECT}),
}
"""The outcomes after which no further part needs to be asked."""
PREFERS: dict[Rule, tuple[Outcome, ...]] = {
    "all": (REJECT, ERROR, ACCEPT),
    "any": (ACCEPT, ERROR, REJECT),
    "first": (ACCEPT, REJECT, ERROR),
}
"""Which of the parts' outcomes is that of the whole: the first of these that occurs."""
BEST: dict[Rule, Callable[[Sequence[float]], float]] = {
    "all": min,
    "any": max,
    "first": lambda scores: scores[-1],
}


@dataclass(frozen=True, slots=True)
class Combined:
    """Asks several verifiers and decides by one rule."""

    id: str
    rule: Rule
    parts: tuple[Verifier, ...]

    @property
    def traits(self) -> Traits:
        """What the parts cost and what fools them, together."""
        return traits_of(self.parts)

    @property
    def concurrency(self) -> int | None:
        """How many verdicts to ask for at a time; None where no part says."""
        return concurrency_of(self.parts)

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Ask the parts until the outcome is certain."""
        verdicts: list[Verdict] = []
        for part in self.parts:
            verdicts.append(await ask(part, problem, sample, trial))
            if verdicts[-1].outcome in ENDS[self.rule]:
                break
        outcomes = [verdict.outcome for verdict in verdicts]
        outcome = next(o for o in PREFERS[self.rule] if o in outcomes)
        scores = [v.score for v in verdicts if v.score is not None]
        score = BEST[self.rule](scores) if scores else None
        return summary(self.id, outcome, verdicts, score)

    async def aclose(self) -> None:
        """Close what the parts hold."""
        await close_all(self.parts)


@dataclass(frozen=True, slots=True)
class Weighted:
    """Accepts where the weighted mean of the parts' scores reaches a threshold."""

    id: str
    parts: tuple[Verifier, ...]
    weights: tuple[float, ...]
    threshold: float

    @property
    def traits(self) -> Traits:
        """What the parts cost and what fools them, together."""
        return traits_of(self.parts)

    @property
    def concurrency(self) -> int | None:
        """How many verdicts to ask for at a time; None where no part says."""
        return concurrency_of(self.parts)

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Ask every part; one that failed may have said anything between 0 and 1."""
        verdicts = [await ask(part, problem, sample, trial) for part in self.parts]
        total = sum(self.weights)
        ranges = [score_range(verdict) for verdict in verdicts]
        pairs = list(zip(self.weights, ranges, strict=True))
        low = sum(weight * bounds[0] for weight, bounds in pairs) / total
        high = sum(weight * bounds[1] for weight, bounds in pairs) / total
        if low >= self.threshold:
            outcome = ACCEPT
        elif high < self.threshold:
            outcome = REJECT
        else:
            outcome = ERROR
        failed = any(verdict.outcome is ERROR for verdict in verdicts)
        return summary(self.id, outcome, verdicts, None if failed else low)

    async def aclose(self) -> None:
        """Close what the parts hold."""
        await close_all(self.parts)


def all_of(of: Parts) -> Combined:
    """Return the verifier that accepts what every part accepts.

    >>> all_of("exact+choice").rule
    'all'
    """
    return _combined("all", of)


def any_of(of: Parts) -> Combined:
    """Return the verifier that accepts what at least one part accepts."""
    return _combined("any", of)


def first_of(of: Parts) -> Combined:
    """Return the verifier that says what the first part says that does not fail."""
    return _combined("first", of)


def weighted(of: Parts, *, weights: Sequence[float] | str = (), threshold: float = 0.5) -> Weighted:
    """Return the verifier that accepts where the weighted mean score reaches `threshold`.

    Args:
        of: the parts. A part without a score counts 1 where it accepts and 0 where it rejects.
        weights: one positive number a part, or text such as `2+1`; all equal by default.
        threshold: 0..1.

    Raises:
        ConfigError: the weights do not fit the parts, or the threshold is outside 0..1.
    """
    parts = parts_of("weighted", of)
    given = weights.split("+") if isinstance(weights, str) and weights else weights
    try:
        shares = tuple(float(weight) for weight in given) or (1.0,) * len(parts)
    except ValueError as cause:
        raise ConfigError(f"weighted: weights {weights!r} are not numbers.") from cause
    if len(shares) != len(parts) or not all(0 < share < float("inf") for share in shares):
        raise ConfigError(
            f"weighted: weights {list(shares)} must be {len(parts)} positive numbers."
        )
    if not 0 <= threshold <= 1:
        raise ConfigError(f"weighted: threshold {threshold} is not between 0 and 1.")
    ids = [part.id for part in parts]
    identity = named("weighted", VERSION, of=ids, weights=shares, threshold=threshold)
    return Weighted(identity, parts, shares, threshold)


def _combined(rule: Rule, of: Parts) -> Combined:
    parts = parts_of(rule, of)
    return Combined(named(rule, VERSION, of=[part.id for part in parts]), rule, parts)


def parts_of(what: str, of: Parts) -> tuple[Verifier, ...]:
    """Return the parts as objects.

    Raises:
        ConfigError: there are none, or one of them is no verifier or cannot be a part.
    """
    given = of.split("+") if isinstance(of, str) else of
    parts = tuple(_named(part.strip()) if isinstance(part, str) else part for part in given)
    if not parts:
        raise ConfigError(f"{what}: name at least one verifier.")
    for part in parts:
        if not isinstance(part, Verifier):
            raise ConfigError(f"{what}: {part!r} is no verifier; it has no id or no verify.")
    refuse_rivals(what, parts)
    return parts


def refuse_rivals(what: str, parts: Sequence[Verifier]) -> None:
    """Refuse a part that compares samples of a run: only `verify` can introduce it to them.

    Raises:
        ConfigError: naming the part.
    """
    for part in parts:
        if hasattr(part, "meet") and getattr(part, "rivals", "") == "samples":
            raise ConfigError(
                f"{what}: {part.id} compares samples with each other, which it can by itself only. "
                "Give it rivals=reference, or verify with it alone."
            )


def _named(spec: str) -> Verifier:
    """Return the part that `name:key=value;key=value` names: a comma would end the whole's."""
    name, settings = registry.parse(spec.replace(";", ","))
    found: Verifier = registry.find("verifiers", name, **settings)
    return found


async def ask(part: Verifier, problem: Problem, sample: Sample, trial: int) -> Verdict:
    """Return a part's verdict; its failure is an ERROR of its own, not of the whole.

    Raises:
        ConfigError: it cannot judge anything as it is set up.
        AccessError: its endpoint turns us away for good.
    """
    try:
        return await part.verify(problem, sample, trial)
    except (ConfigError, AccessError):
        raise
    except VervetError as cause:
        why = str(cause)
    except Exception as crash:  # noqa: BLE001 - a part's crash is its verdict: ERROR
        why = f"{part.id}: {type(crash).__name__}: {crash}"
    return Verdict(
        sample.problem_id, sample.sampler_id, sample.index, part.id, trial, ERROR, detail=why
    )


async def close_all(parts: Sequence[Verifier]) -> None:
    """Close what verifiers hold: processes, connections, checkouts."""
    for part in parts:
        close = getattr(part, "aclose", None)
        if close is not None:
            await close()


def score_range(verdict: Verdict) -> tuple[float, float]:
    """Return the least and greatest score a verdict can stand for."""
    if verdict.outcome is ERROR:
        return 0.0, 1.0
    if verdict.score is not None:
        return verdict.score, verdict.score
    share = float(verdict.outcome is ACCEPT)
    return share, share


def summary(
    identity: str, outcome: Outcome, verdicts: Sequence[Verdict], score: float | None
) -> Verdict:
    """Return one verdict for several: the outcome given, the tokens of all, each part's word."""
    said = [
        {
            "verifier": v.verifier_id,
            "outcome": v.outcome.value,
            "score": v.score,
            "detail": v.detail,
        }
        for v in verdicts
    ]
    blamed = next((v for v in verdicts if v.outcome is outcome), verdicts[-1])
    return replace(
        verdicts[0],
        verifier_id=identity,
        outcome=outcome,
        answer=next((v.answer for v in verdicts if v.answer is not None), None),
        score=score,
        detail=blamed.detail,
        evidence=json.dumps(said),
        prompt_tokens=known_sum([v.prompt_tokens for v in verdicts]),
        completion_tokens=known_sum([v.completion_tokens for v in verdicts]),
        seconds=known_sum([v.seconds for v in verdicts]),
    )


Number = TypeVar("Number", int, float)


def known_sum(values: Sequence[Number | None]) -> Number | None:
    """Add what is known; None if nothing is."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def traits_of(parts: Sequence[Verifier]) -> Traits:
    """Say what several verifiers cost together, and what fools each."""
    each = [found for part in parts if isinstance(found := getattr(part, "traits", None), Traits)]
    return Traits(
        cost=" + ".join(traits.cost for traits in each) or "not known",
        deterministic=len(each) == len(parts) and all(traits.deterministic for traits in each),
        fooled_by="; ".join(traits.fooled_by for traits in each) or "not known",
    )


def concurrency_of(parts: Sequence[Verifier]) -> int | None:
    """Return how many verdicts the slowest part takes at a time, if any part says."""
    said = [int(many) for part in parts if (many := getattr(part, "concurrency", None))]
    return min(said, default=None)
