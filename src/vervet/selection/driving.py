"""Driving one flow live: what `solve` does for many problems and `serving` for one request.

Samples are numbered by model in the order in which the policy asks for them; what arrives first
decides nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TypeVar

from vervet.errors import ConfigError, ModelError, VervetError, boundary
from vervet.policies.flow import (
    Choice,
    Draw,
    Policy,
    Pool,
    Request,
    Revise,
    Verify,
    selection,
)
from vervet.policies.refine import conversation
from vervet.selection.ahead import DrawnAhead
from vervet.types import Outcome, Problem, Sample, Sampler, Selection, Verdict, Verifier

Part = TypeVar("Part")
Row = Sample | Verdict | Selection


@dataclass(frozen=True, slots=True)
class Parts:
    """Who takes part, by the names that a policy uses."""

    samplers: Mapping[str, Sampler]
    verifiers: Mapping[str, Verifier]


@dataclass(frozen=True, slots=True)
class Known:
    """What is there already of one problem: it is neither drawn nor judged again."""

    samples: dict[tuple[str, int], Sample] = field(default_factory=dict)
    """By (sampler_id, index)."""
    verdicts: dict[tuple[str, int, str, int], Verdict] = field(default_factory=dict)
    """By (sampler_id, index, verifier_id, trial)."""
    lost: set[tuple[str, int, str, int]] = field(default_factory=set)
    """Verdicts that are an ERROR, and are asked for once more."""


class Drive:
    """One policy on one problem: `rows` yields every new row, the selection last."""

    def __init__(
        self,
        policy: Policy,
        problem: Problem,
        parts: Parts,
        known: Known | None = None,
        *,
        ahead: int = 0,
    ) -> None:
        """Say who takes part; `ahead` samples more than wanted are asked for, up to the limit."""
        self.policy = policy
        self.ahead = ahead
        self.cancelled = 0
        """Samples that were asked for ahead, and cancelled before they came."""
        self._away = DrawnAhead(problem)
        self.problem = problem
        self.parts = parts
        self.known = known or Known()
        self.pool = Pool()
        self.choice: Choice | None = None
        """What the flow returned; None until it has."""

    async def rows(self) -> AsyncGenerator[Row, None]:
        """Do what the flow asks for until it returns; closing this cancels what is in flight.

        Raises:
            ModelError: samples could not be had; the rows before stand.
            ConfigError: the policy names a model or a verifier that is not there.
        """
        flow = self.policy.flow(self.problem)
        failed: VervetError | None = None
        try:
            request = next(flow)
            while True:
                async with aclosing(self.answer(request)) as rows:
                    async for row in rows:
                        yield row
                request = flow.send(self.pool)
        except StopIteration as stop:
            self.choice = stop.value
        except VervetError as error:
            failed = error
        finally:
            self.cancelled = await self._away.cancel()
        for sample in self._away.arrived():
            yield sample
        if failed is not None:
            raise failed
        if self.choice is not None:
            yield selection(self.policy, self.problem, self.pool, self.choice)

    def answer(self, request: Request) -> AsyncGenerator[Row, None]:
        """Put what is asked for into the pool; yield every new row."""
        if isinstance(request, Draw):
            return self._draw(request)
        return self._revise(request) if isinstance(request, Revise) else self._verify(request)

    async def _revise(self, request: Revise) -> AsyncGenerator[Row, None]:
        """Ask the model of a sample again, in a conversation of all its turns so far."""
        known, pool = self.known.samples, self.pool
        wanted = pool.next_turn(request)
        if wanted not in known:
            turns = pool.turns(request.position)
            base = pool.samples[turns[0]].sampler_id
            sampler = next(s for s in self.parts.samplers.values() if s.id == base)
            told = [(pool.samples[p].text, pool.judged(p, request.verifier)) for p in turns]
            with boundary(ModelError, wanted[0]):
                async for sample in sampler.draw(conversation(self.problem, told), [wanted[1]]):
                    if wanted not in known:
                        known[wanted] = replace(sample, sampler_id=wanted[0])
                        yield known[wanted]
        if wanted not in known:
            raise ModelError(f"{wanted[0]}: the next turn of sample {wanted[1]} did not come")
        pool.revised(request.position, known[wanted])

    async def _draw(self, request: Draw) -> AsyncGenerator[Row, None]:
        known = self.known.samples
        sampler = named(self.parts.samplers, request.model, "model")
        first = sum(sample.sampler_id == sampler.id for sample in self.pool.samples)
        wanted = range(first, first + request.count)
        missing = [i for i in wanted if (sampler.id, i) not in known]
        if missing:
            async with aclosing(self._samples(sampler, wanted, missing)) as came:
                async for sample in came:
                    if known.setdefault((sampler.id, sample.index), sample) is sample:
                        yield sample  # of two with one index the first stands, as in the run
        short = sum((sampler.id, i) not in known for i in wanted)
        if short:
            raise ModelError(f"{sampler.id}: {short} of {request.count} samples did not come")
        self.pool.drawn([known[sampler.id, i] for i in wanted])

    async def _samples(
        self, sampler: Sampler, wanted: range, missing: list[int]
    ) -> AsyncGenerator[Sample, None]:
        """Yield the missing samples; those ahead are left on their way."""
        last = min(wanted.stop + self.ahead, limit_of(self.policy)) if self.ahead else 0
        if last <= wanted.stop and not self._away.away:
            with boundary(ModelError, sampler.id):
                async for sample in sampler.draw(self.problem, missing):
                    yield sample
            return
        further = range(wanted.stop, last)
        unknown = [i for i in further if (sampler.id, i) not in self.known.samples]
        if any((sampler.id, i) not in self._away.away for i in missing):
            self._away.ask(sampler, [*missing, *unknown])
        async for sample in self._away.until(frozenset((sampler.id, i) for i in missing)):
            yield sample

    async def _verify(self, request: Verify) -> AsyncGenerator[Row, None]:
        known, pool = self.known.verdicts, self.pool
        verifier = named(self.parts.verifiers, request.verifier, "verifier")
        if (meet := getattr(verifier, "meet", None)) is not None:
            meet(pool.samples)  # those that it compares a sample with
        asked = [(p, t) for p in request.positions for t in range(request.trials)]
        keys = {(p, t): (*place(pool.samples[p]), verifier.id, t) for p, t in asked}
        fresh = [at for at in asked if keys[at] not in known or keys[at] in self.known.lost]
        verdicts = await asyncio.gather(
            *(judge(verifier, self.problem, pool.samples[p], t) for p, t in fresh)
        )
        self.known.lost.difference_update(keys.values())
        for at, verdict in zip(fresh, verdicts, strict=True):
            if keys[at] in known and verdict.outcome is Outcome.ERROR:
                continue  # of two errors the first stands, as it does in the run
            known[keys[at]] = verdict
            yield verdict
        for p in request.positions:
            told = [known[keys[p, t]] for t in range(request.trials)]
            pool.verified(p, request.verifier, told)


def limit_of(policy: object) -> int:
    """Return the most samples a policy draws one by one; 0 where it has no such limit.

    >>> from vervet.policies.posterior import Posterior
    >>> limit_of(Posterior(32, "v"))
    32
    """
    inside = getattr(policy, "policy", None)
    return limit_of(inside) if inside is not None else int(getattr(policy, "limit", 0))


def place(row: Sample | Verdict) -> tuple[str, int]:
    """Return what names a sample within its problem."""
    return row.sampler_id, row.index


async def judge(verifier: Verifier, problem: Problem, sample: Sample, trial: int) -> Verdict:
    """Return the verdict; a verifier that fails gives an ERROR, which is not an answer."""
    try:
        return await verifier.verify(problem, sample, trial)
    except ConfigError:
        raise
    except VervetError as error:
        detail = str(error)
    except Exception as error:  # noqa: BLE001 - a verifier's crash is its verdict: ERROR
        detail = f"{verifier.id}: {type(error).__name__}: {error}"
    names = (sample.problem_id, sample.sampler_id, sample.index, verifier.id, trial)
    return Verdict(*names, Outcome.ERROR, detail=" ".join(detail.split()))


def named(parts: Mapping[str, Part], name: str, what: str) -> Part:
    """Return the part that a policy names; without a name, the first.

    Raises:
        ConfigError: there is none of that name.
    """
    if not name and parts:
        return next(iter(parts.values()))
    if name not in parts:
        known = ", ".join(parts) or "none"
        raise ConfigError(f"the policy asks for the {what} {name!r}; there is: {known}.")
    return parts[name]
