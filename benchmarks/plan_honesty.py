"""What a plan promises, against what its policy brings on problems that had no part in it.

    python benchmarks/plan_honesty.py
    python benchmarks/plan_honesty.py --data FOLDER --splits 100

Problems are split into random halves; a plan is made from one half, and the policy it chose is
tried on the other. Every policy is replayed once on all problems, and a split takes its rows: the
choice and the promise are what `vervet plan` makes of them. Every line says, in points of
accuracy: the promise minus what the other half shows (mean and its standard error; zero is
honest), the same for the winner's own figure on the problems it was chosen on, how often the
promised interval held what the other half showed, its width, how often the intervals for the shares
of wrong answers and abstentions, for the precision and for the cost held, how much dearer in the
mean the other half was than promised, policies compared, problems of a half, and CPU seconds of one
whole plan, forecasts included.

The halves of a simulated set are drawn from 2,000 problems; they and the embedded models need
nothing. FOLDER
holds game24/ (GPT-4 on the Game of 24, Yao et al. 2023), papers/ (counts of seven Pythia models on
128 problems of MATH, 10,000 samples each, Brown et al. 2024) and livecodebench/ (pass rates of ten
samples). Counts become verdicts in a random order; prices of models are their sizes. Halves of one
real set are not independent, so there the standard error is that of the splits alone.
"""

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adaptive import embedded, game_of_24
from adaptive_populations import PUBLISHED, draws
from vervet.planning import Orders, Terms, archive, budget, describe, plan
from vervet.planning.archive import Rows
from vervet.planning.promise import choose, promise, worth
from vervet.planning.search import Tried, best_known, compared
from vervet.policies.flow import Recorded
from vervet.stats.estimate import Estimate
from vervet.types import Outcome, Problem, Sample, Verdict

Floats = NDArray[np.float64]
PROBLEMS, HALF = 2000, 64
ORDERS = 20
ROUNDING = 1e-9
PYTHIA = {"Pythia 70M": 0.07, "Pythia 410M": 0.41, "Pythia 2.8B": 2.8, "Pythia 12B": 12.0}
"""Price of a sample: billions of parameters."""
CODERS = {"DSCoder-1.3b-Ins": 1.3, "DSCoder-6.7b-Ins": 6.7, "DSCoder-33b-Ins": 33.0}


@dataclass(frozen=True, slots=True)
class Case:
    """One set of problems and the terms of its plans."""

    name: str
    rows: Callable[[], Rows]
    truth: str
    terms: Terms
    usable: tuple[str, ...] = ()
    half: int = 0
    """Problems of a half; 0 is half of all."""


def votes(shares: Floats, n: int, rng: np.random.Generator) -> Rows:
    """Draw n answers of every problem, and two verdicts of a judge that agrees with itself."""
    rows = []
    for place, drawn in enumerate(draws(shares, n, rng)):
        samples = [Sample(f"p{place}", "m", i, "", completion_tokens=100) for i in range(n)]
        verdicts: dict[tuple[str, int, str], list[Verdict]] = {}
        for sample, answer in zip(samples, drawn, strict=True):
            key = (sample.problem_id, "m", sample.index)
            sure = rng.beta(3, 2) if answer == 0 else rng.beta(2, 3)
            told = [Outcome.ACCEPT if r < sure else Outcome.REJECT for r in rng.random(2)]
            right = Outcome.REJECT if answer else Outcome.ACCEPT
            verdicts["m", sample.index, "key"] = [Verdict(*key, "key", 0, right, str(answer))]
            verdicts["m", sample.index, "judge"] = [
                Verdict(*key, "judge", trial, said, prompt_tokens=150, completion_tokens=150)
                for trial, said in enumerate(told)
            ]
        rows.append((Problem(f"p{place}", ""), Recorded({"m": samples}, verdicts)))
    return rows


def counted(
    rates: Mapping[str, Floats], sizes: Mapping[str, float], n: int, rng: np.random.Generator
) -> Rows:
    """Turn success counts of several models into verdicts in a random order.

    Args:
        rates: by model, successes and attempts of every problem, shape (problems, 2).
        sizes: price of a sample.
        n: samples that are taken of the attempts, without replacement.
        rng: the order.
    """
    rows = []
    for place in range(len(next(iter(rates.values())))):
        samples, verdicts = {}, {}
        for model, counts in rates.items():
            right, tried = counts[place].astype(int)
            good = np.zeros(tried, dtype=bool)
            good[rng.permutation(tried)[:right]] = True
            samples[model] = [
                Sample(f"p{place}", model, i, "", cost=sizes[model]) for i in range(n)
            ]
            for i in range(n):
                said = Outcome.ACCEPT if good[i] else Outcome.REJECT
                verdicts[model, i, "tests"] = [Verdict(f"p{place}", model, i, "tests", 0, said)]
        rows.append((Problem(f"p{place}", ""), Recorded(samples, verdicts)))
    return rows


def pythia(folder: Path) -> Rows:
    """Return 32 samples of four Pythia models on each of 128 problems of MATH."""
    found: dict[str, list[tuple[int, int]]] = {model: [] for model in PYTHIA}
    with (folder / "monkeys_math_pythia_counts.csv").open() as file:
        for row in sorted(csv.DictReader(file), key=lambda row: int(row["problem_idx"])):
            if row["model"] in found:
                found[row["model"]].append((int(row["c"]), int(row["n"])))
    rates = {model: np.array(counts, dtype=np.float64) for model, counts in found.items()}
    return counted(rates, PYTHIA, 32, np.random.default_rng(1))


def coders(folder: Path) -> Rows:
    """Return ten samples of three code models on each of 400 LiveCodeBench problems."""
    told = json.loads((folder / "performances_generation_2024-04-17.json").read_text())
    found: dict[str, dict[str, float]] = {model: {} for model in CODERS}
    for row in told["performances"]:
        if row["model"] in found:
            found[row["model"]][row["question_id"]] = row["pass@1"] / 10
    names = sorted(next(iter(found.values())))
    rates = {
        model: np.array([(round(rate[name]), 10) for name in names], dtype=np.float64)
        for model, rate in found.items()
    }
    return counted(rates, CODERS, 10, np.random.default_rng(2))


def joined(one: Rows, two: Rows) -> Rows:
    """Return what two models said of the same problems."""
    other = {problem.id: recorded for problem, recorded in two}
    return [
        (
            problem,
            Recorded(
                {**recorded.samples, **other[problem.id].samples},
                {**recorded.verdicts, **other[problem.id].verdicts},
            ),
        )
        for problem, recorded in one
    ]


def cases(data: Path | None, folder: str) -> Iterator[Case]:
    """Yield every set."""
    doubtful = Terms(budget("8samples/problem"), false_positive_cost=0.5)
    for name, terms in (
        ("Llama-3.1-8B, MATH", Terms()),
        ("Llama-3-8B, GSM8K", Terms(budget("2000tokens/problem"))),
        ("Llama-3-70B, MATH", doubtful),
    ):
        drawn = partial(simulated, name)
        yield Case(f"simulated {name}, and a judge", drawn, "key", terms, half=HALF)
    if data is None:
        print("Real sets: give their folder with --data FOLDER.")
    else:
        game = partial(game_of_24, data / "game24")
        some = Terms(budget("20samples/problem"))
        yield Case("GPT-4 on the Game of 24", game, "v", some, usable=("v",))
        yield Case("the same, a vote", game, "v", some)
        yield Case("four Pythia on MATH", partial(pythia, data / "papers"), "tests",
                   Terms(budget("40usd/problem")))  # fmt: skip
        yield Case("three coders on LiveCodeBench", partial(coders, data / "livecodebench"),
                   "tests", Terms(budget("60usd/problem")))  # fmt: skip
    yield Case("two embedded models", partial(marmosets, folder), "gsm8k-answer", doubtful)


def simulated(name: str) -> Rows:
    """Return problems of one published shape, 16 samples and a judge."""
    rng = np.random.default_rng(len(name))
    return votes(PUBLISHED[name].answers(PROBLEMS, rng), 16, rng)


def marmosets(folder: str) -> Rows:
    """Return 32 samples of both embedded models on their problems."""
    return joined(*(embedded(m, 1.0, folder, 32).rows for m in ("marmoset", "marmoset-strong")))


def measured(case: Case, splits: int) -> str:
    """Return one line: what plans on halves promise, and what the other halves show."""
    rows = case.rows()
    size = case.half or len(rows) // 2
    found = describe(archive(rows, case.truth), usable=case.usable)
    tried, _ = compared(found, case.terms, Orders.random(found.archive, ORDERS))
    table = np.array([half(case, tried, size, split) for split in range(splits)])
    start = time.process_time()
    plan(describe(archive(rows[:size], case.truth), usable=case.usable), case.terms, orders=ORDERS)
    spent = time.process_time() - start
    mean = np.nanmean(table, axis=0)
    kept = "  ".join(f"{share:4.0%}" for share in mean[4:8])
    error = 100 * table[:, 0].std(ddof=1) / np.sqrt(splits)
    return (
        f"{100 * mean[0]:+6.2f} ± {error:.2f}     {100 * mean[1]:+6.2f}        {mean[2]:5.0%}   "
        f"{100 * mean[3]:5.1f}   {kept}   {mean[8]:+6.1%}  {len(tried):6}  {size:6}    {spent:6.2f}"
        f"     {case.name}"
    )


def half(case: Case, tried: Tried, size: int, split: int) -> Floats:
    """Plan on one half, look at the other; see the columns that are printed."""
    terms = case.terms
    place = np.random.default_rng([7, split]).permutation(len(tried[0][1].right))
    one, two = place[:size], place[size : 2 * size]
    unit = terms.budget.unit if terms.budget else best_known(tried)
    values = np.array([worth(each, terms) for _, each in tried])
    costs, waits = (
        np.array([each.costs[name][one] for _, each in tried]) for name in (unit, "seconds")
    )
    limits = (terms.budget.per_problem(size) if terms.budget else np.inf, np.inf)
    best = tried[choose(values[:, one], costs, waits, limits)][1]
    parts = [each.part(one) for _, each in tried]
    told = promise(values[:, one], costs, waits, limits, parts=parts, seed=split)
    right, wrong, abstained = (
        float(np.nanmean(each[two])) for each in (best.right, best.wrong, best.abstained)
    )
    precision = right / (right + wrong) if right + wrong else np.nan
    cost = float(best.costs[unit][two].mean())
    accuracy = told.accuracy
    return np.array([
        accuracy.value - right, np.nanmean(best.right[one]) - right,
        held(accuracy, right), accuracy.high - accuracy.low,
        held(told.wrong, wrong), held(told.abstained, abstained),
        held(told.precision, precision), held(told.cost, cost), cost / told.cost.value - 1,
    ])  # fmt: skip


def held(promised: Estimate, seen: float) -> float:
    """Tell whether an interval holds what was seen, rounding forgiven; NaN where neither is."""
    if not np.isfinite(promised.low + seen):
        return np.nan
    return float(promised.low - ROUNDING <= seen <= promised.high + ROUNDING)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the real sets")
    parser.add_argument("--only", default="", help="sets whose name holds this")
    parser.add_argument("--splits", type=int, default=100)
    asked = parser.parse_args()
    print("promise − seen      winner's own   held   width  wrong  abst.  prec.  cost   dearer"
          "  policies  problems   CPU s")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(asked.data, folder):
            if asked.only in case.name:
                print(measured(case, asked.splits), flush=True)


if __name__ == "__main__":
    main()
