"""The rungs without warm interpreters: a container for each check, or somebody else's service.

The inside's own runner travels with the job as one Python program; its lines come back as the
program's standard output and are judged here like any others. Expected values stay here.
"""

import asyncio
import marshal
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from vervet.errors import ConfigError, SandboxError
from vervet.verifiers.sandbox.isolation import Isolation, Profile
from vervet.verifiers.sandbox.limits import MEBIBYTE, Ending, Limits, processors
from vervet.verifiers.sandbox.pool import PYTHON
from vervet.verifiers.sandbox.slots import HEADER, Reader

INSIDE = Path(__file__).parent / "inside"
PACKAGE = "vervet.verifiers.sandbox.inside"
PROGRAM = """
import marshal, os, sys, types
for name in {packages!r}:
    sys.modules[name] = types.ModuleType(name)
for name, source in {sources!r}:
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, name, "exec"), module.__dict__)
import random
from vervet.verifiers.sandbox.inside import runner
job = marshal.loads(bytes.fromhex({job!r}))
status = runner.run(os.dup(1), job)
os._exit(status & 255)
"""
IMAGE = "python:3.11-slim"
START_SECONDS = 30.0
"""What starting a container, or a busy service, may take besides the program."""
URL = "SANDBOX_FUSION_ENDPOINT"


def program_of(job: dict[str, Any]) -> str:
    """Return the job and the runner as one Python program."""
    names = [PACKAGE.rsplit(".", up)[0] for up in range(4)][::-1]
    sources = [(f"{PACKAGE}.{n}", (INSIDE / f"{n}.py").read_text()) for n in ("values", "runner")]
    packed = marshal.dumps(job, 2).hex()
    return PROGRAM.format(packages=names, sources=sources, job=packed)


def unpack(job: bytes) -> dict[str, Any]:
    """Read a job that was packed for a slot."""
    found: dict[str, Any] = marshal.loads(job[HEADER:])  # noqa: S302 - packed by ourselves
    return found


Launch = Callable[[str, Limits], Awaitable[tuple[bytes, int, bool]]]
"""Runs a program; returns its output, its exit status and whether it ran out of time."""


class ColdSandbox:
    """Runs each check from nothing: slower by the start of a container or a request."""

    warm = False

    def __init__(self, isolation: str, *, workers: int | None = None, place: str = "") -> None:
        """Choose `container` (`place` is the image) or `remote` (`place` is the URL).

        Raises:
            ConfigError: there is no Docker or Podman, or no URL.
        """
        self.isolation: Isolation = "container" if isolation == "container" else "remote"
        self.workers = workers or processors()
        self.places = asyncio.Semaphore(self.workers)
        self.launch = self._container(place) if isolation == "container" else self._remote(place)

    async def run(
        self,
        job: dict[str, Any] | bytes,
        limits: Limits,
        reader: Reader,
        *,
        profile: Profile = PYTHON,
    ) -> Ending:
        """Run one check.

        Raises:
            ConfigError: the test is of a kind that needs a warm interpreter beside the candidate.
            SandboxError: the container or the service failed, not the program.
        """
        del profile
        plain = job if isinstance(job, dict) else unpack(job)
        if plain["mode"] not in {"call", "program"}:
            raise ConfigError(f"isolation {self.isolation}: cannot run tests given as source.")
        begun = time.monotonic()
        async with self.places:
            output, status, late = await self.launch(program_of(plain), limits)
        much = len(output) > limits.output_bytes
        if not much:
            reader.feed(output)
        spent = time.monotonic() - begun
        stopped = "output" if much else "time" if late else None
        return Ending(status, stopped, spent, spent, 0)  # type: ignore[arg-type]  # one of the causes

    def _container(self, image: str) -> Launch:
        program = shutil.which("docker") or shutil.which("podman")
        if program is None:
            raise ConfigError(
                "isolation container: no docker and no podman on this machine. Install one, or "
                "choose --isolation namespaces."
            )

        async def launch(source: str, limits: Limits) -> tuple[bytes, int, bool]:
            command = container_command(program, image or IMAGE, limits)
            return await piped(command, source.encode(), limits.patience + START_SECONDS)

        return launch

    def _remote(self, url: str) -> Launch:
        url = url or os.environ.get(URL, "")
        if not url.startswith(("http://", "https://")):
            raise ConfigError(
                f"isolation remote: which service? Set {URL} to its URL, http://host:port."
            )

        async def launch(source: str, limits: Limits) -> tuple[bytes, int, bool]:
            return await requested(f"{url.rstrip('/')}/run_code", source, limits)

        return launch

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """There is nothing to keep quiet: the machine is another one, or shared."""
        yield

    def close(self) -> None:
        """Nothing is kept between checks."""

    async def aclose(self) -> None:
        """Nothing is kept between checks."""


def container_command(program: str, image: str, limits: Limits) -> list[str]:
    """Return the command line of one throw-away container."""
    return [
        program, "run", "--rm", "--interactive", "--network", "none", "--read-only",
        "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "65534:65534",
        "--pids-limit", "64", "--memory", str(limits.memory_bytes),
        "--memory-swap", str(limits.memory_bytes), "--ulimit", "core=0",
        "--ulimit", f"cpu={int(limits.cpu_seconds) + 1}", "--ulimit", "nofile=256",
        "--tmpfs", f"/tmp:size={64 * MEBIBYTE},mode=1777", "--workdir", "/tmp", image,  # noqa: S108 - inside
        "python3", "-I", "-",
    ]  # fmt: skip


async def piped(command: list[str], source: bytes, seconds: float) -> tuple[bytes, int, bool]:
    """Run a command with `source` as its input.

    Raises:
        SandboxError: the container could not be started.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(source), seconds)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()  # to the end of its pipes, so that they are closed
        return b"", -9, True
    status = process.returncode or 0
    if status in {125, 126, 127}:  # the container, not the program
        why = errors.decode(errors="replace").strip().splitlines()[-1:]
        raise SandboxError(f"the container did not start: {' '.join(why)}")
    return output, status - 256 if status > 128 else status, False  # noqa: PLR2004 - 128 + signal


async def requested(url: str, source: str, limits: Limits) -> tuple[bytes, int, bool]:
    """Have a SandboxFusion-compatible service run a program.

    Raises:
        SandboxError: the service cannot be reached, or says that it failed.
    """
    body = {"code": source, "language": "python", "run_timeout": limits.patience}
    patience = aiohttp.ClientTimeout(total=limits.patience + START_SECONDS)
    try:
        session = aiohttp.ClientSession(timeout=patience)
        async with session, session.post(url, json=body) as answer:
            answer.raise_for_status()
            found = await answer.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise SandboxError(f"{url}: {type(error).__name__}: {error}") from error
    if found.get("status") == "SandboxError":
        raise SandboxError(f"{url}: {found.get('message') or 'the service failed'}")
    result = found.get("run_result") or {}
    late = result.get("status") == "TimeLimitExceeded"
    return str(result.get("stdout") or "").encode(), int(result.get("return_code") or 0), late
