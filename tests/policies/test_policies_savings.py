"""Stopping rules on real and simulated answers, against a vote over all and two known rules."""

import json
from pathlib import Path

import numpy as np
import pytest

from vervet.models.population import Population
from vervet.planning import Archive, Orders, Replayed, archive, replayed
from vervet.planning.archive import Rows
from vervet.policies.adaptive import AdaptiveConsistency, EarlyStopping
from vervet.policies.flow import Policy, Recorded
from vervet.policies.index import Index
from vervet.policies.majority import Majority
from vervet.policies.posterior import Posterior
from vervet.types import Outcome, Problem, Sample, Verdict


def recorded(name: str, answers: list[str | None], right: list[bool]) -> tuple[Problem, Recorded]:
    samples = [Sample(name, "m", i, "") for i in range(len(answers))]
    verdicts = {
        ("m", i, "v"): [
            Verdict(name, "m", i, "v", 0, Outcome.ACCEPT if good else Outcome.REJECT, answer)
        ]
        for i, (answer, good) in enumerate(zip(answers, right, strict=True))
    }
    return Problem(name, "?"), Recorded({"m": samples}, verdicts)


def simulated(population: Population, n: int = 128) -> Rows:
    rng = np.random.default_rng(population.seed)
    rows = []
    for p in range(population.problems):
        drawn = rng.choice(population.wrong_answers + 1, size=n, p=population.answers(p))
        rows.append(recorded(f"p{p}", [str(a) for a in drawn], [bool(a == 0) for a in drawn]))
    return rows


def compared(kept: Archive, limit: int, orders: int) -> dict[str, Replayed]:
    drawn = Orders.random(kept, orders)
    rules: dict[str, Policy] = {
        "all": Majority(limit, "v"),
        "posterior": Posterior(limit, "v"),
        "adaptive": AdaptiveConsistency(limit, "v"),
        "windows": EarlyStopping(limit, "v"),
        "together": Index("v", limit / 3, limit=limit),
    }
    return {name: replayed(rule, kept, drawn) for name, rule in rules.items()}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_third_of_the_samples_is_enough(seed: int) -> None:
    population = Population(problems=256, a=1.0, b=0.6, wrong_answers=12, seed=seed)
    found = compared(archive(simulated(population), "v"), 128, 25)
    posterior, adaptive = found["posterior"], found["adaptive"]
    assert posterior.samples <= 128 / 3
    assert posterior.accuracy.value >= found["all"].accuracy.value - 0.005
    assert posterior.samples <= adaptive.samples * 1.02
    assert posterior.accuracy.value >= adaptive.accuracy.value - 0.003
    assert posterior.samples < found["windows"].samples
    assert found["together"].samples <= 128 / 3
    assert found["together"].accuracy.value >= found["all"].accuracy.value - 0.002


def test_it_costs_no_accuracy_on_real_answers(shared_data: Path) -> None:
    """GPT-4 on the Game of 24, where hardly two answers agree."""
    folder = shared_data / "data/game24"
    lines = json.loads(
        (folder / "gpt-4_0.7_naive_cot_sample_100_start900_end1000.json").read_text()
    )
    rows = [
        recorded(
            str(line["idx"]),
            [
                text.rpartition("Answer:")[2].partition("=")[0].strip() or None
                for text in line["ys"]
            ],
            [bool(info["r"]) for info in line["infos"]],
        )
        for line in lines
    ]
    found = compared(archive(rows, "v"), 100, 40)
    posterior, adaptive = found["posterior"], found["adaptive"]
    assert posterior.accuracy.value >= found["all"].accuracy.value - 0.005
    assert posterior.accuracy.value >= adaptive.accuracy.value - 0.005
    assert posterior.samples <= 0.42 * 100
    assert posterior.samples < 0.6 * adaptive.samples
    assert posterior.samples < found["windows"].samples
    assert found["together"].samples <= 100 / 3
    assert found["together"].accuracy.value >= found["all"].accuracy.value - 0.01
