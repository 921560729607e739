"""The sampler against a server that answers well, in all the ways servers do."""

import asyncio
import pickle
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

from vervet.errors import ConfigError, ModelError
from vervet.models.openai_api import OpenAI, connect
from vervet.models.openai_settings import Generation, Link
from vervet.types import Problem, Sample, Sampler

Body = dict[str, Any]


def indices(samples: Iterable[Sample]) -> list[int]:
    return sorted(s.index for s in samples)


def plain(texts: list[str], **more: Any) -> Body:
    return {"choices": [{"text": t, "finish_reason": "stop"} for t in texts], **more}


VLLM_ON_A_CPU = (
    "# TYPE vllm:cache_config_info gauge\n"
    'vllm:cache_config_info{_block_size_resolved="True",block_size="128",cache_dtype="auto",'
    'kv_cache_memory_bytes="1073741824",user_specified_block_size="False"} 1.0\n'
)
VLLM_ON_CUDA = VLLM_ON_A_CPU.replace('"128"', '"16"').replace('"1073741824"', '"None"')


@pytest.mark.parametrize(("metrics", "withheld"), [(VLLM_ON_A_CPU, True), (VLLM_ON_CUDA, False)])
async def test_seeds_are_withheld_from_the_one_server_that_dies_of_them(
    lab: ModuleType,
    metrics: str,
    withheld: bool,  # noqa: FBT001 - a parameter
) -> None:
    async with lab.serve(lab.obliging, metrics) as endpoint:
        samples = await lab.drawn(lab.model(endpoint), 40)
    assert all(("seed" not in body) == withheld for body in endpoint.asked)
    assert all((s.seed is None) == withheld for s in samples)


async def test_one_request_brings_many_samples(lab: ModuleType) -> None:
    async with lab.serve(lab.obliging) as endpoint:
        samples = await lab.drawn(lab.model(endpoint), 200)
    assert indices(samples) == list(range(200))
    assert sorted(b["n"] for b in endpoint.asked) == [8, 64, 64, 64]
    assert len({s.text for s in samples}) == 200


async def test_it_is_a_sampler_whose_samples_carry_its_name(lab: ModuleType) -> None:
    async with lab.serve(lab.obliging) as endpoint:
        sampler = lab.model(endpoint)
        samples = await lab.drawn(sampler, 3)
    assert isinstance(sampler, Sampler)
    assert {(s.problem_id, s.sampler_id) for s in samples} == {(lab.PROBLEM.id, sampler.id)}


async def test_a_prompt_is_billed_once_per_request(lab: ModuleType) -> None:
    async with lab.serve(lab.obliging) as endpoint:
        samples = await lab.drawn(lab.model(endpoint), 128)
    billed = sum((s.prompt_tokens or 0) - (s.shared_tokens or 0) for s in samples)
    assert billed == 2 * 12
    assert sum(s.completion_tokens or 0 for s in samples) == 128 * 5


async def test_no_two_samples_of_a_problem_share_a_seed_whatever_is_missing(
    lab: ModuleType,
) -> None:
    # vLLM gives choice j of a request the seed of the request + j: ranges must not overlap
    async with lab.serve(lab.obliging) as endpoint:
        sampler = lab.model(endpoint)
        for wanted in ([0, 1, 2, 7, 9], [3, 4, 5, 6, 8], range(10, 80)):
            assert indices([s async for s in sampler.draw(lab.PROBLEM, wanted)]) == list(wanted)
        await sampler.aclose()
    used = [b["seed"] + j for b in endpoint.asked for j in range(b.get("n", 1))]
    assert len(used) == len(set(used)) == 80


async def test_seeds_follow_from_run_problem_and_index(lab: ModuleType) -> None:
    async with lab.serve(lab.obliging) as endpoint:
        first = await lab.drawn(lab.model(endpoint), 3)
        again = await lab.drawn(lab.model(endpoint), 3)
        other = await lab.drawn(lab.model(endpoint, link={"seed": 1}), 3)
        elsewhere = await lab.drawn(lab.model(endpoint), 3, Problem("p2", "?"))
    assert [s.seed for s in first] == [s.seed for s in again]
    assert len({first[0].seed, other[0].seed, elsewhere[0].seed}) == 3


async def test_a_server_that_ignores_n_is_asked_for_one_from_then_on(lab: ModuleType) -> None:
    async def one(body: Body, _count: int) -> Any:
        return lab.chat([f"reply to seed {body['seed']}"])

    async with lab.serve(one) as endpoint:
        sampler = lab.model(endpoint)
        samples = await lab.drawn(sampler, 72)
    assert indices(samples) == list(range(72))
    assert len({s.text for s in samples}) == 72
    assert all("n" not in b for b in endpoint.asked[2:])
    assert sampler.notes["choice asked for and not answered"] == 70


async def test_a_server_that_clamps_n_is_asked_for_what_it_gives(lab: ModuleType) -> None:
    async def four_at_most(body: Body, count: int) -> Any:
        return await lab.obliging(body | {"n": min(4, body.get("n", 1))}, count)

    async with lab.serve(four_at_most) as endpoint:
        samples = await lab.drawn(lab.model(endpoint), 64)
    assert indices(samples) == list(range(64))
    assert len(endpoint.asked) == 16


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "refusal",
    [
        {"error": {"message": "'n' must be at most 1", "param": "n"}},
        {"detail": [{"loc": ["body", "n"], "msg": "Extra inputs are not permitted"}]},
        {"error": "only one choice is supported"},
    ],
)
async def test_a_server_that_refuses_n_is_asked_for_one(
    lab: ModuleType, status: int, refusal: Body
) -> None:
    async def refuse(body: Body, count: int) -> Any:
        if body.get("n", 1) > 1:
            return web.json_response(refusal, status=status)
        return await lab.obliging(body, count)

    async with lab.serve(refuse) as endpoint:
        sampler = lab.model(endpoint)
        samples = await lab.drawn(sampler, 20)
    assert indices(samples) == list(range(20))
    assert sampler.traits.most == 1


@pytest.mark.parametrize("field", ["seed", "logprobs"])
async def test_a_field_the_server_refuses_is_left_out(lab: ModuleType, field: str) -> None:
    async def refuse(body: Body, count: int) -> Any:
        if field in body:
            detail = [{"loc": ["body", field], "msg": "Extra inputs are not permitted"}]
            return web.json_response({"detail": detail}, status=422)
        return await lab.obliging(body, count)

    async with lab.serve(refuse) as endpoint:
        samples = await lab.drawn(lab.model(endpoint, link={"logprobs": True}), 64)
    assert indices(samples) == list(range(64))
    assert field not in endpoint.asked[-1]
    assert "n" in endpoint.asked[-1]
    assert all((s.seed is None) == (field == "seed") for s in samples)


async def test_max_tokens_is_said_the_way_the_server_wants_it(lab: ModuleType) -> None:
    async def refuse(body: Body, count: int) -> Any:
        if "max_tokens" in body:
            said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return web.json_response({"error": {"message": said}}, status=400)
        return await lab.obliging(body, count)

    async with lab.serve(refuse) as endpoint:
        samples = await lab.drawn(lab.model(endpoint, max_tokens=99), 4)
    assert len(samples) == 4
    assert endpoint.asked[-1]["max_completion_tokens"] == 99


async def test_choices_beyond_those_asked_for_are_dropped_and_noted(lab: ModuleType) -> None:
    async def generous(_body: Body, _count: int) -> Any:
        return lab.chat(["a", "b", "c", "d"])

    async with lab.serve(generous) as endpoint:
        sampler = lab.model(endpoint)
        samples = await lab.drawn(sampler, 3)
    assert [s.text for s in samples] == ["a", "b", "c"]
    assert sampler.notes["choice beyond those asked for"] == 1


async def test_the_index_of_a_choice_is_not_trusted(lab: ModuleType) -> None:
    async def confused(_body: Body, _count: int) -> Any:
        reply = lab.chat(["a", "b", "c"])
        for choice, wrong in zip(reply["choices"], [7, 7, None], strict=True):
            choice["index"] = wrong
        return reply

    async with lab.serve(confused) as endpoint:
        samples = await lab.drawn(lab.model(endpoint), 3)
    assert [(s.index, s.text) for s in samples] == [(0, "a"), (1, "b"), (2, "c")]


async def test_what_is_sent_is_what_was_set(lab: ModuleType) -> None:
    settings = {
        "system": "Be brief.", "template": "Q: {prompt}\nA:", "temperature": 0.6, "top_p": 0.95,
        "max_tokens": 64, "stop": ["Q:", "\n\n"], "extra": {"top_k": 20},
    }  # fmt: skip
    async with lab.serve(lab.obliging) as endpoint:
        await lab.drawn(lab.model(endpoint, **settings), 1)
    sent = endpoint.asked[0]
    sent.pop("seed")
    assert sent == {
        "model": "m", "temperature": 0.6, "top_p": 0.95, "max_tokens": 64, "stop": ["Q:", "\n\n"],
        "top_k": 20, "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"Q: {lab.PROBLEM.prompt}\nA:"},
        ],
    }  # fmt: skip


async def test_plain_completions_send_a_prompt_and_read_texts(lab: ModuleType) -> None:
    async def answer(body: Body, _count: int) -> Any:
        assert body["prompt"] == lab.PROBLEM.prompt
        texts = [f" 42 {i}" for i in range(body["n"])]
        reply = plain(texts, usage={"prompt_tokens": 4, "completion_tokens": 6})
        for choice in reply["choices"]:
            choice["logprobs"] = {"token_logprobs": [-0.5, -0.25]}
        return reply

    async with lab.serve(answer) as endpoint:
        samples = await lab.drawn(
            lab.model(endpoint, endpoint="completions", link={"logprobs": True}), 3
        )
    assert endpoint.asked[0]["logprobs"] == 1
    assert [s.text for s in samples] == [" 42 0", " 42 1", " 42 2"]
    assert [(s.logprob, s.completion_tokens) for s in samples] == [(-0.75, 2)] * 3


async def test_a_conversation_is_sent_as_it_is(lab: ModuleType) -> None:
    turns = (
        {"role": "system", "content": "You are a monkey."},
        {"role": "user", "content": "Hello"},
    )
    async with lab.serve(lab.obliging) as endpoint:
        await lab.drawn(
            lab.model(endpoint, system="Be brief."), 1, Problem("c", "Hello", messages=turns)
        )
        with pytest.raises(ConfigError, match="endpoint=chat"):
            await lab.drawn(
                lab.model(endpoint, endpoint="completions"),
                1,
                Problem("c", "Hello", messages=turns),
            )
    assert endpoint.asked[0]["messages"] == list(turns)


@pytest.mark.parametrize("suffix", ["", "/", "/chat/completions", "/completions"])
async def test_an_address_is_taken_with_or_without_the_path(lab: ModuleType, suffix: str) -> None:
    async with lab.serve(lab.obliging) as endpoint:
        endpoint.url += suffix
        assert len(await lab.drawn(lab.model(endpoint), 1)) == 1


async def test_closing_the_iterator_cancels_what_is_in_flight(lab: ModuleType) -> None:
    gone = asyncio.Event()

    async def slow(body: Body, count: int) -> Any:
        if count == 1:
            return await lab.obliging(body, count)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            gone.set()
            raise
        return {}

    async with lab.serve(slow) as endpoint:
        sampler = lab.model(endpoint)
        samples = sampler.draw(lab.PROBLEM, range(128))
        await anext(samples)
        await samples.aclose()
        await asyncio.wait_for(gone.wait(), 5)
        assert sampler._transport is not None
        assert sampler._transport.connections.busy == 0
        await sampler.aclose()


async def test_draws_at_the_same_time_share_one_limit(lab: ModuleType) -> None:
    now = most = 0

    async def busy(body: Body, count: int) -> Any:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return await lab.obliging(body, count)

    async with lab.serve(busy) as endpoint:
        sampler = lab.model(endpoint, link={"max_connections": 5, "samples_per_request": 1})
        problems = [Problem(f"p{i}", "?") for i in range(4)]
        got = await asyncio.gather(*(_all(sampler, p, 10) for p in problems))
        await sampler.aclose()
    assert [len(g) for g in got] == [10] * 4
    assert most == 5


async def _all(sampler: OpenAI, problem: Problem, count: int) -> list[Sample]:
    return [s async for s in sampler.draw(problem, range(count))]


def test_one_sampler_serves_one_event_loop_after_another(lab: ModuleType) -> None:
    sampler: list[OpenAI] = []

    async def once() -> int:
        async with lab.serve(lab.obliging) as endpoint:
            link = Link(base_url=endpoint.url)
            sampler.append(OpenAI(Generation(model="m"), link))
            count = len([s async for s in sampler[0].draw(lab.PROBLEM, range(5))])
            sampler[0].link = link
            return count

    assert asyncio.run(once()) == 5

    async def twice() -> int:
        async with lab.serve(lab.obliging) as endpoint:
            sampler[0].link = Link(base_url=endpoint.url)
            return len([s async for s in sampler[0].draw(lab.PROBLEM, range(5))])

    assert asyncio.run(twice()) == 5


def test_identity_is_what_shapes_the_replies_and_nothing_else() -> None:
    def named(link: Body | None = None, **generation: Any) -> str:
        return OpenAI(Generation(model="m", **generation), Link(**(link or {}))).id

    same = [
        named(),
        named({"base_url": "http://elsewhere:1/v1", "api_key": "k", "seed": 3}),
        named({"samples_per_request": 4, "tries": 2, "logprobs": True}),
    ]
    different = [
        named(temperature=0.6), named(top_p=0.9), named(max_tokens=5), named(stop=["x"]),
        named(system="s"), named(template="> {prompt}"), named(revision="r"),
        named(endpoint="completions"), named(extra={"top_k": 3}),
        OpenAI(Generation(model="m2"), Link()).id,
    ]  # fmt: skip
    assert len(set(same)) == 1
    assert len({*same, *different}) == 11


def test_a_key_is_never_shown() -> None:
    link = Link(
        base_url="https://user:hunter2@host/v1?key=hunter2",
        api_key="sk-hunter2",
        headers={"api-key": "hunter2"},
        proxy="http://me:hunter2@proxy",
    )
    sampler = OpenAI(Generation(model="m"), link)
    assert "hunter2" not in f"{sampler!r} {sampler} {link!r} {sampler.describe()}"


async def test_the_key_is_sent_as_a_bearer_token(lab: ModuleType) -> None:
    async with lab.serve(lab.obliging) as endpoint:
        await lab.drawn(lab.model(endpoint), 1)
    assert endpoint.headers[0]["Authorization"] == "Bearer sk-secret-key"


def test_a_sampler_travels_to_another_process() -> None:
    sampler = OpenAI(Generation(model="m", temperature=0.5), Link(api_key="k"))
    there = pickle.loads(pickle.dumps(sampler))  # noqa: S301 - our own bytes
    assert (there.id, there.link) == (sampler.id, sampler.link)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1}, {"top_p": 2}, {"max_tokens": 0}, {"endpoint": "responses"},
        {"base_url": "localhost:8000"}, {"samples_per_request": 0}, {"timeout": 0},
        {"template": "no place for it"}, {"temprature": 1},
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_one_clear_line(wrong: Body) -> None:
    with pytest.raises(ConfigError) as error:
        connect("m", **wrong)
    assert next(iter(wrong)) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_model_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="openai/llama"):
        connect()


async def test_a_wrong_key_fails_at_once_in_one_line_without_the_key(lab: ModuleType) -> None:
    async def refuse(_body: Body, _count: int) -> Any:
        said = "Incorrect API key provided: sk-secret-key.\nSee <b>docs</b>"
        return web.json_response({"error": {"message": said}}, status=401)

    async with lab.serve(refuse) as endpoint:
        with pytest.raises(ModelError, match=r"5 of 5 samples of 'p1' .*HTTP 401: Incor") as error:
            await lab.drawn(lab.model(endpoint), 5)
    assert len(endpoint.asked) == 1
    assert "sk-secret" not in str(error.value)
    assert "\n" not in str(error.value)
