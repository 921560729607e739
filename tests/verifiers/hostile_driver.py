"""Runs hostile programs and says what became of each, and of this machine.

Reads JSON `{"programs": [[name, code, entry point, inputs, expected, tolerance]], "seconds"}` and
answers with JSON. A program of its own, so that a test can run it as another user.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from vervet.types import Problem, Sample, Verdict
from vervet.verifiers.sandbox.clock import children_of, queued_of
from vervet.verifiers.unit_tests import UnitTests, unit_tests

WARM = "def f(): return 1"
STYLES = ("inputs", "source", "program")


def reference(style: str, program: list[Any]) -> dict[str, Any]:
    """Return the tests of a program in one of three styles."""
    _, _, entry, inputs, expected, tolerance = program
    if style == "inputs":
        tests = {"entry_point": entry, "inputs": inputs, "expected": expected}
        return tests | ({"atol": tolerance} if tolerance else {})
    if style == "source":
        test = (
            f"def check(candidate):\n    for given, right in zip({inputs!r}, {expected!r}):\n"
            f"        assert abs(candidate(*given) - right) <= {tolerance!r}\n"
        )
        return {"entry_point": entry, "test": test}
    lines = [(f"{given[0]}\n", f"{right}\n") for given, right in zip(inputs, expected, strict=True)]
    return {"cases": [{"input": given, "output": right} for given, right in lines]}


def text_of(style: str, program: list[Any]) -> str:
    """Return the reply that holds the program."""
    _, code, entry, *_ = program
    return f"{code}\nprint({entry}(int(input())))\n" if style == "program" else str(code)


def traces(verifier: UnitTests) -> dict[str, int]:
    """Count what no check may leave: processes, mounts, files in shared memory."""
    slots = [slot for idle in verifier.sandbox.idle.values() for slot in idle]  # type: ignore[union-attr]  # warm
    return {
        "processes": sum(len(children_of(slot.host_pid)) for slot in slots),
        "mounts": len(Path("/proc/self/mounts").read_text().splitlines()),
        "files": sum(1 for slot in slots for _ in scratch_of(slot.host_pid) if os.geteuid() == 0),
    }


def resident(verifier: UnitTests) -> int:
    """Return the memory of this process and of the slots in KiB."""
    slots = [slot for idle in verifier.sandbox.idle.values() for slot in idle]  # type: ignore[union-attr]  # warm
    texts = [
        Path(f"/proc/{p}/status").read_text() for p in (os.getpid(), *(s.host_pid for s in slots))
    ]
    lines = [line for text in texts for line in text.splitlines() if line.startswith("VmRSS")]
    return sum(int(line.split()[1]) for line in lines)


def scratch_of(pid: int) -> list[Path]:
    """List the scratch folder of a slot; only root may look into it."""
    if os.geteuid() != 0:
        return []
    lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    points = [Path(line.split()[4]) for line in lines]
    given = {
        point.parts[2]
        for point in points
        if point.parts[:2] == ("/", "tmp") and len(point.parts) > 2
    }
    return [path for path in Path(f"/proc/{pid}/root/tmp").iterdir() if path.name not in given]


def queued(verifier: UnitTests) -> float:
    """Return the seconds this process and the slots have stood in the kernel's run queue."""
    slots = [slot for idle in verifier.sandbox.idle.values() for slot in idle]  # type: ignore[union-attr]  # warm
    return sum(
        queued_of(Path(f"/proc/{pid}")) for pid in (os.getpid(), *(s.host_pid for s in slots))
    )


async def judged(verifier: UnitTests, style: str, program: list[Any]) -> tuple[Verdict, float]:
    """Run one program; return the verdict and the seconds until it, those in run queues left out.

    Without the last, the figure would be that of the machine's other work.
    """
    problem = Problem("p", "?", reference(style, program))
    sample = Sample("p", "m", 0, text_of(style, program))
    begun, before = time.monotonic(), queued(verifier)
    verdict = await verifier.verify(problem, sample, 0)
    spent = time.monotonic() - begun
    waited = json.loads(verdict.evidence).get("queued_seconds", 0.0)
    return verdict, spent - waited - max(0.0, queued(verifier) - before)


async def main(order: dict[str, Any]) -> dict[str, Any]:
    """Run every program in every style."""
    verifier = unit_tests(timeout=order["seconds"], workers=1)
    found = []
    for style, code in (("inputs", WARM), ("source", WARM), ("inputs", f"import numpy\n{WARM}")):
        await judged(verifier, style, ["", code, "f", [[]], [1], 0])  # starts a slot
    before, memory = traces(verifier), resident(verifier)
    for program in order["programs"]:
        for style in STYLES:
            verdict, spent = await judged(verifier, style, program)
            after = traces(verifier)
            left = {name: count for name, count in after.items() if count > before[name]}
            found.append([program[0], style, verdict.outcome.value, spent, left, verdict.detail])
    memory = resident(verifier) - memory
    await verifier.aclose()
    return {"found": found, "children": len(children_of(os.getpid())), "memory": memory}


def become(user: int) -> None:
    """Go on as another user, for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        become(int(sys.argv[1]))
    sys.stdout.write(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
