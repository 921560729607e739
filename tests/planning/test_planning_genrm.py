"""When To Solve, When To Verify: a plan for Llama 3.1 8B and its GenRM on MATH, as published."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from vervet.planning import (
    Archive,
    Budget,
    Orders,
    Terms,
    archive,
    describe,
    plan,
    replayed,
)
from vervet.policies.best_of import BestOf
from vervet.policies.flow import Recorded
from vervet.policies.majority import Majority
from vervet.policies.names import verifiers_named
from vervet.types import Outcome, Problem, Sample, Verdict

SOLUTIONS, TRIALS, TOKENS, DEARER = 64, 16, 100, 2
"""A verification takes twice the tokens of a solution."""


def shares(rng: np.random.Generator) -> list[float]:
    """Answers of one problem, the right one first: fitted to the published coverage and vote."""
    rate = rng.beta(1.7, 0.67) if rng.random() < 0.38 else rng.beta(0.49, 3.95)
    theta = np.exp(1.5 + 0.7 * rng.normal() + (0.5 - rate))
    sticks = rng.beta(0.65, theta + 0.35 * np.arange(1, 200))
    wrong = sticks * np.concatenate([[1.0], np.cumprod(1 - sticks)[:-1]])
    return [rate, *((1 - rate) * wrong / wrong.sum())]


def problem_rows(number: int, rng: np.random.Generator) -> tuple[Problem, Recorded]:
    """One problem; the judge's trials agree in error as much as the published surface says."""
    name, given = f"p{number}", shares(rng)
    drawn = rng.choice(len(given), size=SOLUTIONS, p=given)
    says = -0.95 + 2.5 * (drawn == 0) + 1.78 * rng.normal() + 1.39 * rng.normal(size=SOLUTIONS)
    yes = rng.random((SOLUTIONS, TRIALS)) < expit(says)[:, None]
    samples = [Sample(name, "m", i, "", completion_tokens=TOKENS) for i in range(SOLUTIONS)]
    verdicts: dict[tuple[str, int, str], list[Verdict]] = {}
    for i, answer in enumerate(drawn):
        right = Outcome.REJECT if answer else Outcome.ACCEPT
        verdicts["m", i, "key"] = [Verdict(name, "m", i, "key", 0, right, str(answer))]
        verdicts["m", i, "judge"] = [
            Verdict(
                name, "m", i, "judge", t, Outcome.ACCEPT if said else Outcome.REJECT,
                completion_tokens=DEARER * TOKENS,
            )
            for t, said in enumerate(yes[i])
        ]  # fmt: skip
    return Problem(name, ""), Recorded({"m": samples}, verdicts)


@pytest.fixture(scope="module")
def kept() -> Archive:
    rng = np.random.default_rng(11)
    return archive([problem_rows(p, rng) for p in range(200)], "key")


def test_the_rows_are_as_published(kept: Archive, shared_data: Path) -> None:
    points = json.loads((shared_data / "data/papers/genrm_published_plot_points.json").read_text())
    vote, judged = points["math8b"]["majority_voting"], points["math8b"]["best_of_k"]
    orders = Orders.random(kept, 20)
    for n in (4, 16, 64):
        here = replayed(Majority(n, "key"), kept, orders).accuracy
        assert here.low <= vote[str(n)] / 100 <= here.high
        for trials in (4, 16):
            here = replayed(BestOf(n, "judge", trials), kept, orders).accuracy
            assert here.low <= judged[f"{n},{trials}"] / 100 <= here.high


@pytest.mark.slow
def test_votes_come_first_and_verification_when_there_is_plenty(
    kept: Archive, shared_data: Path
) -> None:
    """Between the budgets tried here the plan finds a weighted vote, which the paper left out."""
    points = json.loads((shared_data / "data/papers/genrm_published_plot_points.json").read_text())
    vote, judged = points["math8b"]["majority_voting"], points["math8b"]["best_of_k"]
    for budget in (8, 32, SOLUTIONS * (1 + DEARER * TRIALS)):
        terms = Terms(Budget(budget * TOKENS, "tokens"))
        made = plan(describe(kept), terms, orders=20, forecast=False)
        most = max(v for n, v in vote.items() if int(n) <= budget)
        verified = max(
            (v for cell, v in judged.items() if cost(cell) <= budget and cell != "1,1"), default=0.0
        )
        assert ("judge" in verifiers_named(made.chosen.policy)) == (verified > most), budget


def cost(cell: str) -> int:
    """Return what S,V costs, in solutions."""
    solutions, verifications = map(int, cell.split(","))
    return solutions * (1 + DEARER * verifications)
