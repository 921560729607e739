"""How to split a budget over models, temperatures or prompts so that most problems are solved."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vervet.analysis.costs import dollars_of, flops_of, tokens_of
from vervet.analysis.curves import Settings, measured
from vervet.analysis.recorded import Drawn, Floats, Judged
from vervet.analysis.schema_scaling import MixtureRow
from vervet.errors import ConfigError
from vervet.stats.mixtures import Mixture, best_mixture, validate_mixture
from vervet.stats.reliability import mean_at_n

SPLITS = 20
SIZE = re.compile(
    r"(?P<number>[\d.]+(?:e[+-]?\d+)?)\s*(?P<unit>[a-z$]*)(?:/problem)?", re.IGNORECASE
)
COSTS: Mapping[str, Callable[[Drawn], float | None]] = {
    "samples": lambda _: 1.0,
    "tokens": tokens_of,
    "usd": dollars_of,
    "flops": flops_of,
}
"""What one sample of a model costs, by unit; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent on each problem."""

    amount: float
    unit: str

    @classmethod
    def read(cls, text: str | float) -> "Budget":
        """Read `100`, `20000tokens`, `0.05usd/problem` or `1e15flops`.

        Raises:
            ConfigError: it is not a positive amount of a known unit.

        >>> Budget.read("0.05usd/problem"), Budget.read(100)
        (Budget(amount=0.05, unit='usd'), Budget(amount=100.0, unit='samples'))
        """
        found = SIZE.fullmatch(str(text).strip())
        unit = (found["unit"].lower() if found else "") or "samples"
        try:
            amount = float(found["number"]) if found else 0.0
        except ValueError:
            amount = 0.0
        if not amount > 0 or unit not in COSTS:
            raise ConfigError(
                f"a mixture's budget is an amount a problem, as 100samples, 20000tokens, 0.05usd "
                f"or 1e15flops; not {text!r}."
            )
        return cls(amount, unit)


def mixture_rows(
    judged: Sequence[Judged], budgets: Sequence[Budget], settings: Settings
) -> Iterator[MixtureRow]:
    """Yield the best split of each budget over the models that one verifier judged.

    Raises:
        ConfigError: no verifier judged two models on the same problems, or a cost is not known.
    """
    groups: dict[str, list[Judged]] = {}
    for each in judged:
        groups.setdefault(each.verifier, []).append(each)
    several = {name: group for name, group in groups.items() if len(group) > 1}
    if budgets and not several:
        models = ", ".join(dict.fromkeys(each.drawn.model for each in judged))
        raise ConfigError(
            f"a mixture needs two models judged by one verifier; there is {models}. "
            "Give several runs, or draw from another model."
        )
    for name, group in several.items():
        for budget in budgets:
            yield _row(name, group, budget, settings)


def _row(verifier: str, group: Sequence[Judged], budget: Budget, settings: Settings) -> MixtureRow:
    rates = shared_rates(group)
    problems = len(next(iter(rates.values())))
    if problems < 2:  # noqa: PLR2004 - one half to choose on, one to score on
        names = " and ".join(rates)
        raise ConfigError(f"{names} have {problems} problems in common; a mixture needs two.")
    costs = {each.drawn.model: cost(each.drawn, budget.unit) for each in group}
    best = best_mixture(rates, costs, budget.amount)
    held = validate_mixture(
        rates, costs, budget.amount, splits=SPLITS, level=settings.level, rng=settings.rng
    )
    return MixtureRow(
        verifier=verifier,
        budget=budget.amount,
        unit=budget.unit,
        attempts=dict(best.attempts),
        costs=costs,
        **_on_chosen(best),
        held_out=held.mixture.value,
        held_out_low=held.mixture.low,
        held_out_high=held.mixture.high,
        single_held_out=held.single.value,
        single_held_out_low=held.single.low,
        single_held_out_high=held.single.high,
        better=held.better,
        gap=best.gap,
        **measured(held.gain) | {"samples": sum(int(each.total.sum()) for each in group)},
    )


def _on_chosen(best: Mixture) -> dict[str, Any]:
    return {
        "coverage": best.coverage,
        "single": best.single,
        "single_coverage": best.single_coverage,
        "multiple": best.multiple,
    }


def shared_rates(group: Sequence[Judged]) -> dict[str, Floats]:
    """Return each model's success rates on the problems that all of them were judged on."""
    known = [
        {p for p, n in zip(each.drawn.problems, each.total, strict=True) if n} for each in group
    ]
    shared = set.intersection(*known)
    return {
        each.drawn.model: np.array(
            [
                rate
                for problem, rate in sorted(
                    zip(each.drawn.problems, mean_at_n(each.correct, each.total), strict=True)
                )
                if problem in shared
            ]
        )
        for each in group
    }


def cost(drawn: Drawn, unit: str) -> float:
    """Return what one sample of a model costs in a unit.

    Raises:
        ConfigError: that is not known.
    """
    found = COSTS[unit](drawn)
    if found is None or not found > 0:
        raise ConfigError(
            f"what a sample of {drawn.model} costs in {unit} is not known; "
            "give the budget in samples, or record tokens."
        )
    return found
