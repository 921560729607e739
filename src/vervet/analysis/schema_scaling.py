"""Rows of the document about budgets: frontiers, exponents, strata, shifts, mixtures, plans."""

from dataclasses import dataclass

from vervet.analysis.schema_base import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityRow(Measured):
    """The chance that all, or most, of k samples of a problem are right."""

    model: str
    verifier: str
    measure: str
    """pass^k, G-pass@k (with its share) or mG-pass@k."""
    k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierRow(Measured):
    """The best success verification reaches within a cost, beside a vote of the same cost."""

    model: str
    verifier: str
    judge: str
    stratum: str
    """all, or the problems of one difficulty."""
    cost: float
    """In solutions: C = S (1 + λ V)."""
    solutions: int
    verifications: int
    vote: float
    """Self-consistency with as many solutions as the cost buys."""
    vote_low: float
    vote_high: float
    vote_solutions: int | None
    difference: float
    """Verification minus the vote, paired."""
    difference_low: float
    difference_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExponentRow(Measured):
    """S_opt = factor C^a, or V_opt = factor C^b: how the best split grows with compute."""

    model: str
    verifier: str
    judge: str
    quantity: str
    """solutions or verifications."""
    factor: float
    cost_ratio: float
    """λ, the cost of one verification in solutions."""
    budgets: tuple[float, ...]
    """Costs at which the optimum was read off, in solutions."""
    optimum: tuple[int, ...]
    """The best number at each of them."""
    edge: float
    """Share of budgets whose best number is the largest recorded: above 0 biases the exponent
    downwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StratumRow(Measured):
    """One measure on the problems of one difficulty."""

    model: str
    verifier: str
    stratum: str
    """Quarters by success rate: hardest, hard, easy, easiest."""
    measure: str
    """coverage, or a selection policy."""
    k: int
    rate: float
    """Mean success rate of one sample on these problems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftRow(Measured):
    """Samples at which a model's coverage reaches the anchor: its shift along log k."""

    model: str
    verifier: str
    anchor: float
    """The common coverage: by default the largest coverage at one sample of all models."""
    disagreement: float
    """Largest gap between the shifted curves where all are measured; small: one shape."""
    factor: float
    """By what factor samples must grow from the anchor to `target`; alike for curves of a shape."""
    target: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRow:
    """Forecasts from `kept` samples a problem held against what k samples showed."""

    model: str
    verifier: str
    kept: int
    k: int
    draws: int
    """Times that samples were thrown away at random."""
    skipped: int
    """Draws with fewer than three solved problems, which are not forecast."""
    truth: float
    error: float
    """Mean of |forecast - truth| / truth."""
    bias: float
    """Mean of (forecast - truth) / truth."""
    covered: float
    """Share of draws whose interval holds the truth."""
    width: float
    """Mean width of the intervals."""
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePlanRow:
    """A run whose forecast at k would be narrow enough; the first of each k is the cheapest."""

    model: str
    verifier: str
    k: int
    wanted: float
    """Width of the interval that was asked for."""
    level: float
    now_samples: int
    now_problems: int
    now_width: float
    samples: int | None
    """Samples a problem; null where no run reaches the width."""
    problems: int | None
    width: float
    """Width to expect."""
    extra: int | None
    """Samples to draw beyond those in hand, in total."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureRow(Measured):
    """How to split a budget over models for coverage; `value` is the gain on held-out problems."""

    verifier: str
    budget: float
    unit: str
    """Of budget and costs, for each problem: samples, tokens, usd or flops."""
    attempts: dict[str, float]
    """Samples a problem of each model, on average."""
    costs: dict[str, float]
    """Of one sample of each model, in the unit."""
    coverage: float
    """On the problems it was chosen on."""
    single: str
    """The model that covers most with the whole budget."""
    single_coverage: float
    multiple: float
    """By what factor the budget must grow for that model to cover as much; null if never."""
    held_out: float
    """Coverage of the mixture on problems it was not chosen on."""
    held_out_low: float
    held_out_high: float
    single_held_out: float
    single_held_out_low: float
    single_held_out_high: float
    better: float
    """Share of splits on which the mixture covers more."""
    gap: float
    """Certified distance of log(1 - coverage) from its optimum."""
