"""A plan in words and in plain data."""

from typing import Any

import numpy as np

from vervet import registry
from vervet.planning.search import Option, Plan
from vervet.planning.terms import within
from vervet.policies.names import models_named, verifiers_named
from vervet.stats.estimate import Estimate

SCHEMA = "vervet.plan/1"


def recommendation(plan: Plan) -> str:
    """Say what to use, what it may be promised to bring, and what else was found."""
    promised = plan.promise
    bring = (
        f"Promised accuracy on as many new problems: {_percent(promised.accuracy)} "
        f"({promised.accuracy.level:.0%}), wrong {_percent(promised.wrong)}, "
        f"abstained {_percent(promised.abstained)}{_precise(plan)}, at {_cost(plan)}."
    )
    kept = plan.found.archive.problems
    searched = (
        f"{_many(plan.compared, 'policy was', 'policies were')} compared on "
        f"{_many(kept, 'problem', 'problems')}{_flattered(plan)}."
    )
    lines = [f"Use {plan.chosen.name}.", bring, searched]
    lines += [*_thrifty(plan), *_against_one_sample(plan), *_limits(plan), *_notes(plan)]
    return "\n".join(lines)


def _many(number: int, one: str, more: str) -> str:
    """Return a number with its noun.

    >>> _many(1, "problem", "problems"), _many(1200, "problem", "problems")
    ('1 problem', '1,200 problems')
    """
    return f"{number:,} {one if number == 1 else more}"


def _precise(plan: Plan) -> str:
    """Say how much of what is returned is right, where not everything is."""
    precision = plan.promise.precision
    if not plan.promise.abstained.value or not np.isfinite(precision.value):
        return ""
    return f" (of what it returns, {_percent(precision)} is right)"


def _flattered(plan: Plan) -> str:
    """Say what the search was worth to the winner, and that it is not promised."""
    kind = " of value" if plan.terms.false_positive_cost or plan.terms.abstain_cost else ""
    points = 100 * plan.promise.optimism
    if plan.compared == 1 or plan.promise.accuracy.problems == 1:
        return ""
    if points < 0.05:  # noqa: PLR2004 - shown as 0.0
        return "; choosing among them did not make the winner look better than it is"
    return (
        f"; repeated without a tenth of them, the search shows that it made the winner look "
        f"{points:.1f} points{kind} better than it is, which the promise leaves out"
    )


def _percent(estimate: Estimate) -> str:
    if not np.isfinite(estimate.low):
        return f"{estimate.value:.1%} (no interval: {estimate.reason})"
    return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"


def amount(value: float) -> str:
    """Return a price or a number of samples with four digits.

    >>> [amount(value) for value in (0.012345, 16.42, 12_345.6, float("nan"))]
    ['0.01235', '16.42', '12,346', 'unknown']
    """
    if not np.isfinite(value):
        return "unknown"
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.4g}"  # noqa: PLR2004 - four digits


def _cost(plan: Plan) -> str:
    cost, unit = plan.promise.cost, plan.unit
    several = plan.chosen.replayed.samples
    drawn = "" if unit == "samples" else f" ({_samples(several)})"
    low, high = amount(cost.low), amount(cost.high)
    spread = "" if low == high else f" [{low}, {high}]"
    return f"{amount(plan.chosen.cost)}{spread} {unit} a problem{drawn}"


def _samples(number: float) -> str:
    return f"{amount(number)} sample{'' if number == 1 else 's'}"


def _thrifty(plan: Plan) -> list[str]:
    """Name a policy at half the cost or less that is worth almost as much."""
    if plan.thrifty is None:
        return []
    option, loss = plan.thrifty
    less, low, high = (f"{100 * each:.1f}" for each in (loss.value, loss.low, loss.high))
    sure = f" [{low}, {high}]" if np.isfinite(loss.low) else ""
    said = (
        f"{option.name} costs {option.cost / plan.chosen.cost:.2g} times as much, and is worth "
        f"{less} points{sure} less on these problems."
    )
    return [said]


def _against_one_sample(plan: Plan) -> list[str]:
    """Compare with one sample of each model, as measured on the same problems."""
    models = zip(plan.singles, plan.found.archive.shelves, strict=True)
    told = [
        f"of {model} is right {_one(single, plan)}"
        for single, model in models
        if single.name != plan.chosen.name
    ]
    return [f"One sample {'; '.join(told)}."] if told else []


def _one(single: Option, plan: Plan) -> str:
    """Say how often one sample is right, and for how many times the chosen policy's cost."""
    found, share = single.replayed, single.cost / (plan.chosen.cost or np.nan)
    wrong = f", wrong {_percent(found.wrong)}" if plan.terms.false_positive_cost else ""
    paid = f"for {share:.2g} times the cost" if np.isfinite(share) else "at an unknown cost"
    return f"{_percent(found.accuracy)} of the time{wrong}, {paid}"


def _limits(plan: Plan) -> list[str]:
    """Say where new problems may take more than the terms allow, and what could not be weighed."""
    terms, said = plan.terms, []
    budget = terms.budget.per_problem(plan.found.archive.problems) if terms.budget else np.inf
    latency = np.inf if terms.max_latency is None else terms.max_latency
    for spent, limit, unit, most in (
        (plan.promise.cost, budget, plan.unit, f"the budget of {amount(budget)}"),
        (plan.promise.seconds, latency, "s", f"the {amount(latency)} s allowed"),
    ):
        if np.isfinite(spent.high) and not within(np.array(spent.high), limit):
            said.append(
                f"As many new problems may take up to {amount(spent.high)} {unit} each, "
                f"more than {most}."
            )
    if plan.unknown:
        said.append(
            f"{_many(len(plan.unknown), 'policy was', 'policies were')} left out, as "
            f"{plan.unknown[0]}: what they take is not known."
        )
    return said


def _notes(plan: Plan) -> list[str]:
    kept = plan.found
    notes = [*_lacking(plan)]
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
    if strangers := _strangers(plan):
        notes.append(
            f"Before it is solved or served, say in the policy file how {', '.join(strangers)} "
            f"{'is' if len(strangers) == 1 else 'are'} had: nothing here goes by that name."
        )
    if plan.skipped:
        name, why = next(iter(plan.skipped.items()))
        several = _many(len(plan.skipped), "policy", "policies")
        notes.append(f"{several} could not be replayed, as {name}: {why}")
    return notes


def _lacking(plan: Plan) -> list[str]:
    """Say what keeps the problems from telling much."""
    kept, said = plan.found, []
    if kept.left_out:
        several = _many(kept.left_out, "problem was", "problems were")
        said.append(f"{several} left out, not answered by every model.")
    for model, shelf in kept.archive.shelves.items():
        least, most = int(shelf.size.min()), int(shelf.size.max())
        if least < most:
            few = kept.archive.rows[int(shelf.size.argmin())][0].id
            said.append(
                f"{few} has only {_samples(least)} of {model} and others up to {most:,}, so no "
                f"policy that draws more than {least:,} was compared. Draw the missing with "
                f"`vervet sample -n {most}`."
            )
    for name in dict.fromkeys((*kept.readers, *kept.usable)):
        told, there = _judged(plan, name)
        if told < there:
            said.append(
                f"{name} judged {told:,} of {there:,} samples, so policies that ask it of a model "
                f"with samples it did not judge were not compared. Run `vervet verify --verifier "
                f"{name}`."
            )
    right = [shelf.right[np.isfinite(shelf.right)] for shelf in kept.archive.shelves.values()]
    for value, what in ((0, "No sample is right"), (1, "Every sample is right")):
        if all((each == value).all() for each in right):
            said.append(f"{what}, so these problems cannot tell one policy from another.")
    return said


def _judged(plan: Plan, verifier: str) -> tuple[int, int]:
    """Return how many samples a verifier judged, and how many there are."""
    shelves = plan.found.archive.shelves.values()
    told = sum(int((shelf.heard[verifier].told > 0).sum()) for shelf in shelves)
    return told, sum(int(shelf.size.sum()) for shelf in shelves)


def _strangers(plan: Plan) -> list[str]:
    """Return the models and verifiers of the policy that this vervet cannot open by name."""
    policy, models = plan.chosen.policy, plan.found.models
    specs = [models.get(m, m) for m in models_named(policy) or plan.found.archive.shelves]
    providers, verifiers = registry.names("models"), registry.names("verifiers")
    return [
        *(spec for spec in specs if spec.partition("/")[0] not in providers),
        *(name for name in verifiers_named(policy) if name not in verifiers),
    ]


def _forecast(plan: Plan) -> list[str]:
    """Say what more samples are forecast to bring within the terms, if that is more.

    A forecast is for the problems at hand, as is the winner's own value.
    """
    better = [b for b in plan.beyond if b.affordable and b.value > plan.chosen.value]
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
            "precision": _estimate(plan.promise.precision),
            "cost": _estimate(plan.promise.cost),
            "seconds": _estimate(plan.promise.seconds),
            "value": plan.promise.value,
            "optimism": plan.promise.optimism,
        },
        "frontier": [_option(option) for option in plan.frontier],
        "thrifty": plan.thrifty
        and {**_option(plan.thrifty[0]), "worth_less": _estimate(plan.thrifty[1])},
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
        "unknown": list(plan.unknown),
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
