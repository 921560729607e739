"""Scaling laws of coverage: the exponentiated power law, horizontal shifts and back-tests.

The law of Large Language Monkeys (arXiv 2407.21787, Eq. 2) says that the logarithm of coverage
is a power of the number of samples k:

    coverage(k) = base^(a * k^b),   a < 0, b < 0

Two conventions change the numbers and are therefore part of every result: the base (version 1 of
the paper prints base 10, version 3 base e: a_e = ln(10) a_10) and the loss (squared error of the
logarithm of coverage, as the paper fits, or of coverage itself).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Floats
from vervet.stats.coverage import coverage as coverage_of
from vervet.stats.estimate import Estimate
from vervet.stats.powerfit import Loss, least_squares
from vervet.stats.resampling import jackknifed
from vervet.stats.thinning import judged_counts

FIT_POINTS = 40
CHECK_POINTS = 100


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """coverage(k) = base^(a k^b), with the convention it was fitted in and how well it fits.

    >>> law = PowerLaw(a=-0.59, b=-0.39, base=10.0)
    >>> round(law.coverage(1.0), 3), round(law.attempts(0.9))
    (0.257, 703)
    """

    a: float
    """Logarithm (in `base`) of coverage at one sample; negative."""
    b: float
    """Exponent of k; negative, and the smaller the faster coverage grows."""
    base: float = math.e
    loss: Loss = "log-coverage"
    """What was squared: errors of log coverage, or of coverage."""
    error_mean: float = math.nan
    """Mean of |coverage - law| at 100 points spaced evenly in log k, as the paper reports."""
    error_sd: float = math.nan
    """Standard deviation of the same 100 errors."""
    points: int = 0
    """How many (k, coverage) pairs were fitted."""
    reason: str = ""
    """Why there is no law (a and b are NaN); empty otherwise."""

    def coverage(self, k: float) -> float:
        """Return the coverage the law predicts at `k` samples."""
        return float(self.base ** (self.a * float(k) ** self.b))

    def attempts(self, coverage: float) -> float:
        """Return the k at which the law reaches `coverage`: (log_base(coverage) / a)^(1/b)."""
        if not 0 < coverage < 1:
            raise ValueError(f"a coverage between 0 and 1 has an inverse, not {coverage}")
        return float((math.log(coverage, self.base) / self.a) ** (1 / self.b))

    def in_base(self, base: float) -> "PowerLaw":
        """Return the same curve written in another base: only `a` changes."""
        factor = math.log(self.base) / math.log(base)
        return PowerLaw(
            self.a * factor, self.b, base, self.loss, self.error_mean, self.error_sd, self.points
        )


@dataclass(frozen=True, slots=True)
class PowerLawFit:
    """A law fitted to counts, with intervals from resampled problems."""

    law: PowerLaw
    a: Estimate
    b: Estimate


@dataclass(frozen=True, slots=True)
class BackTest:
    """A law fitted on k <= `fitted_to` only, against what was then measured at larger k."""

    law: PowerLaw
    fitted_to: int
    ks: tuple[int, ...]
    predicted: tuple[float, ...]
    measured: tuple[float, ...]

    @property
    def relative_errors(self) -> tuple[float, ...]:
        """(predicted - measured) / measured at every k; positive is over-forecasting."""
        pairs = zip(self.predicted, self.measured, strict=True)
        return tuple(p / m - 1 if m else math.nan for p, m in pairs)


@dataclass(frozen=True, slots=True)
class HorizontalShift:
    """Coverage curves slid along log k until they agree at one coverage, the anchor.

    Where `disagreement` is small the curves have one shape, and the factor by which samples must
    grow to go from one coverage to another is the same for every model (paper, Sec. 3.2).
    """

    anchor: float
    attempts: Mapping[str, float]
    """k at which each curve reaches the anchor: its shift is the logarithm of this."""
    disagreement: float
    """Largest spread of coverage between the shifted curves where all of them are measured."""


def log_spaced(largest: int, points: int = FIT_POINTS) -> npt.NDArray[np.int64]:
    """Return whole numbers of samples spaced evenly in log(1 + k) from 0 to `largest`.

    Whole numbers from 1, without duplicates ("evenly on a log scale from 0 to 10,000").

    >>> log_spaced(100, points=6)
    array([  1,   2,   5,  15,  39, 100])
    """
    grid = np.round(np.expm1(np.linspace(0, math.log1p(largest), points))).astype(np.int64)
    return np.unique(np.maximum(grid, 1))


def fit_power_law(
    ks: npt.ArrayLike,
    coverage: npt.ArrayLike,
    *,
    loss: Loss = "log-coverage",
    base: float = math.e,
) -> PowerLaw:
    """Fit coverage(k) = base^(a k^b) to a measured curve by least squares.

    Points with coverage 0 carry no logarithm and are left out under either loss. The errors
    compare the law with the curve, read by interpolation in log k, at 100 points evenly in log k.
    Source: arXiv 2407.21787, Eq. 2 and App. C.1.

    Args:
        ks: numbers of samples, increasing.
        coverage: coverage at each of them, 0..1.
        loss: "log-coverage" (the paper's) or "coverage"; the two forecast differently.
        base: base in which `a` is stated.

    Raises:
        ValueError: `ks` do not increase from at least 1, or shapes or coverages are impossible.

    >>> curve = [10 ** (-0.59 * k ** -0.39) for k in (1, 10, 100, 1000)]
    >>> law = fit_power_law([1, 10, 100, 1000], curve, base=10)
    >>> round(law.a, 6), round(law.b, 6), law.loss
    (-0.59, -0.39, 'log-coverage')
    """
    grid, curve = _checked(ks, coverage)
    if reason := _too_little(curve):
        return PowerLaw(
            math.nan, math.nan, base, loss, points=int((curve > 0).sum()), reason=reason
        )
    a, b = (float(x[0]) for x in least_squares(np.log(grid), curve[None, :], loss))
    errors = _errors(grid, curve, a, b)
    return PowerLaw(
        a / math.log(base),
        b,
        base,
        loss,
        float(errors.mean()),
        float(errors.std()),
        int((curve > 0).sum()),
    )


def fit_power_law_to_counts(
    successes: npt.ArrayLike,
    samples: npt.ArrayLike,
    *,
    loss: Loss = "log-coverage",
    base: float = math.e,
    level: float = 0.95,
) -> PowerLawFit:
    """Fit the law to success counts, with intervals from leaving out one problem at a time.

    The curve is the exact coverage at `log_spaced` numbers of samples up to the smallest n.
    Intervals are those of the jackknife's pseudo-values: they hold where percentiles of the
    bootstrap are too short for a (benchmarks/intervals.py), and nothing in them is random. They
    speak about other problems of the same kind, and not about the law being true.

    Args:
        successes: correct samples per problem, shape (problems,).
        samples: samples per problem, shape (problems,) or one number.
        loss: see `fit_power_law`.
        base: base in which `a` is stated.
        level: nominal coverage of the intervals.

    >>> counts = [0, 1, 5, 20, 60, 3, 0, 0, 12, 90]
    >>> fit = fit_power_law_to_counts(counts, 100)
    >>> fit.b.low < fit.law.b < fit.b.high
    True
    """
    ks = log_spaced(int(np.min(samples)))
    solved = _curves(successes, samples, ks)
    law = fit_power_law(ks, solved.mean(axis=0), loss=loss, base=base)
    problems = solved.shape[0]
    left_out = (solved.sum(axis=0) - solved) / max(problems - 1, 1)
    reason = law.reason or _too_thin(left_out)
    if reason:
        unknown = (_unknown(value, reason, level, problems) for value in (law.a, law.b))
        return PowerLawFit(law, *unknown)
    a, b = least_squares(np.log(ks), left_out, loss)
    total = int(np.broadcast_to(samples, problems).sum())
    return PowerLawFit(
        law,
        jackknifed(law.a, a / math.log(base), level=level, samples=total),
        jackknifed(law.b, b, level=level, samples=total),
    )


def back_test_power_law(
    successes: npt.ArrayLike,
    samples: npt.ArrayLike,
    *,
    fit_to: int,
    ks: npt.ArrayLike,
    loss: Loss = "log-coverage",
) -> BackTest:
    """Fit the law to coverage at k <= `fit_to` and score it at the larger `ks`.

    The curve up to `fit_to` is the exact one of all samples, so this shows the error of the law's
    form alone; `backtest.back_test` also throws samples away, as someone who stopped at
    `fit_to` would have had to.

    >>> test = back_test_power_law([0, 2, 9, 40], 100, fit_to=20, ks=[100])
    >>> test.measured, round(test.predicted[0], 2)
    ((0.75,), 0.74)
    """
    grid = log_spaced(fit_to)
    far = np.atleast_1d(np.asarray(ks, dtype=np.int64))
    if far.min() <= fit_to:
        raise ValueError(f"a back-test scores beyond the fit: k = {far.min()} <= {fit_to}")
    law = fit_power_law(grid, _curves(successes, samples, grid).mean(axis=0), loss=loss)
    measured = _curves(successes, samples, far).mean(axis=0)
    return BackTest(
        law,
        fit_to,
        tuple(far.tolist()),
        tuple(law.coverage(k) for k in far),
        tuple(measured.tolist()),
    )


def attempts_to_reach(ks: npt.ArrayLike, coverage: npt.ArrayLike, target: float) -> float:
    """Return the k at which a measured curve reaches `target`, interpolated in log k.

    NaN where the curve starts above the target or never reaches it: measured curves are not
    extrapolated.

    >>> round(attempts_to_reach([1, 10, 100], [0.1, 0.3, 0.5], 0.4), 2)
    31.62
    """
    grid, curve = _checked(ks, coverage)
    if not curve[0] <= target <= curve[-1]:
        return math.nan
    after = int(np.searchsorted(curve, target))
    if after == 0:
        return float(grid[0])
    share = (target - curve[after - 1]) / (curve[after] - curve[after - 1])
    low, high = np.log(grid[after - 1 : after + 1])
    return float(np.exp(low + share * (high - low)))


def sample_factor(ks: npt.ArrayLike, coverage: npt.ArrayLike, start: float, end: float) -> float:
    """Return by what factor samples must grow to go from coverage `start` to `end`.

    Two curves that are horizontal shifts of one another have the same factor.

    >>> round(sample_factor([1, 10, 100], [0.1, 0.3, 0.5], 0.2, 0.4), 6)
    10.0
    """
    return attempts_to_reach(ks, coverage, end) / attempts_to_reach(ks, coverage, start)


def horizontal_shift(
    curves: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]], *, anchor: float | None = None
) -> HorizontalShift:
    """Slide coverage curves along log k so that all pass the anchor at the same place.

    Args:
        curves: name -> (ks, coverage).
        anchor: the common coverage; the largest coverage at one sample where None (the paper's).

    >>> k = [1, 10, 100, 1000]
    >>> small, large = [0.1, 0.2, 0.3, 0.4], [0.2, 0.3, 0.4, 0.5]
    >>> shift = horizontal_shift({"small": (k, small), "large": (k, large)})
    >>> {name: round(k, 6) for name, k in shift.attempts.items()}
    {'small': 10.0, 'large': 1.0}
    """
    checked = {name: _checked(*curve) for name, curve in curves.items()}
    level = max(curve[0] for _, curve in checked.values()) if anchor is None else anchor
    reached = {name: attempts_to_reach(*curve, level) for name, curve in checked.items()}
    missing = [name for name, k in reached.items() if math.isnan(k)]
    if missing:
        raise ValueError(f"coverage {level} is not on the measured curve of {missing[0]}")
    logs = {name: np.log(grid) - math.log(reached[name]) for name, (grid, _) in checked.items()}
    start = max(log[0] for log in logs.values())
    end = min(log[-1] for log in logs.values())
    common = np.linspace(start, end, CHECK_POINTS)
    stack = np.array([np.interp(common, logs[name], checked[name][1]) for name in checked])
    return HorizontalShift(float(level), reached, float(np.ptp(stack, axis=0).max()))


def _curves(successes: npt.ArrayLike, samples: npt.ArrayLike, ks: npt.ArrayLike) -> Floats:
    """Exact coverage of every problem at every k, shape (problems, ks)."""
    correct, total = judged_counts(successes, samples)
    if np.max(ks) > total.min():
        raise ValueError(f"k = {np.max(ks)} is beyond the {total.min()} samples of a problem")
    return coverage_of(correct, total, k=ks)


def _checked(ks: npt.ArrayLike, coverage: npt.ArrayLike) -> tuple[Floats, Floats]:
    grid, curve = np.asarray(ks, dtype=float), np.asarray(coverage, dtype=float)
    if grid.ndim != 1 or grid.shape != curve.shape:
        raise ValueError(f"one coverage per k is needed: shapes {grid.shape} and {curve.shape}")
    if len(grid) == 0 or grid[0] < 1 or (np.diff(grid) <= 0).any():
        raise ValueError("the numbers of samples k must increase from at least 1")
    if not ((curve >= 0) & (curve <= 1)).all():
        raise ValueError("coverage lies between 0 and 1")
    return grid, curve


def _too_little(curve: Floats) -> str:
    """Say why a curve determines no law, or nothing."""
    used = curve[curve > 0]
    if len(used) < 3:  # noqa: PLR2004 - two parameters and at least one degree of freedom
        return "fewer than three points with positive coverage"
    if used.min() == used.max():
        return "coverage does not change with k"
    return ""


def _errors(grid: Floats, curve: Floats, a: float, b: float) -> Floats:
    at = np.linspace(math.log(grid[0]), math.log(grid[-1]), CHECK_POINTS)
    return np.abs(np.interp(at, np.log(grid), curve) - np.exp(a * np.exp(b * at)))


def _too_thin(left_out: Floats) -> str:
    """Say why curves with one problem left out give no interval, or nothing."""
    if len(left_out) < 2:  # noqa: PLR2004 - a spread needs two
        return "1 problem says nothing about how problems differ; at least 2 are needed"
    if any(_too_little(curve) for curve in left_out):
        return "without one of the problems nothing determines the law"
    return ""


def _unknown(value: float, reason: str, level: float, problems: int) -> Estimate:
    return Estimate(value, math.nan, math.nan, level, "", problems, reason=reason)
