"""Array types of `stats`, and the few checks every estimator makes on what it is given."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def whole(values: npt.ArrayLike, name: str, *, least: int = 0) -> Ints:
    """Return `values` as whole numbers.

    Raises:
        ValueError: a value is not a whole number, or is below `least`.

    >>> whole([1, 2.0], "k")
    array([1, 2])
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iub":
        rounded = np.rint(np.asarray(values, dtype=np.float64))
        if not np.array_equal(rounded, np.asarray(values, dtype=np.float64)):
            raise ValueError(f"{name} must be whole numbers, got {values!r}")
        array = rounded
    result = array.astype(np.int64)
    if result.size and result.min() < least:
        raise ValueError(f"{name} must be at least {least}, got {result.min()}")
    return result


def attempts(k: int | Sequence[int] | npt.ArrayLike) -> Ints:
    """Return the numbers of attempts asked for as a vector of whole numbers ≥ 1.

    >>> attempts(5)
    array([5])
    """
    return np.atleast_1d(whole(k, "k", least=1))


def counts_of(correct: npt.ArrayLike, total: npt.ArrayLike) -> tuple[Ints, Ints]:
    """Return success counts and sample counts per problem, checked against each other.

    A plain `total` holds for every problem.

    Raises:
        ValueError: a count is negative, or larger than its total.

    >>> counts_of([1, 2], 5)
    (array([1, 2]), array([5, 5]))
    """
    hits = np.atleast_1d(whole(correct, "correct"))
    totals = np.atleast_1d(whole(total, "total"))
    hits, totals = np.broadcast_arrays(hits, totals)
    if np.any(hits > totals):
        worst = int(np.argmax(hits - totals))
        raise ValueError(f"{hits[worst]} correct of {totals[worst]} samples: more than were drawn")
    return hits, totals
