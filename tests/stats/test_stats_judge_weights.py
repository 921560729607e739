"""Weights of judges: right in simulation, copies not counted twice, failures say nothing."""

import numpy as np
import pytest
from scipy.optimize import minimize

from vervet.stats.judge_weights import fit, judge_weights

PROBLEMS, EACH = 60, 8


def simulated(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two judges of known weight, of samples whose chance of being right they know."""
    rng = np.random.default_rng(seed)
    scores = rng.random((PROBLEMS * EACH, 2))
    odds = 0.4 + 3.0 * (scores[:, 0] - 0.5) + 1.0 * (scores[:, 1] - 0.5)
    right = rng.random(len(odds)) < 1 / (1 + np.exp(-odds))
    return scores, right, np.repeat(np.arange(PROBLEMS), EACH)


def test_the_fit_is_the_penalised_optimum() -> None:
    scores, right, _ = simulated(0)
    weights, centers, intercept = fit(scores, right.astype(float), 3.0)
    gap, scale = scores - scores.mean(axis=0), scores.std(axis=0)
    target = (right * len(right) + 0.5) / (len(right) + 1)

    def cost(found: np.ndarray) -> float:
        odds = found[0] + gap / scale @ found[1:]
        return float(np.logaddexp(0, odds).sum() - target @ odds + 1.5 * (found[1:] ** 2).sum())

    best = minimize(cost, np.zeros(3), tol=1e-12).x
    assert np.allclose([intercept, *(weights * scale)], best, atol=1e-5)
    assert np.allclose(centers, scores.mean(axis=0))


def test_true_weights_come_back() -> None:
    found = [judge_weights(*simulated(seed)).weights for seed in range(12)]
    mean = np.mean(found, axis=0)
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert np.all(np.abs(mean - [3.0, 1.0]) < 4 * error + 0.15)  # the ridge shrinks a little


def test_a_copy_shares_the_weight_and_changes_no_probability() -> None:
    scores, right, problem = simulated(1)
    one = judge_weights(scores[:, :1], right, problem, penalties=(0.1,))
    two = judge_weights(scores[:, [0, 0]], right, problem, penalties=(0.1,))
    assert two.weights[0] == pytest.approx(two.weights[1])
    assert two.weights.sum() == pytest.approx(one.weights[0], rel=0.01)
    assert np.allclose(
        two.probability(scores[:, [0, 0]]), one.probability(scores[:, :1]), atol=0.01
    )
    assert two.votes_right == pytest.approx(1.0)
    assert two.votes_wrong == pytest.approx(1.0)


def test_a_judge_that_knows_nothing_gets_little_and_harms_little() -> None:
    scores, right, problem = simulated(2)
    noise = np.random.default_rng(3).random((len(scores), 6))
    with_noise = judge_weights(np.hstack([scores, noise]), right, problem)
    assert np.abs(with_noise.weights[2:]).max() < with_noise.weights[0] / 2
    assert with_noise.loss < with_noise.base_loss
    assert with_noise.loss < judge_weights(scores, right, problem).loss + 0.01


def test_a_failed_judge_says_nothing() -> None:
    scores, right, problem = simulated(4)
    scores[::3, 1] = np.nan
    found = judge_weights(scores, right, problem)
    assert np.isfinite(found.loss)
    silent = found.probability([np.nan, np.nan])
    assert silent == pytest.approx(found.probability(found.centers))
    assert found.alone[0] < found.alone[1]


def test_a_judge_that_always_says_the_same_has_no_weight() -> None:
    scores, right, problem = simulated(5)
    scores[:, 1] = 1.0
    found = judge_weights(scores, right, problem)
    assert found.weights[1] == 0
    assert found.votes_right == 1.0


def test_judges_that_know_everything_have_finite_weights() -> None:
    right = np.tile([1, 0], 40)
    found = judge_weights(right[:, None].astype(float), right, np.repeat(np.arange(20), 4))
    assert np.isfinite(found.weights).all()
    yes, no = found.probability([[1.0], [0.0]])
    assert no < 0.02
    assert yes > 0.98


@pytest.mark.parametrize(
    ("right", "problem"), [([1, 1], [0, 1]), ([0, 0], [0, 1]), ([1, 0], [0, 0]), ([], [])]
)
def test_an_audit_that_cannot_teach_is_refused(right: list[int], problem: list[int]) -> None:
    with pytest.raises(ValueError, match="at least two problems"):
        judge_weights(np.full((len(right), 1), 0.5), right, problem)
