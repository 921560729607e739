"""Traffic in a run: what is recorded, that it replays to what was served, that it can go on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from vervet.errors import StoreError
from vervet.policies.adaptive import AdaptiveConsistency
from vervet.policies.flow import name_of
from vervet.policies.majority import Majority
from vervet.policies.mixture import Mixture
from vervet.policies.refine import Refine
from vervet.selection import select
from vervet.serving import model_of, recording
from vervet.store import Run, open_run, shards
from vervet.types import Problem, Sample, Selection, Verdict


async def never(_body: Any) -> Any:
    await asyncio.sleep(60)


async def until(true: Any) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def test_recorded_traffic_replays_to_the_same_selections(lab: Any, tmp_path: Path) -> None:
    run = open_run(tmp_path / "run")
    policy = Majority(5, "gsm8k-answer")
    texts = ["A: 42", "A: 41", "it is 42.", "A: 7", "A: 42.0", "A: 9\0", "A: 9"]
    async with lab.house(lab.says(texts), record=run, policy=policy) as (_, client):
        for _ in range(3):
            await client.post(lab.ASKED)
        metrics = client.gateway
    served = {s.problem_id: s for rows in run.read(Selection) for s in rows}
    assert len(served) == len(run.problems()) == 3
    assert sum(len(rows) for rows in run.read(Sample)) == 15
    assert sum(len(rows) for rows in run.read(Verdict)) == 15
    assert run.problems()[0].messages == tuple(lab.ASKED["messages"])
    assert 'vervet_record_rows_total{what="lost"}' not in metrics.metrics.text()
    select(run, policy)
    assert {s.problem_id: s for rows in run.read(Selection) for s in rows} == served


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder nobody can write to")
async def test_a_run_that_cannot_be_written_is_told_at_the_start(lab: Any) -> None:
    with pytest.raises(StoreError, match="/proc/run"):
        async with lab.house(lab.says(["A: 1"]), record=open_run("/proc/run")):
            pytest.fail("it answers")


async def test_traffic_of_all_kinds_replays_to_the_same_selections(
    lab: Any, tmp_path: Path
) -> None:
    """JSON mode, a client that left between two draws, and one that wanted another policy."""
    run, policy, left = open_run(tmp_path / "run"), AdaptiveConsistency(9, "gsm8k-answer"), 10**6
    texts = lab.says(["A: 1", "A: 2", "A: 1", "A: 1", "A: 1"])

    async def answer(body: Any) -> Any:
        nonlocal left
        left -= 1
        return await (texts(body) if left >= 0 else never(body))

    async with lab.house(answer, record=run, policy=policy) as (_, client):
        await client.post(lab.ASKED)
        await client.post(lab.ASKED | {"response_format": {"type": "json_object"}})
        await client.post(lab.ASKED | {"vervet": {"policy": "majority:n=4,verifier=exact"}})
        left = 2
        asking = asyncio.create_task(client.post(lab.ASKED))
        await until(lambda: left < 0)
        asking.cancel()
        await until(lambda: client.gateway.metrics.in_flight == 0)
    recorded = [s for rows in run.read(Selection) for s in rows]
    served = {s.problem_id: s for s in recorded if s.policy_id == name_of(policy)}
    assert (len(run.problems()), len(recorded), len(served)) == (4, 3, 2)
    assert len({v.verifier_id for rows in run.read(Verdict) for v in rows}) == 2
    told = select(run, policy)
    again = {s.problem_id: s for rows in run.read(Selection) for s in rows}
    assert {i: again[i] for i in served} == served
    assert told.unsolved == 2, "the one that was left, and the one of another policy"


async def test_models_are_replayed_under_the_names_they_were_served_as(
    lab: Any, tmp_path: Path
) -> None:
    run, policy = open_run(tmp_path / "run"), Mixture("small*2|large*1", "exact")
    async with lab.model_server(lab.says(["A: 1", "A: 2", "A: 2"])) as server:
        models = [model_of(n, lab.sampler(server, f"meta/{n}-8b")) for n in ("small", "large")]
        async with lab.serving(lab.menu(*models, policy=policy), record=run) as client:
            status, _, _ = await client.post(lab.ASKED | {"model": "large"})
    served = [s for rows in run.read(Selection) for s in rows]
    assert (status, len(served)) == (200, 1)
    select(run, policy)
    assert [s for rows in run.read(Selection) for s in rows] == served


async def test_later_turns_are_replayed_too(lab: Any, tmp_path: Path) -> None:
    run, policy = open_run(tmp_path / "run"), Refine(3, "gsm8k-answer")
    async with lab.house(lab.says(["so", "A: 1"]), record=run, policy=policy) as (_, client):
        await client.post(lab.ASKED)
    served = [s for rows in run.read(Selection) for s in rows]
    told = run.descriptions("samplers")[str(served[0].sampler_id)]
    assert (told["model"], told["revises"] in run.descriptions("samplers")) == (
        "m+gsm8k-answer.2", True,
    )  # fmt: skip
    select(run, policy)
    assert [s for rows in run.read(Selection) for s in rows] == served


async def test_a_long_record_is_merged_and_not_read_for_every_batch(
    lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "TIDY_BATCHES", 8)
    monkeypatch.setattr(recording, "BATCH_SECONDS", 0.001)
    monkeypatch.setattr(shards, "MANY_SHARDS", 8)
    run = open_run(tmp_path / "run")
    async with lab.house(lab.says(["A: 1"]), record=run, policy=Majority(2, "exact")) as (
        _,
        client,
    ):
        with monkeypatch.context() as reading:
            reading.setattr(Run, "scan", lambda *_a, **_b: pytest.fail("reads what was recorded"))
            for _ in range(40):
                await client.post(lab.ASKED)
                await asyncio.sleep(0.01)
    assert len(run.problems()) == 40
    assert sum(len(rows) for rows in run.read(Sample)) == 80
    assert len(run.shards(Problem)) < 25


async def test_samples_of_a_client_that_left_are_recorded_and_charged(
    lab: Any, tmp_path: Path
) -> None:
    run = open_run(tmp_path / "run")
    asked: list[Any] = []

    async def twice(body: Any) -> Any:
        asked.append(body)
        return await (never(body) if len(asked) > 2 else lab.says(["A: 1", "A: 2"])(body))

    policy = AdaptiveConsistency(9, "gsm8k-answer")
    async with lab.house(twice, record=run, policy=policy) as (_, client):
        asking = asyncio.create_task(client.post(lab.ASKED))
        await until(lambda: len(asked) > 2)
        asking.cancel()
        await until(lambda: client.gateway.metrics.in_flight == 0)
        spent = client.gateway.accounts.everybody.spent_tokens
    assert sum(len(rows) for rows in run.read(Sample)) == 2
    assert not list(run.read(Selection))
    assert [type(p) for p in run.problems()] == [Problem]
    assert spent == 30
