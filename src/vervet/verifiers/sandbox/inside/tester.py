"""Trusted test source, run in a process of its own, against a candidate it can only call.

The test sees a function; each call crosses to the candidate's process as plain data and comes
back as plain data. So the candidate never shares a process with the test, its expected values or
its comparisons. Lines out: `c` and a call (marshalled, in hexadecimal), then one of `p` (passed),
`f` and why not, or `b` and why the test cannot be run this way.
"""
# Paths are plain strings: pathlib is memory that every fork would copy.
# ruff: noqa: PTH123

import builtins
import importlib
import marshal
import os
import random  # noqa: TID251 - what tests themselves draw from
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from vervet.verifiers.sandbox.inside import runner
from vervet.verifiers.sandbox.inside.values import describe
from vervet.verifiers.sandbox.wire import Malformed, decode

CODECS = ("encodings.unicode_escape",)


class Gone(BaseException):
    """The candidate's process ended before it answered."""


class Broken(BaseException):
    """The test fails by itself, or counts on sharing a process with the candidate."""


class Candidate:
    """Functions of the candidate, as far away as the other end of a socket."""

    def __init__(self, channel: int) -> None:
        self.channel = channel
        self.rest = b""
        self.gone = ""
        self.answered = False
        self.raised: Exception | None = None

    def call(self, name: str, arguments: tuple[Any, ...], names: dict[str, Any]) -> Any:  # noqa: ANN401 - as the test calls it
        """Call the candidate and return its value, or raise its exception's built-in kin."""
        try:
            request = marshal.dumps({"name": name, "args": list(arguments), "kwargs": names}, 2)
        except ValueError as error:
            if self.answered:  # it may be of the candidate's own making
                raise TypeError(f"{name} is called with what is not plain data: {error}") from None
            raise Broken(f"it calls {name} with something that is not plain data") from None
        send(self.channel, "c" + request.hex())
        line = self.line()
        self.answered = True
        if line[:1] == b"v":
            try:
                return decode(line[1:])
            except Malformed as error:
                raise TypeError(f"not a plain value: {error}") from None
        text = line[1:].decode("ascii", "replace")
        if line[:1] != b"e":
            self.gone = text or "the program ended"
            raise Gone(self.gone)
        kind, _, message = text.partition(": ")
        found: Any = getattr(builtins, kind, None)
        known = isinstance(found, type) and issubclass(found, Exception)
        failure: type[Exception] = found if known else RuntimeError
        self.raised = failure(message or kind)
        raise self.raised

    def line(self) -> bytes:
        """Read one answer."""
        while b"\n" not in self.rest:
            data = os.read(self.channel, 1 << 16)
            if not data:
                os._exit(0)
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        return line

    def function(self, name: str) -> Callable[..., Any]:
        """Return the candidate's function `name`."""

        def candidate(*arguments: Any, **names: Any) -> Any:  # noqa: ANN401 - as the test calls it
            return self.call(name, arguments, names)

        candidate.__name__ = name.rpartition(".")[2]
        return candidate


def send(channel: int, line: str) -> None:
    """Write one line."""
    data = memoryview((line + "\n").encode())
    while data:
        data = data[os.write(channel, data) :]


def run(channel: int, job: dict[str, Any]) -> int:
    """Run the test of `job` and send its verdict."""
    sys.stdout = sys.stderr = runner.Excerpt()  # text is all that is promised
    random.seed(0)
    sys.setrecursionlimit(10_000)
    candidate = Candidate(channel)
    kind = "f"
    try:
        why = STYLES[job["style"]](candidate, job)
    except Broken as error:
        kind, why = "b", str(error)
    except BaseException as error:  # noqa: BLE001 - a failing assertion is the common case
        why = f"{describe(error)}{place(error)}"
        # A name that is missing here, and not there, is one the candidate was to bring along.
        kind = "b" if isinstance(error, NameError) and error is not candidate.raised else "f"
    why = candidate.gone or why
    send(channel, kind + why.encode("unicode_escape").decode() if why else "p")
    return 0


def place(error: BaseException) -> str:
    """Return the line of the test in which it failed."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<test>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {line} of the test)" if line else ""


def namespace_of(candidate: Candidate, job: dict[str, Any]) -> dict[str, Any]:
    """Return the names a test starts with: the prompt's helpers and the candidate."""
    module = ModuleType("test_of_solution")
    sys.modules[module.__name__] = module
    names = module.__dict__
    try:
        exec(compile(job["setup"], "<setup>", "exec"), names)  # noqa: S102 - trusted source, in a sandbox
    except Exception as error:  # noqa: BLE001 - whatever it is, no candidate had a part in it
        raise Broken(f"its setup fails: {describe(error)}") from None
    names[job["entry_point"]] = candidate.function(job["entry_point"])
    return names


def check(candidate: Candidate, job: dict[str, Any]) -> str:
    """Run `check(candidate)`, or assertions about the entry point."""
    names = namespace_of(candidate, job)
    function = names[job["entry_point"]]
    exec(compile(job["source"], "<test>", "exec"), names)  # noqa: S102 - trusted source, in a sandbox
    if callable(names.get("check")):
        names["check"](function)
    return ""


def judge(candidate: Candidate, job: dict[str, Any]) -> str:
    """Ask a checker program: `check(input, output, expected)`, true where the output is right."""
    del candidate
    names: dict[str, Any] = {"__name__": "checker"}
    exec(compile(job["source"], "<test>", "exec"), names)  # noqa: S102 - trusted source, in a sandbox
    return "" if names["check"](job["input"], job["output"], job["expected"]) else "not accepted"


class Remote(ModuleType):
    """The candidate's module as a pytest file imports it: every public name is a function."""

    candidate: Candidate

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.candidate.function(name)


def pytest_file(candidate: Candidate, job: dict[str, Any]) -> str:
    """Run a pytest file that imports the candidate's functions from `solution`."""
    module = Remote("solution")
    module.candidate = candidate
    module.__dict__["__all__"] = [job["entry_point"]] if job["entry_point"] else []
    sys.modules["solution"] = module
    with open("test_solution.py", "w") as file:
        file.write(job["source"])
    failures: list[str] = []

    class Listener:
        def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401 - pytest's
            if report.failed:
                failures.append(f"{report.nodeid}: {report.longreprtext.strip().splitlines()[-1:]}")

    pytest = importlib.import_module("pytest")
    options = ["-q", "-x", "-p", "no:cacheprovider", "--rootdir=.", "test_solution.py"]
    status = int(pytest.main(options, plugins=[Listener()]))
    return "" if status == 0 else "; ".join(failures)[:300] or f"pytest ended with status {status}"


STYLES: dict[str, Callable[[Candidate, dict[str, Any]], str]] = {
    "check": check,
    "checker": judge,
    "pytest": pytest_file,
}
