"""Wilson's interval for a mean over problems, with the effective number of problems."""

import numpy as np
import numpy.typing as npt
from scipy import stats

from vervet.stats.arrays import Floats, Ints

TINY = 1e-30
HALF = 0.5
SKEW = 3.0
"""How far the longer tail is extended, in units of the second-order correction: the skewness of
few problems underrates that of their population. Chosen in simulation, benchmarks/intervals.py."""


def moments(values: Floats) -> tuple[Floats, Floats, Ints]:
    """Return mean, variance over problems (P - 1 in the denominator) and problems per point."""
    known = np.isfinite(values)
    problems = known.sum(axis=0)
    mean = np.where(problems > 0, np.where(known, values, 0.0).sum(axis=0), np.nan)
    mean = mean / np.maximum(problems, 1)
    squares = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0)
    spread = np.where(problems > 1, squares / np.maximum(problems - 1, 1), np.nan)
    return mean, spread, problems


def skewness(values: Floats) -> Floats:
    """Return the third standardised moment over problems per point, 0 where all agree."""
    mean, spread, problems = moments(values)
    known = np.isfinite(values)
    cubes = np.where(known, (values - mean) ** 3, 0.0).sum(axis=0) / np.maximum(problems, 1)
    scale = np.where(spread > 0, spread * (problems - 1) / np.maximum(problems, 1), 1.0)
    return np.where(spread > 0, cubes / scale**1.5, 0.0)


def deciding(values: Floats) -> Floats:
    """Return how many problems decide the distance of each mean from the nearer of 0 and 1.

    `(Σ d)² / Σ d²` with d the distance of a problem's value from that end: 1 where a single
    problem is not like all others, P where all are equally far.

    >>> deciding(np.array([[1.0, 0.2], [1.0, 0.2], [0.4, 0.2]]))
    array([1., 3.])
    """
    mean, _, _ = moments(values)
    far = np.where(np.isfinite(values), np.where(mean > HALF, 1 - values, values), 0.0)
    return np.asarray(far.sum(axis=0) ** 2 / np.maximum((far**2).sum(axis=0), TINY))


def wilson_limits(values: Floats, level: float) -> tuple[Floats, Floats]:
    """Return Wilson's limits with the effective number of problems, NaN below two problems.

    Three refinements, all measured in `benchmarks/intervals.py`: a spread that fewer than five
    problems decide is not trusted, and counts as that of plain successes; the quantile moves
    from Student's (values that differ in size, whose spread had to be estimated) to the normal
    one (all values 0 or 1, whose spread the mean implies); and the longer tail is extended by
    `SKEW · se · excess (1 + 2q²)/6`, the excess being the skewness that Wilson's form lacks.
    """
    mean, spread, problems = moments(values)
    binary = np.clip(mean * (1 - mean), 0.0, None)
    alike = ~(spread > 0)
    effective = np.where(alike, problems, problems * binary / np.where(alike, 1.0, spread))
    trust = np.clip((deciding(values) - 2) / 3, 0.0, 1.0)
    surplus = np.maximum(effective - problems, 0.0)
    effective = np.minimum(effective, problems) + trust * surplus
    normal = stats.norm.ppf((1 + level) / 2)
    quantile = student(problems, level)
    quantile += (normal - quantile) * np.clip(problems / np.maximum(effective, TINY), 0, 1)
    z2 = quantile**2 / np.maximum(effective, TINY)
    centre = (mean + z2 / 2) / (1 + z2)
    half = np.sqrt(z2 * binary + z2**2 / 4) / (1 + z2)
    implied = (1 - 2 * mean) / np.sqrt(np.maximum(binary * effective, TINY))
    seen = skewness(values) / np.sqrt(np.maximum(problems, 1))
    excess = np.where(seen * implied >= 0, np.maximum(np.abs(seen) - np.abs(implied), 0.0), 0.0)
    tail = SKEW * np.sqrt(np.where(alike, 0.0, spread) / np.maximum(problems, 1))
    tail *= np.sign(seen) * excess * (1 + 2 * quantile**2) / 6
    low = np.minimum(np.maximum(centre - half + np.minimum(tail, 0), 0.0), mean)
    high = np.maximum(np.minimum(centre + half + np.maximum(tail, 0), 1.0), mean)
    return np.where(problems > 1, low, np.nan), np.where(problems > 1, high, np.nan)


def student(problems: npt.ArrayLike, level: float) -> Floats:
    """Return Student's quantile for P - 1 degrees of freedom."""
    degrees = np.maximum(np.asarray(problems, dtype=np.float64) - 1, 1)
    return np.asarray(stats.t.ppf((1 + level) / 2, degrees))
