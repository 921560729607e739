"""From a verifier's ROC curve to selection: exact best-of-n and rejection sampling, and limits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Bools, Floats, attempts

ENOUGH = 10
"""A slope at the origin needs this many right and wrong samples at the top to be believed."""


@dataclass(frozen=True, slots=True)
class Roc:
    """Share of right (T) and of wrong samples (F) at or above each threshold, from none to all.

    >>> curve = Roc.of([0.9, 0.9, 0.5, 0.1], [True, False, True, False])
    >>> curve.true, curve.false
    (array([0. , 0.5, 1. , 1. ]), array([0. , 0.5, 0.5, 1. ]))
    """

    threshold: Floats
    """Score of every step, falling; the first is +∞ (nothing accepted)."""
    true: Floats
    false: Floats
    accuracy: float
    """π: share of right samples."""
    samples: int
    top_right: int
    """Right samples at the highest score."""
    top_wrong: int

    @classmethod
    def of(cls, scores: npt.ArrayLike, right: npt.ArrayLike) -> "Roc":
        """Build the curve from scores (larger is better) and truths; NaN scores are left out."""
        score, true = np.asarray(scores, dtype=float), np.asarray(right, dtype=bool)
        known = ~np.isnan(score)
        levels, place = np.unique(-score[known], return_inverse=True)
        hits = np.bincount(place, weights=true[known], minlength=len(levels))
        misses = np.bincount(place, minlength=len(levels)) - hits
        if not hits.sum() or not misses.sum():
            raise ValueError("a ROC curve needs at least one right and one wrong scored sample")
        return cls(
            np.concatenate([[np.inf], -levels]),
            np.concatenate([[0.0], np.cumsum(hits) / hits.sum()]),
            np.concatenate([[0.0], np.cumsum(misses) / misses.sum()]),
            float(true[known].mean()),
            int(known.sum()),
            int(hits[0]),
            int(misses[0]),
        )

    def area(self) -> float:
        """Return the area under the curve: P(right scores higher) + P(tie)/2."""
        width = np.diff(self.false)
        return float(width @ (self.true[1:] + self.true[:-1])) / 2

    def best_of(self, *, n: npt.ArrayLike) -> Floats:
        """Return the accuracy of best-of-n with independent samples, ties split evenly.

        `Σ_segments π ΔT / Δa (u_0^n - u_1^n)`, u the share of samples below a threshold and
        Δa = π ΔT + (1-π) ΔF = u_0 - u_1: the integral of 2507.12399 along a curve of straight
        pieces, which is what ties are. NaN where n exceeds the samples behind the curve: the top
        of the curve decides there, and nobody has seen it.

        >>> Roc.of([1, 1, 0, 0], [True, False, False, False]).best_of(n=[1, 2, 9])
        array([0.25 , 0.375,   nan])
        """
        ns = attempts(n)
        mass = self.accuracy * self.true + (1 - self.accuracy) * self.false
        below, step = 1 - mass, np.diff(mass)
        share = self.accuracy * np.diff(self.true) / step
        powers = np.clip(below, 0.0, 1.0) ** ns[:, None]
        chosen = powers[:, :-1] - powers[:, 1:]
        return np.where(ns <= self.samples, chosen @ share, np.nan)

    def rejection(self) -> tuple[Floats, Floats]:
        """Return accuracy and expected samples of rejection sampling at every threshold but ∞.

        `π T / (π T + (1-π) F)` and `1 / (π T + (1-π) F)`.

        >>> accuracy, samples = Roc.of([1, 1, 0, 0], [True, False, False, False]).rejection()
        >>> accuracy, samples
        (array([0.5 , 0.25]), array([2., 1.]))
        """
        right = self.accuracy * self.true[1:]
        accepted = right + (1 - self.accuracy) * self.false[1:]
        return right / accepted, 1 / accepted

    def limit(self) -> tuple[float, str]:
        """Return where best-of-n ends as n → ∞, `π T'(0) / (π T'(0) + 1 - π)`, or NaN and why.

        The slope at the origin is read from the samples at the highest score, which is right for
        a verifier whose scores cannot be refined (a binary one); with fewer than 10 right and 10
        wrong samples there the limit is not known.
        """
        if min(self.top_right, self.top_wrong) < ENOUGH:
            reason = (
                f"{self.top_right} right and {self.top_wrong} wrong samples at the highest score;"
                f" {ENOUGH} of each are needed to know where the curve starts"
            )
            return np.nan, reason
        right = self.accuracy * self.true[1]
        return float(right / (right + (1 - self.accuracy) * self.false[1])), ""


def within_problem_area(scores: Sequence[npt.ArrayLike], right: Sequence[npt.ArrayLike]) -> Floats:
    """Return the area under each problem's own ROC curve; NaN where all or none is right.

    Selection compares samples of one problem only, so this is the figure that counts; a pooled
    area also rewards a verifier for telling easy problems from hard ones.

    >>> within_problem_area([[0.9, 0.1], [0.2, 0.3]], [[True, False], [True, True]])
    array([ 1., nan])
    """
    return np.array([_area(s, t) for s, t in zip(scores, right, strict=True)], dtype=float)


def _area(scores: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """Return one problem's area."""
    score, true = np.asarray(scores, dtype=float), np.asarray(right, dtype=bool)
    known: Bools = ~np.isnan(score)
    if not true[known].any() or true[known].all():
        return np.nan
    return Roc.of(score, true).area()
