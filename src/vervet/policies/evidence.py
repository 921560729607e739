"""How sure a vote is: tables by the votes of the leader and of the runner-up.

The tables are shared by the flows, which look one number up, and by the vectorised replay, which
looks up a million, so that both decide alike.
"""

from functools import cache
from math import lgamma, log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FIRST_VOTE = 1.5
"""Largest evidence that an answer's own first vote can give it; see `certificate`."""


@cache
def lead_chance(limit: int) -> Floats:
    """Return P(p₁ > p₂) under a flat prior, by votes (v₁, v₂); shape (limit + 1, limit + 1).

    1 − I(½; v₁ + 1, v₂ + 1), by I(½; a, b) = ½ [I(½; a − 1, b) + I(½; a, b − 1)].

    >>> lead_chance(4)[4, 0], lead_chance(4)[2, 2]
    (np.float64(0.96875), np.float64(0.5))
    """
    halves = 0.5 ** np.arange(1, limit + 2)
    table = np.empty((limit + 1, limit + 1))
    table[0], table[:, 0] = halves, 1 - halves
    for diagonal in range(2, 2 * limit + 1):
        row = np.arange(max(1, diagonal - limit), min(limit, diagonal - 1) + 1)
        column = diagonal - row
        table[row, column] = (table[row - 1, column] + table[row, column - 1]) / 2
    return table


@cache
def certificate(limit: int) -> Floats:
    """Return the log of the evidence that the leader beats the runner-up, by votes (v₁, v₂).

    E = 2ⁿ⁺¹ ∫_{½}^{1} q^v₁ (1−q)^v₂ dq with n = v₁ + v₂: a bet on the leader, averaged over how far
    it may be ahead. Where the runner-up is truly at least as frequent, E is a supermartingale from
    the leader's first vote on, and at that vote at most 1.5, so P(E ever reaches x) ≤ 1.5 / x,
    whenever one looks (Ville's inequality).

    >>> float(np.exp(certificate(9)[9, 0]).round(1))
    102.3
    """
    factorial = np.array([lgamma(v + 1) for v in range(2 * limit + 2)])
    votes = np.arange(limit + 1)
    total = votes[:, None] + votes
    beta = factorial[votes][:, None] + factorial[votes] - factorial[total + 1]
    return np.asarray((total + 1) * log(2) + beta + np.log(_upper_half(limit)))


@cache
def regret(limit: int) -> Floats:
    """Return E[(p₂ − p₁)⁺] / E[p₁ + p₂] under a flat prior, by votes (v₁, v₂): the price of a slip.

    With r = p₂ / (p₁ + p₂) ~ Beta(v₂ + 1, v₁ + 1) it is E[(2r − 1)⁺].

    >>> float(regret(4)[4, 0].round(5)), float(regret(4)[0, 0])
    (0.00521, 0.25)
    """
    chance = lead_chance(limit + 1)
    behind, further = 1 - chance[:-1, :-1], 1 - chance[:-1, 1:]
    votes = np.arange(limit + 1)
    share = (votes + 1) / (votes[:, None] + votes + 2)
    return np.asarray(np.maximum(2 * share * further - behind, 0.0))


def _upper_half(limit: int) -> Floats:
    """Return P(q > ½) for q ~ Beta(v₁ + 1, v₂ + 1), never rounded down to zero."""
    return np.maximum(lead_chance(limit), np.finfo(np.float64).tiny)
