"""Two doors to decisions: what policies bring on recorded runs, and which to use under a budget."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from math import isfinite
from typing import Any

from vervet import doors, planning
from vervet.analysis.table import Table
from vervet.errors import ConfigError
from vervet.planning import Budget, Found, Orders, Plan, Replayed, Terms
from vervet.policies.flow import Policy
from vervet.store import Run

ORDERS = 100
"""Random orders in which each problem is replayed."""
SHARES, COSTS = (
    ("accuracy", "wrong", "abstained"),
    ("verifications", "tokens", "dollars", "seconds"),
)


def compare(
    runs: Run | Sequence[Run],
    policies: Iterable[Policy | str],
    *,
    against: str = "",
    orders: int = ORDERS,
    seed: int = 0,
    level: float = 0.95,
) -> Table:
    """Return what each policy would have brought and cost on recorded runs, a row for each.

    Shares are of problems, with intervals over problems; costs are means of a problem, left out
    where they are not known of all.

    Args:
        runs: a run, or several of the same problems, each with its own models.
        policies: objects, or as they are written: `majority:n=8,verifier=tests`.
        against: the verifier that says what is right; needed where there are several.
        orders: random orders in which each problem is replayed.
        seed: of the orders.
        level: nominal coverage of the intervals.

    Raises:
        ConfigError: no common problem, no verdicts, or several verifiers and none named.
        NotRecorded: a policy asks for more than was recorded; the message says what to draw.
    """
    found = _read(runs, against, ())
    drawn = Orders.random(found.archive, orders, seed=seed)
    made = [doors.policy(each) if isinstance(each, str) else each for each in policies]
    rows = tuple(_row(planning.replayed(each, found.archive, drawn, level=level)) for each in made)
    known = [c for c in COSTS if any(row.get(c) for row in rows)]
    return Table("policies on the same problems", rows, ("policy", *SHARES, "samples", *known))


def plan(
    runs: Run | Sequence[Run],
    budget: str = "",
    *,
    against: str = "",
    verifiers: Sequence[str] = (),
    orders: int = ORDERS,
    seed: int = 0,
    **terms: Any,  # noqa: ANN401 - the fields of Terms
) -> Plan:
    """Choose the policy worth most under a budget, and promise what it brings on new problems.

    Print it for a recommendation in words; `planning.write_policy` writes it for serving.

    Args:
        runs: a run, or several of the same problems, each with its own models.
        budget: as on the command line: 0.05usd/problem, 2000tokens/problem, 8samples/problem.
        against: the verifier that says what is right; needed where there are several.
        verifiers: that a policy may ask; else all that can be run on new problems.
        orders: random orders in which each problem is replayed.
        seed: of the orders and the folds.
        terms: of `planning.Terms`: false_positive_cost, abstain_cost, max_latency (seconds),
            together.

    Raises:
        ConfigError: nothing can be compared, no policy fits, or there is no such term.
    """
    known = [f.name for f in fields(Terms) if f.name != "budget"]
    for name in terms:
        if name not in known:
            raise ConfigError(f"plan has no setting {name!r}; it has: {', '.join(known)}.")
    amount: Budget | None = planning.budget(budget) if budget else None
    found = _read(runs, against, verifiers)
    return planning.plan(found, Terms(amount, **terms), orders=orders, seed=seed)


def _read(runs: Run | Sequence[Run], against: str, verifiers: Sequence[str]) -> Found:
    several = [runs] if isinstance(runs, Run) else list(runs)
    return planning.read(several, truth=against, usable=verifiers)


def _row(found: Replayed) -> dict[str, Any]:
    row: dict[str, Any] = {"policy": found.policy}
    for name in SHARES:
        estimate = getattr(found, name)
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    costs = {name: float(getattr(found, name)) for name in ("samples", *COSTS)}
    row |= {name: cost if isfinite(cost) else None for name, cost in costs.items()}
    of = found.accuracy
    return row | {
        "level": of.level,
        "method": of.method,
        "problems": of.problems,
        "excluded": of.excluded,
        "orders": found.chance.orders,
        "monte_carlo_error": found.chance.error,
    }
