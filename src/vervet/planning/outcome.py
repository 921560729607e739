"""What a policy did on every problem in every order, and how two of them add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from vervet.planning.archive import Floats, Ints


@dataclass(frozen=True, slots=True)
class Outcome:
    """Arrays of shape (problems, orders)."""

    right: Floats
    """1 returned and right, 0 wrong or abstained, NaN returned but not known."""
    returned: NDArray[np.bool_]
    trust: Floats
    """The policy's confidence; infinite where it has none."""
    samples: Floats
    verifications: Floats
    tokens: Floats
    dollars: Floats
    seconds: Floats

    @property
    def costs(self) -> tuple[Floats, ...]:
        """Samples, verifications, tokens, dollars, seconds."""
        return self.samples, self.verifications, self.tokens, self.dollars, self.seconds

    def by_problem(self, value: Floats) -> Floats:
        """Return the mean over orders of what was returned; NaN where the truth is never known."""
        counted = np.where(self.returned, value, 0.0)
        known = np.isfinite(counted)
        with np.errstate(invalid="ignore"):
            return np.asarray(
                np.where(known, counted, 0.0).sum(axis=1) / known.sum(axis=1, dtype=np.float64)
            )


@dataclass(frozen=True, slots=True)
class Averages:
    """Means over orders, by problem."""

    right: Floats
    wrong: Floats
    abstained: Floats
    costs: Mapping[str, Floats]
    """Samples, verifications, tokens, dollars and seconds."""
    orders: int
    drawn: int
    """Samples of all orders together."""
    error: float
    """Monte Carlo standard error of the accuracy: what so few orders leave to chance."""

    @classmethod
    def of(cls, result: Outcome) -> "Averages":
        """Average over orders."""
        by_order = np.nanmean(np.where(result.returned, result.right, 0.0), axis=0)
        orders = len(by_order)
        names = ("samples", "verifications", "tokens", "dollars", "seconds")
        return cls(
            result.by_problem(result.right),
            result.by_problem(1.0 - result.right),
            (~result.returned).mean(axis=1),
            {name: cost.mean(axis=1) for name, cost in zip(names, result.costs, strict=True)},
            orders,
            int(result.samples.sum()),
            float(by_order.std(ddof=1) / np.sqrt(orders)) if orders > 1 else np.nan,
        )

    def part(self, places: Ints) -> "Averages":
        """Return the averages of some problems only."""
        return replace(
            self,
            right=self.right[places],
            wrong=self.wrong[places],
            abstained=self.abstained[places],
            costs={name: cost[places] for name, cost in self.costs.items()},
        )


def joined(parts: Sequence[Outcome]) -> Outcome:
    """Return the outcomes of all problems, given block by block."""
    return Outcome(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Outcome)))


def beside(parts: Sequence[Outcome]) -> Outcome:
    """Return the outcomes in all orders, given a few orders at a time."""
    return Outcome(
        *(np.concatenate([getattr(p, f.name) for p in parts], axis=1) for f in fields(Outcome))
    )


def switched(first: Outcome, second: Outcome, doubt: NDArray[np.bool_]) -> Outcome:
    """Return `first`, and where in doubt `second` on top of what the first has cost."""
    chosen = (
        np.where(doubt, getattr(second, name), getattr(first, name))
        for name in ("right", "returned", "trust")
    )
    costs = (
        one + np.where(doubt, two, 0.0) for one, two in zip(first.costs, second.costs, strict=True)
    )
    right, returned, trust = chosen
    return Outcome(right, returned.astype(np.bool_), trust, *costs)


def trusted(found: Outcome, below: float) -> Outcome:
    """Return what is trusted enough; what has no confidence counts as 0."""
    kept = found.returned & (np.where(np.isinf(found.trust), 0.0, found.trust) >= below)
    return replace(found, right=np.where(kept, found.right, 0.0), returned=kept)


def upon(first: Outcome, second: Outcome) -> Outcome:
    """Return `first`, and where it returns nothing `second` on top of what that has cost."""
    return switched(first, second, ~first.returned)


def both(first: Outcome, second: Outcome) -> Outcome:
    """Return what both cost, and the choice of the one that has it."""
    here = first.returned
    return Outcome(
        np.where(here, first.right, second.right),
        here | second.returned,
        np.where(here, first.trust, second.trust),
        samples=first.samples + second.samples,
        verifications=first.verifications + second.verifications,
        tokens=first.tokens + second.tokens,
        dollars=first.dollars + second.dollars,
        seconds=first.seconds + second.seconds,
    )
