"""Refine: what is shown to the model, and that a recorded run decides as the live one did."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import NotRecorded
from vervet.planning import read
from vervet.policies.abstain import Abstain
from vervet.policies.cascade import Cascade
from vervet.policies.fixed import Fixed
from vervet.policies.flow import Policy, Recorded, name_of, replay, revised_id
from vervet.policies.refine import Refine, conversation
from vervet.selection import select, solve
from vervet.store import open_run
from vervet.types import Outcome, Problem, Sample, Selection, Verdict


class Pupil:
    """Counts up from its index by one a turn, as long as it is told to; late replies come first."""

    def __init__(self, name: str = "pupil") -> None:
        self.name, self.id = name, f"{name}@1"
        self.shown: list[Problem] = []

    def describe(self) -> Mapping[str, Any]:
        return {"model": self.name}

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        self.shown.append(problem)
        turns = sum(m["role"] == "assistant" for m in problem.messages)
        for index in reversed(indices):
            await asyncio.sleep(0.001 * (hash((problem.id, index)) % 5))
            text = str(index + turns)
            yield Sample(problem.id, self.id, index, text, prompt_tokens=2, completion_tokens=3)


class Exam:
    """Accepts one number; it crashes on another, and says what was wrong with the rest."""

    def __init__(self, name: str, fails_on: str = "") -> None:
        self.id, self.fails_on = f"{name}@1", fails_on

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        if sample.text == self.fails_on:
            raise RuntimeError("the exam is lost")
        good = sample.text == problem.reference["answer"]
        detail = "" if good else f"{sample.text} is too small."
        outcome = Outcome.ACCEPT if good else Outcome.REJECT
        names = (problem.id, sample.sampler_id, sample.index, self.id, trial)
        return Verdict(*names, outcome, answer=sample.text, detail=detail, prompt_tokens=1)


PROBLEMS = [Problem(f"p{i}", f"What is {i}?", {"answer": str(i)}) for i in range(6)]


@pytest.mark.parametrize(
    "policy",
    [
        Refine(3, "exam"),
        Refine(2, "exam", limit=4),
        Abstain(Refine(2, "exam", limit=2), 0.5, by="score", verifier="exam"),
        Cascade(Fixed("pupil"), Refine(3, "exam", model="other"), 2.0),
        Cascade(Refine(2, "exam", model="pupil"), Refine(4, "exam", model="other"), 0.5),
    ],
    ids=name_of,
)
@pytest.mark.parametrize("fails_on", ["", "1"])
def test_live_is_replay_turn_by_turn(policy: Policy, fails_on: str, tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "run"))
    models = {"pupil": Pupil(), "other": Pupil("other")}
    solve(run, PROBLEMS, policy, models, {"exam": Exam("exam", fails_on)})
    live = {row.problem_id: row for rows in run.read(Selection) for row in rows}
    select(run, policy)
    replayed = {row.problem_id: row for rows in run.read(Selection) for row in rows}
    assert len(live) == len(PROBLEMS)
    assert replayed == live
    assert any(row.index is not None for row in live.values())


def test_the_model_is_shown_every_turn_and_why_it_was_rejected(tmp_path: Path) -> None:
    run, pupil = open_run(str(tmp_path / "run")), Pupil()
    solve(run, PROBLEMS[2:3], Refine(3, "exam"), {"": pupil}, {"exam": Exam("exam")})
    (row,) = [row for rows in run.read(Selection) for row in rows]
    assert row.reason == "accepted at turn 3, reply 3"
    assert row.sampler_id == revised_id("pupil@1", "exam", 3)
    assert (row.samples_paid, row.verifications_paid, row.tokens_paid) == (3, 3, 18)
    last = [message["content"] for message in pupil.shown[-1].messages]
    assert last[::2] == [
        "What is 2?",
        "This reply was rejected: 0 is too small. Put right what is wrong and reply in full.",
        "This reply was rejected: 1 is too small. Put right what is wrong and reply in full.",
    ]
    assert last[1::2] == ["0", "1"]


def test_a_plan_counts_first_replies_only(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "run"))
    solve(run, PROBLEMS, Refine(3, "exam"), {"": Pupil()}, {"exam": Exam("exam")})
    found = read([run])
    assert list(found.archive.shelves) == ["pupil"]
    assert set(found.archive.shelves["pupil"].turns) == {("exam", 2), ("exam", 3)}
    assert found.models == {"pupil": "pupil"}
    assert found.archive.problems == len(PROBLEMS)


def test_a_turn_that_was_never_drawn_is_named() -> None:
    samples = [Sample("p", "m", 4, "5")]
    verdicts = {("m", 4, "v"): [Verdict("p", "m", 4, "v", 0, Outcome.REJECT, "5")]}
    with pytest.raises(NotRecorded, match=r"turn 2 of sample 4 was never drawn.*vervet solve"):
        replay(
            Refine(2, "v"), Problem("p", "?"), Recorded({"m": samples}, verdicts), {"m": range(1)}
        )


@given(st.lists(st.tuples(st.text(), st.text()), max_size=4), st.booleans())
def test_a_conversation_ends_with_a_request(turns: list[tuple[str, str]], judged: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
    told = [
        (text, Verdict("p", "m", 0, "v", 0, Outcome.REJECT, detail=why) if judged else None)
        for text, why in turns
    ]
    shown = conversation(Problem("p", "go"), told)
    assert [m["role"] for m in shown.messages] == ["user", *["assistant", "user"] * len(turns)]
    assert shown.messages[-1]["content"] == shown.prompt
