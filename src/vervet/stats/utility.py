"""What a verifier's mistakes cost: the best limit on attempts, and when no budget helps."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Floats, attempts
from vervet.stats.estimate import Estimate
from vervet.stats.first_accepted import FirstAccepted
from vervet.stats.resampling import RESAMPLES, derived, paired_difference, resample, weighted_means

FLAT = 4.0
"""A curve is flat when limits this factor apart cannot be told from the best one."""


def break_even_precision(cost: float) -> float:
    """Return the precision above which returning an accepted sample pays: `c / (1 + c)`.

    >>> break_even_precision(4.0)
    0.8
    """
    if cost < 0:
        raise ValueError(f"the cost of a false positive cannot be negative, got {cost}")
    return cost / (1 + cost)


@dataclass(frozen=True, slots=True)
class BestLimit:
    """The number of attempts with the highest expected reward; 0 is to abstain always."""

    k: int
    reward: Estimate
    """Mean reward over problems at `k`."""
    low: float
    """Interval of the best k: all between limits that a one-sided test against the best leaves."""
    high: float
    near: tuple[int, int]
    """Smallest and largest limit whose reward is not significantly below the best one's."""
    flat: bool
    """The reward hardly depends on the limit: `near` spans a factor of four or more."""
    note: str
    """One line for people."""


def best_limit(
    outcome: FirstAccepted,
    *,
    cost: float,
    rng: np.random.Generator,
    sample_cost: float = 0.0,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> BestLimit:
    """Return the best limit K on attempts under a cost ratio, with intervals over problems.

    Reward: 1 for a right sample, -cost for a wrong one, 0 for abstaining, -sample_cost per draw.

    Args:
        outcome: from `first_accepted`, at every K to be considered.
        cost: what a returned wrong sample costs, in units of a right one's worth.
        rng: random generator of the bootstrap.
        sample_cost: what one draw and its verification cost, in the same units.
        resamples: bootstrap samples of problems.
        level: nominal coverage.

    Source: 2411.17501, sect. 4 and its optimal-K table.

    >>> from vervet.stats.first_accepted import first_accepted
    >>> outcome = first_accepted([8, 0], [8, 2], 10, k=range(1, 11))
    >>> best_limit(outcome, cost=2.0, rng=np.random.default_rng(0)).k
    1
    """
    rewards = outcome.reward(cost, sample_cost=sample_cost)
    usable = ~np.isnan(rewards).any(axis=1)
    if not usable.any():
        raise ValueError(f"no problem has {outcome.k.max()} samples; ask for smaller limits k")
    rewards = np.column_stack([np.zeros(usable.sum()), rewards[usable]])
    limits = np.concatenate([[0], outcome.k])
    mean = rewards.mean(axis=0)
    best = int(np.argmax(mean))
    draws = weighted_means(rewards, resample(len(rewards), rng=rng, resamples=resamples))
    behind = draws[:, [best]] - draws
    one, two = (np.quantile(behind, tail, axis=0) for tail in (1 - level, (1 - level) / 2))
    inside, close = limits[one <= 0], limits[two <= 0]
    low, high = (inside.min(), inside.max()) if len(rewards) > 1 else (np.nan, np.nan)
    near = (int(close.min()), int(close.max()))
    reward = derived(
        float(mean[best]), draws[:, best], level=level, problems=len(rewards), what="reward"
    )
    flat = near[1] >= FLAT * max(near[0], 1)
    return BestLimit(
        int(limits[best]), reward, float(low), float(high), near, flat, _note(near, flat=flat)
    )


def _note(near: tuple[int, int], *, flat: bool) -> str:
    """Say how sharp the best limit is."""
    if near[0] == near[1]:
        return f"only {near[0]} is best"
    words = "flat: any limit" if flat else "any limit"
    return f"{words} from {near[0]} to {near[1]} does as well, within chance"


def marginal_gain(
    true_positive: npt.ArrayLike,
    false_positive: npt.ArrayLike,
    *,
    k: npt.ArrayLike,
    cost: float,
    sample_cost: float = 0.0,
) -> Floats:
    """Return what allowing a k-th attempt adds, for fresh samples; stop when it turns negative.

    `G(k) = mean_i (1-a_i)^(k-1) (tp_i - c fp_i - m)` with a_i = tp_i + fp_i and m the cost of
    an attempt, shape (len(k),).

    Args:
        true_positive: tp_i, chance per problem that a sample is accepted and right.
        false_positive: fp_i, chance per problem that it is accepted and wrong.
        k: attempts.
        cost: of a returned wrong sample.
        sample_cost: of one attempt.

    Source: derived from 2411.17501, sect. 4.

    >>> marginal_gain([0.5, 0.0], [0.0, 0.1], k=[1, 2, 9], cost=2.0).round(3)
    array([ 0.15 ,  0.035, -0.042])
    """
    right, wrong = np.asarray(true_positive, dtype=float), np.asarray(false_positive, dtype=float)
    gain = right - cost * wrong - sample_cost
    alive = (1 - right - wrong)[:, None] ** (attempts(k) - 1)
    return np.asarray((alive * gain[:, None]).mean(axis=0))


@dataclass(frozen=True, slots=True)
class StrongAgainstWeak:
    """Whether resampling the weak model can ever match one call of the strong one."""

    difference: Estimate
    """Strong model's accuracy minus the weak one's accuracy given acceptance."""
    verdict: str
    """`no budget suffices`, `a budget may suffice`, or `undecided`."""


def strong_against_weak(
    strong: npt.ArrayLike, weak_given_accept: npt.ArrayLike, *, level: float = 0.95
) -> StrongAgainstWeak:
    """Apply the rule: if P_strong(right) > P_weak(right | accept), no budget is enough.

    Paired over the problems the weak model ever accepts.

    Args:
        strong: accuracy of one call of the strong model, per problem.
        weak_given_accept: T_i/A_i of the weak one, NaN where it never accepts.
        level: nominal coverage.

    Source: 2411.17501, sect. 3.

    >>> strong_against_weak([0.9, 0.8, 1.0] * 4, [0.5, 0.5, 0.4] * 4).verdict
    'no budget suffices'
    """
    gap = paired_difference(strong, weak_given_accept, level=level)
    if gap.low > 0:
        return StrongAgainstWeak(gap, "no budget suffices")
    return StrongAgainstWeak(gap, "a budget may suffice" if gap.high < 0 else "undecided")
