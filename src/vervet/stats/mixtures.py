"""How to split a budget over samplers (models, temperatures, prompts) for coverage.

With p_im the success rate of sampler m on problem i and x_m its attempts per problem,

    minimise  log mean_i exp(sum_m x_m log(1 - p_im))   subject to  sum_m cost_m x_m <= B, x >= 0

is convex (a log-sum-exp of linear functions) and its value is log(1 - coverage). The optimum is
found to a certified gap: for a convex function on a simplex the linearised gain
sum_m x_m g_m - B min_m g_m / cost_m bounds the distance to the optimum. Attempts are averages:
fractions are meant for spreading over problems, `Mixture.whole` rounds them.

Source: arXiv 2410.22480 (OSCA) for the idea; the convex form is this project's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize
from scipy.special import logsumexp

from vervet.stats.arrays import Floats
from vervet.stats.estimate import Estimate

SURE = 1e-12
"""Success rates are capped at 1 - SURE: no sampler is certain."""
MOST_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Mixture:
    """A split of a budget per problem over samplers, and what it is worth."""

    attempts: Mapping[str, float]
    """Attempts per problem of each sampler."""
    budget: float
    coverage: float
    gap: float
    """Certified bound on how far log(1 - coverage) is from its optimum."""
    single: str
    """The sampler that covers most when it gets the whole budget."""
    single_coverage: float
    multiple: float
    """By what factor the budget must grow for the single sampler to cover as much."""

    def whole(self, costs: Mapping[str, float]) -> dict[str, int]:
        """Return whole attempts within the budget: rounded down, the rest by largest remainder."""
        floor = {name: math.floor(x + 1e-9) for name, x in self.attempts.items()}
        left = self.budget - sum(costs[name] * x for name, x in floor.items())
        for name in sorted(floor, key=lambda n: floor[n] - self.attempts[n]):
            if self.attempts[name] > floor[name] and costs[name] <= left + 1e-9:
                floor[name] += 1
                left -= costs[name]
        return floor


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Mixtures chosen on some problems and scored on the others."""

    mixture: Estimate
    single: Estimate
    gain: Estimate
    """Mixture minus single, paired by split."""
    better: float
    """Share of splits where the mixture covers more."""


def best_mixture(
    rates: Mapping[str, npt.ArrayLike], costs: Mapping[str, float], budget: float
) -> Mixture:
    """Return the split of `budget` per problem that maximises coverage.

    Args:
        rates: sampler -> success rate per problem (successes / samples), shape (problems,).
        costs: sampler -> cost of one attempt, in the unit of the budget.
        budget: what may be spent per problem.

    Raises:
        ValueError: samplers without cost, costs or a budget that are not positive, or rates
            outside 0..1.

    >>> rates = {"algebra": [0.5, 0.5, 0.0], "geometry": [0.0, 0.0, 0.4]}
    >>> mixture = best_mixture(rates, {"algebra": 1.0, "geometry": 1.0}, 10)
    >>> {name: round(x, 2) for name, x in mixture.attempts.items()}
    {'algebra': 5.07, 'geometry': 4.93}
    """
    names, misses, prices = _problem(rates, costs, budget)
    scaled = misses * (budget / prices)
    share = _simplex_minimum(scaled)
    logs = logsumexp(scaled, axis=0) - math.log(len(scaled))
    single = int(np.argmin(logs))
    value = _log_missed(scaled, share)
    attempts = share * budget / prices
    return Mixture(
        attempts=dict(zip(names, attempts.tolist(), strict=True)),
        budget=budget,
        coverage=float(-np.expm1(value)),
        gap=_gap(scaled, share),
        single=names[single],
        single_coverage=float(-np.expm1(logs[single])),
        multiple=_multiple(scaled[:, single], value),
    )


def coverage_of_mixture(rates: Mapping[str, npt.ArrayLike], attempts: Mapping[str, float]) -> float:
    """Return mean_i 1 - prod_m (1 - p_im)^x_m.

    >>> coverage_of_mixture({"a": [0.5, 0.0]}, {"a": 2})
    0.375
    """
    logs = sum(attempts[name] * _log_miss(rates[name]) for name in attempts)
    return float(np.mean(-np.expm1(logs)))


def validate_mixture(
    rates: Mapping[str, npt.ArrayLike],
    costs: Mapping[str, float],
    budget: float,
    *,
    splits: int = 10,
    level: float = 0.95,
    rng: np.random.Generator,
) -> HeldOut:
    """Choose mixture and single sampler on half of the problems, score both on the other half.

    The intervals are percentiles over splits: they show how much the choice of problems matters.

    >>> rates = {"a": [0.5, 0.4, 0.0, 0.0] * 10, "b": [0.0, 0.0, 0.3, 0.6] * 10}
    >>> rng = np.random.default_rng(0)
    >>> held_out = validate_mixture(rates, {"a": 1.0, "b": 1.0}, 8, rng=rng)
    >>> held_out.better, bool(held_out.gain.low > 0.3)
    (1.0, True)
    """
    names, misses, _ = _problem(rates, costs, budget)
    table = {name: -np.expm1(misses[:, m]) for m, name in enumerate(names)}
    problems = len(misses)
    scores = []
    for _ in range(splits):
        order = rng.permutation(problems)
        train, test = order[: problems // 2], order[problems // 2 :]
        chosen = best_mixture({n: p[train] for n, p in table.items()}, costs, budget)
        held = {n: p[test] for n, p in table.items()}
        alone = {chosen.single: budget / costs[chosen.single]}
        scores.append(
            (coverage_of_mixture(held, chosen.attempts), coverage_of_mixture(held, alone))
        )
    mixed, single = np.array(scores).T
    return HeldOut(
        mixture=_over_splits(mixed, level, problems),
        single=_over_splits(single, level, problems),
        gain=_over_splits(mixed - single, level, problems),
        better=float((mixed > single).mean()),
    )


def _problem(
    rates: Mapping[str, npt.ArrayLike], costs: Mapping[str, float], budget: float
) -> tuple[list[str], Floats, Floats]:
    names = list(rates)
    if missing := [name for name in names if name not in costs]:
        raise ValueError(f"no cost is given for {missing[0]!r}")
    prices = np.array([costs[name] for name in names], dtype=float)
    if not names or budget <= 0 or (prices <= 0).any():
        raise ValueError("a mixture needs samplers, positive costs and a positive budget")
    misses = np.stack([_log_miss(rates[name]) for name in names], axis=1)
    return names, misses, prices


def _log_miss(rate: npt.ArrayLike) -> Floats:
    values = np.asarray(rate, dtype=float)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("success rates lie between 0 and 1")
    return np.asarray(np.log1p(-np.minimum(values, 1 - SURE)))


def _log_missed(scaled: Floats, share: Floats) -> float:
    return float(logsumexp(scaled @ share) - math.log(len(scaled)))


def _slope(scaled: Floats, share: Floats) -> Floats:
    logs = scaled @ share
    return np.asarray(np.exp(logs - logsumexp(logs)) @ scaled)


def _gap(scaled: Floats, share: Floats) -> float:
    """Frank-Wolfe gap: how much the linearised objective could still fall on the simplex."""
    slope = _slope(scaled, share)
    return float(share @ slope - slope.min())


def _simplex_minimum(scaled: Floats) -> Floats:
    """Minimise the log-sum-exp over shares of the budget: SLSQP from even and single starts."""
    count = scaled.shape[1]
    starts: Sequence[Floats] = [np.full(count, 1 / count), *np.eye(count)]
    best = min(starts, key=lambda start: _log_missed(scaled, start))
    for start in (best, starts[0]):
        found = minimize(
            lambda share: _log_missed(scaled, share),
            start,
            jac=lambda share: _slope(scaled, share),
            bounds=[(0, 1)] * count,
            constraints={"type": "eq", "fun": lambda s: s.sum() - 1, "jac": np.ones_like},
            method="SLSQP",
            options={"maxiter": MOST_ROUNDS, "ftol": 1e-14},
        ).x
        found = np.clip(found, 0, None)
        found /= found.sum()
        if _log_missed(scaled, found) < _log_missed(scaled, best):
            best = found
    return best


def _multiple(single: Floats, value: float) -> float:
    """Factor t with log mean_i (1 - p_i)^(t x) = value; infinite where it is out of reach."""
    never = float(np.mean(single == 0))
    if never > 0 and math.log(never) >= value:
        return math.inf

    def excess(log_factor: float) -> float:
        logs = math.exp(log_factor) * single
        return float(logsumexp(logs) - math.log(len(logs))) - value

    if excess(0.0) <= 0:
        return 1.0
    high = 1.0
    while excess(high) > 0:
        high *= 2
    return math.exp(brentq(excess, 0.0, high))


def _over_splits(values: Floats, level: float, problems: int) -> Estimate:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    method = f"percentiles over {len(values)} splits of the problems"
    return Estimate(float(values.mean()), float(low), float(high), level, method, problems)
