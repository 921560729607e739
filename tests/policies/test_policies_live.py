"""Every policy, driven live, selects what its replay on the recorded run selects."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vervet.models.population import Population
from vervet.models.scripted import scripted
from vervet.policies.abstain import Abstain
from vervet.policies.cascade import Cascade
from vervet.policies.certified import Certified
from vervet.policies.fixed import Fixed
from vervet.policies.flow import Policy, name_of
from vervet.policies.majority import Majority
from vervet.policies.mixture import Mixture
from vervet.policies.posterior import Posterior
from vervet.policies.verify_then_vote import VerifyThenVote
from vervet.policies.verify_ties import VerifyTies
from vervet.selection import select, solve
from vervet.store import open_run
from vervet.types import Outcome, Problem, Sample, Selection, Verdict


class Named:
    """A simulated model of a given name."""

    def __init__(self, name: str, strength: float) -> None:
        self.inner = scripted(problems=6, a=strength, b=1.0, seed=3)
        self.name, self.id = name, f"{name}@1"

    def describe(self) -> Mapping[str, Any]:
        return {"model": self.name}

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        async for sample in self.inner.draw(problem, indices):
            yield replace(sample, sampler_id=self.id)


class Digits:
    """Reads the reply as it stands; `judge` scores it by its length."""

    def __init__(self, name: str) -> None:
        self.id = f"{name}@1"

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        good = sample.text.strip().endswith(str(problem.reference["answer"]))
        return Verdict(
            problem.id, sample.sampler_id, sample.index, self.id, trial,
            Outcome.ACCEPT if good else Outcome.REJECT, answer=sample.text.strip()[-6:],
            score=len(sample.text) % 5 + trial / 10,
        )  # fmt: skip


@pytest.mark.parametrize(
    "policy",
    [
        Cascade(Majority(3, "v", model="tiny"), Majority(2, "v", model="large"), 0.7),
        Abstain(Posterior(12, "v", gain=0.01, model="tiny"), 0.5, by="score", verifier="j"),
        Mixture("tiny*2|large*2", "v", by="accepted"),
        Certified(8, "v", error=0.4, model="large"),
        VerifyThenVote(3, 2, "j", "v", model="tiny"),
        VerifyTies(4, "v", "j", each=2, model="tiny"),
        Fixed("large"),
    ],
    ids=name_of,
)
def test_live_is_replay(policy: Policy, tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "run"))
    problems = Population(problems=6, seed=3).problem_set()
    samplers = {"tiny": Named("tiny", 0.7), "large": Named("large", 3.0)}
    solve(run, problems, policy, samplers, {"v": Digits("v"), "j": Digits("j")})
    live = {row.problem_id: row for rows in run.read(Selection) for row in rows}
    select(run, policy)
    replayed = {row.problem_id: row for rows in run.read(Selection) for row in rows}
    assert len(live) == 6
    assert replayed == live
