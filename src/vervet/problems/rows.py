"""Rows of the files problem sets come in: JSON Lines, JSON, CSV, Parquet."""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO, cast

import duckdb

from vervet.errors import ConfigError

Row = dict[str, Any]
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
    return list(stream_rows(path))


def stream_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file one after the other; only JSON is read as a whole.

    Raises:
        ConfigError: there is no such file, its format is not known, or it does not hold rows.
    """
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


def _json_lines(file: TextIO) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield _object(_parsed(line, f"line {number}"), f"line {number}")


def _json(file: TextIO) -> Iterator[Row]:
    found = _parsed(file.read(), "the file")
    rows: Iterable[Any] = found if isinstance(found, list) else [found]
    for number, row in enumerate(rows, start=1):
        yield _object(row, f"item {number}")


def _parsed(text: str, where: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as cause:
        raise ValueError(f"{where} is not JSON: {_one_line(cause)}") from cause


def _object(value: object, where: str) -> Row:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} is {type(value).__name__}, not an object of fields")  # noqa: TRY004 - bad data, not a bad call
    return dict(value)


def _csv(file: TextIO) -> Iterator[Row]:
    yield from _delimited(file, ",")


def _tsv(file: TextIO) -> Iterator[Row]:
    yield from _delimited(file, "\t")


def _delimited(file: TextIO, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    for number, row in enumerate(csv.DictReader(file, delimiter=delimiter, strict=True), start=1):
        if None in row:
            raise ValueError(f"row {number} has more cells than the header")
        yield dict(row)


def _parquet(path: Path) -> Iterator[Row]:
    with duckdb.connect() as connection:
        found = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [column[0] for column in found.description or ()]
        while rows := found.fetchmany(ROWS_AT_ONCE):
            yield from (dict(zip(names, row, strict=True)) for row in rows)


def _one_line(cause: BaseException) -> str:
    return " ".join(str(cause).split())[:300] or type(cause).__name__


TEXT_FORMATS = {".jsonl": _json_lines, ".json": _json, ".csv": _csv, ".tsv": _tsv}
