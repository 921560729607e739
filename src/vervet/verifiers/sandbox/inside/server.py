"""The warm interpreter: confine this process, then fork one child for each check.

Started by `vervet.verifiers.sandbox.slots` with a control socket as descriptor 0 and its settings
as one marshalled argument. Nothing of a check is ever read here: the child takes its job from a
socket of its own, so one candidate finds no trace of another in the memory it inherits.

A check costs what memory it touches, here and in the child: each page written after a fork is
copied. So little is imported, and between two forks little is done: a message, a fork, a wait.
"""
# Paths are plain strings: pathlib is memory that every fork would copy.
# ruff: noqa: PTH108, PTH112, PTH114, PTH116, PTH119, PTH208

import _socket
import gc
import importlib
import marshal
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

CONTROL = 3
REHEARSALS = 40
"""Until the interpreter has specialized the code every check runs, and writes to it no more."""
REHEARSAL = """
from typing import Any, Dict, List, Optional, Tuple, Union

def f(a: List[int], s: str = "a,b") -> Tuple[List[int], str]:
    '''Warm.'''
    seen: Dict[int, str] = {}
    for i, x in enumerate(a):
        if x not in seen and i % 2 == 0 or x > 1:
            seen[x] = str(x).upper()
    words = [w.strip().lower() for w in s.split(",") if w]
    n = 0
    while n < len(a):
        n += 1
    try:
        return sorted(set(a), key=lambda x: -x)[:2], "".join(words[::-1])
    except ValueError as error:
        raise TypeError(f"{error}") from error
"""
BUILT_IN: tuple[object, ...] = (
    0,
    0.5,
    "",
    b"",
    [],
    (),
    {},
    set(),
    frozenset(),
    None,
    1j,
    range(0),
    slice(0),
)


def warm_up(preload: list[str]) -> None:
    """Import and run what every check runs, so that its first use there copies no memory."""
    for name in ("random", *preload):
        importlib.import_module(name)
    sys.modules["random"].seed(0)
    from vervet.verifiers.sandbox.inside import runner, values  # noqa: PLC0415 - after find_own_modules

    outputs = sys.stdout, sys.stderr
    for _ in range(REHEARSALS):
        rehearse(runner, values)
    sys.stdout, sys.stderr = outputs
    sys.modules.pop(runner.NAME)
    for value in BUILT_IN:  # fills the cache of looked-up methods
        for name in dir(value):
            getattr(value, name)


def rehearse(runner: Any, values: Any) -> None:  # noqa: ANN401 - modules of ours, by then forgotten
    """Run a whole check, but for the fork and the verdict."""
    ours, theirs = _socket.socketpair()
    job = {
        "mode": "call", "code": REHEARSAL, "entry_point": "f", "seed": 0,
        "inputs": [[[2, 1, 3]], {"args": [[1]], "kwargs": {"s": "c,d"}}, ["ab"]],
    }  # fmt: skip
    body = marshal.dumps(job, 2)
    ours.send(len(body).to_bytes(runner.HEADER, "little") + body)
    channel = theirs.detach()
    runner.run(channel, runner.receive(channel))
    os.close(channel)
    ours.recv(1 << 16)
    ours.close()
    values.Encoder(100).encode([1, 2.5, "a", None, (1, [2]), {"a": {1}}, True])
    values.describe(ValueError("warm")).encode("unicode_escape")  # a codec is a module, too


def tidy_up() -> None:
    """Give back what starting has left behind: a fork copies the table of every page."""
    gc.collect()
    gc.freeze()
    importlib.import_module("ctypes").CDLL(None).malloc_trim(0)


def forget_own_modules() -> None:
    """Leave no name of ours where a candidate could import it by accident."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "vervet"]:
        del sys.modules[name]


def main() -> None:
    """Confine, report, and serve checks until the other side hangs up."""
    settings: dict[str, Any] = marshal.loads(bytes.fromhex(sys.argv[1]))  # noqa: S302 - from our parent
    os.dup2(0, CONTROL)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.closerange(CONTROL + 1, 256)
    # The C class: `socket` would add a megabyte to every fork.
    control = _socket.socket(fileno=CONTROL)
    try:
        serve = prepare(settings)
    except OSError as error:
        control.send(f"failed {error.strerror or error}".encode())
        os._exit(1)
    control.send(b"ready")
    serve(control)
    os._exit(0)


def prepare(settings: dict[str, Any]) -> Callable[[_socket.socket], None]:
    """Confine this process as `settings` say and return what serves checks."""
    from vervet.verifiers.sandbox.inside import confine, runner, syscalls  # noqa: PLC0415 - as above

    proc = os.open("/proc", os.O_PATH) if settings["namespaces"] else -1
    os.environ.clear()
    os.environ.update(settings["environment"])
    if settings["namespaces"]:
        confine.become_init()
    sys.path[:] = settings["outside"]
    warm_up(settings["preload"])
    if settings["ours"]:
        importlib.import_module("vervet.verifiers.sandbox.inside.tester")
    if settings["execute"]:
        foreign = importlib.import_module("vervet.verifiers.sandbox.inside.foreign")
        runner.MORE["foreign"] = foreign.run
    if settings["namespaces"]:
        confine.build_root(settings["binds"], settings["scratch"], proc=settings["execute"])
        confine.drop_root(proc)
        confine.drop_capabilities()
    os.chdir(settings["folder"])
    sys.path[:] = settings["path"]
    confine.limit(settings["limits"])
    confine.seal()
    fork_filter = None
    if settings["filter"]:
        syscalls.Filter(syscalls.base_filter(execute=settings["execute"])).install()
        fork_filter = None if settings["execute"] else syscalls.Filter(syscalls.fork_filter())
    if not settings["ours"]:
        forget_own_modules()
    for number in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    tidy_up()
    return Server(runner, fork_filter, syscalls, scratch=settings["folder"]).serve


class Server:
    """Forks a child for each check and clears up after it."""

    def __init__(self, runner: Any, fork_filter: Any, syscalls: Any, *, scratch: str) -> None:  # noqa: ANN401 - modules of ours, by then forgotten
        self.runner, self.fork_filter, self.scratch = runner, fork_filter, scratch
        self.fork, self.reaper = syscalls.forker(), syscalls.Reaper()
        self.alone = os.getpid() == 1
        self.given = frozenset(os.listdir(scratch)) if self.alone else frozenset()
        self.clean = self.look()
        own = os.path.basename(scratch).startswith("vervet-sandbox-")
        if not (self.alone or own):
            raise OSError(f"{scratch} is not a scratch folder of ours")  # it would be emptied

    def serve(self, control: _socket.socket) -> None:
        """Answer each descriptor that comes with the fate of the child that got it.

        While a child runs, this process only waits. The next thing to come over the control
        socket, an order to stop or the end of the other side, makes the kernel kill the child.
        """
        fork, reaper = self.fork, self.reaper
        reaper.listen(CONTROL)
        while True:
            word, ancillary, _, _ = control.recvmsg(16, 64)
            if not word:
                return
            if not ancillary:
                continue  # the order to stop a child, which did
            channel = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
            child = fork()
            if not child:
                self.child(control, channel)
            reaper.watch(CONTROL, child)
            os.close(channel)
            reaper.wait(child)
            if self.alone and reaper.kill_others():
                self.reap()
            reaper.report[-1] = self.dirty()
            control.send(reaper.report)

    def child(self, control: _socket.socket, channel: int) -> None:
        """Be one check. Never returns."""
        os.close(control.detach())
        status = 1
        try:
            if self.fork_filter:
                self.fork_filter.install()
            status = self.runner.run(channel, self.runner.receive(channel))
        finally:
            os._exit(status & 255)

    def reap(self) -> None:
        """Wait for whatever else lived here; it has been killed."""
        try:
            while True:
                os.waitpid(-1, 0)
        except ChildProcessError:
            pass

    def look(self) -> tuple[int, ...] | None:
        """Return what tells an empty scratch folder from another; None where nothing does.

        A tmpfs folder's size is the number of its entries.
        """
        if not self.alone:
            return None
        seen = os.stat(self.scratch)
        return seen.st_size, seen.st_mode, seen.st_uid, seen.st_gid

    def dirty(self) -> bool:
        """Empty the scratch folder; say whether anything in it resists."""
        if self.alone and self.look() == self.clean:
            return False
        try:
            for name in set(os.listdir(self.scratch)) - self.given:
                path = f"{self.scratch}/{name}"
                if os.path.isdir(path) and not os.path.islink(path):
                    importlib.import_module("shutil").rmtree(path)
                else:
                    os.unlink(path)
        except OSError:
            return True
        return self.look() != self.clean
