"""What a random subset of the samples would have shown: exact, per problem."""

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln


def solved_within(
    successes: npt.ArrayLike, samples: npt.ArrayLike, ks: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Return 1 - C(n - c, k) / C(n, k) for every problem and k, shape (problems, ks).

    The chance that k of the n samples, drawn without replacement, hold at least one of the c
    correct ones; its mean over problems is coverage. Source: arXiv 2107.03374, Eq. 1.

    >>> solved_within([0, 1, 4], 4, [1, 4])
    array([[0.  , 0.  ],
           [0.25, 1.  ],
           [1.  , 1.  ]])
    """
    c, n = (x[:, None] for x in counts(successes, samples))
    k = np.atleast_1d(np.asarray(ks, dtype=float))
    if k.min() < 1 or k.max() > n.min():
        raise ValueError(f"k runs from 1 to the {n.min():.0f} samples recorded, not to {k.max()}")
    wrong = np.maximum(n - c, k)
    missed = gammaln(wrong + 1) - gammaln(wrong - k + 1) + gammaln(n - k + 1) - gammaln(n + 1)
    solved: npt.NDArray[np.float64] = np.where(n - c < k, 1.0, -np.expm1(missed))
    return np.where(c == 0, 0.0, solved)


def counts(
    successes: npt.ArrayLike, samples: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return successes and samples as two float vectors of one length, checked.

    Raises:
        ValueError: no problems, or a problem with no samples or more successes than samples.
    """
    c = np.atleast_1d(np.asarray(successes, dtype=float))
    n = np.broadcast_to(np.asarray(samples, dtype=float), c.shape)
    if c.ndim != 1 or c.size == 0:
        raise ValueError(f"one count per problem is needed, not shape {c.shape}")
    if not ((n >= 1) & (c >= 0) & (c <= n)).all():
        raise ValueError("every problem needs samples >= 1 and 0 <= successes <= samples")
    return c, np.asarray(n)


def thin(
    successes: npt.ArrayLike, samples: npt.ArrayLike, keep: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return how many successes a random `keep` of each problem's samples would hold.

    A hypergeometric draw per problem: what the same run would have shown, had it stopped early.

    >>> thin([0, 50, 100], 100, 10, np.random.default_rng(0))[[0, 2]]
    array([ 0, 10])
    """
    c, n = (x.astype(np.int64) for x in counts(successes, samples))
    return np.asarray(rng.hypergeometric(c, n - c, keep), dtype=np.int64)
