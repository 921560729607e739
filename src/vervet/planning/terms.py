"""What a plan must respect: a budget, a latency, and what mistakes cost."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vervet.errors import ConfigError
from vervet.planning.archive import Floats
from vervet.policies.flow import Policy, name_of

UNITS = {"usd": "dollars", "$": "dollars", "tokens": "tokens", "samples": "samples"}
WRITTEN = re.compile(r"(?P<amount>\d+(\.\d*)?|\.\d+)\s*(?P<unit>[a-z$]+)(?P<each>/problem)?")
SECONDS = re.compile(r"(?P<amount>\d+(\.\d*)?|\.\d+)\s*(?P<unit>ms|s|m)?")
IN_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Budget:
    """How much one problem may cost, on average."""

    amount: float
    unit: str
    """dollars, tokens or samples."""
    each: bool = True
    """Per problem; else for all problems together."""

    def per_problem(self, problems: int) -> float:
        """Return the amount for one of so many problems."""
        return self.amount if self.each else self.amount / problems


@dataclass(frozen=True, slots=True)
class Terms:
    """What a right answer is worth 1 of: the value of a policy is right − c wrong − a abstained."""

    budget: Budget | None = None
    false_positive_cost: float = 0.0
    """c: what returning a wrong answer costs."""
    abstain_cost: float = 0.0
    """a: what returning nothing costs."""
    max_latency: float | None = None
    """Mean seconds a problem may take."""
    together: bool = False
    """All problems are there at once, so that they may share one budget (`index`)."""


def budget(text: str) -> Budget:
    """Read a budget: 0.05usd/problem, 2000tokens/problem, 8samples/problem, 5usd.

    Raises:
        ConfigError: it is not written so.

    >>> budget("0.05usd/problem")
    Budget(amount=0.05, unit='dollars', each=True)
    >>> budget("5usd").per_problem(100)
    0.05
    """
    found = WRITTEN.fullmatch(text.strip().lower().replace("sample/", "samples/"))
    if not found or found["unit"] not in UNITS or not float(found["amount"]):
        raise ConfigError(
            f"--budget {text!r} is not an amount: write 0.05usd/problem, 2000tokens/problem, "
            "8samples/problem, or without /problem for all problems together."
        )
    return Budget(float(found["amount"]), UNITS[found["unit"]], each=bool(found["each"]))


def latency(text: str) -> float:
    """Read seconds: 30s, 500ms, 2m.

    Raises:
        ConfigError: it is not written so.

    >>> latency("500ms")
    0.5
    """
    found = SECONDS.fullmatch(text.strip().lower())
    if not found:
        raise ConfigError(f"--max-latency {text!r} is not a time: write 30s, 500ms or 2m.")
    return float(found["amount"]) * IN_SECONDS[found["unit"]]


def within(spent: Floats, limit: float) -> NDArray[np.bool_]:
    """Tell what keeps a limit, rounding forgiven: three times 0.1 is 0.3. NaN does not fit.

    >>> within(np.array([0.1 + 0.2, 0.31, np.nan]), 0.3)
    array([ True, False, False])
    """
    return np.asarray(spent <= limit * (1 + ROUNDING))


def nothing_fits(
    policies: Sequence[Policy],
    spent: tuple[Floats, Floats],
    unit: str,
    terms: Terms,
    problems: int,
) -> str:
    """Say why no policy fits: what is asked for, and what the nearest policy takes.

    Args:
        policies: all that were compared.
        spent: their mean cost in `unit`, and their mean seconds; NaN where not known.
        unit: of the cost.
        terms: what they must keep.
        problems: over how many a budget for all is spread.
    """
    costs, waits = spent
    limit = terms.budget.per_problem(problems) if terms.budget else np.inf
    fits = np.ones(len(policies), dtype=bool) if terms.budget is None else within(costs, limit)
    if terms.budget and not np.isfinite(costs).any():
        return f"{unit} are not known of any policy. {_INSTEAD[unit]}"
    if not fits.any():
        least = int(np.nanargmin(costs))
        return (
            f"no policy fits: the budget is {limit:g} {unit} a problem{_shared(terms, problems)}, "
            f"and the cheapest, {name_of(policies[least])}, takes {costs[least]:.4g}."
        )
    there = " within the budget" if terms.budget else ""
    timed = np.where(fits & np.isfinite(waits), waits, np.inf)
    quickest = int(timed.argmin())
    if not np.isfinite(timed[quickest]):
        return f"seconds are not known of any policy{there}. {_INSTEAD['seconds']}"
    return (
        f"no policy fits: it may take {terms.max_latency:g} s, and the quickest{there}, "
        f"{name_of(policies[quickest])}, takes {timed[quickest]:.3g}."
    )


_INSTEAD = {
    "dollars": "Give the budget in samples or tokens.",
    "tokens": "Give the budget in samples.",
    "seconds": "Leave the latency out.",
}


def _shared(terms: Terms, problems: int) -> str:
    """Say so where the budget is for all problems together."""
    if terms.budget is None or terms.budget.each:
        return ""
    return f" ({terms.budget.amount:g} for all {problems:,}; /problem gives it to each)"
