"""From Python: what policies bring on a recorded run, and which to use."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vervet
from vervet import Fixed, Majority, Run
from vervet.errors import ConfigError, NotRecorded
from vervet.planning import Terms, read
from vervet.planning import plan as searched
from vervet.planning.terms import budget
from vervet.transfer.importing import bring

SAMPLES = 12


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Twenty problems, right answer 0; a weak verifier accepts what is even."""
    rng = np.random.default_rng(5)
    rows: list[tuple[str, dict[str, Any]]] = []
    for problem in range(20):
        shares = rng.dirichlet([1.5, 0.5, 0.5, 0.5])
        for answer in rng.choice(4, size=SAMPLES, p=shares):
            row = {"problem": f"p{problem}", "text": f"A: {answer}", "answer": answer, "model": "m"}
            row |= {"completion_tokens": 10, "prompt_tokens": 0}
            rows.append(("row", row | {"correct": answer == 0, "verifier": "key"}))
            rows.append(("row", row | {"correct": answer % 2 == 0, "verifier": "weak"}))
    made = vervet.open(str(tmp_path / "run"))
    bring(made, lambda: rows, source="test")
    return made


def test_policies_are_compared_on_the_same_problems(run: Run) -> None:
    table = vervet.compare(
        run, [Fixed(), "majority:n=12,verifier=key", Majority(3, "key")], against="key"
    )
    one, every, few = table
    right = [
        v.outcome is vervet.Outcome.ACCEPT
        for batch in run.read(vervet.Verdict, {"verifier_id": "key"})
        for v in batch
    ]
    assert abs(one["accuracy"] - np.mean(right)) < 4 * one["monte_carlo_error"]
    assert every["monte_carlo_error"] < few["monte_carlo_error"]  # only ties are left to chance
    assert one["accuracy"] < few["accuracy"] <= every["accuracy"] + 0.05
    assert (one["samples"], few["samples"], few["tokens"]) == (1, 3, 30)
    assert few["accuracy_low"] < few["accuracy"] < few["accuracy_high"]
    assert (few["problems"], few["level"], few["dollars"]) == (20, 0.95, None)
    assert "policy  " in str(table).splitlines()[0]


def test_more_than_was_recorded_says_what_to_draw(run: Run) -> None:
    with pytest.raises(NotRecorded, match="vervet sample -n N"):
        vervet.compare(run, [Majority(SAMPLES + 1, "key")], against="key")


def test_which_verifier_is_right_must_be_said_where_there_are_two(run: Run) -> None:
    with pytest.raises(ConfigError, match="say which verifier tells what is right"):
        vervet.compare(run, [Fixed()])


def test_a_plan_is_the_plan_of_the_command_line(run: Run) -> None:
    made = vervet.plan(run, "4samples/problem", against="key", orders=20, false_positive_cost=0.5)
    terms = Terms(budget("4samples/problem"), 0.5)
    same = searched(read([run], truth="key"), terms, orders=20)
    assert made.chosen.name == same.chosen.name
    assert made.promise.accuracy == same.promise.accuracy
    assert repr(made).startswith(f"Use {made.chosen.name}.\nPromised accuracy on as many new")


def test_a_plan_is_written_for_serving(run: Run, tmp_path: Path) -> None:
    made = vervet.plan(run, "4samples/problem", against="key", orders=5)
    vervet.write_policy(made, tmp_path / "policy.toml")
    assert vervet.read_policy(tmp_path / "policy.toml").policy == made.chosen.policy


def test_an_unknown_term_is_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match="no setting 'false_positive'; it has: false_positive_c"):
        vervet.plan(run, "4samples/problem", against="key", false_positive=2)
