"""Solving: drive a policy against live models and verifiers, recording to the same tables.

Samples are numbered by problem and model in the order in which the policy asks for them, so the
recorded run, replayed, gives the identical selections, whatever arrived when.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from vervet.engines import Engine, Local, Meter, bridge, fill
from vervet.errors import ConfigError, VervetError
from vervet.policies.flow import Policy, name_of, selection
from vervet.policies.index import Index
from vervet.selection.driving import Drive, Known, Parts, Row, place
from vervet.selection.rounds import Rounds, Turn
from vervet.selection.selecting import Selected, summary
from vervet.store import Run
from vervet.types import (
    Outcome,
    Problem,
    Sample,
    Sampler,
    Selection,
    Verdict,
    Verifier,
    Watcher,
    silent,
)

TABLES: tuple[type[Row], ...] = (Sample, Verdict, Selection)
"""The order in which rows are stored: a selection is never there without what it rests on."""


@dataclass(frozen=True, slots=True)
class Solved:
    """What one call of `solve` did."""

    selected: Selected | None
    """The selections of all problems that have one, those of earlier calls included."""
    present: int
    """Problems that had a selection before."""
    failed: int
    """Problems without a selection; the next call tries them again."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    unused: int = 0
    """Samples drawn ahead that no policy used: recorded, and paid for by nobody's selection."""
    unused_tokens: int = 0
    cancelled: int = 0
    """Samples drawn ahead and cancelled on their way; the endpoint may bill what it had begun."""

    def __str__(self) -> str:
        lines = [str(self.selected)] if self.selected else []
        if self.present:
            lines.append(f"{self.present:,} problems were solved before")
        if self.failed:
            lines.append(f"{self.failed:,} problems failed; the same command tries them again:")
            lines += [f"  {count:,} × {reason}" for reason, count in self.reasons.items()]
        if self.unused or self.cancelled:
            lines.append(
                f"drawn ahead and not used: {self.unused:,} samples, {self.unused_tokens:,} "
                f"tokens; {self.cancelled:,} cancelled"
            )
        return "\n".join(lines)


def solve(
    run: Run,
    problems: Iterable[Problem],
    policy: Policy,
    samplers: Mapping[str, Sampler],
    verifiers: Mapping[str, Verifier],
    *,
    engine: Engine | None = None,
    watch: Watcher = silent,
) -> Solved:
    """Drive `policy` on every problem that has no selection yet, many at once.

    Args:
        run: what is recorded there is used before anything is drawn or judged again.
        problems: the problems.
        policy: what to draw, verify and return.
        samplers: by the names the policy draws from; the first where it names none.
        verifiers: by the names the policy uses.
        engine: how many problems at once, and how many samples ahead (`Local(ahead=4)`).
        watch: is told about progress.

    Raises:
        ConfigError: the policy names a model or a verifier that is not there.
        StoreError: a batch could not be stored; all before it is.
    """
    return bridge.run(
        _Solving(run, policy, samplers, verifiers).solve(list(problems), engine, watch)
    )


class _Solving:
    """One call of `solve`."""

    def __init__(
        self,
        run: Run,
        policy: Policy,
        samplers: Mapping[str, Sampler],
        verifiers: Mapping[str, Verifier],
    ) -> None:
        self.ahead = 0
        self.spent: Counter[str] = Counter()
        self.run = run
        self.policy = policy
        self.samplers = dict(samplers)
        self.verifiers = dict(verifiers)
        self.failures: Counter[str] = Counter()
        self.described: set[str] = set()

    async def solve(self, problems: list[Problem], engine: Engine | None, watch: Watcher) -> Solved:
        """Describe who takes part, then fill the selections."""
        self.ahead = int(getattr(engine, "ahead", 0))
        self.run.append(problems)
        for sampler in self.samplers.values():
            self.run.describe("samplers", sampler.id, sampler.describe())
        for verifier in self.verifiers.values():
            self.run.describe("verifiers", verifier.id, getattr(verifier, "describe", dict)())
        done = {row.problem_id for row in self._selections()}
        left = iter([problem for problem in problems if problem.id not in done])
        self.meter = Meter("solve", watch, total=len(problems), done=len(done))

        async def take() -> Problem | None:
            return next(left, None)

        try:
            if isinstance(self.policy, Index):
                if len(done) < len(problems):
                    await self._together(self.policy, problems, engine or Local())
            else:
                await fill(take, self._work, self._keep, self._ended, engine=engine or Local())
        finally:
            self.meter.tell()
            for part in (*self.samplers.values(), *self.verifiers.values()):
                if close := getattr(part, "aclose", None):
                    await close()
        rows = self._selections()
        selected = summary(name_of(self.policy), rows) if rows else None
        return Solved(
            selected, len(done), self.failures.total(), dict(self.failures.most_common()),
            **self.spent,
        )  # fmt: skip

    def _selections(self) -> list[Selection]:
        where = {"policy_id": name_of(self.policy)}
        return [row for rows in self.run.read(Selection, where) for row in rows]

    async def _together(self, policy: Index, problems: list[Problem], engine: Engine) -> None:
        """Let the problems share one budget. Where one fails, nothing is selected in this call."""
        parts = Parts(self.samplers, self.verifiers)
        known = [await asyncio.to_thread(recorded, self.run, problem) for problem in problems]
        drives = [Drive(policy, p, parts, k) for p, k in zip(problems, known, strict=True)]
        rounds = Rounds(policy, drives)

        def ended(turn: Turn, error: VervetError | None) -> None:
            rounds.ended(failed=error is not None)
            if error is not None:
                self._ended(problems[turn[0]], error)

        await fill(rounds.take, rounds.work, self._keep, ended, engine=engine)
        if rounds.choices is not None:
            chosen = zip(drives, rounds.choices, strict=True)
            await self._keep([selection(policy, d.problem, d.pool, c) for d, c in chosen])

    async def _keep(self, rows: list[Row]) -> None:
        await asyncio.to_thread(self._store, rows)
        self.meter.add(
            sum(isinstance(row, Selection) for row in rows),
            tokens=sum(row.completion_tokens or 0 for row in rows if isinstance(row, Sample)),
        )

    def _store(self, rows: list[Row]) -> None:
        for name in {row.sampler_id for row in rows if isinstance(row, Sample)} - self.described:
            self.described.add(name)
            self._describe_turn(name)
        for table in TABLES:
            self.run.append([row for row in rows if isinstance(row, table)])

    def _describe_turn(self, name: str) -> None:
        """Record what a later turn is of: the model's settings, the verifier and the turn."""
        for sampler in self.samplers.values():
            base, plus, turn = name.partition(f"{sampler.id}+")
            if plus and not base:
                settings = dict(sampler.describe())
                model = f"{settings.get('model', sampler.id)}+{turn}"
                self.run.describe(
                    "samplers", name, {**settings, "model": model, "revises": sampler.id}
                )

    def _ended(self, problem: Problem, error: VervetError | None) -> None:
        if isinstance(error, ConfigError):
            raise error
        if error is not None:
            self.failures[str(error)] += 1
            self.meter.add(failed=1)
            self.run.log(
                [{"event": "solve failed", "problem_id": problem.id, "reason": str(error)}]
            )

    async def _work(self, problem: Problem) -> AsyncGenerator[Row, None]:
        """Drive the policy on one problem and yield every new row."""
        known = await asyncio.to_thread(recorded, self.run, problem)
        parts, fresh = Parts(self.samplers, self.verifiers), []
        drive = Drive(self.policy, problem, parts, known, ahead=self.ahead)
        try:
            async with aclosing(drive.rows()) as rows:
                async for row in rows:
                    fresh += [row] if isinstance(row, Sample) else []
                    yield row
        finally:
            used = {place(sample) for sample in drive.pool.samples}
            spare = [sample for sample in fresh if place(sample) not in used]
            tokens = sum(sample.completion_tokens or 0 for sample in spare)
            counts = {"unused": len(spare), "unused_tokens": tokens, "cancelled": drive.cancelled}
            self.spent.update(counts)


def recorded(run: Run, problem: Problem) -> Known:
    """Return what a run has of a problem; verdicts that are errors are asked for again."""
    where = {"problem_id": problem.id}
    samples = [row for rows in run.read(Sample, where) for row in rows]
    verdicts = [row for rows in run.read(Verdict, where) for row in rows]
    return Known(
        {place(row): row for row in samples},
        {
            (*place(row), row.verifier_id, row.trial): row
            for row in verdicts
            if row.outcome is not Outcome.ERROR
        },
    )
