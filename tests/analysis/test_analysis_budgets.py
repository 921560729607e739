"""Budgets: frontiers, exponents, strata, mixtures, λ, shifts, forecasts; against the estimators."""

from pathlib import Path

import numpy as np
import pytest

from vervet.analysis import Analysis, analyze
from vervet.analysis.mixture import Budget
from vervet.analysis.recorded import drawn_by_model, verdicts_on
from vervet.errors import ConfigError
from vervet.stats.backtest import back_test
from vervet.stats.extra_samples import plan_samples
from vervet.stats.forecast import forecast_coverage
from vervet.stats.mixtures import best_mixture
from vervet.stats.reliability import pass_all
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Verdict

Counts = dict[str, tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def found(rich: Run) -> Analysis:
    return analyze(rich, against="key", verifier="judge", mixture=[4, "1000tokens"])


@pytest.fixture(scope="module")
def counts(rich: Run) -> Counts:
    return {
        drawn.model: (judged.correct, judged.total)
        for drawn in drawn_by_model(rich)
        for judged in verdicts_on(rich, drawn)
        if judged.verifier_id == "key@1"
    }


def test_the_frontier_is_the_best_cell_within_each_cost(found: Analysis) -> None:
    cells = [r for r in found.document.success if r.model == "small"]
    votes = {
        r.k: r.value
        for r in found.document.selection
        if (r.model, r.policy, r.verifier) == ("small", "majority", "key")
    }
    rows = [r for r in found.document.frontier if (r.model, r.stratum) == ("small", "all")]
    assert [r.cost for r in rows] == sorted({c.cost for c in cells})
    for row in rows:
        best = max(c.value for c in cells if c.cost <= row.cost * (1 + 1e-12))
        assert row.value == pytest.approx(best)
        assert row.difference == pytest.approx(row.value - row.vote)
        assert row.difference_low <= row.difference <= row.difference_high
        assert row.vote_solutions is not None
        assert row.vote_solutions <= row.cost
        if row.vote_solutions in votes:
            assert row.vote == pytest.approx(votes[row.vote_solutions])


def test_strata_are_quarters_by_difficulty(found: Analysis, counts: Counts) -> None:
    rows = [
        r
        for r in found.document.strata
        if (r.model, r.verifier, r.measure, r.k) == ("large", "key", "coverage", 1)
    ]
    rates = np.sort(counts["large"][0] / counts["large"][1])
    assert [r.stratum for r in rows] == ["hardest", "hard", "easy", "easiest"]
    assert [r.value for r in rows] == pytest.approx(rates.reshape(4, 6).mean(axis=1).tolist())
    assert {r.stratum for r in found.document.frontier} == {r.stratum for r in rows} | {"all"}


def test_exponents_say_where_the_grid_ends(found: Analysis) -> None:
    rows = {(r.model, r.quantity): r for r in found.document.exponents}
    assert set(rows) == {(m, q) for m in ("small", "large") for q in ("solutions", "verifications")}
    for row in rows.values():
        largest = 24 if row.quantity == "solutions" else 6
        assert row.edge == pytest.approx(np.mean([best == largest for best in row.optimum]))
        slope, level = np.polyfit(np.log(row.budgets), np.log(row.optimum), 1)
        assert row.value == pytest.approx(slope)
        assert row.factor == pytest.approx(np.exp(level))
        said = any(row.quantity in note and row.model in note for note in found.document.notes)
        assert said == (row.edge > 0)


@pytest.mark.parametrize(
    ("asked", "ratio"),
    [
        (None, 400 / (100 + 61.5)),
        ("tokens", 400 / (100 + 61.5)),
        ("generated", 100 / 61.5),
        ("cached", (100 + 300 / 6) / (61.5 + 100 / 24)),
        (2.5, 2.5),
        ("2.5", 2.5),
    ],
)
def test_the_cost_ratio_is_given_or_measured(
    rich: Run, asked: float | str | None, ratio: float
) -> None:
    rows = analyze(rich, against="key", verifier="judge", cost_ratio=asked, k=[1]).document.success
    assert {round(r.cost_ratio, 9) for r in rows} == {round(ratio, 9)}
    assert all(r.cost_source.startswith("given" if ratio == 2.5 else "measured") for r in rows)


def test_a_mixture_is_the_convex_optimum_over_shared_problems(
    found: Analysis, counts: Counts
) -> None:
    rates = {model: hits / total for model, (hits, total) in counts.items()}
    rows = {(r.verifier, r.unit): r for r in found.document.mixtures}
    best = best_mixture(rates, {"small": 1.0, "large": 1.0}, 4.0)
    row = rows["key", "samples"]
    assert row.attempts == pytest.approx(dict(best.attempts), abs=1e-6)
    assert row.coverage == pytest.approx(best.coverage)
    assert row.value == pytest.approx(row.held_out - row.single_held_out)
    tokens = rows["key", "tokens"]
    assert tokens.costs == pytest.approx({"small": 161.5, "large": 161.5})
    spent = sum(tokens.attempts[m] * tokens.costs[m] for m in tokens.attempts)
    assert spent == pytest.approx(1000)


def test_a_mixture_of_one_model_is_refused(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "one"))
    run.append([Problem("p", "?")])
    run.append([Sample("p", "m@1", 0, "")])
    run.append([Verdict("p", "m@1", 0, "v@1", 0, Outcome.ACCEPT)])
    with pytest.raises(ConfigError, match="a mixture needs two models judged by one verifier"):
        analyze(run, mixture=[10])


@pytest.mark.parametrize("text", ["0", "-3", "ten", "1e-5.2usd", "3 bananas", ""])
def test_a_budget_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="a mixture's budget"):
        Budget.read(text)


def test_reliability_is_there_at_every_k(found: Analysis, counts: Counts) -> None:
    rows = [
        r
        for r in found.document.reliability
        if (r.model, r.verifier, r.measure) == ("large", "key", "pass^k")
    ]
    expected = pass_all(*counts["large"], k=[r.k for r in rows]).mean(axis=0)
    assert [r.value for r in rows] == pytest.approx(expected.tolist())
    assert {r.measure for r in found.document.reliability} == {
        "pass^k", "G-pass@k(0.5)", "mG-pass@k",
    }  # fmt: skip


def test_differences_pair_models_policies_and_verifiers(found: Analysis) -> None:
    rows = found.document.differences
    kinds = {(r.model == r.other, bool(r.other_verifier)) for r in rows}
    assert kinds == {(False, False), (True, True), (True, False)}
    picked = {(r.policy, r.by, r.k): r.value for r in found.document.selection
              if (r.model, r.verifier) == ("small", "key")}  # fmt: skip
    for row in rows:
        if (row.model, row.other, row.measure, row.other_measure) == (
            "small", "small", "majority", "best-of by judge",
        ):  # fmt: skip
            gap = picked["majority", "answers", row.k] - picked["best-of", "judge", row.k]
            assert row.value == pytest.approx(gap, abs=1e-9)


def test_the_band_holds_the_whole_curve(found: Analysis) -> None:
    for part in (found.coverage(), found.selection()):
        for row in part:
            assert row["band_low"] <= row["low"] + 1e-9
            assert row["band_high"] >= row["high"] - 1e-9


def test_curves_are_compared_by_the_samples_that_reach_an_anchor(found: Analysis) -> None:
    rows = {r.model: r for r in found.document.shifts if r.verifier == "key"}
    assert rows["large"].value == 1
    small = rows["small"]
    assert small.value > 1
    assert small.low <= small.value <= small.high or np.isnan(small.low)
    assert (
        small.anchor
        == rows["large"].anchor
        == max(r.value for r in found.document.coverage if (r.verifier, r.k) == ("key", 1))
    )


def deep(url: Path, model: str, samples: int, seed: int) -> Run:
    run = open_run(str(url))
    run.append([Problem(f"p{i}", "?") for i in range(40)])
    run.describe("samplers", f"{model}@1", {"model": model})
    rates = np.random.default_rng(1).beta(0.3, 4, 40)
    rng = np.random.default_rng(seed)
    keys = [(f"p{i}", f"{model}@1", j) for i in range(40) for j in range(samples)]
    hits = rng.random((40, samples)) < rates[:, None]
    run.append([Sample(*key, "") for key in keys])
    run.append(
        [
            Verdict(*key, "key@1", 0, Outcome.ACCEPT if hit else Outcome.REJECT)
            for key, hit in zip(keys, hits.ravel(), strict=True)
        ]
    )
    return run


def successes(run: Run) -> tuple[np.ndarray, np.ndarray]:
    (drawn,) = drawn_by_model(run)
    (judged,) = verdicts_on(run, drawn)
    return judged.correct, judged.total


def test_a_forecast_brings_its_diagnostics_back_tests_and_plans(tmp_path: Path) -> None:
    run = deep(tmp_path / "run", "m", 120, 2)
    document = analyze(run, forecast=[5000], forecast_width=0.15).document
    hits, total = successes(run)
    expected = forecast_coverage(hits, total, [5000])
    (row,) = document.forecasts
    assert (row.value, row.low, row.high) == (
        expected.at(5000).value, expected.at(5000).low, expected.at(5000).high,
    )  # fmt: skip
    assert (row.regime, row.solved, row.horizon) == (expected.regime, expected.solved, 120)
    assert row.members == {name: each[0] for name, each in expected.by_member.items()}
    test = back_test(hits, total, keep=12, k=120, draws=20, rng=np.random.default_rng(0))
    (tested,) = document.backtests
    assert (tested.error, tested.covered, tested.kept) == (test.error, test.covered, 12)
    options = plan_samples(hits, total, 5000, 0.15).options
    planned = [(r.samples, r.problems) for r in document.sample_plans if r.samples]
    assert planned == [(o.samples, o.problems) for o in options]
    assert planned or document.sample_plans[0].reason


def test_a_forecast_borrows_from_a_deeper_sibling(tmp_path: Path) -> None:
    run, sibling = deep(tmp_path / "run", "m", 30, 2), deep(tmp_path / "deep", "big", 300, 3)
    (row,) = analyze(run, forecast=[300], sibling=sibling).document.forecasts
    expected = forecast_coverage(*successes(run), [300], sibling=successes(sibling)).at(300)
    assert (row.value, row.low) == (expected.value, expected.low)
    assert row.sibling.startswith("big of ")
    (back,) = analyze(sibling, forecast=[3000], sibling=run).document.forecasts
    assert back.sibling == ""  # a shallower run has nothing to lend


def test_a_sibling_under_another_verifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the sibling .* has no verdicts of key"):
        analyze(deep(tmp_path / "run", "m", 5, 2), forecast=[50], sibling=_other(tmp_path))


def _other(tmp_path: Path) -> Run:
    run = open_run(str(tmp_path / "other"))
    run.append([Problem("p", "?")])
    run.append([Sample("p", "m@1", 0, "")])
    run.append([Verdict("p", "m@1", 0, "other@1", 0, Outcome.ACCEPT)])
    return run
