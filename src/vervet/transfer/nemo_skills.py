"""Output of NeMo-Skills: `output-rs0.jsonl` and so on, a file for each sample of all problems."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError
from vervet.problems.rows import Located, Row, stream_rows
from vervet.store import Run
from vervet.transfer.importing import Brought, Given, bring, given
from vervet.transfer.logs import files_of, final
from vervet.transfer.table import TableReader

IDS = ("id", "problem_id", "unique_id", "task_id")
SUFFIX = ".jsonl"


def import_nemo_skills(
    path: str | Path, run: Run, *, problems: Given = None, model: str = "imported"
) -> Brought:
    """Import output of NeMo-Skills: every `output-rsN.jsonl` is one sample of each problem.

    `symbolic_correct` and `judgement` are the verdicts of the verifiers symbolic and judgement. A
    problem is called by its own id, or by its row. A row that failed is left out
    and counted.

    Args:
        path: the folder of the outputs, or one of them.
        run: where they go; importing the same again changes nothing.
        problems: of these ids, for prompts and references; else the output's own.
        model: whose samples they are; the files do not say it.

    Raises:
        ConfigError: a file cannot be read, or holds no generations.
    """
    known = given(problems)
    names = frozenset(problem.id for problem in known or ())
    failed: set[str] = set()
    brought = bring(
        run,
        lambda: _rows(path, names, failed),
        partial(TableReader, model=model),
        source=str(path),
        problems=known,
    )
    return replace(brought, failed=len(failed))


def _rows(path: str | Path, known: frozenset[str], failed: set[str]) -> Iterator[Located]:
    drawn: Counter[str] = Counter()
    for file in files_of(path, (SUFFIX,), begins="output"):
        for at, (line, row) in enumerate(stream_rows(file)):
            where = f"{file}: {line}"
            if not isinstance(row.get("generation"), str):
                raise ConfigError(f"{where}: is no output of NeMo-Skills: it has no generation.")
            if row.get("error") or row.get("detailed_error"):
                failed.add(where)
                continue
            own = next((str(row[key]) for key in IDS if row.get(key) is not None), str(at))
            for said in _judged(row) or [{}]:
                yield (
                    where,
                    {"problem": own, "index": drawn[own], **_drawn(row, own in known), **said},
                )
            drawn[own] += 1


def _drawn(row: Row, known: bool) -> dict[str, Any]:  # noqa: FBT001 - a fact of the row
    about = {
        "text": row["generation"],
        "answer": row.get("predicted_answer"),
        "prompt_tokens": row.get("num_input_tokens"),
        "completion_tokens": row.get("num_generated_tokens"),
        "seconds": row.get("generation_time"),
    }
    if known:
        return about
    asked = row.get("problem") or row.get("question") or ""
    expected = row.get("expected_answer")
    reference = {} if expected is None else {"answer": final(str(expected))}
    return {**about, "prompt": asked, "reference": reference}


def _judged(row: Row) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if isinstance(row.get("symbolic_correct"), bool):
        found.append({"verifier": "symbolic", "correct": row["symbolic_correct"]})
    judgement = str(row.get("judgement") or "").strip().lower()
    said = judgement.rpartition("judgement:")[2].strip()
    if said.startswith(("yes", "no")):
        found.append({"verifier": "judgement", "correct": said.startswith("yes")})
    return found
