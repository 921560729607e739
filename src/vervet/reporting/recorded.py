"""Samples of recorded runs: first what is known without their texts, then the texts asked for."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, TypeVar

from vervet.reporting.curves import Row, pairs
from vervet.reporting.reading import Heading, Judged, Reading, merged, tally, telling
from vervet.store import Columns, Run
from vervet.types import Outcome, Problem, Sample, Verdict

Key = tuple[str, str, int]
"""Problem, sampler and index: a sample within a run."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Runs to read from, and the verifier whose verdict a sample is shown under.

    An analysis calls a verifier by its id, or by the part before `@` where that is enough.
    """

    runs: tuple[Run, ...]
    verifier: str = ""
    models: tuple[str, ...] = ()
    """Models in the order in which they are shown; others follow."""

    def problems(self, ids: Sequence[str]) -> dict[str, Problem]:
        """Return those of the problems that a run has."""
        found: dict[str, Problem] = {}
        for run in self.runs:
            for batch in run.read(Problem, {"id": list(ids)}):
                for problem in batch:
                    found.setdefault(problem.id, problem)
        return found

    def headings(self, ids: Sequence[str]) -> dict[str, list[Heading]]:
        """Return what is known of each sample of some problems, in order, reading no text."""
        found: dict[str, list[Heading]] = {problem: [] for problem in ids}
        for place, run in enumerate(self.runs):
            for heading in self._headings(place, run, ids):
                found[heading.problem_id].append(heading)
        return found

    def _headings(self, place: int, run: Run, ids: Sequence[str]) -> Iterator[Heading]:
        where = {"problem_id": list(ids)}
        trials: dict[Key, list[tuple[str, str | None]]] = {}
        answers: dict[Key, str] = {}
        said = _rows(run.scan(Verdict, SPOKEN, where), SPOKEN)
        for problem, sampler, index, verifier, outcome, answer in said:
            if answer is not None:
                answers.setdefault((problem, sampler, index), answer)
            if self.leads(verifier):
                trials.setdefault((problem, sampler, index), []).append((outcome, answer))
        drawn = _rows(run.scan(Sample, KEY, where), KEY)
        for problem, sampler, index in sorted(drawn, key=self._order):
            found = trials.get((problem, sampler, index), [])
            other = answers.get((problem, sampler, index))
            answer = next((text for _, text in found if text is not None), other)
            outcome = majority([word for word, _ in found])
            yield Heading(place, problem, sampler, index, outcome, answer)

    def _order(self, key: Key) -> tuple[str, int, str, int]:
        problem, sampler, index = key
        known = [place for place, name in enumerate(self.models) if _calls(name, sampler)]
        return problem, known[0] if known else len(self.models), sampler, index

    def leads(self, verifier_id: str) -> bool:
        """Tell whether a verdict is by the verifier that decides how a sample is shown."""
        return not self.verifier or _calls(self.verifier, verifier_id)

    def samples(self, headings: Sequence[Heading]) -> list[Judged]:
        """Return the samples behind headings, with every verdict of them, in the same order."""
        found: dict[tuple[int, Key], tuple[Sample, tuple[Verdict, ...]]] = {}
        for place, run in enumerate(self.runs):
            keys = {h.key for h in headings if h.run == place}
            verdicts = self._verdicts(run, keys)
            for sample in _wanted(run, Sample, keys):
                key = (sample.problem_id, sample.sampler_id, sample.index)
                found[(place, key)] = (sample, tuple(verdicts.get(key, ())))
        keyed = ((h, found.get((h.run, h.key))) for h in headings)
        return [Judged(one[0], h.outcome, h.answer, one[1]) for h, one in keyed if one]

    def _verdicts(self, run: Run, keys: AbstractSet[Key]) -> dict[Key, list[Verdict]]:
        found: dict[Key, list[Verdict]] = {}
        for one in _wanted(run, Verdict, keys):
            found.setdefault((one.problem_id, one.sampler_id, one.index), []).append(one)
        for verdicts in found.values():
            verdicts.sort(key=lambda v: (not self.leads(v.verifier_id), v.verifier_id, v.trial))
        return found

    def readings(self, ids: Sequence[str], most: int) -> list[Reading]:
        """Return problems, each with at most `most` different samples, and what all answered."""
        problems, headings = self.problems(ids), self.headings(ids)
        found: dict[str, list[Judged]] = {problem: [] for problem in ids}
        for one in self.samples([h for p in ids for h in telling(headings[p], READ * most)]):
            found[one.sample.problem_id].append(one)
        shown = {problem: telling(merged(judged), most) for problem, judged in found.items()}
        absent = "(this problem is not recorded)"
        return [
            Reading(
                problems.get(p, Problem(p, absent)),
                tuple(shown[p]),
                sum(one.alike for one in shown[p]),
                len(headings[p]),
                tally(headings[p]),
            )
            for p in ids
        ]


KEY = ("problem_id", "sampler_id", "index")
READ = 10
"""Samples that are read for one that is shown, since many say the same."""
SPOKEN = (*KEY, "verifier_id", "outcome", "answer")
Kind = TypeVar("Kind", Sample, Verdict)


def _wanted(run: Run, kind: type[Kind], keys: AbstractSet[Key]) -> Iterator[Kind]:
    """Yield the rows of some keys, in one pass over the table."""
    if not keys:
        return
    where = {name: sorted({key[at] for key in keys}) for at, name in enumerate(KEY)}
    for batch in run.read(kind, where):
        for row in batch:
            if (row.problem_id, row.sampler_id, row.index) in keys:
                yield row


def _calls(name: str, identity: str) -> bool:
    """Tell whether an analysis calls `identity` by `name`."""
    return name in {identity, identity.partition("@")[0]}


def majority(outcomes: Sequence[str]) -> str:
    """Return what most trials say of a sample; a tie rejects, errors say nothing.

    >>> majority(["accept", "error"]), majority(["error"]), majority([])
    ('accept', 'error', 'unjudged')
    """
    if not outcomes:
        return "unjudged"
    accepts, rejects = (outcomes.count(o) for o in (Outcome.ACCEPT, Outcome.REJECT))
    if not accepts and not rejects:
        return str(Outcome.ERROR)
    return str(Outcome.ACCEPT if accepts > rejects else Outcome.REJECT)


def _rows(columns: Columns, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield rows with names instead of codes, None where there is no value."""
    plain = []
    for name in names:
        values = columns[name].tolist()
        known = columns.categories.get(name)
        plain.append(values if known is None else [known[v] if v >= 0 else None for v in values])
    return zip(*plain, strict=True)


def recorded(runs: Sequence[Run], document: Row) -> Recorded:
    """Return the runs, read under the verifier that the document's first curve is about."""
    every = pairs(document)
    models = tuple(dict.fromkeys(pair.model for pair in every))
    return Recorded(tuple(runs), every[0].verifier if every else "", models)
