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

from vervet.types import Problem, Sample
from vervet.verifiers.sandbox.clock import children_of
from vervet.verifiers.unit_tests import UnitTests, unit_tests

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


async def main(order: dict[str, Any]) -> dict[str, Any]:
    """Run every program in every style."""
    verifier = unit_tests(timeout=order["seconds"], workers=1)
    found = []
    before: dict[str, int] = {}
    for program in order["programs"]:
        for style in STYLES:
            problem = Problem("p", "?", reference(style, program))
            sample = Sample("p", "m", 0, text_of(style, program))
            for _ in range(2):  # a busy machine: what took long is looked at once more
                begun = time.monotonic()
                verdict = await verifier.verify(problem, sample, 0)
                spent = time.monotonic() - begun
                if spent <= order["seconds"] + 1:
                    break
            before = before or traces(verifier)
            after = traces(verifier)
            left = {name: count for name, count in after.items() if count > before[name]}
            found.append([program[0], style, verdict.outcome.value, spent, left, verdict.detail])
    await verifier.aclose()
    return {"found": found, "children": len(children_of(os.getpid()))}


def become(user: int) -> None:
    """Go on as another user, for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        become(int(sys.argv[1]))
    sys.stdout.write(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
