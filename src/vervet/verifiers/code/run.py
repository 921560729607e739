"""Running the tests of one sample: jobs go in, plain data comes out, judged here, outside."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

from vervet.errors import VerifierError
from vervet.verifiers.code.comparators import TEXT_JUDGES
from vervet.verifiers.code.languages import (
    environment_of,
    profile_for,
    recipe_for,
    search_path,
)
from vervet.verifiers.code.report import Report, Status
from vervet.verifiers.code.suites import Calls, Programs, Source
from vervet.verifiers.sandbox import Ending, Limits, Profile, Runs
from vervet.verifiers.sandbox.slots import HEADER, Turn, pack
from vervet.verifiers.sandbox.wire import Malformed, decode

TESTER = Profile("tester", ours=True)
PYTEST = Profile(
    "tester",
    packages=("pytest", "pluggy", "iniconfig", "packaging", "pygments"),
    preload=("pytest",),
    ours=True,
)
NUMPY = Profile("numpy", preload=("numpy",), packages=("numpy",))
PYTHON = Profile()
COMPILE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class How:
    """How a sample is run."""

    limits: Limits
    all_tests: bool = False
    """Run on after the first failure."""
    first: tuple[int, ...] = ()
    """Tests to run before the others: those that other samples of the problem failed."""
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
        """Remember who feeds."""
        self.turn = turn

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


class CallReader(LineReader):
    """Judges the value of each call as it comes."""

    def __init__(self, calls: Calls, how: How) -> None:
        super().__init__()
        assert calls.expected is not None
        self.calls, self.expected, self.how = calls, calls.expected, how
        self.judge = calls.judge()
        self.report = Report(len(calls.inputs))
        rest = (at for at in range(len(calls.inputs)) if at not in how.first)
        self.order = [*how.first, *rest] if how.first else range(len(calls.inputs))

    def take(self, lines: list[bytes]) -> bool:
        """Judge lines; enough after the first failure, unless all tests are to be run."""
        report, known = self.report, self.calls.lines
        for line in lines:
            done = len(report.statuses)
            if done >= report.total:
                self.note_printed(line)
            elif known and line == known[self.order[done]]:
                report.statuses.append("pass")
            else:
                self.judge_line(line, self.order[done])
            if report.failure is not None and not self.how.all_tests:
                return True
        self.progress = len(report.statuses)
        return False

    def note_printed(self, line: bytes) -> None:
        """Keep the excerpt of what the program printed, for people."""
        if line[:1] == b"z":
            try:
                self.report.printed = str(json.loads(line[1:]))
            except (ValueError, RecursionError):
                self.report.printed = ""

    def judge_line(self, line: bytes, at: int) -> None:
        """Judge one line that is not, byte for byte, the expected one."""
        given, kind = self.calls.inputs[at], line[:1]
        if kind != b"v":
            why = readable(line[1:])
            status: Status = "memory" if why.startswith("MemoryError") else "error"
            self.report.note(status, why, at=at, given=given)
            return
        try:
            output = decode(line[1:])
        except Malformed as error:
            self.report.note("error", f"not a plain value: {error}", at=at, given=given)
            return
        expected = self.expected[at]
        if self.calls.not_none and not isinstance(expected, bool):
            expected = expected is not None
        if self.right(given, output, expected):
            self.report.note("pass")
        else:
            shown = getattr(expected, "source", expected)
            shown_values = {"given": given, "output": output, "expected": shown}
            self.report.note("fail", "wrong value", at=at, **shown_values)

    def right(self, given: Any, output: Any, expected: Any) -> bool:  # noqa: ANN401 - plain values
        """Ask the judge; values it cannot even compare are different."""
        try:
            return self.judge(given, output, expected)
        except Exception:  # noqa: BLE001 - a comparison that raises fails the test, as an assertion does
            return False


def readable(line: bytes) -> str:
    """Return the text of an error line; it is the candidate's word and only shown."""
    return (
        line[:2_000]
        .decode("ascii", "replace")
        .encode("latin-1", "replace")
        .decode("unicode_escape", "replace")[:300]
    )


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


async def run_calls(sandbox: Runs, calls: Calls, code: str, how: How) -> Report:
    """Call the candidate on every input and judge what comes back."""
    reader = CallReader(calls, how)
    job = {
        "mode": "call",
        "code": code,
        "entry_point": calls.entry_point,
        "inputs": [calls.inputs[at] for at in reader.order],
    }
    ending = await sandbox.run(prepared(job, how), how.limits, reader, profile=profile_of(code))
    return finish(reader.report, ending)


def prepared(job: dict[str, Any], how: How) -> bytes:
    """Pack a job with what it is allowed; source text that no file could hold is made text."""
    job |= {"memory": how.limits.memory_bytes, "seed": how.seed}
    return pack(job)


class OutcomeReader(LineReader):
    """Collects the values and times of a trusted solution."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[bytes] = []
        self.seconds: list[float] = []
        self.error = ""

    def take(self, lines: list[bytes]) -> bool:
        """Keep lines."""
        for line in lines:
            if line[:1] == b"v":
                self.values.append(line[1:])
            elif line[:1] == b"t":
                self.seconds.append(float(line[1:]))
            elif line[:1] in {b"e", b"x"}:
                self.error = self.error or readable(line[1:])
        self.progress += len(lines)
        return False


async def solved(sandbox: Runs, calls: Calls, limits: Limits) -> Calls:
    """Return `calls` with the values its solution gives and the time each call took.

    Raises:
        VerifierError: the solution fails; the problem cannot be verified.
    """
    reader = OutcomeReader()
    job = {
        "mode": "call", "code": calls.solution, "entry_point": calls.entry_point,
        "inputs": list(calls.inputs), "timed": True,
    }  # fmt: skip
    how = How(replace(limits, cpu_seconds=60, total_seconds=120, output_bytes=1 << 30))
    ending = await sandbox.run(
        prepared(job, how), how.limits, reader, profile=profile_of(calls.solution)
    )
    if len(reader.values) != len(calls.inputs):
        why = reader.error or fate(ending)[1]
        raise VerifierError(f"the solution of the problem fails on its own tests: {why}")
    size = sum(map(len, reader.values))
    calls = replace(calls, seconds=tuple(reader.seconds), output_bytes=size)
    if calls.expected is not None:
        return calls
    expected: list[Any] = [decode(value) for value in reader.values]
    lines: list[bytes | None] = [
        None if b"NaN" in value or b'"?"' in value else b"v" + value for value in reader.values
    ]
    if calls.not_none:
        expected, lines = [value is not None for value in expected], []
    return replace(
        calls,
        expected=tuple(expected),
        lines=tuple(lines) if calls.shortcut else (),
    )


class ServingReader(LineReader):
    """Passes a candidate's answers on to the test that asked."""

    def __init__(self) -> None:
        super().__init__()
        self.test: TestReader | None = None
        self.ready = False
        self.asked: list[bytes] = []
        self.over = ""

    def take(self, lines: list[bytes]) -> bool:
        """Pass each answer on, once the candidate says it is loaded."""
        for line in lines:
            self.progress += 1
            if line == b"r" and not self.ready:
                self.ready = True
                self.ask()
            elif line[:1] == b"x" and not self.ready:
                self.end(readable(line[1:]))
            elif self.ready and self.test is not None:
                self.test.tell(line)
        return False

    def request(self, data: bytes) -> None:
        """Ask the candidate for one call."""
        self.progress += 1
        self.asked.append(data)
        if self.over and self.test is not None:
            self.test.tell(b"x" + self.over.encode("ascii", "replace"))
        elif self.ready:
            self.ask()

    def ask(self) -> None:
        """Send what was asked while the candidate was loading."""
        for data in self.asked:
            assert self.turn is not None
            self.turn.send(len(data).to_bytes(HEADER, "little") + data)
        self.asked.clear()

    def end(self, why: str) -> None:
        """Tell the test that no answer will come."""
        self.over = self.over or why
        if self.test is not None:
            self.test.tell(b"x" + " ".join(why.split()).encode("ascii", "replace"))


class TestReader(LineReader):
    """Passes a test's calls on to the candidate and takes its verdict."""

    def __init__(self, serving: ServingReader) -> None:
        super().__init__()
        self.serving = serving
        serving.test = self
        self.verdict: str | None = None
        self.calls = 0
        self.early: list[bytes] = []

    def begin(self, turn: Turn) -> None:
        """Remember who feeds."""
        super().begin(turn)
        self.waiting_for_job = True

    def take(self, lines: list[bytes]) -> bool:
        """Pass calls on; the verdict ends both processes."""
        for line in lines:
            self.progress += 1
            if line[:1] == b"c":
                self.calls += 1
                self.serving.request(bytes.fromhex(line[1:].decode()))
            elif line[:1] in {b"p", b"f"}:
                self.verdict = readable(line[1:]) if line[:1] == b"f" else ""
                if self.serving.turn is not None:
                    self.serving.turn.stop("enough")
        return False

    def tell(self, line: bytes) -> None:
        """Hand the test an answer."""
        self.progress += 1
        if self.turn is not None:
            self.turn.send(line + b"\n")


async def run_source(sandbox: Runs, test: Source, code: str, how: How) -> Report:
    """Run test source in one process and the candidate in another.

    Raises:
        VerifierError: the test itself broke down.
    """
    serving = ServingReader()
    tester = TestReader(serving)
    job = {"mode": "serve", "code": code, "entry_point": test.entry_point}
    mine = pack(
        {"mode": "test", "style": test.style, "source": test.source, "setup": test.setup,
         "entry_point": test.entry_point}
    )  # fmt: skip
    patience = Limits(cpu_seconds=60, wall_seconds=300, total_seconds=120)

    async def candidate() -> Ending:
        ending = await sandbox.run(
            prepared(job, how), how.limits, serving, profile=profile_of(code)
        )
        serving.end(fate(ending)[1])
        return ending

    profile = PYTEST if test.style == "pytest" else TESTER
    task = asyncio.ensure_future(sandbox.run(mine, patience, tester, profile=profile))
    ending = await candidate()
    await task
    if tester.verdict is None:
        raise VerifierError("the test broke down before it reached a verdict")
    report = Report(1)
    if ending.stopped == "time":
        return finish(report, ending)
    report.add(ending)
    report.note("fail" if tester.verdict else "pass", tester.verdict)
    return report


class OutputReader:
    """Keeps a program's standard output."""

    def __init__(self) -> None:
        self.progress = 0
        self.chunks: list[bytes] = []

    def begin(self, turn: Turn) -> None:
        """Nothing to say to a program."""

    def feed(self, data: bytes) -> bool:
        """Keep it; the limit on output is the sandbox's."""
        self.chunks.append(data)
        return False

    @property
    def text(self) -> str:
        """The output as text; what is not UTF-8 is replaced and so equals nothing expected."""
        return b"".join(self.chunks).decode("utf-8", "replace")


class ForeignReader(LineReader):
    """Judges the output of each run of a program in another language."""

    def __init__(self, programs: Programs, how: How) -> None:
        super().__init__()
        self.programs, self.how = programs, how
        self.report = Report(len(programs.cases))

    def take(self, lines: list[bytes]) -> bool:
        """Judge whole lines; enough after the first failure."""
        for line in lines:
            if len(self.report.statuses) < self.report.total:
                self.judge_line(line)
            self.progress += 1
            if self.report.failure is not None and not self.how.all_tests:
                return True
        return False

    def judge_line(self, line: bytes) -> None:
        """Judge one run."""
        given, expected = self.programs.cases[len(self.report.statuses)]
        found = json.loads(line[1:])
        if line[:1] == b"x":
            self.report.note("error", f"does not compile: {found}")
            return
        status, output, errors = found
        shown: dict[str, Any] = {"given": given, "output": output, "expected": expected}
        if status in {124, -24}:  # ours, or SIGXCPU
            self.report.note("time", "out of time", **shown)
        elif status:
            kind: Status = "crash" if status < 0 else "error"
            self.report.note(kind, f"status {status}: {errors}", **shown)
        elif TEXT_JUDGES[self.programs.comparator](output, expected):
            self.report.note("pass")
        else:
            self.report.note("fail", "wrong output", **shown)


async def run_foreign(sandbox: Runs, programs: Programs, code: str, how: How) -> Report:
    """Compile a program in another language and run it on every test.

    Raises:
        ConfigError: its tool chain is not installed.
    """
    recipe = recipe_for(programs.language)
    seconds, reader = how.limits.cpu_seconds, ForeignReader(programs, how)
    job = {
        "mode": "foreign", "code": code, "file": recipe.file, "compile": list(recipe.compile),
        "command": list(recipe.run), "inputs": [given.encode() for given, _ in programs.cases],
        "seconds": seconds, "compile_seconds": COMPILE_SECONDS, "path": search_path(),
        "address_space": how.limits.memory_bytes if recipe.address_space else 0,
        "home": "/tmp",  # noqa: S108 - inside
        "environment": environment_of(programs.language),
    }  # fmt: skip
    patience = COMPILE_SECONDS + seconds + 5
    limits = replace(how.limits, cpu_seconds=patience, wall_seconds=patience, total_seconds=3600)
    profile = profile_for(programs.language)
    ending = await sandbox.run(pack(job), limits, reader, profile=profile)
    return finish(reader.report, ending)


async def run_programs(sandbox: Runs, programs: Programs, code: str, how: How) -> Report:
    """Run the candidate once for each test, its input on stdin."""
    if programs.language != "python":
        return await run_foreign(sandbox, programs, code, how)
    report = Report(len(programs.cases))
    profile = profile_of(code)
    for given, expected in programs.cases:
        reader = OutputReader()
        job = {"mode": "program", "code": code, "stdin": given.encode()}
        ending = await sandbox.run(prepared(job, how), how.limits, reader, profile=profile)
        report.add(ending)
        await judge_output(sandbox, programs, (given, reader.text, expected), ending, report)
        if report.failure is not None and not how.all_tests:
            break
    return report


async def judge_output(
    sandbox: Runs, programs: Programs, case: tuple[str, str, str], ending: Ending, report: Report
) -> None:
    """Judge what one run printed; a run that did not end well passes nothing."""
    given, output, expected = case
    shown: dict[str, Any] = {"given": given, "output": output, "expected": expected}
    if ending.stopped or ending.status < 0:
        report.note(*fate(ending), **shown)
    elif ending.status:
        report.note("error", f"exit status {ending.status}", **shown)
    elif programs.checker:
        why = await ask_checker(sandbox, programs.checker, case)
        report.note("fail" if why else "pass", why, **shown)
    elif TEXT_JUDGES[programs.comparator](output, expected):
        report.note("pass")
    else:
        report.note("fail", "wrong output", **shown)


async def ask_checker(sandbox: Runs, source: str, case: tuple[str, str, str]) -> str:
    """Ask a problem's checker program, which runs in a process of its own.

    Raises:
        VerifierError: it broke down.
    """
    given, output, expected = case
    reader = TestReader(ServingReader())
    job = pack(
        {"mode": "test", "style": "checker", "source": source, "input": given, "output": output,
         "expected": expected}
    )  # fmt: skip
    await sandbox.run(job, Limits(cpu_seconds=30, total_seconds=30), reader, profile=TESTER)
    if reader.verdict is None:
        raise VerifierError("the checker broke down before it reached a verdict")
    return reader.verdict


__all__ = ["How", "Report", "run_calls", "run_programs", "run_source", "solved"]
