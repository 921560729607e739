"""Audits, mistakes, agreement, quality and scores, against counting by hand."""

from pathlib import Path

import numpy as np
import pytest

from vervet.analysis import Analysis, analyze
from vervet.analysis.recorded import Judged, drawn_by_model, verdicts_on
from vervet.errors import ConfigError
from vervet.stats.agreement import cohen_kappa, effective_votes, repeat_correlation
from vervet.stats.imperfect import Audit, rogan_gladen
from vervet.stats.roc import Roc
from vervet.store import Run

By = dict[tuple[str, str], Judged]


@pytest.fixture(scope="module")
def found(rich: Run) -> Analysis:
    return analyze(rich, against="key", audit="expert", false_positive_cost=2.0)


@pytest.fixture(scope="module")
def by(rich: Run) -> By:
    return {
        (drawn.model, judged.verifier_id.partition("@")[0]): judged
        for drawn in drawn_by_model(rich)
        for judged in verdicts_on(rich, drawn)
    }


def test_an_audit_corrects_the_share_of_right_samples(found: Analysis, by: By) -> None:
    (row,) = [r for r in found.document.audits if (r.model, r.verifier) == ("large", "cheap")]
    weak, expert = by["large", "cheap"], by["large", "expert"]
    seen = expert.judged
    right, yes = expert.accepted[seen], weak.accepted[seen]
    audit = Audit(
        int(right.sum()), int((right & yes).sum()), int((~right).sum()), int((~right & ~yes).sum())
    )
    expected = rogan_gladen(weak.correct / weak.total, audit)
    assert (row.value, row.low, row.high) == (expected.value, expected.low, expected.high)
    assert (row.audited, row.right_accepted, row.wrong) == (72, audit.right_accepted, audit.wrong)
    truth = by["large", "key"].accepted.mean()
    assert row.low < truth < row.high
    assert row.acceptance > truth


def test_an_audit_has_no_curves_of_its_own(found: Analysis, rich: Run) -> None:
    assert "expert" not in {r.verifier for r in found.document.coverage}
    alone = analyze(rich, verifier="cheap", audit="expert").document
    assert {r.verifier for r in alone.coverage} == {"cheap"}
    assert len(alone.audits) == 2


def test_the_reward_of_the_first_accepted_is_right_minus_costly_wrong(found: Analysis) -> None:
    rows = [r for r in found.document.utility if (r.model, r.verifier) == ("small", "cheap")]
    for row in rows:
        assert row.value == pytest.approx(row.right - 2 * row.wrong, abs=1e-12)
        assert row.right + row.wrong + row.abstained == pytest.approx(1)
    (verdict,) = [
        r for r in found.document.verifiers if (r.model, r.verifier) == ("small", "cheap")
    ]
    assert verdict.break_even_precision == pytest.approx(2 / 3)
    best = [r.k for r in rows if r.best]
    assert best in ([verdict.best_k], [])
    assert verdict.bracket_low <= verdict.limit_low <= verdict.limit_high <= verdict.bracket_high


def test_false_positives_are_counted_problem_by_problem(found: Analysis, by: By) -> None:
    weak, key = by["small", "cheap"], by["small", "key"]
    rows = [
        r for r in found.document.false_positives if (r.model, r.verifier) == ("small", "cheap")
    ]
    assert len(rows) == 24
    for row in rows:
        here = key.drawn.problem == key.drawn.problems.index(row.problem_id)
        wrong = here & ~key.accepted
        assert row.wrong == wrong.sum()
        if row.wrong:
            assert row.value == pytest.approx(weak.accepted[wrong].mean())
            assert row.low <= row.value <= row.high
        else:
            assert row.reason


def test_the_strong_model_is_held_against_the_weak_ones_limit(found: Analysis) -> None:
    rows = {r.verifier: r for r in found.document.strong_weak}
    assert {(r.strong, r.weak) for r in rows.values()} == {("large", "small")}
    row = rows["cheap"]
    assert row.value == pytest.approx(row.strong_accuracy - row.weak_given_accept)
    assert (row.finding == "no budget suffices") == (row.low > 0)


def test_agreement_of_two_verifiers_is_cohens_kappa(found: Analysis, by: By) -> None:
    rows = [r for r in found.document.agreement if r.measure == "Cohen's kappa"]
    (row,) = [r for r in rows if (r.model, r.verifier, r.other) == ("large", "key", "cheap")]
    expected = cohen_kappa(by["large", "key"].accepted, by["large", "cheap"].accepted)
    assert row.value == expected
    assert row.low < row.value < row.high


def test_repeated_verdicts_are_worth_fewer(found: Analysis, by: By) -> None:
    judge, key = by["small", "judge"], by["small", "key"]
    rows = {
        (r.measure, r.given): r
        for r in found.document.agreement
        if (r.model, r.verifier) == ("small", "judge")
    }
    wrong = ~key.accepted
    alike = repeat_correlation(judge.accepts[wrong], (judge.accepts + judge.rejects)[wrong])
    assert rows["repeat correlation", "wrong"].value == pytest.approx(alike)
    votes = rows["effective votes", "wrong"]
    assert votes.value == pytest.approx(effective_votes(6, alike))
    assert votes.low < votes.value < votes.high
    assert votes.samples == wrong.sum()
    fooled = rows["unanimous", "wrong"]
    assert fooled.value == pytest.approx((judge.rejects[wrong] == 0).mean())


def test_best_of_n_by_scores_is_the_mean_over_each_problems_curve(found: Analysis, by: By) -> None:
    graded, key = by["small", "graded"], by["small", "key"]
    values = []
    for scores, right in zip(*key.split(graded.score, key.accepted), strict=True):
        alike = right.all() or not right.any()
        values.append(float(right.all()) if alike else Roc.of(scores, right).best_of(n=5)[0])
    rows = {r.n: r for r in found.document.limits if (r.model, r.verifier) == ("small", "graded")}
    assert rows[5].value == pytest.approx(np.mean(values), abs=1e-12)


def test_the_limit_is_refused_where_the_top_of_the_curve_is_unseen(found: Analysis) -> None:
    (row,) = [
        r
        for r in found.document.limits
        if r.n is None and (r.model, r.verifier) == ("small", "graded")
    ]
    assert np.isnan(row.value)
    assert "too few samples share the highest score" in row.reason
    assert row.bracket_low < row.bracket_high


def test_rejection_sampling_at_a_threshold_is_its_precision(found: Analysis, by: By) -> None:
    graded, key = by["large", "graded"], by["large", "key"]
    for row in found.document.roc:
        if (row.model, row.verifier) == ("large", "graded"):
            accepted = graded.score >= row.threshold
            assert row.value == pytest.approx(key.accepted[accepted].mean())
            assert row.drawn == pytest.approx(len(accepted) / accepted.sum())


def test_a_score_of_two_values_has_no_curve(found: Analysis) -> None:
    assert "cheap" not in {r.verifier for r in found.document.roc}


def test_selection_by_a_judge_is_there_with_its_monte_carlo_error(found: Analysis) -> None:
    ways = {(r.policy, r.by) for r in found.document.selection if r.verifier == "key"}
    assert {("best-of", "judge"), ("weighted", "judge"), ("best-of", "graded")} <= ways
    errors = {r.error for r in found.document.selection if r.by == "graded" and r.k > 1}
    assert max(errors) > 0


def means(values: np.ndarray, which: np.ndarray) -> float:
    return float(values[which].mean())


def test_quality_contrasts_right_and_wrong_acceptances(rich: Run, by: By, tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    lines = [f"p{p:02},{i},{p + i / 100}" for p in range(24) for i in range(24)]
    mine.write_text("\n".join(["problem,index,sheen", *lines]))
    asked = ["style", "completion_tokens", "graded", str(mine)]
    rows = analyze(rich, against="key", verifier="cheap", quality=asked).document.quality
    names = {r.column for r in rows}
    assert names == {
        "camelCase", "snake_case", "line_length", "commenting", "completion_tokens", "graded",
        "sheen",
    }  # fmt: skip
    cheap, key = by["small", "cheap"], by["small", "key"]
    drawn = cheap.drawn
    columns = {
        "completion_tokens": drawn.number("completion_tokens"),
        "graded": by["small", "graded"].score,
        "sheen": drawn.problem + drawn.index / 100,
    }
    for row in rows:
        if row.model == "small" and row.column in columns:
            values = columns[row.column]
            assert row.right == pytest.approx(means(values, cheap.accepted & key.accepted))
            assert row.false_positive == pytest.approx(
                means(values, cheap.accepted & ~key.accepted)
            )
            assert row.value == pytest.approx(row.right - row.false_positive)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"quality": ["style"]}, "--against"),
        ({"against": "key", "quality": ["beauty"]}, r"no column 'beauty'.*style.*judge"),
        ({"against": "key", "quality": ["absent.csv"]}, "there is no such file"),
        ({"audit": "nobody"}, r"no verdicts of 'nobody'.*expert@1"),
        ({"verifier": "expert", "audit": "expert"}, "cannot audit itself"),
        ({"against": "key", "cost_ratio": "cheap"}, "λ is a positive number"),
        ({"forecast_width": 0.1}, "--forecast"),
        ({"mixture": ["10bananas"]}, "a mixture's budget"),
        ({"mixture": ["1usd"]}, "costs in usd is not known"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(
    rich: Run, asked: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as told:
        analyze(rich, **asked)  # type: ignore[arg-type]  # of many kinds
    assert "\n" not in str(told.value)


def test_a_file_without_problems_is_refused(rich: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("task,sheen\na,1\n")
    with pytest.raises(ConfigError, match="it has task, sheen"):
        analyze(rich, against="key", quality=[str(mine)])


def test_every_number_of_a_verifier_carries_interval_method_and_counts(found: Analysis) -> None:
    for name in ("audits", "utility", "strong_weak", "agreement", "roc", "limits", "theory"):
        for row in getattr(found.document, name):
            assert row.method or row.reason, name
            assert 0 < row.level < 1
            assert np.isnan(row.low) or row.low <= row.value + 1e-12 <= row.high + 2e-12, row
