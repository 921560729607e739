"""Synchronous callers reach the loop from anywhere, and an interrupt is not swallowed."""

import asyncio
import signal
import subprocess
import sys

import pytest

from vervet.engines import bridge


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


async def failure() -> int:
    raise TimeoutError("x")


def test_without_a_loop() -> None:
    assert bridge.run(answer()) == 42
    with pytest.raises(TimeoutError):
        bridge.run(failure())


async def test_inside_a_running_loop() -> None:
    assert bridge.run(answer()) == 42
    with pytest.raises(TimeoutError):
        bridge.run(failure())


SCRIPT = """
import asyncio, sys
from vervet.engines import bridge

async def work():
    print("started", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.05)
        print("kept", flush=True)

async def notebook():
    bridge.run(work())

try:
    asyncio.run(notebook()) if sys.argv[1] == "notebook" else bridge.run(work())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("where", ["script", "notebook"])
def test_an_interrupt_lets_work_keep_what_is_finished(where: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, where], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert out.splitlines() == ["kept", "interrupted"]
