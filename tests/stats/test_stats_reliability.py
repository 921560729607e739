from fractions import Fraction
from math import comb

import numpy as np
import pytest

from vervet.stats.coverage import coverage
from vervet.stats.reliability import mean_at_n, mean_pass_share, pass_all, pass_share


def at_least(correct: int, total: int, k: int, least: int) -> Fraction:
    ways = sum(comb(correct, j) * comb(total - correct, k - j) for j in range(least, k + 1))
    return Fraction(ways, comb(total, k))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.3, 0.5, 0.75, 1.0])
def test_pass_share_equals_the_hypergeometric_tail(share: float) -> None:
    for total in (1, 5, 9):
        for k in range(1, total + 1):
            least = max(1, int(np.ceil(round(share * k, 9))))
            want = [[float(at_least(c, total, k, least))] for c in range(total + 1)]
            got = pass_share(np.arange(total + 1), total, k=k, share=share)
            np.testing.assert_allclose(got, want, atol=1e-15)


def test_pass_share_keeps_twelve_digits_at_10000_samples() -> None:
    for correct, k in ((37, 500), (5000, 1000), (9900, 400)):
        want = float(at_least(correct, 10000, k, (k + 1) // 2))
        assert pass_share([correct], 10000, k=k, share=0.5)[0, 0] == pytest.approx(want, abs=1e-12)


def test_thresholds_of_none_and_all_are_coverage_and_pass_all() -> None:
    counts, ks = np.arange(8), [1, 3, 7]
    np.testing.assert_allclose(
        pass_share(counts, 7, k=ks, share=0), coverage(counts, 7, k=ks), atol=1e-15
    )
    np.testing.assert_allclose(
        pass_share(counts, 7, k=ks, share=1), pass_all(counts, 7, k=ks), atol=1e-15
    )


def test_mean_pass_share_averages_the_upper_thresholds() -> None:
    for k in (1, 2, 5, 6):
        terms = [at_least(4, 6, k, i) for i in range((k + 1) // 2 + 1, k + 1)]
        want = float(Fraction(2, k) * sum(terms, Fraction(0)))
        assert mean_pass_share([4], 6, k=k)[0, 0] == pytest.approx(want, abs=1e-15)


def test_a_problem_without_samples_has_no_mean() -> None:
    assert np.isnan(mean_at_n([0], [0]))[0]


def test_a_share_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1\.5"):
        pass_share([1], 2, k=1, share=1.5)
