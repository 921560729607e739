"""CPU per sample of the endpoint client at n=32, beside raw aiohttp and the openai client.

    python benchmarks/client.py [--requests 400] [--rounds 5]

An instant server runs in a process of its own and always sends the same prepared reply of 32
choices, 800 bytes each. Counted is the CPU time of the client process alone (user and system), per
sample; medians over rounds that alternate between clients. `vervet + store` also writes every
sample durably, as `vervet sample` does. The openai client takes part where it is installed:
pip install openai.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from importlib.util import find_spec
from multiprocessing.connection import Connection
from typing import Any

import aiohttp

from vervet.engines.fill import fill, taking
from vervet.engines.local import Local
from vervet.models import openai_transport
from vervet.models.openai_api import OpenAI
from vervet.models.openai_settings import Generation, Link
from vervet.store import open_run
from vervet.types import Problem, Sample

CHOICES = 32
AT_ONCE = 64
BYTES = 800
Round = Callable[[str, int], Coroutine[Any, Any, int]]


def reply() -> bytes:
    """Return a chat completion of 32 choices."""
    text = ("So 12 + 30 is 42 and the answer follows. " * 20)[:BYTES]
    choices = [
        {
            "index": i,
            "message": {"role": "assistant", "content": f"{i} {text}"},
            "finish_reason": "stop",
        }
        for i in range(CHOICES)
    ]
    usage = {"prompt_tokens": 90, "completion_tokens": 200 * CHOICES, "total_tokens": 6490}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return json.dumps(body | {"choices": choices, "usage": usage}).encode()


class Instant(asyncio.Protocol):
    """Answers every complete request with the same bytes."""

    body = reply()
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % len(body)
    ) + body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.seen = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self.seen += data
        while (end := self.seen.find(b"\r\n\r\n")) >= 0:
            head = self.seen[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(self.seen) < end + 4 + length:
                return
            self.seen = self.seen[end + 4 + length :]
            self.transport.write(self.answer)


def serve(pipe: Connection) -> None:
    """Run the server, and say on which port."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Instant, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


async def raw_aiohttp(url: str, requests: int) -> int:
    """Post, parse, count the texts: what no client can do without."""
    got, left = 0, requests
    body = {"model": "m", "n": CHOICES, "messages": [{"role": "user", "content": "What is 6 × 7?"}]}

    async def worker(session: aiohttp.ClientSession) -> None:
        nonlocal got, left
        while left > 0:
            left -= 1
            async with session.post(f"{url}/chat/completions", json=body) as response:
                parsed = json.loads(await response.read())
            got += len([c["message"]["content"] for c in parsed["choices"]])

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(worker(session) for _ in range(AT_ONCE)))
    return got


def model(url: str) -> OpenAI:
    """Return the sampler under test."""
    return OpenAI(Generation(model="m"), Link(base_url=url, max_connections=AT_ONCE))


async def vervet(url: str, requests: int) -> int:
    """Draw samples of eight problems at once, as an engine does."""
    sampler = model(url)
    each = requests * CHOICES // 8

    async def one(number: int) -> int:
        problem = Problem(f"p{number}", "What is 6 × 7?")
        return len([s async for s in sampler.draw(problem, range(each))])

    counts = await asyncio.gather(*(one(i) for i in range(8)))
    await sampler.aclose()
    return sum(counts)


async def vervet_without_orjson(url: str, requests: int) -> int:
    """Do the same with the JSON parser of the standard library, as a base installation does."""
    fast, openai_transport._FAST = openai_transport._FAST, json  # noqa: SLF001 - the point of it
    try:
        return await vervet(url, requests)
    finally:
        openai_transport._FAST = fast  # noqa: SLF001


async def vervet_and_store(url: str, requests: int) -> int:
    """Draw, and store every sample durably, in the batches and threads of the engine."""
    sampler, got = model(url), 0
    each = requests * CHOICES // 8

    async def draw(problem: Problem) -> AsyncGenerator[Sample]:
        async for sample in sampler.draw(problem, range(each)):
            yield sample

    with tempfile.TemporaryDirectory() as folder:
        run = open_run(folder)

        async def keep(rows: Sequence[Sample]) -> None:
            nonlocal got
            await asyncio.to_thread(run.append, rows)
            got += len(rows)

        problems = [Problem(f"p{i}", "What is 6 × 7?") for i in range(8)]
        await fill(taking(problems), draw, keep, lambda *_: None, engine=Local())
    await sampler.aclose()
    return got


async def openai_client(url: str, requests: int) -> int:
    """Do the same with the openai package."""
    from openai import AsyncOpenAI  # noqa: PLC0415 - may be absent

    left, got = requests, 0
    async with AsyncOpenAI(base_url=url, api_key="-") as client:

        async def worker() -> None:
            nonlocal left, got
            while left > 0:
                left -= 1
                turns = [{"role": "user", "content": "What is 6 × 7?"}]
                done = await client.chat.completions.create(model="m", n=CHOICES, messages=turns)
                got += len([c.message.content for c in done.choices])

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return got


def contestants() -> dict[str, Round]:
    """Return the clients that are installed."""
    found: dict[str, Round] = {
        "raw aiohttp + json": raw_aiohttp,
        "vervet": vervet,
        "vervet, no orjson": vervet_without_orjson,
        "vervet + store": vervet_and_store,
    }
    if find_spec("openai"):
        found["openai client"] = openai_client
    else:
        print("openai client: not installed (pip install openai)")
    return found


def measure(name: str, run: Round, url: str, requests: int) -> float:
    """Return CPU-ms per sample of one round."""
    began = time.process_time()
    got = asyncio.run(run(url, requests))
    spent = time.process_time() - began
    assert got == requests * CHOICES, f"{name} brought {got} of {requests * CHOICES}"
    return 1000 * spent / got


def main() -> None:
    """Run the rounds and print the medians."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=400)
    arguments.add_argument("--rounds", type=int, default=5)
    chosen = arguments.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours.recv()}/v1"
    runs = contestants()
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(chosen.rounds + 1):
        for name, run in runs.items():
            cost = measure(name, run, url, chosen.requests)
            if turn:  # the first round warms up
                spent[name].append(cost)
    server.terminate()
    least = statistics.median(spent["raw aiohttp + json"])
    print(f"CPU-ms per sample, {chosen.requests} requests of {CHOICES} samples, {AT_ONCE} at once")
    for name, costs in spent.items():
        median = statistics.median(costs)
        print(f"{name:24} {median:8.4f}   {median / least:5.2f} × raw")


if __name__ == "__main__":
    main()
