"""A run in, numbers out: against counting by hand and against exact rational arithmetic."""

import json
from fractions import Fraction
from itertools import combinations
from math import comb
from pathlib import Path

import pytest

from vervet.analysis import Analysis, analyze
from vervet.analysis.contents import contents
from vervet.errors import ConfigError
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Verdict

ANSWERS = {"a": "4454", "b": "5656", "c": "-44!", "d": "7777"}
"""One character a sample: 4 is right, - gave no answer, ! could not be judged."""


def record(run: Run, answers: dict[str, str], verifier: str = "v@1", model: str = "m") -> None:
    run.append([Problem(p, "2+2?") for p in answers])
    run.describe("samplers", f"{model}@1", {"model": model})
    run.append(
        [
            Sample(p, f"{model}@1", i, a, logprob=-float(i), prompt_tokens=7, completion_tokens=5)
            for p, text in answers.items()
            for i, a in enumerate(text)
        ]
    )
    run.append(
        [
            Verdict(p, f"{model}@1", i, verifier, 0, outcome(a), None if a in "-!" else a, detail=a)
            for p, text in answers.items()
            for i, a in enumerate(text)
        ]
    )


def outcome(answer: str) -> Outcome:
    if answer == "!":
        return Outcome.ERROR
    return Outcome.ACCEPT if answer == "4" else Outcome.REJECT


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = open_run(str(tmp_path / "run"))
    record(run, ANSWERS)
    return run


def judged(text: str) -> str:
    return text.replace("!", "")


def expected_coverage(k: int) -> Fraction:
    problems = [judged(t) for t in ANSWERS.values() if len(judged(t)) >= k]
    missed = [Fraction(comb(len(t) - t.count("4"), k), comb(len(t), k)) for t in problems]
    return sum((1 - m for m in missed), Fraction(0)) / len(problems)


def expected_majority(k: int) -> float:
    values = []
    for text in map(judged, ANSWERS.values()):
        if len(text) < k:
            continue
        subsets = list(combinations(text, k))
        values.append(sum(map(vote, subsets)) / len(subsets))
    return sum(values) / len(values)


def vote(subset: tuple[str, ...]) -> float:
    said = [a for a in subset if a != "-"]
    most = max((said.count(a) for a in said), default=0)
    leaders = {a for a in said if said.count(a) == most}
    return ("4" in leaders) / len(leaders) if leaders else 0.0


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_coverage_is_exact_and_errors_are_left_out(run: Run, k: int) -> None:
    (row,) = analyze(run, k=[k]).document.coverage
    assert row.value == pytest.approx(float(expected_coverage(k)), abs=1e-12)
    assert row.excluded == (1 if k == 4 else 0)
    assert row.samples == 15


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_majority_is_exact_with_ties_and_silence(run: Run, k: int) -> None:
    rows = [r for r in analyze(run, k=[k]).document.selection if r.policy == "majority"]
    assert [r.value for r in rows] == pytest.approx([expected_majority(k)], abs=1e-12)


def test_best_of_all_by_logprob_is_the_first_sample(run: Run) -> None:
    (row,) = [r for r in analyze(run, k=[3]).document.selection if r.policy == "best-of"]
    first = []
    for text in map(judged, ANSWERS.values()):
        subsets = list(combinations(text, 3))
        first.append(sum(s[0] == "4" for s in subsets) / len(subsets))
    assert row.value == pytest.approx(sum(first) / len(first), abs=1e-12)


def test_every_number_carries_its_interval_and_counts(run: Run) -> None:
    document = analyze(run).document
    for row in (*document.coverage, *document.selection):
        assert row.low <= row.value <= row.high
        assert row.method
        assert row.level == 0.95
        assert row.problems + row.excluded == 4


def test_a_run_that_is_there_twice_is_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match="named twice"):
        analyze([run, open_run(f"{run.url}/../{Path(run.url).name}")])


def test_the_json_is_what_was_declared(run: Run) -> None:
    found = json.loads(analyze(run).to_json())
    assert found["schema"] == "vervet.analysis/1"
    assert {
        "model",
        "verifier",
        "k",
        "value",
        "low",
        "high",
        "level",
        "problems",
        "samples",
    } <= set(found["coverage"][0])
    assert {"model", "policy", "verifier", "k", "value", "low", "high"} <= set(
        found["selection"][0]
    )


def test_problems_that_nobody_could_judge_are_left_out_and_counted(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "run"))
    record(run, {"a": "4454", "b": "5656", "e": "!!!!", "f": "!!!!"})
    found = analyze(run, forecast=[100])
    at = {row.k: row for row in found.document.coverage}
    assert (at[1].value, at[1].problems, at[1].excluded) == (3 / 8, 2, 2)
    assert max(at) == 4
    assert {row.k for row in found.document.selection if row.policy == "majority"} == set(at)
    assert found.document.excluded


def test_what_was_lost_is_shown_with_its_cause(run: Run) -> None:
    rows = {r.reason.partition(":")[0]: r for r in analyze(run).document.excluded}
    assert rows["verifier error"].count == 1
    assert rows["verifier error"].detail == "1 × !"
    assert rows["no answer found"].count == 1


def test_the_modal_answer_of_each_problem_is_named(run: Run) -> None:
    rows = {r.problem_id: r for r in analyze(run).document.problems}
    assert (rows["a"].modal_answer, rows["a"].modal_share, rows["a"].modal_correct) == (
        "4",
        0.75,
        1,
    )
    assert (rows["c"].samples, rows["c"].accepted, rows["c"].errors) == (4, 2, 1)


def test_two_models_and_two_verifiers_stay_apart(run: Run) -> None:
    record(run, {"a": "55", "b": "44"}, model="weak", verifier="v@1")
    record(run, ANSWERS, verifier="w@2")
    rows = analyze(run, k=[1]).document.coverage
    assert {(r.model, r.verifier) for r in rows} == {("m", "v"), ("m", "w"), ("weak", "v")}


def test_two_versions_of_one_verifier_keep_their_full_names(run: Run) -> None:
    record(run, ANSWERS, verifier="v@2")
    assert {r.verifier for r in analyze(run, k=[1]).document.coverage} == {"v@1", "v@2"}


def test_an_unknown_verifier_is_refused_with_the_known_ones(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"no verdicts of 'judge'.*v@1"):
        analyze(run, verifier="judge")


def test_a_run_without_verdicts_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Run `vervet verify"):
        analyze(open_run(str(tmp_path / "empty")))


def test_an_analysis_prints_as_tables(run: Run) -> None:
    analysis: Analysis = analyze(run)
    assert "coverage" in repr(analysis)
    assert analysis._repr_html_().count("<table>") == len(analysis.tables())
    assert analysis.coverage(k=[1]).to_polars().height == 1


def test_contents_counts_without_estimating(run: Run) -> None:
    found = contents(run)
    assert found["models"][0]["verifiers"][0]["errors"] == 1
    assert any("1 could not be judged" in line for line in found["lines"])
