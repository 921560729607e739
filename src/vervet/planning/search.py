"""Which policy to use under a budget, and what it may be promised to bring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vervet.errors import ConfigError, NotRecorded
from vervet.planning.archive import Floats
from vervet.planning.beyond import Beyond, beyond
from vervet.planning.candidates import candidates
from vervet.planning.promise import Bought, Promise, choose, promise
from vervet.planning.reading import Found
from vervet.planning.replay import Orders, Replayed, outcome, summary, vectorised
from vervet.planning.terms import Terms
from vervet.policies.flow import Policy, name_of

ORDERS = 100
QUICK = 20
"""Orders for policies that only their flow can replay."""


@dataclass(frozen=True, slots=True)
class Option:
    """One policy that was compared."""

    policy: Policy
    replayed: Replayed
    """As measured on the problems at hand; the best of many looks better than it is."""
    value: float
    """right − c wrong − a abstained, the mean over problems."""
    cost: float
    """A problem, in the unit of the plan; NaN where not known."""
    affordable: bool

    @property
    def name(self) -> str:
        """The policy as it is written."""
        return self.replayed.policy


@dataclass(frozen=True, slots=True)
class Plan:
    """What was compared, what to use, and what that may be promised to bring."""

    chosen: Option
    promise: Promise
    frontier: tuple[Option, ...]
    """No other option is worth more at no more cost; cheapest first."""
    compared: int
    skipped: Mapping[str, str]
    """Policies that need more than was recorded, and what to draw."""
    unit: str
    """Of every cost: dollars, tokens or samples."""
    found: Found
    terms: Terms
    beyond: tuple[Beyond, ...] = ()
    """Policies that need more samples than were recorded, as forecast; none of them is chosen."""


def plan(found: Found, terms: Terms, *, orders: int = ORDERS, seed: int = 0) -> Plan:
    """Compare policies on recorded rows and choose the one worth most within the terms.

    The winner of a comparison looks better than it is. So its promise is measured on problems
    that had no part in choosing it: the problems are split into folds, the whole search is
    repeated without each fold, and its winner is tried on that fold.

    Raises:
        ConfigError: nothing can be compared, or no policy fits the budget and the latency.
    """
    drawn = Orders.random(found.archive, orders, seed=seed)
    policies, skipped = candidates(found, terms), {}
    tried: list[tuple[Policy, Replayed, Bought]] = []
    unit = terms.budget.unit if terms.budget else ""
    for policy in policies:
        try:
            some = drawn if vectorised(policy) else drawn.first(QUICK)
            result = outcome(policy, found.archive, some)
        except NotRecorded as lacking:
            skipped[name_of(policy)] = str(lacking)
            continue
        tried.append((policy, summary(policy, result), Bought.of(result, terms)))
    unit = unit or _best_known(tried)
    return _conclude(found, terms, tried, (unit, skipped), seed)


Tried = Sequence[tuple[Policy, Replayed, Bought]]


def _best_known(tried: Tried) -> str:
    """Return dollars where they are known of everything, else tokens, else samples."""
    for unit in ("dollars", "tokens"):
        if all(np.isfinite(r.costs[unit]).all() for _, _, r in tried):
            return unit
    return "samples"


def _conclude(
    found: Found, terms: Terms, tried: Tried, about: tuple[str, Mapping[str, str]], seed: int
) -> Plan:
    unit, skipped = about
    problems = found.archive.problems
    limit = terms.budget.per_problem(problems) if terms.budget else np.inf
    values = np.array([r.value for _, _, r in tried])
    costs = np.array([r.costs[unit] for _, _, r in tried])
    waits = np.array([r.costs["seconds"] for _, _, r in tried])
    limits = (limit, np.inf if terms.max_latency is None else terms.max_latency)
    fits = _affordable(costs, waits, limits)
    options = [
        Option(policy, replayed, float(v), float(c), affordable=bool(ok))
        for (policy, replayed, _), v, c, ok in zip(
            tried, np.nanmean(values, axis=1), costs.mean(axis=1), fits, strict=True
        )
    ]
    if not fits.any():
        raise ConfigError(_too_dear(options, unit, limit))
    best = choose(values, costs, waits, limits)
    promised = promise(values, costs, waits, limits, parts=[r for _, _, r in tried], seed=seed)
    frontier = tuple(_frontier(options))
    return Plan(
        options[best], promised, frontier, len(options), skipped, unit, found, terms,
        beyond(found, terms, unit),
    )  # fmt: skip


def _affordable(costs: Floats, waits: Floats, limits: tuple[float, float]) -> Floats:
    ok = np.ones(len(costs), dtype=bool)
    for paid, limit in zip((costs, waits), limits, strict=True):
        if np.isfinite(limit):
            ok &= paid.mean(axis=1) <= limit
    return np.asarray(ok)


def _too_dear(options: Sequence[Option], unit: str, limit: float) -> str:
    known = [o for o in options if np.isfinite(o.cost)]
    if not known:
        return f"{unit} are not known of any policy. Give the budget in samples or tokens."
    least = min(known, key=lambda o: o.cost)
    return (
        f"no policy fits: the budget is {limit:g} {unit} a problem, and the cheapest, "
        f"{least.name}, takes {least.cost:.4g} (and {least.replayed.seconds:.3g} s)."
    )


def _frontier(options: Sequence[Option]) -> list[Option]:
    """Return the options that are worth more than everything that costs no more."""
    kept: list[Option] = []
    known = [o for o in options if np.isfinite(o.cost)]
    for option in sorted(known, key=lambda o: (o.cost, -o.value)):
        if not kept or option.value > kept[-1].value + 1e-12:
            kept.append(option)
    return kept
