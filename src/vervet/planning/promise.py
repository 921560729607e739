"""Choosing the best of many policies, and what the chosen one may be promised to bring.

The winner of a comparison looks better on the problems it was chosen on than it is. How much better
is measured where it can be: the problems are split into folds, the whole choice is repeated without
each fold, and what its winner brings on that fold is compared with what it brings where it was
chosen. That difference is taken off what the chosen policy itself brings:

    promised = own(chosen) + mean over folds (left out(winner) − seen(winner))

It is promised for the chosen policy and not for the winners of the folds, which may answer, abstain
and cost otherwise though they are worth as much.

The interval is for the mean over as many *new* problems, so it holds two kinds of chance: what the
mean over all such problems may be, by Jeffreys' interval [low, high] of what was left out (the mean
of its limits over the repetitions), and how the new problems fall, which is symmetric, of half its
width m = (high − low)/2 and of no size of its own:

    promised − √((v − low)² + m²) … promised + √((high − v)² + m²)

both wider by Student's quantile over the normal's. Costs have no upper end; their interval is that
of the logarithm of a mean, ± t √2 s/(mean √P). Measured: benchmarks/plan_honesty.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from vervet.planning.archive import Floats, Ints
from vervet.planning.outcome import Averages
from vervet.planning.terms import Terms, within
from vervet.stats.estimate import Estimate
from vervet.stats.moments import moments, student
from vervet.stats.resampling import POPULATION, mean_curve, too_few

FOLDS, REPEATS = 10, 5
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Promise:
    """What the chosen policy brings on problems that had no part in choosing it.

    Every interval but that of `population` is for the mean over as many new problems.
    """

    accuracy: Estimate
    population: Estimate
    """The same value; its interval is for the mean over all problems of this kind."""
    wrong: Estimate
    abstained: Estimate
    precision: Estimate
    """How much of what is returned is right: right / (right + wrong)."""
    cost: Estimate
    """A problem, in the unit of the plan; NaN where not known."""
    seconds: Estimate
    """Latency; NaN where not known."""
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
    worth, paid, wait = moments(values.T)[0], costs.mean(axis=1), waits.mean(axis=1)
    fits = np.isfinite(worth)
    for spent, limit in ((paid, limits[0]), (wait, limits[1])):
        if np.isfinite(limit):
            fits &= within(spent, limit)  # what is not known does not fit
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
    """Return what the chosen policy is worth on new problems, by repeated cross-fitting.

    Args:
        values: what every policy is worth, shape (policies, problems).
        costs: what it costs, in the unit of the plan.
        waits: its seconds.
        limits: of the mean cost and the mean seconds.
        parts: what every policy does, problem by problem.
        seed: of the folds.
    """
    rng = np.random.default_rng(seed)
    folds = list(_folds(values.shape[1], rng))
    winners = [_winners(fold, values, costs, waits, limits) for fold in folds]
    refit = _Refit(choose(values, costs, waits, limits), folds, winners)
    right, wrong, abstained = (
        np.array([getattr(part, name) for part in parts])
        for name in ("right", "wrong", "abstained")
    )
    with np.errstate(invalid="ignore"):
        exact = right / (right + wrong)
    accuracy = refit.promised(right)
    value = _mean(refit.corrected(values))
    told = _mean(refit.corrected(right)), _mean(refit.corrected(wrong))
    precision = told[0] / sum(told) if sum(told) > 0 else np.nan
    return Promise(
        ahead(accuracy),
        accuracy,
        ahead(refit.promised(wrong)),
        ahead(refit.promised(abstained)),
        ahead(refit.promised(exact, precision)),
        spent(costs[refit.best]),
        spent(waits[refit.best]),
        value,
        _mean(values[refit.best]) - value,
    )


@dataclass(frozen=True, slots=True)
class _Refit:
    """The choice from all problems, and from all but each fold of each repetition."""

    best: int
    folds: Sequence[Ints]
    """The fold of every problem."""
    winners: Sequence[Ints]
    """The policy chosen without each fold."""

    def left_out(self, table: Floats) -> Floats:
        """Return each problem's value under the policy chosen without it, by repetition."""
        place = np.arange(table.shape[1])
        pairs = zip(self.winners, self.folds, strict=True)
        return np.array([table[chosen[fold], place] for chosen, fold in pairs])

    def corrected(self, table: Floats) -> Floats:
        """Return the chosen policy's value by problem, less what choosing it flattered."""
        left_out = self.left_out(table)
        many = np.array([[table[chosen].sum(axis=0)] for chosen in self.winners])[:, 0]
        others = max(len(self.winners[0]) - 1, 1)
        flattery = (many - left_out) / others - left_out
        alone = len(self.winners[0]) == 1  # one problem: nothing was left out
        return np.asarray(table[self.best] - (0.0 if alone else moments(flattery)[0]))

    def promised(self, table: Floats, value: float | None = None) -> Estimate:
        """Return what is promised of a quantity in 0..1, for the mean over all such problems.

        `value` replaces the mean over problems where the quantity is a ratio of means.
        """
        centre = _share(_mean(self.corrected(table)) if value is None else value)
        curve = mean_curve(self.left_out(table).T, level=LEVEL)
        first = curve.at(0)
        wide = _student(first.problems)
        low = centre - wide * float((curve.value - curve.low).mean())
        high = centre + wide * float((curve.high - curve.value).mean())
        method = f"cross-fitting over problems; {first.method}"
        return replace(first, value=centre, low=_share(low), high=_share(high), method=method)


def ahead(estimate: Estimate) -> Estimate:
    """Widen an interval of a mean to one for the mean of as many new problems.

    How the new problems fall adds as much variance again, alike on both sides.

    >>> ahead(Estimate(0.5, 0.4, 0.6, problems=40))
    0.500 [0.359, 0.641]
    >>> ahead(Estimate(0.1, 0.0, 0.3, problems=40))
    0.100 [0.000, 0.350]
    """
    fall = (estimate.high - estimate.low) / 2
    low = estimate.value - float(np.hypot(estimate.value - estimate.low, fall))
    high = estimate.value + float(np.hypot(estimate.high - estimate.value, fall))
    method = f"{estimate.method}, for as many new problems"
    return replace(estimate, low=_share(low), high=_share(high), method=method)


def spent(costs: Floats) -> Estimate:
    """Return a mean cost over problems, with the interval for as many new problems.

    Costs are skewed: the logarithm of the mean has the error t √2 s/(mean √P).

    >>> spent(np.array([1.0, 2.0, 3.0, 2.0]))
    2.000 [0.798, 5.012]
    """
    mean, spread, problems = (float(each[0]) for each in moments(costs[:, None]))
    method = f"logarithm of the mean, Student ({POPULATION}), for as many new problems"
    if not np.isfinite(costs).all():
        return Estimate(np.nan, np.nan, np.nan, LEVEL, method, reason="not known of every problem")
    if problems < 2:  # noqa: PLR2004 - a spread needs two
        reason = too_few(int(problems))
        return Estimate(mean, np.nan, np.nan, LEVEL, method, int(problems), reason=reason)
    wide = float(student(problems, LEVEL)) * (2 * spread / problems) ** 0.5
    factor = float(np.exp(wide / mean)) if wide else 1.0
    return Estimate(mean, mean / factor, mean * factor, LEVEL, method, int(problems))


def _student(problems: int) -> float:
    """Return Student's quantile over the normal's: what few problems leave open of their spread."""
    return float(student(problems, LEVEL) / ndtri((1 + LEVEL) / 2))


def _share(value: float) -> float:
    """Return the value within 0..1; NaN stays NaN."""
    return float(np.clip(value, 0.0, 1.0))


def _mean(values: Floats) -> float:
    """Return the mean of what is known."""
    return float(moments(values[:, None])[0][0])


def _folds(problems: int, rng: np.random.Generator) -> Iterator[Ints]:
    """Yield, for each repetition, the fold of every problem."""
    for _ in range(REPEATS):
        yield rng.permutation(problems) % min(FOLDS, problems)


def _winners(
    fold: Ints, values: Floats, costs: Floats, waits: Floats, limits: tuple[float, float]
) -> Ints:
    """Return, for every fold, the policy chosen without it."""
    count = int(fold.max()) + 1

    def without(number: int) -> NDArray[np.bool_]:
        return np.asarray(fold != number if count > 1 else fold == number)

    return np.array([
        choose(values[:, rest], costs[:, rest], waits[:, rest], limits)
        for rest in map(without, range(count))
    ])  # fmt: skip
