"""Scaling laws and forecasts of one model under one verifier."""

from collections.abc import Sequence

import numpy as np

from vervet.analysis.curves import Settings, measured
from vervet.analysis.recorded import Ints, Judged
from vervet.analysis.schema import FitRow, ForecastRow
from vervet.stats.forecast import forecast_coverage
from vervet.stats.scaling import PowerLawFit, back_test_power_law, fit_power_law_to_counts

FORECAST_LEVEL = 0.9
"""Forecast intervals are calibrated at this level."""
LEAST_SAMPLES = 10
"""Samples a problem below which a curve has too few points for a law."""
BACKTEST_SHARE = 10
"""The back-test fits up to a tenth of the samples and asks for all of them."""


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
        for fit in [
            fit_power_law_to_counts(*counts, loss=loss, level=settings.level, rng=settings.rng)
        ]
    ]


def forecast_rows(judged: Judged, ks: Sequence[int]) -> list[ForecastRow]:
    """Return coverage forecast at each k, pooled over difficulty families."""
    correct, total = judged.correct, judged.total
    known = total > 0
    if not ks or not known.any():
        return []
    found = forecast_coverage(correct[known], total[known], list(ks), level=FORECAST_LEVEL)
    return [
        ForecastRow(
            model=judged.drawn.model,
            verifier=judged.verifier,
            k=k,
            regime=found.regime,
            **measured(estimate),
        )
        for k, estimate in zip(found.ks, found.estimates, strict=True)
    ]


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
