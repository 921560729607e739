"""Reliability: the chance that all, or most, of k attempts are right."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Floats, Ints, attempts, counts_of
from vervet.stats.coverage import no_success
from vervet.stats.laws import hypergeometric

ROUNDING = 1e-9
"""Forgives a threshold such as 0.3 · 10, which is 3.0000000000000004 in floating point."""


def mean_at_n(correct: npt.ArrayLike, total: npt.ArrayLike) -> Floats:
    """Return the share of correct samples C/N of every problem; NaN where N = 0.

    >>> mean_at_n([1, 0], [4, 0])
    array([0.25,  nan])
    """
    hits, totals = counts_of(correct, total)
    return np.where(totals > 0, hits / np.maximum(totals, 1), np.nan)


def pass_all(correct: npt.ArrayLike, total: npt.ArrayLike, *, k: npt.ArrayLike) -> Floats:
    """Return pass^k of every problem: the chance that all k attempts are right.

    `C(C, k) / C(N, k)`, shape (problems, len(k)); NaN where k > N.

    Source: Yao et al. 2024 (tau-bench, 2406.12045).

    >>> pass_all([3], 4, k=[1, 2, 4])
    array([[0.75, 0.5 , 0.  ]])
    """
    hits, totals = counts_of(correct, total)
    return no_success(totals - hits, totals, k=k)


def pass_share(
    correct: npt.ArrayLike, total: npt.ArrayLike, *, k: npt.ArrayLike, share: float
) -> Floats:
    """Return G-Pass@k_τ: the chance that at least ⌈τk⌉ of k attempts are right.

    `Σ_{j ≥ max(1, ⌈τk⌉)} C(C, j) C(N-C, k-j) / C(N, k)`, shape (problems, len(k)); NaN where
    k > N. τ = `share`; τ = 1 is pass^k, τ → 0 is pass@k.

    Source: Liu et al. 2024 (2412.13147), eq. 3.

    >>> pass_share([2], 4, k=2, share=0.5).round(4)
    array([[0.8333]])
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be between 0 and 1, got {share}")
    return _at_least(correct, total, attempts(k), lambda size: [_needed(share, size)])


def mean_pass_share(correct: npt.ArrayLike, total: npt.ArrayLike, *, k: npt.ArrayLike) -> Floats:
    """Return mG-Pass@k: G-Pass@k averaged over thresholds from one half to one.

    `(2/k) Σ_{i=⌈k/2⌉+1}^{k} P(at least i of k attempts are right)`, shape (problems, len(k)).

    Source: Liu et al. 2024 (2412.13147), eq. 5.

    >>> mean_pass_share([3], 4, k=4)
    array([[0.5]])
    """
    ks = attempts(k)
    sums = _at_least(correct, total, ks, lambda size: range((size + 1) // 2 + 1, size + 1))
    return np.asarray(sums * (2 / ks))


def _needed(share: float, k: int) -> int:
    """Return the number of right attempts that make up `share` of k, at least one."""
    return max(1, int(np.ceil(share * k - ROUNDING)))


def _at_least(
    correct: npt.ArrayLike,
    total: npt.ArrayLike,
    ks: Ints,
    needed: Callable[[int], Iterable[int]],
) -> Floats:
    """Return Σ_i P(at least i of k are right) over the thresholds i that `needed(k)` names."""
    hits, totals = counts_of(correct, total)
    result = np.full((len(hits), len(ks)), np.nan)
    for (marked, size), rows in _alike(hits, totals):
        for column in np.flatnonzero(ks <= size):
            k = int(ks[column])
            tails = np.cumsum(hypergeometric(size, marked, k)[::-1])[::-1]
            result[rows, column] = tails[list(needed(k))].sum()
    return result


def _alike(hits: Ints, totals: Ints) -> Iterator[tuple[tuple[int, int], Ints]]:
    """Yield every distinct (correct, total) with the problems that have it."""
    pairs, inverse = np.unique(np.stack([hits, totals], axis=1), axis=0, return_inverse=True)
    for index, (marked, size) in enumerate(pairs):
        yield (int(marked), int(size)), np.flatnonzero(inverse.ravel() == index)
