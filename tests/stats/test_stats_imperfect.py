import csv
from pathlib import Path

import numpy as np
import pytest

from vervet.stats.imperfect import Audit, Confusion, limit_accuracy, quality, rogan_gladen


def simulated(problems: int, samples: int, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    right = [rng.random(samples) < p for p in rng.beta(0.8, 1, problems)]
    accepted = [np.where(r, rng.random(samples) < 0.9, rng.random(samples) < 0.2) for r in right]
    return accepted, right


def test_confusion_counts_leave_out_what_either_side_could_not_judge() -> None:
    table = Confusion.of([[1, 0, np.nan, 1]], [[1, 1, 1, np.nan]])
    assert (table.true_accept[0], table.false_reject[0], table.total[0]) == (1, 1, 2)
    assert np.isnan(table.soundness()[0])


def test_quality_recovers_completeness_and_soundness_within_its_intervals() -> None:
    found = quality(Confusion.of(*simulated(80, 60, 0)), rng=np.random.default_rng(1))
    for estimate, truth in ((found.completeness, 0.9), (found.soundness, 0.8)):
        assert estimate.low < truth < estimate.high
        assert estimate.high - estimate.low < 0.06
    assert found.false_positive_rate.value == pytest.approx(1 - found.soundness.value)
    assert found.true_accept + found.false_accept + found.false_reject + found.true_reject == 4800


def test_the_same_seed_gives_the_same_limits() -> None:
    table = Confusion.of(*simulated(20, 10, 3))
    first, second = (quality(table, rng=np.random.default_rng(5)) for _ in range(2))
    assert first == second


def test_a_perfect_verifier_keeps_a_width_and_an_untested_one_has_a_reason() -> None:
    found = quality(Confusion.of([[1, 1]] * 5, [[1, 1]] * 5), rng=np.random.default_rng(0))
    assert found.completeness.value == 1
    assert 0.3 < found.completeness.low < 0.9
    assert np.isnan(found.soundness.value)
    assert found.soundness.reason


def test_the_limit_bracket_of_the_published_models(shared_data: Path) -> None:
    """A_i enters through its mean only, so any counts with the published mean will do."""
    with (shared_data / "data/papers/flaws_humaneval_models.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        never = int(row["tasks_never_accepted_of_150_derived"])
        mean = float(row["cond_acc_given_base_exact"])
        accepted = np.array([10**9] * (150 - never) + [0] * never)
        bracket = limit_accuracy(np.rint(accepted * mean), accepted)
        assert bracket.never == never
        assert bracket.accuracy_given_accept.value == pytest.approx(mean, abs=1e-8)
        low = float(row["lower_bound_never_accepted_as_wrong"])
        high = float(row["upper_bound_never_accepted_as_right"])
        assert bracket.low.value == pytest.approx(low, abs=1e-4)
        assert bracket.high.value == pytest.approx(high, abs=1e-4)


def test_the_published_regression_of_limit_on_single_sample_accuracy(shared_data: Path) -> None:
    with (shared_data / "data/papers/flaws_humaneval_models.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    single = [float(row["pass1_plus_exact"]) for row in rows]
    limit = [float(row["cond_acc_given_base_exact"]) for row in rows]
    slope, start = np.polyfit(single, limit, 1)
    assert (slope, start) == pytest.approx((0.2183, 0.7247), abs=1e-3)
    assert np.corrcoef(single, limit)[0, 1] ** 2 == pytest.approx(0.8918, abs=1e-3)


def test_rogan_gladen_inverts_a_known_verifier() -> None:
    acceptance = np.full(50, 0.3 * 0.9 + 0.7 * 0.2) + np.linspace(-0.1, 0.1, 50)
    found = rogan_gladen(acceptance, Audit(1000, 900, 1000, 800))
    assert found.value == pytest.approx(0.3)
    assert found.low < 0.3 < found.high


def test_rogan_gladen_intervals_cover_the_truth() -> None:
    rng, hits, runs = np.random.default_rng(0), 0, 400
    for _ in range(runs):
        rates = rng.beta(1, 2, 60)
        seen = rng.binomial(40, rates * 0.85 + (1 - rates) * 0.25) / 40
        audit = Audit(40, int(rng.binomial(40, 0.85)), 60, int(rng.binomial(60, 0.75)))
        found = rogan_gladen(seen, audit)
        hits += found.low <= 1 / 3 <= found.high
    assert 0.92 <= hits / runs <= 0.985


@pytest.mark.parametrize(
    ("rates", "audit", "reason"),
    [
        ([0.5, 0.4], Audit(10, 5, 10, 5), "no better than chance"),
        ([0.5, 0.4], Audit(0, 0, 10, 9), "both right and wrong"),
        ([0.5], Audit(10, 9, 10, 9), "fewer than 2 problems"),
    ],
)
def test_an_audit_that_says_nothing_gives_no_value(
    rates: list[float], audit: Audit, reason: str
) -> None:
    found = rogan_gladen(rates, audit)
    assert np.isnan([found.value, found.low, found.high]).all()
    assert reason in found.reason


def test_an_impossible_audit_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        Audit(3, 4, 1, 1)
