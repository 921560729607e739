"""Coverage forecasts against the field's estimators, on real success counts.

    python benchmarks/forecast.py --data FOLDER [--draws 50] [--start 100 316]

FOLDER holds the parquet files of RylanSchaeffer/KoyejoLab-Large-How-Do-Language-Monkey-Power-
Get-Their-Power (data/processed_data): Brown et al.'s own MATH counts (7 Pythia models), Pythia
checkpoints on GSM8K and MATH, and best-of-n jailbreaking. Default: $VERVET_SHARED/data/monkeys.

Protocol: every problem's count is thinned hypergeometrically to n (checkpoints first to 10,000);
the target is the share of the same problems solved within 10,000. Draws with fewer than three
solved problems are dropped. Jailbreaking stopped at the first successful batch of 60 attempts, so
there is one forecast per model, from the first n attempts to 10,020. Cells: mean over data sets
of the mean |relative error| % / bias % / coverage of 90 % intervals % / mean width.
"""

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln

from vervet.stats.arrays import Floats, Ints
from vervet.stats.forecast import forecast_coverage
from vervet.stats.loglog import fit_line, measured_curve
from vervet.stats.scaling import fit_power_law
from vervet.stats.thinning import thin

N = 10_000


@dataclass(frozen=True)
class Case:
    """One draw: what a forecaster sees, and what happened."""

    family: str
    name: str
    correct: Ints
    total: Ints
    k: int
    truth: float


@dataclass(frozen=True)
class Guess:
    """A forecast; baselines without intervals leave them NaN."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


def counts(file: Path, columns: str) -> dict[str, Ints]:
    """Return (samples, successes) per problem, by model."""
    query = f"select {columns} from read_parquet(?) group by 1, 2 order by 1, 2"  # noqa: S608 - ours
    found = defaultdict(list)
    for model, _, total, correct in duckdb.execute(query, [str(file)]).fetchall():
        found[str(model)].append((int(total), round(correct)))
    return {model: np.array(rows) for model, rows in found.items()}


def math_cases(folder: Path, n: int, draws: int, rng: np.random.Generator) -> Iterator[Case]:
    """Yield Brown et al.'s MATH counts of 7 Pythia models, thinned to n."""
    columns = '"Model", "Problem Idx", max("Num. Samples Total"), max("Num. Samples Correct")'
    file = folder / "large_language_monkeys_original_pass_at_k.parquet"
    for name, rows in counts(file, columns).items():
        total, correct = rows.T
        for _ in range(draws):
            seen = thin(correct, total, n, rng)
            if np.count_nonzero(seen) >= 3:
                truth = float((correct > 0).mean())
                yield Case("MATH", name, seen, np.full(len(seen), n), N, truth)


def other_cases(folder: Path, n: int, draws: int, rng: np.random.Generator) -> Iterator[Case]:
    """Yield checkpoints with 10,000 samples everywhere, coverage >= 0.1 and three solved at n."""
    columns = '"Model Nickname", prompt_idx, max("Num. Samples"), max("Num. Samples Correct")'
    for benchmark in ("gsm8k", "math"):
        for name, rows in counts(folder / f"{benchmark}_pass_at_k.parquet", columns).items():
            total, correct = rows.T
            rate = correct / total
            usable = total.min() >= N and np.mean(1 - (1 - rate) ** N) >= 0.1
            if not usable or np.sum(1 - (1 - rate) ** n) < 3:
                continue
            for _ in range(draws):
                longer = thin(correct, total, N, rng)
                seen = thin(longer, N, n, rng)
                if np.count_nonzero(seen) >= 3:
                    truth = float((longer > 0).mean())
                    yield Case(
                        "OTHER", f"{benchmark} {name}", seen, np.full(len(seen), n), N, truth
                    )


def jail_cases(folder: Path, n: int) -> Iterator[Case]:
    """Yield best-of-n jailbreaking: 7 models, stopped at the first successful batch of 60."""
    columns = '"Model", "Problem Idx", max("Num. Samples"), max("Num. Samples Correct")'
    for name, rows in counts(folder / "bon_jailbreaking_pass_at_k.parquet", columns).items():
        total, correct = rows.T
        seen, drawn = np.where(total <= n, correct, 0), np.minimum(total, n)
        yield Case("JAIL", name, seen, drawn, 10_020, float((correct > 0).mean()))


def ours(case: Case) -> Guess:
    """Forecast with vervet's default."""
    estimate = forecast_coverage(case.correct, case.total, [case.k]).estimates[0]
    return Guess(estimate.value, estimate.low, estimate.high)


def log_log(case: Case) -> Guess:
    """Regress log(-log c) on log k, all k <= n, and extend the line."""
    line = fit_line(measured_curve(case.correct, case.total))
    if line is None:
        return Guess(float((case.correct > 0).mean()))
    depth, error = line.depth(case.k), line.error(case.k)
    low, high = (float(np.exp(-np.exp(depth + s * 1.645 * error))) for s in (1, -1))
    return Guess(line.coverage(case.k), low, high)


def power_law(case: Case) -> Guess:
    """Fit exp(a k^b) to coverage by least squares, as Brown et al. do."""
    curve = measured_curve(case.correct, case.total)
    law = fit_power_law(curve.ks, curve.mean, loss="coverage")
    return Guess(law.coverage(case.k) if not law.reason else float(curve.mean[-1]))


def beta_binomial(case: Case) -> Guess:
    """Fit a beta-binomial by maximum likelihood; coverage is its marginal (Kazdan et al.)."""
    pairs, many = np.unique(np.stack([case.correct, case.total]), axis=1, return_counts=True)

    def loss(logs: Floats) -> float:
        a, b = np.exp(np.clip(logs, -12, 12))
        chance = betaln(a + pairs[0], b + pairs[1] - pairs[0]) - betaln(a, b)
        return -float(many @ chance)

    starts = [(-1.0, 1.0), (-2.0, 2.0), (0.0, 6.0)]
    best = min((minimize(loss, s, method="Nelder-Mead") for s in starts), key=lambda r: r.fun)
    a, b = np.exp(np.clip(best.x, -12, 12))
    return Guess(float(1 - np.exp(betaln(a, b + case.k) - betaln(a, b))))


METHODS: dict[str, Callable[[Case], Guess]] = {
    "vervet (default)": ours,
    "log-log regression": log_log,
    "power law, least squares": power_law,
    "beta-binomial, likelihood": beta_binomial,
}


def cell(cases: list[Case], guesses: list[Guess]) -> str:
    """Average within data sets, then over them."""
    by_set = defaultdict(list)
    for case, guess in zip(cases, guesses, strict=True):
        inside = guess.low - 1e-9 <= case.truth <= guess.high + 1e-9
        covered = float("nan") if np.isnan(guess.low) else float(inside)
        relative = guess.value / case.truth - 1
        by_set[case.name].append((abs(relative), relative, covered, guess.high - guess.low))
    mean = np.mean([np.mean(rows, axis=0) for rows in by_set.values()], axis=0)
    interval = "   -/  - " if np.isnan(mean[2]) else f"{mean[2]:4.0%}/{mean[3]:.2f}"
    return f"{mean[0] * 100:5.1f}/{mean[1] * 100:+6.1f}/{interval} ({len(by_set)} sets)"


def table(cases: list[Case], title: str) -> None:
    """Print one row per method, one column per family, and the CPU time of a forecast."""
    families = list(dict.fromkeys(case.family for case in cases))
    print(f"\n{title}\n{'':28s}" + "".join(f"{family:32s}" for family in families) + "CPU s")
    for name, method in METHODS.items():
        method(cases[0])
        start = time.process_time()
        guesses = [method(case) for case in cases]
        seconds = (time.process_time() - start) / len(cases)
        row = ""
        for family in families:
            chosen = [i for i, case in enumerate(cases) if case.family == family]
            row += f"{cell([cases[i] for i in chosen], [guesses[i] for i in chosen]):32s}"
        print(f"{name:28s}{row}{seconds:.3f}", flush=True)


def siblings(folder: Path, draws: int, rng: np.random.Generator) -> None:
    """Print the error of n = 32 -> 10,000 with the next larger Pythia as a deeper sibling."""
    columns = '"Model", "Problem Idx", max("Num. Samples Total"), max("Num. Samples Correct")'
    found = counts(folder / "large_language_monkeys_original_pass_at_k.parquet", columns)
    order = [f"Pythia {size}" for size in ("70M", "160M", "410M", "1B", "2.8B", "6.9B", "12B")]
    print("\nn = 32 -> 10,000 with the next larger model as sibling: mean |relative error| %")
    for name, sibling in zip(order, order[1:], strict=False):  # noqa: RUF007 - pairs, last unused
        correct, deep = found[name][:, 1], found[sibling][:, 1]
        errors: list[tuple[float, float]] = []
        while len(errors) < draws:
            seen = thin(correct, N, 32, rng)
            if np.count_nonzero(seen) < 3:
                if name == "Pythia 70M":
                    break
                continue
            truth = float((correct > 0).mean())
            pair = [forecast_coverage(seen, 32, [N], sibling=s) for s in ((deep, N), None)]
            with_it, without = (abs(f.estimates[0].value / truth - 1) for f in pair)
            errors.append((with_it, without))
        if errors:
            with_it, without = np.mean(errors, axis=0) * 100
            print(f"{name:12s} {with_it:5.1f}   without sibling {without:5.1f}", flush=True)


def main() -> None:
    """Run the protocol and print the tables."""
    shared = Path(os.environ.get("VERVET_SHARED", Path(__file__).parents[2] / "shared"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=shared / "data" / "monkeys")
    parser.add_argument("--draws", type=int, default=50)
    parser.add_argument("--start", type=int, nargs="+", default=[100, 316])
    parser.add_argument("--seed", type=int, default=2026)
    asked = parser.parse_args()
    if not asked.data.is_dir():
        raise SystemExit(f"no data at {asked.data}: give --data FOLDER (see the first lines here)")
    for n in asked.start:
        rng = np.random.default_rng(asked.seed)
        cases = [*math_cases(asked.data, n, asked.draws, rng)]
        cases += other_cases(asked.data, n, asked.draws, rng)
        jail = 60 if n <= 100 else 300
        cases += jail_cases(asked.data, jail)
        table(cases, f"n = {n} -> 10,000 (jailbreaking: {jail} -> 10,020), {asked.draws} draws")
    siblings(asked.data, min(asked.draws, 20), np.random.default_rng(asked.seed))


if __name__ == "__main__":
    main()
