"""The S × V surface of 128 problems × 256 solutions × 32 verdicts, with 2,000 bootstraps.

Run: python benchmarks/surface.py

Exact over subsets of solutions and of verdicts on the paper's grid of powers of two; next to it
the surface of verdicts in recorded order on all 8,192 cells. Prints CPU seconds on one core. The
code of 2504.01005 takes 60.6 CPU-s per problem for the same grid without intervals.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from vervet.stats.compute_optimal import compute_optimal
from vervet.stats.resampling import bootstrap_curve, resample
from vervet.stats.solve_or_verify import crossing, frontier, vote_frontier
from vervet.stats.surface import surface, surface_in_order
from vervet.stats.votes import Ballot, majority

PROBLEMS, SOLUTIONS, TRIALS, RESAMPLES = 128, 256, 32, 2000
MANY, DEEP = 2 ** np.arange(9), 2 ** np.arange(6)


def simulated() -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Return answers, verdicts and truths like those of GPQA: repeats agree, problems differ."""
    rng = np.random.default_rng(0)
    answers, verdicts, truths = [], [], []
    for rate in rng.beta(0.7, 1.0, PROBLEMS):
        right = rng.random(SOLUTIONS) < rate
        yes = np.where(right, rng.beta(0.9, 0.25, SOLUTIONS), rng.beta(0.4, 0.5, SOLUTIONS))
        answers.append(np.where(right, 0, rng.zipf(1.6, SOLUTIONS) % 40 + 1))
        verdicts.append(rng.random((SOLUTIONS, TRIALS)) < yes[:, None])
        truths.append(right)
    return answers, verdicts, truths


def main() -> None:
    """Print times."""
    answers, verdicts, truths = simulated()
    start = time.process_time()
    counts = [table.sum(axis=1) for table in verdicts]
    cells = surface(counts, [TRIALS] * PROBLEMS, truths, solutions=MANY, verifications=DEEP)
    exact = time.process_time() - start
    ballots = [Ballot.of(a.tolist(), t.tolist()) for a, t in zip(answers, truths, strict=True)]
    votes = majority(ballots, k=MANY)
    voted = time.process_time() - start - exact
    weights = resample(PROBLEMS, rng=np.random.default_rng(1), resamples=RESAMPLES)
    grid = {"solutions": MANY, "verifications": DEEP, "ratio": 1.0}
    verify = frontier(cells, weights=weights, **grid)
    found = crossing(
        verify, vote_frontier(votes, solutions=MANY, weights=weights), problems=PROBLEMS
    )
    split = compute_optimal(cells, budgets=2 ** np.arange(4, 13.0), weights=weights, **grid)
    flat = cells.reshape(PROBLEMS, -1)
    bootstrap_curve(flat, rng=np.random.default_rng(1), resamples=RESAMPLES)
    total = time.process_time() - start
    print(f"exact surface, {len(MANY)} × {len(DEEP)} cells: {exact:.2f} CPU-s; votes {voted:.2f}")
    print(f"with {RESAMPLES} bootstraps of frontier, crossing, exponents, cells: {total:.2f} CPU-s")
    print(f"crossing {found.ratio}; a {split.solution_exponent}, b {split.verification_exponent}")
    if split.solution_exponent.reason:
        print(f"no interval for a: {split.solution_exponent.reason} on this coarse grid")
    start = time.process_time()
    every = surface_in_order(
        verdicts, truths, solutions=np.arange(1, 257), verifications=np.arange(1, 33)
    )
    print(f"first-V surface, {every[0].size} cells: {time.process_time() - start:.2f} CPU-s")


if __name__ == "__main__":
    main()
