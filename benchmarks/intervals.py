"""Do 95 % intervals hold 95 %? Known populations of problems, 1,000 runs each.

Run: python benchmarks/intervals.py [--runs 1000] [--problems 32 64 128 164 500] [--quick]

1. Means: for each law of difficulty, number of problems P, samples n and attempts k, the share of
   runs whose default interval (`mean_curve`, what `analyze` reports) holds the true coverage@k of
   the population. A `*` marks what is off 93-97 %, and `~` where that cannot be otherwise: values
   are (nearly) 0 or 1 and jump, or fewer than five problems in P are expected to differ from the
   rest. There the mean over neighbouring truths counts, and is what the totals show apart.
2. Paired differences of two samplers, fixed problems (reruns), simultaneous bands.
3. Derived quantities, by the bootstrap of problems: optimal K, crossing ratio, exponents of
   S_opt and V_opt, both parameters of the power law, the plateau of an imperfect verifier.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from vervet.stats.arrays import Bools, Floats, Ints
from vervet.stats.compute_optimal import compute_optimal
from vervet.stats.coverage import miss_table
from vervet.stats.estimate import Estimate
from vervet.stats.first_accepted import first_accepted
from vervet.stats.fixed_problems import fixed_coverage
from vervet.stats.imperfect import limit_accuracy
from vervet.stats.resampling import mean_curve, paired_difference, resample
from vervet.stats.scaling import fit_power_law, fit_power_law_to_counts, log_spaced
from vervet.stats.solve_or_verify import Rule, crossing, frontier, vote_frontier
from vervet.stats.surface import surface
from vervet.stats.utility import best_limit
from vervet.stats.votes import Ballot, majority

Pairs = Iterator[tuple[Estimate, float]]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]
TINY = 1e-9
"""Rounding of quantities that take few values, such as exponents of whole numbers."""
RATES = 400_000
"""Problems behind the truth of a law that has no closed form."""


@dataclass(frozen=True)
class Law:
    """A law of difficulty."""

    name: str
    draw: Draw

    def truth(self, k: int) -> float:
        """Return the population's coverage@k, from a large stratified sample."""
        rates = self.draw(np.random.default_rng(99), (RATES,))
        return float(-np.expm1(k * np.log1p(-np.minimum(rates, 1 - 1e-15))).mean())


def beta(a: float, b: float) -> Law:
    """Return Beta(a, b)."""
    return Law(f"Beta({a}, {b})", lambda rng, size: rng.beta(a, b, size))


def logit_normal(mean: float, sd: float) -> Law:
    """Return the law whose logit is normal."""
    return Law(
        f"logit N({mean}, {sd})",
        lambda rng, size: 1 / (1 + np.exp(-mean - sd * rng.standard_normal(size))),
    )


def rarely(share: float, law: Law) -> Law:
    """Return a law where only a share of the problems can be solved at all."""
    return Law(
        f"{share} of {law.name}",
        lambda rng, size: (rng.random(size) < share) * law.draw(rng, size),
    )


LAWS = [
    *[beta(*pair) for pair in ((0.5, 0.5), (1, 1), (2, 2), (2, 5), (0.3, 2), (0.2, 3))],
    *[beta(*pair) for pair in ((0.1, 2), (0.3, 30), (5, 0.3))],
    *[logit_normal(-3, 2), logit_normal(-5, 3), rarely(0.1, beta(1, 3))],
]
CASES = ((1, 1), (20, 1), (20, 10), (20, 20), (100, 1), (100, 10), (100, 100), (1000, 100))
QUICK = ((20, 1), (20, 20), (100, 10), (1000, 100))


def coarse(values: Floats, truth: float) -> bool:
    """Tell whether values are all but 0 and 1, or too few problems differ from the rest."""
    middle = np.mean((values > 0.02) & (values < 0.98))
    return bool(middle < 0.02 or min(truth, 1 - truth) * len(values) < 5)


def means(runs: int, sizes: list[int], cases: tuple[tuple[int, int], ...]) -> None:
    """Print how often intervals of means hold, by law, and the totals."""
    print(f"{'law':22s}    P    n    k   truth    held  below above  width")
    shares: dict[bool, list[float]] = {False: [], True: []}
    for law in LAWS:
        for problems in sizes:
            for samples, k in cases:
                rng = np.random.default_rng([problems, samples, k])
                counts = rng.binomial(samples, law.draw(rng, (problems, runs)))
                values, truth = (1 - miss_table(samples, k))[counts], law.truth(k)
                band = mean_curve(values)
                below, above = np.mean(band.high < truth), np.mean(band.low > truth)
                held, rough = 1 - below - above, coarse(values, truth)
                shares[rough].append(float(held))
                mark = " " if 0.93 <= held <= 0.97 else "~" if rough else "*"
                cell = f"{law.name:22s} {problems:4d} {samples:4d} {k:4d}  {truth:.4f}"
                width = np.mean(band.high - band.low)
                print(f"{cell}   {held:.3f}{mark} {below:.3f} {above:.3f}  {width:.4f}", flush=True)
    for rough, found in shares.items():
        inside = sum(0.93 <= held <= 0.97 for held in found)
        words = "coarse cells (~)" if rough else "cells"
        print(f"{inside} of {len(found)} {words} within 93-97 %, mean {np.mean(found):.3f}")


def said(name: str, found: Pairs) -> None:
    """Print how often estimates hold their truths; without an interval they count apart."""
    rows = [(e.low - TINY <= truth <= e.high + TINY, np.isnan(e.low)) for e, truth in found]
    known = [held for held, missing in rows if not missing]
    share = np.mean(known) if known else np.nan
    print(f"{name:58s} {share:.3f}   no interval {1 - len(known) / len(rows):.3f}", flush=True)


def paired(runs: int) -> None:
    """Two samplers on the same problems, the second with rates p^1.5."""
    for law in (beta(1, 1), beta(0.2, 3), beta(5, 0.3), beta(0.3, 30)):
        for problems in (32, 128):
            rng = np.random.default_rng(1)
            rates = law.draw(rng, (RATES,))
            gap = float((rates - rates**1.5).mean())

            def draws(law: Law = law, problems: int = problems, gap: float = gap) -> Pairs:
                rng = np.random.default_rng(2)
                for _ in range(runs):
                    rate = law.draw(rng, (problems,))
                    pair = rng.binomial(20, [rate, rate**1.5]) / 20
                    yield paired_difference(*pair), gap

            said(f"paired difference, {law.name}, P = {problems}", draws())


def fixed(runs: int) -> None:
    """Reruns of the very same problems."""
    for law in (beta(0.5, 0.5), beta(0.3, 2), beta(2, 5)):
        for samples, k in ((20, 1), (20, 10), (100, 10), (100, 100)):
            rng = np.random.default_rng(3)
            rate = law.draw(rng, (64,))
            truth = float((1 - (1 - rate) ** k).mean())

            def draws(
                rate: Floats = rate, n: int = samples, k: int = k, truth: float = truth
            ) -> Pairs:
                rng = np.random.default_rng(4)
                for _ in range(runs):
                    yield fixed_coverage(rng.binomial(n, rate), n, k=[k])[0], truth

            said(f"fixed problems, {law.name}, P = 64, n = {samples}, k = {k}", draws())


def bands(runs: int) -> None:
    """Whole curves at once."""
    ks = np.array([1, 2, 5, 10, 20, 50, 100])
    table = np.stack([1 - miss_table(100, int(k)) for k in ks], axis=1)
    for law in (beta(0.5, 0.5), beta(0.2, 3), beta(2, 5)):
        truth = np.array([law.truth(int(k)) for k in ks])
        rng, held = np.random.default_rng(5), 0
        for _ in range(runs):
            values = table[rng.binomial(100, law.draw(rng, (64,)))]
            band = mean_curve(values, rng=rng, resamples=500)
            held += bool(np.all((band.band_low <= truth) & (truth <= band.band_high)))
        print(f"{f'band of a curve, {law.name}, P = 64':58s} {held / runs:.3f}", flush=True)


def fits(runs: int) -> None:
    """Exponentiated power law: a and b of the population's own curve."""
    plan = ((beta(0.3, 8), 100, 100), (beta(0.5, 20), 64, 100), (beta(0.2, 3), 128, 100))
    for law, problems, samples in (*plan, (logit_normal(-5, 3), 128, 1000)):
        rates, ks = law.draw(np.random.default_rng(6), (RATES,)), log_spaced(samples)
        logs = np.log1p(-np.minimum(rates, 1 - 1e-15))
        curve = np.array([float(-np.expm1(k * logs).mean()) for k in ks])
        truth = fit_power_law(ks, curve)
        found = []
        for seed in range(runs):
            rng = np.random.default_rng([7, seed])
            seen = rng.binomial(samples, law.draw(rng, (problems,)))
            found.append(fit_power_law_to_counts(seen, samples))
        name = f"{law.name}, P = {problems}, n = {samples}"
        said(f"power law: a, {name}", ((fit.a, truth.a) for fit in found))
        said(f"power law: b, {name}", ((fit.b, truth.b) for fit in found))


def verified(
    rng: np.random.Generator, problems: int, size: int
) -> tuple[Bools, Bools, Floats, Floats]:
    """Draw right and accepted samples, and the per-problem chances that made them."""
    rate, false = rng.beta(0.8, 1.2, (problems, 1)), rng.beta(0.4, 6, (problems, 1))
    right = rng.random((problems, size)) < rate
    accepted = np.where(right, rng.random(right.shape) < 0.9, rng.random(right.shape) < false)
    return right, accepted, rate[:, 0], false[:, 0]


def limits(runs: int) -> None:
    """The plateau of accuracy at K = ∞ and the optimal K under false positives."""
    right, accepted, rate, false = verified(np.random.default_rng(8), 100_000, 1)
    good, bad = 0.9 * rate, (1 - rate) * false
    share = good / (good + bad)
    ks = np.arange(1, 65)
    miss = (1 - good - bad)[:, None] ** ks
    rewards = ((1 - miss) * (share - 2.0 * (1 - share))[:, None]).mean(axis=0)
    rewards = np.concatenate([[0.0], rewards])
    plateau, optimum, held = [], [], []
    for seed in range(runs):
        rng = np.random.default_rng([9, seed])
        right, accepted, _, _ = verified(rng, 120, 64)
        counts = (right & accepted).sum(axis=1), accepted.sum(axis=1)
        plateau.append((limit_accuracy(*counts).accuracy_given_accept, float(share.mean())))
        best = best_limit(first_accepted(*counts, 64, k=ks), cost=2.0, rng=rng, resamples=300)
        optimum.append(best.low <= int(rewards.argmax()) <= best.high)
        held.append(best.near[0] <= int(rewards.argmax()) <= best.near[1])
    said("plateau: accuracy given acceptance (P = 120)", iter(plateau))
    print(f"{'optimal K: interval (P = 120)':58s} {np.mean(optimum):.3f}")
    print(f"{'optimal K: within chance of the best (`near`)':58s} {np.mean(held):.3f}")


def judged(rng: np.random.Generator, problems: int) -> tuple[Ints, Bools, Ints]:
    """Draw 8 answers per problem (right, or one of three wrong) and 4 verdicts of each."""
    rate = rng.beta(1.2, 1.2, (problems, 1))
    right = rng.random((problems, 8)) < rate
    answer = np.where(right, 0, 1 + rng.integers(0, 3, right.shape))
    chance = np.where(right, rng.beta(6, 2, right.shape), rng.beta(2, 5, right.shape))
    return answer, right, rng.binomial(4, chance)


@dataclass(frozen=True)
class Pool:
    """A population of problems with known surfaces: what is drawn from it has a known truth."""

    cells: Floats
    votes: Floats
    ratio: float = 0.5
    budgets: tuple[float, ...] = (2.0, 4.0, 8.0, 16.0)

    @classmethod
    def of(cls, problems: int, rng: np.random.Generator) -> "Pool":
        """Judge that many problems."""
        answer, right, accepted = judged(rng, problems)
        depth = np.full_like(accepted, 4)
        cells = surface(
            list(accepted), list(depth), list(right), solutions=MANY, verifications=DEEP
        )
        ballots = [Ballot.of(a.tolist(), r.tolist()) for a, r in zip(answer, right, strict=True)]
        return cls(cells, majority(ballots, k=MANY))

    def read(self, rows: Ints, weights: Floats | None) -> list[Estimate]:
        """Return both readings of the crossing, and both exponents, on some of the problems."""
        cells, votes = self.cells[rows], self.votes[rows]
        verify = frontier(
            cells, solutions=MANY, verifications=DEEP, ratio=self.ratio, weights=weights
        )
        vote = vote_frontier(votes, solutions=MANY, weights=weights)
        law = compute_optimal(
            cells, solutions=MANY, verifications=DEEP, ratio=self.ratio,
            budgets=self.budgets, weights=weights,
        )  # fmt: skip
        return [
            *(crossing(verify, vote, rule=rule, problems=len(rows)).ratio for rule in READINGS),
            law.solution_exponent,
            law.verification_exponent,
        ]


MANY, DEEP = [1, 2, 3, 4, 6, 8], [1, 2, 3, 4]
READINGS = (Rule("knee"), Rule("peak", slack=0.01), Rule(4))
"""How the crossing is read off: above the vote's knee, near its peak, above its point at S = 4."""


def surfaces(runs: int) -> None:
    """Crossing ratio and compute-optimal exponents of a population of 4,000 problems."""
    pool = Pool.of(4000, np.random.default_rng(10))
    truth = [e.value for e in pool.read(np.arange(len(pool.cells)), None)]
    names = [*(f"crossing ratio, {rule}" for rule in READINGS)]
    names += ["exponent of S_opt", "exponent of V_opt"]
    for problems in (64, 128, 500):
        found = []
        for seed in range(runs):
            rng = np.random.default_rng([11, problems, seed])
            rows = rng.integers(len(pool.cells), size=problems)
            found.append(pool.read(rows, resample(problems, rng=rng, resamples=500)))
        for place, name in enumerate(names):
            pairs = ((row[place], truth[place]) for row in found)
            said(f"{name} (P = {problems}; truth {truth[place]:.2f})", pairs)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--problems", type=int, nargs="+", default=[32, 64, 128, 164, 500])
    parser.add_argument("--quick", action="store_true", help="fewer cells, fewer runs")
    asked = parser.parse_args()
    means(asked.runs, asked.problems, QUICK if asked.quick else CASES)
    less = max(asked.runs // 2, 20)
    print()
    for part in (paired, fixed, fits):
        part(asked.runs)
    for part in (bands, limits, surfaces):
        part(less)


if __name__ == "__main__":
    main()
