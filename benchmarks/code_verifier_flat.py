"""Many checks in one go: memory, descriptors, zombies and mounts at the start and at the end.

python benchmarks/code_verifier_flat.py [--checks 100000]
"""

import argparse
import asyncio
import os
import time
from pathlib import Path

from vervet.types import Problem, Sample
from vervet.verifiers.sandbox.clock import children_of
from vervet.verifiers.unit_tests import UnitTests, unit_tests

PROBLEM = Problem("p", "?", {"entry_point": "f", "inputs": [[1], [2]], "expected": [1, 2]})
PROGRAMS = (
    "def f(n): return n",
    "def f(n): return -n",
    "open('left', 'w').write('x' * 100000)\ndef f(n): return n",
    "import os\ndef f(n): os._exit(0)",
    "import threading\ndef f(n):\n    threading.Thread(target=print).start()\n    return n",
    "def f(n): return 'x' * 1000000",
)


def state(verifier: UnitTests) -> dict[str, int]:
    """Return what must not grow, here and in the slots."""
    pids = [os.getpid()]
    if verifier.sandbox.workers and hasattr(verifier.sandbox, "idle"):
        pids += [slot.host_pid for slots in verifier.sandbox.idle.values() for slot in slots]
    zombies = sum(state_of(child) == "Z" for pid in pids for child in children_of(pid))
    return {
        "memory of the slots and of this process, kB": sum(resident(pid) for pid in pids),
        "descriptors": sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids),
        "zombies": zombies,
        "mounts": len(Path("/proc/self/mounts").read_text().splitlines()),
        "shared memory files": len(list(Path("/dev/shm").iterdir())),  # noqa: S108 - looked at only
    }


def state_of(pid: int) -> str:
    """Return the letter of a process's state."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def resident(pid: int) -> int:
    """Return the resident memory of a process in kB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


async def go(checks: int) -> None:
    """Run the checks and print both states."""
    verifier = unit_tests()
    queue = iter(range(checks + 600))

    async def worker(stop: int) -> None:
        for index in queue:
            code = PROGRAMS[index % len(PROGRAMS)]
            await verifier.verify(PROBLEM, Sample("p", "m", index, code), 0)
            if index >= stop:
                return

    async def until(stop: int) -> None:
        await asyncio.gather(*(worker(stop) for _ in range(verifier.concurrency)))

    await until(500)
    before, begun = state(verifier), time.perf_counter()
    await until(checks + 500)
    after = state(verifier)
    print(f"{checks} checks, {checks / (time.perf_counter() - begun):.0f} a second")
    for name, value in before.items():
        print(f"  {name}: {value} at the start, {after[name]} at the end")
    await verifier.aclose()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Nothing grows with the number of checks.")
    parser.add_argument("--checks", type=int, default=100_000)
    asyncio.run(go(parser.parse_args().checks))


if __name__ == "__main__":
    main()
