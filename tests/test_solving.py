"""A policy driven live selects what its recorded run, replayed, selects."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vervet import waits
from vervet.engines import Local
from vervet.errors import ConfigError, ModelError
from vervet.policies.adaptive import AdaptiveConsistency, EarlyStopping
from vervet.policies.best_of import BestOf
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.fixed import Fixed
from vervet.policies.flow import Policy
from vervet.policies.majority import Majority
from vervet.policies.weighted import Weighted
from vervet.selection import select, solve
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Progress, Sample, Selection, Verdict

PROBLEMS = [Problem(f"p{i}", "2+2?") for i in range(12)]
POLICIES: list[Policy] = [
    Majority(7, "v"),
    Majority(7, "v", margin=0.6),
    Weighted(5, "v", "judge", trials=2),
    BestOf(5, "judge"),
    BestOf(5),
    FirstAccepted(9, "v"),
    AdaptiveConsistency(15, "v"),
    EarlyStopping(12, "v", window=3),
]


def noise(*key: object) -> np.random.Generator:
    return np.random.default_rng([ord(c) for c in repr(key)])


class Shuffled:
    """Answers of a fixed random stream, arriving in random order after random pauses."""

    id = "m@1"

    def __init__(self, hurry: int = 0, fails: int = 0) -> None:
        self.hurry = hurry
        self.fails = fails
        self.drawn: list[tuple[str, int]] = []

    def describe(self) -> Mapping[str, Any]:
        return {"model": "m"}

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        order = noise(self.hurry, problem.id, indices[0]).permutation(list(indices)).tolist()
        for index in order:
            await asyncio.sleep(noise(self.hurry, problem.id, index).random() / 500)
            if self.fails:
                self.fails -= 1
                raise ModelError("the endpoint is away")
            self.drawn.append((problem.id, index))
            text = str(noise(problem.id, index).integers(3, 6))
            yield Sample(problem.id, self.id, index, text, logprob=-float(noise(index).random()))


class Crashing:
    """Accepts 4, crashes on some samples, answers after random pauses."""

    def __init__(self, name: str = "v") -> None:
        self.id = f"{name}@1"

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        await asyncio.sleep(noise(problem.id, sample.index).random() / 500)
        if noise("crash", problem.id, sample.index).random() < 0.1:
            raise RuntimeError("broken")
        outcome = Outcome.ACCEPT if sample.text == "4" else Outcome.REJECT
        score = float(noise(self.id, problem.id, sample.index, trial).random())
        return Verdict(
            problem.id, sample.sampler_id, sample.index, self.id, trial, outcome, sample.text, score
        )


def selections(run: Run) -> dict[str, Selection]:
    return {row.problem_id: row for rows in run.read(Selection) for row in rows}


def live(run: Run, policy: Policy, sampler: Shuffled) -> Any:
    verifiers = {"v": Crashing(), "judge": Crashing("judge")}
    return solve(run, PROBLEMS, policy, {"m": sampler}, verifiers)


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_live_and_replayed_select_the_same(policy: Policy, tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "r"))
    live(run, policy, Shuffled())
    alive = selections(run)
    select(run, policy)
    assert selections(run) == alive
    assert len(alive) == len(PROBLEMS)


def test_one_model_and_one_verifier_need_no_names(tmp_path: Path) -> None:
    named, plain = open_run(str(tmp_path / "named")), open_run(str(tmp_path / "plain"))
    live(named, Majority(5, "v"), Shuffled())
    solve(plain, PROBLEMS, Majority(5, "v"), Shuffled(), Crashing())
    assert selections(plain) == selections(named)
    assert solve(plain, PROBLEMS, Fixed(), Shuffled()).failed == 0


def test_the_order_of_arrival_decides_nothing(tmp_path: Path) -> None:
    found = []
    for hurry in range(3):
        run = open_run(str(tmp_path / str(hurry)))
        live(run, Majority(7, "v"), Shuffled(hurry))
        found.append({p: (s.index, s.samples_paid) for p, s in selections(run).items()})
    assert found[0] == found[1] == found[2]


def test_a_failing_model_leaves_problems_that_the_next_call_solves(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "r"))
    first = live(run, Majority(3, "v"), Shuffled(fails=4))
    assert first.failed > 0
    assert "the endpoint is away" in str(first)
    again = Shuffled()
    second = live(run, Majority(3, "v"), again)
    assert (second.failed, second.present) == (0, len(PROBLEMS) - first.failed)
    recorded = [(s.problem_id, s.index) for rows in run.read(Sample) for s in rows]
    assert len(recorded) == len(set(recorded)) == 3 * len(PROBLEMS)


def test_what_is_recorded_is_not_drawn_again(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "r"))
    live(run, Majority(3, "v"), Shuffled())
    sampler = Shuffled()
    live(run, Majority(5, "v"), sampler)
    assert sorted(sampler.drawn) == sorted((p.id, i) for p in PROBLEMS for i in (3, 4))


class Stuttering(Shuffled):
    """Says every reply twice, the second time another."""

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        async for sample in super().draw(problem, indices):
            yield sample
            yield replace(sample, text="5", logprob=9.0)


@pytest.mark.parametrize("ahead", [0, 2])
def test_of_two_replies_with_one_index_the_first_stands(ahead: int, tmp_path: Path) -> None:
    run, policy = open_run(str(tmp_path / "r")), FirstAccepted(6, "v")
    verifiers = {"v": Crashing()}
    solve(run, PROBLEMS, policy, {"m": Stuttering()}, verifiers, engine=Local(ahead=ahead))
    alive = selections(run)
    select(run, policy)
    assert selections(run) == alive
    assert any(row.index is not None for row in alive.values())


def test_a_problem_that_is_given_twice_is_solved_once(tmp_path: Path) -> None:
    run, sampler = open_run(str(tmp_path / "r")), Shuffled()
    verifiers = {"v": Crashing(), "judge": Crashing("judge")}
    told = solve(run, PROBLEMS * 2, Majority(3, "v"), {"m": sampler}, verifiers)
    assert told.selected is not None
    assert (told.selected.problems, told.present) == (len(PROBLEMS), 0)
    assert len(sampler.drawn) == len(set(sampler.drawn)) == 3 * len(PROBLEMS)


def test_a_policy_that_names_an_absent_verifier_is_refused(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "r"))
    with pytest.raises(ConfigError, match=r"the verifier 'other'; there is: v, judge"):
        live(run, Majority(3, "other"), Shuffled())


class Rivals:
    """Accepts a reply that is not less than its rival's: sample t of the same problem, in trial t.

    As `pairwise` does, it must have met the rival.
    """

    id = "rivals@1"

    def __init__(self) -> None:
        self.met: dict[tuple[str, int], str] = {}

    def meet(self, samples: Sequence[Sample]) -> None:
        self.met |= {(s.problem_id, s.index): s.text for s in samples}

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        score = float(sample.text >= self.met[problem.id, trial])
        names = (problem.id, sample.sampler_id, sample.index, self.id, trial)
        return Verdict(*names, Outcome.ACCEPT, score=score)


def test_a_verifier_that_compares_samples_meets_them_first(tmp_path: Path) -> None:
    run, policy = open_run(str(tmp_path / "r")), BestOf(5, "rivals", trials=5)
    solve(run, PROBLEMS, policy, {"m": Shuffled()}, {"rivals": Rivals()})
    best = {
        p.id: max(str(noise(p.id, i).integers(3, 6)) for i in range(5)) for p in PROBLEMS
    }  # fmt: skip
    chosen = selections(run)
    texts = {(s.problem_id, s.index): s.text for rows in run.read(Sample) for s in rows}
    assert {p: texts[p, s.index] for p, s in chosen.items() if s.index is not None} == best
    select(run, policy)
    assert selections(run) == chosen


class Waiting(Shuffled):
    """Tells of a wait before it draws, as an endpoint that limits its rate does."""

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        waits.tell(60.0, "HTTP 429 from host (1 of 8)")
        await asyncio.sleep(0.1)
        async for row in super().draw(problem, indices):
            yield row


def test_what_is_waited_for_is_in_the_progress(tmp_path: Path) -> None:
    told: list[Progress] = []
    solve(
        open_run(tmp_path), PROBLEMS[:2], Majority(2, "v"), {"": Waiting()}, {"v": Crashing()},
        engine=Local(batch_seconds=0.01), watch=told.append,
    )  # fmt: skip
    assert told[-1].note == "waiting 60 s: HTTP 429 from host (1 of 8)"
