import numpy as np
import pytest

from vervet.stats.best_of import best_of
from vervet.stats.roc import Roc, within_problem_area


def scored(samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    right = rng.random(samples) < 0.4
    return np.round(rng.normal(right * 1.0, 1.0), 1), right


def test_best_of_n_from_the_curve_is_best_of_with_replacement() -> None:
    """Copying the pool 5,000 times makes draws without replacement almost independent."""
    scores, right = scored(40, 0)
    got = Roc.of(scores, right).best_of(n=[1, 2, 8, 40])
    want = best_of([np.tile(scores, 5000)], [np.tile(right, 5000)], k=[1, 2, 8, 40])[0]
    np.testing.assert_allclose(got, want, atol=2e-4)


def test_the_curve_refuses_to_extrapolate_past_the_data() -> None:
    assert np.isnan(Roc.of(*scored(40, 0)).best_of(n=41)).all()


def test_a_binary_verifier_ends_at_its_precision() -> None:
    right = np.arange(1000) < 300
    accepted = (np.arange(1000) % 10 < 8) == right
    curve = Roc.of(accepted, right)
    precision = right[accepted].mean()
    value, reason = curve.limit()
    assert value == pytest.approx(precision)
    assert not reason
    assert curve.best_of(n=1000)[0] == pytest.approx(precision)
    assert curve.rejection()[0][0] == pytest.approx(precision)
    assert curve.rejection()[1][0] == pytest.approx(1 / accepted.mean())


def test_the_limit_is_unknown_where_the_top_of_the_curve_is_thin() -> None:
    value, reason = Roc.of(*scored(40, 0)).limit()
    assert np.isnan(value)
    assert "needed to know where the curve starts" in reason


def test_the_area_counts_ordered_pairs() -> None:
    scores, right = scored(60, 2)
    above = scores[right][:, None] - scores[~right][None, :]
    want = (above > 0).mean() + (above == 0).mean() / 2
    assert Roc.of(scores, right).area() == pytest.approx(want)


def test_the_area_within_problems_ignores_differences_between_them() -> None:
    scores = [np.array([0.9, 0.9]), np.array([0.1, 0.1])]
    right = [np.array([True, False]), np.array([True, False])]
    np.testing.assert_allclose(within_problem_area(scores, right), [0.5, 0.5])


def test_a_curve_needs_both_kinds() -> None:
    with pytest.raises(ValueError, match="at least one right and one wrong"):
        Roc.of([0.1, 0.2], [True, True])
