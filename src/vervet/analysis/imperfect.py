"""One verifier held against another that is taken as truth, and what resampling brings."""

from typing import Any

import numpy as np

from vervet.analysis.curves import Settings, intervals, measured
from vervet.analysis.recorded import Judged
from vervet.analysis.schema import SelectionRow, VerifierRow
from vervet.stats.estimate import Estimate
from vervet.stats.first_accepted import first_accepted
from vervet.stats.imperfect import Confusion, limit_accuracy, quality
from vervet.stats.utility import best_limit

LIMITS = 200
"""Limits on attempts that are tried, evenly in log K, for the best one."""


def verifier_row(
    judged: Judged, truth: Judged, settings: Settings, *, false_positive_cost: float
) -> VerifierRow:
    """Return agreement, completeness, soundness, the limit of resampling and the best K."""
    table = confusion(judged, truth)
    found = quality(table, rng=settings.rng, level=settings.level)
    limit = limit_accuracy(table.true_accept, table.accepted, level=settings.level)
    best = best_attempts(table, settings, false_positive_cost)
    both = judged.judged & truth.judged
    return VerifierRow(
        model=judged.drawn.model,
        verifier=judged.verifier,
        against=truth.verifier,
        both_accept=found.true_accept,
        both_reject=found.true_reject,
        only_verifier_accepts=found.false_accept,
        only_against_accepts=found.false_reject,
        **_three("agreement", found.agreement),
        **_three("completeness", found.completeness),
        **_three("soundness", found.soundness),
        **_three("false_positive_rate", found.false_positive_rate),
        **_three("precision", found.precision),
        accuracy_given_accept=limit.accuracy_given_accept.value,
        limit_low=limit.low.value,
        limit_high=limit.high.value,
        never_accepted=limit.never,
        **best,
        false_positive_cost=false_positive_cost,
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
    abstained = np.nanmean(brought.abstain, axis=0) if len(brought.abstain) else np.zeros(len(ks))
    return [
        SelectionRow(
            model=judged.drawn.model,
            policy="first-accepted",
            verifier=truth.verifier,
            by=judged.verifier,
            k=k,
            abstained=float(share),
            **measured(found),
        )
        for k, share, found in zip(
            ks,
            abstained,
            intervals(brought.true_positive, settings, int(table.total.sum())),
            strict=True,
        )
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


def best_attempts(table: Confusion, settings: Settings, cost: float) -> dict[str, Any]:
    """Return the K that maximises expected reward, 0 meaning abstain, with its interval."""
    depth = settings.depth(table.total)
    if depth < 1:
        unknown = dict.fromkeys(("best_k", "best_k_low", "best_k_high"))
        return {**unknown, "best_reward": float("nan"), "best_note": "no problem is judged by both"}
    ks = np.unique(np.geomspace(1, depth, LIMITS).round().astype(np.int64))
    outcome = first_accepted(table.true_accept, table.accepted, table.total, k=ks)
    best = best_limit(outcome, cost=cost, rng=settings.rng, level=settings.level)
    return {
        "best_k": best.k,
        "best_k_low": _whole(best.low),
        "best_k_high": _whole(best.high),
        "best_reward": best.reward.value,
        "best_note": best.note,
    }


def _whole(limit: float) -> int | None:
    return int(limit) if np.isfinite(limit) else None


def _three(name: str, found: Estimate) -> dict[str, Any]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
