"""One run of a repository's tests in the sandbox, watched from outside."""

import asyncio
import base64
import json
import os
import secrets
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError, SandboxError
from vervet.verifiers.patches import jail
from vervet.verifiers.patches.diffs import paths_of
from vervet.verifiers.patches.environment import BASE, Environment
from vervet.verifiers.patches.instance import WITNESS, Instance, test_roots
from vervet.verifiers.patches.results import Heard, read_junit, read_log
from vervet.verifiers.sandbox.isolation import ADVICE
from vervet.verifiers.sandbox.limits import MEBIBYTE

POLL_SECONDS = 0.1
TAIL = 1 << 20
PATIENCE = 5.0
"""On a busy machine the clock may show so many times the seconds before a run is given up."""
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the tests of one patch may use."""

    seconds: float = 900.0
    """On the clock; twice that of processor time, on all processors together."""
    megabytes: int = 8192
    """Memory of all processes together."""
    disk_megabytes: int = 2048
    """Of the private copy and all that the tests write; it is held in memory."""
    processes: int = 448
    """A run that has so many at once is stopped."""
    output_megabytes: int = 64


@dataclass(slots=True)
class Ran:
    """What became of one run."""

    heard: Heard
    prepared: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    """Exit status of the test command; None where it was stopped or never started."""
    stopped: str = ""
    """time, memory, processes, output, busy; or empty."""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    output: bytearray = field(default_factory=bytearray)

    @property
    def said(self) -> str:
        """Return the last words of the output, on one line."""
        lines = self.output.decode("utf-8", "replace").split("\n")
        return " | ".join(line.strip() for line in lines[-6:] if line.strip())[-300:]


@dataclass(frozen=True, slots=True)
class Work:
    """One patch to be tried on one problem."""

    instance: Instance
    base: Path
    environment: Environment
    limits: Limits
    patch: str
    spoil: bool = False
    """Whether the tests are made to fail (`sabotage`)."""

    def job(self, secret: bytes) -> dict[str, Any]:
        """Return what the sandbox is told: not which tests must pass, and not the solution."""
        it, limits = self.instance, self.limits
        files = it.test_files(self.base)
        kind, _, where = it.results.partition(":")
        variables = self.environment.variables(self.base)
        return {
            "base": BASE,
            "patch": self.patch,
            "spoil": self.spoil,
            "test_patch": it.test_patch,
            "tests": files,
            "test_roots": test_roots(files),
            "gold": sorted(paths_of(it.patch)),
            "taken": sorted(self.environment.taken),
            "command": it.command_line(self.base),
            "report": where if kind == "junit" else "",
            "environment": {
                **variables, "VERVET_WITNESS": jail.WITNESS, "VERVET_SECRET": secret.hex(),
            },
            "settings": {
                "binds": [*self.environment.binds, (str(self.base), BASE)],
                "scratch": limits.disk_megabytes * MEBIBYTE,
                "inodes": 1 << 19,
                "limits": {
                    "AS": limits.megabytes * MEBIBYTE, "FSIZE": limits.disk_megabytes * MEBIBYTE,
                    "NOFILE": 4096, "NPROC": limits.processes + 64, "CORE": 0,
                },
            },
        }  # fmt: skip


async def run(work: Work) -> Ran:
    """Apply a patch and run the tests.

    Raises:
        ConfigError: the sandbox cannot be had here.
        SandboxError: it failed.
        VerifierError: the problem's own test patch does not apply.
    """
    secret = secrets.token_bytes(32)
    ran = Ran(Heard(secret))
    receive, send = os.pipe()
    begun = time.monotonic()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-B", jail.__file__, str(send), env={}, pass_fds=(send,),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
    finally:
        os.close(send)
    watch = asyncio.create_task(_watch(process.pid, work.limits, ran))
    try:
        await asyncio.gather(
            _tell(process, json.dumps(work.job(secret)).encode()),
            _listen(receive, ran),
            _overhear(process, ran, work.limits.output_megabytes * MEBIBYTE),
        )
        await process.wait()
    finally:
        watch.cancel()
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        # What nobody read to its end stays open, and asyncio has no public way to close it.
        process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001
    ran.wall_seconds = time.monotonic() - begun
    _check(process.returncode, ran)
    if work.instance.results.startswith("log:"):
        pattern = work.instance.results.partition(":")[2]
        ran.heard.tests |= read_log(ran.output.decode("utf-8", "replace"), pattern)
    return ran


async def _tell(process: asyncio.subprocess.Process, job: bytes) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):  # it says itself why it ended
        process.stdin.write(job)
        await process.stdin.drain()
    process.stdin.close()


async def _listen(descriptor: int, ran: Ran) -> None:
    """Take the report, line by line, until the sandbox is gone."""
    reader = asyncio.StreamReader(limit=1 << 27)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    try:
        while line := await reader.readline():
            _take(json.loads(line), ran)
    finally:
        transport.close()


def _take(said: dict[str, Any], ran: Ran) -> None:
    kind = said.pop("kind")
    if kind == "prepared":
        ran.prepared = said
    elif kind == "witness":
        ran.heard.feed(base64.b64decode(said["data"]))
    elif kind == "ended":
        ran.status, ran.cpu_seconds = said["status"], said["cpu"]
    elif kind == "file" and said["text"]:
        ran.heard.tests |= read_junit(said["text"])


async def _overhear(process: asyncio.subprocess.Process, ran: Ran, most: int) -> None:
    """Take what the tests print, up to a limit; only its end is kept."""
    assert process.stdout is not None
    total = 0
    while data := await process.stdout.read(1 << 16):
        total += len(data)
        ran.output += data
        if total > most:
            _stop(process.pid, ran, "output")
        elif len(ran.output) > 2 * most:
            del ran.output[:-TAIL]


async def _watch(pid: int, limits: Limits, ran: Ran) -> None:
    """Stop the run where it uses too much."""
    begun, use = time.monotonic(), Use()
    while not ran.stopped:
        await asyncio.sleep(POLL_SECONDS)
        use.measure(pid)
        ran.cpu_seconds = max(ran.cpu_seconds, use.seconds)
        why = _excess(use, limits, time.monotonic() - begun)
        if why:
            _stop(pid, ran, why)


def _excess(use: "Use", limits: Limits, wall: float) -> str:
    """Say which limit is passed, or nothing.

    The time that processes stood in the kernel's queue for a processor is taken off the clock's.
    """
    if use.memory > limits.megabytes * MEBIBYTE:
        return "memory"
    if use.processes >= limits.processes:
        return "processes"
    if use.seconds > 2 * limits.seconds or wall - use.waited > limits.seconds:
        return "time"
    if wall > PATIENCE * limits.seconds:
        return "time" if use.seconds > limits.seconds / 2 else "busy"
    return ""


def _stop(pid: int, ran: Ran, why: str) -> None:
    ran.stopped = ran.stopped or why
    with suppress(ProcessLookupError):
        os.kill(pid, 9)


@dataclass(slots=True)
class Use:
    """What a process and all below it use."""

    seconds: float = 0.0
    """Of processors, those of processes that are gone included."""
    memory: int = 0
    """Bytes of their own, without what files and shared memory hold."""
    processes: int = 0
    queued: dict[int, int] = field(default_factory=dict)
    """Nanoseconds for which each process waited for a processor."""

    @property
    def waited(self) -> float:
        """Return the seconds in which processes waited for a processor."""
        return sum(self.queued.values()) / 1e9

    def measure(self, pid: int) -> None:
        """Look at every process now."""
        seconds, self.memory, self.processes, waiting = 0.0, 0, 0, [pid]
        while waiting:
            at = waiting.pop()
            self.processes += 1
            with suppress(OSError, ValueError, IndexError):
                seconds += self._add(at)
                for task in Path(f"/proc/{at}/task").iterdir():
                    waiting += map(int, (task / "children").read_text().split())
        self.seconds = max(self.seconds, seconds)

    def _add(self, pid: int) -> float:
        """Count one process in and return its processor seconds."""
        place = Path(f"/proc/{pid}")
        sizes = (place / "statm").read_text().split()
        self.memory += (int(sizes[1]) - int(sizes[2])) * PAGE
        self.queued[pid] = int((place / "schedstat").read_text().split()[1])
        fields = (place / "stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS


def _check(status: int | None, ran: Ran) -> None:
    """Raise where it was the sandbox that failed."""
    if ran.stopped:
        return
    if status == jail.REFUSED:
        raise ConfigError(f"isolation namespaces: {ran.said}. {ADVICE['namespaces']}")
    if status or not ran.prepared:
        raise SandboxError(f"the sandbox of a patch failed: {ran.said or f'status {status}'}")


def instance_uses_witness(instance: Instance) -> bool:
    """Whether the results are the witness's own."""
    return instance.results == WITNESS
