"""A test in one process, the candidate in another, and their conversation in between."""

import asyncio
from typing import Any

from vervet.errors import VerifierError
from vervet.verifiers.code.process import (
    How,
    LineReader,
    fate,
    finish,
    prepared,
    profile_of,
    readable,
)
from vervet.verifiers.code.report import Report
from vervet.verifiers.code.suites import Source
from vervet.verifiers.sandbox import Ending, Limits, Profile, Runs
from vervet.verifiers.sandbox.slots import HEADER, Turn, pack

TESTER = Profile("tester", ours=True)
PYTEST = Profile(
    "tester",
    packages=("pytest", "pluggy", "iniconfig", "packaging", "pygments"),
    preload=("pytest",),
    ours=True,
)


class ServingReader(LineReader):
    """Passes a candidate's answers on to the test that asked."""

    def __init__(self) -> None:
        super().__init__()
        self.test: TestReader | None = None
        self.ready = False
        self.asked: list[bytes] = []
        self.over = ""

    def begin(self, turn: Turn) -> None:
        """Remember who feeds."""
        super().begin(turn)
        self.meet()

    def meet(self) -> None:
        """Let the candidate's clock know the test: what that waits for is not the candidate's."""
        if self.turn is not None and self.test is not None:
            self.turn.partner = self.test.turn
            self.part()

    def part(self) -> None:
        """End the candidate when the test has its verdict; to pass, it must have been loaded."""
        if self.turn is None or self.test is None or not self.test.over:
            return
        if self.ready or self.test.verdict != "":
            self.turn.stop("enough")

    def take(self, lines: list[bytes]) -> bool:
        """Pass each answer on, once the candidate says it is loaded."""
        for line in lines:
            self.progress += 1
            if line == b"r" and not self.ready and not self.over:
                self.ready = True
                self.ask()
                self.part()
            elif line[:1] == b"x" and not self.ready:
                self.end(readable(line[1:]))
            elif self.ready and self.test is not None:
                self.test.tell(line)
        return False

    def request(self, data: bytes) -> None:
        """Ask the candidate for one call; its clock starts then, but not while it still loads."""
        self.progress += self.ready
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
        self.broken = ""
        self.calls = 0
        self.begun = asyncio.Event()

    def begin(self, turn: Turn) -> None:
        """Remember who feeds."""
        super().begin(turn)
        self.serving.meet()
        self.begun.set()

    def take(self, lines: list[bytes]) -> bool:
        """Pass calls on; the verdict ends both processes."""
        for line in lines:
            self.progress += 1
            if line[:1] == b"c":
                self.calls += 1
                self.serving.request(bytes.fromhex(line[1:].decode()))
            elif line[:1] in {b"p", b"f"}:
                self.verdict = readable(line[1:]) if line[:1] == b"f" else ""
            elif line[:1] == b"b":
                self.broken = readable(line[1:])
        self.serving.part()
        return False

    @property
    def over(self) -> bool:
        """Whether nothing more is asked of the candidate."""
        return self.verdict is not None or bool(self.broken)

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
    await first_of(task, asyncio.ensure_future(tester.begun.wait()))
    ending = await candidate()
    await task
    if tester.verdict is None:
        why = tester.broken or "it broke down before it reached a verdict"
        raise VerifierError(f"the test cannot be run beside its candidate: {why}")
    report = Report(1)
    if ending.stopped == "time":
        return finish(report, ending)
    report.add(ending)
    if not tester.verdict and not serving.ready:  # the test called nothing of it
        report.note("error", serving.over)
    else:
        report.note("fail" if tester.verdict else "pass", tester.verdict)
    return report


async def first_of(task: asyncio.Future[Ending], begun: asyncio.Future[bool]) -> None:
    """Wait until the test runs: a candidate must not pay for the start of a slot.

    Raises:
        SandboxError: it could not be started.
    """
    both: set[asyncio.Future[Any]] = {task, begun}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    begun.cancel()
    if task.done():
        task.result()


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
