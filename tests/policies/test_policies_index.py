"""One budget for many problems: it is kept, it goes where it gains, and live is replay."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vervet.cli import main
from vervet.errors import ConfigError, ModelError, NotRecorded
from vervet.planning import Orders, archive
from vervet.planning.replay import outcome
from vervet.policies.flow import Pool, Recorded, billed, name_of, replay
from vervet.policies.index import Index, replay_together
from vervet.policies.majority import Majority
from vervet.selection import Solved, select, solve
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Selection, Verdict


class Dice:
    """Answers 0 with the problem's own chance; replies arrive in a random order."""

    id = "dice@1"

    def __init__(self, seed: int, fails: int = 0) -> None:
        self.rng, self.fails = np.random.default_rng(seed), fails

    def describe(self) -> Mapping[str, Any]:
        return {"model": "dice"}

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        if self.fails and self.rng.random() < 0.2:
            self.fails -= 1
            raise ModelError("the dice fell off the table")
        for index in self.rng.permutation(indices).tolist():
            await asyncio.sleep(float(self.rng.random()) / 500)
            own = np.random.default_rng([int(problem.id[1:]), index])
            text = str(own.choice(4, p=problem.reference["shares"]))
            yield Sample(problem.id, self.id, index, text, completion_tokens=1 + index % 3)


class Key:
    """Reads the reply; it cannot read one in ten."""

    id = "key@1"

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        if (sample.index + int(problem.id[1:])) % 10 == 9:
            raise RuntimeError("unreadable")
        outcome = Outcome.ACCEPT if sample.text == "0" else Outcome.REJECT
        names = (problem.id, self.id and sample.sampler_id, sample.index, self.id, trial)
        return Verdict(*names, outcome, answer=sample.text)


SHARES = [[0.97, 0.01, 0.01, 0.01], [0.4, 0.3, 0.2, 0.1], [0.1, 0.3, 0.3, 0.3], [0.7, 0.3, 0, 0]]
PROBLEMS = [Problem(f"p{i}", "?", {"shares": SHARES[i % 4]}) for i in range(12)]
POLICIES = [
    Index("key", 6, limit=20),
    Index("key", 5, by="accepted", limit=9),
    Index("key", 14, unit="tokens", limit=30),
    Index("key", 1),
    Index("key", 12, limit=20, gain=0.1),
    Index("key", 2.5e-5, unit="dollars", prompt_price=1.0, completion_price=3.0),
]


def solved(run: Run, policy: Index, dice: Dice) -> Solved:
    return solve(run, PROBLEMS, policy, {"": dice}, {"key": Key()})


def selections(run: Run) -> dict[str, Selection]:
    return {row.problem_id: row for rows in run.read(Selection) for row in rows}


@pytest.mark.parametrize("policy", POLICIES, ids=name_of)
def test_what_arrives_first_decides_nothing(policy: Index, tmp_path: Path) -> None:
    found = []
    for seed in (1, 2):
        run = open_run(str(tmp_path / f"run{seed}"))
        solved(run, policy, Dice(seed))
        found.append(selections(run))
        select(run, policy)
        assert selections(run) == found[-1]
    assert found[0] == found[1]
    assert len(found[0]) == len(PROBLEMS)


def test_a_run_that_failed_goes_on_where_it_was(tmp_path: Path) -> None:
    policy, whole = POLICIES[0], open_run(str(tmp_path / "whole"))
    solved(whole, policy, Dice(1))
    run, dice = open_run(str(tmp_path / "run")), Dice(3, fails=3)
    first = solved(run, policy, dice)
    assert first.failed
    assert first.selected is None
    while solved(run, policy, dice).failed:
        pass
    assert selections(run) == selections(whole)
    assert solved(run, policy, dice).present == len(PROBLEMS)


def drawn(problems: int, n: int, seed: int) -> list[tuple[Problem, Recorded]]:
    rng = np.random.default_rng(seed)
    rows = []
    for p in range(problems):
        right = rng.beta(0.8, 0.8)
        shares = [right, *((1 - right) * rng.dirichlet([0.5] * 5))]
        samples = [
            Sample(
                f"p{p}", "m", i, str(rng.choice(6, p=shares)),
                completion_tokens=1 + i % 3, seconds=2.0, cost=0.01 * (1 + i % 7),
            )
            for i in range(n)
        ]  # fmt: skip
        verdicts = {
            ("m", s.index, "v"): [
                Verdict(s.problem_id, "m", s.index, "v", 0,
                        Outcome.REJECT if int(s.text) else Outcome.ACCEPT, s.text)
            ]
            for s in samples
        }  # fmt: skip
        rows.append((Problem(f"p{p}", "?"), Recorded({"m": samples}, verdicts)))
    return rows


def right(found: list[tuple[Selection, Pool]]) -> float:
    return float(np.mean([s.index is not None and p.samples[0] is not None and
                          next(x.text for x in p.samples if x.index == s.index) == "0"
                          for s, p in found]))  # fmt: skip


@pytest.mark.parametrize("by", ["votes", "accepted"])
def test_the_same_budget_brings_more_than_spread_evenly(by: str) -> None:
    index, even = [], []
    for seed in range(6):
        rows = drawn(60, 64, seed)
        orders = [{"m": range(64)}] * 60
        found = replay_together(Index("v", 8, limit=64, by=by), rows, orders)
        assert sum(len(pool.samples) for _, pool in found) <= 8 * 60
        index.append(right(found))
        plain = (
            Majority(8, "v")
            if by == "votes"
            else Index("v", 8, limit=8, by="accepted")
        )  # fmt: skip
        even.append(
            right([replay(plain, *row, order) for row, order in zip(rows, orders, strict=True)])
        )
    assert np.mean(index) > np.mean(even)


@pytest.mark.parametrize(
    "policy",
    [
        Index("v", 6, limit=30),
        Index("v", 9, limit=10),
        Index("v", 12, limit=30, gain=0.05),
        Index("v", 4, limit=30, by="accepted"),
        Index("v", 9, limit=30, unit="tokens"),
        Index("v", 0.4, limit=30, unit="dollars"),
    ],
    ids=name_of,
)
def test_many_orders_at_once_are_each_order_alone(policy: Index) -> None:
    rows = drawn(20, 30, 5)
    kept = archive(rows, "v")
    orders = Orders.random(kept, 3)
    found = outcome(policy, kept, orders)
    for place in range(3):
        each = [{"m": order[place].tolist()} for order in orders.by_model["m"]]
        told = replay_together(policy, rows, each)
        assert [len(pool.samples) for _, pool in told] == found.samples[:, place].tolist()
        assert [pool.tokens for _, pool in told] == found.tokens[:, place].tolist()
        good = [
            s.index is not None and kept.shelves["m"].right[p, s.index] == 1
            for p, (s, _) in enumerate(told)
        ]
        assert good == (found.right[:, place] > 0).tolist()


def test_a_budget_is_answered_when_its_last_round_is_over() -> None:
    kept = archive(drawn(4, 9, 2), "v")
    found = outcome(Index("v", 3), kept, Orders.random(kept, 2))
    assert found.seconds.tolist() == [[2.0, 2.0]] * 4


def test_what_would_buy_too_little_is_not_spent() -> None:
    """Nine of ten problems are agreed on: more of their samples decide nothing."""
    rows = drawn(20, 30, 5)
    alike = [
        (p, Recorded(r.samples, {k: [replace(v, answer="0")] for k, (v,) in r.verdicts.items()}))
        for p, r in rows[:18]
    ]
    every, orders = [*alike, *rows[18:]], [{"m": range(30)}] * 20
    paid = {}
    for gain in (0.0, 0.01):
        told = replay_together(Index("v", 15, limit=30, gain=gain), every, orders)
        paid[gain] = sum(selected.samples_paid for selected, _ in told)
    assert paid[0.0] == 15 * 20
    assert paid[0.01] < paid[0.0] / 2


def test_alone_it_spends_its_budget_on_the_one_problem() -> None:
    ((problem, recorded),) = drawn(1, 30, 3)
    selected, pool = replay(Index("v", 9), problem, recorded, {"m": range(30)})
    assert (selected.samples_paid, len(pool.samples)) == (9, 9)


def test_more_than_was_recorded_says_what_to_draw() -> None:
    with pytest.raises(NotRecorded, match="vervet sample -n N"):
        replay_together(Index("v", 9), drawn(2, 5, 1), [{"m": range(5)}] * 2)


def test_a_budget_in_dollars_is_kept_as_charged_or_by_the_price() -> None:
    rows = drawn(20, 64, 7)
    orders = [{"m": range(64)}] * 20
    charged = replay_together(Index("v", 0.3, unit="dollars"), rows, orders)
    spent = sum(sample.cost or 0 for _, pool in charged for sample in pool.samples)
    assert 0.9 * 6 < spent < 1.02 * 6  # what a sample will cost is a guess
    free = [
        (
            problem,
            Recorded({"m": [replace(s, cost=None) for s in told.samples["m"]]}, told.verdicts),
        )
        for problem, told in rows
    ]
    priced = Index("v", 2e-5, unit="dollars", prompt_price=5.0, completion_price=1.0)
    tokens = sum(pool.tokens for _, pool in replay_together(priced, free, orders))
    assert 0.9 * 20 * 20 < tokens < 1.02 * 20 * 20
    with pytest.raises(ConfigError, match="what a sample of m costs is not known"):
        replay_together(Index("v", 0.3, unit="dollars"), free, orders)
    kept = archive(free, "v")
    with pytest.raises(ConfigError, match="is not known"):
        outcome(Index("v", 0.3, unit="dollars"), kept, Orders.random(kept, 2))


def test_the_command_line_knows_the_prices_of_a_budget_in_dollars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = [
        "solve", str(tmp_path / "run"), "--dataset", "embedded", "--limit", "4", "-m", "marmoset",
        "--budget", "0.004usd/problem", "--policy",
    ]  # fmt: skip
    priced = "index:verifier=gsm8k-answer,limit=20,prompt_price=10,completion_price=20"
    for policy, code in (("index:verifier=gsm8k-answer", 2), (priced, 0)):
        monkeypatch.setattr(sys, "argv", ["vervet", *written, policy])
        monkeypatch.setattr(sys, "path", list(sys.path))
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr().err
        assert left.value.code == code, said
        assert ("the price of marmoset/marmoset is not known" in said) == (code == 2)
    run = open_run(str(tmp_path / "run"))
    drawn = [sample for rows in run.read(Sample) for sample in rows]
    completions = sum(sample.completion_tokens or 0 for sample in drawn)
    prompts = sum(map(billed, drawn)) - completions
    assert 0.8 * 0.016 < (10 * prompts + 20 * completions) / 1e6 < 1.05 * 0.016
    found = Index("gsm8k-answer", 0.004, 20, unit="dollars", prompt_price=10, completion_price=20)
    live = selections(run)
    select(run, found)
    assert selections(run) == live


def test_a_senseless_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="by='luck'"):
        Index("v", 4, by="luck")
    with pytest.raises(ConfigError, match="unit='euro'"):
        Index("v", 4, unit="euro")
