"""How many more samples, or problems, a forecast of a wanted width needs.

The data of a larger run are imagined at their expectation: problems at the quantiles of the
pooled difficulty distribution, each with the success count of a fixed, evenly spread quantile.
The imagined counts are then forecast as real ones are. No randomness: the same counts give the
same plan. Widths are those to expect on average; a real draw varies around them.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, bdtrik

from vervet.stats.arrays import Floats, Ints
from vervet.stats.families import families, posterior, rates
from vervet.stats.forecast import forecast_coverage
from vervet.stats.thinning import judged_counts

GOLDEN = (math.sqrt(5) - 1) / 2
STEPS = 12
LEAST_RATE = 1e-300
"""The binomial's inverse is not defined at a rate of 0."""


@dataclass(frozen=True, slots=True)
class RunSize:
    """One size of run: samples per problem, problems, and the interval width to expect."""

    samples: int
    problems: int
    width: float
    extra: int
    """Samples to draw beyond those in hand, in total."""


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """Ways to reach a wanted width of the forecast at k, cheapest first."""

    k: int
    width: float
    level: float
    now: RunSize
    options: tuple[RunSize, ...]
    """Smallest runs that reach the width, for each number of problems tried; may be empty."""
    reason: str = ""
    """Why there is no option; empty otherwise."""

    @property
    def best(self) -> RunSize | None:
        """The option with the fewest extra samples."""
        return self.options[0] if self.options else None


def plan_samples(
    successes: npt.ArrayLike,
    samples: npt.ArrayLike,
    k: int,
    width: float,
    *,
    level: float = 0.9,
    problem_factors: tuple[float, ...] = (1.0, 2.0, 4.0),
) -> SamplePlan:
    """Return the smallest runs whose forecast at k is expected to be at most `width` wide.

    Args:
        successes: correct samples per problem so far, shape (problems,).
        samples: samples per problem so far.
        k: where coverage is forecast.
        width: wanted width of the interval (0.1 is ten percentage points).
        level: nominal coverage of the interval.
        problem_factors: numbers of problems to consider, as multiples of those in hand.

    Raises:
        ValueError: a width outside (0, 1), or k not beyond the samples in hand.

    >>> counts = [0] * 30 + [1] * 8 + [3] * 6 + [20] * 6
    >>> plan = plan_samples(counts, 50, 5000, 0.25)
    >>> plan.now.width > 0.25 >= plan.best.width
    True
    """
    correct, total = judged_counts(successes, samples)
    if not 0 < width < 1:
        raise ValueError(f"a width of coverage lies between 0 and 1, not {width}")
    if k <= total.max():
        raise ValueError(f"k = {k} is not beyond the {total.max()} samples in hand")
    now = forecast_coverage(correct, total, [k], level=level).estimates[0]
    size = RunSize(int(total.max()), len(correct), now.high - now.low, 0)
    density = _pooled_density(correct, total)
    found = [
        _smallest(density, size, round(len(correct) * factor), k=k, width=width, level=level)
        for factor in problem_factors
    ]
    options = tuple(sorted((o for o in found if o), key=lambda option: option.extra))
    reason = "" if options else f"no run of fewer than k = {k} samples gets that narrow"
    return SamplePlan(k, width, level, size, options, reason)


def expected_counts(density: Floats, problems: int, samples: int) -> Ints:
    """Return the success counts to expect of `problems` problems with difficulty `density`.

    Problems sit at the middle quantiles of difficulty; their binomial quantiles follow the
    golden-ratio sequence, which is as even as random draws are uneven.
    """
    middle = (np.arange(problems) + 0.5) / problems
    place = np.searchsorted(np.cumsum(density), middle).clip(max=len(density) - 1)
    chance = np.asarray((np.arange(1, problems + 1) * GOLDEN) % 1.0, dtype=np.float64)
    return _binomial_quantile(chance, samples, rates()[place])


def _binomial_quantile(chance: Floats, samples: int, rate: Floats) -> Ints:
    """Return the smallest count whose distribution function reaches `chance`."""
    above = np.ceil(bdtrik(chance, samples, np.maximum(rate, LEAST_RATE)))
    below = np.maximum(above - 1, 0)
    quantile = np.where(bdtr(below, samples, rate) >= chance, below, above)
    return np.asarray(np.clip(np.nan_to_num(quantile), 0, samples), dtype=np.int64)


def _pooled_density(correct: Ints, total: Ints) -> Floats:
    updates = [posterior(family, correct, total) for family in families()]
    return np.asarray(np.mean([update.density() for update in updates], axis=0))


def _smallest(
    density: Floats, now: RunSize, problems: int, *, k: int, width: float, level: float
) -> RunSize | None:
    """Return the first narrow run on a geometric ladder of samples per problem up to k.

    Widths shrink along the ladder, but for rounding: it is halved, not walked, and where its last
    step is still too wide there is no such run.
    """

    def run(samples: int) -> RunSize:
        counts = expected_counts(density, problems, samples)
        estimate = forecast_coverage(counts, samples, [k], level=level).estimates[0]
        extra = problems * samples - now.problems * now.samples
        return RunSize(samples, problems, estimate.high - estimate.low, extra)

    ladder = _ladder(now, problems, k=k, width=width)
    best = run(ladder[-1]) if ladder else None
    if best is None or best.width > width:
        return None
    first, last = 0, len(ladder) - 1
    while first < last:
        middle = (first + last) // 2
        tried = run(ladder[middle])
        if tried.width <= width:
            best, last = tried, middle
        else:
            first = middle + 1
    return best


def _ladder(now: RunSize, problems: int, *, k: int, width: float) -> list[int]:
    """Return samples per problem to try: more than are in hand, and the run in hand if narrow."""
    steps = np.unique(np.geomspace(now.samples, k - 1, STEPS).astype(int)).tolist()
    extra = [problems * samples - now.problems * now.samples for samples in steps]
    least = 0 if now.width <= width else 1
    return [samples for samples, more in zip(steps, extra, strict=True) if more >= least]
