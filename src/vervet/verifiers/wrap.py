"""A verifier with something around it: a memory, a time limit, repeats."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

from vervet.errors import ConfigError
from vervet.types import Outcome, Problem, Sample, Verdict, Verifier
from vervet.verifiers.answer import named
from vervet.verifiers.combine import Parts, ask, concurrency_of, parts_of, summary, traits_of

REMEMBERED = 100_000


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

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Return the verdict on an equal reply if there was one."""
        repeat = 0 if self.traits.deterministic else trial
        key = (problem.id, repr(problem.reference), sample.text, sample.finish, repeat)
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


class Limited:
    """Gives up on a verdict after so many seconds: an ERROR, for the sample is not to blame."""

    def __init__(self, inside: Verifier, *, seconds: float, at_once: int) -> None:
        self.inside, self.seconds = inside, seconds
        self.concurrency = at_once
        """How many verdicts an engine asks for at a time."""
        self.id = inside.id
        self.traits = traits_of([inside])

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Return the verdict, or an ERROR that says how long was waited."""
        try:
            async with asyncio.timeout(self.seconds):
                return await self.inside.verify(problem, sample, trial)
        except TimeoutError:
            return Verdict(
                sample.problem_id,
                sample.sampler_id,
                sample.index,
                self.id,
                trial,
                Outcome.ERROR,
                detail=f"no verdict after {self.seconds:g} s",
            )


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


def cached(of: Verifier | Parts, *, remembered: int = REMEMBERED) -> Cached:
    """Return the verifier with a memory of `remembered` verdicts.

    Raises:
        ConfigError: it names more than one verifier, or remembers nothing.
    """
    if remembered < 1:
        raise ConfigError(f"cached: remembered {remembered} must be at least 1.")
    return Cached(_one("cached", of), remembered=remembered)


def limited(of: Verifier | Parts, *, seconds: float, at_once: int = 8) -> Limited:
    """Return the verifier with a time limit for each verdict, asked `at_once` at a time.

    Raises:
        ConfigError: it names more than one verifier, or a limit is not positive.
    """
    if seconds <= 0 or at_once < 1:
        raise ConfigError(f"limited: seconds {seconds} and at_once {at_once} must be positive.")
    return Limited(_one("limited", of), seconds=seconds, at_once=at_once)


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
