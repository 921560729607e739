from math import comb
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.stats.votes import Ballot, majority

POOLS = st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=5)


def ballot(counts: list[int], correct: list[bool], silent: int = 0) -> Ballot:
    return Ballot(np.array(counts, dtype=np.int64), np.array(correct, dtype=np.bool_), silent)


@given(pool=POOLS, silent=st.integers(0, 4))
def test_majority_equals_enumeration_with_ties_and_missing_answers(
    exact: SimpleNamespace, pool: list[tuple[int, bool]], silent: int
) -> None:
    counts, correct = [c for c, _ in pool], [r for _, r in pool]
    total = sum(counts) + silent
    ks = range(1, total + 1)
    got = majority([ballot(counts, correct, silent)], k=range(1, total + 2))[0]
    want = [exact.majority(counts, correct, silent, k) for k in ks]
    np.testing.assert_allclose(got[:-1], want, atol=1e-13)
    assert np.isnan(got[-1])


@pytest.mark.parametrize(("counts", "silent"), [([3, 1], 0), ([2, 2, 1], 1), ([1, 1, 1], 2)])
def test_majority_with_replacement_equals_enumeration(
    exact: SimpleNamespace, counts: list[int], silent: int
) -> None:
    correct = [True] + [False] * (len(counts) - 1)
    got = majority([ballot(counts, correct, silent)], k=range(1, 7), replacement=True)[0]
    want = [exact.majority_drawn_again(counts, correct, silent, k) for k in range(1, 7)]
    np.testing.assert_allclose(got, want, atol=1e-13)


def test_draws_with_replacement_go_beyond_the_samples() -> None:
    pool = ballot([6, 4], [True, False])
    assert majority([pool], k=1001, replacement=True)[0, 0] > 0.999


def test_all_samples_give_the_plain_vote() -> None:
    pools = [ballot([5, 3], [False, True]), ballot([4, 4], [True, False]), ballot([8], [True])]
    np.testing.assert_array_equal(majority(pools, k=8)[:, 0], [0.0, 0.5, 1.0])


def test_two_answers_at_10000_samples_keep_twelve_digits() -> None:
    right, wrong, silent = 5100, 4700, 200
    for k in (10, 101, 300):
        won = 0
        for votes in range(k + 1):
            for other in range(min(votes, k - votes) + 1):
                ways = comb(silent, k - votes - other)
                if ways and votes:
                    term = comb(right, votes) * comb(wrong, other) * ways
                    won += term if votes == other else 2 * term
        want = won / 2 / comb(10000, k) if won < 2**1000 else float_ratio(won, 2 * comb(10000, k))
        got = majority([ballot([right, wrong], [True, False], silent)], k=k)[0, 0]
        assert got == pytest.approx(want, abs=1e-12)


def float_ratio(top: int, bottom: int) -> float:
    """Return top/bottom of whole numbers too large for floating point."""
    return (top << 80) // bottom / 2**80


def test_many_rivals_at_10000_samples_keep_twelve_digits() -> None:
    """Polynomials packed into whole numbers: an exact count that shares nothing with the engine."""
    counts, silent, k = [2600, 2500, 2400, 1000, 700], 800, 40
    want = counted(counts, silent, k)
    pool = ballot(counts, [True, False, False, False, False], silent)
    assert majority([pool], k=k)[0, 0] == pytest.approx(want, abs=1e-12)


def counted(counts: list[int], silent: int, k: int) -> float:
    """Count subsets in which answer 0 wins, by multiplying polynomials in whole numbers."""
    room = comb(10000, k).bit_length() * 2
    mask = (1 << room) - 1

    def packed(values: list[int]) -> int:
        return sum(value << (room * power) for power, value in enumerate(values))

    quiet = packed([comb(silent, u) for u in range(k + 1)])
    won = 0
    for votes in range(1, k + 1):
        rivals = [quiet] + [0] * (len(counts) - 1)
        for count in counts[1:]:
            below = packed([comb(count, u) for u in range(votes)])
            tied = comb(count, votes) << (room * votes)
            rivals = [
                rivals[r] * below + (rivals[r - 1] * tied if r else 0) for r in range(len(rivals))
            ]
        for ties, polynomial in enumerate(rivals):
            rest = (polynomial >> (room * (k - votes))) & mask
            won += comb(counts[0], votes) * rest * 60 // (ties + 1)
    return float_ratio(won, 60 * comb(10000, k))


def test_equal_answers_win_equally_often() -> None:
    pool = [ballot([40] * 25, [i == j for i in range(25)]) for j in (0, 24)]
    got = majority(pool, k=[2, 30, 500, 999, 1000])
    np.testing.assert_allclose(got, 1 / 25, atol=1e-13)


def test_winning_chances_add_up_to_one_but_for_silence() -> None:
    counts, silent = [300, 280, 40, 3, 1], 200
    pools = [ballot(counts, [i == j for i in range(5)], silent) for j in range(5)]
    ks = np.array([1, 5, 40, 300, 823])
    silence = [comb(silent, int(k)) / comb(824, int(k)) if k < 200 else 0.0 for k in ks]
    np.testing.assert_allclose(majority(pools, k=ks).sum(axis=0), 1 - np.array(silence), atol=1e-12)


def test_an_answer_counts_as_right_if_any_sample_of_it_was_judged_so() -> None:
    pool = Ballot.of(["a", "a", None, "b"], [False, True, True, False])
    assert pool.correct.tolist() == [True, False]
    assert (pool.unanswered, pool.total) == (1, 4)


def test_a_problem_without_samples_is_unknown_and_one_without_answers_is_wrong() -> None:
    got = majority([ballot([], []), ballot([], [], 3)], k=2)
    assert np.isnan(got[0, 0])
    assert got[1, 0] == 0.0


def test_answers_and_verdicts_must_match() -> None:
    with pytest.raises(ValueError, match="2 answers but 1 verdicts"):
        Ballot.of(["a", "b"], [True])
