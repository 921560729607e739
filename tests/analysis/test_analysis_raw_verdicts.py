"""Raw verdicts of a judge, from a file through the command line, against exact fractions.

Ragged in every way: solutions and verdicts of different number, answers that are missing, a problem
on which nothing was judged, verdicts that are empty, equal scores everywhere.
"""

import csv
import json
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from math import comb, nan

import numpy as np
import pytest
from click.testing import CliRunner

from vervet.cli import app

PROBLEMS, SOLUTIONS, TRIALS = 5, 5, 3
Solution = tuple[bool, str, list[bool | None]]
"""Whether it is right, its answer, and the judge's verdicts; an empty one is None."""


def drawn(rng: np.random.Generator) -> list[Solution]:
    """Return a problem's solutions; few of the verdicts on each are alike in number."""
    found = []
    for _ in range(int(rng.integers(SOLUTIONS - 1, SOLUTIONS + 1))):
        right = bool(rng.random() < 0.4)
        answer = "" if not right and rng.random() < 0.3 else "right" if right else "wrong"
        verdicts = [
            None if rng.random() < 0.15 else bool(rng.random() < (0.7 if right else 0.4))
            for _ in range(int(rng.integers(0, TRIALS + 1)))
        ]
        found.append((right, answer, verdicts))
    found[0] = (*found[0][:2], [True] * TRIALS)
    return found


@pytest.fixture(scope="module")
def recorded() -> dict[str, list[Solution]]:
    rng = np.random.default_rng(3)
    found = {f"p{at}": drawn(rng) for at in range(PROBLEMS)}
    found["silent"] = [(False, "", [None] * TRIALS) for _ in range(SOLUTIONS)]
    return found


def lines(recorded: dict[str, list[Solution]]) -> Iterator[dict[str, object]]:
    """Yield the rows of the file: the key's verdict, then the judge's, of each solution."""
    for problem, solutions in recorded.items():
        for index, (right, answer, verdicts) in enumerate(solutions):
            row = {"problem": problem, "index": index, "answer": answer}
            yield row | {"verifier": "key", "trial": 0, "correct": int(right)}
            for trial, accepted in enumerate(verdicts):
                said = "" if accepted is None else int(accepted)
                yield row | {"verifier": "judge", "trial": trial, "correct": said}


@pytest.fixture(scope="module")
def document(
    recorded: dict[str, list[Solution]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[dict[str, float]]]:
    folder = tmp_path_factory.mktemp("raw")
    rows = list(lines(recorded))
    with (folder / "verdicts.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    run = str(folder / "run")
    asked = ["analyze", run, "--against", "key", "--whole-surface", "--lambda", "1", "--json"]
    for words in (["import", "table", str(folder / "verdicts.csv"), run], asked):
        found = CliRunner().invoke(app, words)
        assert found.exit_code == 0, found.output
    parsed: dict[str, list[dict[str, float]]] = json.loads(found.stdout)
    return parsed


@cache
def scores(said: tuple[bool, ...], depth: int) -> dict[Fraction, Fraction]:
    """Return the law of the mean of `depth` of the verdicts, or of all where they are fewer."""
    chosen = list(combinations(said, min(depth, len(said))))
    law: dict[Fraction, Fraction] = {}
    for subset in chosen:
        mean = Fraction(sum(subset), len(subset))
        law[mean] = law.get(mean, Fraction(0)) + Fraction(1, len(chosen))
    return law


def best_of(solutions: list[Solution], many: int, depth: int) -> Fraction | None:
    """Return the accuracy of best-of-S over all subsets of solutions and of verdicts."""
    judged = [(right, tuple(v for v in said if v is not None)) for right, _, said in solutions]
    judged = [each for each in judged if each[1]]
    if many > len(judged) or depth > max((len(said) for _, said in judged), default=0):
        return None
    total = Fraction(0)
    for subset in combinations(judged, many):
        for outcome in product(*(scores(said, depth).items() for _, said in subset)):
            chance = Fraction(1)
            for _, share in outcome:
                chance *= share
            top = max(score for score, _ in outcome)
            best = [
                right
                for (right, _), (score, _) in zip(subset, outcome, strict=True)
                if score == top
            ]
            total += chance * Fraction(sum(best), len(best))
    return total / comb(len(judged), many)


def test_every_cell_of_the_whole_surface_is_exact(
    recorded: dict[str, list[Solution]], document: dict[str, list[dict[str, float]]]
) -> None:
    found = {(r["solutions"], r["verifications"]): r for r in document["success"]}
    deep = {depth for _, depth in found}
    assert deep == set(range(1, TRIALS + 1))
    assert len(found) == len(deep) * len({many for many, _ in found}) >= 3 * TRIALS
    for (many, depth), row in found.items():
        each = [best_of(solutions, int(many), int(depth)) for solutions in recorded.values()]
        known = [value for value in each if value is not None]
        assert row["problems"] == len(known)
        assert row["value"] == pytest.approx(float(sum(known) / len(known)), abs=1e-12)


def test_powers_of_two_are_cells_of_the_whole_surface(
    document: dict[str, list[dict[str, float]]],
) -> None:
    costs = {(r["solutions"], r["verifications"]): r["cost"] for r in document["success"]}
    assert all(cost == s * (1 + v) for (s, v), cost in costs.items())
    best = [row["value"] or nan for row in document["frontier"]]
    assert best == sorted(best)
