"""From runs to an analysis: every number is a function of the tables."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, TypeVar

from vervet.analysis.accounts import problem_rows
from vervet.analysis.agreement import agreement_rows
from vervet.analysis.audit import audit_row
from vervet.analysis.budgets import exponent_rows, frontier_rows, stratum_rows
from vervet.analysis.compare import difference_rows, policy_rows, verifier_rows
from vervet.analysis.cost_ratio import Ratio
from vervet.analysis.costs import cost_rows
from vervet.analysis.curves import Settings, coverage_rows
from vervet.analysis.forecasting import (
    Beyond,
    backtest_rows,
    forecast_rows,
    plan_rows,
    siblings_of,
)
from vervet.analysis.imperfect import first_accepted_rows, verifier_row
from vervet.analysis.mistakes import (
    false_positive_rows,
    strong_weak_rows,
    theory_rows,
    utility_rows,
)
from vervet.analysis.mixture import Budget, mixture_rows
from vervet.analysis.notes import notes
from vervet.analysis.parts import Asked, Part, Seen, labels, required
from vervet.analysis.quality import quality_rows
from vervet.analysis.ranking import limit_rows, roc_rows
from vervet.analysis.recorded import Judged, drawn_by_model
from vervet.analysis.result import Analysis
from vervet.analysis.scaling import fit_rows, reliability_rows, shift_rows
from vervet.analysis.schema import Document
from vervet.analysis.solve_or_verify import Surface, crossing_rows, success_rows, surface_of
from vervet.store import Run, distinct

T = TypeVar("T")


def analyze(  # noqa: PLR0913 - the public face: one setting for each question
    runs: Run | Sequence[Run],
    *,
    k: Sequence[int] = (),
    verifier: str | None = None,
    against: str | None = None,
    audit: str | None = None,
    forecast: Sequence[int] = (),
    sibling: Run | None = None,
    forecast_width: float | None = None,
    mixture: Sequence[str | float] = (),
    quality: Sequence[str] = (),
    false_positive_cost: float = 1.0,
    cost_ratio: float | str | None = None,
    whole_surface: bool = False,
    level: float = 0.95,
    seed: int = 0,
) -> Analysis:
    """Measure coverage, selection, scaling laws, verifiers and cost of one run or several.

    Args:
        runs: what was recorded.
        k: attempts to report; empty for 1, 2, 5, 10, ... as far as the samples go.
        verifier: use the verdicts of this one only, by id or by name.
        against: take this verifier's verdicts as the truth about the others.
        audit: a verifier that judged some of the samples: correct the others' accuracy by it.
        forecast: forecast coverage at these k, beyond what was drawn.
        sibling: a deeper-sampled run of a similar model; forecasts borrow its curve.
        forecast_width: how many more samples bring each forecast to this width.
        mixture: budgets a problem, split over the models: 100, `20000tokens`, `0.05usd`.
        quality: compare right with wrong acceptances by these: `style`, a number of samples
            (`completion_tokens`), a verifier, or a file of your own columns.
        false_positive_cost: what returning a wrong answer costs, a right one being worth 1.
        cost_ratio: λ, the cost of one verification in solutions: a number, or measured from
            `tokens`, with prompts `cached`, or from what was `generated` only.
        whole_surface: success at every S and V of a judge, not only at powers of two.
        level: nominal coverage of intervals.
        seed: of the bootstrap over problems.

    Raises:
        ConfigError: a run has no samples or no verdicts, or is there twice, or what was asked for
            is not in it.
    """
    settings = Settings(tuple(k), level, seed)
    asked = Asked(
        verifier,
        against,
        audit,
        tuple(quality),
        tuple(map(Budget.read, mixture)),
        Beyond(tuple(forecast), (), forecast_width),
        false_positive_cost,
        Ratio.read(cost_ratio),
        whole_surface,
    ).checked()
    parts = _parts([runs] if isinstance(runs, Run) else distinct(runs), asked)
    required(parts, asked)
    beyond = replace(asked.beyond, siblings=_siblings(parts, sibling))
    measured = Document(
        runs=tuple(part.row() for part in parts),
        **_curves(parts, settings),
        **_beyond(parts, beyond, settings),
        **_against(parts, asked, settings),
        **_surfaces(parts, asked, settings),
        **_verifiers(parts, asked, settings),
        mixtures=tuple(mixture_rows(_judged(parts), asked.mixture, settings)),
        costs=_gather(cost_rows(each, settings) for part in parts for each in part.models),
        problems=_gather(problem_rows(each) for each in _judged(parts)),
        excluded=_gather(part.excluded() for part in parts),
    )
    return Analysis(replace(measured, notes=tuple(notes(measured, parts, asked))))


def _parts(runs: Sequence[Run], asked: Asked) -> list[Part]:
    found = [(run, drawn_by_model(run)) for run in runs]
    called = labels([each for _, models in found for each in models])
    return [
        Part(run, [replace(d, model=called[d.sampler_id]) for d in models], asked)
        for run, models in found
    ]


def _judged(parts: Sequence[Part]) -> list[Judged]:
    return [each for part in parts for each in part.judged]


def _siblings(parts: Sequence[Part], sibling: Run | None) -> Sequence[Judged]:
    """Return what was judged in the sibling run, under the verifiers in use."""
    if sibling is None:
        return ()
    deeper = _parts([sibling], Asked())
    return siblings_of(_judged(parts), _judged(deeper), sibling.url)


def _curves(parts: Sequence[Part], settings: Settings) -> dict[str, Any]:
    """Return what is measured of each model under each verifier."""
    seen = [each for part in parts for each in part.seen(settings)]
    judged = [each.judged for each in seen]
    pairs = [pair for part in parts for pair in part.pairs]
    return {
        "coverage": _gather(coverage_rows(each, settings) for each in judged),
        "selection": (
            *_gather(p.rows(settings) for each in seen for p in (*each.own, *each.by_others)),
            *_gather(first_accepted_rows(*pair, settings) for pair in pairs),
        ),
        "differences": tuple(_differences(parts, seen, settings)),
        "fits": _gather(fit_rows(each, settings) for each in judged),
        "reliability": _gather(reliability_rows(each, settings) for each in judged),
        "strata": _gather(
            stratum_rows(each.judged, [*each.own, *each.by_others], settings) for each in seen
        ),
        "shifts": tuple(shift_rows(judged, settings)),
    }


def _differences(parts: Sequence[Part], seen: Sequence[Seen], settings: Settings) -> Iterator[Any]:
    yield from difference_rows(_judged(parts), settings)
    for part in parts:
        for judges in part.by_model():
            yield from verifier_rows(judges, settings)
    for each in seen:
        yield from policy_rows(each.judged, each.others, [*each.own, *each.by_others], settings)


def _beyond(parts: Sequence[Part], beyond: Beyond, settings: Settings) -> dict[str, Any]:
    """Return coverage beyond the samples."""
    judged = _judged(parts)
    return {
        "forecasts": _gather(forecast_rows(each, beyond) for each in judged),
        "backtests": _gather(backtest_rows(each, beyond, settings) for each in judged),
        "sample_plans": _gather(plan_rows(each, beyond) for each in judged),
    }


def _against(parts: Sequence[Part], asked: Asked, settings: Settings) -> dict[str, Any]:
    """Return what is measured of a verifier against the truth."""
    pairs = [pair for part in parts for pair in part.pairs]
    cost = asked.false_positive_cost
    truths = list({truth.drawn.sampler_id: truth for _, truth in pairs}.values())
    return {
        "verifiers": tuple(verifier_row(*p, settings, false_positive_cost=cost) for p in pairs),
        "utility": _gather(utility_rows(pair, settings, cost) for pair in pairs),
        "false_positives": _gather(false_positive_rows(pair, settings) for pair in pairs),
        "strong_weak": tuple(strong_weak_rows(pairs, truths, settings)),
        "theory": _gather(theory_rows(pair, settings, cost) for pair in pairs),
        "roc": _gather(roc_rows(pair, settings) for pair in pairs),
        "limits": _gather(limit_rows(pair, settings) for pair in pairs),
        "quality": _gather(
            quality_rows(part.run, pair, part.of_model(pair[0].drawn), asked.quality, settings)
            for part in parts
            for pair in part.pairs
        ),
    }


def _surfaces(parts: Sequence[Part], asked: Asked, settings: Settings) -> dict[str, Any]:
    """Return what repeated verdicts allow: the surface, its frontier, its scaling."""
    pairs = [pair for part in parts for pair in part.pairs]

    def surfaces(*, whole: bool) -> list[Surface]:
        each = (surface_of(*p, settings, cost_ratio=asked.cost_ratio, whole=whole) for p in pairs)
        return [surface for surface in each if surface is not None]

    found = surfaces(whole=False)
    shown = surfaces(whole=True) if asked.whole_surface else found
    return {
        "success": _gather(success_rows(each, settings) for each in shown),
        "crossings": _gather(crossing_rows(each, settings) for each in found),
        "frontier": _gather(frontier_rows(each, settings) for each in found),
        "exponents": _gather(exponent_rows(each, settings) for each in found),
    }


def _verifiers(parts: Sequence[Part], asked: Asked, settings: Settings) -> dict[str, Any]:
    """Return how far verifiers agree, and what an audit makes of them."""
    del asked
    return {
        "agreement": _gather(
            agreement_rows(judges, part.truth_of(judges[0].drawn), settings)
            for part in parts
            for judges in part.by_model()
        ),
        "audits": tuple(audit_row(*pair, settings) for part in parts for pair in part.audits),
    }


def _gather(parts: Iterable[Iterable[T]]) -> tuple[T, ...]:
    return tuple(chain.from_iterable(parts))
