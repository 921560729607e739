"""Samples of recorded runs: first what is known without their texts, then the texts asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from vervet.reporting.curves import Row, pairs
from vervet.reporting.reading import Heading, Judged, Reading, tally, telling
from vervet.store import Columns, Run
from vervet.types import Outcome, Problem, Sample, Verdict

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Recorded:
    """Runs to read from, and the verifier whose verdict a sample is shown under.

    An analysis calls a verifier by its id, or by the part before `@` where that is enough.
    """

    runs: tuple[Run, ...]
    verifier: str = ""

    def problem(self, problem_id: str) -> Problem | None:
        """Return a problem, or None where no run has it."""
        for run in self.runs:
            for batch in run.read(Problem, {"id": problem_id}):
                return batch[0]
        return None

    def leads(self, verifier_id: str) -> bool:
        """Tell whether a verdict is by the verifier that decides how a sample is shown."""
        return self.verifier in {"", verifier_id, verifier_id.partition("@")[0]}

    def headings(self, problem_id: str) -> list[Heading]:
        """Return what is known of each sample of a problem, in order, reading no text."""
        return [
            heading
            for place, run in enumerate(self.runs)
            for heading in self._headings(place, run, problem_id)
        ]

    def _headings(self, place: int, run: Run, problem_id: str) -> Iterator[Heading]:
        where = {"problem_id": problem_id}
        drawn = run.scan(Sample, ("sampler_id", "index"), where)
        columns = ("sampler_id", "index", "verifier_id", "outcome", "answer")
        said = zip(*_texts(run.scan(Verdict, columns, where), columns), strict=True)
        verdicts: dict[Key, list[tuple[str, str | None]]] = {}
        for sampler, index, verifier, outcome, answer in said:
            if self.leads(verifier):
                verdicts.setdefault((sampler, index), []).append((outcome, answer))
        for sampler, index in sorted(zip(*_texts(drawn, ("sampler_id", "index")), strict=True)):
            trials = verdicts.get((sampler, index), [])
            answer = next((a for _, a in trials if a is not None), None)
            outcome = majority([said for said, _ in trials])
            yield Heading(place, sampler, index, outcome, answer)

    def samples(self, problem_id: str, headings: Sequence[Heading]) -> list[Judged]:
        """Return the samples behind headings, with every verdict of them, in the same order."""
        found: dict[tuple[int, str, int], tuple[Sample, tuple[Verdict, ...]]] = {}
        for (place, sampler), some in groupby(headings, key=lambda h: (h.run, h.sampler_id)):
            where = {"problem_id": problem_id, "sampler_id": sampler}
            where |= {"index": [h.index for h in some]}
            judged = self._verdicts(self.runs[place], where)
            for batch in self.runs[place].read(Sample, where):
                for sample in batch:
                    verdicts = tuple(judged.get(sample.index, ()))
                    found[(place, sampler, sample.index)] = (sample, verdicts)
        keyed = ((h, found.get((h.run, h.sampler_id, h.index))) for h in headings)
        return [Judged(one[0], h.outcome, h.answer, one[1]) for h, one in keyed if one]

    def _verdicts(self, run: Run, where: dict[str, Any]) -> dict[int, list[Verdict]]:
        found: dict[int, list[Verdict]] = {}
        for batch in run.read(Verdict, where):
            for verdict in batch:
                found.setdefault(verdict.index, []).append(verdict)
        for verdicts in found.values():
            verdicts.sort(key=lambda v: (not self.leads(v.verifier_id), v.verifier_id, v.trial))
        return found

    def reading(self, problem_id: str, most: int) -> Reading:
        """Return a problem with at most `most` of its samples, and what all of them answered."""
        problem = self.problem(problem_id) or Problem(problem_id, "(this problem is not recorded)")
        headings = self.headings(problem_id)
        shown = self.samples(problem_id, telling(headings, most))
        return Reading(problem, tuple(shown), len(headings), tally(headings))


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


def _texts(columns: Columns, names: Sequence[str]) -> list[list[Any]]:
    """Return columns as plain lists: names instead of codes, None where there is no value."""
    plain = []
    for name in names:
        values = columns[name].tolist()
        known = columns.categories.get(name)
        plain.append(
            [known[v] if v >= 0 else None for v in values] if known is not None else values
        )
    return plain


def recorded(runs: Sequence[Run], document: Row) -> Recorded:
    """Return the runs, read under the verifier that the document's first curve is about."""
    first = pairs(document)[:1]
    return Recorded(tuple(runs), first[0].verifier if first else "")
