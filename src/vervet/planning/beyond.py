"""Policies that ask for more samples than were recorded: what they are forecast to bring."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vervet.planning.archive import Floats, Shelf
from vervet.planning.candidates import complete
from vervet.planning.reading import Found
from vervet.planning.terms import Terms, within
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.flow import Policy, name_of
from vervet.policies.majority import Majority
from vervet.stats.estimate import Estimate
from vervet.stats.forecast import forecast_coverage
from vervet.stats.resampling import mean_interval
from vervet.stats.votes import Ballot, majority

TIMES = (2, 4, 10)
"""How many times the recorded samples are forecast."""
LEAST = 8
"""Samples of every problem below which nothing is forecast."""
GRID = 12
"""Points at which a forecast curve is summed up to its mean number of samples."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """One policy that the recorded samples do not suffice for."""

    policy: Policy
    accuracy: Estimate
    """Forecast; its method says how, and for which problems its interval is."""
    wrong: float
    abstained: float
    value: float
    samples: float
    """Mean samples a problem."""
    cost: float
    """A problem, in the unit of the plan; NaN where not known."""
    seconds: float
    """Mean latency, one sample after the other; NaN where not known."""
    affordable: bool
    draw: int
    """Samples of each problem that would make it a measurement."""

    @property
    def name(self) -> str:
        """The policy as it is written."""
        return name_of(self.policy)


def beyond(found: Found, terms: Terms, unit: str) -> tuple[Beyond, ...]:
    """Forecast the policies whose curve has a law: first accepted, and majority.

    A verifier that tells what is right turns coverage into accuracy, so `first-accepted` follows
    the coverage forecast (docs/forecasting.md). A majority of more samples is forecast to gain what
    it would if the recorded answers were all there are, in their recorded shares. Everything else
    has no forecast: it must be drawn to be known.
    """
    limit = terms.budget.per_problem(found.archive.problems) if terms.budget else np.inf
    wait = np.inf if terms.max_latency is None else terms.max_latency
    alone = len(found.archive.shelves) == 1
    made = (
        each
        for name, shelf in found.archive.shelves.items()
        if shelf.size.min() >= LEAST
        for each in _of_model(found, shelf, "" if alone else name, unit)
    )
    return tuple(_judged(each, terms, limit, wait) for each in made)


def _judged(each: Beyond, terms: Terms, limit: float, wait: float) -> Beyond:
    """Fill in what it is worth, and whether it is within the terms."""
    value = (
        each.accuracy.value
        - terms.false_positive_cost * each.wrong
        - terms.abstain_cost * each.abstained
    )
    spent = ((each.cost, limit), (each.seconds, wait))
    fits = all(most == np.inf or within(np.array(taken), most) for taken, most in spent)
    return replace(each, value=value, affordable=fits)


def _of_model(found: Found, shelf: Shelf, model: str, unit: str) -> Iterator[Beyond]:
    ks = [int(shelf.size.max()) * times for times in TIMES]
    truth = found.archive.truth
    if truth in found.usable and complete(shelf, truth):
        yield from _accepted(shelf, model, truth, ks=ks, unit=unit)
    for reader in (r for r in found.readers if complete(shelf, r)):
        yield from _voted(shelf, model, reader, ks=ks, unit=unit)


def _accepted(
    shelf: Shelf, model: str, truth: str, *, ks: Sequence[int], unit: str
) -> Iterator[Beyond]:
    """Forecast `first-accepted` by a verifier that tells what is right."""
    correct = np.nansum(shelf.right, axis=1).astype(np.int64)
    judged = np.isfinite(shelf.right).sum(axis=1)
    grid = np.unique([*np.geomspace(1, ks[-1], GRID * len(ks)).astype(np.int64).tolist(), *ks])
    curve = forecast_coverage(correct, judged, grid, level=0.9)
    solved = np.array([estimate.value for estimate in curve.estimates])
    for k in ks:
        accuracy = curve.at(k)
        if not np.isfinite(accuracy.value):
            continue
        upto = np.concatenate([[0], grid[grid < k], [k]])
        unsolved = 1 - np.concatenate([[0.0], solved[grid < k], [accuracy.value]])
        samples = _drawn(upto, np.nan_to_num(unsolved, nan=1.0))
        yield Beyond(
            FirstAccepted(k, truth, model),
            replace(accuracy, method=f"forecast for these problems; {accuracy.method}"),
            wrong=0.0,
            abstained=1 - accuracy.value,
            value=np.nan,
            samples=samples,
            cost=samples * _each(shelf, truth, unit),
            seconds=samples * _each(shelf, truth, "seconds"),
            affordable=False,
            draw=k,
        )


def _drawn(upto: Floats, unsolved: Floats) -> float:
    """Return the mean number of samples until one is right: Σ unsolved(j), 0 <= j < k.

    Between its points the curve is straight; the sum starts at the left of every step.

    >>> _drawn(np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.5, 0.25]))
    1.5
    """
    return float(np.trapezoid(unsolved, upto) + (unsolved[0] - unsolved[-1]) / 2)


def _voted(
    shelf: Shelf, model: str, reader: str, *, ks: Sequence[int], unit: str
) -> Iterator[Beyond]:
    """Forecast a majority of more samples from the shares of the recorded answers.

    The shares of few samples are rougher than the truth, so votes drawn from them are right less
    often. So only the gain is taken from them: what they bring at k less what they bring at the
    samples recorded, on top of what those are measured to bring.
    """
    ballots, least = _ballots(shelf, reader), int(shelf.size.min())
    measured = mean_interval(majority(ballots, k=[least])[:, 0], samples=int(shelf.size.sum()))
    *more, here = majority(ballots, k=[*ks, least], replacement=True).mean(axis=0)
    for k, there in zip(ks, more, strict=True):
        found = _moved(measured, float(there - here))
        yield Beyond(
            Majority(k, reader, model=model),
            replace(found, method=f"forecast by the recorded shares; {found.method}"),
            wrong=1 - found.value,
            abstained=0.0,
            value=np.nan,
            samples=float(k),
            cost=k * _each(shelf, reader, unit),
            seconds=k * _each(shelf, reader, "seconds"),
            affordable=False,
            draw=k,
        )


def _moved(estimate: Estimate, by: float) -> Estimate:
    """Return an estimate of a share that is more by so much."""
    value, low, high = (
        float(np.clip(each + by, 0, 1)) for each in (estimate.value, estimate.low, estimate.high)
    )
    return replace(estimate, value=value, low=low, high=high)


def _ballots(shelf: Shelf, reader: str) -> list[Ballot]:
    codes = shelf.heard[reader].answer
    return [
        Ballot.of(
            [None if code < 0 else int(code) for code in codes[p, :size]],
            [bool(right == 1) for right in shelf.right[p, :size]],
        )
        for p, size in enumerate(shelf.size)
    ]


def _each(shelf: Shelf, verifier: str, unit: str) -> float:
    """Return the mean cost of a sample that is verified once; NaN where one is not known."""
    if unit == "samples":
        return 1.0
    there = np.arange(shelf.right.shape[1]) < shelf.size[:, None]
    drawn: Floats = getattr(shelf, unit)
    told: Floats = getattr(shelf.heard[verifier], unit)[:, :, 0]
    return float((drawn + told)[there].mean())
