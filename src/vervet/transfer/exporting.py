"""A run as a table that anyone can read: one row per verdict, or per sample not judged."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError
from vervet.store import Run
from vervet.transfer.table import COLUMNS
from vervet.types import Outcome, Sample, Verdict

NOTHING_SAID: Sequence[Verdict | None] = (None,)
CORRECT = {Outcome.ACCEPT: True, Outcome.REJECT: False, Outcome.ERROR: None}


def export_table(run: Run, path: str | Path) -> int:
    """Write a run as CSV or JSON Lines and return the number of rows.

    Raises:
        ConfigError: the file's ending is neither .csv nor .jsonl.
    """
    file = Path(path)
    if file.suffix not in {".csv", ".jsonl"}:
        raise ConfigError(f"{path!r}: the ending must be .csv or .jsonl.")
    rows = 0
    with file.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, COLUMNS)
        if file.suffix == ".csv":
            table.writeheader()
        for row in _rows(run):
            if file.suffix == ".csv":
                table.writerow(row)
            else:
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            rows += 1
    return rows


def _rows(run: Run) -> Iterator[dict[str, Any]]:
    names = model_names(run)
    problems = [problem.id for problem in run.problems()]
    for problem_id in problems:
        where = {"problem_id": problem_id}
        verdicts: dict[tuple[str, int], list[Verdict]] = {}
        for batch in run.read(Verdict, where):
            for verdict in batch:
                verdicts.setdefault(key_of(verdict), []).append(verdict)
        samples = [sample for batch in run.read(Sample, where) for sample in batch]
        for sample in sorted(samples, key=lambda s: (s.sampler_id, s.index)):
            model = names.get(sample.sampler_id, sample.sampler_id)
            for told in verdicts.get(key_of(sample)) or NOTHING_SAID:
                yield _row(sample, told, model)


def key_of(row: Sample | Verdict) -> tuple[str, int]:
    """Return what names a sample within its problem."""
    return row.sampler_id, row.index


def model_names(run: Run) -> dict[str, str]:
    """Return the model of each sampler; the sampler's own id where two share a model."""
    models = {i: str(s.get("model", i)) for i, s in run.descriptions("samplers").items()}
    uses = Counter(models.values())
    return {i: model if uses[model] == 1 else i for i, model in models.items()}


def _row(sample: Sample, verdict: Verdict | None, model: str) -> dict[str, Any]:
    drawn = {
        "problem": sample.problem_id,
        "index": sample.index,
        "model": model,
        "text": sample.text,
        "prompt_tokens": sample.prompt_tokens,
        "completion_tokens": sample.completion_tokens,
        "cost": sample.cost,
    }
    judged = (
        {
            "answer": verdict.answer,
            "correct": CORRECT[verdict.outcome],
            "score": verdict.score,
            "verifier": verdict.verifier_id,
            "trial": verdict.trial,
        }
        if verdict
        else dict.fromkeys(("answer", "correct", "score", "verifier", "trial"))
    )
    return {column: {**drawn, **judged}[column] for column in COLUMNS}
