"""Majority and weighted votes: the expected accuracy of k samples, exact for every k at once."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Bools, Floats, Ints, attempts, whole
from vervet.stats.plurality import win_chance, with_replacement, without_replacement


@dataclass(frozen=True, slots=True)
class Ballot:
    """The answers of one problem's samples, counted.

    >>> Ballot.of(["4", "5", None, "4"], [True, False, False, True])
    Ballot(counts=array([2, 1]), correct=array([ True, False]), unanswered=1)
    """

    counts: Ints
    """Samples that gave each answer (equal answers merged)."""
    correct: Bools
    """Which of the answers are right."""
    unanswered: int = 0
    """Samples that hold no answer: they are drawn, but never vote and never win."""

    @classmethod
    def of(cls, answers: Sequence[Hashable | None], correct: Sequence[bool]) -> "Ballot":
        """Count one problem's samples: an answer (None: no answer) and a verdict each.

        An answer is right if any sample that gave it was judged so.
        """
        if len(answers) != len(correct):
            raise ValueError(f"{len(answers)} answers but {len(correct)} verdicts")
        counts: dict[Hashable, int] = {}
        right: dict[Hashable, bool] = {}
        for answer, verdict in zip(answers, correct, strict=True):
            if answer is not None:
                counts[answer] = counts.get(answer, 0) + 1
                right[answer] = right.get(answer, False) or bool(verdict)
        return cls(
            np.array(list(counts.values()), dtype=np.int64),
            np.array(list(right.values()), dtype=np.bool_),
            len(answers) - sum(counts.values()),
        )

    @property
    def total(self) -> int:
        """All samples, unanswered ones included."""
        return int(self.counts.sum()) + self.unanswered


def majority(ballots: Sequence[Ballot], *, k: npt.ArrayLike, replacement: bool = False) -> Floats:
    """Return the expected accuracy of a majority vote among k samples, per problem.

    Exact over all subsets of k of the n samples (`replacement=True`: over k independent draws
    with the observed shares). Ties are split evenly among the tied answers. A sample without an
    answer takes a place in the subset but does not vote; a subset without any answer is wrong.

    Returns:
        Shape (problems, len(k)); NaN where k > n (without replacement) or a problem has no sample.

    Source: self-consistency is Wang et al. 2022 (2203.11171); the exact expectation replaces
    the 25 to 100 random subsets of 2504.01005 and 2407.21787. Accurate to about 1e-13.

    >>> ballot = Ballot.of(["4", "4", "5", None], [True, True, False, False])
    >>> majority([ballot], k=[1, 2, 4]).round(4)
    array([[0.5   , 0.6667, 1.    ]])
    """
    ks = attempts(k)
    rows = [_majority(ballot, ks, replacement=replacement) for ballot in ballots]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(ks))


def _majority(ballot: Ballot, ks: Ints, *, replacement: bool) -> Floats:
    """Return the expected accuracy of one problem at every k."""
    counts = whole(ballot.counts, "counts")
    correct = np.asarray(ballot.correct, dtype=np.bool_)
    total, result = int(counts.sum()) + ballot.unanswered, np.full(len(ks), np.nan)
    for place, k in enumerate(ks.tolist()):
        if total == 0 or (k > total and not replacement):
            continue
        if k == total and not replacement:
            result[place] = _plain(counts, correct)
            continue
        draw = with_replacement(total, k) if replacement else without_replacement(total, k)
        result[place] = sum(
            win_chance(draw, int(counts[j]), np.delete(counts, j), ballot.unanswered)
            for j in np.flatnonzero(correct)
        )
    return result


def _plain(counts: Ints, correct: Bools) -> float:
    """Return the outcome of the vote of all samples, ties split evenly."""
    top = counts == counts.max(initial=1)
    return float(correct[top].mean()) if top.any() else 0.0
