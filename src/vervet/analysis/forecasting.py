"""Coverage beyond the samples: forecasts, how they did on the data in hand, what narrows them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vervet.analysis.curves import Settings, measured
from vervet.analysis.recorded import Drawn, Ints, Judged
from vervet.analysis.schema import ForecastRow
from vervet.analysis.schema_scaling import BacktestRow, SamplePlanRow
from vervet.errors import ConfigError
from vervet.stats.backtest import back_test
from vervet.stats.extra_samples import RunSize, SamplePlan, plan_samples
from vervet.stats.forecast import forecast_coverage

FORECAST_LEVEL = 0.9
"""Forecast intervals are calibrated at this level."""
BACKTEST_SHARE = 10
"""A back-test keeps a tenth of the samples and is asked for all of them."""
BACKTEST_DRAWS = 20
LEAST_KEPT = 10
"""Samples a problem below which nothing is forecast from."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """What is asked about coverage beyond the samples."""

    ks: Sequence[int] = ()
    siblings: Sequence[Judged] = ()
    """What was judged in a run of a similar model, sampled deeper."""
    width: float | None = None


def forecast_rows(judged: Judged, beyond: Beyond) -> list[ForecastRow]:
    """Return coverage forecast at each k, pooled over difficulty families."""
    counts = _counts(judged)
    if not beyond.ks or not len(counts[0]):
        return []
    deeper = _deeper(judged, beyond.siblings)
    found = forecast_coverage(
        *counts, list(beyond.ks), level=FORECAST_LEVEL, sibling=_counts(deeper) if deeper else None
    )
    return [
        ForecastRow(
            **_who(judged),
            k=k,
            regime=found.regime,
            elasticity=found.elasticity,
            solved=found.solved,
            solved_once=found.solved_once,
            horizon=found.horizon,
            line_weight=found.line_weight,
            members={name: values[place] for name, values in found.by_member.items()},
            warnings=found.warnings,
            sibling=deeper.drawn.model if deeper else "",
            **measured(estimate),
        )
        for place, (k, estimate) in enumerate(zip(found.ks, found.estimates, strict=True))
    ]


def backtest_rows(judged: Judged, beyond: Beyond, settings: Settings) -> list[BacktestRow]:
    """Return how forecasts from a tenth of the samples do on the whole, where there are enough."""
    correct, total = _counts(judged)
    k = settings.depth(total)
    deep = total >= k
    if not beyond.ks or k < LEAST_KEPT * BACKTEST_SHARE:
        return []
    kept = k // BACKTEST_SHARE
    try:
        found = back_test(
            correct[deep], total[deep], keep=kept, k=k, draws=BACKTEST_DRAWS,
            level=FORECAST_LEVEL, rng=settings.rng,
        )  # fmt: skip
    except ValueError:
        return []  # no draw solved enough problems to forecast from
    return [
        BacktestRow(
            **_who(judged),
            kept=kept,
            k=k,
            draws=found.draws,
            skipped=found.skipped,
            truth=found.truth,
            error=found.error,
            bias=found.bias,
            covered=found.covered,
            width=found.width,
            level=FORECAST_LEVEL,
        )
    ]


def plan_rows(judged: Judged, beyond: Beyond) -> Iterator[SamplePlanRow]:
    """Yield the runs that would bring each forecast to the wanted width, the cheapest first."""
    correct, total = _counts(judged)
    if beyond.width is None or not len(correct):
        return
    for k in (k for k in beyond.ks if k > total.max()):
        found = plan_samples(correct, total, k, beyond.width, level=FORECAST_LEVEL)
        yield from (_plan(judged, found, option) for option in found.options or (None,))


def _plan(judged: Judged, found: SamplePlan, option: RunSize | None) -> SamplePlanRow:
    return SamplePlanRow(
        **_who(judged),
        k=found.k,
        wanted=found.width,
        level=found.level,
        now_samples=found.now.samples,
        now_problems=found.now.problems,
        now_width=found.now.width,
        samples=option.samples if option else None,
        problems=option.problems if option else None,
        width=option.width if option else float("nan"),
        extra=option.extra if option else None,
        reason=found.reason,
    )


def siblings_of(judged: Sequence[Judged], siblings: Sequence[Judged], url: str) -> list[Judged]:
    """Return the siblings under the verifiers in use, named by their run.

    Raises:
        ConfigError: the run has none of those verifiers.
    """
    names = {each.verifier for each in judged}
    found = [each for each in siblings if each.verifier in names]
    if not found:
        have = ", ".join(dict.fromkeys(each.verifier for each in siblings)) or "none"
        raise ConfigError(
            f"the sibling {url} has no verdicts of {', '.join(sorted(names))}; it has {have}."
        )
    return [replace(each, drawn=_named(each.drawn, url)) for each in found]


def _named(drawn: Drawn, url: str) -> Drawn:
    return replace(drawn, model=f"{drawn.model} of {url}")


def _deeper(judged: Judged, siblings: Sequence[Judged]) -> Judged | None:
    """Return the sibling with most samples a problem, if it has more than are in hand."""
    alike = [each for each in siblings if each.verifier == judged.verifier]
    depth = {id(each): int(np.median(_counts(each)[1])) for each in alike if each.total.any()}
    deepest = max(alike, key=lambda each: depth.get(id(each), 0), default=None)
    own = int(np.median(_counts(judged)[1]))
    return deepest if deepest is not None and depth.get(id(deepest), 0) > own else None


def _counts(judged: Judged) -> tuple[Ints, Ints]:
    """Return successes and samples of the problems that were judged."""
    known = judged.total > 0
    return judged.correct[known], judged.total[known]


def _who(judged: Judged) -> dict[str, Any]:
    return {"model": judged.drawn.model, "verifier": judged.verifier}
