"""One confined `coqtop` process: a sentence in, its prompt out; back to the start for the next.

The prompt goes to standard error, which no tactic prints to; everything the verdict rests on is
read behind a mark the candidate cannot know.
"""

import json
import os
import re
import selectors
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError, SandboxError
from vervet.verifiers.formal import jail
from vervet.verifiers.sandbox import view
from vervet.verifiers.sandbox.isolation import ADVICE

PROMPT = re.compile(rb"<prompt>\S+ < (\d+) \|[^\n]*\| \d+ < </prompt>")
ERROR = re.compile(r"^Error:|^Anomaly|^Syntax error", re.MULTILINE)
MEMORY = re.compile(r"Out of memory|Stack overflow|out of memory", re.IGNORECASE)
START_SECONDS = 120.0
IDLE_FACTOR = 8.0
"""Wall seconds per processor second that a busy machine may take before it is our failure."""
POLL_SECONDS = 0.05
LONGEST = 1 << 20
MEBIBYTE = 1 << 20
CONFIGURATION = ("/etc/ocamlfind.conf", "/etc/ocamlfind.conf.d")


class Late(Exception):  # noqa: N818 - what happened, not what is wrong
    """The process used up its processor time."""


class Stalled(Exception):  # noqa: N818 - as above
    """The process got too little of a processor to say anything about the proof."""


class Died(Exception):  # noqa: N818 - as above
    """The process ended."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one proof may use."""

    seconds: float = 60.0
    """Processor time of all sentences together."""
    megabytes: int = 4_096
    """Address space of the process."""
    uses: int = 200
    """Proofs after which a process is replaced."""


@dataclass(slots=True)
class Reply:
    """What one sentence brought."""

    state: int
    said: str
    """Standard error: empty where it went well."""
    printed: str = ""

    @property
    def failed(self) -> bool:
        """Whether Rocq refused the sentence."""
        return bool(ERROR.search(self.said))


@dataclass(slots=True)
class Coqtop:
    """A process with one preamble loaded."""

    process: subprocess.Popen[bytes]
    limits: Limits
    state: int = 0
    uses: int = 0
    pid: int = 0
    sent: int = 0
    prompts: int = 0
    """Sentences sent and prompts seen: unequal where a sentence held more than one."""
    until: tuple[float, float] = (0.0, 0.0)
    """When the proof under way ends: processor seconds of the process, and the wall clock."""
    errors: bytearray = field(default_factory=bytearray)
    output: bytearray = field(default_factory=bytearray)

    def tell(self, sentence: str) -> Reply:
        """Run one sentence.

        Raises:
            Late: the proof's processor time is used up.
            Stalled: the machine did not give it any.
            Died: the process ended.
        """
        self.forget()
        self.write(sentence)
        self.sent += 1
        return self.read(b"")

    def forget(self) -> None:
        """Forget what was said and printed; the prompts in it stay counted."""
        self.prompts += len(PROMPT.findall(self.errors))
        self.errors.clear()
        self.output.clear()

    def write(self, text: str) -> None:
        """Send text as one line."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(text.encode() + b"\n")
            self.process.stdin.flush()
        except OSError as cause:
            raise Died from cause

    def read(self, mark: bytes, printed: bytes = b"") -> Reply:
        """Read until a prompt behind `mark` on standard error and `printed` on standard output."""
        streams = (self.process.stderr, self.process.stdout)
        with selectors.DefaultSelector() as ready:
            for stream, buffer in zip(streams, (self.errors, self.output), strict=True):
                assert stream is not None
                ready.register(stream, selectors.EVENT_READ, buffer)
            while True:
                start = self.errors.find(mark)
                prompt = PROMPT.search(self.errors, start) if start >= 0 else None
                if prompt and printed in self.output:
                    break
                self.receive(ready)
            self.receive(ready, patience=0.0)
        said = bytes(self.errors[: prompt.start()]).decode("utf-8", "replace")
        return Reply(int(prompt[1]), said.strip(), bytes(self.output).decode("utf-8", "replace"))

    def receive(self, ready: selectors.BaseSelector, patience: float = POLL_SECONDS) -> None:
        """Take what has come; look at the clocks where nothing has."""
        events = ready.select(patience)
        for key, _ in events:
            read = os.read(key.fd, 65_536)
            if not read:
                raise Died
            key.data.extend(read)
            if len(key.data) > LONGEST:
                del key.data[: -LONGEST // 2]
        if not events and patience:
            self.watch()

    def watch(self) -> None:
        """Stop the proof where its time is over."""
        used, wall = self.until
        if self.processor_seconds() > used:
            raise Late
        if time.monotonic() > wall:
            raise Stalled

    def begin(self, seconds: float) -> None:
        """Start the clocks of a proof."""
        wall = time.monotonic() + IDLE_FACTOR * seconds + 5.0
        self.until = (self.processor_seconds() + seconds, wall)

    def processor_seconds(self) -> float:
        """Return the processor time the process has used so far."""
        with suppress(OSError, IndexError, ValueError):
            fields = (
                Path(f"/proc/{self.pid or self.process.pid}/stat")
                .read_text()
                .rpartition(")")[2]
                .split()
            )
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def peak_megabytes(self) -> float:
        """Return the most address space the process has had."""
        with suppress(OSError):
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("VmPeak"):
                    return int(line.split()[1]) / 1024
        return 0.0

    def kill(self) -> None:
        """End the process and wait until it is gone."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self.process.wait()


def innermost(pid: int) -> int:
    """Return the process at the end of a line of only children: the one behind the jail."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    children = path.read_text().split() if path.exists() else []
    return innermost(int(children[0])) if children else pid


def start(preamble: tuple[str, ...], limits: Limits, isolation: str) -> Coqtop:
    """Start a process and load `preamble` in it.

    Raises:
        ConfigError: there is no Rocq here, or the isolation cannot be had.
        SandboxError: the process did not start, or its preamble fails.
    """
    settings = settings_of(program(), limits, isolation)
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and file
        [sys.executable, "-I", jail.__file__, json.dumps(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
    )
    worker = Coqtop(process, limits)
    try:
        worker.begin(START_SECONDS)
        worker.read(b"")
        worker.pid = innermost(process.pid)
        worker.begin(START_SECONDS)
        replies = [worker.tell(sentence) for sentence in ("Set Silent.", *preamble)]
    except (Died, Late, Stalled) as cause:
        why = bytes(worker.errors).decode("utf-8", "replace").strip()[-200:]
        worker.kill()
        if process.returncode == jail.REFUSED:
            raise ConfigError(
                f"isolation {isolation} cannot be had here ({why}). {ADVICE[isolation]}"
            ) from cause
        raise SandboxError(f"coqtop did not start: {type(cause).__name__} {why}") from cause
    bad = next((reply for reply in replies if reply.failed), None)
    if bad is not None:
        worker.kill()
        raise SandboxError(f"the statement's header fails: {gist(bad.said)}")
    worker.state = replies[-1].state
    return worker


def program() -> str:
    """Return where `coqtop` is.

    Raises:
        ConfigError: nowhere.
    """
    found = shutil.which("coqtop") or shutil.which("rocq-repl")
    if found is None:
        raise ConfigError("rocq: no coqtop on this machine. Install it: apt install coq")
    return found


def settings_of(path: str, limits: Limits, isolation: str) -> dict[str, Any]:
    """Return the settings of the jail for one process."""
    return {
        "namespaces": isolation == "namespaces",
        "binds": view.program_binds(CONFIGURATION),
        "scratch": 16 * MEBIBYTE,
        "folder": "/",
        "command": [path, "-q", "-emacs"],
        "environment": {"HOME": "/tmp", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},  # noqa: S108 - inside
        "limits": {
            "AS": limits.megabytes * MEBIBYTE,
            "FSIZE": MEBIBYTE,
            "CORE": 0,
            "NOFILE": 256,
            "NPROC": 512,
        },
    }


def gist(said: str) -> str:
    r"""Return what an error says, on one line.

    >>> gist("Toplevel input, characters 3-10:\n>  - bad.\n>  ^^^\nError: The reference bad ...")
    'The reference bad ...'
    """
    start_of = ERROR.search(said)
    text = said[start_of.start() :].removeprefix("Error:") if start_of else said
    return " ".join(text.split())[:200]
