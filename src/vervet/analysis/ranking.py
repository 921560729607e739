"""What a verifier's scores are worth: ROC curve, rejection sampling, where best-of-n ends."""

from collections.abc import Sequence
from math import isfinite, nan

import numpy as np

from vervet.analysis.curves import Settings, intervals, measured
from vervet.analysis.mistakes import Pair, who
from vervet.analysis.recorded import Bools, Floats
from vervet.analysis.schema_judging import LimitRow, RocRow
from vervet.stats.estimate import Estimate
from vervet.stats.imperfect import pooled_rate
from vervet.stats.resampling import mean_interval, resample
from vervet.stats.roc import Roc

MOST_THRESHOLDS = 40
"""Thresholds that are reported, evenly over the accepted share, where scores are many."""


def roc_rows(pair: Pair, settings: Settings) -> list[RocRow]:
    """Return rejection sampling at each threshold of a verifier's score, all samples pooled."""
    judged, truth = pair
    both = _scored(pair)
    curve = _pooled(pair)
    if curve is None:
        return []
    scores = judged.graded
    weights = resample(len(judged.drawn.problems), rng=settings.rng)
    rows = []
    for at in _chosen(curve):
        accepted = both & (scores >= curve.threshold[at])
        right = judged.count(accepted & truth.accepted)
        found = pooled_rate(right, judged.count(accepted), weights=weights, level=settings.level)
        rows.append(
            RocRow(
                **who(pair),
                threshold=float(curve.threshold[at]),
                true_positive_rate=float(curve.true[at]),
                false_positive_rate=float(curve.false[at]),
                drawn=float(both.sum() / accepted.sum()),
                **measured(found),
            )
        )
    return rows


def limit_rows(pair: Pair, settings: Settings) -> list[LimitRow]:
    """Return best-of-n from each problem's own curve, and where it ends; never beyond the data.

    Selection compares samples of one problem, so the curves are not pooled. A problem whose
    samples are all right, or all wrong, needs no curve.
    """
    pooled = _pooled(pair)
    if pooled is None:
        return []
    judged, truth = pair
    both = _scored(pair)
    parts = judged.split(judged.graded, truth.accepted, which=both)
    problems = [(s, t) for s, t in zip(*parts, strict=True) if len(s)]
    ns = settings.grid(judged.count(both)[judged.count(both) > 0])
    values = np.array([_best_of(scores, right, ns) for scores, right in problems])
    found = intervals(values, settings, int(both.sum()))
    ends = np.array([_end(scores, right) for scores, right in problems])
    area = pooled.area()
    return [
        *(_row(pair, n, values[:, i], found[i], area) for i, n in enumerate(ns)),
        _row(pair, None, ends, _endless(ends, settings, int(both.sum())), area),
    ]


def _row(pair: Pair, n: int | None, values: Floats, found: Estimate, area: float) -> LimitRow:
    return LimitRow(
        **who(pair),
        n=n,
        bracket_low=float(np.nan_to_num(values, nan=0.0).mean()),
        bracket_high=float(np.nan_to_num(values, nan=1.0).mean()),
        area=area,
        **measured(found),
    )


def _scored(pair: Pair) -> Bools:
    judged, truth = pair
    return truth.judged & np.isfinite(judged.graded)


def _pooled(pair: Pair) -> Roc | None:
    """Return the curve of all samples; None without scores, or without both kinds of sample."""
    judged, truth = pair
    both = _scored(pair)
    right = truth.accepted[both]
    if not right.any() or right.all():
        return None
    return Roc.of(judged.graded[both], right)


def _chosen(curve: Roc) -> Sequence[int]:
    """Return the steps to report: all, or those evenly apart in what they accept."""
    mass = curve.accuracy * curve.true + (1 - curve.accuracy) * curve.false
    if len(mass) - 1 <= MOST_THRESHOLDS:
        return range(1, len(mass))
    wanted = np.linspace(0, 1, MOST_THRESHOLDS + 1)[1:]
    places = np.searchsorted(mass, wanted - 1e-12)
    return sorted({int(place) for place in np.clip(places, 1, len(mass) - 1)})


def _best_of(scores: Floats, right: Bools, ns: Sequence[int]) -> Floats:
    """Return best-of-n of one problem with independent samples, NaN beyond those recorded."""
    if right.all() or not right.any():
        return np.where(np.array(ns) <= len(right), float(right.all()), nan)
    return Roc.of(scores, right).best_of(n=ns)


def _end(scores: Floats, right: Bools) -> float:
    """Return where one problem's best-of-n ends, NaN where its highest scores do not say."""
    if right.all() or not right.any():
        return float(right.all())
    return Roc.of(scores, right).limit()[0]


def _endless(ends: Floats, settings: Settings, samples: int) -> Estimate:
    """Return the mean limit; NaN, with the reason, as soon as one problem's is not known."""
    unknown = int((~np.isfinite(ends)).sum())
    found = mean_interval(ends, level=settings.level, samples=samples)
    if not unknown and isfinite(found.value):
        return found
    reason = (
        f"on {unknown} of {len(ends)} problems too few samples share the highest score to know "
        "where the curve starts; the bracket counts them as wrong and as right"
    )
    return Estimate(
        nan, nan, nan, settings.level, found.method, len(ends) - unknown, samples, unknown, reason
    )
