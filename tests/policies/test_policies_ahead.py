"""Drawing ahead: fewer requests, the same selections, and every sample accounted for."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from vervet.engines import Local
from vervet.errors import ModelError
from vervet.policies.abstain import Abstain
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.flow import Policy, name_of
from vervet.policies.majority import Majority
from vervet.policies.posterior import Posterior
from vervet.selection import select, solve
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Selection, Verdict

PROBLEMS = [Problem(f"p{i}", "?", {"good": i}) for i in range(8)]


class Slow:
    """Counts its requests; later samples of a request take longer, the last never comes."""

    id = "slow@1"

    def __init__(self, hangs: int = 99, fails: int = 99) -> None:
        self.requests, self.hangs, self.fails = 0, hangs, fails

    def describe(self) -> Mapping[str, Any]:
        return {"model": "slow"}

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        self.requests += 1
        for index in indices:
            await asyncio.sleep(60 if index >= self.hangs else 0.001)
            if index == self.fails:
                raise ModelError("no more")
            yield Sample(problem.id, self.id, index, str(index), completion_tokens=10)


class Good:
    """Accepts from the problem's own number on; all answers are read as one."""

    id = "good@1"

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        outcome = (
            Outcome.ACCEPT if int(sample.text) >= problem.reference["good"] else Outcome.REJECT
        )
        return Verdict(problem.id, sample.sampler_id, sample.index, self.id, trial, outcome, "4")


def self_id(sample: Sample) -> str:
    return sample.sampler_id


def selections(run: Run) -> dict[str, Selection]:
    return {row.problem_id: row for rows in run.read(Selection) for row in rows}


def recorded(run: Run) -> int:
    return sum(len(rows) for rows in run.read(Sample))


@pytest.mark.parametrize(
    "policy",
    [FirstAccepted(9, "good"), Posterior(12, "good"), Abstain(Posterior(12, "good"), 0.2)],
    ids=name_of,
)
def test_what_is_drawn_ahead_changes_requests_and_nothing_else(
    policy: Policy, tmp_path: Path
) -> None:
    found, requests = [], []
    for ahead in (0, 3):
        run, model = open_run(str(tmp_path / f"run{ahead}")), Slow()
        told = solve(
            run, PROBLEMS, policy, {"": model}, {"good": Good()}, engine=Local(ahead=ahead)
        )
        found.append(selections(run))
        requests.append(model.requests)
        used = sum(row.samples_paid for row in found[-1].values())
        assert recorded(run) == used + told.unused
        assert told.unused_tokens == 10 * told.unused
        select(run, policy)
        assert selections(run) == found[-1]
    assert found[0] == found[1]
    assert len(found[0]) == len(PROBLEMS)
    assert requests[1] < requests[0]


def test_what_is_still_on_its_way_is_cancelled_and_counted(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "run"))
    policy = FirstAccepted(9, "good")
    told = solve(
        run, PROBLEMS[:3], policy, {"": Slow(hangs=3)}, {"good": Good()}, engine=Local(ahead=8)
    )
    assert told.cancelled >= 3 * 6
    assert (told.unused + told.cancelled + 1 + 2 + 3) == 3 * 9
    assert "cancelled" in str(told)


def test_a_failure_ahead_is_met_only_where_its_sample_is_wanted(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "run"))
    policy = FirstAccepted(9, "good")
    told = solve(
        run, PROBLEMS[:6], policy, {"": Slow(fails=3)}, {"good": Good()}, engine=Local(ahead=5)
    )
    assert set(selections(run)) == {"p0", "p1", "p2"}
    assert told.failed == 3


def test_a_vote_of_a_fixed_size_draws_nothing_ahead(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "run"))
    told = solve(
        run, PROBLEMS, Majority(3, "good"), {"": Slow()}, {"good": Good()}, engine=Local(ahead=5)
    )
    assert (told.unused, recorded(run)) == (0, 3 * len(PROBLEMS))
