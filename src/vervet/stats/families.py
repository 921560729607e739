"""Families of difficulty: how the success rates of a benchmark's problems may be distributed.

A problem has an unknown success rate p. A family is a grid of distributions of p with a prior
over them. Success counts give every member an exact likelihood, and the members' posterior says
what problems never solved so far may still hold. The counts cannot tell the families apart
below p = 1/n, where forecasts are made, so several are pooled with equal weight.

Every density lives on one grid of logits, x = log(p / (1 - p)), fine where samples speak and
coarse down to p = e^-750, which is never solved. The exact likelihood of all members is then one
matrix product. Sources: Kazdan et al. (arXiv 2510.05197) for the beta-binomial, Schaeffer et
al. (2502.17578) for its tail; the priors are explained in docs/forecasting.md.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import expit, log_expit

from vervet.stats.arrays import Floats, Ints

FINE = np.arange(-16.0, 8.001, 0.125)
COARSE = FINE[0] - np.cumsum(0.25 * 1.12 ** np.arange(52))[::-1]
LOGITS: Floats = np.concatenate([COARSE, FINE])
"""Grid of log(p / (1 - p)); its first point stands for p = 0."""
LOG_P: Floats = np.asarray(log_expit(LOGITS))
LOG_MISS: Floats = np.asarray(log_expit(-LOGITS))
"""log(1 - p) on the grid."""
LOG_WIDTH: Floats = np.log(np.gradient(LOGITS))


@dataclass(frozen=True, slots=True)
class Family:
    """Distributions of difficulty of one form: row g of `weights` is one of them."""

    name: str
    weights: Floats
    """Probability of each grid point, shape (members, grid); rows sum to one."""
    log_prior: Floats
    """Up to a constant, shape (members,)."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """A family after seeing counts: how probable each of its members is."""

    family: Family
    probability: Floats
    """Shape (members,), sums to one."""
    log_evidence: float
    """Log of the mean likelihood under the prior; differences between families compare them."""

    def unsolved_chance(self, samples: Ints, k: float) -> Floats:
        """Return, per member, the mean chance to be solved by k for problems not solved so far.

        1 - E[(1-p)^max(k, n)] / E[(1-p)^n], averaged over the unsolved problems' n.
        """
        sizes, count = np.unique(samples, return_counts=True)
        chance = np.zeros(len(self.probability))
        for size, many in zip(sizes, count, strict=True):
            still = self.family.weights @ np.exp(max(k, float(size)) * LOG_MISS)
            now = self.family.weights @ np.exp(float(size) * LOG_MISS)
            # a member so easy that it leaves no problem unsolved, in floating point, would solve it
            chance += many * (1 - np.divide(still, now, out=np.zeros_like(now), where=now > 0))
        return np.asarray(np.clip(chance / max(count.sum(), 1), 0.0, 1.0))

    def density(self) -> Floats:
        """Return the predictive distribution of difficulty on the grid."""
        return np.asarray(self.probability @ self.family.weights)


def posterior(family: Family, successes: Ints, samples: Ints) -> Posterior:
    """Update a family on success counts by its exact binomial likelihood.

    >>> update = posterior(beta_family(), np.array([0, 0, 3]), np.array([50, 50, 50]))
    >>> bool(np.isclose(update.probability.sum(), 1))
    True
    """
    pairs, many = np.unique(np.stack([successes, samples]), axis=1, return_counts=True)
    logs = pairs[0][:, None] * LOG_P + (pairs[1] - pairs[0])[:, None] * LOG_MISS
    top = logs.max(axis=1)
    chance = family.weights @ np.exp(logs - top[:, None]).T
    joint = np.log(np.maximum(chance, 1e-300)) @ many + top @ many + family.log_prior
    weight = np.exp(joint - joint.max())
    prior_mass = np.exp(family.log_prior - family.log_prior.max()).sum()
    evidence = joint.max() + np.log(weight.sum() / prior_mass) - family.log_prior.max()
    return Posterior(family, weight / weight.sum(), float(evidence))


@cache
def families() -> tuple[Family, ...]:
    """Return the families that are pooled by default."""
    return (
        beta_family(),
        zero_inflated_beta_family(),
        kumaraswamy_family(),
        logit_normal_family(),
        log_gamma_family(),
        logistic_family(),
        zero_inflated_logit_normal_family(),
        two_part_family(),
    )


def beta_family() -> Family:
    """Beta(a, b), the beta-binomial of Kazdan et al.; b = a e^-m sets the mean's logit m."""
    log_a, mean = _grid(np.linspace(-4.6, 2, 34), np.linspace(-12, 4, 49))
    a = np.exp(log_a)[:, None]
    logs = a * LOG_P + a * np.exp(-mean)[:, None] * LOG_MISS
    return Family("beta", _normalised(logs), _usually(log_a, (-1.3, 0.25), (-3.0, 1.0)))


def zero_inflated_beta_family() -> Family:
    """A share of impossible problems, and Beta(a, b) for the rest."""
    log_a, mean, zero = _grid(
        np.linspace(-4, 1.5, 14),
        np.linspace(-11, 4, 25),
        np.array([0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
    )
    a = np.exp(log_a)[:, None]
    weights = _normalised(a * LOG_P + a * np.exp(-mean)[:, None] * LOG_MISS)
    weights *= 1 - zero[:, None]
    weights[:, 0] += zero
    prior = _usually(log_a, (-0.4, 0.4), (-2.5, 1.0), odd=0.1) + 2 * np.log1p(-zero)
    return Family("zero-inflated beta", weights, prior)


def kumaraswamy_family() -> Family:
    """P(p < t) = 1 - (1 - t^a)^b, given by a and the logit of its median.

    For small p it is a Weibull law of the success rate, whose coverage is close to the
    exponentiated power law: the family nearest to exp(a k^b) that a mixture can produce.
    """
    log_a, median = _grid(
        np.linspace(-4, 1.4, 28),
        np.concatenate([np.linspace(-60, -17, 12), np.linspace(-16, 4, 41)]),
    )
    a = np.exp(log_a)
    power = a * log_expit(median)
    log_tail = np.where(power < -30, power, np.log(-np.log1p(-np.exp(power))))  # noqa: PLR2004
    b = np.exp(np.minimum(np.log(np.log(2)) - log_tail, 300))
    raised = a[:, None] * LOG_P
    above = np.log(-np.expm1(np.minimum(raised, -1e-12)))
    logs = raised + LOG_MISS + (b[:, None] - 1) * above
    return Family("Kumaraswamy", _normalised(logs), _usually(log_a, (-0.83, 0.195), (-2.2, 0.8)))


def logit_normal_family() -> Family:
    """The logit of p is normal."""
    log_sd, mean = _grid(
        np.linspace(np.log(0.25), np.log(25), 32),
        np.concatenate([np.linspace(-60, -17, 12), np.linspace(-16, 6, 45)]),
    )
    logs = -0.5 * ((LOGITS - mean[:, None]) / np.exp(log_sd)[:, None]) ** 2
    return Family("logit-normal", _normalised(logs), _usually(log_sd, (0.74, 0.167), (1.8, 0.6)))


def log_gamma_family() -> Family:
    """The logarithm of 1/p is gamma distributed; the prior is on its standard deviation."""
    shape, mean = _grid(
        np.linspace(np.log(0.08), np.log(60), 36), np.linspace(np.log(0.2), np.log(150), 54)
    )
    depth = -LOG_P
    log_depth = np.where(depth < 1e-12, LOG_MISS, np.log(np.maximum(depth, 1e-300)))  # noqa: PLR2004
    logs = np.exp(shape)[:, None] * log_depth - depth * np.exp(shape - mean)[:, None]
    weights = _normalised(logs + LOG_MISS - log_depth)
    moment = weights @ depth
    spread = 0.5 * np.log(np.maximum(weights @ depth**2 - moment**2, 1e-9))
    return Family("log-gamma", weights, _usually(spread, (0.6, 0.3), (2.2, 0.8)))


def logistic_family() -> Family:
    """Generalised logistic of the logit: tails e^(l x) to the left and e^(-r x) to the right.

    Beta and logistic are special cases; l and r are independent, as the beta's are not.
    """
    left, right, centre = _grid(
        np.linspace(-4.4, 1.4, 15),
        np.linspace(-2.2, 1.8, 9),
        np.concatenate([np.linspace(-40, -16, 7), np.linspace(-14, 4, 25)]),
    )
    z = LOGITS - centre[:, None]
    logs = np.exp(left)[:, None] * log_expit(z) + np.exp(right)[:, None] * log_expit(-z)
    prior = _usually(left, (-1.2, 0.25), (-3.0, 1.0)) - 0.5 * ((right - 0.8) / 0.9) ** 2
    return Family("generalised logistic", _normalised(logs), prior)


def zero_inflated_logit_normal_family() -> Family:
    """A share of impossible problems, and normal logits for the rest: its left tail is thin."""
    log_sd, mean, zero = _grid(
        np.linspace(np.log(0.5), np.log(6), 10),
        np.linspace(-12, 4, 33),
        np.array([0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85]),
    )
    weights = _normalised(-0.5 * ((LOGITS - mean[:, None]) / np.exp(log_sd)[:, None]) ** 2)
    weights *= 1 - zero[:, None]
    weights[:, 0] += zero
    prior = _usually(log_sd, (0.5, 0.3), (1.2, 0.6), odd=0.1) + np.log1p(-zero)
    return Family("zero-inflated logit-normal", weights, prior)


def two_part_family() -> Family:
    """Problems of two kinds: Beta(a, b), and a harder part with normal logits around e^-5 to e^-15.

    Coverage that is flat at n may rise again: the hard part is what a plateau cannot rule out.
    """
    log_a, mean, share, hard = _grid(
        np.linspace(-1.8, 1, 8),
        np.linspace(-4, 4, 9),
        np.array([0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9]),
        np.array([-5, -6.5, -8, -10, -12, -15]),
    )
    a = np.exp(log_a)[:, None]
    easy = _normalised(a * LOG_P + a * np.exp(-mean)[:, None] * LOG_MISS)
    rare = _normalised(-0.5 * ((LOGITS - hard[:, None]) / 2) ** 2)
    weights = (1 - share[:, None]) * easy + share[:, None] * rare
    return Family("two-part", weights, _usually(log_a, (-0.4, 0.5), (-2.5, 1.0), odd=0.1))


def rates() -> Floats:
    """Return p on the grid."""
    return np.asarray(expit(LOGITS))


def _grid(*axes: Floats) -> list[Floats]:
    return [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]


def _normalised(log_density: Floats) -> Floats:
    logs = log_density + LOG_WIDTH
    logs -= logs.max(axis=1, keepdims=True)
    weights: Floats = np.exp(logs)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _usually(
    values: Floats, usual: tuple[float, float], wide: tuple[float, float], odd: float = 0.05
) -> Floats:
    """Log prior of a spread of difficulty: most benchmarks are alike, `odd` of them are not."""
    logs = [
        np.log(share) - np.log(sd) - 0.5 * ((values - mean) / sd) ** 2
        for share, (mean, sd) in ((1 - odd, usual), (odd, wide))
    ]
    return np.asarray(np.logaddexp(*logs))
