"""What a correct answer costs, verification and false positives included."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vervet.errors import ConfigError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FirstAccepted:
    """Sampling until a verifier accepts, at most K times: expectations per problem."""

    attempts: float
    """Samples drawn, and verifications made."""
    spend: float
    """Cost of drawing and verifying them."""
    correct: float
    """Probability that a correct answer is returned."""
    wrong: float
    """Probability that a wrong answer is returned: a false positive."""
    loss: float
    """Cost of those false positives."""

    @property
    def abstained(self) -> float:
        """Probability that nothing is returned."""
        return 1.0 - self.correct - self.wrong

    @property
    def cost_per_correct(self) -> float:
        """(spend + loss) / correct: what one correct answer costs in the long run."""
        return (self.spend + self.loss) / self.correct if self.correct else np.inf


def first_accepted_cost(
    true_accepts: ArrayLike,
    false_accepts: ArrayLike,
    limit: float,
    *,
    sample_cost: float,
    verify_cost: float = 0.0,
    false_positive_cost: float = 0.0,
) -> FirstAccepted:
    """Return what accepting the first accepted sample costs and brings, averaged over problems.

    `true_accepts` and `false_accepts` are, per problem, the probabilities tᵢ and fᵢ that one sample
    is accepted and right, or accepted and wrong. With a = t + f and at most K attempts something is
    accepted with probability e = 1 − (1 − a)^K, after e / a attempts; it is right with e t / a and
    wrong with e f / a. `limit` may be infinite; a problem that is never accepted then costs without
    end. All costs are in one unit (dollars, FLOPs).

    Source: the rejection sampler of The Limits of Inference Scaling Through Resampling
    (arXiv 2411.17501); cost of pass v = C / R of arXiv 2504.13359, with the verifier's share.

    >>> cost = first_accepted_cost([0.5], [0.0], np.inf, sample_cost=1.0, verify_cost=0.5)
    >>> cost.attempts, cost.cost_per_correct
    (2.0, 3.0)
    """
    right = np.atleast_1d(np.asarray(true_accepts, dtype=np.float64))
    wrong = np.atleast_1d(np.asarray(false_accepts, dtype=np.float64))
    accept = right + wrong
    if np.any(right < 0) or np.any(wrong < 0) or np.any(accept > 1 + 1e-12) or limit < 0:
        raise ConfigError("accept probabilities must lie in 0..1 and add up to at most 1.")
    ever = accept > 0
    some = np.minimum(accept[ever], 1.0)
    with np.errstate(divide="ignore"):  # a = 1: the logarithm of zero, and the first one is taken
        tries = -np.expm1(limit * np.log1p(-some)) / some if limit else np.zeros_like(some)
    never = accept.size - some.size
    attempts = float(tries.sum() + (limit * never if never else 0.0)) / accept.size
    spend = attempts * (sample_cost + verify_cost) if sample_cost + verify_cost else 0.0
    found = float(right[ever] @ tries) / accept.size
    lost = float(wrong[ever] @ tries) / accept.size
    return FirstAccepted(attempts, spend, found, lost, lost * false_positive_cost)


def attempts_cost(solutions: ArrayLike, verifications: ArrayLike, cost_ratio: float) -> Floats:
    """Return C(S, V) = S (1 + λ V), in units of one solution.

    Source: When To Solve, When To Verify (arXiv 2504.01005), section 3.

    >>> float(attempts_cost(8, 4, cost_ratio=2.0))
    72.0
    """
    s, v = np.asarray(solutions, dtype=np.float64), np.asarray(verifications, dtype=np.float64)
    return np.asarray(s * (1.0 + cost_ratio * v))


def cost_ratio(solution_cost: ArrayLike, verification_cost: ArrayLike) -> float:
    """Return λ: the mean cost of a verification over the mean cost of a solution.

    Give costs in dollars or FLOPs per sample and per verification, prefill included: λ counted in
    completion tokens alone ignores that a verifier reads the whole solution. NaN is not known and
    left out; NaN without any known cost.

    >>> cost_ratio([100.0, 300.0], [500.0, 300.0])
    2.0
    """
    made = np.asarray(solution_cost, dtype=np.float64)
    judged = np.asarray(verification_cost, dtype=np.float64)
    made, judged = made[~np.isnan(made)], judged[~np.isnan(judged)]
    if not made.size or not judged.size or not made.mean():
        return float("nan")
    return float(judged.mean() / made.mean())
