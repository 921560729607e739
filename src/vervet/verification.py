"""Fill the verdicts of a run: judge what is not judged, or where judging failed."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from vervet import waits
from vervet.engines import Channel, Engine, Local, Meter, Worker, WorkerLostError, bridge, fill
from vervet.errors import AccessError, ConfigError, StoreError, VervetError
from vervet.store import Run
from vervet.store.columns import grouped
from vervet.types import Outcome, Problem, Sample, Verdict, Verifier, Watcher, silent

VERDICT_GROUP = ("problem_id", "sampler_id", "trial")
VERDICT_KEY = (*VERDICT_GROUP, "index")
PATIENCE = 2
"""Rounds of nothing but failures of an endpoint, one request per lane each, after which we stop."""
TRIES = 5
"""Workers that may be lost over one judgement."""
NONE = np.empty(0, dtype=np.int32)
WHOLE = range(1)
"""What is claimed of a verifier's work on a run: all of what is recorded."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What one call of `verify` did."""

    verifier_id: str
    wanted: int
    """Verdicts that should be there: samples × trials."""
    present: int
    """Of those, recorded before and not errors."""
    accepted: int
    rejected: int
    errors: int
    """Verdicts that say nothing about the sample; the next call tries them again."""
    retried: int
    """Errors recorded before, now tried again."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Why judging failed: detail to number of verdicts."""
    seconds: float = 0.0
    elsewhere: int = 0
    """Recorded before and left to another process, which judges the run with this verifier."""
    untried: int = 0
    """Left when nothing but failures had come back for some time."""

    def __repr__(self) -> str:
        made = self.accepted + self.rejected
        first = f"judged {made:,} of {self.wanted:,} ({self.present:,} were there)"
        lines = [f"{first}: {self.accepted:,} accepted, {self.rejected:,} rejected"]
        if self.elsewhere:
            lines.append(f"left {self.elsewhere:,} to another process that judges them now")
        if self.errors:
            lines.append(f"failed to judge {self.errors:,}; the same command tries them again:")
            lines += [f"  {count:,} × {reason}" for reason, count in self.reasons.items()]
        if self.untried:
            lines.append(f"left {self.untried:,} untried: the endpoint had failed all the time")
        return "\n".join(lines)


class Item(NamedTuple):
    """One judgement to make."""

    sample: Sample
    trial: int


def verify(
    run: Run,
    verifier: Verifier,
    *,
    trials: int = 1,
    samplers: Collection[str] | None = None,
    engine: Engine | None = None,
    watch: Watcher = silent,
) -> Judged:
    """Judge every sample that has no verdict of `verifier`, or only an error; store as they come.

    `samplers` limits it to samples of these ids. An interrupt keeps everything that finished. An
    endpoint that fails twice as often in a row as it is asked at once is given up.

    Raises:
        ConfigError: trials < 1, another process judges this run with this verifier now, or the
            endpoint of a judge refuses the key or the model.
        StoreError: a batch could not be stored; all before it is.
    """
    judging = Judging(run, verifier, trials=trials, samplers=samplers, engine=engine, watch=watch)
    judging.prepare(0)
    if not judging.ours:
        raise ConfigError(
            f"another process judges {run.url} with {verifier.id} now. Let it end, or end it: what "
            "it leaves is judged by the same command."
        )
    return bridge.run(judging.run(None))


class Judging:
    """One verifier at work on a run: a stage for `sample`, or by itself behind `verify`.

    What is recorded is judged by the first process that comes, which claims it as long as it lives;
    fresh samples are judged by the process that drew them. So no sample is judged twice.
    """

    def __init__(
        self,
        run: Run,
        verifier: Verifier,
        *,
        trials: int = 1,
        samplers: Collection[str] | None = None,
        engine: Engine | None = None,
        watch: Watcher = silent,
    ) -> None:
        if trials < 1:
            raise ConfigError(f"trials = {trials}; a sample is judged at least once")
        self.store = run
        self.verifier = verifier
        self.trials = trials
        self.samplers = None if samplers is None else list(samplers)
        self.engine = engine or Local()
        self.watch = watch
        self.outcomes: Counter[Outcome] = Counter()
        self.reasons: Counter[str] = Counter()
        self.errors_in_row = 0
        self.tired = False
        """Whether the endpoint is given up."""
        self.ours = False
        """Whether what is recorded is for this process to judge."""
        self._scope = f"verify {verifier.id} {self.samplers or 'all'}"

    def prepare(self, coming: int, /) -> None:
        """Look at what is recorded; `coming` more samples may be drawn."""
        self.ours = self.store.claim(self._scope, WHOLE)
        try:
            self._look(coming)
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        if self.ours:
            self.store.release(self._scope, WHOLE)

    def _look(self, coming: int) -> None:
        describe = getattr(self.verifier, "describe", dict)
        self.store.describe("verifiers", self.verifier.id, describe())
        self.problems = {problem.id: problem for problem in self.store.problems()}
        self.backlog = Backlog(self.store, self.verifier.id, self.trials, self.samplers)
        self._introduce()
        present = self.backlog.present
        recorded = self.backlog.left if self.ours else 0
        total = present + recorded + coming * self.trials
        self.meter = Meter(
            f"verify {self.verifier.id.partition('@')[0]}", self.watch, total=total, done=present
        )

    def _introduce(self) -> None:
        """Show a verifier that compares samples the first of each problem: its rivals."""
        meet = getattr(self.verifier, "meet", None)
        if meet is not None:
            rivals = {"index": list(range(self.trials + 1))}
            for samples in self.store.read(Sample, rivals):
                meet(samples)

    async def run(self, fresh: Channel[Sample] | None, /) -> Judged:
        """Judge what is recorded, and `fresh` samples until they end."""
        self.meter.waits = waits.opened()
        lanes = getattr(self.verifier, "concurrency", None) or self.engine.concurrency
        supply = Supply(self.backlog if self.ours else None, fresh, self.trials)
        judges = Judges(self.verifier, self.problems)

        async def take() -> Item | None:
            self.tired = self.tired or self._in_vain() >= PATIENCE * lanes
            return None if self.tired else await supply.take()

        try:
            async with self.engine.spread(judges) as spread:
                await fill(
                    take, self._counting(Complete(spread, judges)), self._keep, _ended,
                    engine=self.engine, concurrency=lanes,
                )  # fmt: skip
        finally:
            self._release()
            self.meter.tell()
            await judges.aclose()
        return self._judged()

    def _counting(self, complete: "Complete") -> Worker[Item, Verdict]:
        """Count the errors in a row while judgements are made."""

        async def worker(item: Item) -> AsyncGenerator[Verdict, None]:
            async with aclosing(complete(item)) as verdicts:
                async for verdict in verdicts:
                    failed = verdict.outcome is Outcome.ERROR
                    self.errors_in_row = self.errors_in_row + 1 if failed else 0
                    yield verdict

        return worker

    def _in_vain(self) -> int:
        """Return how many requests to one address, and judgements, failed in a row."""
        return min(self.errors_in_row, max(self.meter.waits.failures.values(), default=0))

    async def _keep(self, verdicts: list[Verdict]) -> None:
        if not verdicts:
            self.meter.add()
            return
        await asyncio.to_thread(self._store, verdicts)
        outcomes = Counter(verdict.outcome for verdict in verdicts)
        self.outcomes += outcomes
        self.reasons.update(v.detail for v in verdicts if v.outcome is Outcome.ERROR)
        tokens = sum(verdict.completion_tokens or 0 for verdict in verdicts)
        errors = outcomes[Outcome.ERROR]
        self.meter.add(len(verdicts) - errors, failed=errors, tokens=tokens)

    def _store(self, verdicts: list[Verdict]) -> None:
        self.store.append(verdicts)
        self.store.tidy(Verdict)

    def _judged(self) -> Judged:
        accepted, rejected = self.outcomes[Outcome.ACCEPT], self.outcomes[Outcome.REJECT]
        errors = self.outcomes[Outcome.ERROR]
        present = self.backlog.present
        made = accepted + rejected + errors
        untried = max(self.meter.total - present - made, 0) if self.tired else 0
        return Judged(
            self.verifier.id, present + made + untried, present, accepted, rejected,
            errors, self.backlog.retried if self.ours else 0, dict(self.reasons.most_common(20)),
            self.meter.seconds, 0 if self.ours else self.backlog.left, untried,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judges:
    """Makes judgements with a verifier, here or wherever it is sent."""

    verifier: Verifier
    problems: Mapping[str, Problem]

    async def __call__(self, item: Item) -> AsyncGenerator[Verdict, None]:
        """Yield one verdict; what goes wrong is an ERROR, but for wrong settings."""
        sample, trial = item
        problem = self.problems.get(sample.problem_id)
        if problem is None:
            yield self.error(item, "the run has no problem of this name")
            return
        try:
            verdict = await self.verifier.verify(problem, sample, trial)
        except (ConfigError, StoreError):
            raise
        except AccessError as error:
            raise ConfigError(
                f"{error}. Check the key, the model's name and the address."
            ) from error
        except VervetError as error:
            yield self.error(item, str(error))
        except Exception as error:  # noqa: BLE001 - a verifier's crash is its verdict: ERROR
            yield self.error(item, f"{self.verifier.id}: {type(error).__name__}: {error}")
        else:
            if _key(verdict) == (*_key(sample), self.verifier.id, trial):
                yield verdict
            else:
                yield self.error(item, f"{self.verifier.id} answered about something else")

    def error(self, item: Item, detail: str) -> Verdict:
        """Return the verdict that says nothing about the sample, but why."""
        sample, trial = item
        return Verdict(
            sample.problem_id, sample.sampler_id, sample.index, self.verifier.id, trial,
            Outcome.ERROR, detail=" ".join(detail.split()),
        )  # fmt: skip

    async def aclose(self) -> None:
        """Close what the verifier holds."""
        close = getattr(self.verifier, "aclose", None)
        if close is not None:
            await close()


@dataclass(frozen=True, slots=True)
class Complete:
    """Makes every judgement, even where workers are lost."""

    spread: Worker[Item, Verdict]
    judges: Judges

    async def __call__(self, item: Item) -> AsyncGenerator[Verdict, None]:
        """Yield one verdict."""
        reason = ""
        for _ in range(TRIES):
            try:
                async for verdict in self.spread(item):
                    yield verdict
            except WorkerLostError as error:
                reason = str(error)
            else:
                return
        yield self.judges.error(item, reason)


class Backlog:
    """The judgements that recorded samples lack, as flags; texts are read while they are judged."""

    def __init__(self, run: Run, verifier_id: str, trials: int, samplers: list[str] | None) -> None:
        self._run = run
        self._where = {} if samplers is None else {"sampler_id": samplers}
        mine = {**self._where, "verifier_id": verifier_id}
        recorded = run.scan(Verdict, (*VERDICT_KEY, "outcome"), mine)
        error = recorded["outcome"] == recorded.categories["outcome"].index(Outcome.ERROR)
        judged = dict(grouped(recorded.keep(~error), VERDICT_GROUP, "index"))
        failed = dict(grouped(recorded.keep(error), VERDICT_GROUP, "index"))
        self.left = self.present = self.retried = 0
        self._flags: dict[tuple[str, str, int], bytearray] = {}
        for (problem_id, sampler_id), indices in run.keys(Sample, self._where).items():
            for trial in range(trials):
                key = (problem_id, sampler_id, trial)
                wanted = np.setdiff1d(indices, judged.get(key, NONE), assume_unique=True)
                self.present += len(indices) - len(wanted)
                self.retried += len(np.intersect1d(wanted, failed.get(key, NONE)))
                if len(wanted):
                    flags = np.zeros(int(wanted[-1]) + 1, dtype=np.uint8)
                    flags[wanted] = 1
                    self._flags[key] = bytearray(flags.tobytes())
                    self.left += len(wanted)
        self._trials = trials

    def batches(self) -> Iterator[list[Item]]:
        """Yield the judgements to make, some thousands at a time."""
        problems = {problem_id for problem_id, _, _ in self._flags}
        if not problems:
            return
        for samples in self._run.read(Sample, {**self._where, "problem_id": sorted(problems)}):
            yield [
                Item(sample, trial)
                for sample in samples
                for trial in range(self._trials)
                if self._lacks(sample, trial)
            ]

    def _lacks(self, sample: Sample, trial: int) -> bool:
        flags = self._flags.get((sample.problem_id, sample.sampler_id, trial), b"")
        return sample.index < len(flags) and bool(flags[sample.index])


class Supply:
    """Gives judgements to make: fresh samples first, else the backlog, else waits for fresh."""

    def __init__(self, backlog: Backlog | None, fresh: Channel[Sample] | None, trials: int) -> None:
        self._batches: Iterator[list[Item]] | None = backlog.batches() if backlog else None
        self._fresh = fresh
        self._trials = range(trials)
        self._ready: deque[Item] = deque()
        self._reading = asyncio.Lock()

    async def take(self) -> Item | None:
        """Return the next judgement to make; None when all are made."""
        while not self._ready:
            if self._fresh is not None and self._fresh.waiting():
                if not await self._take_fresh():
                    self._fresh = None
            elif self._batches is not None:
                await self._read_on()
            elif self._fresh is None or not await self._take_fresh():
                return None
        return self._ready.popleft()

    async def _take_fresh(self) -> bool:
        assert self._fresh is not None
        sample = await self._fresh.take()
        if sample is not None:
            self._ready.extend(Item(sample, trial) for trial in self._trials)
        return sample is not None

    async def _read_on(self) -> None:
        async with self._reading:
            if self._ready or self._batches is None:
                return
            batch = await asyncio.to_thread(next, self._batches, None)
            if batch is None:
                self._batches = None
            else:
                self._ready.extend(batch)


def _key(row: Sample | Verdict) -> tuple[str | int, ...]:
    names = row.problem_id, row.sampler_id, row.index
    return names if isinstance(row, Sample) else (*names, row.verifier_id, row.trial)


def _ended(_: Item, error: VervetError | None) -> None:
    if error is not None:
        raise error
