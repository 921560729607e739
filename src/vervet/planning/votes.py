"""Votes of many orders at once; rows are (problem, order), columns the samples in that order."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vervet.planning.archive import Floats, Ints
from vervet.policies.certified import threshold
from vervet.policies.evidence import certificate, lead_chance
from vervet.policies.posterior import returns

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Race:
    """The state of the votes in every row that is still drawing."""

    leader: Ints
    """Votes of the leader."""
    rival: Ints
    """Votes of the runner-up."""
    place: Ints
    """As which answer the leader appeared, from 1."""
    drawn: int


Stops = Callable[[Race], Bools]


def most_voted(codes: Ints, drawn: Ints, weights: Floats | None = None) -> tuple[Ints, Floats]:
    """Return where the winner's first sample is (−1: nobody voted), and the winner's weight.

    The heaviest answer wins; ties go to the one that was drawn first.
    """
    rows, width = codes.shape
    voting = (codes >= 0) & (np.arange(width) < drawn[:, None])
    if weights is not None:
        voting &= np.isfinite(weights)
    row, column = np.nonzero(voting)
    answers = int(codes.max(initial=0)) + 1
    flat = row * answers + codes[row, column]
    given = None if weights is None else weights[row, column]
    total = np.bincount(flat, given, minlength=rows * answers).astype(np.float64)
    first = np.full(rows * answers, width)
    first[flat[::-1]] = column[::-1]  # written last is the earliest
    total[first == width] = -np.inf
    total, first = total.reshape(rows, answers), first.reshape(rows, answers)
    best = total.max(axis=1)
    place = np.where(total == best[:, None], first, width).min(axis=1)
    none = place == width
    return np.where(none, -1, place), np.where(none, 0.0, best)


def top_two(codes: Ints, drawn: Ints) -> tuple[Ints, Ints]:
    """Return the votes of the leader and of the runner-up among the first `drawn` of each row."""
    rows, width = codes.shape
    row, column = np.nonzero((codes >= 0) & (np.arange(width) < drawn[:, None]))
    answers = int(codes.max(initial=0)) + 2  # at least two, whatever was answered
    flat = np.bincount(row * answers + codes[row, column], minlength=rows * answers)
    votes = np.partition(flat.reshape(rows, answers), answers - 2, axis=1)
    return votes[:, -1], votes[:, -2]


def race(codes: Ints, stops: Stops) -> Ints:
    """Return how many samples each row draws until `stops` says so, else all columns."""
    rows, width = codes.shape
    answers = int(codes.max(initial=0)) + 1
    votes = np.zeros((rows, answers), dtype=np.int64)
    order = np.zeros((rows, answers), dtype=np.int64)
    leader, rival, ahead, seen = (np.zeros(rows, dtype=np.int64) for _ in range(4))
    drawn, live = np.full(rows, width), np.arange(rows)
    for column in range(width):
        code = codes[live, column]
        at, code = live[code >= 0], code[code >= 0]
        fresh = votes[at, code] == 0
        seen[at] += fresh
        order[at[fresh], code[fresh]] = seen[at[fresh]]
        votes[at, code] += 1
        count, place = votes[at, code], order[at, code]
        own = (place == ahead[at]) & (leader[at] > 0)
        level = (count == leader[at]) & ~own
        passed = (count > leader[at]) & ~own
        rival[at] = np.where(
            own, rival[at], np.where(passed, leader[at], np.maximum(rival[at], count))
        )
        # the winner of a tie is the answer that appeared first
        ahead[at] = np.where(passed | (level & (place < ahead[at])), place, ahead[at])
        leader[at] = np.maximum(leader[at], count)
        done = stops(Race(leader[live], rival[live], ahead[live], column + 1))
        drawn[live[done]] = column + 1
        live = live[~done]
        if not len(live):
            break
    return drawn


def history(codes: Ints) -> tuple[Ints, Ints]:
    """Return the votes of the leader and of the runner-up after 0, 1, 2, ... samples."""
    rows, width = codes.shape
    leader, rival = (np.zeros((rows, width + 1), dtype=np.int64) for _ in range(2))

    def note(now: Race) -> Bools:
        leader[:, now.drawn], rival[:, now.drawn] = now.leader, now.rival
        return np.zeros(rows, dtype=np.bool_)

    race(codes, note)
    return leader, rival


def consistent(confidence: float, limit: int) -> Stops:
    """Return the rule of Adaptive-Consistency."""
    table = lead_chance(limit)
    return lambda now: (now.leader > 0) & (table[now.leader, now.rival] >= confidence)


def certain(error: float, limit: int) -> Stops:
    """Return the rule of `Certified`."""
    table = certificate(limit)
    asked = np.array([np.inf, *(threshold(place, error) for place in range(1, limit + 1))])
    return lambda now: table[now.leader, now.rival] >= asked[now.place]


def idle(gain: float, limit: int) -> Stops:
    """Return the rule of `Posterior`."""

    def stops(now: Race) -> Bools:
        left = returns(now.leader, now.rival, now.drawn, limit)
        return np.asarray((now.leader > 0) & (left <= gain))

    return stops


def unanimous(codes: Ints, window: int) -> Ints:
    """Return how many samples each row draws until a window of them agrees, else all columns."""
    rows, width = codes.shape
    drawn = np.full(rows, width)
    for start in reversed(range(0, width - window + 1, window)):
        some = codes[:, start : start + window]
        agree = (some[:, 0] >= 0) & (some == some[:, :1]).all(axis=1)
        drawn[agree] = start + window
    return drawn


def votes_of(codes: Ints) -> Ints:
    """Return for every sample how many samples of its row give the same answer."""
    rows, _ = codes.shape
    answers = int(codes.max(initial=0)) + 1
    row = np.arange(rows)[:, None]
    flat = row * answers + np.maximum(codes, 0)
    counts = np.bincount(flat[codes >= 0], minlength=rows * answers)
    return np.where(codes >= 0, counts[flat], 0)


def differ(codes: Ints, level: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell in which rows the level samples give more than one answer."""
    high = np.where(level, codes, -1).max(axis=1)
    low = np.where(level, codes, np.iinfo(codes.dtype).max).min(axis=1)
    return np.asarray(low < high)


def times(codes: Ints) -> Ints:
    """Return for every sample how often its answer was given before in its row."""
    rows, width = codes.shape
    order = np.argsort(codes, axis=1, kind="stable")
    ranked = np.take_along_axis(codes, order, axis=1)
    place = np.broadcast_to(np.arange(width), codes.shape)
    starts = np.where(np.diff(ranked, axis=1, prepend=-2) != 0, place, 0)
    before = place - np.maximum.accumulate(starts, axis=1)
    times = np.empty((rows, width), dtype=np.int64)
    np.put_along_axis(times, order, before, axis=1)
    return times


def finest(codes: Ints, votes: Ints, scores: Floats) -> tuple[Ints, NDArray[np.bool_]]:
    """Return who first gave the answer with the highest mean score, and whether there is one.

    Equals go to the answer with more votes, then to the earlier.
    """
    rows, _ = codes.shape
    answers = int(codes.max(initial=0)) + 1
    scored = np.isfinite(scores)
    row, column = np.nonzero(scored)
    flat = row * answers + codes[row, column]
    size = rows * answers
    total = np.bincount(flat, scores[row, column], minlength=size)
    with np.errstate(invalid="ignore"):
        mean = total / np.bincount(flat, minlength=size)
    at = np.arange(rows)[:, None] * answers + np.maximum(codes, 0)
    each = np.where((codes >= 0) & np.isfinite(mean[at]), mean[at], -np.inf)
    best = np.isfinite(each) & (each == each.max(axis=1)[:, None])
    most = np.where(best, votes, -1).max(axis=1)
    return (best & (votes == most[:, None])).argmax(axis=1), np.asarray(scored.any(axis=1))
