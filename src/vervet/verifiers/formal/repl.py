"""A pool of Lean REPL processes (leanprover-community/repl): JSON commands, blank lines between.

The header is sent once; each proof is sent with the header's environment. The protocol knows no
time limit, so a late process is killed and the next proof pays for importing again.
"""

import asyncio
import json
import os
import selectors
import shlex
import shutil
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError, VerifierError
from vervet.verifiers.formal import jail
from vervet.verifiers.formal.coqtop import innermost
from vervet.verifiers.sandbox import view

IMPORT_SECONDS = 300.0
USES = 50
"""Proofs after which a process is replaced: each leaves an environment behind."""
LONGEST = 1 << 26
MEBIBYTE = 1 << 20
POLL_SECONDS = 0.2


class Over(Exception):  # noqa: N818 - what happened
    """The proof used up its time or memory."""


class Process:
    """One REPL that has loaded one header."""

    def __init__(self, command: list[str], header: str, megabytes: int) -> None:
        self.header, self.megabytes, self.uses = header, megabytes, 0
        self.process = subprocess.Popen(  # noqa: S603 - the program that was asked for
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            loaded = self.ask({"cmd": header}, IMPORT_SECONDS)
        except (Over, EOFError, OSError) as cause:
            self.kill()
            raise VerifierError(f"lean: the REPL did not load the header ({cause})") from cause
        errors = [it for it in loaded.get("messages") or [] if it.get("severity") == "error"]
        if errors or not isinstance(loaded.get("env"), int):
            self.kill()
            raise VerifierError(f"lean: the header fails: {str(errors or loaded)[:200]}")
        self.env = loaded["env"]

    def ask(self, command: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Send a command and return the JSON object that answers it.

        Raises:
            Over: it took too long or too much.
            EOFError: the process ended.
        """
        pipe = self.process.stdin
        assert pipe is not None
        try:
            pipe.write(json.dumps(command).encode() + b"\n\n")
            pipe.flush()
        except OSError as cause:
            raise EOFError("it ended") from cause
        return self.answer(time.monotonic() + seconds)

    def answer(self, deadline: float) -> dict[str, Any]:
        """Read until a whole JSON object has come."""
        pipe = self.process.stdout
        assert pipe is not None
        held = b""
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_READ)
            while True:
                if ready.select(POLL_SECONDS):
                    read = os.read(pipe.fileno(), 65_536)
                    if not read or len(held) > LONGEST:
                        raise EOFError("it ended")
                    held += read
                    with suppress(ValueError):
                        found = json.loads(held)
                        if isinstance(found, dict):
                            return found
                if self.resident() > self.megabytes:
                    raise Over(f"memory limit: {self.megabytes} MB")
                if time.monotonic() > deadline:
                    raise Over("time limit")

    def resident(self) -> float:
        """Return the megabytes of memory it holds."""
        with suppress(OSError, ValueError, IndexError):
            pages = Path(f"/proc/{innermost(self.process.pid)}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE
        return 0.0

    def kill(self) -> None:
        """End the process and wait until it is gone."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self.process.wait()


class Repl:
    """A pool of such processes."""

    def __init__(
        self,
        command: str,
        project: str,
        *,
        seconds: float,
        megabytes: int,
        workers: int,
        isolation: str,
    ) -> None:
        if isolation not in {"namespaces", "process"}:
            raise ConfigError(f"lean: isolation {isolation!r} is neither namespaces nor process.")
        words = shlex.split(command)
        found = shutil.which(words[0])
        if found is None:
            raise ConfigError(f"lean: no program {words[0]!r} on this machine.")
        self.seconds, self.megabytes, self.workers = seconds, megabytes, workers
        self.command = confined([found, *words[1:]], project, isolation)
        self.idle: list[Process] = []
        self.lock = threading.Lock()
        self.threads = ThreadPoolExecutor(workers, thread_name_prefix="lean")
        weakref.finalize(self, close, self.idle, self.threads)

    async def check(self, header: str, body: str) -> tuple[Mapping[str, Any], int]:
        """Return the response to `body` in the header's environment.

        Raises:
            VerifierError: the REPL failed.
        """
        asked = self.threads.submit(self.run, header, body)
        return await asyncio.shield(asyncio.wrap_future(asked)), 0

    def run(self, header: str, body: str) -> Mapping[str, Any]:
        """Run one proof; a process that failed is replaced."""
        process = self.take(header)
        try:
            response = process.ask({"cmd": body, "env": process.env}, self.seconds)
        except Over as cause:
            process.kill()
            return {"limit": str(cause)}
        except EOFError:
            process.kill()
            raise VerifierError("lean: the REPL ended") from None
        process.uses += 1
        if process.uses >= USES:
            process.kill()
        else:
            with self.lock:
                self.idle.append(process)
        return response

    def take(self, header: str) -> Process:
        """Return a process that has loaded `header`; one of another header makes room."""
        with self.lock:
            at = next((i for i, it in enumerate(self.idle) if it.header == header), None)
            if at is not None:
                return self.idle.pop(at)
            old = self.idle.pop(0) if len(self.idle) >= self.workers else None
        if old is not None:
            old.kill()
        return Process(self.command, header, self.megabytes)


def confined(command: list[str], project: str, isolation: str) -> list[str]:
    """Return the command line that runs `command` in the jail, with its folders shown read-only."""
    home = os.environ.get("ELAN_HOME", str(Path.home() / ".elan"))
    shown = [str(Path(command[0]).resolve().parent), home, *([project] if project else [])]
    files = [str(Path(word).resolve()) for word in command[1:] if Path(word).is_file()]
    settings = {
        "namespaces": isolation == "namespaces",
        "binds": view.program_binds(
            tuple(path for path in (*shown, *files) if Path(path).exists())
        ),
        "scratch": 64 * MEBIBYTE,
        "folder": project or "/",
        "inside": project or "/tmp",  # noqa: S108 - a private tmpfs
        "command": command,
        "environment": {"HOME": "/tmp", "ELAN_HOME": home, "PATH": os.environ.get("PATH", "")},  # noqa: S108 - as above
        "limits": {"FSIZE": MEBIBYTE, "CORE": 0, "NOFILE": 4_096, "NPROC": 1_024},
    }
    return [sys.executable, "-I", jail.__file__, json.dumps(settings)]


def close(idle: list[Process], threads: ThreadPoolExecutor) -> None:
    """End every idle process."""
    threads.shutdown(wait=False, cancel_futures=True)
    while idle:
        idle.pop().kill()
