"""Stopping rules on answers that were never used to choose them, replayed on the same orders.

    python benchmarks/adaptive.py
    python benchmarks/adaptive.py --game24 FOLDER --repeats 5

Compares the default `posterior` with a vote over all samples, Adaptive-Consistency (Beta, 0.95) and
early stopping (windows of 5 and of 8), 128 samples a problem: the embedded models on their
problems, sampled here; simulated answers shaped like those of competition problems (success
rates from a beta distribution, wrong answers by a Pitman-Yor process); and, where the folder is
given, GPT-4 on the Game of 24 (Yao et al. 2023; 100 samples a problem, and its rules were seen).
Every line says points of accuracy against the vote over all with the interval over problems, and
the share of the samples; then `posterior` against each peer, and one budget for all problems
spent by `index`, against the same budget spent evenly on a vote.
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
from vervet.planning import Archive, Orders, archive
from vervet.planning.archive import Rows
from vervet.planning.reading import read
from vervet.planning.replay import outcome
from vervet.policies.adaptive import AdaptiveConsistency, EarlyStopping
from vervet.policies.flow import Policy, Recorded
from vervet.policies.index import Index, replay_together
from vervet.policies.majority import Majority
from vervet.policies.posterior import Posterior
from vervet.types import Outcome, Problem, Sample, Verdict

Floats = NDArray[np.float64]
GAME = "gpt-4_0.7_naive_cot_sample_100_start900_end1000.json"
SAMPLES = 128
BUDGETS = (5, 10, 20)
TOGETHER = 4
"""Orders in which an index is replayed: it looks at all problems at once."""
SHAPES = {
    "competition, strong": (0.9, 0.7, 2.0, 0.3),
    "competition, middling": (0.5, 0.8, 2.0, 0.3),
    "competition, weak": (0.35, 1.5, 5.0, 0.5),
    "school, strong": (1.8, 0.6, 2.0, 0.3),
    "hardly solvable": (0.15, 3.0, 8.0, 0.5),
}
"""Success rates Beta(a, b); wrong answers Pitman-Yor(concentration, discount)."""


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


def simulated(shape: tuple[float, float, float, float], seed: int) -> Rows:
    """Return 128 problems whose answers are drawn from a known distribution each."""
    a, b, concentration, discount = shape
    rng = np.random.default_rng([2411, seed])
    rows = []
    for place in range(128):
        right = rng.beta(a, b)
        sticks = rng.beta(1 - discount, concentration + discount * np.arange(1, 400))
        wrong = sticks * np.cumprod(np.concatenate([[1.0], 1 - sticks[:-1]]))
        shares = np.concatenate([[right], (1 - right) * wrong / wrong.sum()])
        drawn = rng.choice(len(shares), size=SAMPLES, p=shares)
        rows.append(recorded(f"p{place}", [str(d) for d in drawn], [bool(d == 0) for d in drawn]))
    return rows


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


def embedded(model: str, temperature: float, folder: str) -> Archive:
    """Sample an embedded model on its problems, and read its answers."""
    run = vervet.open(f"{folder}/{model}-{temperature}")
    sampler = vervet.sampler(model, temperature=temperature, seed=2411)
    vervet.sample(run, vervet.dataset("embedded"), sampler, n=SAMPLES)
    vervet.verify(run, vervet.verifier("gsm8k-answer"))
    return read([run]).archive


def sets(asked: argparse.Namespace, folder: str) -> Iterator[tuple[str, list[Archive]]]:
    """Yield every data set with its repetitions."""
    for model, temperature in (("marmoset", 0.7), ("marmoset", 1.0), ("marmoset-strong", 1.0)):
        yield f"{model}, temperature {temperature}", [embedded(model, temperature, folder)]
    for name, shape in SHAPES.items():
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
        "vote over all": Majority(limit, reader),
        "posterior": Posterior(limit, reader),
        "adaptive-consistency": AdaptiveConsistency(limit, reader),
        "early-stopping, 5": EarlyStopping(limit, reader),
        "early-stopping, 8": EarlyStopping(limit, reader, window=8),
    }


def difference(one: Floats, two: Floats) -> str:
    """Say how much more one is than the other, with the paired 95 % interval over problems."""
    gap = one - two
    half = t.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / np.sqrt(len(gap))
    return f"{gap.mean():+7.2f} [{gap.mean() - half:+6.2f}, {gap.mean() + half:+6.2f}]"


def compare(name: str, archives: Sequence[Archive], orders: int) -> None:
    """Print one data set."""
    points: dict[str, list[Floats]] = {}
    paid: dict[str, list[Floats]] = {}
    for kept in archives:
        drawn = Orders.random(kept, orders)
        for rule, policy in rules(kept).items():
            found = outcome(policy, kept, drawn)
            points.setdefault(rule, []).append(100 * found.by_problem(found.right))
            paid.setdefault(rule, []).append(found.samples.mean(axis=1))
    right, cost = ({r: np.concatenate(v) for r, v in each.items()} for each in (points, paid))
    every = cost["vote over all"].mean()
    print(f"\n{name}: the vote over all {every:.0f} is right {right['vote over all'].mean():.1f} %")
    for rule in list(right)[1:]:
        gap = difference(right[rule], right["vote over all"])
        print(f"  {rule:22} {gap} points   {cost[rule].mean() / every:6.1%} of the samples")
    for peer in list(right)[2:]:
        gap, more = (difference(each["posterior"], each[peer]) for each in (right, cost))
        print(f"  posterior − {peer:22} {gap} points   {more} samples")


def shared_budget(archives: Sequence[Archive]) -> None:
    """Print what one budget for all problems brings by `index`, against spending it evenly."""
    for budget in BUDGETS:
        gaps = np.concatenate([_gap(kept, budget) for kept in archives])
        said = difference(gaps, np.zeros_like(gaps))
        print(f"  index − majority, {budget:3} samples a problem {said} points")


def _gap(kept: Archive, budget: int) -> Floats:
    """Return by problem how many points more the index brings."""
    shelf = next(iter(kept.shelves.values()))
    drawn = Orders.random(kept, TOGETHER)
    even = outcome(Majority(budget, kept.truth), kept, drawn)
    rules = Index(kept.truth, budget, limit=int(shelf.size.min()))
    right = np.zeros((kept.problems, TOGETHER))
    for order in range(TOGETHER):
        places = [{shelf.model: row[order].tolist()} for row in drawn.by_model[shelf.model]]
        for p, (chosen, _) in enumerate(replay_together(rules, kept.rows, places)):
            index = [s.index for s in kept.rows[p][1].samples[shelf.model]]
            right[p, order] = chosen.index is not None and shelf.right[p, index.index(chosen.index)]
    return np.asarray(100 * (right.mean(axis=1) - even.by_problem(even.right)))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--game24", type=Path, help="folder of the GPT-4 samples")
    parser.add_argument("--repeats", type=int, default=5, help="populations of each shape")
    parser.add_argument("--orders", type=int, default=50)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, archives in sets(asked, folder):
            compare(name, archives, asked.orders)
            shared_budget(archives)


if __name__ == "__main__":
    main()
