"""A run as a table that anyone can read: one row per verdict, or per sample not judged."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError
from vervet.store import Run
from vervet.transfer.parts import parts
from vervet.transfer.table import COLUMNS, Key
from vervet.types import Outcome, Sample, Verdict

NOTHING_SAID: Sequence[Verdict | None] = (None,)
CORRECT = {Outcome.ACCEPT: True, Outcome.REJECT: False, Outcome.ERROR: None}


@dataclass(frozen=True, slots=True)
class Table:
    """A table that was written."""

    rows: int
    path: str

    def __repr__(self) -> str:
        return f"{self.rows:,} rows in {self.path}"


def export_table(run: Run, path: str | Path) -> Table:
    """Write a table with one row per verdict, CSV or JSON Lines, for any tool and `import table`.

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
    return Table(rows, str(path))


def _rows(run: Run) -> Iterator[dict[str, Any]]:
    names = model_names(run)
    for problems, where in parts(run):
        verdicts: dict[Key, list[Verdict]] = {}
        for judged in run.read(Verdict, where):
            for verdict in judged:
                verdicts.setdefault(key_of(verdict), []).append(verdict)
        samples: dict[str, list[Sample]] = {}
        for drawn in run.read(Sample, where):
            for sample in drawn:
                samples.setdefault(sample.problem_id, []).append(sample)
        for problem in problems:
            for sample in sorted(samples.get(problem.id, ()), key=key_of):
                model = names.get(sample.sampler_id, sample.sampler_id)
                for told in verdicts.get(key_of(sample)) or NOTHING_SAID:
                    yield _row(sample, told, model)


def key_of(row: Sample | Verdict) -> Key:
    """Return what names a sample."""
    return row.problem_id, row.sampler_id, row.index


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
        "shared_tokens": sample.shared_tokens,
        "completion_tokens": sample.completion_tokens,
        "cost": sample.cost,
        "finish": sample.finish,
        "logprob": sample.logprob,
        "seconds": sample.seconds,
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
