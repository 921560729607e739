"""Tables to arrays: the samples of one model, and what each verifier says of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vervet.stats.votes import Ballot
from vervet.store.columns import Columns
from vervet.store.run import Run
from vervet.types import Outcome, Problem, Sample, Verdict

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NUMBERS = (
    "logprob", "prompt_tokens", "completion_tokens", "cached_tokens", "shared_tokens", "cost",
    "seconds",
)  # fmt: skip
TWO = 2
OUTCOMES = list(Outcome)
ACCEPT, REJECT, ERROR = (OUTCOMES.index(o) for o in (Outcome.ACCEPT, Outcome.REJECT, Outcome.ERROR))


@dataclass(frozen=True, slots=True)
class Drawn:
    """The samples of one model, ordered by problem and index; arrays have one entry per sample."""

    model: str
    sampler_id: str
    settings: dict[str, Any]
    problems: tuple[str, ...]
    problem: Ints
    """Which of `problems` a sample answers."""
    index: Ints
    columns: Columns

    def __len__(self) -> int:
        return len(self.problem)

    @property
    def per_problem(self) -> Ints:
        """Samples of each problem."""
        return np.bincount(self.problem, minlength=len(self.problems))

    def number(self, name: str) -> Floats:
        """Return a column of numbers, NaN where not known."""
        return self.columns[name].astype(np.float64)

    def finished(self, reason: str) -> Bools:
        """Return which samples ended for `reason`."""
        known = self.columns.categories["finish"]
        code = known.index(reason) if reason in known else -2
        matches: Bools = self.columns["finish"] == code
        return matches


@dataclass(frozen=True, slots=True)
class Judged:
    """What one verifier says of one model's samples; arrays have one entry per sample.

    Where a sample was judged in several trials, the majority counts, and a tie rejects.
    """

    drawn: Drawn
    verifier_id: str
    verifier: str
    accepts: Ints
    """Trials that accept."""
    rejects: Ints
    """Trials that reject."""
    errors: Ints
    """Trials in which the verifier itself failed."""
    answer: Ints
    """Code of the answer in `answers`, -1 where there is none."""
    answers: tuple[str, ...]
    score: Floats
    """Mean score over trials, NaN where there is none."""
    prompt_tokens: float
    """Mean length of a verification's prompt; NaN where not counted."""
    completion_tokens: float
    """Mean tokens that a verification generates; NaN where not counted."""

    @property
    def judged(self) -> Bools:
        """Samples with a verdict that is not an error."""
        return (self.accepts + self.rejects) > 0

    @property
    def accepted(self) -> Bools:
        """Samples that count as accepted."""
        return self.accepts > self.rejects

    @property
    def failed(self) -> Bools:
        """Samples on which every trial was an error."""
        return ~self.judged & (self.errors > 0)

    @property
    def flaky(self) -> Bools:
        """Samples whose trials disagree."""
        return (self.accepts > 0) & (self.rejects > 0)

    @property
    def trials(self) -> int:
        """Largest number of trials of any sample."""
        return int((self.accepts + self.rejects + self.errors).max(initial=0))

    def count(self, which: Bools) -> Ints:
        """Count samples by problem."""
        size = len(self.drawn.problems)
        return np.bincount(self.drawn.problem[which], minlength=size)

    @property
    def graded(self) -> Floats:
        """What samples are ranked by: the score, else the accepting share of several trials.

        NaN where a sample has neither; everywhere, if there are but two values, for then the
        verdict says as much.
        """
        judged = self.accepts + self.rejects
        grade = self.score
        if not np.isfinite(grade).any() and judged.max(initial=0) > 1:
            grade = self.accepts / np.maximum(judged, 1)
        grade = np.where(judged > 0, grade, np.nan)
        levels = np.unique(grade[np.isfinite(grade)])
        return grade if len(levels) > TWO else np.full(len(grade), np.nan)

    @property
    def correct(self) -> Ints:
        """C: accepted samples of each problem."""
        return self.count(self.accepted)

    @property
    def total(self) -> Ints:
        """N: judged samples of each problem."""
        return self.count(self.judged)

    def split(
        self, *values: NDArray[Any], which: Bools | None = None
    ) -> tuple[list[NDArray[Any]], ...]:
        """Cut arrays over samples into one array for each problem: judged samples, or `which`."""
        rows = np.flatnonzero(self.judged if which is None else which)
        cuts = np.searchsorted(self.drawn.problem[rows], np.arange(1, len(self.drawn.problems)))
        return tuple(np.split(value[rows], cuts) for value in values)

    def ballots(self, which: Bools | None = None) -> list[Ballot]:
        """Return the counted answers of each problem, of judged samples or of `which` of them."""
        kept = self.judged if which is None else self.judged & which
        rows = np.flatnonzero(kept & (self.answer >= 0))
        problem, width = self.drawn.problem[rows], len(self.answers) or 1
        keys, inverse, counts = np.unique(
            problem * width + self.answer[rows], return_inverse=True, return_counts=True
        )
        right = np.bincount(inverse, weights=self.accepted[rows], minlength=len(keys)) > 0
        silent = self.count(kept & (self.answer < 0))
        bounds = np.searchsorted(keys // width, np.arange(len(self.drawn.problems) + 1))
        return [
            Ballot(counts[low:high], right[low:high], int(quiet))
            for low, high, quiet in zip(bounds[:-1], bounds[1:], silent, strict=True)
        ]

    def modal(self) -> tuple[list[str | None], Floats, Floats]:
        """Return each problem's most frequent answer, its share, and its share of accepted."""
        names: list[str | None] = [None] * len(self.drawn.problems)
        share, right = np.full(len(names), np.nan), np.full(len(names), np.nan)
        rows = np.flatnonzero(self.judged & (self.answer >= 0))
        width = len(self.answers) or 1
        keys, inverse, counts = np.unique(
            self.drawn.problem[rows] * width + self.answer[rows],
            return_inverse=True,
            return_counts=True,
        )
        good = np.bincount(inverse, weights=self.accepted[rows], minlength=len(keys))
        totals = self.total
        for place in np.lexsort((keys, counts)):
            problem = int(keys[place] // width)
            names[problem] = self.answers[int(keys[place] % width)]
            share[problem] = counts[place] / totals[problem]
            right[problem] = good[place] / counts[place]
        return names, share, right


def drawn_by_model(run: Run) -> list[Drawn]:
    """Return the samples of every model in a run, problems in their recorded order."""
    found = run.scan(Sample, ("problem_id", "sampler_id", "index", "finish", *NUMBERS))
    order = run.scan(Problem, ("id",))
    recorded = [order.categories["id"][code] for code in order["id"]]
    settings = run.descriptions("samplers")
    models = [
        _drawn(found.keep(found["sampler_id"] == code), name, recorded, settings.get(name, {}))
        for code, name in enumerate(found.categories["sampler_id"])
        if (found["sampler_id"] == code).any()
    ]
    return sorted(models, key=lambda drawn: (drawn.model, drawn.sampler_id))


def _drawn(
    rows: Columns, sampler_id: str, recorded: Sequence[str], settings: dict[str, Any]
) -> Drawn:
    named = rows.categories["problem_id"]
    present = {named[code] for code in np.unique(rows["problem_id"])}
    problems = [p for p in recorded if p in present]
    problems += sorted(present.difference(problems))
    place = {name: i for i, name in enumerate(problems)}
    recode = np.array([place.get(name, -1) for name in named], dtype=np.int64)
    problem = recode[rows["problem_id"]]
    order = np.lexsort((rows["index"], problem))
    return Drawn(
        str(settings.get("model") or sampler_id),
        sampler_id,
        settings,
        tuple(problems),
        problem[order],
        rows["index"][order].astype(np.int64),
        rows.keep(order).only(("finish", *NUMBERS)),
    )


def verdicts_on(run: Run, drawn: Drawn) -> list[Judged]:
    """Return what every verifier says of a model's samples."""
    columns = (
        "problem_id", "index", "verifier_id", "outcome", "answer", "score", "prompt_tokens",
        "completion_tokens",
    )  # fmt: skip
    found = run.scan(Verdict, columns, {"sampler_id": drawn.sampler_id})
    codes = np.unique(found["verifier_id"]) if len(found) else np.array([], dtype=np.int64)
    return [
        _judged(found.keep(found["verifier_id"] == code), drawn, verifier_id)
        for code in codes
        for verifier_id in [found.categories["verifier_id"][code]]
    ]


def _judged(rows: Columns, drawn: Drawn, verifier_id: str) -> Judged:
    at, known = _places(rows, drawn)
    rows, at = rows.keep(known), at[known]
    size = len(drawn)
    outcome = rows["outcome"]
    answer = np.full(size, -1, dtype=np.int64)
    spoken = (rows["answer"] >= 0) & (outcome != ERROR)
    answer[at[spoken]] = rows["answer"][spoken]
    scored = ~np.isnan(rows["score"]) & (outcome != ERROR)
    weight = np.bincount(at[scored], minlength=size).astype(np.float64)
    total = np.bincount(at[scored], weights=rows["score"][scored], minlength=size)
    with np.errstate(invalid="ignore"):
        score = total / weight
    return Judged(
        drawn,
        verifier_id,
        verifier_id,
        np.bincount(at[outcome == ACCEPT], minlength=size),
        np.bincount(at[outcome == REJECT], minlength=size),
        np.bincount(at[outcome == ERROR], minlength=size),
        answer,
        rows.categories["answer"],
        score,
        mean_known(rows["prompt_tokens"]),
        mean_known(rows["completion_tokens"]),
    )


def mean_known(column: NDArray[Any]) -> float:
    """Return the mean of what is known, NaN where nothing is."""
    values = column.astype(np.float64)
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _places(rows: Columns, drawn: Drawn) -> tuple[Ints, Bools]:
    """Return which sample each verdict is about, and whether there is one."""
    place = {name: i for i, name in enumerate(drawn.problems)}
    named = rows.categories["problem_id"]
    recode = np.array([place.get(name, -1) for name in named], dtype=np.int64)
    width = int(max(drawn.index.max(initial=0), rows["index"].max(initial=0))) + 1
    keys = drawn.problem * width + drawn.index
    problem = recode[rows["problem_id"]] if len(rows) else np.array([], dtype=np.int64)
    wanted = problem * width + rows["index"]
    at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    return at, (problem >= 0) & (keys[at] == wanted)
