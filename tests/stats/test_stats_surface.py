from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vervet.stats.best_of import best_of
from vervet.stats.surface import running_means, surface, surface_in_order

SOLUTION = st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()).map(
    lambda s: (min(s[0], s[1]), s[1], s[2])
)


@settings(max_examples=40)
@given(pool=st.lists(SOLUTION, min_size=1, max_size=4))
def test_surface_equals_enumeration_of_solutions_and_verdicts(
    exact: SimpleNamespace, pool: list[tuple[int, int, bool]]
) -> None:
    yes, judged, right = zip(*pool, strict=True)
    deepest = max(judged)
    if deepest == 0:
        return
    many, depth = range(1, len(pool) + 1), range(1, deepest + 1)
    got = surface([yes], [judged], [right], solutions=many, verifications=depth)[0]
    for v in depth:
        laws = [exact.verdict_law(y, j, v, mean=True) for y, j in zip(yes, judged, strict=True)]
        for s in many:
            assert got[s - 1, v - 1] == pytest.approx(exact.best_of(laws, right, s), abs=1e-13)


def judged_pool(seed: int, solutions: int, trials: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    right = rng.random(solutions) < 0.4
    rate = np.where(right, rng.beta(3, 0.6, solutions), rng.beta(1, 0.8, solutions))
    return (rng.random((solutions, trials)) < rate[:, None]), right


def test_the_surface_at_all_verdicts_is_best_of_the_mean() -> None:
    votes, right = judged_pool(0, 64, 32)
    got = surface([votes.sum(1)], [32], [right], solutions=[1, 8, 64], verifications=32)[0, :, 0]
    want = best_of([votes.mean(1)], [right], k=[1, 8, 64])[0]
    np.testing.assert_allclose(got, want, atol=1e-13)


def test_the_surface_of_256_by_32_agrees_with_random_subsets() -> None:
    votes, right = judged_pool(1, 256, 32)
    for s, v in ((4, 2), (64, 8), (256, 16)):
        exact = surface([votes.sum(1)], [32], [right], solutions=s, verifications=v)[0, 0, 0]
        rng, wins = np.random.default_rng(2), []
        for _ in range(3000):
            drawn = rng.choice(256, s, replace=False)
            score = rng.hypergeometric(votes[drawn].sum(1), 32 - votes[drawn].sum(1), v)
            wins.append(right[drawn][score == score.max()].mean())
        error = np.std(wins) / np.sqrt(len(wins))
        assert abs(np.mean(wins) - exact) < 4 * error


def test_many_sizes_at_once_equal_each_alone() -> None:
    votes, right = judged_pool(3, 80, 12)
    pool = [votes.sum(1)], [12], [right]
    for v in (1, 5, 11):
        together = surface(*pool, solutions=range(1, 81), verifications=v)[0, :, 0]
        alone = [surface(*pool, solutions=s, verifications=v)[0, 0, 0] for s in range(1, 81)]
        np.testing.assert_allclose(together, alone, atol=2e-13)


def test_a_problem_of_one_type_is_right_as_often_as_its_solutions() -> None:
    right = np.arange(300) < 90
    got = surface([np.full(300, 2)], [4], [right], solutions=[1, 7, 299, 300], verifications=[1, 3])
    np.testing.assert_allclose(got, 0.3, atol=1e-12)


def test_more_verdicts_than_recorded_are_unknown() -> None:
    got = surface([[1, 2]], [2], [[True, False]], solutions=[1, 3], verifications=[2, 3])[0]
    assert np.isnan(got[:, 1]).all()
    assert np.isnan(got[1]).all()


def test_scores_in_order_use_the_first_verdicts_and_skip_missing_ones() -> None:
    scores = [[np.nan, 0.9, 0.1], [0.5, 0.5, 0.5]]
    np.testing.assert_allclose(running_means(scores)[0], [np.nan, 0.9, 0.5])
    got = surface_in_order([scores], [[True, False]], solutions=2, verifications=[1, 2, 3, 4])[0]
    np.testing.assert_allclose(got, [[0.0, 1.0, 0.5, np.nan]])


def test_more_accepting_verdicts_than_verdicts_are_refused() -> None:
    with pytest.raises(ValueError, match="more accepting verdicts"):
        surface([[3]], [2], [[True]], solutions=1, verifications=1)
