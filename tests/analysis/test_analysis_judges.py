"""A judge asked several times, a second model, a cheap verifier: against counting by hand."""

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from vervet.analysis import analyze
from vervet.analysis.schema import VerifierRow
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Verdict

RIGHT = {"a": "110", "b": "100", "c": "001"}
"""Whether each sample is right."""
VOTES = {"a": ["11", "10", "10"], "b": ["01", "11", "00"], "c": ["00", "10", "11"]}
"""Two trials of the judge for each sample."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = open_run(str(tmp_path / "run"))
    run.append([Problem(p, "?") for p in RIGHT])
    for model, flip in (("m", False), ("other", True)):
        run.describe("samplers", f"{model}@1", {"model": model})
        for p, right in RIGHT.items():
            truth = [(r == "1") != flip for r in right]
            run.append(
                [
                    Sample(p, f"{model}@1", i, "", prompt_tokens=10, completion_tokens=10)
                    for i in range(3)
                ]
            )
            run.append([verdict(p, model, i, "key@1", 0, ok=ok) for i, ok in enumerate(truth)])
            run.append(
                [
                    verdict(p, model, i, "judge@1", t, ok=v == "1")
                    for i, votes in enumerate(VOTES[p])
                    for t, v in enumerate(votes)
                ]
            )
    return run


def verdict(
    problem: str, model: str, index: int, verifier: str, trial: int, *, ok: bool
) -> Verdict:
    outcome = Outcome.ACCEPT if ok else Outcome.REJECT
    return Verdict(
        problem, f"{model}@1", index, verifier, trial, outcome,
        answer=str(ok) if verifier == "key@1" else None,
        prompt_tokens=30, completion_tokens=10,
    )  # fmt: skip


def success(problem: str, solutions: int, verifications: int) -> float:
    """Best-of-S by the mean of V verdicts, over every subset, ties split evenly."""
    found = []
    for chosen in combinations(range(3), solutions):
        subsets = [list(combinations(map(int, VOTES[problem][i]), verifications)) for i in chosen]
        for votes in product(*subsets):
            scores = [sum(v) for v in votes]
            best = [i for i, s in zip(chosen, scores, strict=True) if s == max(scores)]
            found.append(np.mean([RIGHT[problem][i] == "1" for i in best]))
    return float(np.mean(found))


def test_every_cell_of_the_surface_is_the_mean_over_all_subsets(run: Run) -> None:
    rows = [r for r in analyze(run, against="key").document.success if r.model == "m"]
    assert {(r.solutions, r.verifications) for r in rows} == set(product((1, 2, 3), (1, 2)))
    for row in rows:
        expected = np.mean([success(p, row.solutions, row.verifications) for p in RIGHT])
        assert row.value == pytest.approx(expected, abs=1e-12)


def test_the_cost_ratio_is_measured_from_tokens_prompts_included(run: Run) -> None:
    rows = analyze(run, against="key").document.success
    assert {r.cost for r in rows if (r.solutions, r.verifications) == (2, 2)} == {2 * (1 + 2.0 * 2)}
    given = analyze(run, against="key", cost_ratio=0.5).document.success
    assert {r.cost for r in given if (r.solutions, r.verifications) == (2, 2)} == {4.0}


def test_a_crossing_is_reported_under_each_rule(run: Run) -> None:
    rows = analyze(run, against="key").document.crossings
    assert len({r.rule for r in rows}) == 2
    assert all(r.cost_ratio == 2.0 for r in rows)


def test_a_judge_is_held_against_the_key(run: Run) -> None:
    (row,) = [r for r in analyze(run, against="key").document.verifiers if r.model == "m"]
    accepts = [v == "11" for votes in VOTES.values() for v in votes]  # a tie of trials rejects
    truth = [r == "1" for right in RIGHT.values() for r in right]
    pairs = list(zip(accepts, truth, strict=True))
    assert counts(row) == [pairs.count((a, t)) for a in (True, False) for t in (True, False)]
    assert row.completeness == pytest.approx(pairs.count((True, True)) / sum(truth))
    assert row.agreement == pytest.approx(sum(a == t for a, t in pairs) / 9)


def counts(row: VerifierRow) -> list[int]:
    return [
        row.both_accept, row.only_verifier_accepts, row.only_against_accepts, row.both_reject,
    ]  # fmt: skip


def test_two_models_are_compared_on_the_same_problems(run: Run) -> None:
    rows = analyze(run, k=[1], verifier="key").document.differences
    ((one, other),) = {(r.model, r.other) for r in rows}
    assert (one, other) == ("m", "other")
    expected = np.mean([r.count("1") / 3 - r.count("0") / 3 for r in RIGHT.values()])
    assert rows[0].value == pytest.approx(expected)


def test_the_interval_of_fixed_problems_is_there_too(run: Run) -> None:
    for row in analyze(run, k=[1], verifier="key").document.coverage:
        assert row.fixed_low <= row.value <= row.fixed_high
