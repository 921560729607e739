from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vervet.stats.votes import Ballot, majority
from vervet.stats.weighted import vote_surface, weighted_majority

SAMPLE = st.tuples(st.integers(-1, 2), st.sampled_from([0, 1, 2, 3, None]))
TRUTHS = st.tuples(st.booleans(), st.booleans(), st.booleans())


def truth(names: list[int], good: tuple[bool, ...]) -> list[bool]:
    return [name >= 0 and good[name] for name in names]


@settings(max_examples=60)
@given(pool=st.lists(SAMPLE, min_size=1, max_size=6), good=TRUTHS)
def test_whole_weights_equal_enumeration_with_ties_and_silence(
    exact: SimpleNamespace, pool: list[tuple[int, int | None]], good: tuple[bool, ...]
) -> None:
    names = [name for name, _ in pool]
    laws = [[(None if load is None else Fraction(load), Fraction(1))] for _, load in pool]
    loads = [np.nan if load is None else float(load) for _, load in pool]
    right = truth(names, good)
    ks = range(1, len(pool) + 1)
    got = weighted_majority([names], [loads], [right], k=ks)
    want = [exact.weighted(names, laws, right, k) for k in ks]
    np.testing.assert_allclose(got.value[0], want, atol=1e-13)
    assert not got.error.any()


@settings(max_examples=25)
@given(
    pool=st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 2)), min_size=1, max_size=4),
    good=TRUTHS,
)
def test_verify_then_vote_equals_enumeration(
    exact: SimpleNamespace, pool: list[tuple[int, int]], good: tuple[bool, ...]
) -> None:
    names, yes = [name for name, _ in pool], [count for _, count in pool]
    right = truth(names, good)
    many = range(1, len(pool) + 1)
    got = vote_surface([names], [yes], [2], [right], solutions=many, verifications=[1, 2])[0]
    for v in (1, 2):
        laws = [exact.verdict_law(count, 2, v, mean=False) for count in yes]
        want = [exact.weighted(names, laws, right, s) for s in many]
        np.testing.assert_allclose(got[:, v - 1], want, atol=1e-13)


def test_equal_weights_are_a_majority_vote() -> None:
    names = np.repeat([0, 1, 2, -1], [12, 9, 5, 4])
    right = names == 0
    got = weighted_majority([names], [np.full(30, 0.25)], [right], k=[1, 5, 29, 30]).value
    pool = Ballot(np.array([12, 9, 5]), np.array([True, False, False]), 4)
    np.testing.assert_allclose(got, majority([pool], k=[1, 5, 29, 30]), atol=1e-12)


def test_real_weights_are_estimated_with_a_standard_error() -> None:
    rng = np.random.default_rng(0)
    names, near = rng.integers(0, 3, 30), rng.integers(1, 9, 30).astype(float)
    right = names == 0
    exact = weighted_majority([names], [near], [right], k=7).value[0, 0]
    drawn = weighted_majority([names], [near * np.pi], [right], k=7, rng=rng)
    assert 0 < drawn.error[0, 0] < 0.01
    assert abs(drawn.value[0, 0] - exact) < 4 * drawn.error[0, 0]


def test_real_weights_without_a_generator_are_refused() -> None:
    with pytest.raises(ValueError, match="pass rng"):
        weighted_majority([[0]], [[np.pi]], [[True]], k=1)
