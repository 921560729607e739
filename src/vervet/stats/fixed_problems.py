"""Intervals for these very problems: only the chance of which samples were drawn."""

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, ndtri

from vervet.stats.arrays import Floats, Ints, attempts, counts_of
from vervet.stats.coverage import coverage, miss_table
from vervet.stats.estimate import Estimate

FIXED = "fixed problems"
JEFFREYS = 0.5


def coverage_variance(correct: npt.ArrayLike, total: npt.ArrayLike, *, k: npt.ArrayLike) -> Floats:
    """Return the sampling variance of each problem's coverage@k, shape (problems, len(k)).

    `E[Var(estimate | p)] = Σ_c P(c) miss_k(c)² - E[(1-p)^2k]` with p ~ Beta(C + 1/2, N - C + 1/2),
    P(c) the beta-binomial law of the count a rerun of N samples would show, and
    `miss_k(c) = C(N-c, k)/C(N, k)`. Unlike a jackknife it is not zero where C = 0, and it exists
    at k = N. NaN where k > N.

    >>> coverage_variance([0, 50], 100, k=1).round(4)
    array([[0.    ],
           [0.0025]])
    """
    hits, totals = counts_of(correct, total)
    ks = attempts(k)
    pairs, inverse = np.unique(np.stack([hits, totals], axis=1), axis=0, return_inverse=True)
    rows = np.array([_variance(int(hit), int(size), ks) for hit, size in pairs])
    return np.asarray(rows.reshape(len(pairs), len(ks))[inverse.ravel()])


def _variance(hit: int, size: int, ks: Ints) -> Floats:
    """Return the sampling variance of one problem at every k."""
    right, wrong = hit + JEFFREYS, size - hit + JEFFREYS
    seen = np.arange(size + 1)
    ways = -np.log(size + 1) - betaln(size - seen + 1, seen + 1)
    law = np.exp(ways + betaln(seen + right, size - seen + wrong) - betaln(right, wrong))
    result = np.full(len(ks), np.nan)
    for place in np.flatnonzero(ks <= size):
        k = int(ks[place])
        square = np.exp(betaln(right, wrong + 2 * k) - betaln(right, wrong))
        result[place] = max(float(law @ miss_table(size, k) ** 2 - square), 0.0)
    return result


def fixed_coverage(
    correct: npt.ArrayLike, total: npt.ArrayLike, *, k: npt.ArrayLike, level: float = 0.95
) -> tuple[Estimate, ...]:
    """Return mean coverage@k over these problems, with the interval of fresh samples of them.

    The right interval for "would a rerun on this benchmark move the number?"; for "on other
    problems of the kind?" use `resampling.mean_curve`, which is wider.

    >>> fixed_coverage([50, 20], 100, k=1)
    (0.350 [0.290, 0.415],)
    """
    values = coverage(correct, total, k=k)
    return tuple(
        fixed_interval(values[:, place], variances, level=level)
        for place, variances in enumerate(coverage_variance(correct, total, k=k).T)
    )


def fixed_interval(
    values: npt.ArrayLike, variances: npt.ArrayLike, *, level: float = 0.95
) -> Estimate:
    """Return a mean over fixed problems from each problem's value and sampling variance.

    `Var = Σ variance_i / P²`, in Wilson's form with the effective number m(1-m)/Var, so that the
    limits stay inside 0..1. Problems with an unknown value or variance are left out.

    Args:
        values: one value in 0..1 per problem.
        variances: its variance given the problem, from `coverage_variance` or a bootstrap of the
            problem's samples.
        level: nominal coverage.
    """
    value, variance = np.asarray(values, dtype=float), np.asarray(variances, dtype=float)
    known = ~np.isnan(value) & ~np.isnan(variance)
    problems = int(known.sum())
    mean = float(value[known].mean()) if problems else np.nan
    spread = float(variance[known].sum()) / max(problems, 1) ** 2
    reason = "" if problems else "no problem has enough judged samples"
    if not reason and not spread > 0:
        reason = "the samples leave no variance"
    low, high = (np.nan, np.nan) if reason else _limits(mean, spread, level)
    return Estimate(
        mean,
        low,
        high,
        level=level,
        method=f"Wilson, effective samples ({FIXED})",
        problems=problems,
        excluded=len(value) - problems,
        reason=reason,
    )


def _limits(mean: float, spread: float, level: float) -> tuple[float, float]:
    """Return Wilson's limits for a mean of variance `spread`."""
    binary = mean * (1 - mean)
    z = float(ndtri((1 + level) / 2))
    z2 = z * z * spread / binary if binary > 0 else z * z * spread**0.5
    centre, half = (mean + z2 / 2) / (1 + z2), np.sqrt(z2 * binary + z2 * z2 / 4) / (1 + z2)
    return max(float(centre - half), 0.0), min(float(centre + half), 1.0)
