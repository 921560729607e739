"""One verifier held against another that is taken as truth, and what resampling brings."""

from typing import Any

import numpy as np

from vervet.analysis.curves import Settings, curve
from vervet.analysis.recorded import Judged
from vervet.analysis.schema import SelectionRow, VerifierRow
from vervet.stats.estimate import Estimate
from vervet.stats.first_accepted import FirstAccepted, first_accepted
from vervet.stats.imperfect import Confusion, Limit, limit_accuracy, quality
from vervet.stats.utility import BestLimit, best_limit, break_even_precision

LIMITS = 200
"""Limits on attempts that are tried, evenly in log K, for the best one."""
UNKNOWN_BEST = {
    **dict.fromkeys(("best_k", "best_k_low", "best_k_high", "best_near_low", "best_near_high")),
    **dict.fromkeys(("best_reward", "best_reward_low", "best_reward_high"), float("nan")),
    "best_flat": False,
    "best_note": "no problem is judged by both",
}


def verifier_row(
    judged: Judged, truth: Judged, settings: Settings, *, false_positive_cost: float
) -> VerifierRow:
    """Return agreement, completeness, soundness, the limit of resampling and the best K."""
    table = confusion(judged, truth)
    found = quality(table, rng=settings.rng, level=settings.level)
    limit = limit_accuracy(table.true_accept, table.accepted, level=settings.level)
    both = judged.judged & truth.judged
    return VerifierRow(
        model=judged.drawn.model,
        verifier=judged.verifier,
        against=truth.verifier,
        both_accept=found.true_accept,
        both_reject=found.true_reject,
        only_verifier_accepts=found.false_accept,
        only_against_accepts=found.false_reject,
        **three("agreement", found.agreement),
        **three("completeness", found.completeness),
        **three("soundness", found.soundness),
        **three("false_positive_rate", found.false_positive_rate),
        **three("precision", found.precision),
        **_bracket(limit),
        **_best(table, settings, false_positive_cost),
        false_positive_cost=false_positive_cost,
        break_even_precision=break_even_precision(false_positive_cost),
        level=settings.level,
        method=found.agreement.method,
        problems=int((table.total > 0).sum()),
        samples=int(both.sum()),
        excluded=int((~both).sum()),
        reason=found.agreement.reason,
    )


def first_accepted_rows(judged: Judged, truth: Judged, settings: Settings) -> list[SelectionRow]:
    """Return how often the first of k samples that `judged` accepts is right, by `truth`."""
    table = confusion(judged, truth)
    ks = settings.grid(table.total)
    brought = first_accepted(table.true_accept, table.accepted, table.total, k=ks)
    abstained = mean(brought.abstain)
    found = curve(brought.true_positive, settings, int(table.total.sum()))
    return [
        SelectionRow(
            model=judged.drawn.model,
            policy="first-accepted",
            verifier=truth.verifier,
            by=judged.verifier,
            k=k,
            abstained=share,
            **fields,
        )
        for k, share, fields in zip(ks, abstained, found, strict=True)
    ]


def confusion(judged: Judged, truth: Judged) -> Confusion:
    """Count, by problem, the samples that both sides judged."""
    both = judged.judged & truth.judged
    yes, right = judged.accepted, truth.accepted
    return Confusion(
        *(truth.count(both & seen & true) for seen, true in (
            (yes, right), (yes, ~right), (~yes, right), (~yes, ~right)
        ))
    )  # fmt: skip


def best_attempts(
    table: Confusion, settings: Settings, cost: float
) -> tuple[FirstAccepted, BestLimit] | None:
    """Return what first-accepted brings at every limit tried, and the limit that earns most."""
    depth = settings.depth(table.total)
    if depth < 1:
        return None
    ks = np.unique(np.geomspace(1, depth, LIMITS).round().astype(np.int64))
    outcome = first_accepted(table.true_accept, table.accepted, table.total, k=ks)
    return outcome, best_limit(outcome, cost=cost, rng=settings.rng, level=settings.level)


def mean(values: np.ndarray[Any, Any]) -> list[float]:
    """Return the mean over problems of each column, NaN where no problem has a value."""
    known = np.isfinite(values)
    sums = np.where(known, values, 0).sum(axis=0)
    counts = known.sum(axis=0)
    means: list[float] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).tolist()
    return means


def three(name: str, found: Estimate) -> dict[str, Any]:
    """Return an estimate as three fields: NAME, NAME_low, NAME_high."""
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _bracket(limit: Limit) -> dict[str, Any]:
    return {
        **three("accuracy_given_accept", limit.accuracy_given_accept),
        "limit_low": limit.low.value,
        "limit_high": limit.high.value,
        "bracket_low": limit.low.low,
        "bracket_high": limit.high.high,
        "never_accepted": limit.never,
    }


def _best(table: Confusion, settings: Settings, cost: float) -> dict[str, Any]:
    """Return the K that maximises expected reward, 0 meaning abstain, with its interval."""
    tried = best_attempts(table, settings, cost)
    if tried is None:
        return UNKNOWN_BEST
    best = tried[1]
    return {
        "best_k": best.k,
        "best_k_low": _whole(best.low),
        "best_k_high": _whole(best.high),
        **three("best_reward", best.reward),
        "best_near_low": best.near[0],
        "best_near_high": best.near[1],
        "best_flat": best.flat,
        "best_note": best.note,
    }


def _whole(limit: float) -> int | None:
    return int(limit) if np.isfinite(limit) else None
