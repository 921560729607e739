"""The warm interpreter: confine this process, then fork one child for each check.

Started by `vervet.verifiers.sandbox.slots` with a control socket as descriptor 0 and its settings
as one marshalled argument. Nothing of a check is ever read here: the child takes its job from a
socket of its own, so one candidate finds no trace of another in the memory it inherits.
"""
# Paths are plain strings: pathlib is memory that every fork would copy.
# ruff: noqa: PTH100, PTH108, PTH112, PTH114, PTH119, PTH120, PTH208

import gc
import importlib
import marshal
import os
import select
import signal
import socket
import sys
import types
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
CONTROL = 3
WARM = """
from typing import List

def f(a: List[int], b=1):
    return sorted({x: str(x) for x in a})
"""


def find_own_modules() -> None:
    """Let `vervet.verifiers.sandbox.inside` be imported without running the packages above it."""
    folder = HERE
    for name in reversed(
        (
            "vervet",
            "vervet.verifiers",
            "vervet.verifiers.sandbox",
            "vervet.verifiers.sandbox.inside",
        )
    ):
        package = types.ModuleType(name)
        package.__path__ = [folder]
        sys.modules[name] = package
        folder = os.path.dirname(folder)


def warm_up(preload: list[str]) -> None:
    """Import and run once what candidates use, so that their first use costs no page faults."""
    for name in ("random", *preload):
        importlib.import_module(name)
    sys.modules["random"].seed(0)
    from vervet.verifiers.sandbox.inside import runner, values  # noqa: PLC0415 - after find_own_modules

    encoder = values.Encoder(100)
    names = runner.load({"code": WARM})
    encoder.encode([1, 2.5, "a", None, (1, [2]), {"a": {1}}, names["f"]([2, 1])])
    values.describe(ValueError("warm")).encode("unicode_escape")  # a codec is a module, too
    sys.modules.pop(runner.NAME)
    gc.collect()
    gc.freeze()


def forget_own_modules() -> None:
    """Leave no name of ours where a candidate could import it by accident."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "vervet"]:
        del sys.modules[name]
    sys.path[:] = [path for path in sys.path if path != HERE]


def main() -> None:
    """Confine, report, and serve checks until the other side hangs up."""
    settings: dict[str, Any] = marshal.loads(bytes.fromhex(sys.argv[1]))  # noqa: S302 - from our parent
    os.dup2(0, CONTROL)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.closerange(CONTROL + 1, 256)
    find_own_modules()
    control = socket.socket(fileno=CONTROL)
    try:
        serve = prepare(settings)
    except OSError as error:
        control.sendall(f"failed {error.strerror or error}".encode())
        os._exit(1)
    control.sendall(b"ready")
    serve(control)
    os._exit(0)


def prepare(settings: dict[str, Any]) -> Any:  # noqa: ANN401 - a function of the control socket
    """Confine this process as `settings` say and return what serves checks."""
    from vervet.verifiers.sandbox.inside import confine, runner, syscalls  # noqa: PLC0415 - after find_own_modules

    proc = os.open("/proc", os.O_PATH)
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
    else:
        os.close(proc)
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
    return Server(runner, fork_filter, syscalls.forker(), scratch=settings["folder"]).serve


class Server:
    """Forks a child for each check and clears up after it."""

    def __init__(self, runner: Any, fork_filter: Any, fork: Any, *, scratch: str) -> None:  # noqa: ANN401 - modules of ours, by then forgotten
        self.runner, self.fork_filter, self.fork, self.scratch = runner, fork_filter, fork, scratch
        self.alone = os.getpid() == 1
        self.given = frozenset(os.listdir(scratch)) if self.alone else frozenset()
        own = os.path.basename(scratch).startswith("vervet-sandbox-")
        if not (self.alone or own):
            raise OSError(f"{scratch} is not a scratch folder of ours")  # it would be emptied

    def serve(self, control: socket.socket) -> None:
        """Answer each descriptor that comes with the fate of the child that got it."""
        while True:
            word, ancillary, _, _ = control.recvmsg(16, 64)
            if not word:
                return
            if not ancillary:
                continue  # a late order to kill a child that had ended by itself
            channel = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
            child = self.fork()
            if not child:
                self.child(control, channel)
            os.close(channel)
            status, usage = self.watch(control, child)
            if self.alone:
                self.clear()
            control.sendall(
                marshal.dumps(
                    (status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, self.dirty())
                )
            )

    def child(self, control: socket.socket, channel: int) -> None:
        """Be one check. Never returns."""
        os.close(control.detach())
        status = 1
        try:
            if self.fork_filter:
                self.fork_filter.install()
            status = self.runner.run(channel, self.runner.receive(channel))
        finally:
            os._exit(status & 255)

    def watch(self, control: socket.socket, child: int) -> tuple[int, Any]:
        """Wait for the child, or kill it when told to or when the other side is gone."""
        end = os.pidfd_open(child)
        poll = select.poll()
        poll.register(end, select.POLLIN)
        poll.register(control, select.POLLIN)
        for descriptor, _ in poll.poll():
            if descriptor != end:
                gone = not control.recv(16)
                os.kill(child, signal.SIGKILL)
                if gone:
                    os._exit(0)
        os.close(end)
        _, status, usage = os.wait4(child, 0)
        return status, usage

    def clear(self) -> None:
        """As process 1, kill whatever else lives here, reap it, and empty the scratch folder."""
        try:
            os.kill(-1, signal.SIGKILL)
            while True:
                os.waitpid(-1, 0)
        except (ProcessLookupError, ChildProcessError):
            pass

    def dirty(self) -> bool:
        """Empty the scratch folder; say whether anything in it resists."""
        try:
            for name in set(os.listdir(self.scratch)) - self.given:
                path = f"{self.scratch}/{name}"
                if os.path.isdir(path) and not os.path.islink(path):
                    importlib.import_module("shutil").rmtree(path)
                else:
                    os.unlink(path)
        except OSError:
            return True
        return False


if __name__ == "__main__":
    main()
