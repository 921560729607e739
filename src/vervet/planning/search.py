"""Which policy to use under a budget, and what it may be promised to bring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vervet.errors import ConfigError, NotRecorded
from vervet.planning.archive import Floats
from vervet.planning.beyond import Beyond, beyond
from vervet.planning.candidates import candidates
from vervet.planning.outcome import Averages
from vervet.planning.promise import Promise, choose, promise, worth
from vervet.planning.reading import Found
from vervet.planning.replay import Orders, Replayed, outcome, summary, vectorised
from vervet.planning.terms import Terms, nothing_fits, within
from vervet.policies.fixed import Fixed
from vervet.policies.flow import Policy, name_of
from vervet.policies.index import Index
from vervet.stats.estimate import Estimate
from vervet.stats.moments import moments
from vervet.stats.resampling import paired_difference

ORDERS = 100
ALMOST = 0.01
"""What a policy at half the cost may be worth less, to be named beside the chosen one."""
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
    singles: tuple[Option, ...]
    """One sample of each model."""
    thrifty: tuple[Option, Estimate] | None
    """The cheapest at half the cost or less that is worth a point less at most, and how much."""
    compared: int
    skipped: Mapping[str, str]
    """Policies that need more than was recorded, and what to draw."""
    unit: str
    """Of every cost: dollars, tokens or samples."""
    found: Found
    terms: Terms
    unknown: tuple[str, ...] = ()
    """Policies left out because what they take is not known, while the terms limit it."""
    beyond: tuple[Beyond, ...] = ()
    """Policies that need more samples than were recorded, as forecast; none of them is chosen."""

    def __repr__(self) -> str:
        """Say what to use, and what that may be promised to bring."""
        from vervet.planning.words import recommendation  # noqa: PLC0415 - it reads plans

        return recommendation(self)


def plan(
    found: Found, terms: Terms, *, orders: int = ORDERS, seed: int = 0, forecast: bool = True
) -> Plan:
    """Compare policies on recorded rows and choose the one worth most within the terms.

    The winner of a comparison looks better than it is. So its promise is measured on problems
    that had no part in choosing it: the problems are split into folds, the whole search is
    repeated without each fold, and its winner is tried on that fold. `forecast` also says what
    more samples than were recorded might bring, which takes most of the time.

    Raises:
        ConfigError: nothing can be compared, or no policy fits the budget and the latency.
    """
    drawn = Orders.random(found.archive, orders, seed=seed)
    tried, skipped = compared(found, terms, drawn)
    unit = terms.budget.unit if terms.budget else best_known(tried)
    made = _conclude(found, terms, tried, (unit, skipped), seed)
    return replace(made, beyond=beyond(found, terms, unit)) if forecast else made


def compared(found: Found, terms: Terms, drawn: Orders) -> tuple["Tried", Mapping[str, str]]:
    """Replay every candidate; return what each brings, and why some could not be replayed."""
    tried, skipped = [], {}
    for policy in candidates(found, terms):
        try:
            some = drawn if vectorised(policy) else drawn.first(QUICK)
            tried.append((policy, Averages.of(outcome(policy, found.archive, some))))
        except NotRecorded as lacking:
            skipped[name_of(policy)] = str(lacking)
    return tried, skipped


Tried = Sequence[tuple[Policy, Averages]]


def best_known(tried: Tried) -> str:
    """Return dollars where they are known of everything, else tokens, else samples."""
    for unit in ("dollars", "tokens"):
        if all(np.isfinite(r.costs[unit]).all() for _, r in tried):
            return unit
    return "samples"


def _conclude(
    found: Found, terms: Terms, tried: Tried, about: tuple[str, Mapping[str, str]], seed: int
) -> Plan:
    unit, skipped = about
    problems = found.archive.problems
    limit = terms.budget.per_problem(problems) if terms.budget else np.inf
    values = np.array([worth(r, terms) for _, r in tried])
    costs = np.array([r.costs[unit] for _, r in tried])
    waits = np.array([r.costs["seconds"] for _, r in tried])
    limits = (limit, np.inf if terms.max_latency is None else terms.max_latency)
    worths, paid, waited = moments(values.T)[0], costs.mean(axis=1), waits.mean(axis=1)
    fits = _affordable((paid, waited), limits)
    if not fits.any():
        policies = [policy for policy, _ in tried]
        raise ConfigError(nothing_fits(policies, (paid, waited), unit, terms, problems))

    def option(place: int) -> Option:
        policy, found = tried[place]
        value, cost = float(worths[place]), float(paid[place])
        return Option(policy, summary(policy, found), value, cost, affordable=bool(fits[place]))

    best, frontier = choose(values, costs, waits, limits), _frontier(worths, paid)
    chosen, nearly = option(best), _nearly(values, paid, best, frontier)
    promised = promise(values, costs, waits, limits, parts=[r for _, r in tried], seed=seed)
    if isinstance(chosen.policy, Index) and chosen.policy.unit == unit:
        promised = replace(promised, cost=_shared(promised.cost))
    return Plan(
        chosen,
        promised,
        tuple(map(option, frontier)),
        tuple(option(i) for i, (policy, _) in enumerate(tried) if isinstance(policy, Fixed)),
        (option(nearly[0]), nearly[1]) if nearly else None,
        len(tried),
        skipped,
        unit,
        found,
        terms,
        _unweighed(tried, (paid, waited), limits),
    )


def _nearly(
    values: Floats, paid: Floats, best: int, frontier: Sequence[int]
) -> tuple[int, Estimate] | None:
    """Return the cheapest policy that is worth almost as much, and how much less it is."""
    for place in (p for p in frontier if paid[p] <= paid[best] / 2):
        loss = paired_difference(values[best], values[place])
        if loss.value <= ALMOST:
            return place, loss
    return None


def _unweighed(
    tried: Tried, spent: tuple[Floats, Floats], limits: tuple[float, float]
) -> tuple[str, ...]:
    """Return the policies that cannot fit, because what they take is limited and not known."""
    known = np.ones(len(tried), dtype=bool)
    for each, limit in zip(spent, limits, strict=True):
        if np.isfinite(limit):
            known &= np.isfinite(each)
    return tuple(name_of(policy) for (policy, _), ok in zip(tried, known, strict=True) if not ok)


def _shared(cost: Estimate) -> Estimate:
    """Return the cost of a budget that all problems share: it is spent, whatever they are."""
    return replace(cost, low=cost.value, high=cost.value, method="one budget for all problems")


def _affordable(spent: tuple[Floats, Floats], limits: tuple[float, float]) -> NDArray[np.bool_]:
    ok = np.ones(len(spent[0]), dtype=bool)
    for each, limit in zip(spent, limits, strict=True):
        if np.isfinite(limit):
            ok &= within(each, limit)
    return ok


def _frontier(values: Floats, costs: Floats) -> list[int]:
    """Return the places of what is worth more than everything that costs no more."""
    kept: list[int] = []
    for place in np.lexsort((-values, costs)):
        best = values[kept[-1]] if kept else -np.inf
        if np.isfinite(costs[place]) and values[place] > best + 1e-12:
            kept.append(int(place))
    return kept
