"""What the sandbox holds on this machine, found out by trying to break out of it.

Each attempt is a small hostile program; it says what it got hold of. A finding holds when the
program came back with nothing. Nothing here is read from a version number or a setting.
"""

import asyncio
import json
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from vervet.errors import ConfigError, SandboxError
from vervet.verifiers.sandbox.limits import MEBIBYTE, Ending, Limits
from vervet.verifiers.sandbox.pool import Sandbox
from vervet.verifiers.sandbox.slots import Turn


@dataclass(frozen=True, slots=True)
class Finding:
    """One way out, and whether it is closed."""

    isolation: str
    attempt: str
    holds: bool
    detail: str


PRELUDE = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def got(action):
    try:
        return action()
    except BaseException:
        return None
def child_works(start):
    pid = start()
    if pid == 0:
        os._exit(0)
    return f"started process {pid}" if pid > 0 else None
"""
ATTEMPTS: dict[str, str] = {
    "read files of this machine": """
def attempt(secret, port, marker):
    for path in (secret, "/etc/passwd", "/etc/shadow", "/root/.ssh", "/home", "/var"):
        if got(lambda: open(path).read(1) if os.path.isfile(path) else os.listdir(path)):
            return f"read {path}"
""",
    "see other processes": """
def attempt(secret, port, marker):
    seen = got(lambda: [p for p in os.listdir("/proc") if p.isdigit()])
    if seen:
        return f"sees {len(seen)} processes"
    if os.getppid() > 1:
        return f"its parent is process {os.getppid()}"
""",
    "read the environment of this process": """
def attempt(secret, port, marker):
    text = " ".join(os.environ.values()) + str(got(lambda: open("/proc/self/environ").read()))
    if marker in text:
        return "read it"
""",
    "connect to this machine or the network": """
def attempt(secret, port, marker):
    addresses = ((socket.AF_INET, ("127.0.0.1", port)), (socket.AF_UNIX, "\\0vervet-doctor"))
    for family, address in addresses:
        link = got(lambda: socket.socket(family, socket.SOCK_STREAM))
        if link is not None and got(lambda: link.connect(address) or True):
            return f"connected to {address}"
""",
    "write outside its scratch folder": """
def attempt(secret, port, marker):
    places = ("/", "/usr/lib", "/var/tmp", "/dev/shm", os.path.dirname(secret), sys.path[0])
    for path in (f"{place}/vervet-doctor-{marker}" for place in places):
        if got(lambda: open(path, "w").write("x")):
            os.unlink(path)
            return f"wrote {path}"
""",
    "fill the disk": """
def attempt(secret, port, marker):
    total, block = 0, b"x" * (1 << 20)
    for name in range(64):
        file = got(lambda: os.open(f"fill{name}", os.O_CREAT | os.O_WRONLY))
        while file is not None and total < 600 << 20:
            written = got(lambda: os.write(file, block))
            if not written:
                break
            total += written
    if total >= 600 << 20:
        return "wrote 600 MB"
""",
    "hide memory in a file": """
def attempt(secret, port, marker):
    if got(lambda: os.memfd_create("x")) is not None:
        return "memfd_create"
    if libc.shmget(0, 1 << 20, 0o1600) >= 0:
        return "System V shared memory"
""",
    "start a process": """
def attempt(secret, port, marker):
    return got(lambda: child_works(os.fork))
""",
    "start a program": """
def attempt(secret, port, marker):
    for path in ("/bin/true", "/usr/bin/env", sys.executable or "/usr/bin/python3"):
        libc.execve(path.encode(), (ctypes.c_char_p * 2)(path.encode(), None), None)
        if ctypes.get_errno() not in (1, 2, 13):
            return f"execve: errno {ctypes.get_errno()}"
""",
    "enter a namespace where it is root": """
def attempt(secret, port, marker):
    if libc.unshare(0x10000000) == 0:
        return "unshare"
    clone = 56 if os.uname().machine == "x86_64" else 220
    return got(lambda: child_works(lambda: libc.syscall(clone, 0x10000000 | 17, 0, 0, 0, 0)))
""",
    "mount, trace, or load a program into the kernel": """
def attempt(secret, port, marker):
    if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0:
        return "mount"
    if libc.ptrace(16, os.getppid(), 0, 0) == 0:
        return "ptrace of its parent"
    if os.uname().machine == "x86_64" and libc.syscall(321, 0, None, 0) >= 0:
        return "bpf"
""",
    "signal its parent": """
def attempt(secret, port, marker):
    if os.getppid() != 1 and got(lambda: os.kill(os.getppid(), 0) or True):
        return "may signal it"
""",
    "regain privileges": """
def attempt(secret, port, marker):
    for call in (lambda: os.setuid(0), lambda: os.chroot("/tmp")):
        if got(lambda: call() or True):
            return "it could"
    if os.geteuid() == 0:
        return "it is root"
""",
}
LIMITED: dict[str, str] = {
    "use memory without limit": """
def attempt(*a):
    return len(bytearray(2 << 30)) and "took 2 GiB"
""",
    "compute without end": "def attempt(*a):\n    while True: pass\n",
    "sleep without end": "import time\ndef attempt(*a):\n    time.sleep(10**6)\n",
    "ignore every signal": """
import signal
def attempt(*a):
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        pass
""",
}


class Answer:
    """Keeps what an attempt says."""

    def __init__(self) -> None:
        self.progress = 0
        self.data = b""

    def begin(self, turn: Turn) -> None:
        """Nothing to say."""

    def feed(self, data: bytes) -> bool:
        """Keep it."""
        self.data += data
        return False

    @property
    def said(self) -> str | None:
        """What the attempt returned, or None."""
        line = self.data.split(b"\n")[0]
        return str(json.loads(line[1:])) if line[:1] == b"v" and line != b"vnull" else None


def doctor(isolation: str = "namespaces") -> list[Finding]:
    """Try to break out of a rung of the ladder and return what was found, attempt by attempt.

    A rung that cannot be had is one finding that does not hold and says why.
    """
    return asyncio.run(examine(isolation))


async def examine(isolation: str) -> list[Finding]:
    """Do what `doctor` does inside a running loop."""
    try:
        sandbox = Sandbox(isolation, workers=1)
    except ConfigError as error:
        return [Finding(isolation, "can be had", holds=False, detail=str(error))]
    marker = os.urandom(8).hex()
    os.environ["VERVET_DOCTOR"] = marker
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        secret = Path(folder, "secret")
        secret.write_text(marker)  # noqa: ASYNC240 - eight bytes
        arguments = [str(secret), server.getsockname()[1], marker]
        try:
            programs = {name: PRELUDE + code for name, code in ATTEMPTS.items()} | LIMITED
            return [
                await attempt(sandbox, name, code, arguments) for name, code in programs.items()
            ]
        except (ConfigError, SandboxError) as error:
            return [Finding(isolation, "can be had", holds=False, detail=str(error))]
        finally:
            os.environ.pop("VERVET_DOCTOR", None)
            await sandbox.aclose()


async def attempt(sandbox: Sandbox, name: str, code: str, arguments: list[object]) -> Finding:
    """Run one attempt; it fails to break out when it says nothing and ends in time."""
    limits = Limits(cpu_seconds=1.0, memory_bytes=1024 * MEBIBYTE)
    answer = Answer()
    job = {
        "mode": "call", "code": code, "entry_point": "attempt", "inputs": [arguments],
        "memory": limits.memory_bytes,
    }  # fmt: skip
    ending = await sandbox.run(job, limits, answer)
    return Finding(
        sandbox.isolation, name, holds=answer.said is None, detail=answer.said or fate(ending)
    )


def fate(ending: Ending) -> str:
    """Say in a few words how an attempt ended."""
    if ending.stopped == "time":
        return f"stopped after {ending.wall_seconds:.1f} s"
    return "refused" if ending.status == 0 else f"ended with status {ending.status}"
