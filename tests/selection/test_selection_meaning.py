"""A replay means what the live run meant: the same model, verifier and problems."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from vervet.errors import ConfigError, ModelError, NotRecorded
from vervet.policies.cascade import Cascade
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.flow import Policy, name_of
from vervet.policies.index import Index
from vervet.policies.majority import Majority
from vervet.policies.refine import Refine
from vervet.selection import Solved, recorded_problems, select, solve
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Selection, Verdict

PROBLEMS = [Problem(f"p{i}", "?") for i in range(6)]


class Talker:
    """Says what its temperature makes of problem and index."""

    def __init__(self, name: str, heat: int = 0, fails: str = "") -> None:
        self.name, self.heat, self.fails, self.id = name, heat, fails, f"{name}@{heat}"

    def describe(self) -> Mapping[str, Any]:
        return {"model": self.name, "temperature": self.heat}

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        turns = sum(message["role"] == "assistant" for message in problem.messages)
        for index in indices:
            if problem.id == self.fails and index:
                raise ModelError("never for this one")
            text = str((int(problem.id[1:]) + index * (2 + self.heat) + turns + self.heat) % 5)
            yield Sample(problem.id, self.id, index, text, completion_tokens=1 + index)


class Reader:
    """Reads the reply, and accepts one of them; a judgement may be lost, and cost tokens."""

    def __init__(self, good: str = "4", *, lost: Sequence[int] = (), tokens: int = 0) -> None:
        self.id, self.good, self.lost, self.tokens = f"key@{good}", good, lost, tokens

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        names = (problem.id, sample.sampler_id, sample.index, self.id, trial)
        if sample.index in self.lost:
            return Verdict(*names, Outcome.ERROR, completion_tokens=self.tokens)
        outcome = Outcome.ACCEPT if sample.text == self.good else Outcome.REJECT
        return Verdict(*names, outcome, answer=sample.text)


def solved(
    run: Run, policy: Policy, model: Talker, reader: Reader, problems: Sequence[Problem] = PROBLEMS
) -> Solved:
    return solve(run, problems, policy, {"": model}, {"v": reader})


def selections(run: Run, policy: Policy) -> dict[str, Selection]:
    where = {"policy_id": name_of(policy)}
    return {row.problem_id: row for rows in run.read(Selection, where) for row in rows}


def same_when_replayed(run: Run, policy: Policy) -> None:
    live = selections(run, policy)
    select(run, policy)
    assert selections(run, policy) == live
    assert live


POLICIES: list[Policy] = [
    Majority(3, "v"),
    FirstAccepted(6, "v"),
    Index("v", 4, limit=9),
    Refine(3, "v"),
    Cascade(Majority(2, "v"), Majority(3, "v"), 0.9),
]


@pytest.mark.parametrize("policy", POLICIES, ids=name_of)
@pytest.mark.parametrize(
    "other", [Talker("b"), Talker("a"), Talker("m", heat=1)], ids=["b", "a", "hotter"]
)
def test_samples_of_another_model_or_setting_are_not_taken_for_its_own(
    policy: Policy, other: Talker, tmp_path: Path
) -> None:
    run = open_run(str(tmp_path / "run"))
    solved(run, Majority(9, "v"), other, Reader(), [*PROBLEMS, Problem("p8", "?")])
    solved(run, policy, Talker("m"), Reader())
    same_when_replayed(run, policy)
    assert {row.sampler_id for row in selections(run, policy).values()} - {
        None, "m@0", "m@0+v.2", "m@0+v.3",
    } == set()  # fmt: skip


@pytest.mark.parametrize("policy", POLICIES, ids=name_of)
def test_verdicts_of_another_verifier_of_that_name_are_not_taken(
    policy: Policy, tmp_path: Path
) -> None:
    run = open_run(str(tmp_path / "run"))
    solved(run, Majority(9, "v"), Talker("m"), Reader("3"))
    solved(run, policy, Talker("m"), Reader("4"))
    same_when_replayed(run, policy)


def test_an_index_is_replayed_on_the_problems_that_shared_its_budget(tmp_path: Path) -> None:
    run, policy = open_run(str(tmp_path / "run")), Index("v", 4, limit=9)
    solved(run, Majority(9, "v"), Talker("m"), Reader(), PROBLEMS)
    solved(run, policy, Talker("m"), Reader(), list(reversed(PROBLEMS[1:5])))
    same_when_replayed(run, policy)
    assert set(selections(run, policy)) == {"p1", "p2", "p3", "p4"}


def test_the_order_of_the_problems_decides_nothing(tmp_path: Path) -> None:
    policy, found = Index("v", 5, limit=9), []
    for name, problems in (("there", PROBLEMS), ("back", PROBLEMS[::-1])):
        run = open_run(str(tmp_path / name))
        solved(run, policy, Talker("m"), Reader(), problems)
        found.append(selections(run, policy))
    assert found[0] == found[1]


def test_another_model_for_the_same_selections_is_refused(tmp_path: Path) -> None:
    run, policy = open_run(str(tmp_path / "run")), Majority(3, "v")
    solved(run, policy, Talker("m"), Reader(), PROBLEMS[:3])
    with pytest.raises(ConfigError, match=r"by the model m@0; now it is m@1\. Write model=m@1 in"):
        solved(run, policy, Talker("m", heat=1), Reader())
    with pytest.raises(ConfigError, match=r"by the verifier key@4; now it is key@3"):
        solved(run, policy, Talker("m"), Reader("3"))
    assert solved(run, policy, Talker("m"), Reader()).present == 3


def test_a_model_that_only_failed_may_be_replaced(tmp_path: Path) -> None:
    run, policy = open_run(str(tmp_path / "run")), Majority(3, "v")
    assert solved(run, policy, Talker("m", fails="p0"), Reader(), PROBLEMS[:1]).failed == 1
    assert solved(run, policy, Talker("b"), Reader(), PROBLEMS[:1]).failed == 0
    same_when_replayed(run, policy)


def test_what_select_took_from_another_model_is_not_solved_before(tmp_path: Path) -> None:
    run, policy = open_run(str(tmp_path / "run")), Majority(3, "v")
    run.append(PROBLEMS)
    run.append([Sample(p.id, "old@1", i, "4") for p in PROBLEMS for i in range(3)])
    run.append([Verdict(p.id, "old@1", i, "v@1", 0, Outcome.ACCEPT, "4")
                for p in PROBLEMS for i in range(3)])  # fmt: skip
    select(run, policy)
    with pytest.raises(ConfigError, match="by the model old@1"):
        solved(run, policy, Talker("m"), Reader())


def test_a_problem_that_was_never_solved_does_not_keep_the_rest_from_being_replayed(
    tmp_path: Path,
) -> None:
    run, policy = open_run(str(tmp_path / "run")), Majority(3, "v")
    assert solved(run, policy, Talker("m", fails="p2"), Reader()).failed == 1
    live = selections(run, policy)
    told = select(run, policy)
    assert (told.problems, told.unsolved) == (5, 1)
    assert "1 problems were left out" in str(told)
    assert selections(run, policy) == live
    with pytest.raises(NotRecorded, match="at least 4 of a problem"):
        select(run, Majority(4, "v"))


@pytest.mark.parametrize("policy", POLICIES, ids=name_of)
def test_a_selection_that_rests_on_a_lost_verdict_is_replayed_after_other_policies(
    policy: Policy, tmp_path: Path
) -> None:
    run = open_run(str(tmp_path / "run"))
    solved(run, policy, Talker("m"), Reader(lost=(0, 2)))
    solved(run, Majority(5, "v"), Talker("m"), Reader())
    same_when_replayed(run, policy)
    same_when_replayed(run, Majority(5, "v"))


def test_of_two_lost_verdicts_the_first_is_paid_for_live_and_replayed(tmp_path: Path) -> None:
    run, policy = open_run(str(tmp_path / "run")), FirstAccepted(2, "v")
    for tokens, fails in ((10, "p1"), (99, "")):
        solved(run, policy, Talker("m", fails=fails), Reader("none", lost=(0,), tokens=tokens))
    assert selections(run, policy)["p1"].tokens_paid == 1 + 10 + 2
    same_when_replayed(run, policy)


def test_what_only_a_replay_rests_on_is_asked_for_again(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "run"))
    run.append(PROBLEMS)
    model, keys = Talker("m"), [(p.id, i) for p in PROBLEMS for i in range(3)]
    run.append([Sample(p, model.id, i, "4") for p, i in keys])
    run.append([Verdict(p, model.id, i, "key@4", 0, Outcome.ERROR) for p, i in keys])
    run.describe("samplers", model.id, model.describe())
    assert select(run, Majority(3, "key")).abstained == len(PROBLEMS)
    told = solved(run, FirstAccepted(3, "v"), model, Reader()).selected
    assert told is not None
    assert told.returned == len(PROBLEMS)


def test_two_samplers_of_one_model_are_two_models(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "run"))
    for heat in (0, 1):
        solved(run, Majority(2 + heat, "v"), Talker("m", heat), Reader())
    for _, recorded in recorded_problems(run):
        assert {name: len(drawn) for name, drawn in recorded.samples.items()} == {
            "m@0": 2,
            "m@1": 3,
        }
