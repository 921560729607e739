"""What several judges together say: weights learned from a small audit.

`log odds(right | scores) = b + Σ_j w_j (x_j − c_j)`, x_j the score of judge j: a ridge logistic
regression, all judges at once, so that judges that repeat each other share one weight instead of
being counted twice (naive Bayes counts them twice). The strength of the ridge is chosen by
cross-validation over problems, since samples of one problem are alike. A judge that failed stands
at its mean and says nothing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vervet.stats.agreement import effective_judges
from vervet.stats.arrays import Floats, Ints

PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
FOLDS = 10
STEPS = 50
CLOSE = 1e-10
FLAT = 1e-12
"""A spread below this is a judge that always says the same."""


@dataclass(frozen=True, slots=True)
class JudgeWeights:
    """How much each judge's score counts, and how that was found."""

    weights: Floats
    """w_j, in log-odds for a whole point of score."""
    centers: Floats
    """c_j: the mean score of each judge in the audit."""
    intercept: float
    penalty: float
    """The ridge chosen, in units of standardised scores."""
    loss: float
    """Log loss (nats a sample) on problems left out; a coin has 0.693."""
    base_loss: float
    """The same of a forecaster that knows the share of right samples only."""
    alone: Floats
    """The same of each judge by itself, calibrated."""
    votes_right: float
    """Effective number of judges on right samples: m when their errors are independent."""
    votes_wrong: float
    problems: int
    samples: int

    def probability(self, scores: npt.ArrayLike) -> Floats:
        """Return the chance that a sample is right; NaN scores say nothing.

        Args:
            scores: shape (samples, judges), or one sample's.
        """
        gap = np.asarray(scores, dtype=np.float64) - self.centers
        return chance(self.intercept + np.where(np.isnan(gap), 0.0, gap) @ self.weights)


def judge_weights(
    scores: npt.ArrayLike,
    right: npt.ArrayLike,
    problem: npt.ArrayLike,
    *,
    penalties: tuple[float, ...] = PENALTIES,
) -> JudgeWeights:
    """Learn the weights of judges from audited samples. The same data give the same weights.

    Args:
        scores: shape (samples, judges), NaN where a judge failed.
        right: the truth of each sample.
        problem: which problem each sample answers; whole problems are left out together.
        penalties: ridges to choose from.

    Raises:
        ValueError: fewer than two problems, or all samples right, or all wrong.

    Source: ridge logistic regression (le Cessie and van Houwelingen 1992); that correlated judges
    must not be counted as independent: arXiv:2605.29800.

    >>> scores = [[0.9, 0.8], [0.2, 0.3], [0.8, 0.9], [0.1, 0.4]] * 5
    >>> found = judge_weights(scores, [1, 0, 1, 0] * 5, np.repeat(np.arange(10), 2))
    >>> bool(found.probability([0.9, 0.9]) > 0.9)
    True
    """
    table = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    truth = np.asarray(right, dtype=np.float64)
    _, group = np.unique(np.asarray(problem), return_inverse=True)
    problems = int(group.max(initial=-1)) + 1
    if problems < 2 or not 0 < truth.mean() < 1:  # noqa: PLR2004 - nothing could be left out
        raise ValueError("an audit needs at least two problems, and right and wrong samples")
    folds = group % min(FOLDS, problems)
    losses = [left_out(table, truth, folds, penalty) for penalty in penalties]
    best = max(np.flatnonzero(np.array(losses) <= min(losses) + CLOSE))
    weights, centers, intercept = fit(table, truth, penalties[best])
    alone = [
        min(left_out(table[:, [j]], truth, folds, penalty) for penalty in penalties)
        for j in range(table.shape[1])
    ]
    return JudgeWeights(
        weights, centers, intercept, penalties[best], losses[best],
        left_out(table[:, :0], truth, folds, 1.0), np.array(alone),
        effective_judges(table[truth > 0]), effective_judges(table[truth == 0]),
        problems, len(table),
    )  # fmt: skip


def fit(scores: Floats, right: Floats, penalty: float) -> tuple[Floats, Floats, float]:
    """Return weights, centers and intercept of one ridge logistic regression, by Newton steps."""
    known = ~np.isnan(scores)
    counts = np.maximum(known.sum(axis=0), 1)
    centers = np.where(known, scores, 0.0).sum(axis=0) / counts
    gap = np.where(known, scores - centers, 0.0)
    spread = np.sqrt((gap**2).sum(axis=0) / counts)
    scale = np.where(spread > FLAT, spread, np.inf)
    design = np.column_stack([np.ones(len(gap)), gap / scale])
    ridge = np.diag([0.0] + [penalty] * scores.shape[1])
    found = np.zeros(design.shape[1])
    # One half of a right and of a wrong sample keep the intercept finite on a fold of one kind.
    target = (right * len(right) + 0.5) / (len(right) + 1)
    for _ in range(STEPS):
        p = chance(design @ found)
        slope = design.T @ (target - p) - ridge @ found
        curve = (design * (p * (1 - p))[:, None]).T @ design + ridge
        step = np.linalg.solve(curve + FLAT * np.eye(len(curve)), slope)
        found = found + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < CLOSE:
            break
    return found[1:] / scale, centers, float(found[0])


def left_out(scores: Floats, right: Floats, folds: Ints, penalty: float) -> float:
    """Return the log loss of samples whose problems the weights were not learned from."""
    total = 0.0
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        weights, centers, intercept = fit(scores[~out], right[~out], penalty)
        gap = scores[out] - centers
        odds = intercept + np.where(np.isnan(gap), 0.0, gap) @ weights
        total += float(np.logaddexp(0.0, np.where(right[out] > 0, -odds, odds)).sum())
    return total / len(right)


def chance(log_odds: npt.ArrayLike) -> Floats:
    """Return 1 / (1 + e^−x) without overflow.

    >>> chance([0.0, -1000.0])
    array([0.5, 0. ])
    """
    return np.asarray(np.exp(-np.logaddexp(0.0, -np.asarray(log_odds, dtype=np.float64))))
