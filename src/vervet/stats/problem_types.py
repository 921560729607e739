"""Mixtures of problem types under an imperfect verifier: the theory of 2411.17501, appendix C."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Floats, attempts

HALF = 0.5


@dataclass(frozen=True, slots=True)
class ProblemTypes:
    """A few types of problems, each with its chance that a sample is right.

    >>> toy = ProblemTypes.of([0.58, 0.42], [0.87, 0.13], completeness=1.0, soundness=0.75)
    >>> toy.reward(k=[1, 15], cost=2.0).round(6)
    array([0.3388  , 0.149318])
    >>> toy.reward(k=15, cost=2.0, as_published=True).round(6)
    array([-0.078116])
    """

    shares: Floats
    """How common each type is; they add up to one."""
    right: Floats
    """P(a sample is right) per type."""
    completeness: float
    """P(accept | right)."""
    soundness: float
    """P(reject | wrong)."""

    @classmethod
    def of(
        cls,
        shares: npt.ArrayLike,
        right: npt.ArrayLike,
        *,
        completeness: float = 1.0,
        soundness: float,
    ) -> "ProblemTypes":
        """Build a mixture, checked."""
        weight, chance = np.asarray(shares, dtype=float), np.asarray(right, dtype=float)
        if weight.shape != chance.shape or not np.isclose(weight.sum(), 1.0):
            raise ValueError(f"shares must match the types and add up to 1, got {weight.tolist()}")
        return cls(weight, chance, completeness, soundness)

    @classmethod
    def from_rates(cls, accepted: npt.ArrayLike, right: npt.ArrayLike) -> "ProblemTypes":
        """Fit two types to acceptance and correctness rates per problem, as the paper's code.

        Problems are split at a rate of one half; completeness is one (unit tests), and
        `s = (1 - b - q + g b) / (1 - q)` with b, q the mean rates and g the mean of P(right |
        accept), a product of means where the mean of products was meant.

        Source: notebook of 2411.17501.
        """
        yes, fine = np.asarray(accepted, dtype=float), np.asarray(right, dtype=float)
        easy = fine >= HALF
        if easy.all() or not easy.any():
            raise ValueError(
                "all problems are of one type: none has a rate on the other side of 1/2"
            )
        b, q = yes.mean(), fine.mean()
        g = (fine[yes > 0] / yes[yes > 0]).mean()
        return cls.of(
            [easy.mean(), 1 - easy.mean()],
            [fine[easy].mean(), fine[~easy].mean()],
            soundness=float((1 - b - q + g * b) / (1 - q)),
        )

    @property
    def true_positive(self) -> Floats:
        """P(accepted and right) per type."""
        return self.completeness * self.right

    @property
    def false_positive(self) -> Floats:
        """P(accepted and wrong) per type."""
        return (1 - self.soundness) * (1 - self.right)

    @property
    def rejected(self) -> Floats:
        """P(rejected) per type."""
        return (1 - self.completeness) * self.right + self.soundness * (1 - self.right)

    def precision(self) -> Floats:
        """Return P(right | accept) per type: the accuracy at K = ∞.

        `A = c r / (c r + (1-s)(1-r))`; NaN where nothing is ever accepted.
        """
        accepted = 1 - self.rejected
        return np.where(
            accepted > 0, self.true_positive / np.where(accepted > 0, accepted, 1), np.nan
        )

    def reward(self, *, k: npt.ArrayLike, cost: float, as_published: bool = False) -> Floats:
        """Return the expected reward of at most K attempts, shape (len(k),).

        `Σ_i p_i (TP_i - c FP_i) (1 - ρ_i^K) / (1 - ρ_i)`, which is the sum over attempts of the
        chance to get there times what an attempt brings. `as_published=True` discounts by the
        posterior share of types as well, as the paper's notebook does; that counts survival
        twice, and is offered only for comparison.

        Args:
            k: limits K.
            cost: of a returned wrong sample, in units of a right one's worth.
            as_published: the form of the paper's notebook.
        """
        ks = attempts(k)
        steps = np.arange(int(ks.max()))
        alive = self.shares * self.rejected ** steps[:, None]
        gain = self.true_positive - cost * self.false_positive
        if as_published:
            worst = self.rejected.max()
            left = self.shares * (self.rejected / (worst or 1.0)) ** steps[:, None]
            belief = left / left.sum(axis=1, keepdims=True)
            reached = (belief * self.rejected ** steps[:, None]).sum(axis=1)
            brought = (belief @ gain) * reached
        else:
            brought = alive @ gain
        return np.cumsum(brought)[ks - 1]

    def best_limit(self, *, cost: float, most: int = 2000, as_published: bool = False) -> int:
        """Return the limit K ≤ most with the highest reward; 0 if every limit loses.

        >>> toy = ProblemTypes.of([0.58, 0.42], [0.87, 0.13], soundness=0.75)
        >>> [toy.best_limit(cost=c) for c in (0.7, 1.0, 2.0)]
        [3, 2, 1]
        """
        rewards = self.reward(k=np.arange(1, most + 1), cost=cost, as_published=as_published)
        best = int(np.argmax(rewards))
        return best + 1 if rewards[best] > 0 else 0
