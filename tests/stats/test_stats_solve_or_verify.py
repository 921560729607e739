import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vervet.stats.resampling import resample
from vervet.stats.solve_or_verify import (
    Rule,
    cost,
    crossing,
    frontier,
    measured_ratio,
    vote_frontier,
)


@pytest.fixture(scope="module")
def published(shared_data: Path) -> Any:
    return json.loads((shared_data / "data/papers/genrm_published_plot_points.json").read_text())


def both(setting: Any, ratio: float) -> tuple[Any, Any]:
    cells = {tuple(map(int, k.split(","))): v / 100 for k, v in setting["best_of_k"].items()}
    many, deep = sorted({s for s, _ in cells}), sorted({v for _, v in cells})
    grid = [[cells.get((s, v), np.nan) for v in deep] for s in many]
    votes = {int(s): value / 100 for s, value in setting["majority_voting"].items()}
    return (
        frontier(grid, solutions=many, verifications=deep, ratio=ratio),
        vote_frontier(list(votes.values()), solutions=list(votes)),
    )


@pytest.mark.parametrize(
    ("setting", "ratio", "rule", "factor"),
    [
        ("math8b", 2.0, Rule("knee"), 16.25),
        ("math8b", 2.0, Rule("knee", slack=0.0035), 8.25),
        ("math8b", 2.0, Rule("peak"), 1.015625),
        ("qwen7b", 2.0, Rule("peak"), 8.125),
        ("qwen7b", 2.0, Rule("knee"), 32.5),
        ("math70b", 1.0, Rule("peak"), 8.25),
    ],
)
def test_the_published_points_give_the_factors_of_every_reading(
    published: Any, setting: str, ratio: float, rule: Rule, factor: float
) -> None:
    found = crossing(*both(published[setting], ratio), rule=rule)
    assert found.ratio.value == pytest.approx(factor)
    assert str(rule) == found.rule


def test_the_headline_gain_of_verification_at_128_times_the_compute(published: Any) -> None:
    verify, vote = both(published["math8b"], 2.0)
    knee = vote[0].value[vote[0].solutions == 128][0]
    best = verify[0].value[verify[0].cost <= 128 * 130][-1]
    assert 100 * (best - knee) == pytest.approx(3.8, abs=0.2)


def test_costs_and_measured_ratios() -> None:
    np.testing.assert_allclose(cost([2, 4], [0, 8], ratio=0.5), [[2, 10], [4, 20]])
    assert measured_ratio(100, 50, solution_prompt=100, verification_prompt=350) == 2.0
    assert measured_ratio(100, 50, verification_prompt=350, prompt_price=0.1) == 0.85
    with pytest.raises(ValueError, match="must be positive"):
        cost([1], [1], ratio=0.0)
    with pytest.raises(ValueError, match="must cost something"):
        measured_ratio(0, 5)


def test_the_frontier_is_the_best_cell_within_each_cost() -> None:
    rng = np.random.default_rng(0)
    grid, many, deep = rng.random((5, 4)), [1, 2, 4, 8, 16], [1, 2, 4, 8]
    curve, draws = frontier(grid, solutions=many, verifications=deep, ratio=1.5)
    prices = cost(many, deep, ratio=1.5)
    for price, value, s, v in zip(
        curve.cost, curve.value, curve.solutions, curve.verifications, strict=True
    ):
        assert value == grid[prices <= price].max()
        assert value == grid[many.index(s), deep.index(v)]
    assert draws.shape == (0, len(curve.cost))


def simulated(problems: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return surfaces and votes of problems in which verification wins in the end."""
    rng = np.random.default_rng(seed)
    base = 0.2 + 0.4 * rng.beta(1, 1, problems)[:, None]
    votes = np.clip(base + 0.04 * np.minimum(np.arange(8), 4), 0, 1)
    gain = 0.02 * (np.arange(8)[:, None] + np.arange(4)).ravel() - 0.02
    noise = rng.normal(0, 0.05, (problems, 32))
    return np.clip(base + gain + noise, 0, 1).reshape(problems, 8, 4), votes


def test_paired_bootstraps_cancel_the_difficulty_of_problems() -> None:
    surface, votes = simulated(100, 0)
    weights = resample(100, rng=np.random.default_rng(1), resamples=500)
    many, deep = 2 ** np.arange(8), 2 ** np.arange(4)
    verify = frontier(surface, solutions=many, verifications=deep, ratio=1.0, weights=weights)
    vote = vote_frontier(votes, solutions=many, weights=weights)
    found = crossing(verify, vote, problems=100)
    assert found.ratio.low <= found.ratio.value <= found.ratio.high
    assert 0 <= found.never <= 1
    assert np.std(verify[1][:, -1] - vote[1][:, -1]) < np.std(verify[1][:, -1]) / 2


def test_a_significant_crossing_comes_later_than_the_first_and_needs_bootstraps() -> None:
    surface, votes = simulated(100, 0)
    apart = np.random.default_rng(2).normal(0, 0.1, (100, 1, 1))
    surface = surface + apart - apart.mean() + 0.02
    weights = resample(100, rng=np.random.default_rng(1), resamples=500)
    many, deep = 2 ** np.arange(8), 2 ** np.arange(4)
    verify = frontier(surface, solutions=many, verifications=deep, ratio=1.0, weights=weights)
    vote = vote_frontier(votes, solutions=many, weights=weights)
    first = crossing(verify, vote, rule=Rule("peak"))
    surely = crossing(verify, vote, rule=Rule("peak", sure=0.975))
    place = np.flatnonzero(verify[0].cost == surely.crossing_cost)[0]
    gap = verify[1] - vote[1].max(axis=1, keepdims=True)
    assert (gap[:, place] > 0).mean() >= 0.975 > (gap[:, place - 1] > 0).mean()
    assert surely.crossing_cost > first.crossing_cost
    assert "97.5%" in surely.rule
    alone = frontier(surface, solutions=many, verifications=deep, ratio=1.0)
    with pytest.raises(ValueError, match="pass weights"):
        crossing(alone, vote_frontier(votes, solutions=many), rule=Rule("peak", sure=0.975))


def test_a_crossing_that_is_never_reached_is_not_a_number() -> None:
    verify = frontier([[0.1]], solutions=[1], verifications=[1], ratio=1.0)
    found = crossing(verify, vote_frontier([0.5, 0.6], solutions=[1, 2]))
    assert np.isnan([found.crossing_cost, found.ratio.value]).all()
    assert found.ratio.reason


def test_an_unknown_reference_is_refused() -> None:
    verify = frontier([[0.1]], solutions=[1], verifications=[1], ratio=1.0)
    with pytest.raises(ValueError, match="S = 3 is not on the vote's curve"):
        crossing(verify, vote_frontier([0.5], solutions=[1]), rule=Rule(3))
