"""Do 95 % intervals hold 95 %? Known populations of problems, 1,000 runs each.

Run: python benchmarks/intervals.py [--runs 1000]

For each population of difficulties, number of problems P, samples n and attempts k: the share of
runs whose interval holds the true coverage@k of the population. Closed form (`mean_curve`) and
cluster bootstrap (`bootstrap_curve`, 300 runs of 500 draws). A `*` marks what is off 93-97 %.
"""

import argparse

import numpy as np

from vervet.stats.coverage import miss_table
from vervet.stats.resampling import bootstrap_curve, mean_curve

BETAS = {
    "spread": (0.5, 0.5),
    "even": (1.0, 1.0),
    "middling": (2.0, 2.0),
    "hard": (0.1, 2.0),
    "very hard": (0.3, 30.0),
    "easy": (5.0, 0.3),
}
CASES = ((1, 1), (20, 1), (20, 10), (100, 1), (100, 10), (100, 100))


def main() -> None:
    """Print the table and the totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    rng = np.random.default_rng(0)
    good = total = 0
    print("population   P    n    k    truth   closed   bootstrap   width")
    for name, (a, b) in BETAS.items():
        for problems in (30, 100, 300):
            for samples, k in CASES:
                truth = 1 - np.prod((b + np.arange(k)) / (a + b + np.arange(k)))
                counts = rng.binomial(samples, rng.beta(a, b, (runs, problems)))
                values = (1 - miss_table(samples, k))[counts]
                band = mean_curve(values.T)
                held = np.mean((band.low <= truth) & (truth <= band.high))
                boot = [bootstrap_curve(v[:, None], rng=rng, resamples=500) for v in values[:300]]
                again = np.mean([x.low[0] <= truth <= x.high[0] for x in boot])
                total, good = total + 1, good + (0.93 <= held <= 0.97)
                mark = " " if 0.93 <= held <= 0.97 else "*"
                width = float(np.mean(band.high - band.low))
                print(
                    f"{name:10s} {problems:4d} {samples:4d} {k:4d}   {truth:.3f}"
                    f"   {held:.3f}{mark}   {again:.3f}       {width:.4f}"
                )
    print(f"{good} of {total} cells of the closed form within 93-97 %")


if __name__ == "__main__":
    main()
