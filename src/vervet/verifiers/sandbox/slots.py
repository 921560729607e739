"""A slot: one confined warm interpreter, and the conversation with it.

A check costs one fork. The slot gets a fresh socket for each check, so nothing that one candidate
leaves in a channel reaches the next. Results are read here, outside, by a `Reader`.
"""

import asyncio
import marshal
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vervet.errors import SandboxError
from vervet.verifiers.sandbox.clock import Clock, children_of, last_descendant
from vervet.verifiers.sandbox.inside.syscalls import REPORT
from vervet.verifiers.sandbox.limits import Cause, Ending, Limits

MAIN = Path(__file__).parent / "inside" / "__main__.py"
START_SECONDS = 60.0
CHUNK = 1 << 18
HEADER = 8
UNHEARD_SECONDS = 0.01
"""Most checks are over by then; not waiting for their words as well saves a tenth of the work."""
KILL_SECONDS, KILL_ORDERS = 0.1, 6
"""A child is gone a moment after the order, or the slot is ended: an answer is never late."""


class Reader(Protocol):
    """Takes what a candidate's process sends."""

    progress: int
    """Calls finished so far; the clock of a test starts again when it grows."""

    def begin(self, turn: "Turn", /) -> None:
        """Learn by whom it is fed: `turn.send` writes to the process, `turn.stop` ends it."""
        ...

    def feed(self, data: bytes, /) -> bool:
        """Take the next bytes; return True when nothing more is wanted."""
        ...


@dataclass(frozen=True, slots=True)
class Start:
    """How to start a warm interpreter, and what it is told."""

    command: tuple[str, ...]
    settings: dict[str, Any]
    environment: dict[str, str]
    scratch: str | None = None
    """A folder of this machine made for this interpreter, where it has no private one inside."""


def pack(job: dict[str, Any] | list[Any]) -> bytes:
    """Write a job, or more inputs, as the inside reads it: the length, then marshalled data."""
    body = marshal.dumps(job, 2)
    return len(body).to_bytes(HEADER, "little") + body


class Slot:
    """One warm interpreter. Not for two checks at the same time."""

    def __init__(self, start: Start) -> None:
        """Start it and wait until it is confined.

        Raises:
            SandboxError: the isolation asked for cannot be had; the message says which part.
        """
        self.scratch = start.scratch
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - the interpreter and our own file
                [*start.command, marshal.dumps(start.settings, 2).hex()],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=start.environment,
                cwd="/",
                start_new_session=True,
            )
        self.host_pid = self.process.pid
        self.loop: asyncio.AbstractEventLoop | None = None
        self.turn: Turn | None = None
        self.control.settimeout(START_SECONDS)
        try:
            word = self.control.recv(4096).decode(errors="replace")
        except OSError as error:
            word = str(error)
        if word != "ready":
            self.close()
            raise SandboxError(word.removeprefix("failed ") or "the warm interpreter did not start")
        self.control.setblocking(False)  # noqa: FBT003 - the standard library's
        self.host_pid = last_descendant(self.process.pid)

    async def run(self, job: bytes, limits: Limits, reader: Reader) -> Ending:
        """Run one check to its end.

        Raises:
            SandboxError: the warm interpreter is gone; the slot is closed.
        """
        loop = asyncio.get_running_loop()
        if self.loop is not loop:
            self.loop = loop
            loop.add_reader(self.control.fileno(), self.on_control)
        self.turn = Turn(self, limits, reader, loop)
        try:
            self.turn.start(job)
            return await self.turn.ended
        except OSError as error:
            self.close()
            raise SandboxError(f"the sandbox broke down: {error}") from error
        except BaseException:
            self.close()  # cancelled in the middle: the child must not live on
            raise
        finally:
            self.turn.finish()
            self.turn = None

    def on_control(self) -> None:
        """Take the fate of a child, or notice that the warm interpreter is gone."""
        try:
            word = self.control.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            word = b""
        if self.turn is None:
            if not word:
                self.close()
        elif word:
            self.turn.end(word)
        else:
            self.turn.fail(OSError("the warm interpreter is gone"))

    def close(self) -> None:
        """Hang up; the kernel ends everything inside with the interpreter."""
        if self.loop is not None:
            if not self.loop.is_closed():
                self.loop.remove_reader(self.control.fileno())
            self.loop = None
        self.control.close()
        self.kill()  # nothing in it is worth waiting for
        self.process.wait()
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def kill(self) -> None:
        """End the interpreter and what it started; its namespace ends with it."""
        for child in children_of(self.host_pid):
            with suppress(OSError):
                os.kill(child, signal.SIGKILL)
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)

    @property
    def closed(self) -> bool:
        """Whether it can run no more checks."""
        return self.control.fileno() < 0


class Turn:
    """One check in a slot: its socket, its clock, its reader."""

    def __init__(
        self, slot: Slot, limits: Limits, reader: Reader, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.slot, self.limits, self.reader, self.loop = slot, limits, reader, loop
        self.ended: asyncio.Future[Ending] = loop.create_future()
        self.ours, self.theirs = socket.socketpair()
        self.stopped: Cause | None = None
        self.received = self.orders = 0
        self.clock = Clock(slot.host_pid)
        self.partner: Turn | None = None
        """The test a candidate converses with; what it waits for the processor is not its fault."""
        self.timer = loop.call_later(min(UNHEARD_SECONDS, limits.cpu_seconds), self.on_delay)
        self.unsent = memoryview(b"")
        self.dirty = self.over = self.reading = self.writing = False

    def start(self, job: bytes) -> None:
        """Put the job into the socket, then hand the socket to the slot."""
        self.reader.begin(self)
        self.send(job)
        with self.theirs:
            socket.send_fds(self.slot.control, [b"j"], [self.theirs.fileno()])

    def on_delay(self) -> None:
        """Listen to a child that takes longer than most, and begin to watch its time."""
        self.listen()
        self.timer = self.loop.call_later(self.limits.cpu_seconds, self.on_time)

    def listen(self) -> None:
        """Read what comes as it comes; what a short check said is read at its end."""
        if not self.reading and not self.over:
            self.reading = True
            self.loop.add_reader(self.ours.fileno(), self.on_data)

    def send(self, data: bytes) -> None:
        """Send the job, or more to a process that listens."""
        if self.ours.fileno() < 0:
            return
        self.unsent = memoryview(bytes(self.unsent) + data if self.unsent else data)
        self.on_room()

    def on_room(self) -> None:
        """Send more of the job."""
        try:
            self.unsent = self.unsent[self.ours.send(self.unsent, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            pass
        except OSError:
            self.unsent = memoryview(b"")  # the child is gone; its fate comes by the other way
        if bool(self.unsent) != self.writing:
            self.writing = not self.writing
            if self.writing:
                self.loop.add_writer(self.ours.fileno(), self.on_room)
            else:
                self.loop.remove_writer(self.ours.fileno())

    def on_data(self) -> bool:
        """Read what is there; return whether there may be more."""
        try:
            data = self.ours.recv(CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.stop_reading()
            return False
        if self.stopped:
            return True
        self.received += len(data)
        if self.received > self.limits.output_bytes:
            self.stop("output")
        elif self.read(data):
            self.stop("enough")
        elif not self.over:
            self.clock.advance(self.reader.progress)
        return True

    def read(self, data: bytes) -> bool:
        """Let the reader take the data; where the reader itself fails, so does the check."""
        try:
            return self.reader.feed(data)
        except Exception as error:  # noqa: BLE001 - raised again where the check is awaited
            self.fail(error)
            return True

    def fail(self, error: Exception) -> None:
        """End with an error of ours."""
        if not self.ended.done():
            self.ended.set_exception(error)

    def stop(self, cause: Cause) -> None:
        """Have the child killed."""
        if not self.stopped:
            self.stopped = cause
            if not self.over:
                self.timer.cancel()
                self.order_kill()

    def order_kill(self) -> None:
        """Tell the kernel, through the control socket, to kill the child; at last end the slot."""
        self.orders += 1
        if self.orders > KILL_ORDERS:
            self.give_up()
            return
        with suppress(OSError):
            self.slot.control.send(b"k")
        self.timer = self.loop.call_later(KILL_SECONDS, self.order_kill)

    def give_up(self) -> None:
        """Answer without the slot, which is ended with all that is in it."""
        self.clock.sample()
        self.dirty = self.over = True
        self.slot.kill()
        self.conclude(-signal.SIGKILL, self.clock.used.cpu, 0)

    def on_time(self) -> None:
        """Stop a child that made no progress within its limits, or look again later."""
        self.clock.advance(self.reader.progress)
        try:
            left = self.clock.left(self.limits, self.partner.clock if self.partner else None)
        except OSError as error:
            self.fail(error)
            return
        if left <= 0:
            self.stop("time")
        else:
            self.timer = self.loop.call_later(left, self.on_time)

    def end(self, report: bytes) -> None:
        """Note the fate of the child, after reading what it still said."""
        self.over = True
        while self.on_data():
            pass
        status, user, user_micro, system, system_micro, peak, self.dirty = REPORT.unpack(report)
        cpu = user + system + (user_micro + system_micro) / 1e6
        self.conclude(os.waitstatus_to_exitcode(status), cpu, peak * 1024)

    def conclude(self, status: int, cpu: float, peak: int) -> None:
        """Give the answer."""
        if not self.ended.done():
            self.ended.set_result(
                Ending(
                    status=status,
                    stopped=self.stopped,
                    cpu_seconds=cpu,
                    wall_seconds=time.monotonic() - self.clock.begun,
                    peak_bytes=peak,
                    crowded=self.clock.crowded,
                    queued_seconds=self.clock.used.queued,
                )
            )

    def stop_reading(self) -> None:
        """Listen no more."""
        if self.reading:
            self.reading = False
            self.loop.remove_reader(self.ours.fileno())

    def finish(self) -> None:
        """Give everything back; a slot that could not be cleaned is not used again."""
        self.timer.cancel()
        self.stop_reading()
        if self.writing:
            self.loop.remove_writer(self.ours.fileno())
        self.ours.close()
        if self.dirty:
            self.slot.close()
