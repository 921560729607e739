"""A hostile server: the draw ends complete, or says exactly what is missing and why."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import isfinite
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

from vervet.engines import Local
from vervet.errors import AccessError, ConfigError, ModelError
from vervet.models.concurrency import START
from vervet.models.openai_api import OpenAI
from vervet.models.openai_settings import Generation, Link
from vervet.models.openai_transport import Transport
from vervet.sampling import sample
from vervet.store import open_run
from vervet.types import Problem, Progress

Body = dict[str, Any]
HTML = "<!doctype html><html><head><title>502 Bad Gateway</title></head><body>x</body></html>"


@asynccontextmanager
async def raw(reply: bytes, *, hang: bool = False) -> AsyncIterator[str]:
    """Serve bytes as they are, below HTTP: whatever is asked, then close or hang."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply)
            await writer.drain()
            while hang and await reader.read(65536):
                pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        server.close()


def at(url: str, **link: Any) -> OpenAI:
    return OpenAI(Generation(model="m"), Link(base_url=url, **{"longest_wait": 0.01, **link}))


def sometimes(lab: ModuleType, fault: Any) -> Any:
    """Answer with `fault` to two requests of three."""

    async def answer(body: Body, count: int) -> Any:
        return await lab.obliging(body, count) if count % 3 == 0 else fault()

    return answer


FAULTS = {
    "429": lambda: web.json_response({"error": {"message": "slow down"}}, status=429),
    "429 with Retry-After": lambda: web.Response(status=429, headers={"Retry-After": "0.01"}),
    "500": lambda: web.Response(status=500, text="boom"),
    "502 HTML": lambda: web.Response(status=502, text=HTML, content_type="text/html"),
    "503": lambda: web.Response(status=503),
    "529": lambda: web.json_response({"error": {"type": "overloaded_error"}}, status=529),
    "HTML with 200": lambda: web.Response(text=HTML, content_type="text/html"),
    "truncated JSON": lambda: web.Response(text='{"choices": [{"message": {"content": "4'),
    "empty body": lambda: web.Response(text=""),
    "no choices": lambda: web.json_response({"choices": []}),
    "null choices": lambda: web.json_response({"choices": None}),
    "choices of nonsense": lambda: web.json_response({"choices": [None, 3, {"message": 0}]}),
    "JSON that is no object": lambda: web.json_response([1, 2]),
    "an error dressed as 200": lambda: web.json_response({"error": {"message": "oops"}}),
    "aborted choices": lambda: web.json_response(
        {"choices": [{"message": {"content": "half"}, "finish_reason": "abort"}]}
    ),
    "deep nesting": lambda: web.Response(text="[" * 100_000),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_what_may_pass_is_tried_again_until_complete(lab: ModuleType, name: str) -> None:
    async with lab.serve(sometimes(lab, FAULTS[name])) as endpoint:
        samples = await lab.drawn(lab.model(endpoint, link={"tries": 20}), 100)
    assert sorted(s.index for s in samples) == list(range(100))
    assert len({s.text for s in samples}) == 100


@pytest.mark.parametrize("name", FAULTS)
async def test_tries_are_bounded_and_the_error_says_what_and_why(
    lab: ModuleType, name: str
) -> None:
    async def always(_body: Body, _count: int) -> Any:
        return FAULTS[name]()

    async with lab.serve(always) as endpoint:
        with pytest.raises(ModelError, match=r"^3 of 3 samples of 'p1' are missing: http") as error:
            await lab.drawn(lab.model(endpoint, link={"tries": 4}), 3)
    assert len(endpoint.asked) == 4
    assert "after 4 tries" in str(error.value)
    assert len(str(error.value)) < 600
    assert "\n" not in str(error.value)
    assert "sk-secret" not in str(error.value)


WAITED = {
    "429": (r"HTTP 429: slow down from 127.0.0.1:\d+ \(1 of 8\)", "1"),
    "500": (r"HTTP 500: boom from 127.0.0.1:\d+ \(1 of 8\)", None),
}


@pytest.mark.parametrize("name", WAITED)
async def test_a_watcher_is_told_what_is_waited_for_while_it_lasts(
    lab: ModuleType, tmp_path: Path, name: str
) -> None:
    says, after = WAITED[name]

    async def at_first(body: Body, count: int) -> Any:
        fault = FAULTS[name]()
        if after:
            fault.headers["Retry-After"] = after
        return fault if count == 1 else await lab.obliging(body, count)

    told: list[Progress] = []
    async with lab.serve(at_first) as endpoint:
        model = lab.model(endpoint, link={"longest_wait": 1})
        engine = Local(batch_seconds=0.02)
        run = open_run(tmp_path)
        await asyncio.to_thread(
            sample, run, [lab.PROBLEM], model, n=2, engine=engine, watch=told.append
        )
    notes = [progress.note for progress in told]
    assert any(re.fullmatch(rf"waiting 1 s: {says}", note) for note in notes)
    assert notes[-1] == ""


async def test_an_address_where_nobody_listens_is_said_in_plain_words(lab: ModuleType) -> None:
    async with lab.serve(lab.obliging) as endpoint:
        url = endpoint.url
    with pytest.raises(ModelError, match=r"no connection: Connection refused \(after 3 tries\)"):
        await lab.drawn(at(url), 1)


async def test_samples_that_came_stand(lab: ModuleType) -> None:
    async def last_ones_fail(body: Body, count: int) -> Any:
        return await lab.obliging(body, count) if body["n"] == 64 else web.Response(status=500)

    async with lab.serve(last_ones_fail) as endpoint:
        sampler, got = lab.model(endpoint, link={"tries": 2}), set()
        with pytest.raises(ModelError, match="8 of 72 samples"):  # noqa: PT012 - keeps what came
            async for sample in sampler.draw(lab.PROBLEM, range(72)):
                got.add(sample.index)
        await sampler.aclose()
    assert got == set(range(64))


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 501])
async def test_what_will_not_pass_fails_at_once(lab: ModuleType, status: int) -> None:
    async def refuse(_body: Body, _count: int) -> Any:
        return web.json_response({"error": {"message": "no such model"}}, status=status)

    async with lab.serve(refuse) as endpoint:
        with pytest.raises(ModelError, match=f"HTTP {status}: no such model"):
            await lab.drawn(lab.model(endpoint), 1)
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_wrong_key_or_model_ends_the_run_with_one_line(
    lab: ModuleType, tmp_path: Path, status: int
) -> None:
    problems = [Problem(f"p{i}", "?") for i in range(50)]

    async def refuse(_body: Body, _count: int) -> Any:
        return web.json_response({"error": {"message": "no such model"}}, status=status)

    async with lab.serve(refuse) as endpoint:
        run, sampler = open_run(tmp_path / "run"), lab.model(endpoint)
        with pytest.raises(ConfigError, match=f"HTTP {status}: no such model. Check the key"):
            await asyncio.to_thread(sample, run, problems, sampler, n=4)
    assert len(endpoint.asked) < 2 * START, "those in flight, and a few that took their places"


@pytest.mark.parametrize(("good", "kind"), [(0, AccessError), (1, ModelError)])
async def test_a_question_is_refused_for_good_only_where_nothing_was_ever_answered(
    lab: ModuleType, good: int, kind: type[ModelError]
) -> None:
    async def refuse(body: Body, count: int) -> Any:
        if count <= good:
            return await lab.obliging(body, count)
        return web.json_response({"error": {"message": "wrong key sk-secret-key"}}, status=401)

    async with lab.serve(refuse) as endpoint:
        sampler = lab.model(endpoint)
        for _ in range(good):
            await sampler.ask("1 + 1?", 0)
        with pytest.raises(ModelError, match=r"HTTP 401: wrong key \*\*\*") as caught:
            await sampler.ask("1 + 1?", 1)
        await sampler.aclose()
    assert type(caught.value) is kind


@pytest.mark.parametrize(("good", "words"), [(1, "no access"), (0, "your input was flagged")])
async def test_what_is_refused_later_or_for_one_prompt_fails_alone(
    lab: ModuleType, good: int, words: str
) -> None:
    async def refuse(body: Body, count: int) -> Any:
        if count <= good:
            return await lab.obliging(body, count)
        return web.json_response({"error": {"message": words}}, status=403)

    async with lab.serve(refuse) as endpoint:
        sampler = lab.model(endpoint)
        assert len([s async for s in sampler.draw(lab.PROBLEM, range(good))]) == good
        with pytest.raises(ModelError, match=words) as caught:
            await lab.drawn(sampler, 1)
    assert type(caught.value) is ModelError


async def test_an_empty_account_is_not_a_rate_limit(lab: ModuleType) -> None:
    async def broke(_body: Body, _count: int) -> Any:
        error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
        return web.json_response({"error": error}, status=429)

    async with lab.serve(broke) as endpoint:
        with pytest.raises(ModelError, match="exceeded your current quota"):
            await lab.drawn(lab.model(endpoint), 1)
    assert len(endpoint.asked) == 1


async def test_a_redirect_is_reported_with_its_target(lab: ModuleType) -> None:
    async def move(_body: Body, _count: int) -> Any:
        return web.Response(status=307, headers={"Location": "https://elsewhere.example/v1"})

    async with lab.serve(move) as endpoint:
        with pytest.raises(ModelError, match=r"redirects to https://elsewhere\.example/v1"):
            await lab.drawn(lab.model(endpoint), 1)
    assert len(endpoint.asked) == 1


async def test_retry_after_holds_every_request_back(lab: ModuleType) -> None:
    times: list[float] = []

    async def once(body: Body, count: int) -> Any:
        times.append(monotonic())
        if count == 1:
            return web.Response(status=429, headers={"Retry-After": "0.4"})
        return await lab.obliging(body, count)

    async with lab.serve(once) as endpoint:
        link = {"longest_wait": 5.0, "max_connections": 1, "samples_per_request": 2}
        await lab.drawn(lab.model(endpoint, link=link), 4)
    assert times[1] - times[0] >= 0.4


async def test_retry_after_may_be_a_date_and_is_capped(lab: ModuleType) -> None:
    async def once(body: Body, count: int) -> Any:
        if count == 1:
            date = format_datetime(datetime.now(UTC) + timedelta(hours=3), usegmt=True)
            return web.Response(status=429, headers={"Retry-After": date})
        return await lab.obliging(body, count)

    async with lab.serve(once) as endpoint:
        began = monotonic()
        await lab.drawn(lab.model(endpoint, link={"longest_wait": 0.3}), 1)
    assert 0.25 <= monotonic() - began < 5


async def test_rate_limits_lower_the_load_and_other_failures_do_not(lab: ModuleType) -> None:
    async def load_after(fault: str) -> float:
        async with lab.serve(sometimes(lab, FAULTS[fault])) as endpoint:
            sampler = lab.model(endpoint, link={"tries": 20})
            async for _ in sampler.draw(lab.PROBLEM, range(64)):
                pass
            size: float = sampler._transport.connections.size
            await sampler.aclose()
            return size

    assert await load_after("429") < 20 <= await load_after("500")


async def test_a_reset_connection_is_tried_again() -> None:
    async with raw(b"") as url:
        with pytest.raises(ModelError, match=r"closed the connection without a reply.*2 tries"):
            async for _ in at(url, tries=2).draw(Problem("p1", "?"), [0]):
                pass


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"choices": [', "broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/|Bad|broke|chunk"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "Bad status line|Bad|HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", "decode"),
    ],
)  # fmt: skip
async def test_bytes_that_are_not_http_are_a_clear_failure(reply: bytes, why: str) -> None:
    async with raw(reply) as url:
        with pytest.raises(ModelError, match=f"(?i)({why}).*2 tries"):
            async for _ in at(url, tries=2).draw(Problem("p1", "?"), [0]):
                pass


async def test_a_hanging_socket_is_given_up() -> None:
    async with raw(b"", hang=True) as url:
        began = monotonic()
        with pytest.raises(ModelError, match=r"no reply within 0\.1 s"):
            async for _ in at(url, timeout=0.1, tries=3).draw(Problem("p1", "?"), [0]):
                pass
    assert monotonic() - began < 5


async def test_a_reply_that_falls_silent_is_given_up() -> None:
    start = b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"choices": ['
    async with raw(start, hang=True) as url:
        with pytest.raises(ModelError, match=r"no byte for 0\.1 s in the middle"):
            async for _ in at(url, idle_timeout=0.1, tries=3).draw(Problem("p1", "?"), [0]):
                pass


async def test_a_slow_drip_is_bounded_by_the_time_of_the_whole_request() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(200):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    async with handler(handle) as url:
        began = monotonic()
        with pytest.raises(ModelError, match=r"no reply within 0\.3 s"):
            async for _ in at(url, timeout=0.3, idle_timeout=0.2, tries=3).draw(
                Problem("p1", "?"), [0]
            ):
                pass
    assert monotonic() - began < 5


async def test_an_endless_body_is_refused() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65536)

    async with handler(handle) as url:
        with pytest.raises(ModelError, match="more than 1000000 bytes"):
            async for _ in at(url, max_body=1_000_000, tries=2).draw(Problem("p1", "?"), [0]):
                pass


@asynccontextmanager
async def handler(handle: Any) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def test_a_server_that_is_not_there_is_given_up_soon() -> None:
    sampler = at("http://127.0.0.1:9/v1")
    with pytest.raises(ModelError, match=r"127\.0\.0\.1:9.*after 3 tries"):
        async for _ in sampler.draw(Problem("p1", "?"), [0]):
            pass


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-Infinity", "null"])
async def test_a_log_probability_that_is_no_number_is_unknown(lab: ModuleType, bad: str) -> None:
    async def odd(_body: Body, _count: int) -> Any:
        tokens = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": "BAD"}]
        choice = {"message": {"content": "ab"}, "logprobs": {"content": tokens}}
        return web.Response(text=json.dumps({"choices": [choice]}).replace('"BAD"', bad))

    async with lab.serve(odd) as endpoint:
        sampler = lab.model(endpoint, link={"logprobs": True})
        samples = await lab.drawn(sampler, 1)
    assert samples[0].logprob is None
    assert sum(sampler.notes.values()) == 1


async def test_a_certain_reply_has_log_probability_zero(lab: ModuleType) -> None:
    async def certain(_body: Body, _count: int) -> Any:
        tokens = [{"token": "a", "logprob": 0.0}]
        return {"choices": [{"message": {"content": "a"}, "logprobs": {"content": tokens}}]}

    async with lab.serve(certain) as endpoint:
        samples = await lab.drawn(lab.model(endpoint, link={"logprobs": True}), 1)
    assert samples[0].logprob == 0.0
    assert isfinite(samples[0].logprob)


@pytest.mark.parametrize(
    "error",
    [
        {"code": "content_filter", "message": "The prompt was filtered"},
        {"code": "content_policy_violation", "message": "The prompt was filtered"},
        {"message": "The prompt was filtered", "innererror": {"code": "ContentFilter"}},
    ],
)
async def test_a_filtered_prompt_is_a_sample_that_says_so(lab: ModuleType, error: Body) -> None:
    async def filtered(_body: Body, _count: int) -> Any:
        return web.json_response({"error": error}, status=400)

    async with lab.serve(filtered) as endpoint:
        samples = await lab.drawn(lab.model(endpoint), 3)
    assert [(s.finish, s.text) for s in samples] == [("content_filter", "")] * 3
    assert samples[0].reasoning == "The prompt was filtered"


async def test_a_text_that_is_not_unicode_can_be_stored(lab: ModuleType) -> None:
    async def broken(_body: Body, _count: int) -> Any:
        return web.Response(text='{"choices": [{"message": {"content": "a\\ud800b é"}}]}')

    async with lab.serve(broken) as endpoint:
        samples = await lab.drawn(lab.model(endpoint), 1)
    assert samples[0].text == "a?b é"


def test_the_transport_masks_what_a_server_echoes() -> None:
    import numpy as np  # noqa: PLC0415 - one test needs it

    link = Link(
        base_url="https://user:passw0rd@h/v1?token=t0ken",
        api_key="sk-abcdef",
        headers={"api-key": "other-secret"},
        proxy="http://user:pr0xyword@p:1",
    )
    transport = Transport(link, "http://h/v1", np.random.default_rng(0))
    assert transport.masked("you sent sk-abcdef, other-secret") == "you sent ***, ***"
    assert transport.masked("to passw0rd@h?token=t0ken by pr0xyword") == "to ***@h?*** by ***"


@pytest.mark.parametrize("url", ["http://u:passw0rd@h:99999/v1", "http://u:passw0rd@[::1/v1"])
def test_an_address_that_cannot_be_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match="is not an address like") as refused:
        Link(base_url=url)
    assert "passw0rd" not in str(refused.value)
