"""Imperfect verifiers: completeness, soundness, and where resampling against one must end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from vervet.stats.arrays import Floats, Ints, counts_of, whole
from vervet.stats.estimate import Estimate
from vervet.stats.resampling import POPULATION, RESAMPLES, derived, mean_interval, resample


@dataclass(frozen=True, slots=True)
class Confusion:
    """A verifier against the truth (a strong verifier or a gold answer), counted per problem.

    >>> table = Confusion.of([[1, 1, 0]], [[1, 0, 0]])
    >>> table.precision(), table.soundness()
    (array([0.5]), array([0.5]))
    """

    true_accept: Ints
    false_accept: Ints
    false_reject: Ints
    true_reject: Ints

    @classmethod
    def of(cls, accepted: Sequence[npt.ArrayLike], right: Sequence[npt.ArrayLike]) -> "Confusion":
        """Count per problem; a sample either side could not judge (NaN) is left out."""
        rows = []
        for verdicts, truths in zip(accepted, right, strict=True):
            seen, true = np.asarray(verdicts, dtype=float), np.asarray(truths, dtype=float)
            both = ~np.isnan(seen) & ~np.isnan(true)
            yes, fine = seen[both] > 0, true[both] > 0
            rows.append([(yes & fine).sum(), (yes & ~fine).sum(), (~yes & fine).sum()])
            rows[-1].append((~yes & ~fine).sum())
        table = np.array(rows, dtype=np.int64).reshape(len(rows), 4)
        return cls(table[:, 0], table[:, 1], table[:, 2], table[:, 3])

    @property
    def accepted(self) -> Ints:
        """Accepted samples per problem."""
        return self.true_accept + self.false_accept

    @property
    def right(self) -> Ints:
        """Right samples per problem."""
        return self.true_accept + self.false_reject

    @property
    def total(self) -> Ints:
        """Samples per problem that both sides judged."""
        return self.accepted + self.false_reject + self.true_reject

    def completeness(self) -> Floats:
        """Return P(accept | right) per problem; NaN where nothing is right."""
        return share(self.true_accept, self.right)

    def soundness(self) -> Floats:
        """Return P(reject | wrong) per problem; NaN where nothing is wrong."""
        return share(self.true_reject, self.total - self.right)

    def false_positive_rate(self) -> Floats:
        """Return P(accept | wrong) = 1 - soundness per problem."""
        return share(self.false_accept, self.total - self.right)

    def precision(self) -> Floats:
        """Return P(right | accept) per problem: where first-accepted ends, whatever K is."""
        return share(self.true_accept, self.accepted)


def share(part: Ints, whole_: Ints) -> Floats:
    """Return part/whole, NaN where the whole is 0.

    >>> share(np.array([1, 0]), np.array([2, 0]))
    array([0.5, nan])
    """
    return np.where(whole_ > 0, part / np.maximum(whole_, 1), np.nan)


@dataclass(frozen=True, slots=True)
class Quality:
    """A verifier's quality over problems; rates pool all samples, each problem a cluster."""

    agreement: Estimate
    """Share of samples on which the two agree."""
    completeness: Estimate
    """P(accept | right)."""
    soundness: Estimate
    """P(reject | wrong)."""
    false_positive_rate: Estimate
    """P(accept | wrong)."""
    precision: Estimate
    """P(right | accept) over all samples."""
    accuracy_given_accept: Estimate
    """The same per problem, averaged over the problems that accept anything (2411.17501's A)."""
    true_accept: int
    false_accept: int
    false_reject: int
    true_reject: int


def quality(
    confusion: Confusion,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Quality:
    """Return a verifier's quality with intervals over problems.

    Pooled rates are ratios of sums; their intervals are bootstraps of problems. A rate without a
    single case has no value, and one that is 0 or 1 everywhere gets the exact binomial limit that
    the problems, not the samples, support.

    >>> table = Confusion.of([[1, 1, 0, 0], [1, 0, 0, 0]], [[1, 0, 0, 0], [1, 1, 0, 0]])
    >>> quality(table, rng=np.random.default_rng(0)).completeness.value.__round__(3)
    0.667
    """
    weights = resample(len(confusion.total), rng=rng, resamples=resamples)
    same = confusion.true_accept + confusion.true_reject
    wrong = confusion.total - confusion.right

    def rate(part: Ints, of: Ints) -> Estimate:
        return pooled_rate(part, of, weights=weights, level=level)

    return Quality(
        rate(same, confusion.total),
        rate(confusion.true_accept, confusion.right),
        rate(confusion.true_reject, wrong),
        rate(confusion.false_accept, wrong),
        rate(confusion.true_accept, confusion.accepted),
        mean_interval(confusion.precision(), level=level, samples=int(confusion.accepted.sum())),
        int(confusion.true_accept.sum()),
        int(confusion.false_accept.sum()),
        int(confusion.false_reject.sum()),
        int(confusion.true_reject.sum()),
    )


def pooled_rate(
    part: npt.ArrayLike, of: npt.ArrayLike, *, weights: Floats, level: float = 0.95
) -> Estimate:
    """Return Σ part / Σ of over problems, with a bootstrap of problems.

    Args:
        part: cases per problem.
        of: chances per problem.
        weights: from `resample`; the same for all rates that are compared.
        level: nominal coverage.
    """
    hits, chances = counts_of(part, of)
    used = int((chances > 0).sum())
    value = hits.sum() / chances.sum() if chances.sum() else np.nan
    if 0 < value < 1:
        bottom = weights @ chances
        draws = np.where(bottom > 0, weights @ hits / np.where(bottom > 0, bottom, 1), np.nan)
        result = derived(float(value), draws, level=level, problems=used, what="ratio of sums")
    else:
        result = mean_interval(share(hits, chances), level=level)
    return Estimate(
        float(value),
        result.low,
        result.high,
        level=level,
        method=result.method,
        problems=used,
        samples=int(chances.sum()),
        excluded=len(chances) - used,
        reason=result.reason,
    )


@dataclass(frozen=True, slots=True)
class Limit:
    """Where the accuracy of first-accepted ends as K → ∞."""

    accuracy_given_accept: Estimate
    """Mean of P(right | accept) over the problems that ever accept."""
    low: Estimate
    """The limit if problems never accepted so far count as wrong."""
    high: Estimate
    """The limit if they would be right."""
    never: int
    """Problems of which no sample was accepted."""


def limit_accuracy(right: npt.ArrayLike, accepted: npt.ArrayLike, *, level: float = 0.95) -> Limit:
    """Return the bracket of the accuracy that no number of samples can exceed.

    With A_i = T_i/A_i per problem and z of P problems never accepted, the limit lies between
    `Σ A_i / P` and `(Σ A_i + z) / P`: the two ways to count the problems that say nothing yet.

    Args:
        right: accepted samples per problem that are right.
        accepted: accepted samples per problem.
        level: nominal coverage.

    Source: 2411.17501, sect. 3 (accuracy at K = ∞); the bracket is ours.

    >>> bracket = limit_accuracy([3, 0], [4, 0])
    >>> bracket.low.value, bracket.high.value, bracket.never
    (0.375, 0.875, 1)
    """
    truths, hits = counts_of(right, accepted)
    each = share(truths, hits)
    return Limit(
        mean_interval(each, level=level, samples=int(hits.sum())),
        mean_interval(np.nan_to_num(each, nan=0.0), level=level, samples=int(hits.sum())),
        mean_interval(np.nan_to_num(each, nan=1.0), level=level, samples=int(hits.sum())),
        int((hits == 0).sum()),
    )


@dataclass(frozen=True, slots=True)
class Audit:
    """A small set of samples of which both the verdict and the truth are known."""

    right: int
    """Right samples looked at."""
    right_accepted: int
    wrong: int
    """Wrong samples looked at."""
    wrong_rejected: int

    def __post_init__(self) -> None:
        whole([self.right - self.right_accepted, self.wrong - self.wrong_rejected], "rest")


def rogan_gladen(acceptance: npt.ArrayLike, audit: Audit, *, level: float = 0.95) -> Estimate:
    """Return the share of right samples from a verifier's acceptance rate and a small audit.

    `θ = (p + q0 - 1) / (q0 + q1 - 1)` with p the mean acceptance over problems, q1 completeness
    and q0 soundness from the audit. The interval carries both sources: how p varies over
    problems and how few samples were audited (adjusted counts, and a shift for the ratio's skew).

    Args:
        acceptance: accepted share per problem, NaN left out.
        audit: counts of the audited samples.
        level: nominal coverage.

    The value is NaN, with the reason, where the audit does not show the verifier to be better
    than chance (q0 + q1 ≤ 1), for then its verdicts say nothing about the truth.

    Source: Rogan and Gladen 1978; interval of Lang and Reiczigel 2014; the use here 2511.21140.

    >>> rogan_gladen([0.5, 0.6, 0.4, 0.5], Audit(50, 45, 50, 40))
    0.429 [0.205, 0.637]
    """
    rates = np.asarray(acceptance, dtype=np.float64)
    rates = rates[~np.isnan(rates)]
    problems, audited = len(rates), audit.right + audit.wrong
    p = float(rates.mean()) if problems else np.nan
    q1 = audit.right_accepted / audit.right if audit.right else np.nan
    q0 = audit.wrong_rejected / audit.wrong if audit.wrong else np.nan
    gap = q0 + q1 - 1
    reason = _why_not(problems, audit, gap)
    low, high = (np.nan, np.nan) if reason else _lang_reiczigel(rates, audit, level)
    value = np.nan if reason else float(np.clip((p + q0 - 1) / gap, 0.0, 1.0))
    return Estimate(
        value,
        low,
        high,
        level=level,
        method=f"Rogan-Gladen, problems and audit ({POPULATION})",
        problems=problems,
        samples=audited,
        reason=reason,
    )


def _why_not(problems: int, audit: Audit, gap: float) -> str:
    """Say why no corrected rate can be had; empty where it can."""
    if problems < 2:  # noqa: PLR2004 - a spread needs two
        return "fewer than 2 problems"
    if not audit.right or not audit.wrong:
        return "the audit needs both right and wrong samples"
    return "" if gap > 0 else "the audit shows a verifier no better than chance"


def _lang_reiczigel(rates: Floats, audit: Audit, level: float) -> tuple[float, float]:
    """Return the limits, the acceptance counted in effective problems."""
    z = float(ndtri((1 + level) / 2))
    t = float(stdtrit(len(rates) - 1, (1 + level) / 2))
    p, spread = float(rates.mean()), float(rates.var(ddof=1)) / len(rates)
    size = p * (1 - p) / spread * (z / t) ** 2 if spread > 0 else float(len(rates))
    n, n1, n0 = size + z * z, audit.right + 2, audit.wrong + 2
    p = (p * size + z * z / 2) / n
    q1, q0 = (audit.right_accepted + 1) / n1, (audit.wrong_rejected + 1) / n0
    gap = max(q0 + q1 - 1, 1e-9)
    theta = float(np.clip((p + q0 - 1) / gap, 0.0, 1.0))
    v1, v0 = q1 * (1 - q1) / n1, q0 * (1 - q0) / n0
    shift = 2 * z * z * (theta * v1 - (1 - theta) * v0)
    error = np.sqrt(p * (1 - p) / n + (1 - theta) ** 2 * v0 + theta**2 * v1) / gap
    centre = theta + shift
    return float(np.clip(centre - z * error, 0, 1)), float(np.clip(centre + z * error, 0, 1))
