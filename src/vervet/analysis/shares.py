"""Shares of independent cases, as the samples of one problem are."""

import numpy as np
from scipy.special import ndtri

from vervet.analysis.recorded import Floats, Ints


def binomial_limits(hits: Ints, cases: Ints, level: float) -> tuple[Floats, Floats]:
    """Return Wilson's limits of hits/cases, entry by entry; NaN where there is no case.

    Source: Wilson 1927.

    >>> low, high = binomial_limits(np.array([0, 5, 0]), np.array([10, 10, 0]), 0.95)
    >>> low.round(3), high.round(3)
    (array([0.   , 0.237,   nan]), array([0.278, 0.763,   nan]))
    """
    z2 = float(ndtri((1 + level) / 2)) ** 2
    size = np.where(cases > 0, cases, np.nan)
    share = hits / size
    centre = (share + z2 / (2 * size)) / (1 + z2 / size)
    half = np.sqrt(z2 * share * (1 - share) / size + z2**2 / (4 * size**2)) / (1 + z2 / size)
    return np.clip(centre - half, 0.0, share), np.clip(centre + half, share, 1.0)
