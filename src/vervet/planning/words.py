"""A plan in words and in plain data."""

from typing import Any

import numpy as np

from vervet.planning.search import Option, Plan
from vervet.policies.fixed import Fixed
from vervet.stats.estimate import Estimate

SCHEMA = "vervet.plan/1"


def recommendation(plan: Plan) -> str:
    """Say what to use, what it may be promised to bring, and what else was found."""
    promised = plan.promise
    bring = (
        f"Promised accuracy on as many new problems: {_percent(promised.accuracy)} "
        f"({promised.accuracy.level:.0%}), wrong {promised.wrong.value:.1%}, "
        f"abstained {promised.abstained.value:.1%}, at {_cost(plan.chosen, plan.unit)}."
    )
    searched = (
        f"{plan.compared:,} policies were compared on {plan.found.archive.problems:,} problems; "
        f"choosing among them made the winner look {100 * promised.optimism:.1f} points "
        "better than it is, which the promise leaves out."
    )
    lines = [f"Use {plan.chosen.name}.", bring, searched]
    lines += [*_against_one_sample(plan), *_notes(plan)]
    return "\n".join(lines)


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"


def amount(value: float) -> str:
    """Return a price or a number of samples with four digits.

    >>> [amount(value) for value in (0.012345, 16.42, 12_345.6, float("nan"))]
    ['0.01235', '16.42', '12,346', 'unknown']
    """
    if not np.isfinite(value):
        return "unknown"
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.4g}"  # noqa: PLR2004 - four digits


def _cost(option: Option, unit: str) -> str:
    drawn = "" if unit == "samples" else f" ({amount(option.replayed.samples)} samples)"
    return f"{amount(option.cost)} {unit} a problem{drawn}"


def _against_one_sample(plan: Plan) -> list[str]:
    """Compare with the best single sample of any model."""
    singles = [o for o in plan.frontier if isinstance(o.policy, Fixed)]
    if not singles or isinstance(plan.chosen.policy, Fixed) or not plan.chosen.cost > 0:
        return []
    one = max(singles, key=lambda o: o.value)
    right, share = one.replayed.accuracy.value, one.cost / plan.chosen.cost
    said = (
        f"One sample of the best model that is worth its price ({one.name}) is right {right:.1%} "
        f"of the time, for {share:.2g} times the cost."
    )
    return [said]


def _notes(plan: Plan) -> list[str]:
    kept = plan.found
    notes = []
    if kept.archive.truth not in kept.usable:
        notes.append(
            f"{kept.archive.truth} says what is right by the reference, so policies may read "
            f"answers with it but not ask it what is right (--verifier {kept.archive.truth} "
            "allows it)."
        )
    if plan.terms.false_positive_cost and plan.promise.value < -plan.terms.abstain_cost:
        notes.append("Answering nothing at all would be worth more than any of these policies.")
    notes += _forecast(plan)
    largest = {int(shelf.size.min()) for shelf in kept.archive.shelves.values()}
    asked = {getattr(plan.chosen.policy, name, 0) for name in ("n", "limit")}
    if largest & asked - {1}:
        notes.append("The winner uses every sample recorded; more samples may find a better one.")
    if plan.skipped:
        name, why = next(iter(plan.skipped.items()))
        notes.append(f"{len(plan.skipped)} policies could not be replayed, as {name}: {why}")
    return notes


def _forecast(plan: Plan) -> list[str]:
    """Say what more samples are forecast to bring within the terms, if that is more."""
    better = [b for b in plan.beyond if b.affordable and b.value > plan.promise.value]
    if not better:
        return []
    best = max(better, key=lambda b: b.value)
    said = (
        f"Forecast, not measured: {best.name} would be right {_percent(best.accuracy)} of the "
        f"time at {amount(best.cost)} {plan.unit} a problem. Draw {best.draw:,} samples of each "
        f"problem (`vervet sample -n {best.draw}`) and plan again to know."
    )
    return [said]


def document(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain data."""
    return {
        "schema": SCHEMA,
        "unit": plan.unit,
        "problems": plan.found.archive.problems,
        "problems_left_out": plan.found.left_out,
        "truth": plan.found.archive.truth,
        "compared": plan.compared,
        "chosen": _option(plan.chosen),
        "promise": {
            "accuracy": _estimate(plan.promise.accuracy),
            "population": _estimate(plan.promise.population),
            "wrong": _estimate(plan.promise.wrong),
            "abstained": _estimate(plan.promise.abstained),
            "value": plan.promise.value,
            "optimism": plan.promise.optimism,
        },
        "frontier": [_option(option) for option in plan.frontier],
        "forecasts": [
            {
                "policy": each.name,
                "accuracy": _estimate(each.accuracy),
                "method": each.accuracy.method,
                "wrong": each.wrong,
                "abstained": each.abstained,
                "value": each.value,
                "samples": each.samples,
                "cost": known(each.cost),
                "seconds": known(each.seconds),
                "affordable": each.affordable,
                "draw": each.draw,
            }
            for each in plan.beyond
        ],
        "skipped": dict(plan.skipped),
        "recommendation": recommendation(plan),
    }


def _option(option: Option) -> dict[str, Any]:
    found = option.replayed
    return {
        "policy": option.name,
        "cost": known(option.cost),
        "value": option.value,
        "affordable": option.affordable,
        "accuracy": _estimate(found.accuracy),
        "wrong": _estimate(found.wrong),
        "abstained": _estimate(found.abstained),
        "samples": found.samples,
        "verifications": found.verifications,
        "tokens": known(found.tokens),
        "dollars": known(found.dollars),
        "seconds": known(found.seconds),
        "orders": found.chance.orders,
        "monte_carlo_error": known(found.chance.error),
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": known(estimate.value),
        "low": known(estimate.low),
        "high": known(estimate.high),
        "level": estimate.level,
        "method": estimate.method,
        "problems": estimate.problems,
    }


def known(value: float) -> float | None:
    """Return None for what is not known, as JSON has no NaN."""
    return float(value) if np.isfinite(value) else None
