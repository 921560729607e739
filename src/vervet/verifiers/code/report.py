"""What became of each test, and the evidence kept of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from vervet.verifiers.sandbox.limits import Ending

Status = Literal["pass", "fail", "error", "time", "memory", "crash", "output", "missing"]
SHOWN = 300
"""Characters of an input, an output or an excerpt that are kept."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The first test that was not passed."""

    test: int
    status: Status
    why: str
    given: str = ""
    output: str = ""
    expected: str = ""


@dataclass(slots=True)
class Report:
    """The tests of one sample, while they are run and after."""

    total: int
    statuses: list[Status] = field(default_factory=list)
    failure: Failure | None = None
    printed: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_bytes: int = 0
    crowded: bool = False
    """Whether it stood still and waited for a processor."""
    queued_seconds: float = 0.0
    left_out: tuple[int, ...] = ()
    """Tests of the problem that cannot be judged; not among `total`."""

    @property
    def passed(self) -> bool:
        """Whether every test was run and passed."""
        return self.failure is None and self.statuses.count("pass") == self.total > 0

    @property
    def share(self) -> float:
        """Share of the tests passed; those not run count as not passed."""
        return self.statuses.count("pass") / self.total if self.total else 0.0

    def note(self, status: Status, why: str = "", at: int | None = None, **shown: Any) -> None:  # noqa: ANN401 - plain values
        """Record the next test; the first failure keeps which (`at`), its input and values."""
        if status != "pass" and self.failure is None:
            texts = {name: brief(value) for name, value in shown.items()}
            test = len(self.statuses) if at is None else at
            self.failure = Failure(test, status, why[:SHOWN], **texts)
        self.statuses.append(status)

    def add(self, ending: Ending) -> None:
        """Add what a process used."""
        self.cpu_seconds += ending.cpu_seconds
        self.wall_seconds += ending.wall_seconds
        self.peak_bytes = max(self.peak_bytes, ending.peak_bytes)
        self.crowded |= ending.crowded
        self.queued_seconds += ending.queued_seconds

    @property
    def detail(self) -> str:
        """One line for people."""
        if self.failure is None:
            left = f", {len(self.left_out)} left out" if self.left_out else ""
            return f"{self.total} tests passed{left}" if self.passed else "no test was run"
        where = f"test {self.failure.test + 1} of {self.total}"
        return f"{where}: {self.failure.status}: {self.failure.why}"[:SHOWN]


def brief(value: Any) -> str:  # noqa: ANN401 - any plain value
    """Return the beginning of a value as text, without writing all of a large one."""
    if isinstance(value, str):
        return value[:SHOWN]
    if isinstance(value, list | tuple) and len(value) > SHOWN:
        value = value[:SHOWN]
    try:
        return repr(value)[:SHOWN]
    except ValueError:  # an integer too long for decimal digits
        return f"<{type(value).__name__}>"


def runs(statuses: Sequence[Status]) -> list[list[Any]]:
    """Return statuses as runs, which stays short for a thousand tests.

    >>> runs(["pass", "pass", "fail"])
    [['pass', 2], ['fail', 1]]
    """
    found: list[list[Any]] = []
    for status in statuses:
        if found and found[-1][0] == status:
            found[-1][1] += 1
        else:
            found.append([status, 1])
    return found


def evidence(report: Report, **circumstances: Any) -> str:  # noqa: ANN401 - JSON
    """Return the JSON of a report, with the limits and the load it was made under."""
    content: dict[str, Any] = {"tests": report.total, "results": runs(report.statuses)}
    if report.failure is not None:
        failure = report.failure
        content["failure"] = {
            name: shown
            for name in ("test", "status", "why", "given", "output", "expected")
            if (shown := getattr(failure, name)) != ""
        }
    content |= {
        "cpu_seconds": round(report.cpu_seconds, 6),
        "wall_seconds": round(report.wall_seconds, 6),
        "peak_bytes": report.peak_bytes,
    }
    if report.left_out:
        content["left_out"] = report.left_out
    if report.queued_seconds:
        content["queued_seconds"] = round(report.queued_seconds, 6)
    if report.printed:
        content["stdout"] = report.printed[:SHOWN]
    return json.dumps(content | circumstances, separators=(",", ":"))
