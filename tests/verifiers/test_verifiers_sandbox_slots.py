"""A slot ends with its supervisor, whenever that ends."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from vervet.verifiers.sandbox.isolation import Profile, start_of
from vervet.verifiers.sandbox.slots import Slot, pack

LOOP = pack(
    {"mode": "call", "code": "def f():\n    while True: pass", "entry_point": "f", "inputs": [[]]}
)


def gone(pid: int, *, within: float) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return True
        if stat.rpartition(")")[2].split()[0] in "ZX":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("isolation", ["namespaces", "process"])
def test_a_program_does_not_outlive_a_supervisor_that_ended_while_it_was_started(
    isolation: str,
) -> None:
    slot = Slot(start_of(isolation, Profile()))  # type: ignore[arg-type]  # two of the rungs
    ours, theirs = socket.socketpair()
    try:
        os.kill(slot.host_pid, signal.SIGSTOP)
        ours.sendall(LOOP)
        socket.send_fds(slot.control, [b"j"], [theirs.fileno()])
        slot.control.close()
        os.kill(slot.host_pid, signal.SIGCONT)
        assert gone(slot.host_pid, within=10.0)
    finally:
        ours.close()
        theirs.close()
        slot.close()
