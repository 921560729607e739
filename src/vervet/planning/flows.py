"""The generic replay: every policy's own flow, on every problem in every order."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vervet.planning.archive import Archive, Ints, Shelf
from vervet.planning.outcome import Outcome
from vervet.policies.flow import (
    Choice,
    Flow,
    Policy,
    Pool,
    Recorded,
    Verify,
    replay,
    revised_id,
)
from vervet.types import Problem, Sample, Selection


@dataclass(slots=True)
class _Timed:
    """A policy that is watched: what it asked for at once ran at once."""

    policy: Policy
    seconds: float = 0.0
    choice: Choice = field(default_factory=lambda: Choice(None, ""))

    def flow(self, problem: Problem, /) -> Flow:
        """Pass everything on, and add up the slowest of each request."""
        flow, pool = self.policy.flow(problem), Pool()
        try:
            request = next(flow)
            while True:
                before = len(pool.samples)
                pool = yield request
                if not isinstance(request, Verify):
                    latest = [s.seconds for s in pool.samples[before:]]
                else:
                    latest = [
                        v.seconds or 0.0
                        for position in request.positions
                        for v in pool.about(position, request.verifier)
                    ]
                known = [np.nan if s is None else s for s in latest]
                self.seconds += float(np.max(known, initial=0.0))
                request = flow.send(pool)
        except StopIteration as stop:
            self.choice = stop.value
        return self.choice


def driven(policy: Policy, archive: Archive, orders: Mapping[str, Ints]) -> Outcome:
    """Return what the flow of `policy` does on every problem in every order.

    Raises:
        NotRecorded: the policy asks for more than was recorded.
    """
    count = next(iter(orders.values())).shape[1]
    places = [_places(archive, recorded) for _, recorded in archive.rows]
    cells = [
        [
            _cell(policy, archive, place, {m: order[p, r] for m, order in orders.items()}, known)
            for r in range(count)
        ]
        for p, (place, known) in enumerate(zip(range(archive.problems), places, strict=True))
    ]
    table = np.array(cells, dtype=np.float64)
    right, returned, *rest = (table[:, :, i] for i in range(table.shape[2]))
    return Outcome(right, returned > 0, *rest)


Known = Mapping[tuple[str, int], tuple[Shelf, int]]


def _places(archive: Archive, recorded: Recorded) -> Known:
    """Return where each sample and each of its later turns stands."""
    found = {}
    for model, shelf in archive.shelves.items():
        for i, sample in enumerate(recorded.samples[model]):
            found[sample.sampler_id, sample.index] = shelf, i
            for key, turn in shelf.turns.items():
                found[revised_id(sample.sampler_id, *key), sample.index] = turn, i
    return found


def _cell(
    policy: Policy, archive: Archive, place: int, order: Mapping[str, Ints], known: Known
) -> tuple[float, ...]:
    problem, recorded = archive.rows[place]
    timed = _Timed(policy)
    drawn = {m: row[row >= 0].tolist() for m, row in order.items()}
    selected, pool = replay(timed, problem, recorded, drawn)
    trust = np.inf if timed.choice.confidence is None else timed.choice.confidence
    tokens, dollars = _paid(pool, place, known)
    return (
        _right(selected, place, known),
        float(selected.index is not None),
        trust,
        float(len(pool.samples)),
        float(pool.verifications),
        tokens,
        dollars,
        timed.seconds,
    )


def _right(selected: Selection, place: int, known: Known) -> float:
    if selected.index is None or selected.sampler_id is None:
        return 0.0
    shelf, at = known[selected.sampler_id, selected.index]
    return float(shelf.right[place, at])


def _paid(pool: Pool, place: int, known: Known) -> tuple[float, float]:
    """Return tokens and dollars of the samples drawn and of what was asked of verifiers."""
    tokens = dollars = 0.0
    for position, sample in enumerate(pool.samples):
        shelf, at = _at(sample, known)
        tokens += float(shelf.tokens[place, at])
        dollars += float(shelf.dollars[place, at])
        for name, heard in shelf.heard.items():
            trials = len(pool.about(position, name))
            tokens += float(heard.tokens[place, at, :trials].sum())
            dollars += float(heard.dollars[place, at, :trials].sum())
    return tokens, dollars


def _at(sample: Sample, known: Known) -> tuple[Shelf, int]:
    return known[sample.sampler_id, sample.index]
