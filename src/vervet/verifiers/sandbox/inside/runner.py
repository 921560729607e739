"""One check in one process: what the child of the warm interpreter does, then it is gone.

The job came as plain data over `channel`, a socket made for this check alone. Lines go back over
it, one for each call: `v` and the value, `e` and the exception; `x` ends a check that could not
start, `z` carries an excerpt of what was printed. A program (`mode = "program"`) has the socket
as its standard output instead.
"""

import io
import marshal
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from vervet.verifiers.sandbox.inside.values import Encoder, TooLarge, describe

FLUSH_SECONDS = 0.005
EXCERPT = 2_000
HEADER = 8
PARTS = 20_000_000
NAME = "solution"
LAST_WORDS = "\0\0died of "
"""Goes before the exception of a program. It is for people: the exit status has failed the test."""
MORE: dict[str, Callable[[int, dict[str, Any]], int]] = {}
"""Modes that only some slots have."""


class Excerpt(io.TextIOBase):
    """A standard output that keeps its first characters and forgets the rest."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str, /) -> int:
        """Keep what still fits."""
        if len(self.text) < EXCERPT:
            self.text += text[: EXCERPT - len(self.text)]
        return len(text)

    def writable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """Give the null device to those who insist on a descriptor."""
        return 1


class Lines:
    """Lines to the outside, sent together while they come fast."""

    def __init__(self, channel: int) -> None:
        self.channel = channel
        self.waiting: list[str] = []
        self.sent = time.perf_counter()
        self.write, self.clock = os.write, time.perf_counter

    def put(self, kind: str, text: str) -> None:
        """Queue one line."""
        self.waiting.append(kind + text + "\n")
        if self.clock() - self.sent > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what is queued."""
        data = memoryview("".join(self.waiting).encode())
        self.waiting.clear()
        while data:
            data = data[self.write(self.channel, data) :]
        self.sent = self.clock()


def receive(channel: int) -> Any:  # noqa: ANN401 - plain data
    """Read a job, or inputs: the length, then marshalled data, from the trusted side."""
    size = int.from_bytes(read_exactly(channel, HEADER), "little")
    return marshal.loads(read_exactly(channel, size))  # noqa: S302 - from the trusted side


def read_exactly(channel: int, size: int) -> bytes:
    """Read `size` bytes; an early end ends this process."""
    chunks = []
    while size:
        chunk = os.read(channel, min(size, 1 << 20))
        if not chunk:
            os._exit(0)
        chunks.append(chunk)
        size -= len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def run(channel: int, job: dict[str, Any]) -> int:
    """Run `job` and return the exit status of this process."""
    if memory := job.get("memory"):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    if job.get("seed"):  # the first trial has the seed of the warm interpreter
        sys.modules["random"].seed(job["seed"])
    modes: dict[str, Callable[[int, dict[str, Any]], int]] = {
        "call": call,
        "serve": serve,
        "program": program,
        "test": test,
        **MORE,
    }
    return modes[job["mode"]](channel, job)


def load(job: dict[str, Any], name: str = NAME) -> dict[str, Any]:
    """Execute the candidate's source as a module of its own and return its names."""
    module = ModuleType(name)
    sys.modules[name] = module
    namespace = module.__dict__
    exec(compile(job["code"], f"<{name}>", "exec", dont_inherit=True), namespace)  # noqa: S102 - this is what the sandbox is for
    return namespace


def start(channel: int, job: dict[str, Any]) -> tuple[Lines, Excerpt, Callable[..., Any] | None]:
    """Load the candidate and find its entry point; say why where that fails."""
    lines = Lines(channel)
    printed = Excerpt()
    sys.stdout = sys.stderr = printed  # text is all that is promised
    sys.stdin = io.TextIOBase()  # reading raises, as with the peers
    try:
        names = load(job)
        entry = resolve(names, job["entry_point"]) if job["entry_point"] else names.get
    except BaseException as error:  # noqa: BLE001 - SystemExit and all: the candidate's failure
        lines.put("x", describe(error).encode("unicode_escape").decode())
        entry = None
    return lines, printed, entry


def resolve(names: dict[str, Any], entry_point: str) -> Callable[..., Any]:
    """Find `function` or `Class.method` (of a new instance, the LeetCode style)."""
    first, _, method = entry_point.partition(".")
    if first not in names:
        raise NameError(f"name {first!r} is not defined")
    found: Callable[..., Any] = names[first]
    return getattr(found(), method) if method else found


def call(channel: int, job: dict[str, Any]) -> int:
    """Call the entry point on every input in turn and send each value or exception."""
    lines, printed, entry = start(channel, job)
    encoder = Encoder(PARTS)
    timed, alone_from = job.get("timed"), job.get("alone_from", sys.maxsize)
    for place, arguments in enumerate(inputs_of(channel, job, lines) if entry else ()):
        if place >= alone_from:
            lines.flush()  # what is slow by nature must not be taken for the one before
        begun = time.perf_counter()
        one(lines, encoder, entry, arguments)
        if timed:
            lines.put("t", repr(time.perf_counter() - begun))
    lines.put("z", encoder.dumps(printed.text))
    lines.flush()
    return 0


def inputs_of(channel: int, job: dict[str, Any], lines: Lines) -> Iterator[Any]:
    """Yield the inputs that came with the job, then those that come when the first are passed."""
    yield from job["inputs"]
    if job.get("more"):
        lines.flush()
        left_out = set(job["left_out"])
        for place, arguments in enumerate(receive(channel)):
            if place not in left_out:
                yield arguments


def one(
    lines: Lines,
    encoder: Encoder,
    entry: Callable[..., Any] | None,
    arguments: Any,  # noqa: ANN401 - a list, or a list and a dict of names
) -> None:
    """Make one call and queue its line."""
    assert entry is not None
    try:
        if type(arguments) is dict:
            value = entry(*arguments["args"], **arguments["kwargs"])
        else:
            value = entry(*arguments)
        text = encoder.encode(value)
    except TooLarge:
        lines.put("e", "TooLarge: the result is too large")
    except BaseException as error:  # noqa: BLE001 - SystemExit and all: the candidate's failure
        lines.put("e", describe(error).encode("unicode_escape").decode())
    else:
        lines.put("v", text)


def serve(channel: int, job: dict[str, Any]) -> int:
    """Answer the calls of a test that runs in another process, one line each, until it ends."""
    lines, _, entry = start(channel, job)
    encoder = Encoder(PARTS)
    lines.put("r", "")
    lines.flush()
    while entry is not None:
        request = receive(channel)
        name = request["name"]
        known = sys.modules[NAME].__dict__
        called = entry if name == job["entry_point"] else resolve(known, name)
        one(lines, encoder, called, request)
        lines.flush()
    return 0


def program(channel: int, job: dict[str, Any]) -> int:
    """Run the candidate as a script: `stdin` is its input, `channel` its standard output."""
    file = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600)
    data = memoryview(job["stdin"])
    while data:
        data = data[os.write(file, data) :]
    os.lseek(file, 0, os.SEEK_SET)
    os.dup2(file, 0)
    os.dup2(channel, 1)
    os.closerange(3, 64)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0)), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w")), encoding="utf-8")
    sys.argv = ["solution.py"]
    status, why = 0, ""
    try:
        load(job, "__main__")
    except BaseException as error:  # noqa: BLE001 - an uncaught exception is a traceback and status 1
        status = 1
        if isinstance(error, SystemExit) and isinstance(error.code, int | None):
            status = error.code or 0
        else:
            why = LAST_WORDS + describe(error)
    status = finish(status)
    if why:
        os.write(1, why.encode("utf-8", "backslashreplace"))
    return status


def finish(status: int) -> int:
    """End a script as the interpreter would: wait for threads, run exit handlers, flush."""
    try:
        if threading := sys.modules.get("threading"):
            threading._shutdown()  # noqa: SLF001 - there is no public way
        if atexit := sys.modules.get("atexit"):
            atexit._run_exitfuncs()  # noqa: SLF001 - there is no public way
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - as an interpreter that fails while it ends
        return status or 1
    return status


def test(channel: int, job: dict[str, Any]) -> int:
    """Run trusted test source against a candidate that lives in another process."""
    from vervet.verifiers.sandbox.inside import tester  # noqa: PLC0415 - candidates never need it

    return tester.run(channel, job)
