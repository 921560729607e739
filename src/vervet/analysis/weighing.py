"""Weighted votes within a time that an analysis can afford: exact where small, else drawn."""

from collections.abc import Sequence
from math import pi

import numpy as np

from vervet.analysis.recorded import Bools, Floats, Ints
from vervet.stats.weighted import FINEST, WeightedVotes, weighted_majority

EXACT = 10_000
"""Samples times levels of weight that are voted on exactly: some two seconds."""
DRAWS = 40_000
"""Random subsets, over all problems and k, where there are more."""
FEWEST, MOST = 100, 2000


def weighted_vote(
    answers: Sequence[Ints],
    weights: Sequence[Floats],
    right: Sequence[Bools],
    *,
    ks: Sequence[int],
    rng: np.random.Generator,
) -> WeightedVotes:
    """Return the accuracy of a vote weighted by scores, with the standard error of its draws."""
    draws = int(np.clip(DRAWS / max(len(answers) * len(ks), 1), FEWEST, MOST))
    loads = list(weights) if _small(weights) else [_uneven(each) for each in weights]
    return weighted_majority(answers, loads, right, k=ks, rng=rng, draws=draws)


def _small(weights: Sequence[Floats]) -> bool:
    """Tell whether the votes are few enough, and their weights coarse enough, to be exact."""
    return sum(len(each) * len(np.unique(each)) for each in weights) <= EXACT


def _uneven(weights: Floats) -> Floats:
    """Return weights of the same proportions that are no fractions: votes on them are drawn.

    A common factor changes no vote; only whole multiples of 1/d would be counted exactly.
    """
    return weights * (pi / FINEST)
