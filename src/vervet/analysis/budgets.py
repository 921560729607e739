"""How to spend a budget: on solutions or verifications, by difficulty, over several models."""

from collections.abc import Iterator, Mapping, Sequence
from math import nan

import numpy as np

from vervet.analysis.curves import Picked, Settings, intervals, measured
from vervet.analysis.recorded import Floats, Ints, Judged
from vervet.analysis.schema_scaling import ExponentRow, FrontierRow, StratumRow
from vervet.analysis.solve_or_verify import Surface, frontiers
from vervet.stats.compute_optimal import compute_optimal, difficulty_groups
from vervet.stats.coverage import coverage
from vervet.stats.resampling import derived, percentiles
from vervet.stats.solve_or_verify import cost

STRATA = ("hardest", "hard", "easy", "easiest")
FEWEST = 8
"""Problems below which a quarter of them would say nothing."""
ALL = "all"


def frontier_rows(found: Surface, settings: Settings) -> Iterator[FrontierRow]:
    """Yield verification's frontier beside the vote at the same cost, for all and by difficulty."""
    if not found.ratio > 0:
        return
    yield from _frontier(found, settings, ALL)
    for name, problems in strata(found.rates).items():
        yield from _frontier(found.part(problems), settings, name)


def _frontier(found: Surface, settings: Settings, stratum: str) -> Iterator[FrontierRow]:
    (verify, draws), (vote, votes) = frontiers(found, settings)
    problems, level = len(found.cells), settings.level
    places = np.searchsorted(vote.cost, verify.cost, side="right") - 1
    for i, price in enumerate(verify.cost.tolist()):
        here = derived(
            float(verify.value[i]), draws[:, i], level=level, problems=problems, what="frontier"
        )
        at = int(places[i])
        beside = _beside(float(verify.value[i]), draws[:, i], vote.value, votes, at)
        low, high = percentiles(beside[1], problems=problems, level=level)
        yield FrontierRow(
            model=found.judged.drawn.model,
            verifier=found.truth.verifier,
            judge=found.judged.verifier,
            stratum=stratum,
            cost=price,
            solutions=int(verify.solutions[i]),
            verifications=int(verify.verifications[i]),
            vote=beside[0][0],
            vote_low=float(low[0]),
            vote_high=float(high[0]),
            vote_solutions=int(vote.solutions[at]) if found.votes is not None else None,
            difference=beside[0][1],
            difference_low=float(low[1]),
            difference_high=float(high[1]),
            **measured(here) | {"samples": int(found.judged.total.sum())},
        )


def _beside(
    value: float, draws: Floats, vote: Floats, votes: Floats, at: int
) -> tuple[tuple[float, float], Floats]:
    """Return the vote and verification's lead over it: on the data, and on the draws."""
    pair = (float(vote[at]), value - float(vote[at]))
    return pair, np.stack([votes[:, at], draws - votes[:, at]], axis=1)


def exponent_rows(found: Surface, settings: Settings) -> list[ExponentRow]:
    """Return S_opt ∝ C^a and V_opt ∝ C^b over the costs that the surface covers."""
    budgets = _budgets(found)
    if len(budgets) < 2:  # noqa: PLR2004 - a slope needs two
        return []
    best = compute_optimal(
        found.cells, solutions=found.solutions, verifications=found.verifications,
        ratio=found.ratio, budgets=budgets, weights=found.weights(settings), level=settings.level,
    )  # fmt: skip
    sides = (
        ("solutions", best.solution_exponent, best.solution_factor, best.solutions,
         best.edge_solutions),
        ("verifications", best.verification_exponent, best.verification_factor,
         best.verifications, best.edge_verifications),
    )  # fmt: skip
    return [
        ExponentRow(
            model=found.judged.drawn.model,
            verifier=found.truth.verifier,
            judge=found.judged.verifier,
            quantity=quantity,
            factor=factor,
            cost_ratio=found.ratio,
            budgets=tuple(best.budgets.tolist()),
            optimum=tuple(optimum.tolist()),
            edge=edge,
            **measured(estimate) | {"samples": int(found.judged.total.sum())},
        )
        for quantity, estimate, factor, optimum, edge in sides
    ]


def _budgets(found: Surface) -> list[float]:
    """Return the powers of two between the least and the greatest cost on the surface."""
    if not found.ratio > 0 or len(found.solutions) < 2:  # noqa: PLR2004 - no split to choose
        return []
    prices = cost(found.solutions, found.verifications, ratio=found.ratio)
    first = int(np.ceil(np.log2(prices.min()) - 1e-9))
    last = int(np.floor(np.log2(prices.max()) + 1e-9))
    return [2.0**power for power in range(first, last + 1)]


def strata(rates: Floats) -> Mapping[str, Ints]:
    """Return the problems of each quarter of difficulty, the hardest first; none if they are few.

    >>> strata(np.linspace(0, 1, 8))["hardest"]
    array([0, 1])
    """
    if len(rates) < FEWEST:
        return {}
    return dict(zip(STRATA, difficulty_groups(rates, groups=len(STRATA)), strict=True))


def stratum_rows(
    judged: Judged, picked: Sequence[Picked], settings: Settings
) -> Iterator[StratumRow]:
    """Yield coverage and every way to pick a sample, on each quarter of the problems."""
    total = judged.total
    used = np.flatnonzero(total > 0)
    rates = judged.correct[used] / total[used]
    ks = settings.grid(total)
    curves = [("coverage", coverage(judged.correct, total, k=ks))]
    curves += [(p.name, p.values) for p in picked]
    for name, problems in strata(rates).items():
        at = used[problems]
        for measure, values in curves:
            found = intervals(values[at], settings, int(total[at].sum()))
            for k, estimate in zip(ks, found, strict=True):
                yield StratumRow(
                    model=judged.drawn.model,
                    verifier=judged.verifier,
                    stratum=name,
                    measure=measure,
                    k=k,
                    rate=float(rates[problems].mean()) if len(problems) else nan,
                    **measured(estimate),
                )
