"""Rows of the files problem sets come in: JSON Lines, JSON, CSV, Parquet."""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, TextIO, cast

import duckdb

from vervet.errors import ConfigError

Row = dict[str, Any]
Located = tuple[str, Row]
"""A row, and where in its file it stands: `line 7`, `item 7`, `row 7`."""
LONGEST_CELL = 2**27
"""Characters; a model's reasoning is longer than the 128 KiB that csv allows by itself."""
READERS = ".jsonl, .json, .csv, .tsv, .parquet (.gz as well, but for Parquet)"


ROWS_AT_ONCE = 10_000
"""Rows of a Parquet file held together."""


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file; its name says the format.

    Raises:
        ConfigError: as `stream_rows` does.
    """
    return [row for _, row in stream_rows(path)]


def stream_rows(path: Path) -> Iterator[Located]:
    """Yield the rows of a file one after the other, each with its place; only JSON is read whole.

    Raises:
        ConfigError: there is no such file, its format is not known, or it does not hold rows.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder, not a file.")
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file.")
    kind = Path(path.name.removesuffix(".gz")).suffix.lower()
    try:
        if kind == ".parquet":
            yield from _parquet(path)
            return
        if kind not in TEXT_FORMATS:
            raise ConfigError(
                f"{path}: cannot read {kind or 'a file without a suffix'}; {READERS}."
            )
        with _open(path) as file:
            yield from TEXT_FORMATS[kind](file)
    except (OSError, EOFError, ValueError, csv.Error, duckdb.Error) as cause:
        raise ConfigError(f"{path}: {_one_line(cause)}") from cause


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


def _json_lines(file: TextIO) -> Iterator[Located]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            where = f"line {number}"
            yield where, _object(_parsed(line, where), where)


def _json(file: TextIO) -> Iterator[Located]:
    found = _parsed(file.read(), "the file")
    rows: Iterable[Any] = found if isinstance(found, list) else [found]
    for number, row in enumerate(rows, start=1):
        where = f"item {number}"
        yield where, _object(row, where)


def _parsed(text: str, where: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as cause:
        raise ValueError(f"{where} is not JSON: {_one_line(cause)}") from cause


def _object(value: object, where: str) -> Row:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} is {type(value).__name__}, not an object of fields")  # noqa: TRY004 - bad data, not a bad call
    return dict(value)


def _csv(file: TextIO) -> Iterator[Located]:
    yield from _delimited(file, ",")


def _tsv(file: TextIO) -> Iterator[Located]:
    yield from _delimited(file, "\t")


def _delimited(file: TextIO, delimiter: str) -> Iterator[Located]:
    csv.field_size_limit(LONGEST_CELL)
    table = csv.DictReader(file, delimiter=delimiter, strict=True)
    names = table.fieldnames or ()
    if len(names) == 1 and ";" in names[0]:
        raise ValueError(f"its cells are separated by ';', not by {delimiter!r}")
    for number, row in enumerate(table, start=1):
        if None in row:
            raise ValueError(f"row {number} has more cells than the header")
        yield f"line {table.line_num}", dict(row)


def _parquet(path: Path) -> Iterator[Located]:
    with duckdb.connect() as connection:
        found = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [column[0] for column in found.description or ()]
        number = count(1)
        while rows := found.fetchmany(ROWS_AT_ONCE):
            for row in rows:
                yield f"row {next(number)}", dict(zip(names, row, strict=True))


def _one_line(cause: BaseException) -> str:
    return " ".join(str(cause).split())[:300] or type(cause).__name__


TEXT_FORMATS = {".jsonl": _json_lines, ".json": _json, ".csv": _csv, ".tsv": _tsv}
