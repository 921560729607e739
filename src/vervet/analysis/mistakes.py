"""What a verifier's mistakes cost: reward by limit, false positives by problem, the weak model."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from vervet.analysis.curves import Settings, measured
from vervet.analysis.imperfect import best_attempts, confusion, mean
from vervet.analysis.recorded import Floats, Judged
from vervet.analysis.schema_judging import (
    FalsePositiveRow,
    StrongWeakRow,
    TheoryRow,
    UtilityRow,
)
from vervet.analysis.shares import binomial_limits
from vervet.stats.first_accepted import false_positives_when
from vervet.stats.problem_types import ProblemTypes
from vervet.stats.reliability import mean_at_n
from vervet.stats.resampling import bootstrap_curve, derived, resample
from vervet.stats.utility import strong_against_weak

Pair = tuple[Judged, Judged]
THEORY_DRAWS = 200
"""Bootstrap draws of the two-type model."""


def utility_rows(pair: Pair, settings: Settings, cost: float) -> list[UtilityRow]:
    """Return the expected reward at every limit on attempts that the samples allow."""
    table = confusion(*pair)
    tried = best_attempts(table, settings, cost)
    if tried is None:
        return []
    outcome, best = tried
    ks = outcome.k.tolist()
    late = false_positives_when(table.true_accept, table.accepted, table.total, k=ks)
    columns = (
        outcome.true_positive, outcome.false_positive, outcome.abstain, outcome.samples,
    )  # fmt: skip
    found = bootstrap_curve(
        outcome.reward(cost), rng=settings.rng, level=settings.level, samples=int(table.total.sum())
    ).estimates()
    return [
        UtilityRow(
            **who(pair),
            k=k,
            false_positive_cost=cost,
            right=right,
            wrong=wrong,
            abstained=abstained,
            drawn=drawn,
            wrong_at_k=float(later),
            best=k == best.k,
            **measured(estimate),
        )
        for k, right, wrong, abstained, drawn, later, estimate in zip(
            ks, *map(mean, columns), late, found, strict=True
        )
    ]


def false_positive_rows(pair: Pair, settings: Settings) -> list[FalsePositiveRow]:
    """Return each problem's share of wrong samples that are accepted, with its own interval."""
    table = confusion(*pair)
    wrong = table.total - table.right
    rates = table.false_positive_rate()
    low, high = binomial_limits(table.false_accept, wrong, settings.level)
    precision = table.precision()
    return [
        FalsePositiveRow(
            **who(pair),
            problem_id=problem,
            accepted=int(table.accepted[i]),
            right=int(table.right[i]),
            wrong=int(wrong[i]),
            precision=float(precision[i]),
            value=float(rates[i]),
            low=float(low[i]),
            high=float(high[i]),
            level=settings.level,
            method="Wilson, samples of this problem",
            problems=1,
            samples=int(table.total[i]),
            excluded=0,
            reason="" if wrong[i] else "no sample of this problem is wrong",
        )
        for i, problem in enumerate(pair[0].drawn.problems)
        if table.total[i]
    ]


def strong_weak_rows(
    pairs: Sequence[Pair], truths: Sequence[Judged], settings: Settings
) -> Iterator[StrongWeakRow]:
    """Yield, for every two models, whether resampling the weaker can match one call of the other.

    The stronger is the one whose single sample is more often right.
    """
    for truth, (judged, own) in ((t, p) for t in truths for p in pairs):
        apart = truth.drawn.sampler_id != own.drawn.sampler_id
        if truth.verifier == own.verifier and apart:
            yield from _strong_weak(truth, judged, own, settings)


def _strong_weak(
    truth: Judged, judged: Judged, own: Judged, settings: Settings
) -> Iterator[StrongWeakRow]:
    table = confusion(judged, own)
    place = {name: i for i, name in enumerate(own.drawn.problems)}
    shared = [p for p in truth.drawn.problems if p in place]
    mine = [place[p] for p in shared]
    theirs = [i for i, p in enumerate(truth.drawn.problems) if p in place]
    strong = mean_at_n(truth.correct, truth.total)[theirs]
    single = mean_at_n(own.correct, own.total)[mine]
    weak = table.precision()[mine]
    both = np.isfinite(strong) & np.isfinite(weak)
    if not both.any() or np.nanmean(strong) <= np.nanmean(single):
        return
    found = strong_against_weak(strong, weak, level=settings.level)
    yield StrongWeakRow(
        strong=truth.drawn.model,
        weak=own.drawn.model,
        verifier=judged.verifier,
        against=own.verifier,
        strong_accuracy=float(strong[both].mean()),
        weak_given_accept=float(weak[both].mean()),
        finding=found.verdict if not found.difference.reason else "nothing can be said",
        **measured(found.difference),
    )


def theory_rows(pair: Pair, settings: Settings, cost: float) -> list[TheoryRow]:
    """Return the two-type model of the rates, and its best limit in both forms."""
    table = confusion(*pair)
    used = table.total > 0
    accepted, right = (counts[used] / table.total[used] for counts in (table.accepted, table.right))
    try:
        model = ProblemTypes.from_rates(accepted, right)
    except ValueError:
        return []  # all problems are of one type: there is no such model of them
    found = derived(
        model.soundness,
        _soundness(accepted, right, settings),
        level=settings.level,
        problems=int(used.sum()),
        what="two-type model",
    )
    return [
        TheoryRow(
            **who(pair),
            easy_share=float(model.shares[0]),
            easy_right=float(model.right[0]),
            hard_right=float(model.right[1]),
            false_positive_cost=cost,
            best_k=model.best_limit(cost=cost),
            best_k_as_published=model.best_limit(cost=cost, as_published=True),
            **measured(found),
        )
    ]


def _soundness(accepted: Floats, right: Floats, settings: Settings) -> list[float]:
    """Return the fitted soundness on bootstrap samples of problems, NaN where there is none."""
    weights = resample(len(right), rng=settings.rng, resamples=THEORY_DRAWS)
    found = []
    for times in weights.astype(np.int64):
        try:
            model = ProblemTypes.from_rates(np.repeat(accepted, times), np.repeat(right, times))
            found.append(model.soundness)
        except ValueError:
            found.append(np.nan)
    return found


def who(pair: Pair) -> dict[str, Any]:
    """Return whom a row is about."""
    judged, truth = pair
    return {
        "model": judged.drawn.model,
        "verifier": judged.verifier,
        "against": truth.verifier,
    }
