"""Difficulty families: exact likelihoods and predictions, against independent integrals."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import betaln, expit
from scipy.stats import beta as beta_law
from scipy.stats import norm

from vervet.stats.families import (
    LOG_MISS,
    LOG_P,
    LOG_WIDTH,
    LOGITS,
    Family,
    beta_family,
    families,
    posterior,
    rates,
)


def beta_member(a: float, b: float) -> Family:
    logs = a * LOG_P + b * LOG_MISS + LOG_WIDTH
    weights = np.exp(logs - logs.max())
    return Family("beta", (weights / weights.sum())[None], np.zeros(1))


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_every_member_is_a_distribution(family: Family) -> None:
    assert_allclose(family.weights.sum(axis=1), 1, atol=1e-12)
    assert (family.weights >= 0).all()
    assert np.isfinite(family.log_prior).all()
    assert family.weights.shape == (len(family.log_prior), len(LOGITS))


@pytest.mark.parametrize(("a", "b"), [(0.25, 2.0), (0.6, 40.0), (0.15, 5.0)])
def test_evidence_of_counts_is_the_beta_binomial(a: float, b: float) -> None:
    correct, total = np.array([0, 1, 7, 60]), np.array([100, 100, 80, 100])
    exact = sum(
        betaln(a + c, b + n - c) - betaln(a, b) for c, n in zip(correct, total, strict=True)
    )
    found = posterior(beta_member(a, b), correct, total).log_evidence
    assert found == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize(("a", "b"), [(0.25, 2.0), (0.6, 40.0), (0.15, 5.0)])
def test_chance_of_unsolved_problems_is_the_closed_form(a: float, b: float) -> None:
    update = posterior(beta_member(a, b), np.array([0, 0]), np.array([100, 100]))
    exact = 1 - math.exp(betaln(a, b + 10_000) - betaln(a, b + 100))
    assert update.unsolved_chance(np.array([100, 100]), 10_000)[0] == pytest.approx(exact, abs=2e-3)


def test_problems_of_other_sample_sizes_enter_with_their_own_chance() -> None:
    member = beta_member(0.5, 3.0)
    update = posterior(member, np.array([0, 0]), np.array([10, 1000]))
    alone = [update.unsolved_chance(np.array([n]), 2000)[0] for n in (10, 1000)]
    both = update.unsolved_chance(np.array([10, 1000]), 2000)[0]
    assert both == pytest.approx(np.mean(alone))
    assert alone[0] > alone[1]
    assert update.unsolved_chance(np.array([1000]), 500)[0] == 0


def test_the_logit_normal_member_integrates_as_scipy_does() -> None:
    family = next(f for f in families() if f.name == "logit-normal")
    row = np.argmin(
        np.abs(family.weights @ LOGITS + 5)
        + np.abs(np.sqrt(family.weights @ LOGITS**2 - (family.weights @ LOGITS) ** 2) - 2)
    )
    mean = float(family.weights[row] @ LOGITS)
    sd = math.sqrt(float(family.weights[row] @ (LOGITS - mean) ** 2))
    coverage = 1 - family.weights[row] @ (1 - rates()) ** 300
    exact, _ = quad(lambda x: norm.pdf(x, mean, sd) * (1 - (1 - expit(x)) ** 300), -40, 20)
    assert coverage == pytest.approx(exact, abs=1e-3)


def test_the_posterior_finds_the_member_that_made_the_counts() -> None:
    rng = np.random.default_rng(5)
    family = beta_family()
    counts = rng.binomial(2000, beta_law.rvs(0.3, 3.0, size=400, random_state=rng))
    density = posterior(family, counts, np.full(400, 2000)).density()
    for quantile in (0.25, 0.5, 0.75, 0.95):
        place = LOGITS[np.searchsorted(np.cumsum(density), quantile)]
        assert expit(place) == pytest.approx(beta_law.ppf(quantile, 0.3, 3.0), rel=0.6, abs=0.02)


def test_zero_inflation_keeps_its_share_unsolved_for_ever() -> None:
    family = next(f for f in families() if f.name == "zero-inflated beta")
    never = family.weights @ np.exp(1e12 * np.log1p(-rates()))
    assert never.min() >= 0.02 - 1e-9
    assert never.max() >= 0.9


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_members_too_easy_to_leave_a_problem_unsolved_have_a_chance_of_one(family: Family) -> None:
    """At 10,000 samples (1-p)^n is zero in floating point where all of p lies near 1."""
    update = posterior(family, np.array([0, 9_999]), np.array([9_999, 9_999]))
    chance = update.unsolved_chance(np.array([9_999]), 20_000)
    assert np.all((chance >= 0) & (chance <= 1))
    assert 0 <= float(update.probability @ chance) < 0.2
