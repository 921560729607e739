"""Agreement among verifiers, and among the repeated verdicts of one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Floats
from vervet.stats.estimate import Estimate
from vervet.stats.resampling import RESAMPLES, derived, resample

PAIR = 2


def cohen_kappa(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return Cohen's κ of two verifiers on the same samples: agreement beyond chance.

    `(p_o - p_e) / (1 - p_e)` with p_e from each one's own acceptance rate; samples that either
    could not judge (NaN) are left out. NaN where both always say the same.

    Source: Cohen 1960.

    >>> cohen_kappa([1, 1, 0, 0], [1, 0, 0, 0])
    0.5
    """
    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    both = ~np.isnan(one) & ~np.isnan(two)
    if not both.any():
        return np.nan
    yes, also = one[both] > 0, two[both] > 0
    chance = yes.mean() * also.mean() + (1 - yes.mean()) * (1 - also.mean())
    return float((np.mean(yes == also) - chance) / (1 - chance)) if chance < 1 else np.nan


def fleiss_kappa(accepted: npt.ArrayLike, judged: npt.ArrayLike) -> float:
    """Return Fleiss' κ of several verdicts per sample, from counts.

    Args:
        accepted: accepting verdicts per sample.
        judged: verdicts per sample; samples with fewer than two say nothing and are left out.

    Source: Fleiss 1971, with samples of unequal depth weighted by their pairs.

    >>> fleiss_kappa([2, 0, 2, 0], [2, 2, 2, 2])
    1.0
    """
    yes, total = np.asarray(accepted, dtype=float), np.asarray(judged, dtype=float)
    deep = total >= PAIR
    if not deep.any():
        return np.nan
    yes, total = yes[deep], total[deep]
    pairs = total * (total - 1)
    alike = (yes * (yes - 1) + (total - yes) * (total - yes - 1)).sum() / pairs.sum()
    rate = yes.sum() / total.sum()
    chance = rate**2 + (1 - rate) ** 2
    return float((alike - chance) / (1 - chance)) if chance < 1 else np.nan


def repeat_correlation(accepted: npt.ArrayLike, judged: npt.ArrayLike) -> float:
    """Return the correlation between two verdicts of one sample: the intra-class correlation.

    `ρ = (E[v v'] - q²) / (q (1-q))` over pairs of different verdicts of the same sample, q the
    acceptance rate, both weighted by pairs. One means that asking again says nothing new, zero that
    verdicts are independent given the group of samples passed in (right ones, or wrong ones).

    Args:
        accepted: accepting verdicts per sample.
        judged: verdicts per sample, at least two to count.

    Source: the analysis of variance estimator for binary data (Ridout et al. 1999).

    >>> repeat_correlation([4, 0, 4, 0], [4, 4, 4, 4])
    1.0
    """
    yes, total = np.asarray(accepted, dtype=float), np.asarray(judged, dtype=float)
    deep = total >= PAIR
    if not deep.any():
        return np.nan
    yes, total = yes[deep], total[deep]
    pairs = total * (total - 1)
    both = (yes * (yes - 1)).sum() / pairs.sum()
    rate = (yes * (total - 1)).sum() / pairs.sum()
    spread = rate * (1 - rate)
    return float((both - rate**2) / spread) if spread > 0 else np.nan


def effective_votes(votes: float, correlation: float) -> float:
    """Return how many independent verdicts V correlated ones are worth: `V / (1 + (V-1) ρ)`.

    Source: Kish's design effect; for judges 2605.29800 ("nine judges, two votes").

    >>> effective_votes(32, 0.75)
    1.31...
    """
    return votes / (1 + (votes - 1) * max(correlation, 0.0))


def effective_judges(verdicts: npt.ArrayLike) -> float:
    """Return the effective number of different verifiers that judged the same samples.

    With R the correlation matrix of their verdicts (pairs of samples both judged),
    `m² / Σ_ij R_ij`: m for independent verifiers, 1 for copies of one. Verifiers that
    always say the same are left out.

    Args:
        verdicts: shape (samples, verifiers), 0 or 1, NaN where a verifier failed.

    Within right samples, or within wrong ones, this is the independence of their errors; over
    all samples it also counts that good verifiers agree because they are right.

    >>> effective_judges([[1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 0, 1]]).__round__(2)
    1.8
    """
    table = np.asarray(verdicts, dtype=np.float64)
    known = ~np.isnan(table)
    counts = np.maximum(known.sum(axis=0), 1)
    gap = np.where(known, table - np.where(known, table, 0.0).sum(axis=0) / counts, 0.0)
    spread = np.sqrt((gap**2).sum(axis=0) / counts)
    varied = spread > 0
    if varied.sum() < PAIR:
        return float(varied.sum()) or np.nan
    unit, seen = gap[:, varied] / spread[varied], known[:, varied].astype(np.float64)
    matrix = (unit.T @ unit) / np.maximum(seen.T @ seen, 1.0)
    count = len(matrix)
    return float(count**2 / max(matrix.sum(), 1.0))


@dataclass(frozen=True, slots=True)
class Repeats:
    """What repeating a verifier's verdicts is worth, on right and on wrong samples."""

    right: Estimate
    """Correlation of two verdicts on the same right sample."""
    wrong: Estimate
    """The same on wrong samples."""
    votes_right: float
    """Effective number of votes among the deepest repetition, right samples."""
    votes_wrong: float
    unanimous_wrong: float
    """Share of wrong samples that every verdict accepts: no number of repeats rejects them."""


def repeats(
    accepted: Sequence[npt.ArrayLike],
    judged: Sequence[npt.ArrayLike],
    right: Sequence[npt.ArrayLike],
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Repeats:
    """Return the repeat correlation of one verifier with intervals over problems.

    Args:
        accepted: per problem, accepting verdicts of each sample.
        judged: per problem, verdicts of each sample, or one number.
        right: per problem, truth of each sample.
        rng: random generator of the bootstrap.
        resamples: bootstrap samples of problems.
        level: nominal coverage.

    >>> table = repeats([[4, 0], [4, 4]], [4, 4], [[1, 0], [1, 0]], rng=np.random.default_rng(0))
    >>> table.unanimous_wrong
    0.5
    """
    sums, deepest, full, wrong = [], 1, 0, 0
    for yes, seen, true in zip(accepted, judged, right, strict=True):
        hits, total, fine = np.broadcast_arrays(*(np.asarray(c, float) for c in (yes, seen, true)))
        deepest = max(deepest, int(total.max(initial=1)))
        bad = (fine == 0) & (total > 0)
        wrong, full = wrong + int(bad.sum()), full + int((hits[bad] == total[bad]).sum())
        sums.append(
            [_pair_sums(hits[fine > 0], total[fine > 0]), _pair_sums(hits[bad], total[bad])]
        )
    table = np.array(sums)
    weights = resample(len(table), rng=rng, resamples=resamples)
    found = []
    for side in (0, 1):
        value = _correlation(table[:, side].sum(axis=0))
        draws = _correlation(weights @ table[:, side])
        used = int((table[:, side, 2] > 0).sum())
        name = "correlation of repeated verdicts"
        found.append(derived(float(value), draws, level=level, problems=used, what=name))
    votes = [effective_votes(deepest, estimate.value) for estimate in found]
    return Repeats(found[0], found[1], votes[0], votes[1], full / wrong if wrong else np.nan)


def _pair_sums(yes: Floats, total: Floats) -> Floats:
    """Return Σ over ordered pairs of verdicts of one sample: both accept, first accepts, all."""
    pairs = total * (total - 1)
    return np.array([(yes * (yes - 1)).sum(), (yes * (total - 1)).sum(), pairs.sum()])


def _correlation(sums: Floats) -> Floats:
    """Return ρ from pair sums, the last axis holding them."""
    pairs = np.where(sums[..., 2] > 0, sums[..., 2], np.nan)
    both, rate = sums[..., 0] / pairs, sums[..., 1] / pairs
    spread = rate * (1 - rate)
    return np.asarray((both - rate**2) / np.where(spread > 0, spread, np.nan))
