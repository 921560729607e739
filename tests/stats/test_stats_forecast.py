"""Coverage forecasts: the published protocol on real counts, simulation, regimes and edges."""

import csv
import math
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from vervet.stats.backtest import back_test
from vervet.stats.coverage import coverage
from vervet.stats.extra_samples import GOLDEN, expected_counts, plan_samples
from vervet.stats.families import families, posterior, rates
from vervet.stats.forecast import forecast_coverage
from vervet.stats.loglog import borrow, fit_line, measured_curve
from vervet.stats.thinning import thin

N = 10_000
BENDING = [0] * 60 + [1] * 14 + [2] * 6 + [5] * 8 + [20] * 8 + [70] * 4


@pytest.fixture(scope="module")
def pythia(shared_data: Path) -> dict[str, np.ndarray[Any, Any]]:
    counts = defaultdict(list)
    with (shared_data / "data/papers/monkeys_math_pythia_counts.csv").open() as file:
        for row in csv.DictReader(file):
            counts[row["model"]].append(int(float(row["c"])))
    return {model: np.array(values) for model, values in counts.items()}


@pytest.fixture(scope="module")
def jailbreaks(shared_data: Path) -> dict[str, np.ndarray[Any, Any]]:
    file = shared_data / "data/monkeys/bon_jailbreaking_pass_at_k.parquet"
    rows = duckdb.execute(
        'select "Model", "Problem Idx", max("Num. Samples"), max("Num. Samples Correct") '
        "from read_parquet(?) group by 1, 2 order by 1, 2",
        [str(file)],
    ).fetchall()
    found = defaultdict(list)
    for model, _, total, correct in rows:
        found[model].append((total, correct))
    return {model: np.array(values) for model, values in found.items()}


def test_math_from_100_to_10000_meets_the_protocol(pythia: dict[str, Any]) -> None:
    rng = np.random.default_rng(17)
    tests = [back_test(c, N, keep=100, k=N, draws=5, rng=rng) for c in pythia.values()]
    assert np.mean([t.error for t in tests]) <= 0.11  # five draws vary by 0.015
    assert 0.85 <= np.mean([t.covered for t in tests]) <= 1
    assert np.mean([t.width for t in tests]) <= 0.36


def test_jailbreaking_from_60_to_10020_meets_the_protocol(jailbreaks: dict[str, Any]) -> None:
    errors, covered = [], []
    for counts in jailbreaks.values():
        total, correct = counts.T
        seen = np.where(total <= 60, correct, 0)
        estimate = forecast_coverage(seen, 60, [10_020]).estimates[0]
        truth = float((correct > 0).mean())
        errors.append(abs(estimate.value / truth - 1))
        covered.append(estimate.low <= truth <= estimate.high)
    assert len(errors) == 7
    assert np.mean(errors) <= 0.137
    assert sum(covered) >= 6


def test_runs_that_stop_at_success_keep_their_horizon(jailbreaks: dict[str, Any]) -> None:
    total, correct = jailbreaks["Gemini 1.5 Pro"].T
    seen, drawn = np.where(total <= 1020, correct, 0), np.minimum(total, 1020)
    forecast = forecast_coverage(seen, drawn, [10_020])
    assert forecast.horizon == 1020
    assert forecast.estimates[0].low <= (correct > 0).mean() <= forecast.estimates[0].high


def test_a_deeper_sibling_forecasts_from_32_samples(pythia: dict[str, Any]) -> None:
    rng = np.random.default_rng(4)
    order = ["Pythia 160M", "Pythia 410M", "Pythia 1B", "Pythia 2.8B", "Pythia 6.9B", "Pythia 12B"]
    errors, widths, held = [], [], []
    for model, sibling in pairwise(order):
        truth = float((pythia[model] > 0).mean())
        for _ in range(5):
            counts = thin(pythia[model], N, 32, rng)
            borrowed = forecast_coverage(counts, 32, [N], sibling=(pythia[sibling], N))
            found = borrowed.at(N)
            errors.append(abs(found.value / truth - 1))
            widths.append(found.high - found.low)
            held.append(found.low <= truth <= found.high)
            assert "sibling" in borrowed.by_member
    assert np.mean(errors) <= 0.065
    assert np.mean(widths) <= 0.2
    assert np.mean(held) >= 0.9


@pytest.mark.parametrize("tail", [0.15, 0.3])
def test_intervals_cover_populations_with_a_heavy_left_tail(tail: float) -> None:
    rng = np.random.default_rng(21)
    hits = 0
    for _ in range(30):
        longer = rng.binomial(5000, rng.beta(tail, 4, size=120))
        estimate = forecast_coverage(thin(longer, 5000, 60, rng), 60, [5000]).estimates[0]
        hits += estimate.low <= (longer > 0).mean() <= estimate.high
    assert hits >= 25


def test_forecasts_are_deterministic_and_grow_with_k() -> None:
    one = forecast_coverage(BENDING, 100, [200, 1000, 5000, 10_000])
    assert one == forecast_coverage(BENDING, 100, [200, 1000, 5000, 10_000])
    for field in ("low", "value", "high"):
        values = [getattr(estimate, field) for estimate in one.estimates]
        assert values == sorted(values)
    assert one.estimates[0].value >= 0.4


def test_up_to_the_horizon_the_exact_coverage_is_returned() -> None:
    forecast = forecast_coverage(BENDING, 100, [1, 37, 100])
    exact = coverage(BENDING, 100, k=[1, 37, 100]).mean(axis=0)
    assert [e.value for e in forecast.estimates] == pytest.approx(exact.tolist())
    assert all(math.isnan(e.low) and "measured" in e.reason for e in forecast.estimates)


def test_the_regime_says_what_the_samples_know() -> None:
    linear = forecast_coverage([0] * 120 + [1] * 8, 100, [N])
    assert (linear.regime, linear.line_weight) == ("linear", 0.0)
    assert linear.elasticity == pytest.approx(1.0)
    assert any("proportion" in warning for warning in linear.warnings)
    difficulty = np.random.default_rng(3).beta(0.3, 20, size=120)
    bending = forecast_coverage(np.random.default_rng(4).binomial(100, difficulty), 100, [N])
    assert (bending.regime, bending.line_weight) == ("bending", 0.8)
    assert 0.2 < bending.elasticity < 0.85
    plateau = forecast_coverage([0] * 60 + [60] * 60, 100, [N])
    assert (plateau.regime, plateau.line_weight) == ("plateau", 0.0)
    assert plateau.at(N).low == 0.5
    done = forecast_coverage([3] * 20, 100, [N])
    assert (done.regime, done.at(N).value) == ("all solved", 1.0)


def test_the_line_fades_with_the_families_that_share_its_tail() -> None:
    """Normal logits have a thinner left tail than any power of p, and 400 problems show it."""
    difficulty = 1 / (1 + np.exp(-np.random.default_rng(3).normal(-5, 2.5, size=400)))
    forecast = forecast_coverage(np.random.default_rng(4).binomial(100, difficulty), 100, [N])
    assert forecast.regime == "bending"
    assert forecast.line_weight < 0.1
    truth = float(np.mean(1 - (1 - difficulty) ** N))
    assert (
        abs(forecast.at(N).value - truth) < abs(forecast.by_member["log-log line"][0] - truth) / 2
    )


def test_a_plateau_may_rise_again() -> None:
    """Half of the problems are easy, half are solved once in a thousand: at n the curve is flat."""
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(10):
        hard = rng.random(128) < 0.5
        difficulty = np.where(hard, rng.beta(0.5, 300, size=128), rng.beta(2, 2, size=128))
        longer = rng.binomial(N, difficulty)
        estimate = forecast_coverage(thin(longer, N, 100, rng), 100, [N]).at(N)
        hits += estimate.low <= (longer > 0).mean() <= estimate.high
    assert hits >= 7


def test_a_family_that_the_counts_refute_fades() -> None:
    rng = np.random.default_rng(13)
    counts = rng.binomial(300, np.where(rng.random(200) < 0.5, 0, rng.beta(2, 6, size=200)))
    forecast = forecast_coverage(counts, 300, [N])
    wrong = forecast.by_member["logit-normal"][0]
    right = forecast.by_member["zero-inflated beta"][0]
    assert wrong - right > 0.1
    assert abs(forecast.at(N).value - right) < abs(forecast.at(N).value - wrong)


def test_too_little_data_gives_nan_and_the_reason() -> None:
    nothing = forecast_coverage([0, 0, 0], 50, [1000])
    assert nothing.regime == "nothing solved"
    assert math.isnan(nothing.at(1000).value)
    assert "no problem is solved" in nothing.at(1000).reason
    uneven = forecast_coverage([0, 3, 0], [50, 60, 50], [55])
    assert "between" not in uneven.at(55).reason
    assert "beyond 60" in uneven.at(55).reason
    few = forecast_coverage([0, 0, 1, 5], 50, [1000])
    assert any("only 2 problems" in warning for warning in few.warnings)


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        forecast_coverage(BENDING, 100, [N], level=1.5)
    with pytest.raises(ValueError, match="k must be at least 1"):
        forecast_coverage(BENDING, 100, [0])
    with pytest.raises(ValueError, match="more than were drawn"):
        forecast_coverage([101], 100, [N])
    with pytest.raises(ValueError, match="keep < k"):
        back_test(BENDING, 100, keep=100, k=100, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="three problems"):
        back_test([0, 0, 1], 100, keep=5, k=100, rng=np.random.default_rng(0))


@settings(max_examples=25, deadline=None)
@given(counts=st.lists(st.integers(0, 40), min_size=1, max_size=30), extra=st.integers(1, 100_000))
def test_any_counts_give_an_ordered_interval_or_a_reason(counts: list[int], extra: int) -> None:
    estimate = forecast_coverage(counts, 40, [40 + extra]).estimates[0]
    if math.isnan(estimate.value):
        assert estimate.reason
    else:
        assert (np.count_nonzero(counts) / len(counts)) <= estimate.low + 1e-12
        assert estimate.low <= estimate.value <= estimate.high <= 1


def test_the_line_is_the_weighted_least_squares_fit() -> None:
    curve = measured_curve(BENDING, 100)
    line = fit_line(curve)
    assert line is not None
    log_k, depths = np.log(curve.ks), np.log(-np.log(curve.mean))
    slope, start = np.polyfit(log_k, depths, 1, w=curve.ks**-0.25)
    assert line.depth(1) == pytest.approx(start, abs=1e-9)
    assert line.slopes[0] == pytest.approx(slope, abs=1e-9)
    assert line.error(N) > line.error(200) > 0


def test_a_parallel_line_passes_through_the_point_asked_for() -> None:
    line = fit_line(measured_curve(BENDING, 100))
    assert line is not None
    moved = line.through(math.log(500), -1.0)
    assert moved.depth(500) == pytest.approx(-1.0)
    assert moved.depth(5000) - moved.depth(500) == pytest.approx(line.depth(5000) - line.depth(500))


def test_near_linear_growth_sharpens_the_interval_and_a_bend_does_not() -> None:
    linear = forecast_coverage([0] * 120 + [1] * 8, 100, [N]).at(N)
    wider = forecast_coverage([0] * 120 + [1] * 8, 100, [N], level=0.95).at(N)
    assert linear.high - linear.low < wider.high - wider.low < 0.8
    assert linear.low <= linear.value <= linear.high


def test_on_a_plateau_the_counts_choose_among_families() -> None:
    """Half of the problems are impossible, as in formal proving: the curve stays where it is."""
    rng = np.random.default_rng(5)
    counts = rng.binomial(100, np.where(rng.random(130) < 0.5, 0, rng.beta(0.8, 1.2, size=130)))
    forecast = forecast_coverage(counts, 100, [N])
    assert forecast.elasticity < 0.1
    assert forecast.at(N).value - (counts > 0).mean() < 0.06


def test_elasticity_ends_at_the_share_of_problems_solved_once() -> None:
    curve = measured_curve(BENDING, 100)
    assert curve.elasticity(span=100 / 99) == pytest.approx(14 / 40, rel=0.02)


def test_a_shifted_copy_is_borrowed_exactly() -> None:
    rng = np.random.default_rng(2)
    rate = rng.beta(0.4, 30, size=4000)
    easy, hard = rng.binomial(4000, rate), rng.binomial(500, rate / 4)
    borrowed = borrow(measured_curve(hard, 500), measured_curve(easy, 4000))
    assert borrowed is not None
    assert borrowed.factor == pytest.approx(0.25, rel=0.1)
    truth = 1 - np.mean((1 - rate / 4) ** N)
    assert math.exp(-math.exp(borrowed.depth(N))) == pytest.approx(truth, abs=0.02)


def test_a_sibling_that_never_reaches_the_coverage_is_not_borrowed() -> None:
    own, poor = measured_curve([5, 5, 5, 0], 10), measured_curve([0, 0, 0, 1], 1000)
    assert borrow(own, poor) is None


def test_a_plan_reaches_the_width_when_its_samples_are_drawn() -> None:
    rng = np.random.default_rng(8)
    rate = rng.beta(0.2, 6, size=150)
    first = rng.binomial(40, rate)
    plan = plan_samples(first, 40, 4000, 0.16)
    assert plan.best is not None
    assert plan.now.width > 0.16 >= plan.best.width
    same = next(option for option in plan.options if option.problems == 150)
    widths = []
    for _ in range(5):
        estimate = forecast_coverage(
            rng.binomial(same.samples, rate), same.samples, [4000]
        ).estimates[0]
        widths.append(estimate.high - estimate.low)
    assert np.mean(widths) == pytest.approx(same.width, abs=0.06)


def test_a_plan_without_a_solution_says_so() -> None:
    plan = plan_samples([0, 0, 1, 4, 0, 0, 2, 1], 20, 40, 0.001, problem_factors=(1.0,))
    assert plan.best is None
    assert "narrow" in plan.reason
    with pytest.raises(ValueError, match="beyond"):
        plan_samples([0, 1], 20, 20, 0.1)
    with pytest.raises(ValueError, match="width"):
        plan_samples([0, 1], 20, 200, 0)


def test_expected_counts_follow_the_difficulty_they_come_from() -> None:
    rng = np.random.default_rng(6)
    real = rng.binomial(200, rng.beta(0.4, 3, size=400))
    update = posterior(families()[0], real, np.full(400, 200))
    imagined = expected_counts(update.density(), 400, 200)
    assert (imagined > 0).mean() == pytest.approx((real > 0).mean(), abs=0.05)
    assert imagined.mean() == pytest.approx(real.mean(), rel=0.15)


@pytest.mark.parametrize("samples", [1, 60, 9_999])
def test_expected_counts_are_binomial_quantiles(samples: int) -> None:
    place = np.arange(60) * 4
    counts = expected_counts(np.bincount(place, minlength=len(rates())) / 60, 60, samples)
    chance = (np.arange(1, 61) * GOLDEN) % 1.0
    assert counts.tolist() == binom.ppf(chance, samples, rates()[place]).tolist()
