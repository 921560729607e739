"""A weak verifier on every sample, a strong one on a few: accuracy corrected by the audit."""

from dataclasses import replace

import numpy as np

from vervet.analysis.curves import Settings, measured
from vervet.analysis.imperfect import confusion, three
from vervet.analysis.recorded import Judged
from vervet.analysis.schema_judging import AuditRow
from vervet.stats.estimate import Estimate
from vervet.stats.imperfect import Audit, Confusion, pooled_rate, rogan_gladen
from vervet.stats.reliability import mean_at_n
from vervet.stats.resampling import mean_interval, resample


def audit_row(judged: Judged, strong: Judged, settings: Settings) -> AuditRow:
    """Return the share of right samples, from all weak verdicts and the few strong ones.

    The audit must not have been chosen by what the weak verifier said.
    """
    table = confusion(judged, strong)
    counts = Audit(
        right=int(table.right.sum()),
        right_accepted=int(table.true_accept.sum()),
        wrong=int((table.total - table.right).sum()),
        wrong_rejected=int(table.true_reject.sum()),
    )
    acceptance = mean_at_n(judged.correct, judged.total)
    level, samples = settings.level, int(judged.total.sum())
    completeness, soundness = _rates(table, settings)
    return AuditRow(
        model=judged.drawn.model,
        verifier=judged.verifier,
        audit=strong.verifier,
        **three("acceptance", mean_interval(acceptance, level=level, samples=samples)),
        **three("completeness", completeness),
        **three("soundness", soundness),
        audited=counts.right + counts.wrong,
        audited_problems=int((table.total > 0).sum()),
        right=counts.right,
        right_accepted=counts.right_accepted,
        wrong=counts.wrong,
        wrong_rejected=counts.wrong_rejected,
        **measured(_whole(rogan_gladen(acceptance, counts, level=level), samples)),
    )


def _rates(table: Confusion, settings: Settings) -> tuple[Estimate, Estimate]:
    """Return completeness and soundness among the audited, each problem a cluster."""
    weights = resample(len(table.total), rng=settings.rng)
    wrong = table.total - table.right
    return (
        pooled_rate(table.true_accept, table.right, weights=weights, level=settings.level),
        pooled_rate(table.true_reject, wrong, weights=weights, level=settings.level),
    )


def _whole(found: Estimate, samples: int) -> Estimate:
    """Return the estimate with the samples of the whole run; the row counts the audited apart."""
    unknown = bool(np.isnan(found.value))
    return replace(found, samples=samples, excluded=found.problems if unknown else 0)
