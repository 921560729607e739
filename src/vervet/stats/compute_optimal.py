"""How the best number of solutions and of verifications grows with compute: S ∝ C^a, V ∝ C^b."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Floats, Ints, attempts
from vervet.stats.estimate import Estimate
from vervet.stats.resampling import derived, weighted_means
from vervet.stats.solve_or_verify import cost

TWO = 2


@dataclass(frozen=True, slots=True)
class ComputeOptimal:
    """The fitted power laws of the best split of compute, and where the grid ends too early."""

    budgets: Floats
    """Costs in units of one solution."""
    solutions: Ints
    """Best S at each budget."""
    verifications: Ints
    """Best V at each budget."""
    solution_exponent: Estimate
    """a of S_opt = α C^a."""
    verification_exponent: Estimate
    """b of V_opt = β C^b."""
    solution_factor: float
    """α."""
    verification_factor: float
    """β."""
    edge_solutions: float
    """Share of budgets whose best S is the largest on the grid: above 0, a is biased low."""
    edge_verifications: float
    """Share of budgets whose best V is the largest on the grid: above 0, b is biased low."""


def compute_optimal(
    surface: npt.ArrayLike,
    *,
    solutions: npt.ArrayLike,
    verifications: npt.ArrayLike,
    ratio: float,
    budgets: npt.ArrayLike,
    weights: Floats | None = None,
    level: float = 0.95,
) -> ComputeOptimal:
    """Fit S_opt ∝ C^a and V_opt ∝ C^b over budgets, with paired intervals.

    For each S the success rate is a curve over cost (by V), read off between grid points in a
    straight line over log cost, and unknown outside them; S_opt at a budget is the S whose curve
    is highest. V_opt likewise, by curves of fixed V. Both are fitted by least squares of log on
    log.

    Args:
        surface: success per problem and cell, shape (problems, len(S), len(V)), or its mean.
        solutions: S of the rows, rising.
        verifications: V of the columns, rising, at least 1.
        ratio: λ.
        budgets: costs at which the optimum is read off, in units of one solution.
        weights: from `resample`, for intervals.
        level: nominal coverage.

    Source: 2504.01005, sect. 3.2 and 5.2; the choice of budgets moves both exponents by tenths.
    """
    many, deep = attempts(solutions), attempts(verifications)
    cells = np.asarray(surface, dtype=np.float64).reshape(-1, len(many) * len(deep))
    rows = np.ones((1, len(cells)))
    rows = rows if weights is None else np.vstack([rows, weights])
    means = weighted_means(cells, rows).reshape(-1, len(many), len(deep))
    prices, aims = cost(many, deep, ratio=ratio), np.asarray(budgets, dtype=np.float64)
    best_s = many[_best(means, prices, aims)]
    best_v = deep[_best(means.transpose(0, 2, 1), prices.T, aims)]
    log_c = np.log(aims)
    laws = [_power(log_c, np.log(best)) for best in (best_s.astype(float), best_v.astype(float))]
    names = ("S_opt exponent", "V_opt exponent")
    exponents = [
        derived(float(law[0][0]), law[0][1:], level=level, problems=len(cells), what=name)
        for law, name in zip(laws, names, strict=True)
    ]
    return ComputeOptimal(
        aims,
        best_s[0],
        best_v[0],
        exponents[0],
        exponents[1],
        float(np.exp(laws[0][1][0])),
        float(np.exp(laws[1][1][0])),
        float(np.mean(best_s[0] == many[-1])),
        float(np.mean(best_v[0] == deep[-1])),
    )


def _best(means: Floats, prices: Floats, budgets: Floats) -> Ints:
    """Return the row of the highest curve at every budget, shape (bootstraps, budgets)."""
    curves = np.stack(
        [_read(means[:, row], prices[row], budgets) for row in range(len(prices))], axis=1
    )
    if np.isneginf(curves[0]).all(axis=0).any():
        lost = budgets[np.isneginf(curves[0]).all(axis=0)]
        raise ValueError(f"no curve of the grid covers the budgets {lost.tolist()}")
    return np.asarray(np.argmax(curves, axis=1))


def _read(values: Floats, prices: Floats, budgets: Floats) -> Floats:
    """Read curves (bootstraps, points) off at the budgets, linear in log cost; -∞ outside."""
    right = np.clip(np.searchsorted(prices, budgets), 1, max(len(prices) - 1, 1))
    if len(prices) < TWO:
        return np.where(budgets == prices[0], values[:, [0]], -np.inf)
    low, high = np.log(prices[right - 1]), np.log(prices[right])
    share = (np.log(budgets) - low) / (high - low)
    between = values[:, right - 1] * (1 - share) + values[:, right] * share
    inside = (budgets >= prices[0] * (1 - 1e-12)) & (budgets <= prices[-1] * (1 + 1e-12))
    return np.where(inside & ~np.isnan(between), between, -np.inf)


def _power(log_x: Floats, log_y: Floats) -> tuple[Floats, Floats]:
    """Return slope and intercept of log y on log x for every row."""
    gap = log_x - log_x.mean()
    if not np.any(gap):
        raise ValueError("an exponent needs at least two different budgets")
    slope = (log_y @ gap) / (gap @ gap)
    return slope, log_y.mean(axis=1) - slope * log_x.mean()


def difficulty_groups(rates: npt.ArrayLike, *, groups: int = 4) -> list[Ints]:
    """Return the problems of each stratum, hardest first, by share of correct solutions.

    Strata hold equally many problems; problems of equal rate stay in the order given. Run any
    estimator on `values[group]` to see it by difficulty.

    >>> difficulty_groups([0.9, 0.1, 0.5, 0.0], groups=2)
    [array([3, 1]), array([2, 0])]
    """
    order = np.argsort(np.asarray(rates, dtype=np.float64), kind="stable")
    return [part for part in np.array_split(order, groups) if len(part)]
