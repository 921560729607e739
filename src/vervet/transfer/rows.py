"""Rows of a CSV, JSONL, JSON or Parquet file, one at a time, as plain dictionaries."""

import csv
import gzip
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import duckdb

from vervet.errors import ConfigError

FORMATS = ".csv, .tsv, .jsonl, .ndjson, .json, .parquet (the text ones also as .gz)"


def read_rows(path: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table in a file.

    Raises:
        ConfigError: no such file, a format that is not known, or a line that cannot be read.
    """
    file = Path(path)
    if not file.is_file():
        raise ConfigError(f"{path!r} is not a file.")
    kind = Path(file.stem).suffix if file.suffix == ".gz" else file.suffix
    match kind.lower():
        case ".csv" | ".tsv":
            yield from _csv(file, "\t" if kind.lower() == ".tsv" else ",")
        case ".jsonl" | ".ndjson":
            yield from _jsonl(file)
        case ".json":
            yield from _json(file)
        case ".parquet":
            yield from _parquet(file)
        case _:
            raise ConfigError(f"{path!r}: the ending is not one of {FORMATS}.")


@contextmanager
def _text(file: Path) -> Iterator[IO[str]]:
    opened = gzip.open if file.suffix == ".gz" else open
    try:
        with opened(file, "rt", encoding="utf-8-sig", newline="") as stream:
            yield stream
    except (UnicodeDecodeError, OSError, EOFError) as wrong:
        raise ConfigError(f"{str(file)!r} cannot be read as UTF-8 text: {wrong}") from wrong


def _csv(file: Path, comma: str) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(sys.maxsize)  # model output is longer than the default 128 KiB
    with _text(file) as stream:
        try:
            for row in csv.DictReader(stream, delimiter=comma):
                yield {key: value for key, value in row.items() if key is not None}
        except csv.Error as wrong:
            raise ConfigError(f"{str(file)!r}: {wrong}") from wrong


def _jsonl(file: Path) -> Iterator[dict[str, Any]]:
    with _text(file) as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield _object(line, f"{file}, line {number}")


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as wrong:
        raise ConfigError(f"{where} is not JSON: {wrong}") from wrong
    if not isinstance(row, dict):
        raise ConfigError(f"{where} is a JSON {type(row).__name__}, not an object.")
    return row


def _json(file: Path) -> Iterator[dict[str, Any]]:
    with _text(file) as stream:
        try:
            rows = json.load(stream)
        except (ValueError, RecursionError) as wrong:
            raise ConfigError(f"{file} is not JSON: {wrong}") from wrong
    if not isinstance(rows, list):
        raise ConfigError(f"{file} holds a JSON {type(rows).__name__}, not a list of objects.")
    for number, row in enumerate(rows, start=1):
        yield _object(json.dumps(row), f"{file}, entry {number}")


def _parquet(file: Path) -> Iterator[dict[str, Any]]:
    with duckdb.connect() as database:
        try:
            found = database.execute("SELECT * FROM read_parquet(?)", [str(file)])
        except duckdb.Error as wrong:
            raise ConfigError(f"{str(file)!r} is not a Parquet file: {wrong}") from wrong
        names = [column[0] for column in found.description or ()]
        while rows := found.fetchmany(10_000):
            yield from (dict(zip(names, row, strict=True)) for row in rows)
