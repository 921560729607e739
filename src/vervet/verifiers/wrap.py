"""A verifier with something around it: a memory, limits of time and spending, repeats."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from vervet.errors import ConfigError
from vervet.types import Outcome, Problem, Sample, Verdict, Verifier
from vervet.verifiers.answer import named
from vervet.verifiers.combine import (
    Parts,
    ask,
    close_all,
    concurrency_of,
    parts_of,
    summary,
    traits_of,
)

REMEMBERED = 100_000
MILLION = 1e6


class Cached:
    """Asks once about equal replies to one problem; a failure is asked about again.

    The verdicts are those of the verifier inside, so they carry its id. Trials of a verifier
    that is not deterministic are asked one by one.
    """

    def __init__(self, inside: Verifier, *, remembered: int = REMEMBERED) -> None:
        self.inside, self.remembered = inside, remembered
        self.id = inside.id
        self.traits = traits_of([inside])
        self.concurrency = concurrency_of([inside])
        self.known: OrderedDict[tuple[Any, ...], Verdict] = OrderedDict()
        self._references: dict[str, tuple[Problem, bytes]] = {}

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Return the verdict on an equal reply if there was one."""
        repeat = 0 if self.traits.deterministic else trial
        key = (problem.id, self._reference(problem), sample.text, sample.finish, repeat)
        found = self.known.get(key)
        if found is None:
            found = await self.inside.verify(problem, sample, trial)
            if found.outcome is not Outcome.ERROR:
                self.known[key] = found
            while len(self.known) > self.remembered:
                self.known.popitem(last=False)
            return found
        self.known.move_to_end(key)
        return replace(
            found,
            sampler_id=sample.sampler_id,
            index=sample.index,
            trial=trial,
            prompt_tokens=None if found.prompt_tokens is None else 0,
            completion_tokens=None if found.completion_tokens is None else 0,
            seconds=None if found.seconds is None else 0.0,
        )

    def _reference(self, problem: Problem) -> bytes:
        """Return a digest of the reference, made once of a problem: HumanEval+ has megabytes."""
        known, digest = self._references.get(problem.id, (None, b""))
        if known is not problem:
            said = repr(problem.reference).encode("utf-8", "surrogatepass")
            digest = blake2b(said, digest_size=16).digest()
            self._references[problem.id] = problem, digest
        return digest

    async def aclose(self) -> None:
        """Close what the verifier inside holds."""
        await close_all([self.inside])


@dataclass(frozen=True, slots=True)
class Limits:
    """What a verifier may take; None is no limit."""

    seconds: float | None = None
    """Wall time of one verdict."""
    tokens: float | None = None
    """Prompt and completion tokens of all verdicts together."""
    dollars: float | None = None
    """US dollars of all verdicts together."""
    price: tuple[float, float] = (0.0, 0.0)
    """US dollars of a million prompt tokens, and of a million completion tokens."""

    def reached(self, tokens: float, dollars: float) -> str:
        """Return which limit so much would pass; empty where none."""
        if self.tokens is not None and tokens > self.tokens:
            return f"the limit of {self.tokens:,.0f} tokens is reached"
        if self.dollars is not None and dollars > self.dollars:
            return f"the limit of ${self.dollars:g} is reached"
        return ""


class Limited:
    """Gives up on a verdict after so many seconds, or once so much is spent.

    Either is an ERROR, for the sample is not to blame. Verdicts under way are counted at the
    price of the dearest so far, so that a limit is passed by the first of its kind at most.
    """

    def __init__(self, inside: Verifier, limits: Limits, *, at_once: int) -> None:
        self.inside, self.limits = inside, limits
        self.concurrency = at_once
        """How many verdicts an engine asks for at a time."""
        self.id = inside.id
        self.traits = traits_of([inside])
        self.tokens, self.dollars = 0.0, 0.0
        """Spent so far."""
        self._dearest = (0.0, 0.0)
        self._under_way = 0

    def describe(self) -> Mapping[str, Any]:
        """Return what the verifier inside says of itself."""
        describe: Callable[[], Mapping[str, Any]] = getattr(self.inside, "describe", dict)
        return describe()

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Return the verdict, or an ERROR that says which limit there was.

        Raises:
            ConfigError: spending is limited, and the verifier does not count its tokens.
        """
        coming = self._under_way + 1
        tokens, dollars = (spent + coming * most for spent, most in self._accounts())
        if why := self.limits.reached(tokens, dollars):
            return self._gave_up(sample, trial, why)
        self._under_way += 1
        try:
            async with asyncio.timeout(self.limits.seconds):
                verdict = await self.inside.verify(problem, sample, trial)
        except TimeoutError:
            return self._gave_up(sample, trial, f"no verdict after {self.limits.seconds:g} s")
        finally:
            self._under_way -= 1
        self._pay(verdict)
        return verdict

    def _accounts(self) -> tuple[tuple[float, float], tuple[float, float]]:
        return (self.tokens, self._dearest[0]), (self.dollars, self._dearest[1])

    def _pay(self, verdict: Verdict) -> None:
        """Count what a verdict took."""
        prompt, completion = verdict.prompt_tokens, verdict.completion_tokens
        spending = self.limits.tokens is not None or self.limits.dollars is not None
        if spending and (prompt is None or completion is None) and verdict.evidence:
            raise ConfigError(f"limited: {self.id} does not count its tokens.")
        tokens = (prompt or 0) + (completion or 0)
        dollars = sum(
            (many or 0) * each / MILLION
            for many, each in zip((prompt, completion), self.limits.price, strict=True)
        )
        self.tokens, self.dollars = self.tokens + tokens, self.dollars + dollars
        self._dearest = max(self._dearest[0], tokens), max(self._dearest[1], dollars)

    def _gave_up(self, sample: Sample, trial: int, why: str) -> Verdict:
        return Verdict(
            sample.problem_id,
            sample.sampler_id,
            sample.index,
            self.id,
            trial,
            Outcome.ERROR,
            detail=why,
        )

    async def aclose(self) -> None:
        """Close what the verifier inside holds."""
        await close_all([self.inside])


@dataclass(frozen=True, slots=True)
class Repeated:
    """Asks several times and follows the majority of what was said; a tie rejects."""

    id: str
    inside: Verifier
    times: int

    @property
    def concurrency(self) -> int | None:
        """How many verdicts to ask for at a time; None where the verifier inside does not say."""
        return concurrency_of([self.inside])

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Return the majority; the score is the share of verdicts that accept."""
        trials = range(trial * self.times, (trial + 1) * self.times)
        verdicts = [await ask(self.inside, problem, sample, each) for each in trials]
        said = [v.outcome for v in verdicts if v.outcome is not Outcome.ERROR]
        if not said:
            return replace(summary(self.id, Outcome.ERROR, verdicts, None), trial=trial)
        share = said.count(Outcome.ACCEPT) / len(said)
        outcome = Outcome.ACCEPT if share > 0.5 else Outcome.REJECT  # noqa: PLR2004 - a majority
        return replace(summary(self.id, outcome, verdicts, share), trial=trial)

    async def aclose(self) -> None:
        """Close what the verifier inside holds."""
        await close_all([self.inside])


def cached(of: Verifier | Parts, *, remembered: int = REMEMBERED) -> Cached:
    """Return the verifier with a memory of `remembered` verdicts.

    Raises:
        ConfigError: it names more than one verifier, or remembers nothing.
    """
    if remembered < 1:
        raise ConfigError(f"cached: remembered {remembered} must be at least 1.")
    return Cached(_one("cached", of), remembered=remembered)


def limited(
    of: Verifier | Parts,
    *,
    seconds: float | None = None,
    tokens: float | None = None,
    dollars: float | None = None,
    price: str | Sequence[float] = (),
    at_once: int = 8,
) -> Limited:
    """Return the verifier with limits, asked `at_once` at a time.

    Args:
        of: the verifier.
        seconds: wall time of one verdict.
        tokens: prompt and completion tokens of all verdicts together.
        dollars: US dollars of all verdicts together.
        price: US dollars of a million prompt and of a million completion tokens: `0.15+0.6`.
        at_once: verdicts under way at a time.

    Raises:
        ConfigError: it names more than one verifier, a limit is not positive, there is none, or
            dollars are limited and the price is not two numbers.
    """
    given = [limit for limit in (seconds, tokens, dollars) if limit is not None]
    if not given or min(given) <= 0 or at_once < 1:
        raise ConfigError(
            f"limited: seconds {seconds}, tokens {tokens}, dollars {dollars} and at_once {at_once} "
            "must be positive, and one of the first three is needed."
        )
    prices = price.split("+") if isinstance(price, str) else price
    try:
        prompt, completion = (float(each) for each in prices or (0, 0))
    except ValueError as cause:
        raise ConfigError(f"limited: price {price!r} is not two numbers, as 0.15+0.6.") from cause
    if dollars is not None and not prompt + completion > 0:
        raise ConfigError("limited: dollars need a price of a million tokens, as price=0.15+0.6.")
    limits = Limits(seconds, tokens, dollars, (prompt, completion))
    return Limited(_one("limited", of), limits, at_once=at_once)


def repeated(of: Verifier | Parts, *, times: int = 3) -> Repeated:
    """Return the verifier asked `times` times for each verdict.

    Raises:
        ConfigError: it names more than one verifier, or `times` is not positive.
    """
    if times < 1:
        raise ConfigError(f"repeated: times {times} must be at least 1.")
    inside = _one("repeated", of)
    return Repeated(named("repeated", "1", of=inside.id, times=times), inside, times)


def _one(what: str, of: Verifier | Parts) -> Verifier:
    parts = parts_of(what, of if isinstance(of, str | tuple | list) else (of,))
    if len(parts) != 1:
        raise ConfigError(f"{what}: wraps one verifier, not {len(parts)}.")
    return parts[0]
