"""Mean and spread over problems, and Student's quantile."""

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from vervet.stats.arrays import Floats, Ints


def moments(values: Floats) -> tuple[Floats, Floats, Ints]:
    """Return mean, variance over problems (P - 1 in the denominator) and problems per point.

    >>> moments(np.array([[0.0, 1.0], [1.0, np.nan]]))
    (array([0.5, 1. ]), array([0.5, nan]), array([2, 1]))
    """
    known = np.isfinite(values)
    problems = known.sum(axis=0)
    mean = np.where(problems > 0, np.where(known, values, 0.0).sum(axis=0), np.nan)
    mean = mean / np.maximum(problems, 1)
    squares = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0)
    spread = np.where(problems > 1, squares / np.maximum(problems - 1, 1), np.nan)
    return mean, spread, problems


def student(problems: npt.ArrayLike, level: float) -> Floats:
    """Return Student's quantile for P - 1 degrees of freedom.

    >>> float(student(31, 0.95).round(3))
    2.042
    """
    degrees = np.maximum(np.asarray(problems, dtype=np.float64) - 1, 1)
    return np.asarray(stdtrit(degrees, (1 + level) / 2))
