"""First accepted: draw until the verifier accepts, at most K times, else abstain.

With n judged samples of a problem, A of them accepted and T of those right, a random order of the
samples accepts nothing among K with chance `C(n-A, K) / C(n, K)`, and what it accepts first is
right with chance T/A whatever K is. So reward, true and false positives and abstention are exact
at every K, and the 1,000 random permutations of 2411.17501 are not needed.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Floats, Ints, attempts, counts_of
from vervet.stats.coverage import no_success


@dataclass(frozen=True, slots=True)
class FirstAccepted:
    """What drawing until the first acceptance brings, each of shape (problems, len(k))."""

    k: Ints
    true_positive: Floats
    """P(a right sample is returned)."""
    false_positive: Floats
    """P(a wrong sample is returned)."""
    abstain: Floats
    """P(nothing is accepted)."""
    samples: Floats
    """Expected samples drawn (and verified)."""

    def reward(self, cost: float = 0.0, *, sample_cost: float = 0.0) -> Floats:
        """Return the expected reward: 1 for right, -cost for wrong, 0 for abstaining.

        Args:
            cost: what a returned wrong sample costs, in units of a right one's worth.
            sample_cost: what drawing and verifying one sample costs, in the same units.
        """
        gain = self.true_positive - cost * self.false_positive
        return np.asarray(gain - sample_cost * self.samples)


def first_accepted(
    right: npt.ArrayLike, accepted: npt.ArrayLike, total: npt.ArrayLike, *, k: npt.ArrayLike
) -> FirstAccepted:
    """Return what the first accepted of at most K samples brings, per problem and K.

    `P(true) = (1 - miss) T/A`, `P(false) = (1 - miss) (A-T)/A`, `P(abstain) = miss` with
    `miss = C(n-A, K)/C(n, K)`; `E[samples] = Σ_{j<K} C(n-A, j)/C(n, j)`.

    Args:
        right: T, accepted samples per problem that are right.
        accepted: A, accepted samples per problem.
        total: n, judged samples per problem, or one number for all.
        k: limits K on the number of draws.

    Returns:
        Arrays of shape (problems, len(k)), NaN where K > n.

    Source: 2411.17501, sect. 3 (the simulation); closed form derived in docs/estimators.md.

    >>> outcome = first_accepted([1], [2], 4, k=[1, 3])
    >>> outcome.true_positive, outcome.abstain
    (array([[0.25, 0.5 ]]), array([[0.5, 0. ]]))
    >>> outcome.reward(cost=2.0)
    array([[-0.25, -0.5 ]])
    """
    ks = attempts(k)
    hits, counts = counts_of(accepted, total)
    truths, _ = counts_of(right, hits)
    miss = no_success(hits, counts, k=ks)
    share = np.where(hits > 0, truths / np.maximum(hits, 1), 0.0)[:, None]
    waiting = np.stack([_waiting(h, n, ks) for h, n in zip(hits, counts, strict=True)])
    return FirstAccepted(ks, (1 - miss) * share, (1 - miss) * (1 - share), miss, waiting)


def _waiting(accepted: int, total: int, ks: Ints) -> Floats:
    """Return Σ_{j<K} P(the first j samples are all rejected), NaN where K > n."""
    steps = np.arange(total, dtype=np.float64)
    keep = np.maximum(total - accepted - steps, 0.0) / np.maximum(total - steps, 1.0)
    drawn = np.concatenate([[0.0], np.cumsum(np.cumprod(np.concatenate([[1.0], keep[:-1]])))])
    return np.where(ks <= total, drawn[np.minimum(ks, total)], np.nan)


def accepted_when(accepted: npt.ArrayLike, total: npt.ArrayLike, *, k: npt.ArrayLike) -> Floats:
    """Return the chance that the first acceptance comes at draw k exactly.

    `C(n-A, k-1)/C(n, k-1) · A/(n-k+1)`, shape (problems, len(k)); NaN where k > n.

    >>> accepted_when([1], 2, k=[1, 2])
    array([[0.5, 0.5]])
    """
    hits, counts = counts_of(accepted, total)
    ks = attempts(k)
    now = no_success(hits, counts, k=ks)
    before = no_success(hits, counts, k=np.maximum(ks - 1, 1))
    return np.where(ks == 1, 1.0, before) - now


def false_positives_when(
    right: npt.ArrayLike, accepted: npt.ArrayLike, total: npt.ArrayLike, *, k: npt.ArrayLike
) -> Floats:
    """Return the wrong share of all first acceptances at draw k, over all problems.

    `Σ_i P_i(first at k) (1 - T_i/A_i) / Σ_i P_i(first at k)`. It rises with k where problems
    whose acceptances are often wrong are accepted late; each problem's own share never changes.

    Returns:
        Shape (len(k),); NaN where no problem can first accept at k.

    Source: 2411.17501, figure "false positive rate by K", which weights problems otherwise.

    >>> false_positives_when([9, 0], [9, 1], 10, k=[1, 2, 5]).round(3)
    array([0.1, 0.5, 1. ])
    """
    hits, counts = counts_of(accepted, total)
    truths, _ = counts_of(right, hits)
    chance = np.nan_to_num(accepted_when(hits, counts, k=k))
    wrong = np.where(hits > 0, 1 - truths / np.maximum(hits, 1), 0.0)[:, None]
    mass = chance.sum(axis=0)
    return np.where(mass > 0, (chance * wrong).sum(axis=0) / np.where(mass > 0, mass, 1.0), np.nan)
