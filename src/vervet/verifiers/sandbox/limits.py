"""What one check may use, and what became of it."""

import os
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one check. Seconds are per test: they start again with every finished call.

    `cpu_seconds` is processor time, so that a busy machine does not turn a slow program into a
    wrong one; a program that waits instead of computing meets `wall_seconds`, from which the time
    it stood in the kernel's run queue is taken off.
    """

    cpu_seconds: float = 3.0
    wall_seconds: float | None = None
    """Seconds without progress; None means `cpu_seconds` and a quarter second."""
    total_seconds: float = 60.0
    """Processor seconds of all tests of one sample together."""
    memory_bytes: int = 4096 * MEBIBYTE
    """Address space (RLIMIT_AS), as EvalPlus sets it."""
    output_bytes: int = 32 * MEBIBYTE
    """Of results, or of a program's standard output."""

    @property
    def patience(self) -> float:
        """Seconds a program may wait without being given the processor's blame."""
        return self.cpu_seconds + 0.25 if self.wall_seconds is None else self.wall_seconds

    def alone(self) -> "Limits":
        """Return the limits of a check with no other beside it: no grace for a busy machine.

        >>> Limits(cpu_seconds=0.5).alone().patience
        0.5
        """
        return replace(self, wall_seconds=self.wall_seconds or self.cpu_seconds)


Cause = Literal["time", "output", "enough"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How the process of one check ended; what it said went to the reader."""

    status: int
    """Exit status, or minus the number of the signal that ended it."""
    stopped: Cause | None
    """Why it was stopped from outside: out of time, too much output, or nothing more to learn."""
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    crowded: bool = False
    """Stopped where the machine may be to blame: it stood still and waited for a processor."""
    queued_seconds: float = 0.0
    """Of a check that was watched: how long it stood in the kernel's run queue."""


def machine_load() -> float:
    """Return the one-minute load per processor, at most a second old: the kernel's is five."""
    return _load_in_second(int(time.monotonic()))


@lru_cache(maxsize=1)
def _load_in_second(second: int, /) -> float:
    del second
    return os.getloadavg()[0] / processors()


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
