"""The interval of bounded means: Jeffreys' own for shares, the simulated law for the rest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vervet.stats.coverage import miss_table
from vervet.stats.jeffreys import jeffreys_limits

NORMAL = float(stats.norm.ppf(0.975))


@pytest.mark.parametrize(("solved", "problems"), [(1, 8), (5, 20), (15, 30), (163, 164), (40, 400)])
def test_yes_and_no_give_jeffreys_interval(solved: int, problems: int) -> None:
    values = (np.arange(problems) < solved).astype(float)[:, None]
    low, high = jeffreys_limits(values, NORMAL)
    exact = stats.beta(solved + 0.5, problems - solved + 0.5).ppf([0.025, 0.975])
    assert [low[0], high[0]] == pytest.approx(exact, abs=1.5e-3)


def test_other_values_give_the_quantiles_of_the_law_it_approximates() -> None:
    rng = np.random.default_rng(0)
    values = rng.beta(0.3, 2.0, 40)
    weights = rng.dirichlet([1.0] * 40 + [0.5, 0.5], 400_000)
    exact = np.quantile(weights @ [*values, 0.0, 1.0], [0.025, 0.975])
    low, high = jeffreys_limits(values[:, None], NORMAL)
    assert [low[0], high[0]] == pytest.approx(exact, abs=1e-3)


def test_an_end_that_all_problems_reach_is_a_limit_and_others_come_near() -> None:
    near = np.array([0.0, 1e-9, 1e-6, 1e-3])
    low, high = jeffreys_limits(1 - np.tile(near, (50, 1)), NORMAL)
    assert high[0] == 1.0
    assert np.all(1 - high >= 0)
    assert np.all(1 - high[1:3] < 1e-4)
    assert low == pytest.approx(np.full(4, low[0]), abs=5e-3)


def test_limits_mirror_each_other() -> None:
    values = np.random.default_rng(1).random((17, 3))
    low, high = jeffreys_limits(values, NORMAL)
    mirrored_low, mirrored_high = jeffreys_limits(1 - values, NORMAL)
    np.testing.assert_allclose(low, 1 - mirrored_high, atol=1e-9)
    np.testing.assert_allclose(high, 1 - mirrored_low, atol=1e-9)


def test_unknown_values_count_for_nothing() -> None:
    values = np.array([[0.2, 0.2], [0.9, 0.9], [0.5, np.nan], [np.nan, np.nan]])
    low, high = jeffreys_limits(values, NORMAL)
    short_low, short_high = jeffreys_limits(np.array([[0.2], [0.9]]), NORMAL)
    assert (low[1], high[1]) == pytest.approx((short_low[0], short_high[0]))
    assert np.isnan(jeffreys_limits(values[[0, 3]], NORMAL)).all()


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(0, 1), min_size=2, max_size=40),
    quantile=st.floats(0.3, 5.0),
)
def test_limits_enclose_the_mean_and_widen_with_the_level(
    values: list[float], quantile: float
) -> None:
    array = np.array(values)[:, None]
    low, high = jeffreys_limits(array, quantile)
    wider_low, wider_high = jeffreys_limits(array, quantile + 0.5)
    centre = (array.sum() + 0.5) / (len(array) + 1)
    assert 0 <= wider_low[0] <= low[0] + 1e-9
    assert high[0] - 1e-9 <= wider_high[0] <= 1
    assert low[0] <= max(array.mean(), centre)
    assert high[0] >= min(array.mean(), centre)


@pytest.mark.parametrize(
    ("beta", "problems", "samples", "k"),
    [
        ((0.3, 30.0), 32, 20, 1),
        ((1.0, 1.0), 128, 1000, 100),
        ((2.0, 5.0), 64, 1000, 100),
        ((0.2, 3.0), 164, 100, 10),
        ((5.0, 0.3), 32, 20, 1),
    ],
)
def test_intervals_hold_where_rare_exceptions_decide(
    beta: tuple[float, float], problems: int, samples: int, k: int
) -> None:
    """1,000 populations: 93-97 %, and the noise of 1,000 runs (0.7 points)."""
    (a, b), rng = beta, np.random.default_rng(3)
    truth = 1 - np.prod((b + np.arange(k)) / (a + b + np.arange(k)))
    counts = rng.binomial(samples, rng.beta(a, b, (problems, 1000)))
    low, high = jeffreys_limits((1 - miss_table(samples, k))[counts], NORMAL)
    assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.98
