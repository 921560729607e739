"""Mixtures of samplers: conditions of optimality, brute force, real models held out."""

import csv
import math
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vervet.stats.mixtures import best_mixture, coverage_of_mixture, validate_mixture

SIZES = {"70M": 0.07, "160M": 0.16, "410M": 0.41, "1B": 1.0, "2.8B": 2.8, "6.9B": 6.9, "12B": 12.0}
COSTS = {f"Pythia {name}": size for name, size in SIZES.items()}


@pytest.fixture(scope="module")
def pythia(shared_data: Path) -> dict[str, np.ndarray[Any, Any]]:
    found: dict[str, dict[int, float]] = defaultdict(dict)
    with (shared_data / "data/papers/monkeys_math_pythia_counts.csv").open() as file:
        for row in csv.DictReader(file):
            found[row["model"]][int(row["problem_idx"])] = float(row["c"]) / float(row["n"])
    order = sorted(found["Pythia 12B"])
    return {model: np.array([rates[i] for i in order]) for model, rates in found.items()}


def slopes(
    rates: dict[str, Any], attempts: dict[str, float], costs: dict[str, float]
) -> dict[str, float]:
    """Change of coverage per unit of cost, by the definition."""
    missed = np.prod([(1 - np.asarray(rates[m])) ** x for m, x in attempts.items()], axis=0)
    return {
        m: float(np.mean(missed * -np.log1p(-np.asarray(p))) / costs[m]) for m, p in rates.items()
    }


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), arms=st.integers(2, 5), budget=st.floats(1, 200))
def test_the_optimum_meets_the_kkt_conditions(seed: int, arms: int, budget: float) -> None:
    rng = np.random.default_rng(seed)
    rates = {str(m): np.clip(rng.beta(0.4, 3, size=40), 0, 0.95) for m in range(arms)}
    costs = {str(m): float(rng.uniform(0.3, 3)) for m in range(arms)}
    mixture = best_mixture(rates, costs, budget)
    spent = sum(costs[m] * x for m, x in mixture.attempts.items())
    assert spent == pytest.approx(budget, rel=1e-9)
    assert mixture.gap < 1e-5
    slope = slopes(rates, dict(mixture.attempts), costs)
    price = max(slope.values())
    for m, x in mixture.attempts.items():
        if x * costs[m] > 0.01 * budget:
            assert slope[m] == pytest.approx(price, rel=2e-3)


def test_no_split_of_a_fine_grid_is_better() -> None:
    rng = np.random.default_rng(3)
    rates = {name: rng.beta(0.5, 2, size=25) for name in "abc"}
    costs = {"a": 1.0, "b": 2.0, "c": 0.5}
    mixture = best_mixture(rates, costs, 12.0)
    grid = [
        coverage_of_mixture(
            rates, {"a": 0.25 * i, "b": 0.25 * j, "c": (12 - 0.25 * i - 0.5 * j) / 0.5}
        )
        for i, j in product(range(49), range(25))
        if 0.25 * i + 0.5 * j <= 12
    ]
    assert max(grid) <= mixture.coverage + 1e-12
    assert mixture.coverage - max(grid) < 1e-3


def test_an_only_sampler_gets_everything() -> None:
    mixture = best_mixture({"a": [0.1, 0.2]}, {"a": 2.0}, 10)
    assert mixture.attempts == {"a": 5.0}
    assert mixture.multiple == 1.0
    assert mixture.coverage == pytest.approx(1 - (0.9**5 + 0.8**5) / 2)


def test_a_dominated_sampler_gets_nothing() -> None:
    rates = {"good": np.array([0.4, 0.2, 0.1]), "bad": np.array([0.2, 0.1, 0.05])}
    mixture = best_mixture(rates, {"good": 1.0, "bad": 1.0}, 7)
    assert mixture.attempts["bad"] == pytest.approx(0, abs=1e-6)
    assert mixture.single == "good"


def test_problems_only_one_sampler_solves_are_out_of_reach_of_the_other() -> None:
    rates = {"a": [0.5, 0.0], "b": [0.0, 0.5]}
    mixture = best_mixture(rates, {"a": 1.0, "b": 1.0}, 20)
    assert mixture.attempts["a"] == pytest.approx(10, abs=1e-4)
    assert mixture.multiple == math.inf
    assert mixture.single_coverage == pytest.approx(0.5, abs=1e-5)


def test_whole_attempts_stay_within_the_budget() -> None:
    rates = {"a": [0.5, 0.01, 0.3], "b": [0.1, 0.2, 0.0]}
    costs = {"a": 1.0, "b": 1.5}
    mixture = best_mixture(rates, costs, 10)
    whole = mixture.whole(costs)
    spent = sum(costs[name] * x for name, x in whole.items())
    assert 10 - min(costs.values()) < spent <= 10
    assert all(abs(whole[name] - x) < 1 for name, x in mixture.attempts.items())
    assert coverage_of_mixture(rates, whole) <= mixture.coverage + 1e-12


def test_certain_samplers_are_capped_not_infinite() -> None:
    mixture = best_mixture({"a": [1.0, 0.0], "b": [0.0, 1.0]}, {"a": 1.0, "b": 1.0}, 2)
    assert mixture.coverage == pytest.approx(1.0, abs=1e-6)


def test_impossible_mixtures_are_refused() -> None:
    with pytest.raises(ValueError, match="no cost"):
        best_mixture({"a": [0.1]}, {"b": 1.0}, 5)
    with pytest.raises(ValueError, match="positive"):
        best_mixture({"a": [0.1]}, {"a": 1.0}, 0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        best_mixture({"a": [1.1]}, {"a": 1.0}, 5)


def test_in_sample_multiples_of_pythia_are_the_reference_ones(pythia: dict[str, Any]) -> None:
    expected = {10: 1.03, 100: 1.26, 1000: 1.49, 5000: 1.22}
    for budget, multiple in expected.items():
        mixture = best_mixture(pythia, COSTS, budget)
        assert mixture.multiple == pytest.approx(multiple, abs=0.05)
        assert mixture.gap < 1e-6


def test_mixtures_of_pythia_hold_out_of_sample(pythia: dict[str, Any]) -> None:
    held = validate_mixture(pythia, COSTS, 1000, rng=np.random.default_rng(0))
    assert held.better == 1.0
    assert held.mixture.value == pytest.approx(0.612, abs=0.02)
    assert held.single.value == pytest.approx(0.554, abs=0.03)
    small = validate_mixture(pythia, COSTS, 10, rng=np.random.default_rng(0))
    assert abs(small.gain.value) < 0.01  # nothing to win at a budget of ten
