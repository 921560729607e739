"""Solving: drive a policy against live models and verifiers, recording to the same tables.

Samples are numbered by problem and model in the order in which the policy asks for them, so the
recorded run, replayed, gives the identical selections, whatever arrived when.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from vervet import waits
from vervet.engines import Engine, Local, Meter, bridge, fill
from vervet.errors import ConfigError, VervetError
from vervet.policies.flow import Policy, billed, name_of, selection
from vervet.policies.index import Index
from vervet.selection.claiming import Claimed, Work
from vervet.selection.driving import Drive, Parts, Row, place
from vervet.selection.meaning import Meaning, refuse_another, remember, turn_settings
from vervet.selection.rounds import Rounds, Turn
from vervet.selection.selecting import Selected, selections, summary
from vervet.store import Run
from vervet.types import (
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
NOBODY: Mapping[str, Verifier] = {}


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

    def __repr__(self) -> str:
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
    samplers: Sampler | Mapping[str, Sampler],
    verifiers: Verifier | Mapping[str, Verifier] = NOBODY,
    *,
    engine: Engine | None = None,
    watch: Watcher = silent,
) -> Solved:
    """Drive `policy` on every problem that has no selection yet, many at once.

    Args:
        run: what is recorded there is used before anything is drawn or judged again.
        problems: the problems.
        policy: what to draw, verify and return.
        samplers: by the names the policy draws from, the first where it names none; or just one.
        verifiers: by the names the policy uses; or just one, by its own name.
        engine: how many problems at once, and how many samples ahead (`Local(ahead=4)`).
        watch: is told about progress.

    Raises:
        ConfigError: the policy names a model or a verifier that is not there.
        StoreError: a batch could not be stored; all before it is.
    """
    drawing = samplers if isinstance(samplers, Mapping) else {"": samplers}
    judging = verifiers
    if not isinstance(judging, Mapping):
        judging = {judging.id.partition("@")[0]: judging}
    return bridge.run(_Solving(run, policy, drawing, judging).solve(list(problems), engine, watch))


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
        self.policy_id = name_of(policy)
        self.samplers = dict(samplers)
        self.verifiers = dict(verifiers)
        self.failures: Counter[str] = Counter()
        self.described: set[str] = set()
        models = {name: sampler.id for name, sampler in self.samplers.items()}
        self.meaning = Meaning(
            {"": next(iter(models.values()), ""), **models},
            {name: verifier.id for name, verifier in self.verifiers.items()},
        )

    async def solve(self, problems: list[Problem], engine: Engine | None, watch: Watcher) -> Solved:
        """Describe who takes part, then fill the selections."""
        self.ahead = int(getattr(engine, "ahead", 0))
        self.run.append(problems)
        problems = list({problem.id: problem for problem in problems}.values())
        for sampler in self.samplers.values():
            self.run.describe("samplers", sampler.id, sampler.describe())
        for verifier in self.verifiers.values():
            self.run.describe("verifiers", verifier.id, getattr(verifier, "describe", dict)())
        done = {row.problem_id for row in self._begin()}
        left = [problem for problem in problems if problem.id not in done]
        self.meter = Meter("solve", watch, total=len(problems), done=len(problems) - len(left))
        self.meter.waits = waits.opened()
        try:
            await self._fill(problems, left, engine or Local())
        finally:
            self.meter.tell()
            for part in (*self.samplers.values(), *self.verifiers.values()):
                if close := getattr(part, "aclose", None):
                    await close()
        rows = selections(self.run, self.policy)
        selected = summary(self.policy_id, rows) if rows else None
        return Solved(
            selected, len(problems) - len(left), self.failures.total(),
            dict(self.failures.most_common()), **self.spent,
        )  # fmt: skip

    def _begin(self) -> list[Selection]:
        """Record what the policy's names mean; return its selections so far."""
        solved = selections(self.run, self.policy)
        refuse_another(self.run, self.policy_id, self.meaning, solved)
        if not isinstance(self.policy, Index):
            remember(self.run, self.policy_id, self.meaning)
        return solved

    async def _fill(self, problems: list[Problem], left: list[Problem], engine: Engine) -> None:
        samplers = [sampler.id for sampler in self.samplers.values()]
        if isinstance(self.policy, Index):
            # the order of the problems settles ties, here and in a replay
            problems = sorted(problems if left else [], key=lambda problem: problem.id)
            self.claimed = Claimed(self.run, problems, samplers)
        else:
            self.claimed = Claimed(self.run, left, samplers)
        try:
            if isinstance(self.policy, Index):
                await self._together(self.policy, await self.claimed.all(), engine)
            else:
                await fill(self.claimed.take, self._work, self._keep, self._ended, engine=engine)
        finally:
            self.claimed.release_all()

    async def _together(self, policy: Index, works: list[Work], engine: Engine) -> None:
        """Let the problems share one budget. Where one fails, nothing is selected in this call."""
        if not works:
            return
        parts = Parts(self.samplers, self.verifiers)
        drives = [Drive(policy, problem, parts, known) for problem, known in works]
        rounds = Rounds(policy, drives)

        def ended(turn: Turn, error: VervetError | None) -> None:
            rounds.ended(failed=error is not None)
            if error is not None:
                self._ended(works[turn[0]], error)

        await fill(rounds.take, rounds.work, self._keep, ended, engine=engine)
        if rounds.choices is not None:
            shared = tuple(problem.id for problem, _ in works)
            remember(self.run, self.policy_id, replace(self.meaning, problems=shared))
            chosen = zip(drives, rounds.choices, strict=True)
            await self._keep([selection(policy, d.problem, d.pool, c) for d, c in chosen])

    async def _keep(self, rows: list[Row]) -> None:
        await asyncio.to_thread(self._store, rows)
        self.claimed.release(row.problem_id for row in rows if isinstance(row, Selection))
        self.meter.add(
            sum(isinstance(row, Selection) for row in rows),
            tokens=sum(row.completion_tokens or 0 for row in rows if isinstance(row, Sample)),
        )

    def _store(self, rows: list[Row]) -> None:
        for name in {row.sampler_id for row in rows if isinstance(row, Sample)} - self.described:
            self.described.add(name)
            if settings := turn_settings(name, self.samplers.values()):
                self.run.describe("samplers", name, settings)
        for table in TABLES:
            self.run.append([row for row in rows if isinstance(row, table)])
            self.run.tidy(table)

    def _ended(self, work: Work, error: VervetError | None) -> None:
        if isinstance(error, ConfigError):
            raise error
        if error is not None:
            self.failures[str(error)] += 1
            self.meter.add(failed=1)
            self.run.log(
                [{"event": "solve failed", "problem_id": work[0].id, "reason": str(error)}]
            )

    async def _work(self, work: Work) -> AsyncGenerator[Row, None]:
        """Drive the policy on one problem and yield every new row."""
        problem, known = work
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
            tokens = sum(billed(sample) for sample in spare)
            counts = {"unused": len(spare), "unused_tokens": tokens, "cancelled": drive.cancelled}
            self.spent.update(counts)
