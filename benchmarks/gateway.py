"""The gateway's overhead at n=8 with 64 clients, beside the model server itself and optillm.

    python benchmarks/gateway.py [--latency 0.5] [--requests 640] [--rounds 3] [--minutes 0]
                                 [--optillm PATH]

A model server in a process of its own answers every request after 0.5 to 1.5 times `latency`
seconds, as replies of different lengths do, with as many choices as it is asked for, 400 bytes
each. (With one latency for all, 64 replies come at once, and a queue is measured.) 64 clients in
this process ask as fast as they are answered: the server itself (n=8), `vervet serve` with
majority:n=8, and optillm with n=8 (bon, and self_consistency, whose 5 samples are fixed). Each
request says how long the model takes for it, the same for the server and the gateway, so that
`beyond` is what a request took beyond the model's own time. Rounds alternate. Shown are medians
over rounds: requests per second, median and 95th percentile of the seconds of a request, the
median beyond the model, what that adds to asking the server itself, and CPU milliseconds of the
gateway's process per request.
The model server's latency must leave the machine idle time, or queues are measured. With
--minutes, the gateway is then loaded for so long, and its memory is shown before and after.

optillm takes part where its command is: pip install optillm (it brings torch), or --optillm PATH.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from socket import create_server
from typing import Any

import aiohttp
import numpy as np

CLIENTS = 64
N = 8
TEXT = ("So 12 + 30 is 42 and the answer follows. " * 10)[:392]
QUESTION = {"messages": [{"role": "user", "content": "What is 6 times 7?"}], "temperature": 0.7}
DELAY = re.compile(rb'"delay": ?([0-9.]+)')
TICKS = os.sysconf("SC_CLK_TCK")


def reply(count: int) -> bytes:
    """Return an HTTP response with so many choices."""
    choices = [
        {
            "index": i,
            "message": {"role": "assistant", "content": f"{TEXT}\nA: {42 + i % 3 // 2}"},
            "finish_reason": "stop",
        }
        for i in range(count)
    ]
    usage = {"prompt_tokens": 20, "completion_tokens": 100 * count, "total_tokens": 820}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": usage}
    data = json.dumps(body | {"choices": choices}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(data) + data


class Slow(asyncio.Protocol):
    """Answers every complete request after a while."""

    latency = 0.5
    rng = np.random.default_rng(0)
    answers: dict[bool, bytes] = {True: reply(N), False: reply(1)}  # noqa: RUF012 - never changed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.seen = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete, later."""
        self.seen += data
        while (end := self.seen.find(b"\r\n\r\n")) >= 0:
            head = self.seen[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(self.seen) < end + 4 + length:
                return
            told = DELAY.search(self.seen)
            many = b'"n": 8' in self.seen or b'"n":8' in self.seen
            self.seen = self.seen[end + 4 + length :]
            loop = asyncio.get_running_loop()
            after = self.latency * (float(told[1]) if told else self.rng.uniform(0.5, 1.5))
            loop.call_later(after, self.transport.write, self.answers[many])


def model_server(latency: float, pipe: Connection) -> None:
    """Run the model server, and say on which port."""
    Slow.latency = latency

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Slow, "127.0.0.1", 0, backlog=512)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@dataclass(frozen=True)
class Target:
    """Something to ask."""

    name: str
    url: str
    body: dict[str, Any]
    pid: int = 0

    def cpu(self) -> float:
        """Return the CPU seconds of its process so far."""
        if not self.pid:
            return 0.0
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def megabytes(self) -> float:
        """Return the resident memory of its process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True)
class Round:
    """What one round measured."""

    rate: float
    seconds: list[float]
    over: list[float]
    """Seconds of a request beyond the model's own."""
    cpu: float

    @property
    def middle(self) -> float:
        """Median seconds of a request."""
        return statistics.median(self.seconds)

    @property
    def beyond(self) -> float:
        """Median seconds of a request beyond the model's own."""
        return statistics.median(self.over)

    @property
    def late(self) -> float:
        """95th percentile of the seconds of a request."""
        return statistics.quantiles(self.seconds, n=20)[-1]


async def ask(target: Target, requests: int, latency: float) -> Round:
    """Let 64 clients share so many requests."""
    delays = iter(np.random.default_rng(1).uniform(0.5, 1.5, requests).round(6).tolist())
    seconds, over = [], []

    async def client(session: aiohttp.ClientSession) -> None:
        for delay in delays:
            began = time.perf_counter()
            body = target.body | {"delay": delay}
            async with session.post(target.url, json=body) as response:
                answer = json.loads(await response.read())
            assert answer["choices"], answer
            seconds.append(time.perf_counter() - began)
            over.append(seconds[-1] - delay * latency)

    headers = {"Authorization": "Bearer none"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        began, cpu = time.perf_counter(), target.cpu()
        await asyncio.gather(*(client(session) for _ in range(CLIENTS)))
        wall = time.perf_counter() - began
    return Round(requests / wall, seconds, over, (target.cpu() - cpu) / requests)


def free_port() -> int:
    """Return a port that nobody has."""
    with create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(words: list[str], port: int, path: str) -> Iterator[int]:
    """Run a server until the block ends; give its process once it answers."""
    environment = os.environ | {"OPENAI_API_KEY": "none"}
    with subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            asyncio.run(answering(f"http://127.0.0.1:{port}{path}"))
            yield process.pid
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


async def answering(url: str) -> None:
    """Wait until somebody answers at `url`."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(120):
        while True:
            with suppress(aiohttp.ClientError):
                async with session.get(url):
                    return
            await asyncio.sleep(0.2)


@contextmanager
def model_running(latency: float) -> Iterator[str]:
    """Run the model server; give its address."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=model_server, args=(latency, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.terminate()


@contextmanager
def gateway(model: str) -> Iterator[Target]:
    """Run `vervet serve` before the model server."""
    port = free_port()
    words = [
        sys.executable, "-m", "vervet", "serve", "--policy",
        f"majority:n={N},verifier=gsm8k-answer", "-m", "openai/m", "--base-url", model,
        "--port", str(port),
    ]  # fmt: skip
    with running(words, port, "/healthz") as pid:
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        yield Target("vervet majority", url, {"model": "m", **QUESTION}, pid)


@contextmanager
def optillm(command: str, approach: str, model: str) -> Iterator[Target]:
    """Run optillm before the model server."""
    port = free_port()
    words = [
        command, "--approach", approach, "--base-url", model, "--port", str(port),
        "--best_of_n", str(N), "--model", "m", "--log", "error",
    ]  # fmt: skip
    with running(words, port, "/health") as pid:
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        yield Target(f"optillm {approach}", url, {"model": "m", **QUESTION}, pid)


def show(name: str, rounds: list[Round], direct: list[Round] | None) -> None:
    """Print one line of medians over rounds; beside `direct`, what is added to it."""
    middle = {
        field: statistics.median(getattr(r, field) for r in rounds)
        for field in ("rate", "middle", "late", "beyond", "cpu")
    }
    line = f"{name:<24} {middle['rate']:7.1f}/s  median {middle['middle'] * 1e3:7.0f} ms"
    line += f"  p95 {middle['late'] * 1e3:7.0f} ms"
    if direct is not None:
        added = [r.beyond - d.beyond for r, d in zip(rounds, direct, strict=True)]
        line += f"  beyond the model {middle['beyond'] * 1e3:5.1f} ms"
        line += f"  added {statistics.median(added) * 1e3:5.1f} ms"
    print(f"{line}  CPU {middle['cpu'] * 1e3:.2f} ms/request", flush=True)


def compare(model: str, chosen: argparse.Namespace) -> None:
    """Ask the server, the gateway and optillm in turns."""

    def measured(target: Target, requests: int) -> Round:
        return asyncio.run(ask(target, requests, chosen.latency))

    direct = Target("the model server", f"{model}/chat/completions", {"n": N, **QUESTION})
    alone, ours = [], []
    with gateway(model) as target:
        measured(target, CLIENTS)
        for _ in range(chosen.rounds):
            alone.append(measured(direct, chosen.requests))
            ours.append(measured(target, chosen.requests))
        show(direct.name, alone, alone)
        show(target.name, ours, alone)
        if chosen.minutes:
            soak(target, chosen.minutes, chosen.latency)
    command = shutil.which(chosen.optillm or "optillm")
    if command is None:
        print(f"no command {chosen.optillm or 'optillm'}: pip install optillm (it brings torch)")
        return
    for approach in ("bon", "self_consistency"):
        with optillm(command, approach, model) as target:
            theirs = [measured(target, CLIENTS * 2) for _ in range(chosen.rounds)]
        show(target.name, theirs, None)
        ratio = statistics.median(r.rate for r in ours) / statistics.median(r.rate for r in theirs)
        print(f"{'':<24} vervet answers {ratio:.1f} times as many requests a second")


def soak(target: Target, minutes: float, latency: float) -> None:
    """Load the gateway, and show whether its memory grows."""
    until, asked = time.monotonic() + 60 * minutes, 0
    asyncio.run(ask(target, 10 * CLIENTS, latency))
    before = target.megabytes()
    while time.monotonic() < until:
        asyncio.run(ask(target, 10 * CLIENTS, latency))
        asked += 10 * CLIENTS
    after = target.megabytes()
    print(f"memory: {before:.1f} MB, after {asked:,} more requests {after:.1f} MB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--latency", type=float, default=0.5, help="seconds of the model server")
    parser.add_argument("--requests", type=int, default=640, help="in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=0.0, help="of load, to watch memory")
    parser.add_argument("--optillm", help="the command, if it is not on the path")
    chosen = parser.parse_args()
    with model_running(chosen.latency) as model:
        compare(model, chosen)


if __name__ == "__main__":
    main()
