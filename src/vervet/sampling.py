"""Fill the samples of a run: wanted keys minus recorded keys, drawn and stored as they come."""

import asyncio
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vervet.engines import Channel, Engine, Local, Meter, bridge, fill
from vervet.errors import ConfigError, ModelError, VervetError, boundary
from vervet.store import Run
from vervet.types import Problem, Sample, Sampler, Watcher, silent

REQUEST_SAMPLES = 32
"""Samples asked for at once, of a sampler that has no `batch` of its own."""
PATIENCE = 2
"""Rounds of nothing but failures, one request per lane each, after which sampling stops."""
NOT_TRIED = "not tried: every request had failed for some time"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one call of `sample` did."""

    sampler_id: str
    wanted: int
    present: int
    """Of those wanted, recorded before."""
    drawn: int
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

    def __str__(self) -> str:
        lines = [f"drew {self.drawn:,} of {self.wanted:,} samples ({self.present:,} were there)"]
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


@dataclass(frozen=True, slots=True)
class Request:
    """Some samples of one problem, asked for at once."""

    problem: Problem
    indices: tuple[int, ...]


def sample(
    run: Run,
    problems: Iterable[Problem],
    sampler: Sampler,
    *,
    n: int,
    then: Sequence[Stage] = (),
    engine: Engine | None = None,
    watch: Watcher = silent,
) -> Drawn:
    """Draw what is missing of samples 0…n−1 of every problem, and store it as it comes.

    Samples go to the stages of `then` as soon as they are durable. An interrupt keeps everything
    that finished; the same call draws the rest. Two processes may fill one run.

    Raises:
        ConfigError: n < 1, or a problem is recorded with other content; nothing was drawn.
        StoreError: a batch could not be stored; all before it is.
    """
    if n < 1:
        raise ConfigError(f"n = {n} samples of each problem cannot be drawn; it must be at least 1")
    drawing = Drawing(run, list(problems), sampler, n, watch)
    return bridge.run(drawing.draw(engine or Local(), then))


class Drawing:
    """One call of `sample`: what is wanted, and the accounts of what came."""

    def __init__(
        self, run: Run, problems: list[Problem], sampler: Sampler, n: int, watch: Watcher
    ) -> None:
        self.run = run
        self.sampler = sampler
        run.append(problems)
        run.describe("samplers", sampler.id, sampler.describe())
        self.problems = {problem.id: problem for problem in problems}
        recorded = {
            problem_id: indices
            for (problem_id, _), indices in run.keys(Sample, {"sampler_id": sampler.id}).items()
        }
        everything = np.arange(n, dtype=np.int32)
        self.wanted = {
            name: np.setdiff1d(everything, recorded[name], assume_unique=True)
            if name in recorded
            else everything
            for name in self.problems
        }
        self.total = n * len(self.problems)
        self.missing = sum(map(len, self.wanted.values()))
        self.meter = Meter("sample", watch, total=self.total, done=self.total - self.missing)
        self.reasons: Counter[str] = Counter()
        self.prompt_tokens = self.completion_tokens = 0
        self.dollars: float | None = 0.0
        self.events: list[dict[str, Any]] = []
        self.failures_in_row = 0
        self.channels: list[Channel[Sample]] = []

    async def draw(self, engine: Engine, then: Sequence[Stage]) -> Drawn:
        """Draw, store, and feed the stages, all at once."""
        present = self.meter.done
        for stage in then:
            await asyncio.to_thread(stage.prepare, self.missing)
        self.channels = [Channel(engine.batch_rows) for _ in then]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(_staged(stage, channel))
                    for stage, channel in zip(then, self.channels, strict=True)
                ]
                group.create_task(self._fill(engine))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            self.run.log(self.events)
            await _close(self.sampler)
        drawn = self.meter.done - present
        missing = self.missing - drawn
        unasked = missing - self.reasons.total()
        if unasked > 0:
            self.reasons[NOT_TRIED] += unasked
        return Drawn(
            self.sampler.id, self.total, present, drawn, missing, dict(self.reasons.most_common()),
            self.prompt_tokens, self.completion_tokens, self.dollars if drawn else None,
            self.meter.seconds, tuple(task.result() for task in tasks),
        )  # fmt: skip

    async def _fill(self, engine: Engine) -> None:
        lanes = getattr(self.sampler, "concurrency", None) or engine.concurrency
        size = getattr(self.sampler, "batch", None) or REQUEST_SAMPLES
        requests = requests_for(self.problems, self.wanted, size)

        async def take() -> Request | None:
            return next(requests, None) if self.failures_in_row < PATIENCE * lanes else None

        worker = Worker(self.sampler)
        await fill(take, worker, self._keep, self._ended, engine=engine, concurrency=lanes)
        for channel in self.channels:
            await channel.finish()
        self.meter.tell()

    async def _keep(self, samples: list[Sample]) -> None:
        """Store samples, count them, and pass them on."""
        await asyncio.to_thread(self._store, samples)
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
        charged = None if self.dollars is None else dollars
        self.meter.add(len(samples), tokens=tokens, dollars=charged)
        for channel in self.channels:
            await channel.put(samples)

    def _store(self, samples: list[Sample]) -> None:
        self.run.append(samples)
        self.run.tidy(Sample)

    def _ended(self, request: Request, error: VervetError | None) -> None:
        asked = len(request.indices)
        missing = error.missing if isinstance(error, IncompleteError) else asked
        self.failures_in_row = self.failures_in_row + 1 if error and missing == asked else 0
        if error is None:
            return
        self.reasons[str(error)] += missing
        self.meter.add(failed=missing)
        self.events.append(
            {
                "event": "request failed",
                "sampler_id": self.sampler.id,
                "problem_id": request.problem.id,
                "missing": missing,
                "reason": str(error),
            }
        )


class IncompleteError(ModelError):
    """A request brought fewer samples than asked for."""

    def __init__(self, reason: str, missing: int) -> None:
        super().__init__(reason, missing)
        self.missing = missing

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Worker:
    """Draws one request from a sampler; what it yields was asked for, and once."""

    sampler: Sampler

    async def __call__(self, request: Request) -> AsyncGenerator[Sample, None]:
        """Yield the samples of `request`; raise IncompleteError where some did not come."""
        left = set(request.indices)
        reason = "the endpoint returned fewer samples than asked for"
        try:
            with boundary(ModelError, self.sampler.id):
                async with _closing(self.sampler.draw(request.problem, request.indices)) as rows:
                    async for row in rows:
                        if row.index in left:
                            left.remove(row.index)
                            yield row
        except ModelError as error:
            reason = str(error)
        if left:
            raise IncompleteError(reason, len(left))


def requests_for(
    problems: Mapping[str, Problem], wanted: Mapping[str, NDArray[np.int32]], size: int
) -> Iterator[Request]:
    """Yield requests of at most `size` samples, one for each problem in turn.

    So an interrupted run has about equally many samples of every problem.
    """
    longest = max(map(len, wanted.values()), default=0)
    for start in range(0, longest, size):
        for name, indices in wanted.items():
            if start < len(indices):
                chunk = indices[start : start + size].tolist()
                yield Request(problems[name], tuple(chunk))


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
