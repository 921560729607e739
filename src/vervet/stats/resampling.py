"""Uncertainty of means over problems: a closed form, the cluster bootstrap, bands, differences.

Every estimator of `stats` gives one value per problem that is exact given that problem's samples.
What is left is chance, of two kinds, and each interval says in `method` which it answers for:

- a *population of problems*: other problems of the same kind, each with fresh samples;
- *fixed problems*: fresh samples of the very same problems.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from vervet.stats.arrays import Floats, Ints
from vervet.stats.estimate import Estimate
from vervet.stats.jeffreys import jeffreys_limits
from vervet.stats.moments import moments, student

POPULATION = "population of problems"
RESAMPLES = 2000
ROUNDING = 1e-9
BEYOND = 1.25
"""How far beyond the largest difference seen the two half problems of a paired interval lie."""
MOST_MISSING = 0.05
"""A derived quantity that does not exist in more bootstrap samples than this has no interval."""


@dataclass(frozen=True, slots=True)
class Band:
    """A curve with an interval at every point, and a band that holds at all points at once."""

    value: Floats
    low: Floats
    high: Floats
    band_low: Floats
    """Together with `band_high`: the whole curve lies inside with the stated level."""
    band_high: Floats
    level: float
    method: str
    problems: Ints
    """Problems that count at each point."""
    excluded: Ints
    """Problems left out at each point, for want of samples."""
    samples: int = 0

    def at(self, index: int) -> Estimate:
        """Return one point as an estimate."""
        problems = int(self.problems[index])
        reason = "" if np.isfinite(self.low[index]) else no_interval(problems)
        return Estimate(
            float(self.value[index]),
            float(self.low[index]),
            float(self.high[index]),
            level=self.level,
            method=self.method,
            problems=problems,
            samples=self.samples,
            excluded=int(self.excluded[index]),
            reason=reason,
        )

    def estimates(self) -> tuple[Estimate, ...]:
        """Return every point as an estimate."""
        return tuple(self.at(index) for index in range(len(self.value)))


def too_few(problems: int) -> str:
    """Say why there is no interval."""
    if problems == 0:
        return "no problem has enough judged samples"
    return f"{problems} problem says nothing about how problems differ; at least 2 are needed"


def no_interval(problems: int) -> str:
    """Say why a point of a curve has no interval."""
    enough = problems > 1
    return "every problem has the same value: nothing to resample" if enough else too_few(problems)


def resample(problems: int, *, rng: np.random.Generator, resamples: int = RESAMPLES) -> Floats:
    """Return how often each problem occurs in each bootstrap sample, shape (resamples, problems).

    Use the same weights for everything that is compared, so that differences are paired.

    >>> resample(3, rng=np.random.default_rng(0), resamples=2).sum(axis=1)
    array([3., 3.])
    """
    drawn = rng.integers(max(problems, 1), size=(resamples, problems))
    drawn += problems * np.arange(resamples)[:, None]
    times = np.bincount(drawn.ravel(), minlength=resamples * problems)
    return times.reshape(resamples, problems).astype(np.float64)


def weighted_means(values: npt.ArrayLike, weights: Floats) -> Floats:
    """Return the mean over problems in every bootstrap sample, NaN values left out.

    Args:
        values: shape (problems, points).
        weights: shape (resamples, problems), from `resample`.

    Returns:
        Shape (resamples, points); NaN where a bootstrap sample holds no value.

    >>> weighted_means([[1.0], [np.nan]], np.array([[1.0, 1.0], [0.0, 2.0]]))
    array([[ 1.],
           [nan]])
    """
    array = np.asarray(values, dtype=np.float64)
    known = np.isfinite(array)
    sums = weights @ np.where(known, array, 0.0)
    counts = weights @ known.astype(np.float64)
    return np.where(counts > 0, sums / np.where(counts > 0, counts, 1.0), np.nan)


def mean_interval(values: npt.ArrayLike, *, level: float = 0.95, samples: int = 0) -> Estimate:
    """Return the mean over problems of values in 0..1, with its Jeffreys interval.

    Jeffreys' interval of a share, carried over to values anywhere in 0..1 (`stats.jeffreys`): for
    values 0 and 1 it is Jeffreys' own. It stays inside 0..1, follows the skewness of the values,
    and keeps a width where all problems agree.

    Raises:
        ValueError: a value lies outside 0..1.

    >>> mean_interval([1.0, 1.0, 0.0, 1.0])
    0.750 [0.283, 0.972]
    >>> mean_interval([0.5]).reason
    '1 problem says nothing about how problems differ; at least 2 are needed'
    """
    array = np.asarray(values, dtype=np.float64).reshape(-1, 1)
    return mean_curve(array, level=level, samples=samples).at(0)


def mean_curve(
    values: npt.ArrayLike,
    *,
    level: float = 0.95,
    samples: int = 0,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> Band:
    """Return the mean over problems at every point, with Jeffreys intervals and a band.

    The band holds the whole curve at once. It consists of the same limits at a larger quantile:
    that of the sup-t band of `resamples` bootstrap samples where `rng` is given, else Bonferroni's
    for 1 - (1 - level)/points, which is wider.

    Args:
        values: one value in 0..1 per problem and point, shape (problems, points); NaN is left out.
        level: nominal coverage of the intervals and of the band.
        samples: judged samples behind the values, only reported.
        rng: random generator for the band; the intervals need none.
        resamples: bootstrap samples for the band.

    Raises:
        ValueError: a value lies outside 0..1; `bootstrap_curve` takes any.

    >>> mean_curve([[0.0, 1.0], [0.5, 1.0], [1.0, np.nan]]).value
    array([0.5, 1. ])
    """
    array = np.asarray(values, dtype=np.float64)
    if not shares(array):
        raise ValueError("values must lie between 0 and 1; use bootstrap_curve for others")
    mean, _, problems = moments(array)
    single = float(ndtri((1 + level) / 2))
    joint = float(ndtri(1 - (1 - level) / 2 / max(len(mean), 1)))
    if rng is not None:
        draws = weighted_means(array, resample(len(array), rng=rng, resamples=resamples))
        joint = max(single, _critical(mean, draws, level)[0])
    low, high = jeffreys_limits(array, single)
    band_low, band_high = jeffreys_limits(array, joint)
    method = f"Jeffreys, values in 0..1 ({POPULATION})"
    left_out = len(array) - problems
    return Band(mean, low, high, band_low, band_high, level, method, problems, left_out, samples)


def shares(values: Floats) -> bool:
    """Tell whether every known value lies between 0 and 1, rounding forgiven."""
    known = values[np.isfinite(values)]
    return bool(np.all((known >= -ROUNDING) & (known <= 1 + ROUNDING)))


def bootstrap_curve(
    values: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    samples: int = 0,
) -> Band:
    """Return the mean over problems at every point, with the cluster bootstrap over problems.

    A problem is drawn with all its samples. Pointwise limits are percentiles, widened by
    √(P/(P-1)) and Student's t over the normal quantile, for the bootstrap is too narrow by that
    much; the band is the sup-t band of the same bootstrap samples. For values in 0..1 `mean_curve`
    is nearer to its nominal level. Where all problems agree there is no interval.

    Args:
        values: shape (problems, points), of any range; NaN is left out.
        rng: random generator; the same seed gives the same limits.
        resamples: bootstrap samples.
        level: nominal coverage.
        samples: judged samples behind the values, only reported.

    Source: Efron 1979; the widening is Hesterberg 2015, sect. 5.3; sup-t bands are Montiel
    Olea and Plagborg-Møller 2019.
    """
    array = np.asarray(values, dtype=np.float64)
    mean, spread, problems = moments(array)
    draws = weighted_means(array, resample(len(array), rng=rng, resamples=resamples))
    low, high = percentiles(draws, problems=problems, level=level)
    band_low, band_high = sup_t(mean, draws, problems=problems, level=level)
    flat = ~(spread > 0)
    sides = (low, high, band_low, band_high)
    low, high, band_low, band_high = (np.where(flat, np.nan, side) for side in sides)
    method = f"bootstrap of problems, {resamples} draws ({POPULATION})"
    left_out = len(array) - problems
    return Band(mean, low, high, band_low, band_high, level, method, problems, left_out, samples)


def percentiles(draws: Floats, *, problems: npt.ArrayLike, level: float) -> tuple[Floats, Floats]:
    """Return the limits of bootstrap draws, shape (resamples, points), widened for few problems.

    The percentiles taken are `Φ(±t √(P/(P-1)))` rather than `Φ(±z)`; NaN below two problems.

    Source: Hesterberg 2015 (expanded percentiles), sect. 5.3.

    >>> low, high = percentiles(np.arange(1001.0)[:, None], problems=1000, level=0.9)
    >>> low.round(), high.round()
    (array([50.]), array([950.]))
    """
    tail = ndtr(-_widening(problems, draws.shape[1]) * student(problems, level))
    low, high = np.full(draws.shape[1], np.nan), np.full(draws.shape[1], np.nan)
    for point, share in enumerate(np.broadcast_to(tail, low.shape)):
        known = draws[np.isfinite(draws[:, point]), point]
        if len(known) and np.isfinite(share):
            low[point], high[point] = np.quantile(known, [share, 1 - share])
    return low, high


def sup_t(
    mean: Floats, draws: Floats, *, problems: npt.ArrayLike, level: float
) -> tuple[Floats, Floats]:
    """Return a band that holds the whole curve at once, from bootstrap draws of it.

    `mean ± c·se` with c the `level` quantile of max over points of |draw - mean| / se.

    Source: Montiel Olea and Plagborg-Møller 2019, algorithm 2.
    """
    critical, error = _critical(mean, draws, level)
    wide = critical * error * _widening(problems, len(mean))
    wide = wide * student(problems, level) / ndtri((1 + level) / 2)
    return mean - wide, mean + wide


def _critical(mean: Floats, draws: Floats, level: float) -> tuple[float, Floats]:
    """Return the `level` quantile of max |draw - mean| / se over points, and every point's se."""
    gap = np.where(np.isfinite(draws), draws - mean, 0.0)
    known = np.maximum(np.isfinite(draws).sum(axis=0), 1)
    error = np.sqrt((gap**2).sum(axis=0) / known)
    largest = np.max(np.abs(gap) / np.where(error > 0, error, 1.0), axis=1, initial=0.0)
    return float(np.quantile(largest, level)) if largest.size else np.nan, error


def _widening(problems: npt.ArrayLike, points: int) -> Floats:
    """Return √(P/(P-1)), NaN below two problems."""
    count = np.broadcast_to(np.asarray(problems, dtype=np.float64), (points,))
    return np.sqrt(np.where(count > 1, count / np.maximum(count - 1, 1), np.nan))


def derived(
    value: float, draws: npt.ArrayLike, *, level: float = 0.95, problems: int = 0, what: str = ""
) -> Estimate:
    """Return any quantity computed from the data, with the interval of its bootstrap draws.

    Args:
        value: the quantity on the data themselves.
        draws: the same quantity on every bootstrap sample; NaN where it does not exist.
        level: nominal coverage.
        problems: problems behind it.
        what: what it is, for `method`.

    More than one draw in twenty without a value leaves no interval, and `reason` says so.

    >>> derived(2.0, np.linspace(1, 3, 2001), problems=100)
    2.000 [1.046, 2.954]
    """
    vector = np.asarray(draws, dtype=np.float64).reshape(-1, 1)
    missing = float(np.mean(~np.isfinite(vector))) if vector.size else 1.0
    reason = ""
    if not np.isfinite(value):
        reason = "the quantity does not exist on these data"
    elif missing > MOST_MISSING:
        reason = f"{missing:.0%} of the bootstrap samples have no such quantity"
    elif problems < 2:  # noqa: PLR2004 - a spread needs two
        reason = too_few(problems)
    low, high = percentiles(vector, problems=problems, level=level)
    if not reason and not low[0] < high[0]:
        reason = "every bootstrap sample gives the same value"
    blank = bool(reason)
    return Estimate(
        float(value),
        np.nan if blank else float(low[0]),
        np.nan if blank else float(high[0]),
        level=level,
        method=f"{what}, bootstrap of problems ({POPULATION})".removeprefix(", "),
        problems=problems,
        reason=reason,
    )


def paired_difference(
    first: npt.ArrayLike, second: npt.ArrayLike, *, level: float = 0.95, samples: int = 0
) -> Estimate:
    """Return mean(first) - mean(second) over the problems both have, with a paired interval.

    What the two have in common cancels. The interval is that of `stats.jeffreys`, with the half
    problems at ±5/4 of the largest difference seen (for values in 0..1 at most 1): it follows the
    skewness that Student's interval ignores. Where no problem differs there is no interval, and
    `reason` says so.

    Args:
        first: one value per problem (a model, policy or verifier); NaN is left out.
        second: the other's value on the same problems.
        level: nominal coverage.
        samples: judged samples behind the values, only reported.

    Source: pairing: Miller 2024 (2411.00640), sect. 4; coverage: benchmarks/intervals.py.

    >>> paired_difference([1.0, 0.5, 0.75], [0.5, 0.5, 0.5])
    0.250 [-0.216, 0.464]
    """
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != two.shape or one.ndim != 1:
        raise ValueError(f"values of shape {one.shape} and {two.shape}: one per problem is needed")
    gaps = (one - two)[:, None]
    mean, spread, problems = (side[0] for side in moments(gaps))
    reason = "" if problems > 1 else too_few(int(problems))
    if not reason and not spread > 0:
        reason = "the two agree on every problem"
    bounded = shares(one) and shares(two)
    low, high = (np.nan,) * 2 if reason else _paired_limits(gaps, level, bounded=bounded)
    return Estimate(
        float(mean),
        low,
        high,
        level=level,
        method=f"Jeffreys, paired differences ({POPULATION})",
        problems=int(problems),
        samples=samples,
        excluded=len(one) - int(problems),
        reason=reason,
    )


def jackknifed(
    value: float, left_out: Floats, *, level: float = 0.95, samples: int = 0
) -> Estimate:
    """Return any smooth function of the problems, with the interval of its pseudo-values.

    Tukey's pseudo-values, P θ - (P-1) θ₋ᵢ, are one per problem; they are bounded as paired
    differences are, so that the interval follows their skewness.

    Args:
        value: θ on all problems.
        left_out: θ without each problem in turn, shape (problems,), at least two.
        level: nominal coverage.
        samples: judged samples behind it, only reported.

    Source: Tukey 1958; Miller 1974 (the jackknife: a review); coverage: benchmarks/intervals.py.

    >>> values = np.array([1.0, 2.0, 4.0])
    >>> jackknifed(values.mean(), (values.sum() - values) / 2)
    2.333 [1.106, 3.644]
    """
    gaps = (len(left_out) - 1) * (value - left_out)[:, None]
    reason = "" if np.ptp(gaps) > 0 else "no problem changes it"
    low, high = (np.nan,) * 2 if reason else _paired_limits(gaps, level, bounded=False)
    return Estimate(
        value,
        value + min(low, 0.0),
        value + max(high, 0.0),
        level=level,
        method=f"jackknife of problems ({POPULATION})",
        problems=len(left_out),
        samples=samples,
        reason=reason,
    )


def _paired_limits(gaps: Floats, level: float, *, bounded: bool) -> tuple[float, float]:
    """Return the limits of the mean of differences, shape (problems, 1), that are not all equal."""
    end = BEYOND * float(np.nanmax(np.abs(gaps)))
    end = min(end, 1.0) if bounded else end
    low, high = jeffreys_limits((gaps / end + 1) / 2, float(ndtri((1 + level) / 2)))
    return float((2 * low[0] - 1) * end), float((2 * high[0] - 1) * end)
