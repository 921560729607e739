"""Many checks in one go: memory, descriptors, zombies, mounts before the first, after each tenth.

python benchmarks/code_verifier_flat.py [--checks 100000]
"""

import argparse
import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

from vervet.types import Problem, Sample
from vervet.verifiers.sandbox import Sandbox
from vervet.verifiers.sandbox.clock import children_of
from vervet.verifiers.unit_tests import UnitTests, unit_tests

PROBLEM = Problem("p", "?", {"entry_point": "f", "inputs": [[1], [2]], "expected": [1, 2]})
WARM = 500
"""Checks before the first count: slots start, caches fill."""
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
    pool = verifier.sandbox
    assert isinstance(pool, Sandbox)
    slots = [slot.host_pid for idle in pool.idle.values() for slot in idle]
    pids = [os.getpid(), *slots]
    return {
        "kB here": resident(os.getpid()),
        "kB in slots": sum(map(resident, slots)),
        "slots": len(slots),
        "descriptors": sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids),
        "zombies": sum(state_of(child) == "Z" for pid in pids for child in children_of(pid)),
        "mounts": len(Path("/proc/self/mounts").read_text().splitlines()),
        "shared memory": len(list(Path("/dev/shm").iterdir())),  # noqa: S108 - looked at only
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
    """Run the checks and print the state before them and after each tenth."""
    verifier = unit_tests()

    async def worker(queue: Iterator[int]) -> None:
        for index in queue:
            code = f"{PROGRAMS[index % len(PROGRAMS)]}\n# {index}"  # an equal one would not be run
            await verifier.verify(PROBLEM, Sample("p", "m", index, code), 0)

    begun, done = time.perf_counter(), -WARM
    for stop in (checks * tenth // 10 for tenth in range(11)):
        queue, done = iter(range(done, stop)), stop
        await asyncio.gather(*(worker(queue) for _ in range(verifier.concurrency)))
        found = state(verifier)
        if not done:
            print("checks", *found, sep="  ")
            begun = time.perf_counter()
        print(done, *found.values(), sep="  ", flush=True)
    print(f"{checks / (time.perf_counter() - begun):.0f} checks a second")
    await verifier.aclose()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Nothing grows with the number of checks.")
    parser.add_argument("--checks", type=int, default=100_000)
    asyncio.run(go(parser.parse_args().checks))


if __name__ == "__main__":
    main()
