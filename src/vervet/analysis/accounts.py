"""Problem by problem, and what was left out or deserves a look."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from vervet.analysis.recorded import Drawn, Judged
from vervet.analysis.schema import ExcludedRow, ProblemRow
from vervet.store.run import Run
from vervet.types import Outcome, Verdict

SHOWN_CAUSES = 5


def problem_rows(judged: Judged) -> list[ProblemRow]:
    """Return one row for each problem."""
    drawn, correct, total = judged.drawn, judged.correct, judged.total
    errors, samples = judged.count(judged.failed), drawn.per_problem
    names, share, right = judged.modal()
    tokens = drawn.number("completion_tokens")
    with np.errstate(invalid="ignore"):
        mean_tokens = np.bincount(drawn.problem, weights=tokens, minlength=len(samples)) / samples
        rate = correct / total
    return [
        ProblemRow(
            model=drawn.model,
            verifier=judged.verifier,
            problem_id=problem,
            samples=int(samples[i]),
            accepted=int(correct[i]),
            rejected=int(total[i] - correct[i]),
            errors=int(errors[i]),
            rate=float(rate[i]),
            modal_answer=names[i],
            modal_share=float(share[i]),
            modal_correct=float(right[i]),
            mean_tokens=float(mean_tokens[i]),
        )
        for i, problem in enumerate(drawn.problems)
    ]


def excluded_rows(run: Run, judged: Judged) -> list[ExcludedRow]:
    """Return what one verifier could not judge, and what it judged in a way worth knowing."""
    drawn, size = judged.drawn, len(judged.drawn)
    unjudged = ~judged.judged & ~judged.failed
    silent = judged.judged & (judged.answer < 0) & (judged.answer >= 0).any()
    found = [
        ("verifier error: not judged, excluded", judged.failed, _causes(run, judged)),
        ("not yet judged: excluded", unjudged, "run `vervet verify`"),
        ("no answer found: judged, wrong", silent, ""),
        ("cut off at max_tokens: judged as it is", drawn.finished("length"), ""),
        ("refused by the model: judged as it is", drawn.finished("refusal"), ""),
        ("filtered by the endpoint: judged as it is", drawn.finished("content_filter"), ""),
        ("trials disagree (flaky): the majority counts", judged.flaky, ""),
    ]
    return [
        ExcludedRow(
            model=drawn.model,
            verifier=judged.verifier,
            reason=reason,
            count=int(which.sum()),
            total=size,
            detail=detail,
        )
        for reason, which, detail in found
        if which.any()
    ]


def missing_rows(run: Run, drawn: Sequence[Drawn]) -> Iterator[ExcludedRow]:
    """Yield what was asked for and never came, by model, with the reasons that were logged."""
    causes: dict[str, Counter[str]] = {}
    for event in run.events():
        if "sampler_id" in event and "reason" in event:
            causes.setdefault(event["sampler_id"], Counter())[str(event["reason"])] += 1
    for each in drawn:
        counts = each.per_problem
        short = int((counts.max(initial=0) - counts).sum())
        if short:
            yield ExcludedRow(
                model=each.model,
                verifier="",
                reason="samples missing: drawn by the next `vervet sample`",
                count=short,
                total=int(counts.max(initial=0)) * len(counts),
                detail=_most_common(causes.get(each.sampler_id, Counter())),
            )


def _causes(run: Run, judged: Judged) -> str:
    if not judged.failed.any():
        return ""
    where = {
        "sampler_id": judged.drawn.sampler_id,
        "verifier_id": judged.verifier_id,
        "outcome": str(Outcome.ERROR),
    }
    return _most_common(Counter(v.detail for rows in run.read(Verdict, where) for v in rows))


def _most_common(causes: Counter[str]) -> str:
    return "; ".join(f"{count:,} × {cause}" for cause, count in causes.most_common(SHOWN_CAUSES))
