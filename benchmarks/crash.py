"""A run killed with SIGKILL at 50 random moments, resumed each time: what is lost, what is twice?

    python benchmarks/crash.py [--kills 50] [--seed 0]

The child samples, verifies and compacts, and prints what it reports as stored. After each kill
every sample that was reported must be there; at the end every sample must be there once.
Must reach: 0 lost, 0 duplicates, complete.
"""

import argparse
import subprocess
import sys
import tempfile
import time

import numpy as np

from vervet.store import open_run
from vervet.types import Sample, Verdict

CHILD = """
import asyncio, sys
from vervet.engines import Local
from vervet.sampling import sample
from vervet.store import open_run, shards
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verification import Judging

shards.MANY_SHARDS = 16  # so that kills hit compactions too

class Model:
    id, batch = "model", 8
    def describe(self): return {}
    async def draw(self, problem, indices):
        await asyncio.sleep(0.004)
        for index in indices:
            yield Sample(problem.id, self.id, index, f"reply {index} " * 30)

class Even:
    id = "even"
    async def verify(self, problem, sample, trial):
        outcome = Outcome.REJECT if sample.index % 2 else Outcome.ACCEPT
        return Verdict(problem.id, sample.sampler_id, sample.index, self.id, trial, outcome)

def watch(progress):
    print(progress.verb, progress.done, flush=True)

run = open_run(sys.argv[1])
print("ready", 0, flush=True)
engine = Local(concurrency=8, batch_rows=64, batch_seconds=0.05)
judging = Judging(run, Even(), engine=engine, watch=watch)
problems = [Problem(f"p{i}", "?") for i in range(int(sys.argv[2]))]
sample(run, problems, Model(), n=int(sys.argv[3]), then=[judging], engine=engine, watch=watch)
"""


def child(folder: str, problems: int, n: int) -> subprocess.Popen[str]:
    """Start filling the run."""
    command = [sys.executable, "-c", CHILD, folder, str(problems), str(n)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def reported(lines: list[str]) -> dict[str, int]:
    """Return the most that was reported as stored, of samples and of verdicts."""
    most = {"sample": 0, "verify": 0}
    for line in lines:
        verb, _, count = line.partition(" ")
        if verb in most:
            most[verb] = max(most[verb], int(count))
    return most


def recorded(folder: str) -> dict[str, int]:
    """Return how many samples and verdicts the run has."""
    run = open_run(folder)
    return {
        "sample": len(run.scan(Sample, ("index",))),
        "verify": len(run.scan(Verdict, ("index",))),
    }


def main() -> None:
    """Kill, look, resume; then finish and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--problems", type=int, default=20)
    parser.add_argument("--n", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    lost, last = 0, {"sample": 0, "verify": 0}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(asked.kills):
            process = child(folder, asked.problems, asked.n)
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0.0, 1.0))
            process.kill()
            said = reported(process.communicate()[0].splitlines())
            there = recorded(folder)
            last = {verb: max(said[verb], last[verb]) for verb in last}
            lost += sum(max(0, last[verb] - there[verb]) for verb in last)
            print(f"kill {number + 1:2}: reported {last}, recorded {there}", flush=True)
        child(folder, asked.problems, asked.n).communicate()
        run = open_run(folder)
        rows = [(row.problem_id, row.index) for batch in run.read(Sample) for row in batch]
        wanted = asked.problems * asked.n
        print(
            f"{asked.kills} kills: {lost} rows lost that were reported, "
            f"{len(rows) - len(set(rows))} twice, {len(set(rows)):,} of {wanted:,} samples and "
            f"{recorded(folder)['verify']:,} verdicts at the end"
        )


if __name__ == "__main__":
    main()
