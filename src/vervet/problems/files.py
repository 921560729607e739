"""Your own problems, from JSON Lines, JSON, CSV or Parquet."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError
from vervet.problems.benchmark import answer_text
from vervet.problems.choose import choose, refuse_repeats
from vervet.problems.problem_set import ProblemSet
from vervet.problems.rows import Row, read_rows
from vervet.types import Problem

GUESSES: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "question", "problem", "input", "instruction"),
    "answer": (
        "answer",
        "expected_answer",
        "gold",
        "gold_answer",
        "ground_truth",
        "correct_answer",
        "target",
        "reference",
        "output",
        "label",
    ),
    "id": ("id", "problem_id", "unique_id", "task_id", "question_id", "qid"),
}
"""Field names that are understood without a mapping, the first present one of each."""
TESTS = ("test", "inputs", "cases", "stdin", "pytest")
"""Fields that hold tests of programs, one of which the code verifier reads."""
KEPT = (
    "messages", *TESTS, "entry_point", "expected", "stdout", "atol", "comparator", "checker",
    "language", "time_limit", "memory_limit", "setup", "header", "solution",
)  # fmt: skip
"""Fields that keep their own name without a mapping, in the rows that have them."""
SHOWN = ("id", "prompt", "messages")
"""What a field may be besides a part of the reference."""


def files(
    path: str | Path,
    *,
    fields: Mapping[str, str] | None = None,
    verifier: str = "",
    template: str = "{prompt}",
    ids: Sequence[str] | None = None,
    limit: int | None = None,
    seed: int | None = None,
) -> ProblemSet:
    """Return the problems of a file.

    Args:
        path: a .jsonl, .json, .csv, .tsv or .parquet file.
        fields: ours to the file's: `{"prompt": "question", "answer": "gold"}`. Besides `id`,
            `prompt` and `messages` every name goes into the reference, for verifiers. Without
            it, common names are recognised.
        verifier: the name of the verifier that reads these references; else `unit-tests` where
            they hold tests, and `exact`.
        template: what the model is shown, `{prompt}` standing for the field.
        ids: these problems, in this order.
        limit: the first so many.
        seed: shuffle by this seed before `limit` cuts.

    Raises:
        ConfigError: the file cannot be read, lacks a field, repeats an id, or a prompt or an
            answer is empty.
    """
    path = Path(path)
    rows = read_rows(path)
    if not rows:
        raise ConfigError(f"{path}: holds no rows.")
    if "{prompt}" not in template:
        raise ConfigError(f"{path}: the template {template!r} does not contain {{prompt}}.")
    mapping = _mapping(path, rows, fields)
    problems = [_problem(path, row, at, (mapping, template)) for at, row in enumerate(rows, 1)]
    refuse_repeats(str(path), problems)
    chosen = choose(str(path), problems, ids=ids, limit=limit, seed=seed)
    tested = any(name in problem.reference for problem in chosen for name in TESTS)
    verifier = verifier or ("unit-tests" if tested else "exact")
    return ProblemSet(path.stem, chosen, verifier=verifier, source=str(path))


def _mapping(
    path: Path, rows: Sequence[Row], fields: Mapping[str, str] | None
) -> Mapping[str, str]:
    row = rows[0]
    if fields is None:
        found = {
            ours: name
            for ours, names in GUESSES.items()
            if (name := next((n for n in names if n in row), None))
        }
        found |= {name: name for name in KEPT if any(r.get(name) is not None for r in rows)}
    else:
        found = dict(fields)
    for ours, theirs in found.items():
        if theirs not in row and not (fields is None and theirs in KEPT):
            raise ConfigError(
                f"{path}: no field {theirs!r} for {ours}; the file has: {', '.join(row)}."
            )
    if "prompt" not in found and "messages" not in found:
        raise ConfigError(
            f"{path}: which field is the prompt? The file has: {', '.join(row)}. "
            'Say fields={"prompt": NAME, "answer": NAME}; on the command line '
            'files:path=FILE,fields={"prompt": "NAME", "answer": "NAME"}.'
        )
    return found


def _problem(path: Path, row: Row, at: int, how: tuple[Mapping[str, str], str]) -> Problem:
    mapping, template = how
    where = f"{path}: row {at}"
    value = {
        ours: _cell(row, theirs, where)
        for ours, theirs in mapping.items()
        if ours not in KEPT or row.get(theirs) is not None
    }
    for needed in ("prompt", "answer"):
        if needed in value and not str(value[needed]).strip():
            raise ConfigError(f"{where} has an empty {needed} (field {mapping[needed]!r}).")
    messages = value.get("messages", ())
    if not isinstance(messages, list | tuple) or not all(isinstance(m, Mapping) for m in messages):
        raise ConfigError(f"{where}: messages must be a list of objects with role and content.")
    shown = str(value.get("prompt") or (messages[-1].get("content") if messages else ""))
    return Problem(
        str(value.get("id", at - 1)),
        template.replace("{prompt}", shown),
        {
            ours: answer_text(cell) if ours == "answer" else cell
            for ours, cell in value.items()
            if ours not in SHOWN
        },
        tuple(messages),
    )


def _cell(row: Row, name: str, where: str) -> Any:  # noqa: ANN401 - a cell of a table
    if row.get(name) is None:
        raise ConfigError(f"{where} has no {name!r}.")
    return _plain(row[name])


def _plain(value: Any) -> Any:  # noqa: ANN401 - a cell of a table, made plain JSON
    """Make a cell JSON data: Parquet has dates, decimals and bytes, which become text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | bool | int | float) or value is None else str(value)
