"""Stopping rules against a vote over all samples, replayed on the same orders.

    python benchmarks/adaptive.py
    python benchmarks/adaptive.py --game24 FOLDER --repeats 12

Compares `posterior`, and `index` with a third of the samples for all problems together, with a
vote over all, Adaptive-Consistency (Beta, 0.95) and early stopping (windows of 5 and of 8), and
Adaptive-Consistency at the confidence at which it takes as many samples as `posterior`. 128 samples
a problem: the embedded models on their problems, sampled here; simulated answers whose coverage and
majority curves are the published ones of eight pairs of model and data set
(adaptive_populations.py); simulated answers of other shapes; and, where the folder is given, GPT-4
on the Game of 24 (Yao et al. 2023; 100 samples a problem). The constants of `posterior` were
chosen on sets of these kinds drawn with other seeds, and on the Game of 24 itself.

Every line says points of accuracy against the vote over all with the interval over problems, how
far that varies from one set of 128 problems to the next, and the share of the samples; then
`posterior` against each peer, and `index` against small budgets spent evenly on a vote.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

import vervet
from adaptive_populations import PUBLISHED, Shape, draws
from vervet.planning import Archive, Orders, archive
from vervet.planning.archive import Rows
from vervet.planning.reading import read
from vervet.planning.replay import outcome
from vervet.policies.adaptive import AdaptiveConsistency, EarlyStopping
from vervet.policies.flow import Policy, Recorded
from vervet.policies.index import Index
from vervet.policies.majority import Majority
from vervet.policies.posterior import Posterior
from vervet.types import Outcome, Problem, Sample, Verdict

Floats = NDArray[np.float64]
GAME = "gpt-4_0.7_naive_cot_sample_100_start900_end1000.json"
SAMPLES = 128
BUDGETS = (5, 10, 20)
ALL, OURS = "vote over all", "posterior"
LEVEL = "adaptive-consistency, level"
"""At the confidence at which it takes as many samples as ours."""
STEPS, FEW = 10, 5
"""Bisections of that confidence, and orders in which it is sought."""
SHAPES = {
    name: Shape(1.0, a, b, 1.0, 1.0, float(np.log(concentration)), discount, 0.0, 0.0)
    for name, (a, b, concentration, discount) in {
        "competition, strong": (0.9, 0.7, 2.0, 0.3),
        "competition, middling": (0.5, 0.8, 2.0, 0.3),
        "competition, weak": (0.35, 1.5, 5.0, 0.5),
        "school, strong": (1.8, 0.6, 2.0, 0.3),
        "hardly solvable": (0.15, 3.0, 8.0, 0.5),
    }.items()
}
"""Success rates Beta(a, b); wrong answers Pitman-Yor(concentration, discount)."""
PROBLEMS = 128


def recorded(
    name: str, answers: Sequence[str | None], right: Sequence[bool]
) -> tuple[Problem, Recorded]:
    """Return one problem with what was answered, and whether that is right."""
    samples = [Sample(name, "m", i, "") for i in range(len(answers))]
    verdicts = {
        ("m", i, "v"): [
            Verdict(name, "m", i, "v", 0, Outcome.ACCEPT if good else Outcome.REJECT, answer)
        ]
        for i, (answer, good) in enumerate(zip(answers, right, strict=True))
    }
    return Problem(name, "?"), Recorded({"m": samples}, verdicts)


def simulated(shape: Shape, seed: int) -> Rows:
    """Return 128 problems whose answers are drawn from a known distribution each."""
    rng = np.random.default_rng([2411, seed])
    drawn = draws(shape.answers(PROBLEMS, rng), SAMPLES, rng)
    return [
        recorded(f"p{place}", [str(d) for d in row], [bool(d == 0) for d in row])
        for place, row in enumerate(drawn)
    ]


def game_of_24(folder: Path) -> Rows:
    """Return GPT-4's expressions for 100 puzzles."""
    lines = json.loads((folder / GAME).read_text())
    return [
        recorded(
            str(line["idx"]),
            [y.rpartition("Answer:")[2].partition("=")[0].strip() or None for y in line["ys"]],
            [bool(info["r"]) for info in line["infos"]],
        )
        for line in lines
    ]


def embedded(model: str, temperature: float, folder: str, seed: int) -> Archive:
    """Sample an embedded model on its 128 problems, and read its answers."""
    run = vervet.open(f"{folder}/{model}-{temperature}-{seed}")
    sampler = vervet.sampler(model, temperature=temperature, seed=2411 + seed)
    vervet.sample(run, vervet.dataset("embedded"), sampler, n=SAMPLES)
    vervet.verify(run, vervet.verifier("gsm8k-answer"))
    return read([run]).archive


def sets(asked: argparse.Namespace, folder: str) -> Iterator[tuple[str, list[Archive]]]:
    """Yield every data set with its repetitions."""
    for model, temperature in (("marmoset", 0.7), ("marmoset", 1.0), ("marmoset-strong", 1.0)):
        drawn = [embedded(model, temperature, folder, s) for s in range(asked.repeats)]
        yield f"{model}, temperature {temperature} (×{asked.repeats})", drawn
    for name, shape in {**PUBLISHED, **SHAPES}.items():
        made = [archive(simulated(shape, s), "v") for s in range(asked.repeats)]
        yield f"simulated: {name} (×{asked.repeats})", made
    if asked.game24:
        yield "GPT-4 on the Game of 24", [archive(game_of_24(asked.game24), "v")]
    else:
        print("Game of 24: give its folder with --game24 FOLDER (tree-of-thought-llm, MIT).")


def rules(kept: Archive) -> dict[str, Policy]:
    """Return the policies to compare, the vote over all first."""
    shelf = next(iter(kept.shelves.values()))
    limit, reader = int(shelf.size.min()), kept.truth
    return {
        ALL: Majority(limit, reader),
        OURS: Posterior(limit, reader),
        "index, a third": Index(reader, limit / 3, limit=limit),
        "adaptive-consistency": AdaptiveConsistency(limit, reader),
        "early-stopping, 5": EarlyStopping(limit, reader),
        "early-stopping, 8": EarlyStopping(limit, reader, window=8),
    }


def level(archives: Sequence[Archive], orders: Sequence[Orders], samples: float) -> float:
    """Return the least confidence at which Adaptive-Consistency takes at least so many samples."""
    low, high = 0.5, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        taken = [_level(kept, drawn, middle) for kept, drawn in zip(archives, orders, strict=True)]
        low, high = (low, middle) if np.mean(taken) >= samples else (middle, high)
    return high


def _level(kept: Archive, drawn: Orders, confidence: float) -> float:
    limit = int(next(iter(kept.shelves.values())).size.min())
    rule = AdaptiveConsistency(limit, kept.truth, confidence)
    return float(outcome(rule, kept, drawn).samples.mean())


def difference(one: Floats, two: Floats) -> str:
    """Say how much more one is than the other, with the paired 95 % interval over problems."""
    gap = one - two
    half = t.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / np.sqrt(len(gap))
    return f"{gap.mean():+7.2f} [{gap.mean() - half:+6.2f}, {gap.mean() + half:+6.2f}]"


def compare(name: str, archives: Sequence[Archive], orders: int) -> None:
    """Print one data set."""
    points: dict[str, list[Floats]] = {}
    paid: dict[str, list[Floats]] = {}
    shuffled = [Orders.random(kept, orders) for kept in archives]

    def measure(rule: str, policy: Policy, kept: Archive, drawn: Orders) -> None:
        found = outcome(policy, kept, drawn)
        points.setdefault(rule, []).append(100 * found.by_problem(found.right))
        paid.setdefault(rule, []).append(found.samples.mean(axis=1))

    for kept, drawn in zip(archives, shuffled, strict=True):
        for rule, policy in rules(kept).items():
            measure(rule, policy, kept, drawn)
    few = [drawn.first(FEW) for drawn in shuffled]
    same = level(archives, few, float(np.mean(paid[OURS])))
    for kept, drawn in zip(archives, shuffled, strict=True):
        limit = int(next(iter(kept.shelves.values())).size.min())
        measure(LEVEL, AdaptiveConsistency(limit, kept.truth, same), kept, drawn)
    right, cost = ({r: np.concatenate(v) for r, v in each.items()} for each in (points, paid))
    every = cost[ALL].mean()
    print(f"\n{name}: the vote over all {every:.0f} is right {right[ALL].mean():.1f} %")
    for rule in list(right)[1:]:
        gap = right[rule] - right[ALL]
        print(
            f"  {rule:28} {difference(right[rule], right[ALL])} points "
            f"(±{gap.std() / np.sqrt(PROBLEMS):.2f} a set)  {cost[rule].mean() / every:6.1%}"
        )
    for peer in list(right)[3:]:
        gap, more = (difference(each[OURS], each[peer]) for each in (right, cost))
        print(f"  {OURS} − {peer:28} {gap} points   {more} samples")


def shared_budget(archives: Sequence[Archive], orders: int) -> None:
    """Print what one budget for all problems brings by `index`, against spending it evenly."""
    for budget in BUDGETS:
        gaps = np.concatenate([_gap(kept, budget, orders) for kept in archives])
        said = difference(gaps, np.zeros_like(gaps))
        print(f"  index − majority, {budget:3} samples a problem {said} points")


def _gap(kept: Archive, budget: int, orders: int) -> Floats:
    """Return by problem how many points more the index brings."""
    shelf = next(iter(kept.shelves.values()))
    drawn = Orders.random(kept, orders)
    even = outcome(Majority(budget, kept.truth), kept, drawn)
    found = outcome(Index(kept.truth, budget, limit=int(shelf.size.min())), kept, drawn)
    return np.asarray(100 * (found.by_problem(found.right) - even.by_problem(even.right)))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--game24", type=Path, help="folder of the GPT-4 samples")
    parser.add_argument("--repeats", type=int, default=16, help="times that each set is drawn")
    parser.add_argument("--orders", type=int, default=4)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, archives in sets(asked, folder):
            orders = asked.orders * max(1, asked.repeats // len(archives))
            compare(name, archives, orders)
            shared_budget(archives, orders)


if __name__ == "__main__":
    main()
