"""Selection: run a policy over a recorded run, and record what it would have returned."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from vervet.errors import ConfigError
from vervet.policies.flow import Policy, Recorded, name_of, replay
from vervet.policies.index import Index, replay_together
from vervet.store import Run
from vervet.types import Problem, Sample, Selection, Verdict

BATCH = 20_000
"""Samples and verdicts that are read at once: bounds memory, not results."""
Verdicts = dict[tuple[str, int, str], list[Verdict]]
"""By sampler, index and the name of the verifier."""


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

    def __str__(self) -> str:
        first = (
            f"{self.policy_id}: returned {self.returned:,} of {self.problems:,}, abstained on "
            f"{self.abstained:,}; paid {self.samples_paid:,} samples, "
            f"{self.verifications_paid:,} verifications, {self.tokens_paid:,} tokens"
        )
        return "\n".join([first, *(f"  {n:,} × {reason}" for reason, n in self.reasons.items())])


def select(run: Run, policy: Policy, *, seed: int | None = None) -> Selected:
    """Replay `policy` on every problem and record its selections.

    Samples are taken in the order of their index, or in a random order of `seed`; the policy sees
    nothing it has not paid for.

    Raises:
        NotRecorded: the policy asks for samples or verdicts that the run does not have.
        ConfigError: a verifier's name means several verifiers of the run.
    """
    rng = None if seed is None else np.random.default_rng(seed)
    found = ((row, _orders(row[1], rng)) for row in recorded_problems(run))
    if isinstance(policy, Index):
        every = list(found)
        together = replay_together(policy, [row for row, _ in every], [o for _, o in every])
        rows = [selected for selected, _ in together]
    else:
        rows = [replay(policy, *row, order)[0] for row, order in found]
    run.append(rows)
    return summary(name_of(policy), rows)


def recorded_problems(run: Run) -> Iterator[tuple[Problem, Recorded]]:
    """Yield each problem with everything recorded about it, by model and verifier names."""
    names = _verifier_names(run)
    models = {i: str(s.get("model", i)) for i, s in run.descriptions("samplers").items()}
    for problems in _batches(run):
        where = {"problem_id": [problem.id for problem in problems]}
        samples: dict[str, dict[str, list[Sample]]] = {problem.id: {} for problem in problems}
        for sample in chain.from_iterable(run.read(Sample, where)):
            model = models.get(sample.sampler_id, sample.sampler_id)
            samples[sample.problem_id].setdefault(model, []).append(sample)
        verdicts: dict[str, Verdicts] = {problem.id: {} for problem in problems}
        for verdict in chain.from_iterable(run.read(Verdict, where)):
            told = verdicts[verdict.problem_id]
            for name in names[verdict.verifier_id]:
                told.setdefault((verdict.sampler_id, verdict.index, name), []).append(verdict)
        for problem in problems:
            drawn, told = samples.pop(problem.id), verdicts.pop(problem.id)
            for trials in told.values():
                trials.sort(key=lambda row: row.trial)
            if drawn:
                ordered = {
                    m: sorted(s, key=lambda row: row.index) for m, s in sorted(drawn.items())
                }
                yield problem, Recorded(ordered, told)


def _batches(run: Run) -> Iterator[list[Problem]]:
    """Yield the problems, some at a time: every query reads every shard, whatever it asks for."""
    rows: Counter[str] = Counter()
    for kind in (Sample, Verdict):
        found = run.scan(kind, ("problem_id",))
        names, counts = np.unique(found["problem_id"], return_counts=True)
        known = [found.categories["problem_id"][code] for code in names]
        rows.update(dict(zip(known, counts.tolist(), strict=True)))
    some: list[Problem] = []
    held = 0
    for problem in run.problems():
        if some and held + rows[problem.id] > BATCH:
            yield some
            some, held = [], 0
        some.append(problem)
        held += rows[problem.id]
    if some:
        yield some


def _verifier_names(run: Run) -> dict[str, tuple[str, ...]]:
    """Return what each verifier may be called: its id, and its name where only one has it."""
    found = run.scan(Verdict, ("verifier_id",))
    ids = [found.categories["verifier_id"][code] for code in np.unique(found["verifier_id"])]
    uses = Counter(i.partition("@")[0] for i in ids)
    return {i: (i, n) if uses[n := i.partition("@")[0]] == 1 and n != i else (i,) for i in ids}


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
