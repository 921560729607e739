"""Agreement: of two verifiers, of all of them, and of one that was asked again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np

from vervet.analysis.curves import Settings, measured
from vervet.analysis.recorded import Bools, Floats, Judged
from vervet.analysis.schema_judging import AgreementRow
from vervet.stats.agreement import (
    cohen_kappa,
    effective_judges,
    effective_votes,
    fleiss_kappa,
    repeat_correlation,
    repeats,
)
from vervet.stats.estimate import Estimate
from vervet.stats.imperfect import pooled_rate
from vervet.stats.resampling import derived, mean_interval, resample
from vervet.stats.roc import within_problem_area

Measure = Callable[[Floats], float]
COHEN, FLEISS = "Cohen's kappa", "Fleiss' kappa"
REPEATS, WORTH, MANY = "repeat correlation", "effective votes", "effective verifiers"
DRAWS = 200
MOST_CELLS = 20_000_000
"""Beyond so many verdicts times draws, a measure is given without its interval."""


def agreement_rows(
    judges: Sequence[Judged], truth: Judged | None, settings: Settings
) -> Iterator[AgreementRow]:
    """Yield how far the verifiers of one model's samples agree, among all, right and wrong ones."""
    groups = _groups(judges, truth)
    for one, two in combinations(judges, 2):
        yield _kappa(one, two, settings)
    others = [each for each in judges if truth is None or each.verifier_id != truth.verifier_id]
    if len(others) > 1:
        for given, which in groups.items():
            yield from _effective(others, which, given, settings)
    for judged in judges:
        if judged.trials > 1:
            yield from _repeated(judged, truth, settings)
    if truth is not None:
        for judged in others:
            yield from _area(judged, truth, settings)


def _groups(judges: Sequence[Judged], truth: Judged | None) -> Mapping[str, Bools]:
    everything = np.ones(len(judges[0].drawn), dtype=bool) if judges else np.zeros(0, dtype=bool)
    if truth is None:
        return {"all": everything}
    return {
        "all": everything,
        "right": truth.judged & truth.accepted,
        "wrong": truth.judged & ~truth.accepted,
    }


def verdicts(judged: Judged) -> Floats:
    """Return one verdict for each sample: 1, 0, or NaN where it could not be had."""
    return np.where(judged.judged, judged.accepted.astype(np.float64), np.nan)


def _row(judged: Judged, measure: str, found: Estimate, **settings: object) -> AgreementRow:
    return AgreementRow(
        model=judged.drawn.model,
        measure=measure,
        verifier=str(settings.pop("verifier", judged.verifier)),
        **measured(found),
        **settings,  # type: ignore[arg-type]  # other, given, votes: each of its own type
    )


def _kappa(one: Judged, two: Judged, settings: Settings) -> AgreementRow:
    table = np.stack([verdicts(one), verdicts(two)], axis=1)
    table[np.isnan(table).any(axis=1)] = np.nan
    found = _resampled(lambda rows: cohen_kappa(*rows.T), table, one, settings, COHEN)
    return _row(one, COHEN, found, other=two.verifier, votes=2)


def _effective(
    judges: Sequence[Judged], which: Bools, given: str, settings: Settings
) -> Iterator[AgreementRow]:
    table = np.stack([verdicts(each) for each in judges], axis=1)
    table[~which] = np.nan
    found = _resampled(effective_judges, table, judges[0], settings, MANY)
    verifier = ", ".join(each.verifier for each in judges)
    yield _row(judges[0], MANY, found, verifier=verifier, given=given, votes=len(judges))


def _repeated(judged: Judged, truth: Judged | None, settings: Settings) -> Iterator[AgreementRow]:
    table = np.stack([judged.accepts, judged.accepts + judged.rejects], axis=1).astype(np.float64)
    kappa = _resampled(lambda rows: fleiss_kappa(*rows.T), table, judged, settings, FLEISS)
    alike = _resampled(lambda rows: repeat_correlation(*rows.T), table, judged, settings, REPEATS)
    yield _row(judged, FLEISS, kappa, votes=judged.trials)
    yield _row(judged, REPEATS, alike, votes=judged.trials)
    yield _row(judged, WORTH, _votes(alike, judged), votes=judged.trials)
    if truth is not None:
        yield from _by_truth(judged, truth, settings)


def _by_truth(judged: Judged, truth: Judged, settings: Settings) -> Iterator[AgreementRow]:
    both = judged.judged & truth.judged
    yes, seen = judged.accepts, judged.accepts + judged.rejects
    parts = judged.split(yes, seen, truth.accepted, which=both)
    found = repeats(*parts, rng=settings.rng, level=settings.level)
    of = {"other": truth.verifier, "votes": judged.trials}
    sides = ((found.right, truth.accepted), (found.wrong, ~truth.accepted))
    for given, (repeated, which) in zip(("right", "wrong"), sides, strict=True):
        estimate = replace(repeated, samples=int((both & which).sum()))
        yield _row(judged, REPEATS, estimate, given=given, **of)
        yield _row(judged, WORTH, _votes(estimate, judged), given=given, **of)
    yield _row(judged, "unanimous", _unanimous(judged, truth, settings), given="wrong", **of)


def _votes(correlation: Estimate, judged: Judged) -> Estimate:
    """Return what the verdicts are worth, as the correlation's limits say: more is less."""
    return replace(
        correlation,
        value=effective_votes(judged.trials, correlation.value),
        low=effective_votes(judged.trials, correlation.high),
        high=effective_votes(judged.trials, correlation.low),
    )


def _unanimous(judged: Judged, truth: Judged, settings: Settings) -> Estimate:
    """Return the share of wrong samples that every verdict accepts; no repetition rejects them."""
    wrong = judged.judged & truth.judged & ~truth.accepted
    full = judged.count(wrong & (judged.rejects == 0))
    weights = resample(len(full), rng=settings.rng)
    return pooled_rate(full, judged.count(wrong), weights=weights, level=settings.level)


def _area(judged: Judged, truth: Judged, settings: Settings) -> Iterator[AgreementRow]:
    """Yield the area under each problem's ROC curve, averaged: what selection can build on."""
    graded = judged.graded
    scores = np.where(np.isfinite(graded), graded, verdicts(judged))
    both = truth.judged & np.isfinite(scores)
    if not both.any():
        return
    areas = within_problem_area(*judged.split(scores, truth.accepted, which=both))
    found = mean_interval(areas, level=settings.level, samples=int(both.sum()))
    yield _row(judged, "AUROC within problems", found, other=truth.verifier, votes=judged.trials)


def _resampled(
    measure: Measure, rows: Floats, judged: Judged, settings: Settings, what: str
) -> Estimate:
    """Return a measure of samples with its bootstrap over problems."""
    problem, problems = judged.drawn.problem, len(judged.drawn.problems)
    used = np.isfinite(rows).any(axis=1)
    value = measure(rows)
    draws = []
    if rows.size * DRAWS <= MOST_CELLS:
        starts = np.searchsorted(problem, np.arange(problems + 1))
        groups = [rows[a:b] for a, b in pairwise(starts)]
        for times in resample(problems, rng=settings.rng, resamples=DRAWS).astype(np.int64):
            picked = [groups[i] for i in np.repeat(np.arange(problems), times)]
            draws.append(measure(np.concatenate(picked)))
    here = len(np.unique(problem[used]))
    found = derived(value, draws, level=settings.level, problems=here, what=what)
    return _counted(found, int(used.sum()), int((~used).sum()), too_many=not draws)


def _counted(found: Estimate, samples: int, excluded: int, *, too_many: bool) -> Estimate:
    reason = "too many verdicts for a bootstrap in reasonable time" if too_many else found.reason
    return replace(found, samples=samples, excluded=excluded, reason=reason)
