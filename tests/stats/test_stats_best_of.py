from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.stats.best_of import best_of

POOLS = st.lists(st.tuples(st.sampled_from([0, 1, 2, None]), st.booleans()), min_size=1, max_size=7)


@given(pool=POOLS)
def test_best_of_equals_enumeration_with_ties_and_missing_scores(
    exact: SimpleNamespace, pool: list[tuple[int | None, bool]]
) -> None:
    right = [fine for _, fine in pool]
    laws = [[(None if s is None else Fraction(s), Fraction(1))] for s, _ in pool]
    scores = [np.nan if s is None else float(s) for s, _ in pool]
    ks = range(1, len(pool) + 1)
    got = best_of([scores], [right], k=range(1, len(pool) + 2))[0]
    np.testing.assert_allclose(got[:-1], [exact.best_of(laws, right, k) for k in ks], atol=1e-14)
    assert np.isnan(got[-1])


def test_distinct_scores_follow_the_rank_formula_at_10000_samples() -> None:
    scores = np.arange(10000.0)
    right = np.zeros(10000, dtype=bool)
    right[[9999, 9000, 17]] = True
    for k in (1, 10, 1000, 9999):
        want = Fraction(0)
        for index in (9999, 9000, 17):
            chance = Fraction(k, 10000)
            for step in range(9999 - index):
                chance *= Fraction(10000 - k - step, 9999 - step)
                if step > 400 and chance < Fraction(1, 10**40):
                    chance = Fraction(0)
                    break
            want += chance
        assert best_of([scores], [right], k=k)[0, 0] == pytest.approx(float(want), abs=1e-12)


def test_infinite_scores_are_scores() -> None:
    assert best_of([[np.inf, -np.inf]], [[True, False]], k=2)[0, 0] == 1.0


def test_scores_and_verdicts_must_match() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\) but verdicts of shape \(1,\)"):
        best_of([[1, 2]], [[True]], k=1)
