"""Tests per second on CodeContests against the Large Language Monkeys' server, in one run.

    python benchmarks/code_contests.py --data DATA --peer PYTHON [--programs 24] [--rounds 3]

DATA holds `papers/codecontests_test_139_problems_with_tests.jsonl.gz`: 139 problems with about 200
tests each and two model replies each. PYTHON is an interpreter with the peer's needs
(`pip install fastapi uvicorn`); the peer is `code_contests_peer.py`, their server by its behaviour.

Modes: `passing` runs every test of programs that pass them all: real programs, with what they print
in the place of the expected output, for almost no reply is right; `replies` grades the replies as
they are, the first failing test ends each. Every round gives both graders the same programs.
"""

import argparse
import asyncio
import gzip
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from code_verifier import cpu
from vervet.problems.code_contests import code_contests
from vervet.types import Outcome, Problem, Sample
from vervet.verifiers.code.extraction import extract_code
from vervet.verifiers.sandbox import Limits, Sandbox
from vervet.verifiers.sandbox.slots import Turn
from vervet.verifiers.unit_tests import GRACE_SECONDS, unit_tests

FILE = "papers/codecontests_test_139_problems_with_tests.jsonl.gz"
PATIENCE = 2.0
"""Processor seconds a program may take for one test to be among the passing ones."""
MEMORY = 2_000_000_000_000
"""The address space the Monkeys' client asks for: none to speak of."""
REQUESTS = 256
SETTLING_SECONDS, IDLE_SHARE = 2.0, 0.05

Program = tuple[Problem, str]


@dataclass(frozen=True)
class Run:
    """One grader on one part of the programs."""

    seconds: float
    cpu: float
    accepted: list[bool]
    tests: int


class Output:
    """Keeps what a program prints."""

    def __init__(self) -> None:
        self.progress, self.chunks = 0, list[bytes]()

    def begin(self, turn: Turn) -> None:
        """Nothing to say to a program."""

    def feed(self, data: bytes) -> bool:
        """Keep it."""
        self.chunks.append(data)
        return False


def replies(data: Path) -> list[Program]:
    """Return the programs of all replies."""
    problems = {problem.id: problem for problem in code_contests(path=data / FILE)}
    found: list[Program] = []
    with gzip.open(data / FILE, "rt") as file:
        for row in map(json.loads, file):
            codes = map(extract_code, row["samples"])
            found += [(problems[row["name"]], code) for code in codes if code]
    return found


async def printed(sandbox: Sandbox, code: str, given: str) -> str | None:
    """Return what a program prints for one input; None where it does not end well."""
    reader = Output()
    job = {"mode": "program", "code": code, "stdin": given.encode()}
    ending = await sandbox.run(job, Limits(cpu_seconds=PATIENCE), reader)
    if ending.stopped or ending.status:
        return None
    with suppress(UnicodeDecodeError):
        return b"".join(reader.chunks).decode()
    return None


async def passing(programs: Sequence[Program], count: int) -> list[Program]:
    """Return programs that end well on every test, with problems that expect what they print."""
    sandbox, found = Sandbox(), list[Program]()
    for problem, code in programs:
        cases = []
        for case in problem.reference["cases"]:
            output = await printed(sandbox, code, case["input"])
            if output is None:
                break
            cases.append({"input": case["input"], "output": output})
        else:
            reference = {**problem.reference, "cases": cases}
            found.append((Problem(f"{problem.id}/{len(found)}", "", reference), code))
        if len(found) >= count:
            break
    await sandbox.aclose()
    return found


def ours(programs: Sequence[Program]) -> Run:
    """Grade with vervet, the full isolation on."""

    async def go() -> Run:
        verifier = unit_tests()
        await verifier.verify(programs[0][0], sample_of(programs[0]), 0)  # its start is not timed
        queue, found = iter(enumerate(programs)), [(False, 0)] * len(programs)

        async def worker() -> None:
            for at, program in queue:
                verdict = await verifier.verify(program[0], sample_of(program), 0)
                runs = json.loads(verdict.evidence or "{}")["results"]
                found[at] = verdict.outcome is Outcome.ACCEPT, sum(n for _, n in runs)

        begun, before = time.perf_counter(), cpu(verifier)
        await asyncio.gather(*(worker() for _ in range(verifier.concurrency)))
        seconds, used = time.perf_counter() - begun, cpu(verifier) - before
        await verifier.aclose()
        return Run(seconds, used, [a for a, _ in found], sum(n for _, n in found))

    return asyncio.run(go())


def sample_of(program: Program) -> Sample:
    """Return a program as a sample."""
    return Sample(program[0].id, "m", 0, f"```python\n{program[1]}\n```")


class Server:
    """The peer in processes of its own."""

    def __init__(self, python: str, workers: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        peer = Path(__file__).parent / "code_contests_peer.py"
        self.process = subprocess.Popen(
            [python, str(peer), self.url.rpartition(":")[2], str(workers)], start_new_session=True
        )
        for _ in range(3_000):
            with suppress(OSError):
                urllib.request.urlopen(f"{self.url}/ping")  # noqa: S310 - ours
                self.settle()
                return
            time.sleep(0.1)
        self.close()
        raise SystemExit("the peer did not start")

    def settle(self) -> None:
        """Wait until all of its workers have started: until they use no more time."""
        before = -1.0
        while (used := self.cpu()) - before > IDLE_SHARE * SETTLING_SECONDS:
            before = used
            time.sleep(SETTLING_SECONDS)

    def accepts(self, program: Program) -> bool:
        """Have one program graded, as the Monkeys' client asks."""
        problem, code = program
        body = {
            "code": code,
            "input_expected_output_pairs": [
                (case["input"], case["output"]) for case in problem.reference["cases"]
            ],
            "timeout": problem.reference["time_limit"] + GRACE_SECONDS,
            "memory_limit_bytes": MEMORY,
        }
        request = urllib.request.Request(  # noqa: S310 - ours
            f"{self.url}/execute", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - ours
            return bool(json.loads(answer.read())["correct"])

    def run(self, programs: Sequence[Program], tests: int) -> Run:
        """Grade programs, all of them asked for at once."""
        before, begun = self.cpu(), time.perf_counter()
        with ThreadPoolExecutor(REQUESTS) as pool:
            accepted = list(pool.map(self.accepts, programs))
        seconds = time.perf_counter() - begun
        return Run(seconds, self.cpu() - before, accepted, tests)

    def cpu(self) -> float:
        """Return processor seconds of the server's processes and all programs they ran."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.process.pid:
                    ticks += sum(map(int, fields[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


def compare(given: argparse.Namespace) -> None:
    """Run a mode round by round and print its table."""
    programs = replies(given.data)
    if given.mode == "passing":
        programs = asyncio.run(passing(programs, given.programs * given.rounds))
    chosen = programs[:: max(1, len(programs) // (given.programs * given.rounds))]
    server = Server(given.peer, given.peer_workers) if given.peer else None
    walls, works, equal, total = list[float](), list[float](), 0, 0
    for at in range(given.rounds):
        part = chosen[at :: given.rounds][: given.programs]
        mine = ours(part)
        show(f"round {at + 1} vervet ", mine)
        if server is None:
            continue
        theirs = server.run(part, mine.tests)
        show(f"round {at + 1} Monkeys", theirs)
        walls.append(theirs.seconds / mine.seconds)
        works.append(theirs.cpu / mine.cpu)
        total += len(part)
        equal += sum(a == b for a, b in zip(mine.accepted, theirs.accepted, strict=True))
        for program, a, b in zip(part, mine.accepted, theirs.accepted, strict=True):
            if a != b:
                print(f"  {program[0].id}: vervet {accepts(a)}, the Monkeys' server {accepts(b)}")
    if server is not None:
        server.close()
        print(
            f"vervet is {statistics.median(walls):.1f} x the Monkeys' server on wall time, "
            f"{statistics.median(works):.1f} x on processor time; {equal} of {total} verdicts equal"
        )


def accepts(accepted: bool) -> str:  # noqa: FBT001 - a verdict
    """Return a verdict as a verb."""
    return "accepts" if accepted else "rejects"


def show(name: str, run: Run) -> None:
    """Print one line of the table."""
    print(
        f"{name} {run.tests / run.seconds:8.1f} tests/s  {1e3 * run.cpu / run.tests:7.2f} ms cpu "
        f"each  {sum(run.accepted)} of {len(run.accepted)} pass, {run.tests} tests",
        flush=True,
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peer", default="", help="an interpreter with fastapi and uvicorn")
    parser.add_argument("--peer-workers", type=int, default=32, help="theirs has 32")
    parser.add_argument("--mode", choices=("passing", "replies"), default="passing")
    parser.add_argument("--programs", type=int, default=24, help="in each round")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if not given.peer:
        print("no peer: pip install fastapi uvicorn somewhere, --peer PYTHON", file=sys.stderr)
    compare(given)


if __name__ == "__main__":
    main()
