"""Rows of the document about verifiers: audits, mistakes, agreement, quality, ROC curves."""

from dataclasses import dataclass

from vervet.analysis.schema_base import Compared, Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow(Measured):
    """Accuracy by a weak verifier, corrected by the few samples a strong one audited."""

    model: str
    verifier: str
    audit: str
    """The verifier whose verdicts on some samples are taken as truth."""
    acceptance: float
    """Share of samples the weak verifier accepts, uncorrected; mean over problems."""
    acceptance_low: float
    acceptance_high: float
    completeness: float
    """P(accept | right) among the audited."""
    completeness_low: float
    completeness_high: float
    soundness: float
    """P(reject | wrong) among the audited."""
    soundness_low: float
    soundness_high: float
    audited: int
    """Samples both verifiers judged."""
    audited_problems: int
    right: int
    """Of those audited."""
    right_accepted: int
    wrong: int
    wrong_rejected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UtilityRow(Compared):
    """Expected reward of returning the first accepted of at most k samples."""

    k: int
    false_positive_cost: float
    """Reward is 1 for a right sample, minus this for a wrong one, 0 for abstaining."""
    right: float
    """P(a right sample is returned)."""
    wrong: float
    """P(a wrong sample is returned)."""
    abstained: float
    """P(nothing is accepted)."""
    drawn: float
    """Samples drawn, and verified, on average."""
    wrong_at_k: float
    """Wrong share of the samples that are accepted at draw k exactly."""
    best: bool = False
    """Whether this limit has the highest reward."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FalsePositiveRow(Compared):
    """P(accept | truth rejects) on one problem: `value` of `wrong` samples are accepted."""

    problem_id: str
    accepted: int
    right: int
    wrong: int
    precision: float
    """P(right | accept) on this problem: where resampling it must end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrongWeakRow(Measured):
    """Whether resampling `weak` can match one call of `strong`: the difference, paired."""

    strong: str
    weak: str
    verifier: str
    """The verifier that accepts or rejects the weak model's samples."""
    against: str
    strong_accuracy: float
    """P(right) of one sample of the strong model, on the problems counted."""
    weak_given_accept: float
    """P(right | accept) of the weak one: its accuracy with unlimited samples."""
    finding: str
    """no budget suffices, a budget may suffice, undecided, or nothing can be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TheoryRow(Compared):
    """Two types of problems fitted to a verifier's rates; `value` is the fitted soundness."""

    easy_share: float
    easy_right: float
    """P(a sample is right) on the easy type."""
    hard_right: float
    false_positive_cost: float
    best_k: int
    """Best limit on attempts by the consistent form."""
    best_k_as_published: int
    """The same by the form of 2411.17501's notebook, which counts survival twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRow(Measured):
    """How far verdicts agree: of two verifiers, of all, or of one that was asked repeatedly."""

    model: str
    measure: str
    """Cohen's kappa, Fleiss' kappa, repeat correlation, effective votes, effective verifiers,
    unanimous, or AUROC within problems."""
    verifier: str
    other: str = ""
    """The other verifier of a pair; the truth, where the measure needs one."""
    given: str = "all"
    """Which samples: all, right or wrong ones."""
    votes: int = 0
    """Verdicts a sample, or verifiers, that the measure speaks about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRow(Compared):
    """A column among accepted samples: its mean where right minus its mean where wrong."""

    column: str
    accepted: float
    accepted_low: float
    accepted_high: float
    right: float
    right_low: float
    right_high: float
    false_positive: float
    false_positive_low: float
    false_positive_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RocRow(Compared):
    """One threshold of a verifier's score; `value` is the accuracy of what it accepts."""

    threshold: float
    true_positive_rate: float
    false_positive_rate: float
    drawn: float
    """Samples drawn for each accepted one: the cost of rejection sampling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow(Compared):
    """Accuracy of best-of-n by a verifier's score from each problem's ROC curve."""

    n: int | None
    """Independent samples; null for n without end."""
    bracket_low: float
    """With problems whose curve does not say counted as wrong."""
    bracket_high: float
    """With them counted as right."""
    area: float
    """Area under the ROC curve of all samples; `agreement` has the one within problems."""
