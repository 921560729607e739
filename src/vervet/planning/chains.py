"""Refine on a hundred thousand orders at once: a sample and its later turns are one chain."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vervet.errors import NotRecorded
from vervet.planning.archive import Floats, Ints, Shelf
from vervet.planning.fast import View
from vervet.planning.outcome import Outcome
from vervet.policies.refine import Refine

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Chains:
    """What becomes of every sample when it is revised while it is rejected.

    Arrays of shape (problems, samples + 1); costs are those of all replies and their verdicts.
    """

    accepted: Bools
    right: Floats
    """Of the accepted reply."""
    missing: Bools
    """A reply or a verdict that was asked for was not recorded."""
    replies: Floats
    tokens: Floats
    dollars: Floats
    seconds: Floats


def refined(policy: Refine, shelf: Shelf, orders: Ints) -> Outcome:
    """Return what `policy` does on every problem in every order.

    Raises:
        NotRecorded: a sample or a turn that it asks for was never drawn or judged.
    """
    problems, count, width = orders.shape
    rows = np.repeat(np.arange(problems), count)
    view, made = View(shelf, rows, orders.reshape(-1, width)), chains(policy, shelf)
    accepted = view.take(made.accepted, policy.limit)
    returned = accepted.any(axis=1)
    last = np.where(returned, accepted.argmax(axis=1), policy.limit - 1)
    if (view.take(made.missing, policy.limit) & (np.arange(policy.limit) <= last[:, None])).any():
        raise NotRecorded(
            f"samples, or replies to what {policy.verifier!r} said of them, were never drawn. Draw "
            "them with `vervet solve --policy refine:...`."
        )
    each = np.arange(len(rows))

    def upto(column: Floats) -> Floats:
        return np.cumsum(view.take(column, policy.limit), axis=1)[each, last].reshape(
            problems, count
        )

    right = np.where(returned, view.take(made.right, policy.limit)[each, last], 0.0)
    replies = upto(made.replies)
    return Outcome(
        right.reshape(problems, count),
        returned.reshape(problems, count),
        np.full((problems, count), np.inf),
        replies,
        replies,
        upto(made.tokens),
        upto(made.dollars),
        upto(made.seconds),
    )


def chains(policy: Refine, shelf: Shelf) -> Chains:
    """Follow every sample through its turns: verify, and revise what is rejected."""
    shape = shelf.right.shape
    going, accepted, missing = np.ones(shape, bool), np.zeros(shape, bool), np.zeros(shape, bool)
    right, replies = np.full(shape, np.nan), np.zeros(shape)
    costs = {name: np.zeros(shape) for name in ("tokens", "dollars", "seconds")}
    for turn in range(1, policy.turns + 1):
        here = shelf if turn == 1 else shelf.turns.get((policy.verifier, turn))
        if here is None or policy.verifier not in here.heard:
            missing |= going
            break
        heard = here.heard[policy.verifier]
        missing |= going & (heard.told < 1)
        replies += going
        for name in costs:
            paid = getattr(here, name) + getattr(heard, name)[:, :, 0]
            costs[name] += np.where(going, paid, 0.0)
        good = going & (heard.outcome[:, :, 0] > 0)
        right = np.where(good, here.right, right)
        accepted |= good
        going &= heard.outcome[:, :, 0] < 0
    return Chains(accepted, right, missing, replies, **costs)
