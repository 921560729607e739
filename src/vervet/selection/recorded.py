"""What a run has of its problems, some at a time: every query reads every shard."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from vervet.policies.flow import Recorded
from vervet.selection.driving import Known, place
from vervet.selection.meaning import Meaning
from vervet.store import Run
from vervet.types import Outcome, Problem, Sample, Selection, Verdict

BATCH_ROWS = 20_000
"""Samples and verdicts that are read at once: bounds memory, not results."""
Names = Mapping[str, Sequence[str]]
"""What each verifier may be called, by its id."""


def rows_by_problem(run: Run) -> Counter[str]:
    """Count the samples and verdicts of each problem."""
    rows: Counter[str] = Counter()
    for kind in (Sample, Verdict):
        found = run.scan(kind, ("problem_id",))
        names, counts = np.unique(found["problem_id"], return_counts=True)
        known = [found.categories["problem_id"][code] for code in names]
        rows.update(dict(zip(known, counts.tolist(), strict=True)))
    return rows


def recorded_problems(
    run: Run, meaning: Meaning | None = None
) -> Iterator[tuple[Problem, Recorded]]:
    """Yield each problem with everything recorded about it, by model and verifier names.

    A model is called as it was served, or as the endpoint calls it, or by the sampler's id where
    several samplers of it answered the problem; `meaning` says what a policy calls them.
    """
    meaning = meaning or Meaning()
    names = _verifier_names(run, meaning)
    described = run.descriptions("samplers")
    models = {i: str(s.get("served_as", s.get("model", i))) for i, s in described.items()}
    for problems in _batches(run):
        drawn, told = _rows(run, problems)
        for problem in problems:
            samples, verdicts = drawn.pop(problem.id), told.pop(problem.id)
            if samples:
                yield problem, _recorded(samples, verdicts, models, names, meaning)


def known(run: Run, problems: Sequence[Problem]) -> dict[str, Known]:
    """Return what a run has of some problems, by their ids.

    Verdicts that are errors are asked for again, but where a live selection rests on them: its
    replay would no longer be what it was.
    """
    drawn, told = _rows(run, problems)
    live = list(run.descriptions("policies"))
    where = {"problem_id": [problem.id for problem in problems], "policy_id": live}
    settled = {row.problem_id for row in chain.from_iterable(run.read(Selection, where))}
    found = {}
    for problem in problems:
        verdicts = {(*place(v), v.verifier_id, v.trial): v for v in told[problem.id]}
        lost = {key for key, v in verdicts.items() if v.outcome is Outcome.ERROR}
        samples = {place(sample): sample for sample in drawn[problem.id]}
        found[problem.id] = Known(samples, verdicts, set() if problem.id in settled else lost)
    return found


def _batches(run: Run) -> Iterator[list[Problem]]:
    rows = rows_by_problem(run)
    some: list[Problem] = []
    held = 0
    for problem in run.problems():
        if some and held + rows[problem.id] > BATCH_ROWS:
            yield some
            some, held = [], 0
        some.append(problem)
        held += rows[problem.id]
    if some:
        yield some


def _rows(
    run: Run, problems: Sequence[Problem]
) -> tuple[dict[str, list[Sample]], dict[str, list[Verdict]]]:
    where = {"problem_id": [problem.id for problem in problems]}
    samples: dict[str, list[Sample]] = {problem.id: [] for problem in problems}
    verdicts: dict[str, list[Verdict]] = {problem.id: [] for problem in problems}
    for sample in chain.from_iterable(run.read(Sample, where)):
        samples[sample.problem_id].append(sample)
    for verdict in chain.from_iterable(run.read(Verdict, where)):
        verdicts[verdict.problem_id].append(verdict)
    return samples, verdicts


def _recorded(
    samples: Sequence[Sample],
    verdicts: Iterable[Verdict],
    models: Mapping[str, str],
    names: Names,
    meaning: Meaning,
) -> Recorded:
    called = _model_names({sample.sampler_id for sample in samples}, models)
    drawn: dict[str, list[Sample]] = {name: [] for name in sorted(called.values())}
    for sample in sorted(samples, key=lambda row: row.index):
        drawn[called[sample.sampler_id]].append(sample)
    told: dict[tuple[str, int, str], list[Verdict]] = {}
    for verdict in sorted(verdicts, key=lambda row: row.trial):
        for name in names[verdict.verifier_id]:
            told.setdefault((*place(verdict), name), []).append(verdict)
    meant = {name: called.get(sampler, sampler) for name, sampler in meaning.models.items()}
    return Recorded(drawn, told, meant)


def _model_names(samplers: Iterable[str], models: Mapping[str, str]) -> dict[str, str]:
    """Return what each sampler of a problem is called: its model, unless two have the same."""
    called = {sampler: models.get(sampler, sampler) for sampler in samplers}
    uses = Counter(called.values())
    return {sampler: name if uses[name] == 1 else sampler for sampler, name in called.items()}


def _verifier_names(run: Run, meaning: Meaning) -> Names:
    """Return what each verifier may be called: its id, its name where only one has it, as meant."""
    found = run.scan(Verdict, ("verifier_id",))
    ids = [found.categories["verifier_id"][code] for code in np.unique(found["verifier_id"])]
    uses = Counter(i.partition("@")[0] for i in ids)
    names = {}
    for i in ids:
        usual = [i, i.partition("@")[0]] if uses[i.partition("@")[0]] == 1 else [i]
        own = [name for name in usual if name not in meaning.verifiers]
        names[i] = [*dict.fromkeys(own + [n for n, of in meaning.verifiers.items() if of == i])]
    return names
