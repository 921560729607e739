"""What `vervet analyze --json` says: `vervet.analysis/1`.

Every row is a frozen dataclass; `docs/analysis.md` is generated from this file and its sisters,
`schema_base`, `schema_judging` and `schema_scaling`. New fields are added; a field never changes
meaning. A number that is not known is null in JSON.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from typing import Any

from vervet.analysis.schema_base import Measured
from vervet.analysis.schema_judging import (
    AgreementRow,
    AuditRow,
    FalsePositiveRow,
    LimitRow,
    QualityRow,
    RocRow,
    StrongWeakRow,
    TheoryRow,
    UtilityRow,
)
from vervet.analysis.schema_scaling import (
    BacktestRow,
    ExponentRow,
    FrontierRow,
    MixtureRow,
    ReliabilityRow,
    SamplePlanRow,
    ShiftRow,
    StratumRow,
)

SCHEMA = "vervet.analysis/1"


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run that was read."""

    path: str
    problems: int
    samples: int
    verdicts: int
    models: tuple[str, ...]
    verifiers: tuple[str, ...]
    created: str = ""
    vervet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRow(Measured):
    """Probability that at least one of k samples is accepted, averaged over problems (pass@k)."""

    model: str
    verifier: str
    k: int
    fixed_low: float = float("nan")
    """Interval with the problems held fixed: only the sampling of answers varies."""
    fixed_high: float = float("nan")
    band_low: float = float("nan")
    """Simultaneous band: the whole curve lies within at `level`."""
    band_high: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionRow(Measured):
    """Accuracy of what a policy returns when it is given k random samples."""

    model: str
    policy: str
    """majority, best-of (log-probability or score), weighted, first-accepted."""
    verifier: str
    """The verdicts taken as truth."""
    k: int
    by: str = ""
    """What the policy selects by: answers, logprob, a score, another verifier."""
    abstained: float = 0.0
    """Expected share of problems on which nothing is returned."""
    error: float = 0.0
    """Standard error of random draws, where the value is not exact (weighted votes)."""
    band_low: float = float("nan")
    """Simultaneous band: the whole curve lies within at `level`."""
    band_high: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessRow(Measured):
    """Success rate with S solutions and V verifications of each: one cell of the surface."""

    model: str
    verifier: str
    judge: str
    solutions: int
    verifications: int
    cost: float
    """C(S, V) = S (1 + λ V), in solutions."""
    cost_ratio: float = float("nan")
    """λ, the cost of one verification in solutions."""
    cost_source: str = ""
    """Whether λ was given, or which tokens it was measured from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingRow(Measured):
    """The factor of compute at which verification first matches the vote."""

    model: str
    verifier: str
    judge: str
    rule: str
    """How the crossing is read off: the vote's point of reference, and what counts as reached."""
    cost_ratio: float
    """λ, the cost of one verification in solutions."""
    reference_cost: float
    """Cost of the vote's point of reference, in solutions."""
    crossing_cost: float
    """Cost at which verification reaches it; null if it never does with what was recorded."""
    never: float
    """Share of bootstrap samples in which it never does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRow(Measured):
    """Coverage of `model` minus coverage of `other` on the same problems, paired.

    Also of two policies, or of two verifiers, on the samples of one model: then `other` is `model`.
    """

    model: str
    other: str
    verifier: str
    k: int
    measure: str = "coverage"
    """What is compared: coverage or a selection policy."""
    other_measure: str = "coverage"
    other_verifier: str = ""
    """Of the second term; empty where it is `verifier`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRow:
    """A scaling law fitted to a coverage curve: coverage(k) = base^(a k^b)."""

    model: str
    verifier: str
    law: str
    a: float
    b: float
    base: float
    loss: str
    """What was squared: coverage or log coverage."""
    error: float
    """Mean absolute deviation from the curve on log-spaced k."""
    error_sd: float
    a_low: float = float("nan")
    a_high: float = float("nan")
    b_low: float = float("nan")
    b_high: float = float("nan")
    level: float = float("nan")
    method: str = ""
    backtest_fitted_to: int | None = None
    """The fit was repeated on k up to here ..."""
    backtest_k: int | None = None
    """... and asked for this k:"""
    backtest_predicted: float = float("nan")
    backtest_observed: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRow(Measured):
    """Coverage expected at a k beyond what was drawn."""

    model: str
    verifier: str
    k: int
    regime: str = ""
    """linear, bending, plateau, all solved or nothing solved: what the counts say of the curve."""
    elasticity: float = float("nan")
    """d log coverage / d log k over the last decade measured: 1 linear, 0 flat."""
    solved: int = 0
    """Problems solved at least once."""
    solved_once: int = 0
    """Problems solved exactly once: what speaks about small success rates."""
    horizon: int = 0
    """Largest k at which coverage is measured."""
    line_weight: float = 0.0
    """Weight of the log-log line, or of the sibling's curve."""
    members: dict[str, float] = field(default_factory=dict)
    """Each member's own forecast: their spread is the uncertainty of form."""
    warnings: tuple[str, ...] = ()
    sibling: str = ""
    """The deeper-sampled run and model whose curve was borrowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierRow:
    """One verifier held against another that is taken as truth."""

    model: str
    verifier: str
    against: str
    both_accept: int
    both_reject: int
    only_verifier_accepts: int
    only_against_accepts: int
    agreement: float
    agreement_low: float
    agreement_high: float
    completeness: float
    """P(verifier accepts | truth accepts)."""
    completeness_low: float
    completeness_high: float
    soundness: float
    """P(verifier rejects | truth rejects)."""
    soundness_low: float
    soundness_high: float
    false_positive_rate: float
    """P(verifier accepts | truth rejects) = 1 - soundness."""
    false_positive_rate_low: float
    false_positive_rate_high: float
    precision: float
    """P(truth accepts | verifier accepts) over all samples."""
    precision_low: float
    precision_high: float
    accuracy_given_accept: float
    """Mean over problems of P(truth accepts | verifier accepts): the limit of resampling."""
    accuracy_given_accept_low: float
    accuracy_given_accept_high: float
    limit_low: float
    """The limit with never-accepted problems counted wrong."""
    limit_high: float
    """The limit with never-accepted problems counted right."""
    bracket_low: float
    """Lower end of the interval of `limit_low` ..."""
    bracket_high: float
    """... and upper end of that of `limit_high`: both kinds of doubt at once."""
    never_accepted: int
    best_k: int | None
    """Attempts that maximise expected reward at `false_positive_cost`; 0 means abstain."""
    best_k_low: int | None
    best_k_high: int | None
    best_reward: float
    best_reward_low: float
    best_reward_high: float
    best_near_low: int | None
    """Smallest limit whose reward is not significantly below the best one's ..."""
    best_near_high: int | None
    """... and the largest."""
    best_flat: bool
    """The reward hardly depends on the limit: those two lie a factor of four or more apart."""
    best_note: str
    """How sharp the best number of attempts is."""
    false_positive_cost: float
    break_even_precision: float
    """c / (1 + c): returning an accepted sample pays where `precision` is above."""
    level: float
    method: str
    problems: int
    samples: int
    excluded: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """What k samples of every problem cost."""

    model: str
    k: int
    tokens: float
    """Tokens a problem: prompts as billed, and completions."""
    usd: float | None
    """Dollars a problem; null where the price is not known."""
    flops: float | None
    """FLOPs a problem, the prompt prefilled once for all k samples."""
    flops_unshared: float | None
    """FLOPs a problem, the prompt prefilled for every sample."""
    problems: int
    source: str = ""
    """Where price and parameter counts come from, with their date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRow:
    """One problem under one model and verifier."""

    model: str
    verifier: str
    problem_id: str
    samples: int
    accepted: int
    rejected: int
    errors: int
    rate: float
    modal_answer: str | None
    modal_share: float
    modal_correct: float
    """Share of the modal answer's samples that are accepted."""
    mean_tokens: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedRow:
    """What was left out, or deserves a look, and why."""

    model: str
    verifier: str
    reason: str
    count: int
    total: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """Everything an analysis says."""

    runs: tuple[RunRow, ...]
    coverage: tuple[CoverageRow, ...] = ()
    selection: tuple[SelectionRow, ...] = ()
    success: tuple[SuccessRow, ...] = ()
    crossings: tuple[CrossingRow, ...] = ()
    differences: tuple[DifferenceRow, ...] = ()
    fits: tuple[FitRow, ...] = ()
    forecasts: tuple[ForecastRow, ...] = ()
    verifiers: tuple[VerifierRow, ...] = ()
    costs: tuple[CostRow, ...] = ()
    problems: tuple[ProblemRow, ...] = ()
    excluded: tuple[ExcludedRow, ...] = ()
    reliability: tuple[ReliabilityRow, ...] = ()
    strata: tuple[StratumRow, ...] = ()
    shifts: tuple[ShiftRow, ...] = ()
    backtests: tuple[BacktestRow, ...] = ()
    sample_plans: tuple[SamplePlanRow, ...] = ()
    mixtures: tuple[MixtureRow, ...] = ()
    frontier: tuple[FrontierRow, ...] = ()
    exponents: tuple[ExponentRow, ...] = ()
    audits: tuple[AuditRow, ...] = ()
    utility: tuple[UtilityRow, ...] = ()
    false_positives: tuple[FalsePositiveRow, ...] = ()
    strong_weak: tuple[StrongWeakRow, ...] = ()
    theory: tuple[TheoryRow, ...] = ()
    agreement: tuple[AgreementRow, ...] = ()
    quality: tuple[QualityRow, ...] = ()
    roc: tuple[RocRow, ...] = ()
    limits: tuple[LimitRow, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """What a reader should know before trusting a number."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data: `{"schema": "vervet.analysis/1", "coverage": [...], ...}`."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"schema": SCHEMA, **{name: _plain(rows) for name, rows in parts.items()}}


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return _plain(asdict(value)) if hasattr(value, "__dataclass_fields__") else value
