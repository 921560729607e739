"""Jeffreys' interval for the mean of a bounded quantity of any distribution.

Jeffreys' limits of a share are quantiles of Beta(x + 1/2, P - x + 1/2): the P problems seen, half a
problem at 0 and half a problem at 1. Problems whose values lie anywhere in 0..1 are treated alike:

    mean ~ Σ_i D_i x_i + D_0 · 0 + D_1 · 1,    D ~ Dirichlet(1, ..., 1, 1/2, 1/2)

the Bayesian bootstrap with those two halves. Its tail has a closed form along a path, so nothing
is drawn at random. With weights a_i (1 or 1/2) and any c outside 0..1, the law tilted towards the
end next to c has the mean

    t = Σ a_i x_i/(c - x_i) / Σ a_i/(c - x_i)

and the tail beyond t is Φ(-r*), to the relative accuracy 1/P of a saddlepoint:

    r = √(2 Σ a_i log((c - x_i)/(c - t))),  u = √(Σ a_i ((x_i - t)/(c - x_i))²),
    r* = r + log(u/r)/r

A limit is the t at which r* is the normal quantile: one equation in c, solved by Newton's method.

Sources: Rubin 1981 (Bayesian bootstrap); Brown, Cai and DasGupta 2001 (Jeffreys' interval and its
ends); Lugannani and Rice 1980, Barndorff-Nielsen 1986 (r*). The combination is measured in
`benchmarks/intervals.py`.
"""

import numpy as np

from vervet.stats.arrays import Floats

HALF = 0.5
STEPS = 60
CLOSE = 1e-10
START = 0.5
REACH = (-80.0, 20.0)
"""Logarithms of c - 1 between which every limit lies."""
SMALL = 1e-5
"""Below this r, the correction log(u/r)/r is rounding and left out."""


def jeffreys_limits(values: Floats, quantile: float) -> tuple[Floats, Floats]:
    """Return the limits of the mean over problems at which r* is the normal quantile.

    The half problem at the far end is a share `min(1, Σ distance)` of it for the limit on the near
    side: as the problems' whole distance from 1 vanishes, the upper limit becomes 1, as it should
    be where all of them are solved.

    Args:
        values: between 0 and 1, shape (problems, points); NaN is left out.
        quantile: standard normal quantile of the limits, 1.96 for 95 %.

    Returns:
        Lower and upper limits, shape (points,); NaN below two problems.

    >>> low, high = jeffreys_limits(np.array([[1.0]] * 9 + [[0.0]]), 1.959964)
    >>> low.round(3), high.round(3)  # Beta(9.5, 1.5): 0.6186 and 0.9889
    (array([0.618]), array([0.989]))
    """
    known = np.isfinite(values)
    filled = np.clip(np.where(known, values, 0.0), 0.0, 1.0)
    from_one = np.where(known, 1.0 - filled, 0.0)
    both = np.concatenate([filled, from_one], axis=1)
    far = HALF * np.minimum(1.0, np.concatenate([from_one, filled], axis=1).sum(axis=0))
    limits = _upper(both, np.concatenate([known, known], axis=1).astype(np.float64), far, quantile)
    high, low = np.split(limits, 2)
    few = known.sum(axis=0) < 2  # noqa: PLR2004 - a spread needs two
    return np.where(few, np.nan, 1.0 - low), np.where(few, np.nan, high)


def _upper(values: Floats, weights: Floats, far: Floats, quantile: float) -> Floats:
    """Return the upper limits: half a problem at 1, and `far` of a problem at 0."""
    points = values.shape[1]
    below = np.concatenate([1.0 - values, np.ones((1, points)), np.zeros((1, points))])
    weight = np.concatenate([weights, far[None], np.full((1, points), HALF)])
    place, low, high = np.full(points, START), *(np.full(points, end) for end in REACH)
    for _ in range(STEPS):
        level, slope, distance = _along(below, weight, place)
        gap = np.log(level) - np.log(quantile)
        low, high = np.where(gap > 0, place, low), np.where(gap > 0, high, place)
        if np.max(np.abs(gap), initial=0.0) < CLOSE:
            break
        step = place - gap / np.minimum(slope, -CLOSE)
        place = np.where((step > low) & (step < high), step, (low + high) / 2)
    return np.asarray(np.where(far > 0, 1.0 - distance, 1.0))


def _along(below: Floats, weight: Floats, place: Floats) -> tuple[Floats, Floats, Floats]:
    """Return r*, d log r / d place, and 1 - t where c = 1 + exp(place).

    `below` is 1 - x, so that nothing cancels near 1.
    """
    gap = np.exp(place)
    room = below + gap
    pull = weight / room
    total, sums = weight.sum(axis=0), pull.sum(axis=0)
    reach = total / sums
    distance = reach - gap
    twice = 2 * (weight * np.log(room / reach)).sum(axis=0)
    root = np.sqrt(np.maximum(twice, SMALL**2))
    spread = np.sqrt((pull * (below - distance) ** 2 / room).sum(axis=0))
    tilt = 1 - total * (pull / room).sum(axis=0) / sums**2
    slope = total * tilt / reach * gap / root**2
    star = root + np.where(root > SMALL, np.log(np.maximum(spread, SMALL) / root) / root, 0.0)
    return np.maximum(star, SMALL), slope, np.clip(distance, 0.0, 1.0)
