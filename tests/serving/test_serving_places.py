"""Places: bodies that come slowly, or broken; the end, and what is in flight then."""

import asyncio
import gzip
import json
import time
from typing import Any

import pytest

from vervet.serving import Limits

HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
)


async def never(_body: Any) -> Any:
    await asyncio.sleep(60)


async def until(true: Any) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def sent(client: Any, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = client.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    await writer.drain()
    return reader, writer


async def test_a_body_that_does_not_arrive_gives_its_place_back(lab: Any) -> None:
    limits = Limits(requests=1, patience=0.2)
    async with lab.house(lab.says(["A: 1"]), limits=limits) as (_, client):
        reader, writer = await sent(client, HEAD + b"Content-Length: 100\r\n\r\n{")
        await until(lambda: client.gateway.metrics.in_flight == 1)
        busy, _, _ = await client.post(lab.ASKED)
        said = await asyncio.wait_for(reader.read(1000), 30)
        after, _, _ = await client.post(lab.ASKED)
        writer.close()
    assert (busy, after) == (429, 200)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive within 0.2 s" in said


async def test_a_body_that_breaks_off_is_the_clients_mistake(lab: Any) -> None:
    async with lab.house(lab.says(["A: 1"]), limits=Limits(patience=0.3)) as (_, client):
        reader, writer = await sent(client, HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{ \r\n")
        await until(lambda: client.gateway.metrics.in_flight == 1)
        writer.write(b"what is no chunk\r\n")
        said = await asyncio.wait_for(reader.read(1000), 30)
        await until(lambda: client.gateway.metrics.in_flight == 0)
        writer.close()
    assert said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 "))  # parsers differ


async def test_a_stream_that_is_not_read_gives_its_place_back(lab: Any) -> None:
    asked = json.dumps(lab.ASKED | {"stream": True}).encode()
    limits = Limits(requests=1, patience=0.5)
    async with lab.house(lab.says(["A: 1" + " " * 2**24]), limits=limits) as (_, client):
        reader, writer = await sent(
            client, HEAD + b"Content-Length: %d\r\n\r\n" % len(asked) + asked
        )
        await until(lambda: client.gateway.metrics.in_flight == 1)
        await until(lambda: client.gateway.metrics.in_flight == 0)
        began = await reader.read(1000)
        writer.transport.abort()
    assert began.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("body", [gzip.compress(b" " * 10**6), b"no gzip"])
async def test_a_compressed_body_is_not_unpacked(lab: Any, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with (
        lab.house(lab.says(["A: 1"])) as (_, client),
        client.session.post(client.base + lab.CHAT, data=body, headers=headers) as response,
    ):
        status, said = response.status, json.loads(await response.read())
    assert status == 415
    assert "without Content-Encoding: gzip" in said["error"]["message"]


async def test_what_is_in_flight_is_finished_when_the_gateway_ends(lab: Any) -> None:
    async def slow(body: Any) -> Any:
        await asyncio.sleep(0.3)
        return lab.reply(["A: 1"] * body["n"])

    async with lab.house(slow) as (server, client):
        asking = asyncio.create_task(client.post(lab.ASKED))
        await until(lambda: server.asked)
    status, body, _ = await asking
    assert (status, body["choices"][0]["message"]["content"]) == (200, "A: 1")


async def test_while_the_gateway_ends_others_are_told_to_come_back(lab: Any) -> None:
    async def slow(body: Any) -> Any:
        await asyncio.sleep(0.3)
        return lab.reply(["A: 1"] * body["n"])

    async with lab.house(slow) as (server, client):
        asking = asyncio.create_task(client.post(lab.ASKED))
        await until(lambda: server.asked)
        ending = asyncio.create_task(client.gateway.places.drain(30.0))
        await asyncio.sleep(0)
        refused, error, headers = await client.post(lab.ASKED)
        async with client.session.get(f"{client.base}/healthz") as response:
            health, said = response.status, await response.json()
        status, _, _ = await asking
        await ending
    assert (refused, error["error"]["message"]) == (503, "the gateway is shutting down")
    assert int(headers["Retry-After"]) >= 1
    assert (health, said) == (503, {"status": "draining"})
    assert status == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_not_finished_in_time_is_told_so(lab: Any, stream: bool) -> None:  # noqa: FBT001 - a case
    async with lab.house(never, limits=Limits(shutdown=0.1)) as (server, client):
        asking = asyncio.create_task(client.post(lab.ASKED | {"stream": stream}))
        await until(lambda: server.asked)
    status, body, headers = await asking
    assert (status, body["error"]["message"]) == (503, "the gateway is shutting down")
    assert int(headers["Retry-After"]) >= 1
    assert server.left == 1


async def test_told_twice_to_end_it_waits_for_nothing(lab: Any) -> None:
    async with lab.house(never, limits=Limits(shutdown=60.0)) as (server, client):
        asking = asyncio.create_task(client.post(lab.ASKED))
        await until(lambda: server.asked)
        began, loop, failures = time.monotonic(), asyncio.get_running_loop(), list[Any]()
        loop.set_exception_handler(lambda _, failure: failures.append(failure))

        def told() -> None:
            client.gateway.places.end()
            loop.call_soon(client.gateway.places.end)  # while the first is under way

        loop.call_later(0.1, told)
    status, _, _ = await asking
    assert (status, failures) == (503, [])
    assert time.monotonic() - began < 30
