"""Running the tests of one sample: jobs go in, plain data comes out, judged here, outside."""

import json
from dataclasses import replace
from typing import Any

from vervet.errors import VerifierError
from vervet.verifiers.code.comparators import TEXT_JUDGES
from vervet.verifiers.code.conversation import ask_checker, run_source
from vervet.verifiers.code.languages import (
    environment_of,
    profile_for,
    recipe_for,
    search_path,
)
from vervet.verifiers.code.order import plan_of
from vervet.verifiers.code.process import (
    How,
    LineReader,
    fate,
    finish,
    prepared,
    profile_of,
    raised,
    readable,
)
from vervet.verifiers.code.report import Report, Status
from vervet.verifiers.code.suites import Calls, Programs
from vervet.verifiers.sandbox import Ending, Limits, Runs
from vervet.verifiers.sandbox.inside.runner import LAST_WORDS
from vervet.verifiers.sandbox.slots import Turn, pack
from vervet.verifiers.sandbox.wire import Malformed, decode

COMPILE_SECONDS = SOLUTION_SECONDS = 60.0


class CallReader(LineReader):
    """Judges the value of each call as it comes."""

    def __init__(self, calls: Calls, how: How) -> None:
        super().__init__()
        assert calls.expected is not None
        self.calls, self.expected, self.how = calls, calls.expected, how
        self.plan = calls.plan or plan_of(calls.inputs, calls.seconds, calls.left_out)
        self.report = Report(len(self.plan.order), left_out=calls.left_out)
        self.ahead, behind, self.left_out = self.plan.batches(how.first)
        self.order = [*self.ahead, *behind]
        self.waiting = bool(behind)

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
        if self.waiting and self.progress >= len(self.ahead):
            self.send_rest()
        self.allow()
        return False

    def begin(self, turn: Turn) -> None:
        """Remember who feeds; be heard at once where a second batch waits for the first."""
        self.turn = turn
        if self.waiting:
            turn.listen()
        self.allow()

    def allow(self) -> None:
        """Give the next test its own limit, where each has one.

        A program that loops on a cheap input is not given the seconds of the costly one. Costly
        tests come last and are heard one by one (`alone_from`), so it is clear which one runs.
        """
        if self.turn is None or not self.how.seconds or self.progress >= len(self.order):
            return
        seconds = self.how.seconds[self.order[self.progress]]
        if seconds != self.turn.limits.cpu_seconds:
            self.turn.limits = replace(self.turn.limits, cpu_seconds=seconds)

    @property
    def alone_from(self) -> int:
        """From which call on each is to be reported before the next begins."""
        return len(self.order) - len(self.plan.costly)

    def send_rest(self) -> None:
        """Send the inputs of the second batch."""
        self.waiting = False
        if self.turn is not None:
            self.turn.send(self.plan.rest)

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
            self.report.note(raised(why), why, at=at, given=given)
            return
        try:
            output = decode(line[1:])
        except Malformed as error:
            self.report.note("error", f"not a plain value: {error}", at=at, given=given)
            return
        expected = self.expected[at]
        if self.calls.not_none and not isinstance(expected, bool):
            expected = expected is not None
        if self.right(at, output, expected):
            self.report.note("pass")
        else:
            shown = getattr(expected, "source", expected)
            shown_values = {"given": given, "output": output, "expected": shown}
            self.report.note("fail", "wrong value", at=at, **shown_values)

    def right(self, at: int, output: Any, expected: Any) -> bool:  # noqa: ANN401 - plain values
        """Ask the judge; values it cannot even compare are different."""
        try:
            return self.calls.judge(at, self.expected)(self.calls.inputs[at], output, expected)
        except Exception:  # noqa: BLE001 - a comparison that raises fails the test, as an assertion does
            return False


async def run_calls(sandbox: Runs, calls: Calls, code: str, how: How) -> Report:
    """Call the candidate on every input and judge what comes back."""
    reader = CallReader(calls, how)
    reader.waiting &= sandbox.warm  # what starts from nothing takes no second message
    job = {
        "mode": "call",
        "code": code,
        "entry_point": calls.entry_point,
        "inputs": [calls.inputs[at] for at in (reader.ahead if reader.waiting else reader.order)],
        "more": reader.waiting,
        "left_out": reader.left_out,
        "alone_from": reader.alone_from,
    }
    ending = await sandbox.run(prepared(job, how), how.limits, reader, profile=profile_of(code))
    return finish(reader.report, ending)


class AnswerReader(LineReader):
    """Collects what a trusted solution answers; None where it raises or the value is too large."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[bytes | None] = []
        self.seconds: list[float] = []
        self.error = ""

    def take(self, lines: list[bytes]) -> bool:
        """Keep lines."""
        for line in lines:
            kind = line[:1]
            if kind == b"v":
                self.values.append(line[1:])
            elif kind == b"e":
                self.values.append(None)
            elif kind == b"t":
                self.seconds.append(float(line[1:]) if self.values[-1] is not None else 0.0)
            if kind in {b"e", b"x"} and not line.startswith(b"eTooLarge"):
                self.error = self.error or readable(line[1:])
        self.progress += len(lines)
        return False


async def answers(
    sandbox: Runs, calls: Calls, limits: Limits, seconds: float
) -> tuple[AnswerReader, Ending]:
    """Run the solution of `calls` on their inputs, with `seconds` of processor time for each."""
    job = {
        "mode": "call", "code": calls.solution, "entry_point": calls.entry_point,
        "inputs": list(calls.inputs), "timed": True,
    }  # fmt: skip
    how = How(replace(limits, cpu_seconds=seconds, total_seconds=120, output_bytes=1 << 30))
    packed, profile = prepared(job, how), profile_of(calls.solution)
    for _ in range(2):  # the machine may have kept it waiting
        reader = AnswerReader()
        ending = await sandbox.run(packed, how.limits, reader, profile=profile)
        if not ending.crowded:
            break
    return reader, ending


async def solved(sandbox: Runs, calls: Calls, limits: Limits) -> Calls:
    """Return `calls` with the values its solution gives and the time each call took.

    Raises:
        VerifierError: the solution fails; the problem cannot be verified.
    """
    reader, ending = await answers(sandbox, calls, limits, SOLUTION_SECONDS)
    left_out = tuple(at for at, value in enumerate(reader.values) if value is None)
    whole = len(reader.values) == len(calls.inputs) > len(left_out)
    if reader.error or not whole:
        why = reader.error or fate(ending)[1]
        raise VerifierError(f"the solution of the problem fails on its own tests: {why}")
    values = [value or b"null" for value in reader.values]
    size = sum(map(len, values))
    seconds = tuple(reader.seconds)
    calls = replace(calls, seconds=seconds, output_bytes=size, left_out=left_out)
    if calls.expected is not None:
        return calls
    expected: list[Any] = [decode(value) for value in values]
    lines: list[bytes | None] = [
        None if b"NaN" in value or b'"?"' in value else b"v" + value for value in values
    ]
    if calls.not_none:
        expected, lines = [value is not None for value in expected], []
    return replace(
        calls,
        expected=tuple(expected),
        lines=tuple(lines) if calls.shortcut else (),
    )


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
        shown["output"], _, why = output.partition(LAST_WORDS)
        report.note(raised(why), why or f"exit status {ending.status}", **shown)
    elif programs.checker:
        why = await ask_checker(sandbox, programs.checker, case)
        report.note("fail" if why else "pass", why, **shown)
    elif TEXT_JUDGES[programs.comparator](output, expected):
        report.note("pass")
    else:
        report.note("fail", "wrong output", **shown)


__all__ = ["How", "Report", "answers", "run_calls", "run_programs", "run_source", "solved"]
