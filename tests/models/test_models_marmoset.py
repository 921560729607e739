"""The embedded model as a sampler: real worker processes, real weights."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from vervet.errors import ConfigError, ModelError, PromptError
from vervet.models.identity import seed_for
from vervet.models.marmoset import Marmoset, strong
from vervet.models.marmoset.sampler import SHIPPED, find
from vervet.problems.embedded import embedded
from vervet.registry import find as registered
from vervet.types import Problem, Sample, Sampler

PROBLEM = embedded().problems[3]


@pytest.fixture
async def marmoset() -> AsyncIterator[Marmoset]:
    sampler = Marmoset(workers=2)
    yield sampler
    await sampler.aclose()


async def draw(
    sampler: Sampler, indices: Sequence[int], problem: Problem = PROBLEM
) -> dict[int, Sample]:
    return {sample.index: sample async for sample in sampler.draw(problem, indices)}


async def test_every_index_is_drawn_once_with_its_seed_and_its_counts(marmoset: Marmoset) -> None:
    drawn = await draw(marmoset, range(300))
    assert sorted(drawn) == list(range(300))
    assert {s.sampler_id for s in drawn.values()} == {marmoset.id}
    assert {s.finish for s in drawn.values()} == {"stop"}
    assert [drawn[i].seed for i in range(300)] == [seed_for(0, PROBLEM.id, i) for i in range(300)]
    assert all(s.logprob is not None and s.logprob < 0 for s in drawn.values())
    paid = sum((s.prompt_tokens or 0) - (s.shared_tokens or 0) for s in drawn.values())
    assert paid == 2 * (drawn[0].prompt_tokens or 0)  # one prompt for each batch of 256
    assert len({s.text for s in drawn.values()}) > 5


async def test_a_text_is_the_same_alone_and_in_any_batch(marmoset: Marmoset) -> None:
    together = await draw(marmoset, range(512))
    apart = await draw(marmoset, [511, 17, 256])
    alone = await draw(marmoset, [300])
    for sample in (*apart.values(), *alone.values()):
        assert sample.text == together[sample.index].text
        assert sample.logprob == together[sample.index].logprob


async def test_another_seed_or_problem_draws_other_texts(marmoset: Marmoset) -> None:
    other = Marmoset(seed=1, workers=1)
    ours, theirs = await draw(marmoset, range(40)), await draw(other, range(40))
    await other.aclose()
    assert [s.text for s in ours.values()] != [s.text for s in theirs.values()]
    assert other.id == marmoset.id


async def test_the_event_loop_goes_on_while_samples_are_drawn(marmoset: Marmoset) -> None:
    await draw(marmoset, [0])
    task, turns = asyncio.create_task(draw(marmoset, range(1_000))), 0
    while not task.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert len(task.result()) == 1_000
    assert turns > 5


async def test_a_conversation_is_read_by_the_chat_template(marmoset: Marmoset) -> None:
    messages = (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": PROBLEM.prompt.strip()},
    )
    chat = Problem(PROBLEM.id, PROBLEM.prompt, messages=messages)
    assert (await draw(marmoset, range(5), chat))[3].text == (await draw(marmoset, range(5)))[
        3
    ].text


async def test_a_prompt_that_is_too_long_is_an_error_of_the_model(marmoset: Marmoset) -> None:
    with pytest.raises(PromptError, match="leaves no room"):
        await draw(marmoset, [0], Problem("long", "1 " * 300))
    assert await draw(marmoset, [0])


async def test_a_killed_worker_is_an_error_once_and_is_started_again() -> None:
    sampler = Marmoset(workers=1)
    await draw(sampler, [0])
    assert sampler._pool is not None
    process = sampler._pool._processes[0]
    os.kill(process.pid, signal.SIGSTOP)
    task = asyncio.create_task(draw(sampler, [1]))
    await asyncio.sleep(0.1)
    process.kill()
    with pytest.raises(ModelError, match="worker died"):
        await task
    assert sorted(await draw(sampler, [1, 2])) == [1, 2]
    await sampler.aclose()


async def test_a_draw_given_up_leaves_no_worker_behind(marmoset: Marmoset) -> None:
    task = asyncio.create_task(draw(marmoset, range(5_000)))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    pool = marmoset._pool
    await marmoset.aclose()
    assert pool is not None
    assert pool._processes == []
    assert await draw(marmoset, [7])


async def test_the_strong_model_solves_what_the_weak_one_seldom_does() -> None:
    rates = []
    for sampler in (Marmoset(workers=1), strong(workers=1)):
        right = 0
        for problem in embedded(limit=12):
            drawn = await draw(sampler, range(16), problem)
            line = f"A: {problem.reference['answer']}"
            right += sum(s.text.splitlines()[-1:] == [line] for s in drawn.values())
        await sampler.aclose()
        rates.append(right / (12 * 16))
    assert rates[0] + 0.1 < rates[1]


def test_the_name_holds_what_shapes_replies_and_nothing_else(tmp_path: Path) -> None:
    usual = Marmoset()
    assert isinstance(usual, Sampler)
    assert usual.id.startswith("marmoset@")
    assert Marmoset(seed=5, workers=1).id == usual.id
    others = [
        Marmoset(temperature=0.5), Marmoset(top_p=0.9), Marmoset(max_tokens=5),
        Marmoset(stop="A"), strong(),
    ]  # fmt: skip
    assert len({usual.id, *(other.id for other in others)}) == 6
    shutil.copytree(SHIPPED / "marmoset", tmp_path / "marmoset")
    assert Marmoset(str(tmp_path / "marmoset")).id == usual.id
    with (tmp_path / "marmoset" / "model.safetensors").open("ab") as file:
        file.write(b"x")
    assert Marmoset(str(tmp_path / "marmoset")).id != usual.id


def test_both_models_are_found_by_name() -> None:
    assert registered("models", "marmoset", temperature=0.7).describe()["temperature"] == 0.7
    assert registered("models", "marmoset-strong").describe()["model"] == "marmoset-strong"
    with pytest.raises(ConfigError, match="'gorilla': it is neither one of marmoset, marmoset-s"):
        find("gorilla")


def test_the_shipped_models_stay_small() -> None:
    assert sum(f.stat().st_size for f in SHIPPED.rglob("*") if f.is_file()) < 6_000_000
