"""Every registered policy: live is replay, whatever crashes, hangs or comes in another order."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vervet import registry
from vervet.engines import Local
from vervet.policies.flow import Policy, name_of
from vervet.selection import Solved, select, solve
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Progress, Sample, Selection, Verdict

PROBLEMS = [Problem(f"p{i}", "?", {"shares": [0.12 * i, 0.35 - 0.05 * i, 0.2]}) for i in range(6)]
SETTINGS: Mapping[str, object] = {
    "n": 5,
    "limit": 7,
    "trials": 2,
    "turns": 3,
    "price": 0.05,
    "below": 0.5,
    "verifier": "v",
    "judge": "j",
    "models": "tiny*2|large*2",
    "policy": "posterior(limit=7,verifier=v,model=tiny)",
    "first": "majority(n=3,verifier=v,model=tiny)",
    "then": "first-accepted(limit=4,verifier=j,model=large)",
}
"""What a setting without a default is tried at; a policy with another needs a line here."""
MORE: Mapping[str, Mapping[str, object]] = {
    "abstain": {"below": 0.5, "by": "score", "verifier": "j"},
    "cascade": {"below": 0.9},
    "early-stopping": {"window": 3},
    "index": {"budget": 4, "limit": 7},
    "mixture": {"by": "accepted"},
    "refine": {"limit": 3},
}


def built(name: str) -> Policy:
    """Make the policy of this name: its required settings, and some that are not."""
    known = signature(registry.names("policies")[name].load()).parameters.values()
    needed = [p.name for p in known if p.default is Parameter.empty]
    settings = {key: SETTINGS[key] for key in needed} | dict(MORE.get(name, {}))
    policy: Policy = registry.find("policies", name, **settings)
    return policy


POLICIES = [built(name) for name in registry.names("policies")]


class Wild:
    """A model whose replies come in any order, late, or not at all; what they say is fixed."""

    def __init__(self, name: str, seed: int, trouble: float = 0.0) -> None:
        self.name, self.id = name, f"{name}@1"
        self.rng, self.trouble = np.random.default_rng(seed), trouble

    def describe(self) -> Mapping[str, Any]:
        return {"model": self.name}

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        turns = sum(message["role"] == "assistant" for message in problem.messages)
        for index in self.rng.permutation(list(indices)).tolist():
            await asyncio.sleep(float(self.rng.random()) / 1000)
            if self.rng.random() < self.trouble:
                raise (TimeoutError("no reply"), ConnectionError("reset"))[
                    int(self.rng.integers(2))
                ]
            key = [int(problem.id[1:]), index, turns, len(self.name)]
            own = np.random.default_rng(key)
            shares = [*problem.reference["shares"], 1 - sum(problem.reference["shares"])]
            yield Sample(
                problem.id, self.id, index, str(own.choice(4, p=shares)),
                logprob=float(own.normal()), prompt_tokens=3, completion_tokens=1 + index,
            )  # fmt: skip


class Fickle:
    """Reads and scores a reply; it cannot judge one in nine, and crashes now and then."""

    def __init__(self, name: str, seed: int, trouble: float = 0.0) -> None:
        self.id = f"{name}@1"
        self.rng, self.trouble = np.random.default_rng(seed), trouble

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        await asyncio.sleep(float(self.rng.random()) / 1000)
        mixed = sum(map(ord, f"{problem.id}{sample.index}{self.id}{sample.sampler_id}{trial}"))
        if mixed % 9 == 0 or self.rng.random() < self.trouble:
            raise RuntimeError("the judge fell asleep")
        good = Outcome.ACCEPT if sample.text == "0" else Outcome.REJECT
        names = (problem.id, sample.sampler_id, sample.index, self.id, trial)
        answer = None if mixed % 11 == 0 else sample.text
        return Verdict(*names, good, answer, score=mixed % 5 / 4, detail="no", prompt_tokens=2)


class Unplugged(Exception):  # noqa: N818 - what happens to a machine, not to a program
    """The machine goes down."""


def started(
    run: Run, policy: Policy, seed: int, *, trouble: float, shaky: float, ahead: int, dies: int = 0
) -> Solved:
    """Solve; the machine goes down when progress is told for the `dies`th time."""
    told = 0

    def watch(progress: Progress) -> None:
        nonlocal told
        del progress
        told += 1
        if told == dies:
            raise Unplugged

    models = {n: Wild(n, seed + i, trouble) for i, n in enumerate(("tiny", "large"))}
    judges = {n: Fickle(n, seed + i, shaky) for i, n in enumerate("vj")}
    return solve(run, PROBLEMS, policy, models, judges, engine=Local(ahead=ahead), watch=watch)


def selections(run: Run) -> dict[str, Selection]:
    return {row.problem_id: row for rows in run.read(Selection) for row in rows}


def solved_in_the_end(run: Run, policy: Policy, *, shaky: float, ahead: int) -> None:
    """Start again and again until every problem has its selection."""
    for attempt in range(200):
        try:
            trouble = 0.15 if attempt < 30 else 0.0
            told = started(
                run, policy, 10 * attempt, trouble=trouble, shaky=shaky, ahead=ahead,
                dies=1 if attempt in {1, 3} else 0,
            )  # fmt: skip
        except Unplugged:
            continue
        if not told.failed and len(selections(run)) == len(PROBLEMS):
            return
    pytest.fail("never solved")


@pytest.mark.parametrize("ahead", [0, 3])
@pytest.mark.parametrize("policy", POLICIES, ids=name_of)
def test_trouble_changes_nothing(policy: Policy, ahead: int, tmp_path: Path) -> None:
    calm, wild = (open_run(str(tmp_path / name)) for name in ("calm", "wild"))
    started(calm, policy, 1, trouble=0.0, shaky=0.0, ahead=0)
    solved_in_the_end(wild, policy, shaky=0.0, ahead=ahead)
    assert selections(wild) == selections(calm)
    assert len(selections(calm)) == len(PROBLEMS)
    for run in (calm, wild):
        live = selections(run)
        select(run, policy)
        assert selections(run) == live


@pytest.mark.parametrize("policy", POLICIES, ids=name_of)
def test_a_verdict_that_was_lost_is_lost_for_the_replay_as_well(
    policy: Policy, tmp_path: Path
) -> None:
    run = open_run(str(tmp_path / "run"))
    solved_in_the_end(run, policy, shaky=0.2, ahead=2)
    live = selections(run)
    select(run, policy)
    assert selections(run) == live


def test_every_setting_that_is_tried_belongs_to_some_policy() -> None:
    targets = [entry.load() for entry in registry.names("policies").values()]
    known = {name for target in targets for name in signature(target).parameters}
    assert set(SETTINGS) <= known
    assert set(MORE) <= set(registry.names("policies"))
