"""Measure a model on the embedded problems: `python training/measure.py MODEL COUNTS.json`.

The counts of every answer to every problem are kept in COUNTS.json, problem by problem, so that
an interrupted measurement goes on where it stopped; the tables of the model card follow from it.
Run it with OPENBLAS_NUM_THREADS=1. It needs vervet and nothing else.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path

import numpy as np

from vervet.models.identity import seed_for
from vervet.models.marmoset.choice import Decoding
from vervet.models.marmoset.decode import Decoder
from vervet.models.marmoset.sampler import BATCH, find
from vervet.problems.embedded import embedded
from vervet.stats.coverage import coverage
from vervet.stats.resampling import mean_curve
from vervet.stats.votes import Ballot, majority
from vervet.types import Problem
from vervet.verifiers.gsm8k import any_answer

KS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)


def count(decoder: Decoder, problem: Problem, n: int) -> dict[str, int]:
    """Draw n samples of a problem and count their answers; no answer counts as the empty text."""
    answers: Counter[str] = Counter()
    for start in range(0, n, BATCH):
        seeds = [seed_for(0, problem.id, i) for i in range(start, min(n, start + BATCH))]
        drawn = decoder.draw(problem.prompt, seeds, Decoding())
        answers.update(any_answer(completion.text) or "" for completion in drawn)
        answers["tokens"] += sum(completion.tokens for completion in drawn)
    return dict(answers)


def measure(model: str, file: Path, n: int, limit: int) -> dict[str, dict[str, int]]:
    """Count what is missing in `file`."""
    counts: dict[str, dict[str, int]] = json.loads(file.read_text()) if file.exists() else {}
    decoder, began = Decoder(find(model)), time.process_time()
    missing = [p for p in embedded(limit=limit) if p.id not in counts]
    for problem in missing:
        counts[problem.id] = count(decoder, problem, n)
        file.write_text(json.dumps(counts, indent=1) + "\n")
    seconds = time.process_time() - began
    tokens = sum(counts[p.id]["tokens"] for p in missing)
    if missing:
        print(f"{tokens:,} tokens in {seconds:,.0f} CPU-s: {tokens / seconds:,.0f} a CPU-second")
    return counts


def tables(counts: dict[str, dict[str, int]], n: int) -> None:
    """Print coverage and majority vote with 95 % intervals, and the spread of success rates."""
    answers = {p.id: str(p.reference["answer"]) for p in embedded(limit=len(counts))}
    correct = np.array([counts[name].get(answer, 0) for name, answer in answers.items()])
    ballots = []
    for name, answer in answers.items():
        votes = {a: c for a, c in counts[name].items() if a not in ("tokens", "")}
        right = np.array([a == answer for a in votes])
        ballots.append(Ballot(np.array(list(votes.values())), right, counts[name].get("", 0)))
    ks = [k for k in KS if k <= n]
    rows = mean_curve(coverage(correct, n, k=ks)), mean_curve(majority(ballots, k=ks))
    print("| samples | coverage | majority vote |\n|---|---|---|")
    for at, k in enumerate(ks):
        cells = (f"{r.value[at]:.3f} ({r.low[at]:.3f} to {r.high[at]:.3f})" for r in rows)
        print(f"| {k:,} | {' | '.join(cells)} |")
    tokens = sum(counts[name]["tokens"] for name in answers) / (n * len(answers))
    edges = np.array([0, min(0.5 / n, 5e-4), 1e-3, 1e-2, 1e-1, 0.5, 0.9])
    spread = np.bincount(np.searchsorted(edges, correct / n, side="right") - 1, minlength=7)
    print(f"{len(answers)} problems × {n:,} samples, {tokens:.1f} tokens a sample")
    print(
        "problems by success rate, from:", dict(zip(edges.tolist(), spread.tolist(), strict=True))
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("counts", type=Path)
    parser.add_argument("-n", type=int, default=10_000)
    parser.add_argument("--limit", type=int, default=128)
    settings = parser.parse_args()
    tables(measure(settings.model, settings.counts, settings.n, settings.limit), settings.n)


if __name__ == "__main__":
    main()
