"""Coverage (pass@k): the chance that at least one of k attempts is right."""

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Floats, attempts, counts_of


def coverage(correct: npt.ArrayLike, total: npt.ArrayLike, *, k: npt.ArrayLike) -> Floats:
    """Return coverage@k of every problem, exact over all subsets of k of its samples.

    `1 - C(N-C, k) / C(N, k)`, computed as `1 - Π_{j<C} (1 - k / (N-j))`, which neither overflows
    nor loses digits (within 1e-13 of rational arithmetic at N = 10,000).

    Args:
        correct: C, correct samples per problem, shape (problems,).
        total: N, judged samples per problem, or one number for all.
        k: attempts, one or several.

    Returns:
        Shape (problems, len(k)); NaN where k > N, for no such subset exists.

    Source: Chen et al. 2021 (2107.03374), eq. 1; Brown et al. 2024 (2407.21787), sect. 2.

    >>> coverage([1, 0, 3], 4, k=[1, 2])
    array([[0.25, 0.5 ],
           [0.  , 0.  ],
           [0.75, 1.  ]])
    """
    return np.asarray(1.0 - no_success(correct, total, k=k)) + 0.0


def no_success(correct: npt.ArrayLike, total: npt.ArrayLike, *, k: npt.ArrayLike) -> Floats:
    """Return the chance that k of N samples hold none of the C correct ones.

    `C(N-C, k) / C(N, k)`, shape (problems, len(k)); NaN where k > N.

    >>> no_success([1], 4, k=[1, 4, 5])
    array([[0.75, 0.  ,  nan]])
    """
    hits, totals = counts_of(correct, total)
    ks = attempts(k)
    result = np.full((len(hits), len(ks)), np.nan)
    for size in np.unique(totals):
        rows = np.flatnonzero(totals == size)
        for column in np.flatnonzero(ks <= size):
            table = miss_table(int(size), int(ks[column]), int(hits[rows].max()))
            result[rows, column] = table[hits[rows]]
    return result


def miss_table(total: int, k: int, most: int | None = None) -> Floats:
    """Return P(none of c marked samples is among k of `total`) for c = 0..most.

    >>> miss_table(4, 2)
    array([1.        , 0.5       , 0.16666667, 0.        , 0.        ])
    """
    most = total if most is None else most
    result = np.zeros(most + 1)
    steps = min(most, total - k)
    logs = np.log1p(-k / (total - np.arange(steps, dtype=np.float64)))
    result[: steps + 1] = np.exp(np.concatenate([[0.0], np.cumsum(logs)]))
    return result
