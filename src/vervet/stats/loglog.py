"""The log-log line: log(-log coverage) against log k, extended beyond the samples.

    log(-log c(k)) = a + b log k,    fitted to k = 1..n by least squares with weights √k

A straight line is the exponentiated power law (arXiv 2407.21787), fitted where it is linear. The
weights lie between counting every k alike, where neighbours repeat one another, and every log k
alike, where the few points of small k, far from the forecast, would rule. It forecasts well once
the curve bends, and cannot where it is still proportional to k: `elasticity` says which.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Floats, Ints
from vervet.stats.coverage import coverage
from vervet.stats.thinning import judged_counts

MOST_POINTS = 400
"""Up to this horizon every k is a point of the curve; beyond, they are spaced in log k."""
LOG_POINTS = 120
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Curve:
    """Coverage at every k up to the horizon, per problem."""

    ks: Ints
    solved: Floats
    """Chance that k samples hold a success, shape (problems, ks)."""

    @property
    def horizon(self) -> int:
        """The largest k at which coverage is measured."""
        return int(self.ks[-1])

    @property
    def mean(self) -> Floats:
        """Coverage at `ks`."""
        return np.asarray(self.solved.mean(axis=0))

    def elasticity(self, span: float = 10.0) -> float:
        """Return d log c / d log k over the last factor `span` of k: 1 linear, 0 flat.

        At the last point it is the share of solved problems that were solved exactly once
        (Good-Turing): near 1, the samples say nothing about where the curve bends.
        """
        logs = np.log(self.ks)
        start = np.interp(math.log(self.horizon / span), logs, self.mean)
        if start <= 0 or self.horizon == 1:
            return math.nan
        width = math.log(min(span, self.horizon))
        return float(math.log(self.mean[-1] / start) / width)


@dataclass(frozen=True, slots=True)
class Line:
    """A forecast of log(-log coverage) that is linear in log k, with its standard error."""

    centre: float
    """Weighted mean of log k."""
    middles: Floats
    """Weighted mean of log(-log c): of all problems first, then with each problem left out."""
    slopes: Floats
    """b, in the same order."""

    def depth(self, k: float) -> float:
        """Return log(-log coverage) at k."""
        return float(self._depths(k)[0])

    def error(self, k: float) -> float:
        """Return the jackknife standard error of `depth` over problems."""
        left_out = self._depths(k)[1:]
        share = (len(left_out) - 1) / len(left_out)
        return float(math.sqrt(share * ((left_out - left_out.mean()) ** 2).sum()))

    def coverage(self, k: float) -> float:
        """Return the coverage the line predicts at k."""
        return math.exp(-math.exp(self.depth(k)))

    def through(self, log_k: float, depth: float) -> "Line":
        """Return the parallel line through a point."""
        shift = depth - self.depth(math.exp(log_k))
        return Line(self.centre, self.middles + shift, self.slopes)

    def _depths(self, k: float) -> Floats:
        return np.asarray(self.middles + self.slopes * (math.log(k) - self.centre))


def measured_curve(successes: npt.ArrayLike, samples: npt.ArrayLike) -> Curve:
    """Return the exact coverage curve up to the fewest samples of an unsolved problem.

    A solved problem that was stopped early counts as solved at every k beyond its samples, so
    runs that stop at the first success keep their horizon.

    >>> curve = measured_curve([0, 2], [4, 2])
    >>> curve.horizon, [round(c, 3) for c in curve.mean.tolist()]
    (4, [0.5, 0.5, 0.5, 0.5])
    """
    correct, total = judged_counts(successes, samples)
    unsolved = correct == 0
    horizon = int(total[unsolved].min() if unsolved.any() else total.max())
    ks = np.arange(1, horizon + 1)
    if horizon > MOST_POINTS:
        ks = np.unique(np.round(np.geomspace(1, horizon, LOG_POINTS)).astype(np.int64))
    solved = coverage(correct, total, k=ks)
    return Curve(ks, np.where(np.isnan(solved), 1.0, solved))


def fit_line(curve: Curve) -> Line | None:
    """Fit the line to the curve from 1 to the horizon by least squares with weights √k.

    None where fewer than three points lie strictly between 0 and 1.

    >>> line = fit_line(measured_curve([0, 1, 5, 20, 70], 100))
    >>> 0.8 < line.coverage(1000) < 0.95
    True
    """
    problems = len(curve.solved)
    total = curve.solved.sum(axis=0)
    left_out = (total - curve.solved) / max(problems - 1, 1)
    means = np.vstack([total / problems, left_out])
    inside = (means[0] > 0) & (means[0] < 1)
    if inside.sum() < 3 or problems < 2:  # noqa: PLR2004 - two parameters and something to err
        return None
    depths = np.log(-np.log(np.clip(means, TINY, 1 - TINY)))
    share = np.gradient(curve.ks.astype(float)) / np.sqrt(curve.ks) * inside
    share /= share.sum()
    log_k = np.log(curve.ks)
    centre = float(share @ log_k)
    pull = share * (log_k - centre)
    return Line(centre, depths @ share, depths @ pull / (pull @ (log_k - centre)))


@dataclass(frozen=True, slots=True)
class Borrowed:
    """The curve of a deeper-sampled sibling, slid along log k onto the measured coverage."""

    factor: float
    """k of the sibling that matches one k here: above 1, the sibling needs more samples."""
    log_k: Floats
    depths: Floats
    beyond: Line | None
    sampling_error: float

    def depth(self, k: float) -> float:
        """Return log(-log coverage) at k: the sibling's at k times the factor."""
        at = k * self.factor
        if math.log(at) > self.log_k[-1] and self.beyond is not None:
            return self.beyond.depth(at)
        return float(np.interp(math.log(at), self.log_k, self.depths))

    def error(self, k: float) -> float:
        """Return the standard error of `depth`: of the shift, of the shape, and of any reach."""
        at = k * self.factor
        reach = 0.0
        if math.log(at) > self.log_k[-1] and self.beyond is not None:
            reach = self.beyond.error(at)
        return math.hypot(self.sampling_error, SHAPE_ERROR, reach)


SHAPE_ERROR = 0.15
"""Spread of log(-log c) between shifted curves of neighbouring models (docs/forecasting.md)."""


def borrow(curve: Curve, sibling: Curve) -> Borrowed | None:
    """Slide the sibling's curve so that it passes through this curve's last point.

    None where this curve or its coverage is not within the sibling's.

    >>> own = measured_curve([0, 0, 1, 4], 20)
    >>> deep = measured_curve([3, 40, 200, 500], 2000)
    >>> borrowed = borrow(own, deep)
    >>> round(borrowed.factor, 1)
    0.7
    """
    last, measured = float(curve.mean[-1]), sibling.mean
    rising = np.concatenate([[True], np.diff(measured) > 0])
    if not measured[0] <= last <= measured[-1] or not 0 < last < 1:
        return None
    log_k = np.log(sibling.ks)
    match = float(np.interp(last, measured[rising], log_k[rising]))
    depths = np.log(-np.log(np.clip(measured, TINY, 1 - TINY)))
    spread = math.sqrt(last * (1 - last) / len(curve.solved))
    sampling_error = spread / (last * -math.log(last))
    factor = math.exp(match) / curve.horizon
    line = fit_line(sibling)
    beyond = line.through(float(log_k[-1]), float(depths[-1])) if line else None
    return Borrowed(factor, log_k, depths, beyond, sampling_error)
