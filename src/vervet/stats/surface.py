"""The success surface over S solutions and V verifications each: best-of-S by mean verdict."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Floats, Ints, attempts, whole
from vervet.stats.best_of import best_of
from vervet.stats.laws import hypergeometric
from vervet.stats.random_scores import Types, best_of_random


def surface(
    accepted: Sequence[npt.ArrayLike],
    judged: Sequence[npt.ArrayLike],
    correct: Sequence[npt.ArrayLike],
    *,
    solutions: npt.ArrayLike,
    verifications: npt.ArrayLike,
) -> Floats:
    """Return the expected accuracy of best-of-S by the mean of V verdicts, per problem.

    Exact over all subsets of S solutions and, for each of them, all subsets of V of its recorded
    verdicts; ties in the mean are split evenly. A solution with fewer than V verdicts counts all
    it has; one with none is never chosen.

    Args:
        accepted: per problem, accepting verdicts of each solution.
        judged: per problem, verdicts of each solution (errors left out), or one number for all.
        correct: per problem, whether each solution is right.
        solutions: S, one or several.
        verifications: V, one or several.

    Returns:
        Shape (problems, len(solutions), len(verifications)); NaN where S exceeds the solutions,
        or V the verdicts of every solution.

    Source: success rate of Singhi et al. 2025 (2504.01005), sect. 3, which takes the first V
    verdicts of one draw; the expectation over verdict subsets is derived in `random_scores`.

    >>> surface([[2, 1]], [2], [[True, False]], solutions=2, verifications=[1, 2])
    array([[[0.75, 1.  ]]])
    """
    many, depth = attempts(solutions), attempts(verifications)
    rows = [
        _surface(np.broadcast_arrays(*map(np.atleast_1d, parts)), many, depth)
        for parts in zip(accepted, judged, correct, strict=True)
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(many), len(depth))


def surface_in_order(
    scores: Sequence[npt.ArrayLike],
    correct: Sequence[npt.ArrayLike],
    *,
    solutions: npt.ArrayLike,
    verifications: npt.ArrayLike,
) -> Floats:
    """Return the same surface from the first V scores of each solution, in recorded order.

    For scores that are not 0 or 1, such as p(Yes): the mean of the first V, NaN left out, then
    best-of-S exact over subsets of solutions. This is the estimator of 2504.01005 without its
    tie shuffles; it keeps the chance of which V verdicts came first.

    Args:
        scores: per problem, shape (solutions, trials), NaN where a verification failed.
        correct: per problem, whether each solution is right.
        solutions: S, one or several.
        verifications: V, one or several.

    >>> surface_in_order([[[1, 0], [0, 1]]], [[True, False]], solutions=2, verifications=[1, 2])
    array([[[1. , 0.5]]])
    """
    many, depth = attempts(solutions), attempts(verifications)
    result = np.full((len(scores), len(many), len(depth)), np.nan)
    for place, (rows, right) in enumerate(zip(scores, correct, strict=True)):
        means = running_means(rows)
        for column in np.flatnonzero(depth <= means.shape[1]):
            result[place, :, column] = best_of([means[:, depth[column] - 1]], [right], k=many)[0]
    return result


def running_means(scores: npt.ArrayLike) -> Floats:
    """Return the mean of the first 1, 2, ... scores of every solution; NaN where none is known.

    >>> running_means([[1.0, np.nan, 0.0]])
    array([[1. , 1. , 0.5]])
    """
    array = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    known = np.isfinite(array)
    counts = np.cumsum(known, axis=1)
    sums = np.cumsum(np.where(known, array, 0.0), axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _surface(parts: Sequence[npt.NDArray[np.generic]], many: Ints, depth: Ints) -> Floats:
    """Return the surface of one problem, shape (solutions, verifications)."""
    yes, judged, right = (whole(part, name) for part, name in zip(parts, NAMES, strict=True))
    if np.any(yes > judged):
        raise ValueError("a solution has more accepting verdicts than verdicts")
    result = np.full((len(many), len(depth)), np.nan)
    deepest = int(judged.max(initial=0))
    for column in np.flatnonzero(depth < deepest):
        types = _types(yes, judged, right, int(depth[column]))
        result[:, column] = best_of_random(types, many)
    if np.any(depth == deepest):
        score = np.where(judged > 0, yes / np.maximum(judged, 1), np.nan)
        result[:, depth == deepest] = best_of([score], [right], k=many)[0][:, None]
    return result


NAMES = ("accepted", "judged", "correct")


def _types(yes: Ints, judged: Ints, right: Ints, depth: int) -> Types:
    """Group solutions by verdict counts and give each group the law of its mean of V verdicts."""
    pairs, place = np.unique(np.stack([judged, yes], axis=1), axis=0, return_inverse=True)
    marks = [mean_law(int(total), int(hits), depth) for total, hits in pairs]
    levels = np.unique(np.concatenate([values for values, _ in marks]))
    law = np.zeros((len(pairs), len(levels)))
    for row, (values, chances) in enumerate(marks):
        law[row, np.searchsorted(levels, values)] = chances
    members = np.bincount(place.ravel(), minlength=len(pairs))
    hits = np.bincount(place.ravel(), weights=right, minlength=len(pairs))
    return Types(law, members.astype(np.int64), hits.astype(np.int64))


@cache
def mean_law(judged: int, accepted: int, depth: int) -> tuple[Floats, Floats]:
    """Return values and chances of the mean of `depth` verdicts out of those recorded.

    >>> mean_law(2, 1, 1)
    (array([0., 1.]), array([0.5, 0.5]))
    """
    if judged == 0:
        return np.zeros(0), np.zeros(0)
    if judged <= depth:
        return np.array([accepted / judged]), np.ones(1)
    chances = hypergeometric(judged, accepted, depth)
    alive = chances > 0
    return np.arange(depth + 1)[alive] / depth, chances[alive]
