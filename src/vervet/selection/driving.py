"""Driving one flow live: what `solve` does for many problems and `serving` for one request.

Samples are numbered by model in the order in which the policy asks for them; what arrives first
decides nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeVar

from vervet.errors import ConfigError, ModelError, VervetError, boundary
from vervet.policies.flow import Choice, Draw, Policy, Pool, Verify, selection
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
    """By (sampler_id, index, verifier_id, trial); none of them an ERROR."""


class Drive:
    """One policy on one problem: `rows` yields every new row, the selection last."""

    def __init__(
        self, policy: Policy, problem: Problem, parts: Parts, known: Known | None = None
    ) -> None:
        self.policy = policy
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
        try:
            request = next(flow)
            while True:
                answer: AsyncGenerator[Row, None] = (
                    self._draw(request) if isinstance(request, Draw) else self._verify(request)
                )
                async with aclosing(answer) as rows:
                    async for row in rows:
                        yield row
                request = flow.send(self.pool)
        except StopIteration as stop:
            self.choice = stop.value
            yield selection(self.policy, self.problem, self.pool, stop.value)

    async def _draw(self, request: Draw) -> AsyncGenerator[Sample, None]:
        known = self.known.samples
        sampler = named(self.parts.samplers, request.model, "model")
        first = sum(sample.sampler_id == sampler.id for sample in self.pool.samples)
        wanted = range(first, first + request.count)
        missing = [i for i in wanted if (sampler.id, i) not in known]
        if missing:
            with boundary(ModelError, sampler.id):
                async for sample in sampler.draw(self.problem, missing):
                    known[sampler.id, sample.index] = sample
                    yield sample
        short = sum((sampler.id, i) not in known for i in wanted)
        if short:
            raise ModelError(f"{sampler.id}: {short} of {request.count} samples did not come")
        self.pool.drawn([known[sampler.id, i] for i in wanted])

    async def _verify(self, request: Verify) -> AsyncGenerator[Verdict, None]:
        known, pool = self.known.verdicts, self.pool
        verifier = named(self.parts.verifiers, request.verifier, "verifier")
        asked = [(p, t) for p in request.positions for t in range(request.trials)]
        keys = {(p, t): (*place(pool.samples[p]), verifier.id, t) for p, t in asked}
        fresh = [(p, t) for p, t in asked if keys[p, t] not in known]
        verdicts = await asyncio.gather(
            *(judge(verifier, self.problem, pool.samples[p], t) for p, t in fresh)
        )
        for key, verdict in zip(fresh, verdicts, strict=True):
            known[keys[key]] = verdict
            yield verdict
        for p in request.positions:
            told = [known[keys[p, t]] for t in range(request.trials)]
            pool.verified(p, request.verifier, told)


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
