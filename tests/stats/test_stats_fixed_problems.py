from math import comb

import numpy as np
import pytest
from scipy import stats

from vervet.stats.coverage import coverage
from vervet.stats.fixed_problems import coverage_variance, fixed_coverage, fixed_interval
from vervet.stats.resampling import mean_curve


def test_the_variance_is_the_mean_over_the_posterior_of_the_estimators_variance() -> None:
    count, total, k = 2, 6, 3
    rates = stats.beta(count + 0.5, total - count + 0.5).rvs(400_000, random_state=0)
    seen = np.arange(total + 1)
    law = np.array([comb(total, c) for c in seen])[:, None] * rates ** seen[:, None]
    law = law * (1 - rates) ** (total - seen[:, None])
    value = coverage(seen, total, k=k)
    spread = (law * value**2).sum(axis=0) - (law * value).sum(axis=0) ** 2
    assert coverage_variance([count], total, k=k)[0, 0] == pytest.approx(spread.mean(), rel=0.01)


def test_intervals_of_fixed_problems_cover_reruns() -> None:
    rng = np.random.default_rng(0)
    rates = rng.beta(0.5, 0.5, 60)
    truth = (1 - (1 - rates[:, None]) ** [1, 5]).mean(axis=0)
    hits = np.zeros(2)
    for _ in range(200):
        found = fixed_coverage(rng.binomial(30, rates), 30, k=[1, 5])
        hits += [e.low <= t <= e.high for e, t in zip(found, truth, strict=True)]
    assert np.all((hits / 200 >= 0.91) & (hits / 200 <= 0.99))


def test_fixed_problems_are_surer_than_a_population_and_say_so() -> None:
    counts = np.random.default_rng(0).binomial(100, np.linspace(0, 1, 50))
    fixed = fixed_coverage(counts, 100, k=1)[0]
    population = mean_curve(coverage(counts, 100, k=1)).at(0)
    assert fixed.value == pytest.approx(population.value)
    assert fixed.high - fixed.low < (population.high - population.low) / 3
    assert "fixed problems" in fixed.method


def test_nothing_solved_and_everything_solved_keep_a_width() -> None:
    for count in (0, 20):
        found = fixed_coverage([count] * 10, 20, k=[1, 20])
        assert all(0 < e.high - e.low < 0.2 for e in found[:1])


def test_too_few_samples_give_a_reason() -> None:
    found = fixed_coverage([1], 2, k=3)[0]
    assert found.reason == "no problem has enough judged samples"
    assert found.excluded == 1
    assert fixed_interval([0.5], [0.0]).reason == "the samples leave no variance"
