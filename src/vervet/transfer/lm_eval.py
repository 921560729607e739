"""Samples that lm-evaluation-harness logs: `samples_TASK_TIME.jsonl` beside `results_TIME.json`."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError
from vervet.problems.rows import Located, Row, stream_rows
from vervet.store import Run
from vervet.transfer.importing import Brought, Given, bring, given
from vervet.transfer.logs import files_of, final, number, parsed, reading, text_of, user_turn

NAME = re.compile(r"samples_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d[.\d]*)")
ALONE = "none"
"""The filter of a task that has none."""


def import_lm_eval(path: str | Path, run: Run, *, problems: Given = None) -> Brought:
    """Import what lm-evaluation-harness logs with `--log_samples`: each repeat is a sample.

    A problem is called TASK/DOC_ID, or by its own id where `problems` have that. A metric judges
    where a document has one reply; with several, it judges what a filter made of all of them, so
    that replies and references are imported, for `vervet verify`.

    Args:
        path: `samples_TASK_TIME.jsonl`, or the folder that `--output_path` named.
        run: where they go; importing the same again changes nothing.
        problems: of these ids, for prompts and references; else the log's own.

    Raises:
        ConfigError: a file cannot be read, or its task has likelihoods instead of replies.
    """
    known = given(problems)
    names = frozenset(problem.id for problem in known or ())
    return bring(run, lambda: _rows(path, names), source=str(path), problems=known)


def _rows(path: str | Path, known: frozenset[str]) -> Iterator[Located]:
    drawn: Counter[tuple[str, str]] = Counter()
    for file in files_of(path, (".jsonl",), begins="samples_"):
        task, model = _origin(file)
        first: dict[str, int] = {}
        for line, row in stream_rows(file):
            where = f"{file}: {line}"
            with reading(where):
                name, replies = _name(row, task, known, where), _replies(row, where)
                judged = _judged(row) if len(replies) == 1 else []
                if name in first and not judged:
                    continue  # another filter of the same replies
                start = first.setdefault(name, drawn[name, model])
                drawn[name, model] = start + len(replies)
                about = {"problem": name, "model": model, **_asked(row)}
            for at, reply in enumerate(replies):
                for said in judged or [{}]:
                    yield where, {**about, "index": start + at, "text": reply, **said}


def _origin(file: Path) -> tuple[str, str]:
    """Return the task of a file, and its model: as the results beside it say, or the folder."""
    named = NAME.fullmatch(file.name.removesuffix(".jsonl"))
    if named is None:
        return file.stem.removeprefix("samples_"), "imported"
    results = file.with_name(f"results_{named['time']}.json")
    if not results.is_file():
        return named["task"], file.parent.name
    said = parsed(text_of(results), results)
    model = said.get("model_name") if isinstance(said, dict) else None
    return named["task"], str(model or file.parent.name)


def _name(row: Row, task: str, known: frozenset[str], where: str) -> str:
    if "doc_id" not in row or "resps" not in row:
        raise ConfigError(f"{where}: is no sample of lm-evaluation-harness: no doc_id and resps.")
    doc = row.get("doc")
    own = [str(doc.get(k)) for k in ("id", "task_id", "unique_id")] if isinstance(doc, dict) else []
    return next((name for name in own if name in known), f"{task}/{row['doc_id']}")


def _replies(row: Row, where: str) -> list[str]:
    requests = row["resps"]
    replies = requests[0] if isinstance(requests, list) and len(requests) == 1 else None
    if not isinstance(replies, list) or not all(isinstance(reply, str) for reply in replies):
        raise ConfigError(
            f"{where}: has no replies: a task of multiple choice compares likelihoods, which are "
            "no samples. Log a task that generates."
        )
    return replies


def _asked(row: Row) -> dict[str, Any]:
    """Return prompt and reference; a chat is a list with one string of JSON."""
    arguments = row.get("arguments")
    first = next(iter(arguments.values())) if isinstance(arguments, dict) and arguments else None
    prompt = first.get("arg_0", "") if isinstance(first, Mapping) else ""
    if first is None and isinstance(arguments, list) and arguments and arguments[0]:
        prompt = arguments[0][0]
    turns = _turns(prompt[0] if isinstance(prompt, list) and prompt else None)
    asked = user_turn(turns) if turns else str(prompt)
    reference = {"answer": final(str(row.get("target", "")))}
    messages = turns if len(turns) > 1 else ()
    return {"prompt": asked, "messages": messages, "reference": reference}


def _turns(chat: object) -> list[Mapping[str, Any]]:
    try:
        turns = json.loads(chat) if isinstance(chat, str) else chat
    except ValueError:
        return []
    return [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []


def _judged(row: Row) -> list[dict[str, Any]]:
    """Return what each metric said of the only reply."""
    kind, found = row.get("filter", ALONE), row.get("filtered_resps") or [None]
    answer = found[0] if isinstance(found[0], str) else None
    suffix = "" if kind == ALONE else f".{kind}"
    points = {metric: number(row.get(metric)) for metric in row.get("metrics") or ()}
    return [
        {"verifier": f"{metric}{suffix}", "correct": score >= 1, "score": score, "answer": answer}
        for metric, score in points.items()
        if score is not None
    ]
