import numpy as np
import pytest

from vervet.stats.agreement import (
    cohen_kappa,
    effective_judges,
    effective_votes,
    fleiss_kappa,
    repeat_correlation,
    repeats,
)


def verdicts(correlation: float, samples: int, votes: int, seed: int = 0) -> np.ndarray:
    """Draw binary verdicts whose repeats have this correlation: Beta-distributed rates."""
    rng = np.random.default_rng(seed)
    size = 1 / correlation - 1
    rate = rng.beta(0.6 * size, 0.4 * size, samples)
    return rng.binomial(votes, rate)


@pytest.mark.parametrize("correlation", [0.2, 0.5, 0.8])
def test_the_repeat_correlation_is_recovered(correlation: float) -> None:
    got = repeat_correlation(verdicts(correlation, 20000, 8), np.full(20000, 8))
    assert got == pytest.approx(correlation, abs=0.02)


def test_independent_verdicts_have_no_repeat_correlation() -> None:
    yes = np.random.default_rng(0).binomial(8, 0.6, 20000)
    assert repeat_correlation(yes, np.full(20000, 8)) == pytest.approx(0.0, abs=0.01)


def test_the_correlation_predicts_the_variance_of_a_mean_verdict() -> None:
    yes = verdicts(0.5, 50000, 16)
    votes = effective_votes(16, repeat_correlation(yes, np.full(50000, 16)))
    assert (yes / 16).var() == pytest.approx(0.24 / votes, rel=0.03)


def test_cohen_kappa_of_the_textbook_table() -> None:
    first = [1] * 25 + [0] * 25
    second = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)


def test_fleiss_kappa_of_two_verdicts_is_scott_pi() -> None:
    yes = np.array([2] * 20 + [1] * 15 + [0] * 15)
    rate = 55 / 100
    chance = rate**2 + (1 - rate) ** 2
    assert fleiss_kappa(yes, np.full(50, 2)) == pytest.approx((0.7 - chance) / (1 - chance))


def test_kappa_is_unknown_where_everyone_always_agrees() -> None:
    assert np.isnan(cohen_kappa([1, 1], [1, 1]))
    assert np.isnan(fleiss_kappa([2, 2], [2, 2]))
    assert np.isnan(repeat_correlation([2, 2], [2, 2]))
    assert np.isnan(fleiss_kappa([1], [1]))


def test_copies_of_one_judge_are_one_and_independent_ones_count_fully() -> None:
    rng = np.random.default_rng(0)
    one = (rng.random((5000, 1)) < 0.5).astype(float)
    assert effective_judges(np.repeat(one, 9, axis=1)) == pytest.approx(1.0)
    assert effective_judges(rng.random((5000, 9)) < 0.5) == pytest.approx(9, rel=0.05)
    constant = np.hstack([one, np.ones((5000, 3))])
    assert effective_judges(constant) == 1.0


def test_missing_verdicts_of_a_judge_are_left_out_pairwise() -> None:
    table = np.array([[1, 1.0], [0, 0], [1, np.nan], [0, np.nan]])
    assert effective_judges(table) == pytest.approx(1.0)


def test_repeats_separate_right_from_wrong_and_count_unanimous_errors() -> None:
    yes, judged, right = [], [], []
    for problem in range(40):
        good = verdicts(0.5, 30, 8, seed=problem)
        bad = verdicts(0.8, 30, 8, seed=1000 + problem)
        yes.append(np.concatenate([good, bad]))
        judged.append(np.full(60, 8))
        right.append(np.arange(60) < 30)
    found = repeats(yes, judged, right, rng=np.random.default_rng(0))
    assert found.right.low < 0.5 < found.right.high
    assert found.wrong.low < 0.8 < found.wrong.high
    assert found.votes_wrong == pytest.approx(effective_votes(8, found.wrong.value))
    wrong = np.concatenate([counts[30:] for counts in yes])
    assert found.unanimous_wrong == pytest.approx((wrong == 8).mean())
