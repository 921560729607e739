"""Verdicts on a machine that is busy: the same as on an idle one."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from vervet.types import Problem, Sample
from vervet.verifiers.code.order import AHEAD
from vervet.verifiers.unit_tests import unit_tests

LOOPS = 8
MANY = 3 * AHEAD
PROBLEM: dict[str, Any] = {
    "entry_point": "f",
    "inputs": [[n] for n in range(MANY)],
    "expected": [n * n for n in range(MANY)],
    "solution": "def f(n): return n * n",
}
PROGRAMS = {
    "right": "def f(n): return n * n",
    "right and slow": "def f(n):\n    for _ in range(20000): pass\n    return n * n",
    "wrong at once": "def f(n): return n + 1",
    "wrong at the end": f"def f(n): return n * n if n < {MANY - 1} else 0",
    "loops": "def f(n):\n    while True: pass",
    "loops in the second batch": f"def f(n):\n    while n == {MANY - 2}: pass\n    return n * n",
    "sleeps": "import time\ndef f(n): time.sleep(60)",
    "raises": "def f(n): raise ValueError",
}


@contextmanager
def busy() -> Iterator[None]:
    """Keep the machine busy."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(LOOPS)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


async def verdicts() -> list[tuple[str, str]]:
    """Judge every program; return the outcome and where it failed."""
    verifier = unit_tests(workers=2)
    problem = Problem("p", "?", PROBLEM)
    samples = [Sample("p", "m", at, code) for at, code in enumerate(PROGRAMS.values())]
    found = await asyncio.gather(*(verifier.verify(problem, sample, 0) for sample in samples))
    await verifier.aclose()
    return [(verdict.outcome.value, status_of(verdict.detail)) for verdict in found]


def status_of(detail: str) -> str:
    """Return the status a rejection names, without its seconds."""
    return detail.split(": ")[1] if ": " in detail else detail


@pytest.mark.slow
def test_a_busy_machine_changes_no_verdict() -> None:
    idle = asyncio.run(verdicts())
    with busy():
        loaded = asyncio.run(verdicts())
    assert loaded == idle
    assert [outcome for outcome, _ in idle] == ["accept"] * 2 + ["reject"] * 6
