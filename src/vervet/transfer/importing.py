"""Bring a file of another tool into a run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError
from vervet.problems.files import files
from vervet.problems.rows import Row, stream_rows
from vervet.store import Run
from vervet.transfer.table import Imported, TableReader
from vervet.types import Problem

ROWS_AT_ONCE = 50_000
FIRST_ROWS = 1_000
"""Rows in which a column that was named must be somewhere."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What an import brought."""

    rows: int
    problems: int
    samples: int
    verdicts: int
    models: tuple[str, ...]
    verifiers: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows: {self.problems:,} problems, {self.samples:,} samples of "
            f"{', '.join(self.models)}, {self.verdicts:,} verdicts"
            + (f" of {', '.join(self.verifiers)}" if self.verifiers else "")
        )


def import_table(
    path: str | Path,
    run: Run,
    *,
    renamed: Mapping[str, str] | None = None,
    problems: str | Path | Sequence[Problem] | None = None,
    fields: Mapping[str, str] | None = None,
) -> Brought:
    """Import one row per sample from CSV, JSONL, JSON or Parquet.

    Args:
        path: the table.
        run: where it goes; importing the same file again changes nothing.
        renamed: ours to theirs, for columns of other names.
        problems: the problems, or a file of prompts and references; else only names are known.
        fields: ours to theirs, for the fields of `problems`.

    Raises:
        ConfigError: a file or a row cannot be read; what came before it is stored.
    """
    rows = _checked(stream_rows(Path(path)), path, renamed or {})
    if isinstance(problems, str | Path):
        problems = list(files(problems, fields=fields))
    run.append(problems or ())
    reader = TableReader(renamed or {})
    known = set(run.scan(Problem, ("id",)).categories.get("id", ()))
    read = samples = verdicts = 0
    for chunk in _chunks(reader.read(rows)):
        fresh = [name for name in reader.problems if name not in known]
        run.append([Problem(name, "") for name in fresh])
        known.update(fresh)
        drawn = [each.sample for each in chunk if each.sample is not None]
        judged = [each.verdict for each in chunk if each.verdict is not None]
        run.append(drawn)
        run.append(judged)
        read += len(chunk)
        samples, verdicts = samples + len(drawn), verdicts + len(judged)
    _describe(run, reader, str(path))
    return Brought(
        read, len(reader.problems), samples, verdicts,
        tuple(reader.models), tuple(sorted(reader.verifiers)),
    )  # fmt: skip


def _checked(rows: Iterator[Row], path: str | Path, renamed: Mapping[str, str]) -> Iterator[Row]:
    """Return the rows; refuse none, and columns that are nowhere in the first of them.

    Raises:
        ConfigError: there are no rows, or no such column.
    """
    first = list(islice(rows, FIRST_ROWS))
    if not first:
        raise ConfigError(f"{path}: holds no rows.")
    for ours, theirs in renamed.items():
        if not any(theirs in row for row in first):
            raise ConfigError(
                f"{path}: no column {theirs!r} for {ours}; it has: {', '.join(map(str, first[0]))}."
            )
    return chain(first, rows)


def _chunks(found: Iterable[Imported]) -> Iterator[list[Imported]]:
    rows = iter(found)
    while chunk := list(islice(rows, ROWS_AT_ONCE)):
        yield chunk


def _describe(run: Run, reader: TableReader, source: str) -> None:
    settings: dict[str, Any] = {"provider": "imported", "source": source}
    for model, sampler_id in reader.models.items():
        run.describe("samplers", sampler_id, {**settings, "model": model})
    for verifier in sorted(reader.verifiers):
        run.describe("verifiers", verifier, {**settings, "name": verifier})
