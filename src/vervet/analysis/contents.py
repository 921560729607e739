"""What is in a run, what is missing, and what failed and why: no estimates, only counts."""

from collections import Counter
from typing import Any

import numpy as np

from vervet.analysis.recorded import Drawn, drawn_by_model, verdicts_on
from vervet.store import Run
from vervet.types import Problem

SHOWN_FAILURES = 10


def contents(run: Run) -> dict[str, Any]:
    """Return the counts of a run as plain data, and as `lines` for people."""
    problems = len(run.scan(Problem, ("id",)))
    models = [_model(run, drawn) for drawn in drawn_by_model(run)]
    failures = Counter(
        str(event["reason"]) for event in run.events() if "reason" in event
    ).most_common(SHOWN_FAILURES)
    found: dict[str, Any] = {
        "run": run.url,
        "problems": problems,
        "models": models,
        "failures": [{"reason": reason, "times": times} for reason, times in failures],
    }
    return {**found, "lines": _lines(found)}


def _model(run: Run, drawn: Drawn) -> dict[str, Any]:
    counts = drawn.per_problem
    return {
        "model": drawn.model,
        "sampler_id": drawn.sampler_id,
        "settings": drawn.settings,
        "samples": len(drawn),
        "fewest": int(counts.min()) if len(counts) else 0,
        "most": int(counts.max(initial=0)),
        "cut_off": int(drawn.finished("length").sum()),
        "verifiers": [
            {
                "verifier_id": judged.verifier_id,
                "accepted": int(judged.accepted.sum()),
                "rejected": int((judged.judged & ~judged.accepted).sum()),
                "errors": int(judged.failed.sum()),
                "not_judged": int((~judged.judged & ~judged.failed).sum()),
                "trials": judged.trials,
                "flaky": int(np.count_nonzero(judged.flaky)),
            }
            for judged in verdicts_on(run, drawn)
        ],
    }


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"{found['run']}: {found['problems']:,} problems"]
    for model in found["models"]:
        spread = f"{model['fewest']:,}" + (
            f" to {model['most']:,}" if model["most"] != model["fewest"] else ""
        )
        lines.append(
            f"  {model['model']} ({model['sampler_id']}): {model['samples']:,} samples, "
            f"{spread} a problem, {model['cut_off']:,} cut off at max_tokens"
        )
        lines += [_verifier_line(verifier) for verifier in model["verifiers"]]
        if not model["verifiers"]:
            lines.append("    not judged yet: vervet verify RUN --verifier NAME")
    if found["failures"]:
        lines.append("requests that failed; the next `vervet sample` draws what is missing:")
        lines += [f"  {entry['times']:,} × {entry['reason']}" for entry in found["failures"]]
    return lines


def _verifier_line(verifier: dict[str, Any]) -> str:
    parts = [f"{verifier['accepted']:,} accepted", f"{verifier['rejected']:,} rejected"]
    for key, words in (
        ("errors", "could not be judged"),
        ("not_judged", "not judged yet"),
        ("flaky", "flaky"),
    ):
        if verifier[key]:
            parts.append(f"{verifier[key]:,} {words}")
    return f"    {verifier['verifier_id']}: {', '.join(parts)}"
