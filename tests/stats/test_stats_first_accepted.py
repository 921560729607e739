from itertools import permutations

import numpy as np
import pytest

from vervet.stats.first_accepted import accepted_when, false_positives_when, first_accepted


def enumerated(right: int, accepted: int, total: int, limit: int) -> tuple[float, ...]:
    """Try every order of the samples: 2 accepted and right, 1 accepted and wrong, 0 rejected."""
    samples = [2] * right + [1] * (accepted - right) + [0] * (total - accepted)
    sums, orders = np.zeros(4), list(permutations(samples))
    for order in orders:
        hits = [i for i, s in enumerate(order[:limit]) if s]
        first = order[hits[0]] if hits else 0
        sums += [first == 2, first == 1, first == 0, hits[0] + 1 if hits else limit]
    return tuple(sums / len(orders))


@pytest.mark.parametrize(
    ("right", "accepted", "total"), [(0, 0, 3), (1, 2, 5), (2, 2, 4), (0, 3, 6), (6, 6, 6)]
)
def test_every_outcome_equals_enumeration_of_all_orders(
    right: int, accepted: int, total: int
) -> None:
    ks = range(1, total + 1)
    got = first_accepted([right], [accepted], total, k=ks)
    table = np.stack([got.true_positive, got.false_positive, got.abstain, got.samples])[:, 0]
    want = np.array([enumerated(right, accepted, total, k) for k in ks]).T
    np.testing.assert_allclose(table, want, atol=1e-13)


def test_rewards_weigh_false_positives_and_attempts() -> None:
    outcome = first_accepted([1], [2], 4, k=[4])
    assert outcome.reward(3.0)[0, 0] == pytest.approx(0.5 - 3 * 0.5)
    assert outcome.reward(0.0, sample_cost=0.1)[0, 0] == pytest.approx(
        0.5 - 0.1 * outcome.samples[0, 0]
    )


def test_limits_beyond_the_samples_are_unknown() -> None:
    outcome = first_accepted([1], [2], 4, k=[5])
    assert np.isnan([outcome.true_positive, outcome.abstain, outcome.samples]).all()


def test_the_first_acceptance_comes_somewhere_or_never() -> None:
    when = accepted_when([3, 0], 10, k=range(1, 11))
    np.testing.assert_allclose(when.sum(axis=1), [1.0, 0.0], atol=1e-14)


def test_false_positives_rise_with_k_by_survivorship_alone() -> None:
    """An easy problem that is always right, and a hard one that is mostly wrong, as the paper."""
    rates = false_positives_when([95, 1], [95, 5], 100, k=[1, 2, 4, 16])
    assert (np.diff(rates) > 0).all()
    assert rates[-1] == pytest.approx(0.8)
