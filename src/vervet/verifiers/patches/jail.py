"""One check of a patch, in a sandbox of its own: prepare the repository, then run its tests.

Started by its path, with the job as JSON on standard input and a descriptor to report to; imports
nothing of the packages above it. Everything happens in a private tmpfs, without network:

    build the root ─▶ prepare (a confined child: copy, apply, put back) ─▶ make the tests read-only
                  ─▶ give up every privilege ─▶ run the tests (a child) ─▶ kill what is left

What the tests print goes to standard output; what counts goes to the report, a line of JSON each.
"""
# Paths are plain strings: they go over the wire, and half of them are inside another root.
# ruff: noqa: PTH100, PTH101, PTH102, PTH113, PTH114, PTH118, PTH120, S103, S108

import base64
import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import stat
import struct
import sys
import traceback
from importlib import import_module
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
SANDBOX = os.path.join(os.path.dirname(HERE), "sandbox")
REFUSED = 97
"""Exit status where the confinement asked for cannot be had."""
BED = "/tmp/testbed"
WITNESS = "/tmp/.witness"
POLL_SECONDS = 0.05
LONGEST_FILE = 32 << 20
READ_ONLY_MOUNTS = 400
"""More protected files than this are made read-only by their folder alone."""


def load(folder: str, name: str) -> Any:  # noqa: ANN401 - a module
    """Import a module by its folder, without the packages above it."""
    sys.path.insert(0, folder)
    try:
        return import_module(name)
    finally:
        sys.path.remove(folder)


class Report:
    """Lines to the outside."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - it has no name
        self.descriptor = descriptor

    def say(self, kind: str, **what: Any) -> None:  # noqa: ANN401 - plain JSON data
        """Send one line."""
        line = json.dumps({"kind": kind, **what}).encode() + b"\n"
        while line:
            line = line[os.write(self.descriptor, line) :]


class Jail:
    """The confinement of one check."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.confine = load(os.path.join(SANDBOX, "inside"), "confine")
        self.syscalls = load(os.path.join(SANDBOX, "inside"), "syscalls")
        self.prepare = load(HERE, "prepare").prepare
        self.sabotage = load(HERE, "sabotage").sabotage
        self.proc = os.open("/proc", os.O_PATH)
        self.pipe = -1

    def build(self) -> None:
        """Enter fresh namespaces as their first process, with a root of our own."""
        self.confine.become_init()
        loopback_up()
        self.confine.build_root(
            [tuple(pair) for pair in self.settings["binds"]],
            self.settings["scratch"],
            proc=True,
            inodes=self.settings["inodes"],
        )
        self.confine.mount("tmpfs", "/dev/shm", "tmpfs", 6, "size=64m,mode=1777")
        for folder in ("/tmp/home", "/tmp/tmp", "/tmp/bin", BED):
            os.mkdir(folder)
            os.chmod(folder, {"/tmp/bin": 0o755, BED: 0o777}.get(folder, 0o1777))
        # Where a system calls its interpreter python3 only, python is that one.
        own = os.open("/tmp/bin/python", os.O_CREAT | os.O_WRONLY, 0o755)
        os.write(own, b'#!/bin/sh\nexec python3 "$@"\n')
        os.close(own)
        os.mkfifo(WITNESS)
        os.chmod(WITNESS, 0o622)  # everyone tells, only we read
        self.pipe = os.open(WITNESS, os.O_RDWR | os.O_NONBLOCK)

    def give_up(self) -> None:
        """Leave every privilege of this process, for good."""
        self.confine.drop_root(self.proc)
        self.confine.drop_capabilities()
        self.confine.limit(self.settings["limits"])
        self.confine.seal()
        calls = self.syscalls
        calls.Filter(calls.base_filter(execute=True, local=True)).install()

    def prepared(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return what a confined child says of preparing the repository; nothing else is left."""
        receive, send = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            with contextlib.suppress(BaseException):
                self.give_up()
                found = attempt(self.prepare, job)
                if job["spoil"] and "protected" in found:
                    found["spoiled"] = self.sabotage(BED, job["tests"])
                said = json.dumps(found).encode()
                with os.fdopen(send, "wb") as pipe:
                    pipe.write(said)
                status = 0
            os._exit(status)
        os.close(send)
        with os.fdopen(receive, "rb") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        sweep()
        told: dict[str, Any] = json.loads(said) if said else {"failed": "preparing it failed"}
        return told

    def protect(self, paths: list[str]) -> None:
        """Mount the tests' files on themselves, read-only; their folders stay where they are."""
        files = [os.path.join(BED, path) for path in paths]
        folders = {BED}
        for file in files:
            above = os.path.dirname(file)
            while above.startswith(BED + "/"):
                folders.add(above)
                above = os.path.dirname(above)
        for folder in sorted(folders):
            self.confine.mount(folder, folder, "", self.confine.BIND)
        for file in files[:READ_ONLY_MOUNTS]:
            if os.path.isfile(file) and not os.path.islink(file):
                self.confine.bind(file, file)


def attempt(prepare: Any, job: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - a function
    """Return what preparing says, or how it failed."""
    try:
        found: dict[str, Any] = prepare(job, BED)
    except BaseException as error:  # noqa: BLE001 - it is told to the outside, whatever it is
        last = traceback.extract_tb(error.__traceback__)[-1]
        return {"failed": f"{type(error).__name__}: {error} ({last.name}, line {last.lineno})"}
    return found


def loopback_up() -> None:
    """Have the network namespace's own loopback; there is nothing beyond it."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(link, 0x8914, request)  # SIOCSIFFLAGS


def sweep() -> None:
    """Kill and reap every other process of these namespaces."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def run_tests(job: dict[str, Any], pipe: int, report: Report) -> None:
    """Run the test command and pass on what its witness says, until it ends."""
    child = os.fork()
    if child == 0:
        try:
            os.chdir(BED)
            os.execve("/bin/sh", ["/bin/sh", "-c", job["command"]], job["environment"])  # noqa: S606 - the test command
        finally:
            os._exit(127)
    status = None
    while status is None:
        relay(pipe, report, POLL_SECONDS)
        while True:
            try:
                pid, how = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == child:
                status = os.waitstatus_to_exitcode(how)
            if pid == 0:
                break
    sweep()
    relay(pipe, report, 0)
    used = os.times()
    report.say("ended", status=status, cpu=used.children_user + used.children_system)


def relay(pipe: int, report: Report, seconds: float) -> None:
    """Pass on what stands in the pipe; wait so long for it."""
    while select.select([pipe], [], [], seconds)[0]:
        data = os.read(pipe, 1 << 16)
        if not data:
            return
        report.say("witness", data=base64.b64encode(data).decode())


def text_of(path: str) -> str | None:
    """Return a file that the tests wrote, or None: it may be anything."""
    try:
        file = os.open(os.path.join(BED, path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(file, "rb") as open_file:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return None
        return open_file.read(LONGEST_FILE).decode("utf-8", "replace")


def main() -> None:
    """Do one check."""
    os.umask(0o022)
    report = Report(int(sys.argv[1]))
    job: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    jail = Jail(job["settings"])
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    try:
        jail.build()
        found = jail.prepared(job)
        report.say("prepared", **found)
        if found.get("failed") or found.get("refused"):
            os._exit(0)
        jail.protect(found["protected"])
        jail.give_up()
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        sys.stderr.flush()
        os._exit(REFUSED)
    os.chdir("/tmp")
    run_tests(job, jail.pipe, report)
    if job["report"]:
        report.say("file", text=text_of(job["report"]))
    os._exit(0)


if __name__ == "__main__":
    main()
