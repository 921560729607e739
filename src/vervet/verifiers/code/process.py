"""What every run of a sample shares: its settings, its lines, and how a process ended."""

from dataclasses import dataclass
from typing import Any

from vervet.verifiers.code.report import Report, Status
from vervet.verifiers.sandbox import Ending, Limits, Profile
from vervet.verifiers.sandbox.slots import Turn, pack

NUMPY = Profile("numpy", preload=("numpy",), packages=("numpy",))
PYTHON = Profile()


@dataclass(frozen=True, slots=True)
class How:
    """How a sample is run."""

    limits: Limits
    all_tests: bool = False
    """Run on after the first failure."""
    first: tuple[int, ...] = ()
    """Tests to run before the others: those that other samples of the problem failed."""
    seconds: tuple[float, ...] = ()
    """Processor seconds of each test, where each has its own; otherwise those of the limits."""
    seed: int = 0
    """Seeds `random` in the candidate; the trial, so that repeats show flaky programs."""


def profile_of(code: str) -> Profile:
    """Return the profile for a program: one that mentions numpy gets it warm."""
    return NUMPY if "numpy" in code else PYTHON


class LineReader:
    """Cuts what comes into lines."""

    def __init__(self) -> None:
        self.progress = 0
        self.parts: list[bytes] = []
        self.turn: Turn | None = None

    def begin(self, turn: Turn) -> None:
        """Remember who feeds, and hear every line when it comes."""
        self.turn = turn
        turn.listen()

    def feed(self, data: bytes) -> bool:
        """Take the next bytes."""
        if b"\n" not in data:
            self.parts.append(data)
            return False
        lines = (b"".join(self.parts) + data).split(b"\n")
        self.parts = [rest] if (rest := lines.pop()) else []
        return self.take(lines)

    def take(self, lines: list[bytes]) -> bool:
        """Take whole lines; return True when nothing more is wanted."""
        raise NotImplementedError


def readable(line: bytes) -> str:
    """Return the text of an error line; it is the candidate's word and only shown."""
    return (
        line[:2_000]
        .decode("ascii", "replace")
        .encode("latin-1", "replace")
        .decode("unicode_escape", "replace")[:300]
    )


def raised(why: str) -> Status:
    """Return the status of a test that ended in the exception `why`.

    >>> raised("MemoryError: ")
    'memory'
    """
    return "memory" if why.startswith("MemoryError") else "error"


def finish(report: Report, ending: Ending) -> Report:
    """Account for a process that ended before all its tests had."""
    report.add(ending)
    if len(report.statuses) < report.total and (report.failure is None or ending.stopped == "time"):
        report.note(*fate(ending))
    return report


def fate(ending: Ending) -> tuple[Status, str]:
    """Say what ended a process too early."""
    if ending.stopped == "time":
        return (
            "time",
            f"{ending.cpu_seconds:.2f} s of processor time, {ending.wall_seconds:.2f} s in all",
        )
    if ending.stopped == "output":
        return "output", "more output than allowed"
    if ending.status == -9:  # noqa: PLR2004 - SIGKILL, which only the kernel's memory killer sends besides us
        return "memory", "killed by the kernel for its memory"
    if ending.status < 0:
        return "crash", f"signal {-ending.status}"
    return "crash", f"the process ended with status {ending.status} before its tests"


def prepared(job: dict[str, Any], how: How) -> bytes:
    """Pack a job with what it is allowed; source text that no file could hold is made text."""
    job |= {"memory": how.limits.memory_bytes, "seed": how.seed}
    return pack(job)
