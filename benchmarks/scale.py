"""1,280,000 samples (128 problems × 10,000): stored, resumed, judged, analyzed; how much memory?

    python benchmarks/scale.py [--n 10000] [--folder FOLDER]

Replies are those of a simulated population behind 100 to 700 bytes of words. Every step is a
process of its own, so that its peak memory and its CPU seconds are its own.
Must reach: memory within 2 GB everywhere, a complete run resumed in less than 10 s, analysis in
seconds.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from vervet import analyze, open, verifier  # noqa: A004 - vervet's own open
from vervet.models.population import Population
from vervet.models.scripted import Scripted, Simulated
from vervet.sampling import sample
from vervet.types import Problem, Sample, Verdict
from vervet.verification import verify

POPULATION = Population(problems=128, a=0.3, b=3.0)
WORDS = ("so", "the", "total", "of", "apples", "is", "first", "add", "then", "times", "12", "gives")
PROSE = " ".join(np.random.default_rng(0).choice(WORDS, 250_000))
GIGABYTE = 2**20
"""In the kibibytes that getrusage speaks."""


@dataclass(frozen=True)
class Wordy:
    """A script whose replies are as long, and as hard to compress, as reasoning is."""

    script: Simulated

    def identity(self) -> Mapping[str, Any]:
        """Return the parameters of the script."""
        return {"wordy": True, **self.script.identity()}

    def replies(self, problem: Problem, indices: Sequence[int]) -> Iterator[Mapping[str, Any]]:
        """Yield the replies of the script, each behind a passage of words."""
        for index, reply in zip(indices, self.script.replies(problem, indices), strict=True):
            start = crc32(f"{problem.id} {index}".encode()) % (len(PROSE) - 700)
            passage = PROSE[start : start + 100 + (index * 7919) % 600]
            yield {**reply, "text": f"{passage}\n{reply['text']}"}


def fill(folder: str, n: int) -> str:
    """Draw what is missing; the second time, nothing is."""
    model = Scripted(Wordy(Simulated(POPULATION)))
    drawn = sample(open(folder), POPULATION.problem_set(), model, n=n)
    return f"{drawn.drawn:,} drawn, {drawn.present:,} were there"


def judge(folder: str, n: int) -> str:
    """Judge what is not judged; the second time, nothing is left."""
    del n
    judged = verify(open(folder), verifier("gsm8k-answer"))
    return f"{judged.accepted + judged.rejected:,} judged, {judged.present:,} were there"


def scan(folder: str, n: int) -> str:
    """Read the columns that analysis reads."""
    del n
    columns = ("problem_id", "index", "outcome", "answer", "score")
    found = open(folder).scan(Verdict, columns)
    return f"{len(found):,} verdicts as columns"


def compact(folder: str, n: int) -> str:
    """Merge what is left of small shards."""
    del n
    run = open(folder)
    fewer = run.compact(Sample) + run.compact(Verdict)
    return f"{fewer} shards fewer, {len(run.shards(Sample))} of samples left"


def measure(folder: str, n: int) -> str:
    """Analyze the run as `vervet analyze` does."""
    analysis = analyze(open(folder), k=[1, 100, n])
    last = [row for row in json.loads(analysis.to_json())["coverage"] if row["k"] == n]
    return f"coverage@{n:,} = {last[0]['value']:.4f}"


STEPS: dict[str, Callable[[str, int], str]] = {
    "sample": fill,
    "resume": fill,
    "verify": judge,
    "reverify": judge,
    "scan": scan,
    "analyze": measure,
    "compact": compact,
    "rescan": scan,
}


def report(step: str, folder: str, n: int) -> None:
    """Run one step here and print what it took."""
    began = time.monotonic()
    said = STEPS[step](folder, n)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    print(
        f"{step:9} {time.monotonic() - began:7.1f} s  {cpu:7.1f} CPU-s  "
        f"{1e3 * cpu / (POPULATION.problems * n):.4f} CPU-ms a row  "
        f"peak {used.ru_maxrss / GIGABYTE:.2f} GB  {said}",
        flush=True,
    )


def main() -> None:
    """Run every step, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000, help="samples of each problem")
    parser.add_argument("--folder", help="where the run goes; a temporary folder by default")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        report(asked.step, asked.folder, asked.n)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or str(Path(temporary) / "run")
        for step in STEPS:
            command = [sys.executable, __file__, "--step", step, "--folder", folder]
            subprocess.run([*command, "--n", str(asked.n)], check=True)
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        print(f"on disk   {size / 1e6:.0f} MB in {len(files)} files")


if __name__ == "__main__":
    main()
