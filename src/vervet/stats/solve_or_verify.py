"""Solve or verify: at one compute budget, more solutions with a vote, or fewer with verdicts.

Everything is in units of one solution: S solutions with V verifications each cost
C(S, V) = S (1 + λV), and self-consistency over S solutions costs S.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Bools, Floats, Ints, attempts
from vervet.stats.estimate import Estimate
from vervet.stats.resampling import derived, weighted_means


def cost(solutions: npt.ArrayLike, verifications: npt.ArrayLike, *, ratio: float) -> Floats:
    """Return C(S, V) = S (1 + λV) on the grid, shape (len(S), len(V)), in solutions.

    Source: 2504.01005, sect. 3.

    >>> cost([1, 32], [0, 4], ratio=2.0)
    array([[  1.,   9.],
           [ 32., 288.]])
    """
    if not ratio > 0:
        raise ValueError(f"the cost ratio λ must be positive, got {ratio}")
    many = np.atleast_1d(np.asarray(solutions, dtype=float))
    deep = np.atleast_1d(np.asarray(verifications, dtype=float))
    return np.asarray(many[:, None] * (1 + ratio * deep))


def measured_ratio(
    solution_tokens: float,
    verification_tokens: float,
    *,
    solution_prompt: float = 0.0,
    verification_prompt: float = 0.0,
    prompt_price: float = 1.0,
) -> float:
    """Return λ: what one verification costs, in solutions, from mean token counts.

    `λ = (T_V + w P_V) / (T_S + w P_S)` with T generated tokens, P prompt tokens that are computed
    for each call (leave out what a prefix cache serves), and w the price of a prompt token in
    generated tokens: 1 for FLOPs, the price list's ratio for dollars, 0 to ignore prompts as the
    paper does. The prompt of a verification holds the solution, so P_V is rarely small.

    Source: λ = T_V / T_S of 2504.01005; the prompt terms are ours.

    >>> measured_ratio(500, 1000), measured_ratio(500, 1000, verification_prompt=750)
    (2.0, 3.5)
    """
    bottom = solution_tokens + prompt_price * solution_prompt
    if not bottom > 0:
        raise ValueError("a solution must cost something: no tokens were counted")
    return (verification_tokens + prompt_price * verification_prompt) / bottom


@dataclass(frozen=True, slots=True)
class Curve:
    """The best success rate any cell reaches within each cost; rising in both."""

    cost: Floats
    """Costs of the cells, rising, one per distinct cost."""
    value: Floats
    """Best mean success rate within that cost; a leading axis holds bootstrap samples."""
    solutions: Ints
    """S of the best cell (on the data themselves)."""
    verifications: Ints
    """V of the best cell; 0 for self-consistency."""


def frontier(
    surface: npt.ArrayLike,
    *,
    solutions: npt.ArrayLike,
    verifications: npt.ArrayLike,
    ratio: float,
    weights: Floats | None = None,
) -> tuple[Curve, Floats]:
    """Return the compute frontier of a success surface, and the same on bootstrap samples.

    Args:
        surface: success per problem and cell, shape (problems, len(S), len(V)), NaN left out; or
            mean success, shape (len(S), len(V)).
        solutions: S of the rows.
        verifications: V of the columns.
        ratio: λ.
        weights: from `resample`; without it the second result has no rows.

    Returns:
        The frontier, and its values on every bootstrap sample, shape (resamples, costs).

    >>> curve, _ = frontier([[0.3, 0.4], [0.35, 0.6]], solutions=[1, 2], verifications=[1, 2],
    ...                     ratio=1.0)
    >>> curve.cost, curve.value
    (array([2., 3., 4., 6.]), array([0.3, 0.4, 0.4, 0.6]))
    """
    many, deep = attempts(solutions), np.atleast_1d(np.asarray(verifications, dtype=np.int64))
    cells = np.asarray(surface, dtype=np.float64).reshape(-1, len(many) * len(deep))
    price = cost(many, deep, ratio=ratio).ravel()
    order = np.argsort(price, kind="stable")
    none = np.zeros((0, len(cells)))
    mean = weighted_means(cells, np.ones((1, len(cells))))[0, order]
    draws = weighted_means(cells, none if weights is None else weights)[:, order]
    last = np.append(np.diff(price[order]) > 0, [True])
    height = np.where(np.isnan(mean), -np.inf, mean)
    best = np.maximum.accumulate(height)
    winner = np.maximum.accumulate(np.where(height >= best, np.arange(len(best)), 0))[last]
    cell = order[winner]
    curve = Curve(
        price[order][last], _known(best[last]), many[cell // len(deep)], deep[cell % len(deep)]
    )
    draws = np.maximum.accumulate(np.where(np.isnan(draws), -np.inf, draws), axis=1)
    return curve, _known(draws[:, last])


def vote_frontier(
    votes: npt.ArrayLike, *, solutions: npt.ArrayLike, weights: Floats | None = None
) -> tuple[Curve, Floats]:
    """Return self-consistency as a curve of its own cost S: each point as it is, no envelope.

    Args:
        votes: expected majority vote per problem and S, shape (problems, len(S)), or its mean.
        solutions: S, rising.
        weights: from `resample`, the same as for the frontier it is compared with.
    """
    many = attempts(solutions)
    cells = np.asarray(votes, dtype=np.float64).reshape(-1, len(many))
    none = np.zeros((0, len(cells)))
    mean = weighted_means(cells, np.ones((1, len(cells))))[0]
    draws = weighted_means(cells, none if weights is None else weights)
    return Curve(many.astype(np.float64), mean, many, np.zeros_like(many)), draws


def _known(values: Floats) -> Floats:
    """Return -∞ as NaN."""
    return np.where(np.isneginf(values), np.nan, values)


@dataclass(frozen=True, slots=True)
class Rule:
    """How the crossing is read off, for "x times the compute" depends on it.

    The reference is a point of the vote's curve; the crossing is the cheapest point of the
    verification frontier that reaches it.
    """

    reference: Literal["peak", "knee"] | int = "knee"
    """`peak`: the vote's best point; `knee`: the first within `knee_slack` of it; or an S."""
    slack: float = 0.0
    """How far below the reference still counts as reaching it; 0 asks for strictly above."""
    knee_slack: float = 0.005
    sure: float = 0.0
    """Above 0: the share of bootstrap samples in which the reference must be reached, such as
    0.975; the crossing is then where verification is *significantly* as good."""

    def __str__(self) -> str:
        """Say the rule in words."""
        point = f"S = {self.reference}" if isinstance(self.reference, int) else self.reference
        if self.sure:
            point = f"{point}, in {self.sure:.1%} of bootstrap samples"
        return f"{'strictly above' if not self.slack else f'within {self.slack:g} of'} {point}"


@dataclass(frozen=True, slots=True)
class Crossing:
    """How much more compute verification needs before it matches the vote."""

    rule: str
    reference_cost: float
    """Cost of the vote's reference point, in solutions."""
    crossing_cost: float
    """Cost at which the frontier reaches it; NaN if it never does on this grid."""
    ratio: Estimate
    """crossing cost / reference cost; bootstraps in which it is never reached count as ∞."""
    never: float
    """Share of bootstrap samples in which verification never reaches the vote on this grid."""


def crossing(
    verify: tuple[Curve, Floats],
    vote: tuple[Curve, Floats],
    *,
    rule: Rule | None = None,
    level: float = 0.95,
    problems: int = 0,
) -> Crossing:
    """Return the factor of compute at which verification first matches the vote.

    Args:
        verify: from `frontier`.
        vote: from `vote_frontier` on the same problems and, for an interval, the same weights.
        rule: how to read it off; strictly above the knee if not given.
        level: nominal coverage.
        problems: problems behind both.

    Source: figure 1b of 2504.01005, whose "8×" allows 0.35 points of slack at the knee.

    >>> verify = frontier([[0.3, 0.6]], solutions=[2], verifications=[1, 2], ratio=1.0)
    >>> crossing(verify, vote_frontier([0.4, 0.5], solutions=[1, 2])).ratio.value
    3.0
    """
    read = rule or Rule()
    place = _reference(vote[0].value[None], vote[0].solutions, read)[0]
    base, target = vote[0].cost[place], vote[0].value[place]
    found = float(_reached(verify[0].value[None], np.array([target]), verify[0].cost, read)[0])
    if read.sure:
        return _significant(verify, vote, read, base=float(base), problems=problems)
    ratios = np.zeros(0)
    if len(vote[1]):
        places = _reference(vote[1], vote[0].solutions, read)
        targets = vote[1][np.arange(len(places)), places]
        ratios = _reached(verify[1], targets, verify[0].cost, read) / vote[0].cost[places]
    endless = float(np.mean(np.isinf(ratios))) if len(ratios) else np.nan
    estimate = derived(
        found / base if np.isfinite(found) else np.nan,
        np.where(np.isinf(ratios), np.finfo(float).max, ratios),
        level=level,
        problems=problems,
        what=f"crossing {read}",
    )
    return Crossing(
        str(read), float(base), found if np.isfinite(found) else np.nan, _open(estimate), endless
    )


def _significant(
    verify: tuple[Curve, Floats],
    vote: tuple[Curve, Floats],
    rule: Rule,
    *,
    base: float,
    problems: int,
) -> Crossing:
    """Return the first cost at which nearly all bootstrap samples reach the reference."""
    if not len(vote[1]):
        raise ValueError("a significant crossing needs bootstrap samples: pass weights")
    places = _reference(vote[1], vote[0].solutions, rule)
    targets = vote[1][np.arange(len(places)), places]
    above = verify[1] > targets[:, None] - rule.slack
    enough = above.mean(axis=0) >= rule.sure
    found = float(verify[0].cost[np.argmax(enough)]) if enough.any() else np.nan
    ratio = Estimate(
        found / base,
        np.nan,
        np.nan,
        method=f"crossing {rule}",
        problems=problems,
        reason="read off the bootstrap samples, so it has none of its own"
        if enough.any()
        else "verification is never significantly as good on this grid",
    )
    return Crossing(str(rule), base, found, ratio, float(1 - above.any(axis=1).mean()))


def _open(estimate: Estimate) -> Estimate:
    """Return an upper limit beyond the grid as ∞."""
    if not estimate.high >= np.finfo(float).max / 2:
        return estimate
    return Estimate(
        estimate.value,
        estimate.low,
        np.inf,
        level=estimate.level,
        method=estimate.method,
        problems=estimate.problems,
        reason="the upper limit lies beyond the grid",
    )


def _reference(values: Floats, solutions: Ints, rule: Rule) -> Ints:
    """Return the vote's reference point in every row."""
    if isinstance(rule.reference, int):
        places = np.flatnonzero(solutions == rule.reference)
        if not len(places):
            raise ValueError(
                f"S = {rule.reference} is not on the vote's curve {solutions.tolist()}"
            )
        return np.full(len(values), places[0])
    top = np.nanmax(values, axis=1, keepdims=True)
    slack = rule.knee_slack if rule.reference == "knee" else 0.0
    return np.asarray(np.argmax(values >= top - slack, axis=1))


def _reached(values: Floats, targets: Floats, costs: Floats, rule: Rule) -> Floats:
    """Return the first cost at which every row reaches its target; ∞ if it never does."""
    aim = targets[:, None] - rule.slack
    above: Bools = values >= aim if rule.slack else values > aim
    return np.where(above.any(axis=1), costs[np.argmax(above, axis=1)], np.inf)
