"""Gauss-Legendre rules on [0, 1], and how many nodes a polynomial of ties needs.

A tie among r + 1 candidates is split evenly because ∫_0^1 y^r dy = 1/(r+1). For a polynomial f
with positive coefficients the rule of G nodes errs by at most, for every s > 0,

    (32/15) f(cosh²(s/2)) exp(-2Gs) / (1 - exp(-2s))

and is exact where the degree is below 2G.

Source: Trefethen 2008, "Is Gauss quadrature better than Clenshaw-Curtis?", theorem 4.5, on the
ellipse of parameter e^s, where |f| is largest at its right end.
"""

from functools import cache

import numpy as np

from vervet.stats.arrays import Floats, Ints
from vervet.stats.laws import NEGLIGIBLE

ELLIPSES: Floats = np.geomspace(0.02, 8.0, 32)
"""Values of s over which the bound is minimised."""
REACH: Floats = np.cosh(ELLIPSES / 2) ** 2
"""Right ends of the ellipses: where f is to be bounded."""
LOG_FACTOR: Floats = np.log(32 / 15) - np.log1p(-np.exp(-2 * ELLIPSES)) - np.log(NEGLIGIBLE)


@cache
def gauss(count: int) -> tuple[Floats, Floats]:
    """Return nodes and weights of the rule of `count` nodes on [0, 1].

    >>> points, weights = gauss(2)
    >>> round(float(weights @ points**3), 12)
    0.25
    """
    points, weights = np.polynomial.legendre.leggauss(count)
    return (points + 1) / 2, weights / 2


def fewest_nodes(log_size: Floats, degree: Ints) -> Ints:
    """Return the smallest sufficient rule per row.

    Args:
        log_size: log f(REACH), or a bound on it, shape (rows, len(REACH)).
        degree: the degree of f, shape (rows,).

    >>> fewest_nodes(np.zeros((1, len(REACH))), np.array([3]))
    array([2])
    """
    needed = np.ceil(((log_size + LOG_FACTOR) / (2 * ELLIPSES)).min(axis=1))
    return np.asarray(np.clip(needed, 1, degree // 2 + 1), dtype=np.int64)


def cells(nodes: Ints) -> tuple[Ints, Floats, Floats]:
    """Return (row, node, weight) of every node of every row's rule.

    >>> cells(np.array([1, 0, 1]))
    (array([0, 2]), array([0.5, 0.5]), array([1., 1.]))
    """
    rules = [gauss(int(count)) for count in nodes if count]
    empty = np.zeros(0)
    points = np.concatenate([empty, *(rule[0] for rule in rules)])
    weights = np.concatenate([empty, *(rule[1] for rule in rules)])
    return np.repeat(np.arange(len(nodes)), nodes), points, weights
