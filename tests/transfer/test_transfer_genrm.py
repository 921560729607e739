"""Lessons for a verifier: only words that agree with the truth, as many Yes as No, in chat form."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from vervet.cli import app
from vervet.errors import ConfigError
from vervet.store import Run, open_run
from vervet.transfer.genrm import Lesson, balanced, export_genrm
from vervet.types import Outcome, Problem, Sample, Verdict

A, R, E = Outcome.ACCEPT, Outcome.REJECT, Outcome.ERROR
TRUTH = {"p": [A, A, R, R], "q": [A, R, R, E], "all-right": [A, A], "unjudged": [E]}
"""What the truth says of each sample."""
SAID = {
    "p": [[A, A, A], [A, R, R], [R, R, A], [R, A, A]],
    "q": [[A, E, A], [R, R, R], [R, R, R], [A, R, A]],
    "all-right": [[A, A, A], [A, A, A]],
    "unjudged": [[A, A, A]],
}
"""What the judge says of each, three times."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = open_run(tmp_path_factory.mktemp("lessons") / "run")
    for name, truths in TRUTH.items():
        run.append([Problem(name, f"Story {name}?\n", {"answer": "1"})])
        run.append([Sample(name, "m@1", i, f"<think>x</think>so {i}") for i in range(len(truths))])
        run.append([Verdict(name, "m@1", i, "gold@1", 0, o) for i, o in enumerate(truths)])
        run.append(
            [
                Verdict(name, "m@1", i, "judge@1", t, outcome, evidence=words(name, i, t, outcome))
                for i, told in enumerate(SAID[name])
                for t, outcome in enumerate(told)
            ]
        )
    return run


def words(name: str, index: int, trial: int, outcome: Outcome) -> str:
    said = {A: "Verdict: Yes. Well done!", R: "Verdict: No", E: "Hm."}[outcome]
    return json.dumps({"text": f"Check {name} {index} {trial}.\n{said}"})


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_lessons_agree_with_the_truth_and_are_balanced_by_problem(run: Run, tmp_path: Path) -> None:
    made = export_genrm(run, tmp_path / "l.jsonl", judge="judge", against="gold", per_problem=9)
    rows = lines(tmp_path / "l.jsonl")
    assert (made.examples, made.problems) == (len(rows), 2)
    counts = Counter((row["problem"], row["label"]) for row in rows)
    assert counts == {("p", "yes"): 2, ("p", "no"): 2, ("q", "yes"): 2, ("q", "no"): 2}
    for row in rows:
        gold = TRUTH[row["problem"]][row["index"]]
        said = SAID[row["problem"]][row["index"]][row["trial"]]
        assert said is gold is (A if row["label"] == "yes" else R)
        assert SAID[row["problem"]][row["index"]].count(gold) >= 2


def test_a_line_is_a_conversation_that_ends_with_the_verdict(run: Run, tmp_path: Path) -> None:
    export_genrm(run, tmp_path / "l.jsonl", judge="judge", against="gold")
    first = lines(tmp_path / "l.jsonl")[0]
    assert first["messages"] == [
        {"role": "user", "content": "Problem: Story p?\nSolution: so 0\nVerification:"},
        {"role": "assistant", "content": "Check p 0 0.\nVerdict: Yes"},
    ]


def test_what_is_left_out_is_counted_by_reason(run: Run, tmp_path: Path) -> None:
    made = export_genrm(run, tmp_path / "l.jsonl", judge="judge", against="gold", per_problem=1)
    total = sum(len(told) for by in SAID.values() for told in by)
    assert made.examples + sum(made.left_out.values()) == total
    assert made.left_out["no ground truth"] == 6  # q's fourth sample, and the unjudged one
    assert made.left_out["no verdict, or no words"] == 1
    assert "left out 6: no ground truth" in str(made)


def test_different_solutions_come_before_second_words_on_one(run: Run, tmp_path: Path) -> None:
    export_genrm(run, tmp_path / "l.jsonl", judge="judge", against="gold", per_problem=2)
    chosen = [
        r["index"] for r in lines(tmp_path / "l.jsonl") if (r["problem"], r["label"]) == ("q", "no")
    ]
    assert chosen == [1, 2]


lesson = st.builds(
    Lesson, st.sampled_from("ab"), st.sampled_from("xyz"), st.booleans(),
    st.tuples(st.just("m"), st.integers(0, 3)), st.integers(0, 3),
)  # fmt: skip


@given(st.lists(lesson, max_size=30), st.integers(1, 9))
def test_a_choice_is_balanced_without_repeats_and_within_the_limit(
    lessons: list[Lesson], most: int
) -> None:
    chosen = balanced(lessons, most)
    assert 2 * sum(each.yes for each in chosen) == len(chosen) <= 2 * most
    assert len({(each.prompt, each.rationale) for each in chosen}) == len(chosen)
    assert all(each in lessons for each in chosen)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"judge": "nobody"}, "'nobody' is none of the run's"),
        ({"against": "judge@2"}, "'judge@2' is none"),
        ({"template": "Is it right?"}, "no text with"),
        ({"per_problem": 0}, "at least 1"),
        ({"agreement": 1}, "below 1"),
        ({"judge": "gold"}, "no problem has both"),
    ],
)
def test_bad_settings_are_one_clear_line(
    run: Run, tmp_path: Path, settings: dict[str, Any], complaint: str
) -> None:
    given = {"judge": "judge", "against": "gold", **settings}
    with pytest.raises(ConfigError, match=complaint):
        export_genrm(run, tmp_path / "l.jsonl", **given)


def test_the_command_line_exports(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "l.jsonl"
    spec = "genrm-sft:judge=judge,against=gold,per_problem=1"
    done = CliRunner().invoke(app, ["export", run.url, spec, str(file), "--json"])
    assert (done.exit_code, json.loads(done.stdout)["examples"]) == (0, len(lines(file)))
    assert len(lines(file)) == 4
