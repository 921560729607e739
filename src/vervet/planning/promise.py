"""Choosing the best of many policies, and what the chosen one may be promised to bring."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vervet.planning.archive import Floats, Ints
from vervet.planning.outcome import Averages
from vervet.planning.terms import Terms
from vervet.stats.estimate import Estimate
from vervet.stats.resampling import mean_interval

FOLDS, REPEATS = 10, 5
SQRT2 = 2**0.5


@dataclass(frozen=True, slots=True)
class Promise:
    """What the chosen policy brings on problems that had no part in choosing it."""

    accuracy: Estimate
    """Its interval is for the accuracy on as many new problems: it holds their chance as well."""
    population: Estimate
    """The same value; its interval is for the mean over all problems of this kind."""
    wrong: Estimate
    abstained: Estimate
    value: float
    optimism: float
    """How much better the winner looked where it was chosen: what the correction took off."""


def worth(found: Averages, terms: Terms) -> Floats:
    """Return right − c wrong − a abstained, by problem."""
    lost = terms.false_positive_cost * found.wrong + terms.abstain_cost * found.abstained
    return np.asarray(found.right - lost)


def choose(values: Floats, costs: Floats, waits: Floats, limits: tuple[float, float]) -> int:
    """Return the policy worth most within the limits; equals go to the cheaper.

    Arrays have shape (policies, problems); `limits` bound the mean cost and the mean seconds.
    Where nothing fits, the cheapest is returned.
    """
    worth, paid, wait = np.nanmean(values, axis=1), costs.mean(axis=1), waits.mean(axis=1)
    fits = np.isfinite(worth)
    for spent, limit in ((paid, limits[0]), (wait, limits[1])):
        if np.isfinite(limit):
            fits &= spent <= limit  # what is not known does not fit
    known = np.where(np.isfinite(paid), paid, np.inf)
    if not fits.any():
        return int(known.argmin())
    best = np.where(fits, worth, -np.inf).max()
    return int(np.where(fits & (worth >= best - 1e-12), known, np.inf).argmin())


def promise(
    values: Floats,
    costs: Floats,
    waits: Floats,
    limits: tuple[float, float],
    *,
    parts: Sequence[Averages],
    seed: int = 0,
) -> Promise:
    """Return what the choice brings on problems left out of it, by repeated cross-fitting."""
    rng = np.random.default_rng(seed)
    winners = np.array(
        [_winners(fold, values, costs, waits, limits) for fold in _folds(values.shape[1], rng)]
    )
    best = choose(values, costs, waits, limits)
    place = np.arange(values.shape[1])

    def held_out(name: str) -> Floats:
        table = np.array([getattr(part, name) for part in parts])
        return np.asarray(table[winners, place].mean(axis=0))

    accuracy = mean_interval(held_out("right"))
    value = float(np.nanmean(values[winners, place].mean(axis=0)))
    return Promise(
        ahead(accuracy),
        accuracy,
        mean_interval(held_out("wrong")),
        mean_interval(held_out("abstained")),
        value,
        float(np.nanmean(values[best])) - value,
    )


def ahead(estimate: Estimate) -> Estimate:
    """Widen an interval of a mean to one for the mean of as many new problems.

    The difference of two such means has twice the variance: √2 × each half of the interval.

    >>> ahead(Estimate(0.5, 0.4, 0.6, problems=40))
    0.500 [0.359, 0.641]
    """
    low = max(0.0, estimate.value - SQRT2 * (estimate.value - estimate.low))
    high = min(1.0, estimate.value + SQRT2 * (estimate.high - estimate.value))
    method = f"cross-fitting over problems; {estimate.method}, for as many new problems"
    return Estimate(
        estimate.value, low, high, estimate.level, method, estimate.problems,
        estimate.samples, estimate.excluded, estimate.reason,
    )  # fmt: skip


def _folds(problems: int, rng: np.random.Generator) -> Iterator[Ints]:
    """Yield, for each repetition, the fold of every problem."""
    for _ in range(REPEATS):
        yield rng.permutation(problems) % min(FOLDS, problems)


def _winners(
    fold: Ints, values: Floats, costs: Floats, waits: Floats, limits: tuple[float, float]
) -> Ints:
    """Return, for every problem, the policy chosen without its fold."""
    winners = np.zeros(len(fold), dtype=np.int64)
    for number in np.unique(fold):
        rest = fold != number if len(fold) > 1 else fold == number
        winners[fold == number] = choose(values[:, rest], costs[:, rest], waits[:, rest], limits)
    return winners
