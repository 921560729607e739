"""Pandora stopping: draw scores while the next is worth its price."""

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from vervet.policies.flow import Choice, Draw, Flow, Verify, at_least
from vervet.types import Problem

Floats = NDArray[np.float64]
LEAST = 3


@dataclass(frozen=True, slots=True)
class Pandora:
    """Draw one at a time; stop when the next score is expected to add less than `price`.

    The best score m is kept; the next score v is worth E[(v − m)⁺], v normal with the mean and the
    standard deviation of the scores so far (widened by √(1 + 1/n)). Stopping where that falls below
    the price is optimal when scores are independent (Weitzman 1979; for best-of-n, arXiv
    2510.01394). The first `least` samples are always drawn, to learn the spread.
    """

    limit: int
    verifier: str
    price: float
    least: int = LEAST
    trials: int = 1
    model: str = ""

    def __post_init__(self) -> None:
        at_least(self.least, 2, "pandora: least")
        at_least(self.limit, self.least, "pandora: limit")
        at_least(self.price, 0, "pandora: price")
        at_least(self.trials, 1, "pandora: trials")

    def flow(self, problem: Problem, /) -> Flow:
        """Draw, score, stop when the next is not worth it."""
        del problem
        scores: list[tuple[float, int]] = []
        for position in range(self.limit):
            yield Draw(1, self.model)
            pool = yield Verify((position,), self.verifier, self.trials)
            score = pool.score(position, self.verifier)
            if score is not None:
                scores.append((score, -position))
            if position + 1 >= self.least and worth([s for s, _ in scores]) <= self.price:
                break
        if not scores:
            return Choice(None, f"no sample has a score of {self.verifier}")
        best, place = max(scores)
        return Choice(-place, f"score {best:.3g}, the best of {len(scores)}", best)


def worth(scores: list[float]) -> float:
    """Return E[(v − max)⁺] of the next score v; infinite while fewer than two are known.

    >>> round(worth([0.0, 1.0]), 4), worth([0.5, 0.5]), worth([0.5])
    (0.1515, 0.0, inf)
    """
    return float(worths(np.array([scores]))[0, -1]) if scores else inf


def worths(scores: Floats) -> Floats:
    """Return what the next score is worth after each; rows are draws, NaN where there is no score.

    The flow and the vectorised replay both decide by these sums, so that they decide alike.
    """
    known = np.isfinite(scores)
    count = np.cumsum(known, axis=1)
    first = np.take_along_axis(scores, known.argmax(axis=1)[:, None], axis=1)
    above = np.where(known, scores - first, 0.0)
    high, low = np.maximum.accumulate(above, axis=1), np.minimum.accumulate(above, axis=1)
    total, squares = np.cumsum(above, axis=1), np.cumsum(above * above, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
        variance = np.maximum(squares - total * mean, 0.0) / (count - 1)
        spread = np.sqrt(variance * (1 + 1 / count))
        z = (high - mean) / spread
        gain = spread * (np.exp(-z * z / 2) / np.sqrt(2 * np.pi) - z * ndtr(-z))
    return np.asarray(np.where(count < 2, inf, np.where(high > low, gain, 0.0)))  # noqa: PLR2004 - a spread needs two
