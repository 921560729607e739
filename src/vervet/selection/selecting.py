"""Selection: run a policy over a recorded run, and record what it would have returned."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vervet.errors import ConfigError, NotRecorded
from vervet.policies.flow import Policy, Recorded, name_of, replay
from vervet.policies.index import Index, replay_together
from vervet.selection.meaning import Meaning, recall
from vervet.selection.recorded import recorded_problems
from vervet.store import Run
from vervet.types import Problem, Selection

Ordered = tuple[tuple[Problem, Recorded], Mapping[str, Sequence[int]]]
"""What is recorded of a problem, and the order in which each model's samples are drawn."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What one call of `select` did."""

    policy_id: str
    problems: int
    returned: int
    abstained: int
    samples_paid: int
    verifications_paid: int
    tokens_paid: int
    reasons: Mapping[str, int]
    """Why the policy abstained: reason to number of problems."""
    unsolved: int = 0
    """Problems that a live run did not finish, and a replay cannot: they have no selection."""

    def __str__(self) -> str:
        first = (
            f"{self.policy_id}: returned {self.returned:,} of {self.problems:,}, abstained on "
            f"{self.abstained:,}; paid {self.samples_paid:,} samples, "
            f"{self.verifications_paid:,} verifications, {self.tokens_paid:,} tokens"
        )
        lines = [first, *(f"  {n:,} × {reason}" for reason, n in self.reasons.items())]
        if self.unsolved:
            lines.append(f"{self.unsolved:,} problems were left out: it never solved them live")
        return "\n".join(lines)


def select(run: Run, policy: Policy, *, seed: int | None = None) -> Selected:
    """Replay `policy` on every problem and record its selections.

    Samples are taken in the order of their index, or in a random order of `seed`; the policy sees
    nothing it has not paid for.

    Where the policy was solved live, its names mean what they meant then. Problems that a live run
    (`vervet solve`, `vervet serve`) left unsolved, whatever its policy, may be left out.

    Raises:
        NotRecorded: the policy asks for samples or verdicts that the run does not have.
    """
    meaning = recall(run, name_of(policy))
    rng = None if seed is None else np.random.default_rng(seed)
    found = ((row, _orders(row[1], rng)) for row in recorded_problems(run, meaning))
    if isinstance(policy, Index):
        rows, unsolved = _together(policy, found, meaning or Meaning()), 0
    else:
        rows, unsolved = _one_by_one(policy, found, _solved(run, policy, meaning))
    run.append(rows)
    return replace(summary(name_of(policy), rows), unsolved=unsolved)


def selections(run: Run, policy: Policy) -> list[Selection]:
    """Return what a policy selected in a run."""
    return [row for rows in run.read(Selection, {"policy_id": name_of(policy)}) for row in rows]


def _solved(run: Run, policy: Policy, meaning: Meaning | None) -> Collection[str] | None:
    """Return the problems that were solved live, by this policy or by any; None where none were."""
    if meaning is not None:
        return {row.problem_id for row in selections(run, policy)}
    if not run.descriptions("policies"):
        return None
    found = run.scan(Selection, ("problem_id",))
    return {found.categories["problem_id"][code] for code in np.unique(found["problem_id"])}


def _one_by_one(
    policy: Policy, found: Iterable[Ordered], solved: Collection[str] | None
) -> tuple[list[Selection], int]:
    """Replay each problem; also count those of a live run that were never `solved`, nor can be."""
    rows: list[Selection] = []
    unsolved: list[NotRecorded] = []
    for (problem, recorded), order in found:
        try:
            rows.append(replay(policy, problem, recorded, order)[0])
        except NotRecorded as error:
            if solved is None or problem.id in solved:
                raise
            unsolved.append(error)
    if unsolved and not rows:
        raise unsolved[0]
    return rows, len(unsolved)


def _together(policy: Index, found: Iterable[Ordered], meaning: Meaning) -> list[Selection]:
    """Replay the problems that share the budget, all that there are where none was solved live."""
    shared = set(meaning.problems)
    every = [(row, order) for row, order in found if not shared or row[0].id in shared]
    every.sort(key=lambda pair: pair[0][0].id)
    together = replay_together(policy, [row for row, _ in every], [order for _, order in every])
    return [selected for selected, _ in together]


def _orders(recorded: Recorded, rng: np.random.Generator | None) -> dict[str, Sequence[int]]:
    return {
        model: range(len(rows)) if rng is None else rng.permutation(len(rows)).tolist()
        for model, rows in recorded.samples.items()
    }


def summary(policy_id: str, rows: Sequence[Selection]) -> Selected:
    """Count what was returned, what was abstained on and why, and what was paid."""
    if not rows:
        raise ConfigError("the run has no samples to select from. Run `vervet sample` first.")
    abstained = Counter(row.reason for row in rows if row.index is None)
    return Selected(
        policy_id,
        len(rows),
        len(rows) - abstained.total(),
        abstained.total(),
        sum(row.samples_paid for row in rows),
        sum(row.verifications_paid for row in rows),
        sum(row.tokens_paid for row in rows),
        dict(abstained.most_common()),
    )
