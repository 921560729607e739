"""Scaling laws of one model under one verifier, and curves of several compared by a shift."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import nan

import numpy as np

from vervet.analysis.curves import Settings, intervals, measured
from vervet.analysis.recorded import Floats, Ints, Judged
from vervet.analysis.schema import FitRow
from vervet.analysis.schema_scaling import ReliabilityRow, ShiftRow
from vervet.stats.coverage import coverage
from vervet.stats.estimate import Estimate
from vervet.stats.reliability import mean_pass_share, pass_all, pass_share
from vervet.stats.resampling import derived, resample, weighted_means
from vervet.stats.scaling import (
    PowerLawFit,
    attempts_to_reach,
    back_test_power_law,
    fit_power_law_to_counts,
    horizontal_shift,
    log_spaced,
    sample_factor,
)

LEAST_SAMPLES = 10
"""Samples a problem below which a curve has too few points for a law."""
BACKTEST_SHARE = 10
"""The back-test fits up to a tenth of the samples and asks for all of them."""
SHIFT_DRAWS = 300
HALF = 0.5
"""The threshold of G-pass@k that is reported."""


def fit_rows(judged: Judged, settings: Settings) -> list[FitRow]:
    """Return the exponentiated power law, fitted both ways, with its back-test."""
    correct, total = judged.correct, judged.total
    deep = total >= LEAST_SAMPLES
    if deep.sum() < 2 or not correct[deep].any():  # noqa: PLR2004 - a curve of a population
        return []
    counts = correct[deep], total[deep]
    return [
        _row(judged, fit, counts)
        for loss in ("log-coverage", "coverage")
        for fit in [fit_power_law_to_counts(*counts, loss=loss, level=settings.level)]
    ]


def reliability_rows(judged: Judged, settings: Settings) -> Iterator[ReliabilityRow]:
    """Yield the chance that all, or most, of k samples are right."""
    correct, total = judged.correct, judged.total
    ks, samples = settings.grid(total), int(total.sum())
    measures = (
        ("pass^k", pass_all(correct, total, k=ks)),
        (f"G-pass@k({HALF:g})", pass_share(correct, total, k=ks, share=HALF)),
        ("mG-pass@k", mean_pass_share(correct, total, k=ks)),
    )
    for measure, values in measures:
        for k, found in zip(ks, intervals(values, settings, samples), strict=True):
            yield ReliabilityRow(
                model=judged.drawn.model,
                verifier=judged.verifier,
                measure=measure,
                k=k,
                **measured(found),
            )


def shift_rows(judged: Sequence[Judged], settings: Settings) -> Iterator[ShiftRow]:
    """Yield, for the models of each verifier, how far their curves lie apart along log k.

    The anchor is the largest coverage at one sample; models whose measured curve does not
    reach it have no shift, and no curve is extrapolated.
    """
    for verifier in dict.fromkeys(each.verifier for each in judged):
        group = [each for each in judged if each.verifier == verifier]
        if len({each.drawn.model for each in group}) > 1:
            yield from _shifts(group, settings)


def _shifts(group: Sequence[Judged], settings: Settings) -> Iterator[ShiftRow]:
    curves = {each.drawn.model: _curve(each, settings) for each in group}
    curves = {model: found for model, found in curves.items() if len(found[0]) > 1}
    means = {model: (ks, values.mean(axis=0)) for model, (ks, values) in curves.items()}
    anchor = max((float(mean[0]) for _, mean in means.values()), default=0.0)
    reach = {m: mean for m, mean in means.items() if mean[1][-1] >= anchor > 0}
    if len(reach) < 2:  # noqa: PLR2004 - nothing to compare
        return
    gap = horizontal_shift(reach, anchor=anchor).disagreement
    target = min(float(mean[-1]) for _, mean in reach.values())
    for each in (each for each in group if each.drawn.model in curves):
        ks, values = curves[each.drawn.model]
        mean = means[each.drawn.model][1]
        yield ShiftRow(
            model=each.drawn.model,
            verifier=each.verifier,
            anchor=anchor,
            disagreement=gap,
            target=target,
            factor=sample_factor(ks, mean, anchor, target) if target > anchor else nan,
            **measured(_reach(ks, values, anchor, settings)) | {"samples": int(each.total.sum())},
        )


def _curve(judged: Judged, settings: Settings) -> tuple[Ints, Floats]:
    """Return coverage at log-spaced k, of the problems that have the samples."""
    total = judged.total
    depth = settings.depth(total)
    deep = total >= max(depth, 1)
    ks = log_spaced(depth) if depth else np.zeros(0, dtype=np.int64)
    if not deep.any() or not len(ks):
        return np.zeros(0, dtype=np.int64), np.zeros((0, 0))
    return ks, coverage(judged.correct[deep], total[deep], k=ks)


def _reach(ks: Ints, values: Floats, anchor: float, settings: Settings) -> Estimate:
    """Return the k at which a curve reaches the anchor, with its bootstrap over problems."""
    weights = resample(len(values), rng=settings.rng, resamples=SHIFT_DRAWS)
    draws = [attempts_to_reach(ks, mean, anchor) for mean in weighted_means(values, weights)]
    value = attempts_to_reach(ks, values.mean(axis=0), anchor)
    found = derived(
        value, draws, level=settings.level, problems=len(values), what="k that reaches the anchor"
    )
    if np.isfinite(value) or found.reason == "":
        return found
    return replace(found, reason="the measured curve does not reach the anchor")


def _row(judged: Judged, fit: PowerLawFit, counts: tuple[Ints, Ints]) -> FitRow:
    law, last = fit.law, int(np.min(counts[1]))
    tested = {}
    if last >= LEAST_SAMPLES * BACKTEST_SHARE and not law.reason:
        test = back_test_power_law(*counts, fit_to=last // BACKTEST_SHARE, ks=[last], loss=law.loss)
        tested = {
            "backtest_fitted_to": test.fitted_to,
            "backtest_k": last,
            "backtest_predicted": test.predicted[0],
            "backtest_observed": test.measured[0],
        }
    return FitRow(
        model=judged.drawn.model,
        verifier=judged.verifier,
        law="exponentiated power law",
        a=law.a,
        b=law.b,
        base=law.base,
        loss=law.loss,
        error=law.error_mean,
        error_sd=law.error_sd,
        a_low=fit.a.low,
        a_high=fit.a.high,
        b_low=fit.b.low,
        b_high=fit.b.high,
        level=fit.a.level,
        method=fit.a.method or law.reason,
        **tested,  # type: ignore[arg-type]  # four optional fields of their own types
    )
