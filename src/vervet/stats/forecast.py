"""Coverage at k far beyond the samples drawn, with calibrated intervals: one default setting.

Two forecasters, one of them many: eight difficulty families, pooled, and the log-log line. The
point is their weighted mean on the scale of log(-log coverage), the interval that of their mixture,
which is a predictive distribution over how many of these problems k samples will solve.

The families count alike, but for those that the counts refute (over 4 nats of evidence below the
best: they fade as e^-(gap - 4); on a plateau, where samples do tell families apart, as e^-gap).
Each family gives the exact posterior predictive of the problems not solved yet; the line gives a
normal distribution of log(-log coverage). The line's weight is 0.8 where the measured curve bends
(three tenths of that in the mixture), and falls to 0 where it is still proportional to k (no sign
of a bend), already flat (a plateau, which a power law never reaches), or where the counts refute
the line's kin: families of one part with the tail of a power law. A mixture of forecasters that
each know their own error is too wide; where growth is near linear its tails are recalibrated by a
beta law. Everything is enumerated, nothing is sampled: the same counts give the same forecast.

Definitions, measurements against baselines and failures: docs/forecasting.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, betaln, ndtr, xlog1py, xlogy

from vervet.stats.arrays import Floats, Ints, attempts
from vervet.stats.estimate import Estimate
from vervet.stats.families import Posterior, families, posterior
from vervet.stats.loglog import Borrowed, Curve, Line, borrow, fit_line, measured_curve
from vervet.stats.thinning import judged_counts

Regime = Literal["nothing solved", "all solved", "linear", "bending", "plateau"]
Counts = tuple[npt.ArrayLike, npt.ArrayLike]

LINE_WEIGHT = 0.8
"""Weight of the line in the point where the curve bends (docs/forecasting.md: who needs it)."""
CAUTION = 0.3
"""The mixture gives the line this share of its weight: how far its form errs is less known.

A sibling keeps its whole weight: its shape has been measured."""
SIBLING_WEIGHT = 0.85
LINEAR = (0.85, 0.98)
"""Elasticities between which the line loses its weight because the curve does not bend yet."""
PLATEAU = (0.1, 0.2)
"""Elasticities between which the line gains its weight; below, the curve is flat."""
SHARPEST = 1.8
"""Parameter of the beta law that narrows the mixture (Ranjan and Gneiting 2010); 1 leaves it."""
SHARPENED = (0.4, 0.8)
"""Elasticities between which it rises from 1: above, members spread more than they err."""
FORM_ERROR = 0.1
"""Error of log(-log c) from the line's form, on top of the jackknife's sampling error."""
MOST_ERROR = 1.5
REFUTED = 4.0
"""Nats of evidence below the best family from which a family loses weight; 0 on a plateau."""
KIN = ("beta", "Kumaraswamy", "log-gamma")
"""Families of one part whose left tail is a power of p: the line extends curves as they do."""
KIN_REFUTED = 1.0
"""Nats of evidence below the best family from which the best of its kin takes the line along."""
RATE_BINS = 200
TINY = 1e-6
POOL, MIXTURE = "pool", "mixture"
FEW_SOLVED = 3
FAR = 200
"""Intervals are measured for k up to about this many times the samples."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Coverage forecast at each k, and why to believe it or not."""

    ks: tuple[int, ...]
    estimates: tuple[Estimate, ...]
    regime: Regime
    elasticity: float
    """d log coverage / d log k over the last decade measured: 1 linear, 0 flat."""
    solved: int
    """Problems solved at least once."""
    solved_once: int
    """Problems solved exactly once: what speaks about small success rates."""
    horizon: int
    """Largest k at which coverage is measured."""
    line_weight: float
    by_member: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Each member's own forecast per k; their spread is the uncertainty of form."""
    warnings: tuple[str, ...] = ()

    def at(self, k: int) -> Estimate:
        """Return the estimate at one of the k asked for."""
        return self.estimates[self.ks.index(k)]


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the counts say, before any k is asked for."""

    correct: Ints
    total: Ints
    curve: Curve
    posteriors: tuple[Posterior, ...]
    binomials: Floats
    line: Line | Borrowed | None
    weight: float

    @property
    def unsolved(self) -> Ints:
        return np.asarray(self.total[self.correct == 0])

    @property
    def solved(self) -> int:
        return int((self.correct > 0).sum())


def forecast_coverage(
    successes: npt.ArrayLike,
    samples: npt.ArrayLike,
    ks: npt.ArrayLike,
    *,
    level: float = 0.9,
    sibling: Counts | None = None,
) -> Forecast:
    """Forecast the share of these same problems that k samples in all will have solved.

    Samples may differ between problems and may have stopped at a success; they must not have been
    spent where success was likelier for other reasons.

    Args:
        successes: correct samples per problem, shape (problems,).
        samples: judged samples per problem, shape (problems,) or one number.
        ks: numbers of samples. Up to the horizon the exact coverage is returned, without an
            interval; beyond all samples it is forecast; in between it is neither.
        level: nominal coverage of the intervals.
        sibling: (successes, samples) of a similar model on the same kind of problems, sampled
            deeper. Its curve, slid along log k, then takes the place of the log-log line.

    Raises:
        ValueError: impossible counts, k below 1, or a level outside (0, 1).

    >>> counts = [0] * 60 + [1] * 14 + [2] * 6 + [5] * 8 + [20] * 8 + [70] * 4
    >>> forecast = forecast_coverage(counts, 100, [1000, 10_000])
    >>> forecast.regime, forecast.estimates
    ('bending', (0.628 [0.500, 0.750], 0.778 [0.600, 0.950]))
    """
    if not 0 < level < 1:
        raise ValueError(f"level lies between 0 and 1, not {level}")
    wanted = attempts(ks)
    evidence = _evidence(*judged_counts(successes, samples), sibling)
    elasticity = evidence.curve.elasticity()
    beyond = [int(k) for k in wanted if k > evidence.total.max() and evidence.solved]
    laws = {k: _predictive(evidence, k) for k in beyond}
    estimates = tuple(_estimate(evidence, int(k), laws.get(int(k)), level) for k in wanted)
    return Forecast(
        ks=tuple(wanted.tolist()),
        estimates=estimates,
        regime=_regime(evidence, elasticity),
        elasticity=elasticity,
        solved=evidence.solved,
        solved_once=int((evidence.correct == 1).sum()),
        horizon=evidence.curve.horizon,
        line_weight=evidence.weight,
        by_member=_members(laws, wanted),
        warnings=_warnings(evidence, elasticity, wanted),
    )


def _predictive(evidence: _Evidence, k: int) -> dict[str, Floats]:
    """Return the probability that 0, 1, ..., all problems are solved: by member, and pooled."""
    found = {update.family.name: _family_pmf(evidence, update, k) for update in evidence.posteriors}
    pooled = _family_weights(evidence) @ np.array(list(found.values()))
    if evidence.line is None:
        return found | {POOL: pooled, MIXTURE: pooled}
    line = _line_pmf(evidence, evidence.line, k)
    borrowed = isinstance(evidence.line, Borrowed)
    name, trust = ("sibling", 1.0) if borrowed else ("log-log line", CAUTION)
    share = trust * evidence.weight
    return found | {name: line, POOL: pooled, MIXTURE: (1 - share) * pooled + share * line}


def _point(evidence: _Evidence, pooled: Floats, k: int) -> float:
    """Weighted mean of the pool's median and the line, on the scale of log(-log coverage)."""
    median = _quantile(pooled, 0.5)
    if evidence.line is None or not evidence.weight:
        return median
    problems = len(evidence.correct)
    depth = math.log(-math.log(min(max(median, TINY), 1 - TINY)))
    depth += evidence.weight * (evidence.line.depth(k) - depth)
    return max(math.exp(-math.exp(depth)), evidence.solved / problems)


def _evidence(correct: Ints, total: Ints, sibling: Counts | None) -> _Evidence:
    curve = measured_curve(correct, total)
    updates = tuple(posterior(family, correct, total) for family in families())
    line: Line | Borrowed | None = borrow(curve, measured_curve(*sibling)) if sibling else None
    weight = SIBLING_WEIGHT
    if line is None:
        line = fit_line(curve)
        weight = _line_weight(curve.elasticity()) * _kin_trust(updates) if line else 0.0
    return _Evidence(
        correct, total, curve, updates, _binomials(int((correct == 0).sum())), line, weight
    )


def _family_weights(evidence: _Evidence) -> Floats:
    """Equal, unless refuted: counts rarely tell families apart, but can rule one out."""
    found = np.array([update.log_evidence for update in evidence.posteriors])
    spared = REFUTED * _bends(evidence.curve.elasticity())
    weights = np.exp(np.minimum(found - found.max() + spared, 0))
    return np.asarray(weights / weights.sum())


def _binomials(trials: int) -> Floats:
    """Binomial probabilities of 0..trials (rows) at the middle of every bin of rates (columns)."""
    middle = (np.arange(RATE_BINS) + 0.5) / RATE_BINS
    hits = np.arange(trials + 1)[:, None]
    misses = trials - hits
    ways = -betaln(hits + 1, misses + 1) - np.log(trials + 1)
    return np.asarray(np.exp(ways + xlogy(hits, middle) + xlog1py(misses, -middle)))


def _line_weight(elasticity: float) -> float:
    """Full where the curve bends; to 0 towards linear growth and towards a plateau."""
    if math.isnan(elasticity):
        return 0.0
    return LINE_WEIGHT * (1 - _ramp(elasticity, LINEAR)) * _bends(elasticity)


def _kin_trust(updates: tuple[Posterior, ...]) -> float:
    """1 unless the counts refute the families that share the line's tail."""
    kin = max(update.log_evidence for update in updates if update.family.name in KIN)
    best = max(update.log_evidence for update in updates)
    return math.exp(min(kin - best + KIN_REFUTED, 0))


def _bends(elasticity: float) -> float:
    """0 on a plateau, 1 clearly above it, or where nothing is known."""
    return 1.0 if math.isnan(elasticity) else _ramp(elasticity, PLATEAU)


def _sharpening(elasticity: float) -> float:
    """1 on bending curves, up to SHARPEST towards linear growth, or where nothing is known."""
    share = 1.0 if math.isnan(elasticity) else _ramp(elasticity, SHARPENED)
    return 1 + (SHARPEST - 1) * share


def _ramp(value: float, ends: tuple[float, float]) -> float:
    """0 below the first end, 1 above the second, linear between."""
    return min(max((value - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0)


def _family_pmf(evidence: _Evidence, update: Posterior, k: int) -> Floats:
    """Binomial number of newly solved problems, mixed over the family's members."""
    chance = update.unsolved_chance(evidence.unsolved, k)
    mass, _ = np.histogram(chance, RATE_BINS, (0, 1), weights=update.probability)
    new = evidence.binomials @ mass
    return np.concatenate([np.zeros(evidence.solved), new / new.sum()])


def _line_pmf(evidence: _Evidence, line: Line | Borrowed, k: int) -> Floats:
    """Normal law of log(-log coverage), cut below what is already solved."""
    problems = len(evidence.correct)
    edges = np.clip((np.arange(problems + 2) - 0.5) / problems, 1e-12, 1 - 1e-12)
    spread = math.hypot(min(line.error(k), MOST_ERROR), FORM_ERROR)
    below = ndtr((line.depth(k) - np.log(-np.log(edges))) / spread)
    below[0], below[-1] = 0.0, 1.0
    mass = np.diff(below)
    mass[: evidence.solved] = 0.0
    if mass.sum() <= 0:
        mass[evidence.solved] = 1.0
    return np.asarray(mass / mass.sum())


def _estimate(
    evidence: _Evidence, k: int, law: Mapping[str, Floats] | None, level: float
) -> Estimate:
    problems, total = len(evidence.correct), int(evidence.total.sum())
    if k <= evidence.curve.horizon:
        value = _measured(evidence, k)
        reason = "measured at this k, not forecast"
        return Estimate(value, math.nan, math.nan, level, "exact", problems, total, reason=reason)
    if law is None:
        reason = _why_not(evidence, k)
        return Estimate(math.nan, math.nan, math.nan, level, "", problems, total, reason=reason)
    value = _point(evidence, law[POOL], k)
    sharp = _sharpening(evidence.curve.elasticity())
    tail = float(betaincinv(sharp, sharp, (1 - level) / 2))
    low, high = (_quantile(law[MIXTURE], share) for share in (tail, 1 - tail))
    method = "pooled difficulty families and log-log line, same problems"
    low, high = min(low, value), max(high, value)
    return Estimate(value, low, high, level, method, problems, total)


def _measured(evidence: _Evidence, k: int) -> float:
    return float(np.interp(math.log(k), np.log(evidence.curve.ks), evidence.curve.mean))


def _why_not(evidence: _Evidence, k: int) -> str:
    if evidence.solved == 0:
        return "no problem is solved yet: any coverage is possible"
    return (
        f"some problems have {evidence.total.min()} samples and some {evidence.total.max()}: "
        f"ask for k up to {evidence.curve.horizon} or beyond {evidence.total.max()}, not {k}"
    )


def _regime(evidence: _Evidence, elasticity: float) -> Regime:
    if evidence.solved == 0:
        return "nothing solved"
    if evidence.solved == len(evidence.correct):
        return "all solved"
    if elasticity > sum(LINEAR) / 2:
        return "linear"
    return "plateau" if elasticity < sum(PLATEAU) / 2 else "bending"


def _members(
    laws: Mapping[int, Mapping[str, Floats]], wanted: Ints
) -> dict[str, tuple[float, ...]]:
    """Mean coverage by member at every k beyond the samples; NaN elsewhere."""
    names = next(iter(laws.values()), {})
    return {
        name: tuple(_mean(laws[k][name]) if k in laws else math.nan for k in wanted.tolist())
        for name in names
        if name not in {POOL, MIXTURE}
    }


def _quantile(law: Floats, probability: float) -> float:
    problems = len(law) - 1
    return min(int(np.searchsorted(np.cumsum(law), probability)), problems) / problems


def _mean(law: Floats) -> float:
    return float(law @ np.arange(len(law)) / (len(law) - 1))


def _warnings(evidence: _Evidence, elasticity: float, wanted: Ints) -> tuple[str, ...]:
    found = []
    if 0 < evidence.solved < FEW_SOLVED:
        found.append(f"only {evidence.solved} problems are solved: the prior speaks, not the data")
    if evidence.solved and elasticity > sum(LINEAR) / 2:
        found.append("coverage still grows in proportion to k: nothing shows where it will bend")
    if wanted.max() > FAR * evidence.total.max():
        found.append(
            f"k = {wanted.max()} is over {FAR} times the samples: not validated so far out"
        )
    return tuple(found)
