"""What is in a run, what is missing, and what failed and why: no estimates, only counts."""

from collections import Counter
from typing import Any

import numpy as np

from vervet.analysis.recorded import Drawn, drawn_by_model, verdicts_on
from vervet.store import Run
from vervet.types import Problem, Sample

SHOWN_FAILURES = 10


def contents(run: Run) -> dict[str, Any]:
    """Return the counts of a run as plain data, and as `lines` for people."""
    problems = len(run.scan(Problem, ("id",)))
    models = [_model(run, drawn) for drawn in drawn_by_model(run)]
    failures, repaired = _failures(run)
    found: dict[str, Any] = {
        "run": run.url,
        "problems": problems,
        "models": models,
        "failures": [
            {"reason": reason, "times": times}
            for reason, times in failures.most_common(SHOWN_FAILURES)
        ],
        "repaired": repaired,
    }
    return {**found, "lines": _lines(found)}


def _failures(run: Run) -> tuple[Counter[str], int]:
    """Return why requests failed whose samples are missing still, and how many others failed."""
    recorded = run.keys(Sample)
    failures: Counter[str] = Counter()
    repaired = 0
    for event in run.events():
        if "reason" not in event:
            continue
        there = recorded.get((event.get("problem_id"), event.get("sampler_id")), ())
        indices = event.get("indices")
        if indices and np.isin(indices, there).all():
            repaired += 1
        else:
            failures[str(event["reason"]).rpartition(" are missing: ")[2]] += 1
    return failures, repaired


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
        lines.append("requests that failed; the same command as before draws what is missing:")
        lines += [f"  {entry['times']:,} × {entry['reason']}" for entry in found["failures"]]
    if found["repaired"]:
        lines.append(f"{found['repaired']:,} requests failed, and were made again since")
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
