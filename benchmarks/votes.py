"""Expected majority vote, exact: 128 problems × 10,000 samples × ~50 answers × 38 values of k.

Run: python benchmarks/votes.py [--problems 128]

Prints CPU seconds on one core, and next to them a Monte Carlo vote of the same pools with 25
random subsets per k (what 2504.01005's code does) with its error. The last lines check digits
against whole-number arithmetic. Compare with `scorio` by installing it: pip install scorio.
"""

import argparse
import os
import time
from math import comb

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from vervet.stats.coverage import coverage
from vervet.stats.votes import Ballot, majority

SAMPLES, ANSWERS, REPEATS = 10_000, 50, 25
KS = np.unique(np.round(np.logspace(0, 4, 41)).astype(int))


def pools(problems: int) -> list[Ballot]:
    """Return pools whose answers follow Zipf laws from nearly even to steep."""
    rng = np.random.default_rng(0)
    result = []
    for _ in range(problems):
        weights = np.arange(1, ANSWERS + 1) ** -rng.uniform(0.3, 1.5)
        counts = rng.multinomial(SAMPLES - 300, weights / weights.sum())
        correct = np.zeros(ANSWERS, dtype=bool)
        correct[rng.integers(0, 6)] = True
        result.append(Ballot(counts[counts > 0], correct[counts > 0], 300))
    return result


def monte_carlo(pool: Ballot, rng: np.random.Generator) -> np.ndarray:
    """Return the vote over random subsets at every k, ties split evenly."""
    colours = np.append(pool.counts, pool.unanswered)
    values = []
    for k in KS:
        votes = rng.multivariate_hypergeometric(colours, k, size=REPEATS)[:, :-1]
        top = (votes == votes.max(axis=1, keepdims=True)) & (votes > 0)
        values.append(np.mean((top & pool.correct).sum(1) / np.maximum(top.sum(1), 1)))
    return np.array(values)


def counted(counts: list[int], silent: int, k: int) -> float:
    """Count the subsets in which answer 0 wins, by polynomials packed into whole numbers."""
    total = sum(counts) + silent
    room = comb(total, k).bit_length() * 2
    mask = (1 << room) - 1

    def packed(values: list[int]) -> int:
        return sum(value << (room * power) for power, value in enumerate(values))

    quiet, won = packed([comb(silent, u) for u in range(k + 1)]), 0
    for votes in range(1, k + 1):
        rivals = [quiet] + [0] * (len(counts) - 1)
        for count in counts[1:]:
            below = packed([comb(count, u) for u in range(votes)])
            tied = comb(count, votes) << (room * votes)
            rivals = [
                rivals[r] * below + (rivals[r - 1] * tied if r else 0) for r in range(len(counts))
            ]
        for ties, polynomial in enumerate(rivals):
            won += (
                comb(counts[0], votes)
                * ((polynomial >> (room * (k - votes))) & mask)
                * 2520
                // (ties + 1)
            )
    return (won << 80) // (2520 * comb(total, k)) / 2**80


def main() -> None:
    """Print times and digits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=128)
    problems = parser.parse_args().problems
    data = pools(problems)
    start = time.process_time()
    exact = majority(data, k=KS)
    spent = time.process_time() - start
    print(
        f"exact: {problems} problems × {len(KS)} k: {spent:.1f} CPU-s, {spent / problems:.3f} each"
    )
    rng = np.random.default_rng(1)
    start = time.process_time()
    rough = np.array([monte_carlo(pool, rng) for pool in data[:16]])
    each = (time.process_time() - start) / 16
    error = np.abs(rough - exact[:16]).mean(axis=0)
    print(
        f"Monte Carlo, {REPEATS} subsets: {each:.3f} CPU-s each,"
        f" mean error {error.max():.3f} at the worst k"
    )
    start = time.process_time()
    covered = coverage([int(pool.counts[pool.correct].sum()) for pool in data], SAMPLES, k=KS)
    print(f"coverage of the same: {time.process_time() - start:.3f} CPU-s; shape {covered.shape}")
    for counts, silent, k in (([2600, 2500, 2400, 1000, 700], 800, 100), ([5100, 4700], 200, 400)):
        pool = Ballot(np.array(counts), np.arange(len(counts)) == 0, silent)
        gap = abs(majority([pool], k=k)[0, 0] - counted(counts, silent, k))
        print(
            f"n = 10,000, k = {k}, {len(counts)} answers: differs from whole numbers by {gap:.1e}"
        )


if __name__ == "__main__":
    main()
