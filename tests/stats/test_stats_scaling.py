"""The exponentiated power law: the published parameters, other solvers, and edges."""

import csv
import math
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import curve_fit

from vervet.stats.coverage import coverage
from vervet.stats.powerfit import Loss
from vervet.stats.resampling import jackknifed
from vervet.stats.scaling import (
    attempts_to_reach,
    back_test_power_law,
    fit_power_law,
    fit_power_law_to_counts,
    horizontal_shift,
    log_spaced,
    sample_factor,
)
from vervet.stats.thinning import thin

N = 10_000


@pytest.fixture(scope="module")
def pythia(shared_data: Path) -> dict[str, np.ndarray[Any, Any]]:
    counts = defaultdict(list)
    with (shared_data / "data/papers/monkeys_math_pythia_counts.csv").open() as file:
        for row in csv.DictReader(file):
            counts[row["model"]].append(float(row["c"]))
    return {model: np.array(values) for model, values in counts.items()}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_published_parameters_are_refitted_from_counts(
    shared_data: Path, pythia: dict[str, Any]
) -> None:
    table = rows(shared_data / "data/papers/monkeys_published_powerlaw_params.csv")
    published = [r for r in table if r["version"] == "v1" and r["model"].startswith("Pythia")]
    found = 0
    for row in published:
        counts = pythia.get(row["model"].replace("-", " "))
        if counts is None:
            continue
        ks = log_spaced(N)
        law = fit_power_law(ks, coverage(counts, N, k=ks).mean(axis=0), base=10)
        assert law.a == pytest.approx(float(row["a"]), abs=0.03)
        assert law.b == pytest.approx(float(row["b"]), abs=0.01)
        found += 1
    assert found == 7


def test_published_errors_at_100_points_are_met(shared_data: Path, pythia: dict[str, Any]) -> None:
    table = rows(shared_data / "data/papers/monkeys_published_powerlaw_params.csv")
    for row in (r for r in table if r["err_mean"] and r["model"].startswith("Pythia")):
        ks = log_spaced(N)
        curve = coverage(pythia[row["model"].replace("-", " ")], N, k=ks).mean(axis=0)
        law = fit_power_law(ks, curve)
        assert law.a == pytest.approx(float(row["a"]), abs=0.08)  # 0.03 in base 10
        assert law.error_mean == pytest.approx(float(row["err_mean"]), abs=0.003)
        assert law.error_sd == pytest.approx(float(row["err_std"]), abs=0.002)


def test_a_fit_of_coverage_itself_reproduces_the_reference_fits_and_back_tests(
    shared_data: Path, pythia: dict[str, Any]
) -> None:
    table = rows(shared_data / "data/papers/monkeys_coverage_and_powerlaw_fits.csv")
    for row in (r for r in table if r["model"] in pythia):
        ks = np.unique(np.logspace(0, 4, 40).astype(int))
        curve = coverage(pythia[row["model"]], N, k=ks).mean(axis=0)
        law = fit_power_law(ks, curve, loss="coverage")
        assert_allclose([law.a, law.b], [float(row["fit_a"]), float(row["fit_b"])], rtol=1e-6)
        assert law.error_mean == pytest.approx(float(row["err_mean"]), abs=4e-4)
        early = ks <= 100
        law = fit_power_law(ks[early], curve[early], loss="coverage")
        assert law.coverage(N) == pytest.approx(float(row["pred10000_from_k100"]), abs=1e-6)


def test_coverage_of_released_counts_is_exact(shared_data: Path, pythia: dict[str, Any]) -> None:
    table = rows(shared_data / "data/papers/monkeys_coverage_and_powerlaw_fits.csv")
    for row in (r for r in table if r["model"] in pythia):
        curve = coverage(pythia[row["model"]], N, k=[1, 10, 100, 1000, N]).mean(axis=0)
        published = [float(row[f"cov{k}"]) for k in (1, 10, 100, 1000, N)]
        assert_allclose(curve, published, atol=2e-12)


@pytest.mark.parametrize("loss", ["coverage", "log-coverage"])
def test_the_fit_is_the_least_squares_of_scipy(loss: Loss) -> None:
    rng = np.random.default_rng(7)
    ks = log_spaced(3000)
    for _ in range(20):
        a, b = -rng.uniform(0.05, 9), -rng.uniform(0.03, 0.9)
        curve = np.sort(np.exp(a * ks**b) * rng.uniform(0.8, 1.0, len(ks)))

        def model(k: Any, a: float, b: float) -> Any:
            value = a * k**b
            return value if loss == "log-coverage" else np.exp(value)

        target = np.log(curve) if loss == "log-coverage" else curve
        expected, _ = curve_fit(model, ks.astype(float), target, p0=(a, b), ftol=1e-14, xtol=1e-14)
        law = fit_power_law(ks, curve, loss=loss)
        assert_allclose([law.a, law.b], expected, rtol=2e-5)


def test_the_base_changes_a_and_nothing_else() -> None:
    ks = [1, 10, 100]
    natural = fit_power_law(ks, [0.1, 0.3, 0.7])
    decimal = fit_power_law(ks, [0.1, 0.3, 0.7], base=10)
    assert decimal.a == pytest.approx(natural.a / math.log(10))
    assert decimal.b == pytest.approx(natural.b)
    assert decimal.coverage(1e5) == pytest.approx(natural.coverage(1e5))
    assert natural.in_base(10).a == pytest.approx(decimal.a)


def test_attempts_inverts_coverage() -> None:
    law = fit_power_law([1, 10, 100], [0.1, 0.3, 0.7], base=10)
    assert law.coverage(law.attempts(0.9)) == pytest.approx(0.9)
    with pytest.raises(ValueError, match="between 0 and 1"):
        law.attempts(1.0)


def test_a_curve_that_determines_nothing_gives_nan_and_the_reason() -> None:
    assert "three points" in fit_power_law([1, 2, 4, 8], [0, 0, 0.1, 0.2]).reason
    flat = fit_power_law([1, 2, 4], [1.0, 1.0, 1.0])
    assert math.isnan(flat.a)
    assert "does not change" in flat.reason
    assert math.isnan(fit_power_law_to_counts([0, 0, 0], 50).a.low)


def test_impossible_curves_are_refused() -> None:
    with pytest.raises(ValueError, match="increase"):
        fit_power_law([10, 1, 3], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="between 0 and 1"):
        fit_power_law([1, 2, 3], [0.1, 0.2, 1.3])
    with pytest.raises(ValueError, match="shapes"):
        fit_power_law([1, 2, 3], [0.1, 0.2])


def test_intervals_cover_the_parameters_of_the_population() -> None:
    rng = np.random.default_rng(11)
    ks = log_spaced(200)
    difficulty = rng.beta(0.4, 3.0, size=200_000)
    population = 1 - (1 - difficulty[:, None]) ** ks
    truth = fit_power_law(ks, population.mean(axis=0))
    hits = 0
    for _ in range(100):
        chosen = rng.beta(0.4, 3.0, size=120)
        counts = rng.binomial(200, chosen)
        fit = fit_power_law_to_counts(counts, 200)
        hits += fit.b.low <= truth.b <= fit.b.high
    assert 86 <= hits <= 100


def test_intervals_are_the_jackknifes() -> None:
    counts = np.array([0, 1, 3, 10, 40, 0, 80])
    fit = fit_power_law_to_counts(counts, 100)
    left_out = [fit_power_law_to_counts(np.delete(counts, i), 100).law.b for i in range(7)]
    expected = jackknifed(fit.law.b, np.array(left_out))
    assert (fit.b.low, fit.b.high) == pytest.approx((expected.low, expected.high), rel=1e-6)
    assert fit.b.problems == 7


def test_a_law_that_hangs_on_one_problem_has_no_interval() -> None:
    fit = fit_power_law_to_counts([0, 0, 7], 100)
    assert fit.law.b < 0
    assert math.isnan(fit.b.low)
    assert "without one of the problems" in fit.b.reason


def test_a_back_test_sees_only_the_start_of_the_curve(pythia: dict[str, Any]) -> None:
    counts = pythia["Pythia 12B"]
    test = back_test_power_law(counts, N, fit_to=100, ks=[1000, N], loss="coverage")
    assert test.measured[1] == 0.875
    assert test.predicted[1] == pytest.approx(0.880, abs=0.006)
    assert abs(test.relative_errors[1]) < 0.015
    with pytest.raises(ValueError, match="beyond"):
        back_test_power_law(counts, N, fit_to=100, ks=[100, N])


def test_shifted_copies_of_a_curve_agree_and_share_sample_factors() -> None:
    ks = np.array(log_spaced(100_000), dtype=float)
    curves = {str(speed): (ks, 1 - (1 + speed * ks / 50) ** -0.4) for speed in (1.0, 4.0, 16.0)}
    shift = horizontal_shift(curves)
    assert shift.disagreement < 0.006
    assert shift.attempts["1.0"] / shift.attempts["16.0"] == pytest.approx(16, rel=0.02)
    factors = [sample_factor(*curve, 0.4, 0.6) for curve in curves.values()]
    for one, other in combinations(factors, 2):
        assert one == pytest.approx(other, rel=0.02)


def test_pythia_models_share_a_curve_but_for_the_smallest(pythia: dict[str, Any]) -> None:
    ks = log_spaced(N)
    curves = {m: (ks, coverage(c, N, k=ks).mean(axis=0)) for m, c in pythia.items()}
    everyone = horizontal_shift(curves)  # the paper: Pythia-70M is the outlier
    without = horizontal_shift({m: c for m, c in curves.items() if m != "Pythia 70M"})
    assert without.anchor == pytest.approx(0.02, abs=0.005)
    assert without.disagreement < 0.6 * everyone.disagreement


def test_measured_curves_are_never_extrapolated() -> None:
    assert math.isnan(attempts_to_reach([1, 10], [0.2, 0.4], 0.5))
    assert math.isnan(attempts_to_reach([1, 10], [0.2, 0.4], 0.1))
    assert attempts_to_reach([1, 10], [0.2, 0.4], 0.2) == 1
    with pytest.raises(ValueError, match="not on the measured curve"):
        horizontal_shift({"a": ([1, 10], [0.1, 0.2]), "b": ([1, 10], [0.5, 0.6])})


def test_thinning_keeps_the_mean_and_the_bounds() -> None:
    rng = np.random.default_rng(3)
    kept = np.array([thin([0, 30, 100], 100, 20, rng) for _ in range(2000)])
    assert (kept[:, 0] == 0).all()
    assert (kept[:, 2] == 20).all()
    assert kept[:, 1].mean() == pytest.approx(6, abs=0.2)


def test_impossible_counts_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="more than were drawn"):
        thin([5], 4, 2, rng)
    with pytest.raises(ValueError, match="no samples"):
        thin([0, 1], [0, 4], 2, rng)
    with pytest.raises(ValueError, match="no problems"):
        thin([], 4, 2, rng)
    with pytest.raises(ValueError, match="beyond the 4 samples"):
        back_test_power_law([1, 2], 4, fit_to=3, ks=[5])
