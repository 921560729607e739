"""What a plan promises of the chosen policy, against what it brings on other problems."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from vervet.planning.outcome import Averages
from vervet.planning.promise import Promise, choose, promise, spent

Floats = NDArray[np.float64]
FREE = (np.inf, np.inf)
PROBLEMS, WORLDS = 40, 150


def part(right: Floats, wrong: Floats, cost: Floats) -> Averages:
    names = ("samples", "verifications", "tokens", "dollars", "seconds")
    costs = dict.fromkeys(names, cost)
    return Averages(right, wrong, 1 - right - wrong, costs, 1, len(right), 0.0)


def promised(parts: list[Averages], harm: float = 0.0) -> tuple[Promise, Averages]:
    """Return what is promised, and what the chosen policy did."""
    values = np.array([p.right - harm * p.wrong for p in parts])
    costs = np.array([p.costs["dollars"] for p in parts])
    chosen = parts[choose(values, costs, costs, FREE)]
    return promise(values, costs, costs, FREE, parts=parts), chosen


def world(seed: int) -> list[Averages]:
    """Twelve policies that abstain more or less, on problems for choosing and as many others."""
    rng = np.random.default_rng(seed)
    ease = rng.beta(1.2, 0.8, 2 * PROBLEMS)
    parts = []
    for _ in range(12):
        answers = rng.beta(4, 2, 2 * PROBLEMS)
        right = answers * np.clip(ease + rng.normal(0, 0.2, 2 * PROBLEMS), 0, 1)
        parts.append(part(right, answers - right, rng.lognormal(0, 1, 2 * PROBLEMS)))
    return parts


def seen(chosen: Averages) -> dict[str, float]:
    right, wrong = chosen.right[PROBLEMS:].mean(), chosen.wrong[PROBLEMS:].mean()
    cost = chosen.costs["dollars"][PROBLEMS:].mean()
    return {
        "accuracy": right, "wrong": wrong, "abstained": 1 - right - wrong,
        "precision": right / (right + wrong), "cost": cost, "seconds": cost,
    }  # fmt: skip


@pytest.mark.parametrize("harm", [0.0, 1.0])
def test_everything_promised_is_within_its_interval_on_as_many_new_problems(harm: float) -> None:
    held: dict[str, list[bool]] = {}
    gaps = []
    for seed in range(WORLDS):
        parts = world(seed)
        first = [p.part(np.arange(PROBLEMS)) for p in parts]
        told, chosen = promised(first, harm)
        whole = next(p for p, f in zip(parts, first, strict=True) if f is chosen)
        for name, value in seen(whole).items():
            estimate = getattr(told, name)
            held.setdefault(name, []).append(estimate.low <= value <= estimate.high)
        gaps.append(told.accuracy.value - seen(whole)["accuracy"])
    for name, each in held.items():
        assert 0.89 <= np.mean(each) <= 0.995, name
    assert abs(np.mean(gaps)) <= 0.01 + 2 * np.std(gaps) / WORLDS**0.5


def test_the_promise_is_for_the_policy_that_was_chosen_and_not_for_others_worth_as_much() -> None:
    """Two policies worth the same: one answers all, one half; the folds are divided over them."""
    rng = np.random.default_rng(3)
    ease = rng.random(PROBLEMS)
    always = part(ease, 1 - ease, np.ones(PROBLEMS))
    noise = rng.normal(0, 0.3, PROBLEMS)
    worth = 2 * ease - 1 + noise - noise.mean()
    right = np.clip(worth, 0, 1) * 0.5
    seldom = part(right, np.clip(right - worth, 0, 1 - right), np.ones(PROBLEMS))
    told, chosen = promised([always, seldom], harm=1.0)
    other = seldom if chosen is always else always
    gap = abs(chosen.right.mean() - other.right.mean())
    assert gap > 0.2
    assert abs(told.accuracy.value - chosen.right.mean()) < 0.1 * gap
    assert abs(told.abstained.value - chosen.abstained.mean()) < 0.1 * gap


def test_the_interval_for_new_problems_is_wider_than_for_all_of_them() -> None:
    told, _ = promised([p.part(np.arange(PROBLEMS)) for p in world(1)])
    new, every = told.accuracy, told.population
    assert new.value == every.value
    assert 1.3 < (new.high - new.low) / (every.high - every.low) < 1.5
    assert "as many new problems" in new.method
    assert "as many new problems" not in every.method


def test_one_problem_has_no_interval() -> None:
    told, _ = promised([part(np.array([0.5]), np.array([0.5]), np.ones(1))])
    for estimate in (told.accuracy, told.wrong, told.abstained, told.precision, told.cost):
        assert np.isnan(estimate.low)
        assert np.isnan(estimate.high)
        assert "1 problem" in estimate.reason
    assert (told.accuracy.value, told.optimism) == (0.5, 0.0)


def test_nothing_returned_has_no_precision() -> None:
    none = np.zeros(5)
    told, _ = promised([part(none, none, np.ones(5))])
    assert np.isnan(told.precision.value)
    assert told.abstained.value == 1


@pytest.mark.parametrize("draw", [
    lambda rng: rng.lognormal(0, 1, 80), lambda rng: rng.gamma(2, 1, 80),
    lambda rng: 1.0 + (rng.random(80) < 0.2) * 31.0,
])  # fmt: skip
def test_a_mean_cost_holds_that_of_as_many_new_problems(
    draw: Callable[[np.random.Generator], Floats],
) -> None:
    held = []
    for seed in range(300):
        costs = draw(np.random.default_rng(seed))
        told = spent(costs[:40])
        held.append(told.low <= costs[40:].mean() <= told.high)
    assert 0.9 <= np.mean(held) <= 0.985


def test_a_cost_that_is_always_the_same_is_exact_and_an_unknown_one_is_unknown() -> None:
    same = spent(np.full(9, 4.0))
    assert (same.low, same.value, same.high) == (4.0, 4.0, 4.0)
    lost = spent(np.array([1.0, np.nan]))
    assert np.isnan(lost.value)
    assert lost.reason == "not known of every problem"
