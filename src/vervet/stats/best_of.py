"""Best of k: the expected accuracy of returning the highest-scored of k samples."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Floats, attempts
from vervet.stats.coverage import miss_table

LARGEST = 1_000_000
"""Entries of the table that is kept between problems of one size."""


def best_of(
    scores: Sequence[npt.ArrayLike], correct: Sequence[npt.ArrayLike], *, k: npt.ArrayLike
) -> Floats:
    """Return the expected accuracy of the best-scored of k samples, per problem.

    Exact over all subsets of k of the n samples, ties split evenly. With the distinct scores
    ℓ in falling order, a_ℓ samples of that score, c_ℓ of them right and N_ℓ better ones,

        Σ_ℓ (c_ℓ / a_ℓ) [C(n - N_ℓ, k) - C(n - N_ℓ - a_ℓ, k)] / C(n, k)

    A NaN score is never chosen; a subset without any score is wrong.

    Args:
        scores: one vector of scores per problem, larger is better.
        correct: one vector of verdicts per problem, of the same length.
        k: numbers of samples drawn.

    Returns:
        Shape (problems, len(k)); NaN where k > n.

    Source: generalises `verifier_at_k` of 2504.01005 to ties; accurate to about 1e-13.

    >>> best_of([[0.9, 0.9, 0.1]], [[True, False, False]], k=[1, 3]).round(4)
    array([[0.3333, 0.5   ]])
    """
    ks = attempts(k)
    rows = [_best_of(s, c, ks) for s, c in zip(scores, correct, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(ks))


def _best_of(scores: npt.ArrayLike, correct: npt.ArrayLike, ks: npt.NDArray[np.int64]) -> Floats:
    """Return the expected accuracy of one problem at every k."""
    score, right = np.asarray(scores, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if score.shape != right.shape or score.ndim != 1:
        raise ValueError(f"scores of shape {score.shape} but verdicts of shape {right.shape}")
    known = ~np.isnan(score)
    levels, place = np.unique(-score[known], return_inverse=True)
    tied = np.bincount(place, minlength=len(levels))
    share = np.bincount(place, weights=right[known], minlength=len(levels)) / np.maximum(tied, 1)
    better = np.concatenate([[0], np.cumsum(tied)])
    result = np.full(len(ks), np.nan)
    for columns in np.array_split(np.flatnonzero(ks <= len(score)), _parts(len(score), len(ks))):
        absent = _misses(len(score), tuple(ks[columns].tolist()))[better]
        result[columns] = share @ (absent[:-1] - absent[1:])
    return result


def _parts(total: int, columns: int) -> int:
    """Return into how many parts the ks are split, to bound the table's memory."""
    return -(-total * columns // LARGEST) or 1


@lru_cache(maxsize=8)
def _misses(total: int, ks: tuple[int, ...]) -> Floats:
    """Return P(none of c marked samples is among k of `total`), shape (total + 1, len(ks))."""
    return np.stack([miss_table(total, k) for k in ks], axis=1) if ks else np.zeros((total + 1, 0))
