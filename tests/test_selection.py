"""A policy replayed on a run, and its selections recorded."""

from pathlib import Path

import pytest

from vervet.errors import ConfigError, NotRecorded
from vervet.policies.best_of import BestOf
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.majority import Majority
from vervet.selection import recorded_problems, select
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Selection, Verdict

ANSWERS = {"a": "4454", "b": "5556", "c": "7---"}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = open_run(str(tmp_path / "run"))
    run.append([Problem(p, "2+2?") for p in ANSWERS])
    run.describe("samplers", "m@1", {"model": "m"})
    for p, text in ANSWERS.items():
        run.append([Sample(p, "m@1", i, a, completion_tokens=2) for i, a in enumerate(text)])
        run.append(
            [
                Verdict(
                    p, "m@1", i, "v@1", 0,
                    Outcome.ACCEPT if a == "4" else Outcome.REJECT, None if a == "-" else a,
                )
                for i, a in enumerate(text)
            ]
        )  # fmt: skip
    return run


def recorded(run: Run) -> dict[str, Selection]:
    return {row.problem_id: row for rows in run.read(Selection) for row in rows}


def test_majority_is_recorded_with_what_it_paid(run: Run) -> None:
    done = select(run, Majority(3, "v"))
    assert (done.problems, done.returned, done.abstained) == (3, 3, 0)
    assert (done.samples_paid, done.verifications_paid, done.tokens_paid) == (9, 9, 18)
    rows = recorded(run)
    assert {p: row.index for p, row in rows.items()} == {"a": 0, "b": 0, "c": 0}
    assert rows["a"].sampler_id == "m@1"


def test_an_abstention_is_recorded_with_its_reason(run: Run) -> None:
    done = select(run, FirstAccepted(4, "v"))
    assert done.abstained == 2
    assert done.reasons == {"none of 4 accepted": 2}
    assert recorded(run)["b"].index is None


@pytest.mark.parametrize("most", [1, 9, 1_000])
def test_problems_are_read_alike_one_at_a_time_and_together(
    most: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.append([Problem("unanswered", "?")])
    run.append([Verdict("b", "m@1", 0, "v@1", 1, Outcome.ERROR)])
    monkeypatch.setattr("vervet.selection.recorded.BATCH_ROWS", most)
    found = {problem.id: recorded for problem, recorded in recorded_problems(run)}
    assert list(found) == list(ANSWERS)
    for p, text in ANSWERS.items():
        assert [s.text for s in found[p].samples["m"]] == list(text)
        assert {key[2] for key in found[p].verdicts} == {"v", "v@1"}
        told = [found[p].verdicts["m@1", i, "v"][0].answer for i in range(4)]
        assert told == [None if a == "-" else a for a in text]
    assert [v.trial for v in found["b"].verdicts["m@1", 0, "v"]] == [0, 1]


def test_a_verifier_is_named_shortly_or_in_full(run: Run) -> None:
    assert select(run, FirstAccepted(4, "v@1")).abstained == 2


def test_selecting_again_replaces_the_row(run: Run) -> None:
    for _ in range(2):
        select(run, Majority(3, "v"))
    assert len(recorded(run)) == 3


def test_a_seed_changes_the_order_and_repeats(run: Run) -> None:
    chosen = set()
    for seed in range(20):
        select(run, FirstAccepted(4, "v"), seed=seed)
        chosen.add(recorded(run)["a"].index)
    assert chosen == {0, 1, 3}


def test_too_few_samples_are_an_error_that_helps(run: Run) -> None:
    with pytest.raises(NotRecorded, match="Draw more"):
        select(run, Majority(5, "v"))


def test_an_empty_run_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Run `vervet sample`"):
        select(open_run(str(tmp_path / "empty")), BestOf(1))
