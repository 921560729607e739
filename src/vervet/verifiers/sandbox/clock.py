"""The clock of a check: when a program is out of time, and whether the machine is to blame.

Processor seconds are the program's own. Seconds on the clock count only while it neither computes
nor stands in the kernel's run queue, for a busy machine makes nobody wrong. What the kernel tells
of a process is read when a limit may be over, not all the time.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from vervet.verifiers.sandbox.limits import Limits

GRAIN_SECONDS = 0.02
"""How well is known what a program had used when it last made progress."""
AGAIN_SECONDS = 0.01
STARTING_SECONDS = 30.0
"""A sandbox that has shown no process of a check by then has broken down."""
CROWDED_SHARE = 0.25
"""Of its patience: a program that stood still and as long in the run queue is looked at again."""


class Usage(NamedTuple):
    """What a process has used so far."""

    cpu: float
    queued: float
    """Seconds it could have run, had there been a processor."""


class Clock:
    """Watches one check from outside."""

    def __init__(self, slot: int) -> None:
        """Watch the child of the warm interpreter `slot`, a process number of this machine."""
        self.slot = slot
        self.begun = self.advanced = self.sampled = time.monotonic()
        self.used = self.before = Usage(0.0, 0.0)
        self.finished = 0
        self.seen = self.crowded = False

    def advance(self, finished: int) -> None:
        """Start the clock of a test again if a call has finished since."""
        if finished == self.finished:
            return
        self.finished = finished
        self.advanced = time.monotonic()
        if self.advanced - self.sampled > GRAIN_SECONDS:
            self.sample()
        since = self.advanced - self.sampled
        self.before = Usage(self.used.cpu + since, self.used.queued)

    def sample(self) -> bool:
        """Note what the check has used; return False when it is not there, yet or any more."""
        found = usage_of_child(self.slot)
        if found is not None:
            self.used, self.seen = found, True
        self.sampled = time.monotonic()
        return found is not None

    def left(self, limits: Limits, partner: "Clock | None" = None) -> float:
        """Return in how many seconds to look again; 0 or less: it is out of time.

        `partner` is the clock of the test a candidate converses with.

        Raises:
            OSError: the check never began.
        """
        if not self.sample():
            if not self.seen and self.sampled - self.begun > STARTING_SECONDS:
                raise OSError("the warm interpreter started no process")
            self.advanced = self.sampled if not self.seen else self.advanced
            return AGAIN_SECONDS
        spent = max(0.0, self.used.cpu - self.before.cpu)
        queued = self.used.queued - self.before.queued + (partner.queue() if partner else 0.0)
        idle = self.sampled - self.advanced - queued
        left = min(
            limits.cpu_seconds - spent,
            limits.patience - idle,
            limits.total_seconds - self.used.cpu,
        )
        if left <= 0:
            computed = spent >= limits.cpu_seconds or self.used.cpu >= limits.total_seconds
            waited = queued > CROWDED_SHARE * limits.patience or stuck(self.slot)
            self.crowded = not computed and waited
            return left
        return max(left, AGAIN_SECONDS)

    def queue(self) -> float:
        """Return how long the check has stood in the run queue."""
        self.sample()
        return self.used.queued


def children_of(pid: int) -> list[int]:
    """Return the children of a process, as far as the kernel tells."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def last_descendant(pid: int) -> int:
    """Follow only children down from `pid`: where the warm interpreter is, seen from here."""
    children = children_of(pid)
    return last_descendant(children[0]) if children else pid


def usage_of_child(pid: int) -> Usage | None:
    """Return what the check under way has used; None where it has ended or has not begun."""
    for child in children_of(pid)[-1:]:
        with suppress(OSError, ValueError):
            cpu = time.clock_gettime((~child << 3) | 2)  # as clock_getcpuclockid
            queued = max(queued_of(task) for task in Path(f"/proc/{child}/task").iterdir())
            return Usage(cpu, queued)
    return None


def stuck(pid: int) -> bool:
    """Whether the check under way would run now if the machine let it: `R` or `D`, not asleep.

    A process that waits for memory or a disk has its seconds on the clock neither from itself nor
    from the run queue.
    """
    for child in children_of(pid)[-1:]:
        with suppress(OSError):
            stats = [(task / "stat").read_text() for task in Path(f"/proc/{child}/task").iterdir()]
            return any(text.rpartition(")")[2].split()[0] in "RD" for text in stats)
    return False


def queued_of(process: Path) -> float:
    """Return the seconds a process or thread, a folder of /proc, stood in the run queue."""
    return int((process / "schedstat").read_text().split()[1]) / 1e9
