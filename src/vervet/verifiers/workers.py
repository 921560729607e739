"""Killable worker processes: one question each at a time, within a time and a memory limit.

Any number of event loops and threads may ask. A worker that is late or dies is killed and
replaced; the one who asked is told which it was.
"""

import asyncio
import json
import os
import selectors
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, LifoQueue
from typing import Any

from vervet.errors import VerifierError, boundary

START_SECONDS = 120.0
"""Loading a large library on a busy machine takes a while; it is not the question's time."""
LONGEST_REPLY = 1 << 20


class Late(Exception):  # noqa: N818 - what happened, not what is wrong
    """The worker did not answer in time."""


class Worker:
    """One process that answers JSON lines."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own script and interpreter
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.output = b""
        try:
            ready = self.line(START_SECONDS) == b"ready"
        except (EOFError, Late):
            ready = False
        if not ready:
            self.kill()
            raise VerifierError(f"{command[-2]} did not start as a worker process")

    def ask(self, question: bytes, seconds: float) -> bytes:
        """Return the reply to one question.

        Raises:
            Late: it took longer.
            EOFError: the worker died.
        """
        pipe = self.process.stdin
        assert pipe is not None
        try:
            pipe.write(question + b"\n")
            pipe.flush()
        except OSError as cause:
            raise EOFError from cause
        return self.line(seconds)

    def line(self, seconds: float) -> bytes:
        """Read one line within `seconds`."""
        pipe = self.process.stdout
        assert pipe is not None
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self.output:
                if not ready.select(max(0.0, deadline - time.monotonic())):
                    raise Late
                read = os.read(pipe.fileno(), 65_536)
                if not read or len(self.output) > LONGEST_REPLY:
                    raise EOFError
                self.output += read
        line, _, self.output = self.output.partition(b"\n")
        return line

    def kill(self) -> None:
        """End the process and wait until it is gone."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self.process.wait()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one question may use."""

    seconds: float = 10.0
    megabytes: int = 2_048
    workers: int = 2


class Workers:
    """A pool of workers that run one script."""

    def __init__(self, script: str, what: str, limits: Limits) -> None:
        self.what = what
        self.limits = limits
        self.command = (sys.executable, "-P", script, str(limits.megabytes))
        self.idle: LifoQueue[Worker] = LifoQueue()
        self.threads = ThreadPoolExecutor(limits.workers, thread_name_prefix=what.replace(" ", "-"))
        weakref.finalize(self, close, self.idle, self.threads)

    async def ask(self, question: Mapping[str, str]) -> dict[str, Any]:
        """Return the reply to a question.

        Raises:
            VerifierError: it was late, died, or says that it failed.
        """
        asked = self.threads.submit(self.answer, json.dumps(dict(question)).encode())
        return await asyncio.shield(asyncio.wrap_future(asked))

    def answer(self, question: bytes) -> dict[str, Any]:
        """Ask an idle worker, or a new one; keep it unless it failed."""
        try:
            worker = self.idle.get_nowait()
        except Empty:
            worker = self.start()
        try:
            reply: dict[str, Any] = json.loads(worker.ask(question, self.limits.seconds))
        except Late:
            worker.kill()
            raise VerifierError(f"{self.what} timed out after {self.limits.seconds:g} s") from None
        except (EOFError, ValueError):
            worker.kill()
            raise VerifierError(f"{self.what} died") from None
        self.idle.put(worker)
        if "error" in reply:
            raise VerifierError(f"{self.what} failed: {reply['error']}")
        return reply

    def start(self) -> Worker:
        """Start a worker."""
        with boundary(VerifierError, f"{self.what}: no worker process"):
            return Worker(self.command)


def close(idle: LifoQueue[Worker], threads: ThreadPoolExecutor) -> None:
    """End every idle worker."""
    threads.shutdown(wait=False, cancel_futures=True)
    while True:
        try:
            idle.get_nowait().kill()
        except Empty:
            return
