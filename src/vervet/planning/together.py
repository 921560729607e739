"""An index on a hundred thousand orders at once: one budget for all problems, in each order."""

import numpy as np

from vervet.errors import ConfigError
from vervet.planning.archive import Floats, Ints, Shelf
from vervet.planning.fast import View, all_there
from vervet.planning.outcome import Outcome, beside
from vervet.planning.votes import history, most_voted
from vervet.policies.index import Index

CELLS = 2_000_000
"""Samples that are looked at at once: bounds memory, not results."""


def shared(policy: Index, shelf: Shelf, orders: Ints) -> Outcome:
    """Return what an index does on every problem in every order; see `index.replay_together`.

    Latency is that of the whole: nothing is returned before the budget is spent, and a round ends
    with its slowest sample.

    Raises:
        NotRecorded: more samples or verdicts were asked for than were recorded.
    """
    problems, count, width = orders.shape
    step = max(1, CELLS // (problems * width))
    parts = []
    for start in range(0, count, step):
        some = orders[:, start : start + step]
        rows = np.repeat(np.arange(problems), some.shape[1])
        parts.append(_shared(policy, View(shelf, rows, some.reshape(-1, width)), some.shape[:2]))
    return beside(parts)


def _shared(policy: Index, view: View, shape: tuple[int, int]) -> Outcome:
    limit, heard = policy.limit, view.heard(policy.verifier)
    codes = view.take(heard.answer, limit)
    accepted = view.take(heard.accepted(1), limit)
    leader, rival = history(codes) if policy.by == "votes" else (_sums(accepted), None)
    tokens, dollars = (
        _sums(view.take(own + told[:, :, 0], limit))
        for own, told in ((view.shelf.tokens, heard.tokens), (view.shelf.dollars, heard.dollars))
    )
    own = _sums(view.take(view.shelf.dollars, limit))
    waits = [view.take(c, limit) for c in (view.shelf.seconds, heard.seconds[:, :, 0])]
    rows = np.arange(len(view.problem))
    drawn, worth, seconds = np.zeros(len(rows), np.int64), np.zeros(len(rows)), np.zeros(shape[1])
    wanted = np.full(len(rows), policy.start)
    while wanted.any():
        before, drawn = drawn, drawn + wanted
        seconds += sum(_slowest(wait, before, drawn).reshape(shape).max(axis=0) for wait in waits)
        some = np.nonzero(wanted)[0]
        at = (some, drawn[some])
        worth[some] = policy.worth(leader[at], 0 if rival is None else rival[at], drawn[some])
        paid = {"samples": drawn, "tokens": tokens[rows, drawn], "dollars": own[rows, drawn]}
        spent = _known(paid[policy.unit], policy).reshape(shape)
        wanted = policy.grants(worth.reshape(shape), drawn.reshape(shape), spent).reshape(-1)
    all_there(drawn, ((policy.verifier, 1),), view)
    place, trust = _chosen(policy, codes, accepted, drawn)
    returned = place >= 0
    right = np.where(returned, view.shelf.right[view.problem, view.order[rows, place]], 0.0)
    samples = drawn.astype(np.float64).reshape(shape)
    return Outcome(
        right.reshape(shape),
        returned.reshape(shape),
        trust.reshape(shape),
        samples,
        samples,
        tokens[rows, drawn].reshape(shape),
        dollars[rows, drawn].reshape(shape),
        np.broadcast_to(seconds, shape),
    )


def _known(paid: Floats | Ints, policy: Index) -> Floats:
    """Return what was paid; tokens that are not known count nothing.

    Raises:
        ConfigError: the budget is in dollars, and what a sample costs is not known.
    """
    if policy.unit == "dollars" and np.isnan(paid).any():
        raise ConfigError("index: unit=dollars, and what some samples cost is not known.")
    return np.nan_to_num(paid.astype(np.float64))


def _chosen(policy: Index, codes: Ints, accepted: Ints, drawn: Ints) -> tuple[Ints, Floats]:
    """Return the place of the choice, −1 for none, and the confidence."""
    if policy.by == "votes":
        place, votes = most_voted(codes, drawn)
        return place, votes / drawn
    had = accepted & (np.arange(accepted.shape[1]) < drawn[:, None])
    return np.where(had.any(axis=1), had.argmax(axis=1), -1), np.full(len(drawn), np.inf)


def _sums(values: Floats) -> Floats:
    """Return what the first 0, 1, 2, ... samples add up to."""
    return np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))


def _slowest(seconds: Floats, before: Ints, drawn: Ints) -> Floats:
    """Return the longest of the samples before..drawn−1 of each row, 0 where there is none."""
    longest = np.zeros(len(seconds))
    for ahead in range(int((drawn - before).max())):
        place = before + ahead
        some = np.nonzero(place < drawn)[0]
        longest[some] = np.maximum(longest[some], seconds[some, place[some]])
    return longest
