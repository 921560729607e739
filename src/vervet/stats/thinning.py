"""What a run would have shown, had it stopped earlier: for back-tests."""

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Ints, counts_of


def judged_counts(successes: npt.ArrayLike, samples: npt.ArrayLike) -> tuple[Ints, Ints]:
    """Return successes and samples per problem, each problem with at least one sample.

    Raises:
        ValueError: no problems, a problem without samples, or more successes than samples.

    >>> judged_counts([0, 3], 10)
    (array([0, 3]), array([10, 10]))
    """
    correct, total = counts_of(successes, samples)
    if correct.size == 0:
        raise ValueError("no problems: one count per problem is needed")
    if total.min() < 1:
        raise ValueError(f"problem {int(total.argmin())} has no samples; leave it out")
    return correct, total


def thin(
    successes: npt.ArrayLike, samples: npt.ArrayLike, keep: int, rng: np.random.Generator
) -> Ints:
    """Return how many successes a random `keep` of each problem's samples would hold.

    A hypergeometric draw per problem, shape (problems,).

    >>> thin([0, 50, 100], 100, 10, np.random.default_rng(0))[[0, 2]]
    array([ 0, 10])
    """
    correct, total = judged_counts(successes, samples)
    return np.asarray(rng.hypergeometric(correct, total - correct, keep), dtype=np.int64)
