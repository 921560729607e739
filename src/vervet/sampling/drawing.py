"""One call of `sample`: draw, store, and pass on, all at once."""

import asyncio
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from vervet import waits
from vervet.engines import Channel, Engine, Meter, Worker, WorkerLostError, fill
from vervet.errors import AccessError, ConfigError, ModelError, VervetError, boundary
from vervet.sampling.requests import Request, Requests
from vervet.store import Run
from vervet.types import Problem, Sample, Sampler, Watcher

PATIENCE = 2
"""Rounds of nothing but failures, one request per lane each, after which sampling stops."""
WAITING_ROWS = 1024
"""Samples that may wait for a slower stage; they may be long."""
MOST_REASONS = 20
TRIES = 5
"""Workers that may be lost over one request."""
NOT_TRIED = "not tried: every request had failed for some time"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one call of `sample` did."""

    sampler_id: str
    wanted: int
    present: int
    """Of those wanted, recorded before."""
    drawn: int
    elsewhere: int
    """Drawn meanwhile by another process that fills the same run."""
    missing: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Why samples are missing: reason to number of samples."""
    prompt_tokens: int = 0
    """Billed once for each request, where the endpoint says what is shared."""
    completion_tokens: int = 0
    dollars: float | None = None
    """As the endpoint charged them; None where it does not say."""
    seconds: float = 0.0
    then: tuple[Any, ...] = ()
    """What each stage of `then` returned."""
    untried: int = 0
    """Of those missing, not asked for: every request had failed for some time."""

    def __repr__(self) -> str:
        others = f", {self.elsewhere:,} by another process" if self.elsewhere else ""
        there = f"{self.present:,} were there{others}"
        lines = [f"drew {self.drawn:,} of {self.wanted:,} samples ({there})"]
        if self.missing:
            lines.append(f"missing {self.missing:,}; the same command tries them again:")
            lines += [f"  {count:,} × {reason}" for reason, count in self.reasons.items()]
        return "\n".join(lines)


class Stage(Protocol):
    """Something that works on samples as soon as they are stored, such as a verifier's judging."""

    def prepare(self, coming: int, /) -> None:
        """Look at what is recorded; `coming` more samples may be drawn."""
        ...

    def run(self, fresh: Channel[Sample], /) -> Awaitable[Any]:
        """Work on what is recorded, and on `fresh` samples until they end."""
        ...


class Drawing:
    """One call of `sample`: what is wanted, and the accounts of what came."""

    def __init__(
        self,
        run: Run,
        problems: list[Problem],
        *,
        sampler: Sampler,
        n: int,
        engine: Engine,
        watch: Watcher,
    ) -> None:
        self.run = run
        self.sampler = sampler
        self.engine = engine
        self.lanes = getattr(sampler, "concurrency", None) or engine.concurrency
        run.append(problems)
        run.describe("samplers", sampler.id, sampler.describe())
        self.problems = {problem.id: problem for problem in problems}
        self.requests = Requests(run, self.problems, sampler, n, together=self.lanes)
        self.total = n * len(self.problems)
        self.missing = self.requests.missing
        self.meter = Meter("sample", watch, total=self.total, done=self.total - self.missing)
        self.reasons: Counter[str] = Counter()
        self.drawn = self.prompt_tokens = self.completion_tokens = 0
        self.dollars: float | None = 0.0
        self.events: list[dict[str, Any]] = []
        self.failures_in_row = 0
        self.channels: list[Channel[Sample]] = []

    async def draw(self, then: Sequence[Stage]) -> Drawn:
        """Draw, store, and feed the stages, all at once."""
        present = self.total - self.missing
        for stage in then:
            await asyncio.to_thread(stage.prepare, self.missing)
        self.channels = [Channel(WAITING_ROWS) for _ in then]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(_staged(stage, channel))
                    for stage, channel in zip(then, self.channels, strict=True)
                ]
                group.create_task(self._fill())
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            try:
                self.run.log(self.events)
            finally:
                await _close(self.sampler)
        elsewhere = self.requests.elsewhere
        missing = self.missing - self.drawn - elsewhere
        untried = max(missing - self.reasons.total(), 0)
        if untried:
            self.reasons[NOT_TRIED] += untried
        return Drawn(
            self.sampler.id, self.total, present, self.drawn, elsewhere, missing,
            dict(self.reasons.most_common(MOST_REASONS)),
            self.prompt_tokens, self.completion_tokens, self.dollars if self.drawn else None,
            self.meter.seconds, tuple(task.result() for task in tasks), untried,
        )  # fmt: skip

    async def _fill(self) -> None:
        self.meter.waits = waits.opened()
        async with self.engine.spread(Draws(self.sampler)) as draws:
            try:
                await fill(
                    self._take, Complete(draws), self._keep, self._ended,
                    engine=self.engine, concurrency=self.lanes,
                )  # fmt: skip
            finally:
                self.requests.release_all()
        for channel in self.channels:
            await channel.finish()
        self.meter.tell()

    async def _take(self) -> Request | None:
        tired = self.failures_in_row >= PATIENCE * self.lanes
        return None if tired else await self.requests.take()

    async def _keep(self, samples: list[Sample]) -> None:
        """Store samples, count them, and pass them on."""
        stored = self.requests.turn()
        events, self.events = self.events, []
        await asyncio.to_thread(self._store, samples, events)
        self.requests.release(stored)
        self._count(samples)
        for channel in self.channels:
            await channel.put(samples)

    def _store(self, samples: list[Sample], events: list[dict[str, Any]]) -> None:
        self.run.append(samples)
        self.run.log(events)
        if samples:
            self.run.tidy(Sample)

    def _count(self, samples: list[Sample]) -> None:
        tokens, dollars = 0, 0.0
        for row in samples:
            tokens += row.completion_tokens or 0
            self.prompt_tokens += (row.prompt_tokens or 0) - (row.shared_tokens or 0)
            if row.cost is None or self.dollars is None:
                self.dollars = None
            else:
                dollars += row.cost
                self.dollars += row.cost
        self.completion_tokens += tokens
        charged = dollars if samples and self.dollars is not None else None
        self.drawn += len(samples)
        done = self.total - self.missing + self.drawn + self.requests.elsewhere
        self.meter.add(done - self.meter.done, tokens=tokens, dollars=charged)

    def _ended(self, request: Request, error: VervetError | None) -> None:
        self.requests.ended(request)
        asked = len(request.indices)
        missing = error.missing if isinstance(error, IncompleteError) else asked
        self.failures_in_row = self.failures_in_row + 1 if error and missing == asked else 0
        if error is None:
            return
        if isinstance(error, IncompleteError) and error.hopeless:
            raise ConfigError(f"{_cause(error)}. Check the key, the model's name and the address.")
        self.reasons[_cause(error)] += missing
        self.meter.add(failed=missing)
        self.events.append(
            {
                "event": "request failed",
                "sampler_id": self.sampler.id,
                "problem_id": request.problem.id,
                "indices": list(request.indices),
                "missing": missing,
                "reason": str(error),
            }
        )


class IncompleteError(ModelError):
    """A request brought fewer samples than asked for."""

    def __init__(self, reason: str, missing: int, *, hopeless: bool = False) -> None:
        super().__init__(reason, missing)
        self.missing = missing
        self.hopeless = hopeless
        """Every other request would fail just so."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Draws:
    """Draws requests from a sampler, here or wherever it is sent."""

    sampler: Sampler

    async def __call__(self, request: Request) -> AsyncGenerator[Sample, None]:
        """Yield what the sampler yields; every error of its own is a ModelError."""
        with boundary(ModelError, self.sampler.id):
            async with _closing(self.sampler.draw(request.problem, request.indices)) as rows:
                async for row in rows:
                    yield row

    async def aclose(self) -> None:
        """Close the sampler's connections."""
        await _close(self.sampler)


@dataclass(frozen=True, slots=True)
class Complete:
    """Draws requests so that what it yields was asked for, and once."""

    draws: Worker[Request, Sample]

    async def __call__(self, request: Request) -> AsyncGenerator[Sample, None]:
        """Yield the samples of `request`; raise IncompleteError where some did not come."""
        left = set(request.indices)
        reason, hopeless = "the endpoint returned fewer samples than asked for", False
        for _ in range(TRIES):
            try:
                rest = replace(request, indices=tuple(sorted(left)))
                async with aclosing(self.draws(rest)) as rows:
                    async for row in rows:
                        if row.index in left:
                            left.remove(row.index)
                            yield row
            except WorkerLostError as error:
                reason = str(error)
                continue
            except ModelError as error:
                reason, hopeless = str(error), isinstance(error, AccessError)
            break
        if left:
            raise IncompleteError(reason, len(left), hopeless=hopeless)


async def _staged(stage: Stage, channel: Channel[Sample]) -> Any:  # noqa: ANN401 - the stage says
    try:
        return await stage.run(channel)
    finally:
        channel.abandon()


@asynccontextmanager
async def _closing(rows: AsyncIterator[Sample]) -> AsyncIterator[AsyncIterator[Sample]]:
    """Close an iterator that was left early, so that its requests end."""
    try:
        yield rows
    finally:
        await _close(rows)


async def _close(part: object) -> None:
    close = getattr(part, "aclose", None)
    if close is not None:
        await close()


def _cause(error: VervetError) -> str:
    """Return the part of a message that many failures share: without counts and problem."""
    return str(error).rpartition(" are missing: ")[2]
