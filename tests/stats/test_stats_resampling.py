import numpy as np
import pytest

from vervet.stats.coverage import miss_table
from vervet.stats.resampling import (
    bootstrap_curve,
    derived,
    jackknifed,
    mean_curve,
    mean_interval,
    paired_difference,
    percentiles,
    resample,
    weighted_means,
)

POPULATIONS = {
    "spread": (0.5, 0.5),
    "hard": (0.1, 2.0),
    "middling": (2.0, 2.0),
    "easy": (5.0, 0.3),
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("name", "k"),
    [("spread", 1), ("spread", 5), ("hard", 1), ("hard", 5), ("middling", 1), ("easy", 1)],
)
def test_closed_form_intervals_cover_the_mean_of_a_known_population(name: str, k: int) -> None:
    """1,000 populations of 100 problems; 93-97 % is the aim, the test allows its own noise."""
    a, b = POPULATIONS[name]
    draw = rng(1)
    truth = 1 - np.prod((b + np.arange(k)) / (a + b + np.arange(k)))
    counts = draw.binomial(20, draw.beta(a, b, (1000, 100)))
    band = mean_curve((1 - miss_table(20, k))[counts].T)
    covered = np.mean((band.low <= truth) & (truth <= band.high))
    assert 0.93 <= covered <= 0.975


def test_bootstrap_intervals_cover_the_mean_of_a_known_population() -> None:
    draw, hits = rng(2), 0
    for _ in range(300):
        values = draw.beta(0.5, 0.8, (40, 1))
        band = bootstrap_curve(values, rng=draw, resamples=400)
        hits += band.low[0] <= 0.5 / 1.3 <= band.high[0]
    assert 0.92 <= hits / 300 <= 0.98


def test_the_band_holds_the_whole_curve_at_once() -> None:
    draw, held, pointwise, runs = rng(3), 0, 0, 200
    ks = np.array([1, 2, 5, 10, 20])
    truth = np.array([1 - np.prod((0.8 + np.arange(k)) / (1.3 + np.arange(k))) for k in ks])
    table = np.stack([1 - miss_table(20, int(k)) for k in ks], axis=1)
    for _ in range(runs):
        values = table[draw.binomial(20, draw.beta(0.5, 0.8, 60))]
        band = bootstrap_curve(values, rng=draw, resamples=400)
        held += bool(np.all((band.band_low <= truth) & (truth <= band.band_high)))
        pointwise += bool(np.all((band.low <= truth) & (truth <= band.high)))
    assert held / runs >= 0.9
    assert held > pointwise
    assert np.all(band.band_high - band.band_low >= band.high - band.low - 1e-9)


def test_agreement_of_all_problems_still_has_a_width() -> None:
    for value in (0.0, 0.5, 1.0):
        found = mean_interval(np.full(10, value))
        assert 0.15 < found.high - found.low < 0.8
        assert found.low <= value <= found.high
        band = bootstrap_curve(np.full((10, 1), value), rng=rng()).at(0)
        assert np.isnan([band.low, band.high]).all()
        assert "same value" in band.reason


def test_the_closed_band_holds_the_whole_curve_at_once() -> None:
    """Nearly all problems are solved at the last k: the sup-t critical value carries over."""
    draw, held, runs = rng(3), 0, 200
    ks = np.array([1, 2, 5, 10, 20])
    truth = np.array([1 - np.prod((0.8 + np.arange(k)) / (1.8 + np.arange(k))) for k in ks])
    table = np.stack([1 - miss_table(20, int(k)) for k in ks], axis=1)
    for _ in range(runs):
        values = table[draw.binomial(20, draw.beta(1.0, 0.8, 40))]
        band = mean_curve(values, rng=draw, resamples=400)
        held += bool(np.all((band.band_low <= truth) & (truth <= band.band_high)))
        assert np.all((band.band_low <= band.low) & (band.high <= band.band_high))
    assert 0.91 <= held / runs <= 1


@pytest.mark.parametrize(
    ("values", "word"), [([], "no problem"), ([np.nan], "no problem"), ([0.5], "1 problem")]
)
def test_too_little_data_gives_no_interval_but_a_reason(values: list[float], word: str) -> None:
    found = mean_interval(values)
    assert np.isnan([found.low, found.high]).all()
    assert word in found.reason


def test_unknown_values_are_left_out_and_counted() -> None:
    found = mean_interval([0.2, np.nan, 0.4], samples=30)
    assert found.value == pytest.approx(0.3)
    assert (found.problems, found.excluded, found.samples) == (2, 1, 30)


def test_the_closed_form_is_for_shares_only() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        mean_interval([0.5, 1.5])
    band = bootstrap_curve([[5.0], [7.0], [9.0]], rng=rng())
    assert band.low[0] < 7.0 < band.high[0]


def test_the_same_seed_gives_the_same_limits() -> None:
    values = rng().random((30, 4))
    first, second = (bootstrap_curve(values, rng=rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first.low, second.low)
    np.testing.assert_array_equal(first.band_high, second.band_high)


def test_bootstrap_means_equal_the_mean_of_the_drawn_problems() -> None:
    values = rng().random((6, 2))
    values[2, 1] = np.nan
    weights = resample(6, rng=rng(), resamples=5)
    got = weighted_means(values, weights)
    for row, counts in zip(got, weights.astype(int), strict=True):
        drawn = np.repeat(values, counts, axis=0)
        np.testing.assert_allclose(row, np.nanmean(drawn, axis=0))


def test_a_paired_difference_cancels_what_two_models_share() -> None:
    easy = rng().random(200)
    found = paired_difference(np.clip(easy + 0.02, 0, 1), easy)
    assert found.low > 0
    assert found.high - found.low < 0.01
    apart = mean_interval(easy)
    assert apart.high - apart.low > 0.05


def test_paired_differences_cover_the_truth() -> None:
    draw, hits = rng(4), 0
    for _ in range(1000):
        rate = draw.beta(1, 1, 50)
        first, second = draw.binomial(10, rate) / 10, draw.binomial(10, rate**1.5) / 10
        found = paired_difference(first, second)
        hits += found.low <= 0.5 - 0.4 <= found.high
    assert 0.93 <= hits / 1000 <= 0.97


def test_two_that_agree_everywhere_have_no_interval_but_a_reason() -> None:
    found = paired_difference([0.5, 0.7], [0.5, 0.7])
    assert found.value == 0
    assert np.isnan(found.low)
    assert found.reason == "the two agree on every problem"


def test_differences_need_the_same_problems() -> None:
    with pytest.raises(ValueError, match="one per problem"):
        paired_difference([0.5, 0.7], [0.5])


def test_percentiles_widen_for_few_problems() -> None:
    draws = rng().normal(size=(4000, 1))
    few, many = (percentiles(draws, problems=p, level=0.95) for p in (5, 5000))
    assert few[0][0] < many[0][0] < many[1][0] < few[1][0]
    assert many[1][0] == pytest.approx(1.96, abs=0.1)


@pytest.mark.parametrize(
    ("value", "draws", "problems", "word"),
    [
        (np.nan, [1.0, 2.0], 9, "does not exist on these data"),
        (1.0, [1.0, np.nan], 9, "50% of the bootstrap samples"),
        (1.0, [1.0, 1.0], 9, "the same value"),
        (1.0, [1.0, 2.0], 1, "1 problem"),
        (1.0, [], 9, "of the bootstrap samples"),
    ],
)
def test_a_derived_quantity_without_an_interval_says_why(
    value: float, draws: list[float], problems: int, word: str
) -> None:
    found = derived(value, draws, problems=problems)
    assert np.isnan([found.low, found.high]).all()
    assert word in found.reason


def test_a_curve_turns_into_estimates() -> None:
    band = mean_curve([[0.0, np.nan], [1.0, np.nan]], samples=8)
    first, second = band.estimates()
    assert (first.problems, first.samples, first.method) == (2, 8, band.method)
    assert "population of problems" in first.method
    assert second.excluded == 2
    assert second.reason


def test_the_jackknife_of_a_mean_is_its_paired_interval() -> None:
    values = np.random.default_rng(0).normal(3, 2, 40)
    found = jackknifed(values.mean(), (values.sum() - values) / 39)
    paired = paired_difference(values - values.mean(), np.zeros(40))
    limits = found.low - values.mean(), found.high - values.mean()
    assert limits == pytest.approx((paired.low, paired.high), abs=1e-9)


def test_the_jackknife_holds_a_skewed_ratio() -> None:
    """The logarithm of a mean of lognormals over 40 problems."""
    hits = 0
    for seed in range(300):
        values = np.random.default_rng(seed).lognormal(0, 1, 40)
        left_out = np.log((values.sum() - values) / 39)
        found = jackknifed(float(np.log(values.mean())), left_out)
        hits += found.low <= 0.5 <= found.high
    assert 0.92 <= hits / 300 <= 0.98


def test_what_no_problem_changes_has_no_interval() -> None:
    found = jackknifed(1.0, np.ones(5))
    assert np.isnan(found.low)
    assert found.reason
