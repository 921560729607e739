"""DuckDB, as the writer and reader of Parquet files. No other module knows it."""

import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import duckdb
import numpy as np
from numpy.typing import NDArray

from vervet.errors import StoreError
from vervet.store.schema import Column, Table, to_columns

MEMORY = "1GB"
"""What DuckDB may use before it spills to disk."""
THREADS = 4
FETCH_ROWS = 1024
INTERRUPTED = "Query interrupted"
"""What DuckDB makes of Ctrl-C, as a plain RuntimeError or as an error of its own."""
PARQUET = "FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false"

Where: TypeAlias = Mapping[str, object]
"""Column to the value, or the list of values, it must have."""
Arrays: TypeAlias = dict[str, NDArray[Any]]


class ReadError(Exception):
    """A file could not be read: it is gone, torn, or DuckDB ran out of something."""


class Database:
    """An in-memory DuckDB with nothing in it: all data is in Parquet files."""

    def __init__(self) -> None:
        spill = str(Path(tempfile.gettempdir()) / f"vervet-spill-{uuid4().hex}")
        threads = min(THREADS, os.cpu_count() or 1)
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY,
            "temp_directory": spill,
            "threads": threads,
        }
        self._connection = duckdb.connect(config=settings)
        weakref.finalize(self, self._connection.close)  # which also removes what was spilled

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a cursor: threads must not share one, and its tables are its own."""
        cursor = self._connection.cursor()
        try:
            yield cursor
        except duckdb.InterruptException as error:
            raise KeyboardInterrupt from error
        except RuntimeError as error:
            if str(error) == INTERRUPTED:
                raise KeyboardInterrupt from error
            raise
        except duckdb.OutOfMemoryException as error:
            raise StoreError(f"out of memory (DuckDB may use {MEMORY}): {error}") from error
        except duckdb.Error as error:
            raise ReadError(str(error).splitlines()[0]) from error
        finally:
            cursor.close()

    def write(self, table: Table, rows: Sequence[object], path: Path) -> None:
        """Write `rows` to a new file."""
        arrays = to_columns(table, rows)
        known = {name: array for name, array in arrays.items() if array is not None}
        chosen = ", ".join(_stored(column, known) for column in table.columns)
        copy = f"COPY (SELECT {chosen} FROM rows_) TO {_quoted(path)} ({PARQUET})"  # noqa: S608
        with self._cursor() as cursor:
            cursor.register("rows_", known)
            try:
                cursor.execute(copy)
            except duckdb.InvalidInputException:
                cursor.register("rows_", {name: _encodable(known[name]) for name in known})
                cursor.execute(copy)

    def merge(self, table: Table, paths: Sequence[Path], goal: Path) -> None:
        """Write the union of `paths` to a new file: samples by key, problems as they came."""
        key = ", ".join(f'"{name}"' for name in table.key)
        names = ", ".join(f'"{name}"' for name in table.names)
        order = key if "index" in table.key else "filename, file_row_number"
        source = _read(POSITION, paths)
        with self._cursor() as cursor:
            repeated = cursor.execute(
                f"SELECT 1 FROM {source} GROUP BY {key} HAVING count(*) > 1 LIMIT 1"  # noqa: S608
            ).fetchone()
            best = f" QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {_best(table)}) = 1"
            cursor.execute(
                f"COPY (SELECT {names} FROM {source}{best if repeated else ''} ORDER BY {order}) "  # noqa: S608
                f"TO {_quoted(goal)} ({PARQUET})"
            )

    def stream(
        self, table: Table, path: Path, where: Where | None
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of one file as tuples, some thousands at a time."""
        condition, values = _condition(table, where)
        names = ", ".join(f'"{name}"' for name in table.names)
        with self._cursor() as cursor:
            cursor.execute(f"SELECT {names} FROM read_parquet({_quoted(path)}){condition}", values)  # noqa: S608
            while cells := cursor.fetchmany(FETCH_ROWS):
                yield cells

    def check(self, path: Path) -> None:
        """Read every value of `path`; raise ReadError where that fails."""
        with self._cursor() as cursor:
            cursor.execute(f"SELECT max(hash(COLUMNS(*))) FROM read_parquet({_quoted(path)})")  # noqa: S608

    def columns(
        self, wanted: Sequence[Column], groups: Iterable[Sequence[Path]], where: Where | None
    ) -> tuple[Arrays, dict[str, tuple[str, ...]]]:
        """Return columns of the files, and the categories of those that are coded.

        Files come in groups, each small enough to be held twice.
        """
        groups = list(groups)
        paths = [path for group in groups for path in group]
        condition, values = _condition(None, where)
        coded = [column for column in wanted if column.coded]
        with self._cursor() as cursor:
            categories = {}
            for column in coded:
                categories[column.name] = _categories(cursor, column, paths, (condition, values))
                _make_codes(cursor, column.name, categories[column.name])
            joins = "".join(_join(column.name) for column in coded)
            chosen = ", ".join(_fetched(column) for column in wanted)
            parts = [
                cursor.execute(
                    f"SELECT {chosen} FROM (SELECT * FROM {_read(wanted, group)}{condition}) t"  # noqa: S608
                    f"{joins}",
                    values,
                ).fetchnumpy()
                for group in groups
            ]
        return {column.name: _joined(column, parts) for column in wanted}, categories


FILE = Column("filename", "VARCHAR", "which shard", coded=True)
ROW = Column("file_row_number", "BIGINT", "which row of it")
POSITION = (FILE, ROW)
"""Asked for as columns, these say where a row stands: shards in order of name."""


def _best(table: Table) -> str:
    """Return the order in which rows of one key are preferred."""
    way = "DESC" if table.keeps == "last" else "ASC"
    error_last = "outcome = 'error', " if "outcome" in table.names else ""
    return f"{error_last}filename {way}, file_row_number {way}"


def _read(wanted: Sequence[Column], paths: Sequence[Path]) -> str:
    extra = ", filename = true, file_row_number = true" if FILE in wanted else ""
    return f"read_parquet({_listed(paths)}{extra})"


def _categories(
    cursor: duckdb.DuckDBPyConnection,
    column: Column,
    paths: Sequence[Path],
    condition: tuple[str, list[object]],
) -> tuple[str, ...]:
    if column is FILE:
        return tuple(sorted(map(str, paths)))
    if column.values or not paths:
        return column.values
    where, values = condition
    found = cursor.execute(
        f'SELECT DISTINCT "{column.name}" AS v FROM read_parquet({_listed(paths)}){where}',  # noqa: S608
        values,
    ).fetchnumpy()["v"]
    return tuple(sorted(value for value in np.ma.getdata(found).tolist() if isinstance(value, str)))


def _make_codes(cursor: duckdb.DuckDBPyConnection, name: str, categories: tuple[str, ...]) -> None:
    codes = {
        "v": np.array(categories or [""], dtype=object),
        "code": np.arange(max(len(categories), 1), dtype=np.int32),
    }
    cursor.register("codes_", codes)
    cursor.execute(f'CREATE TEMP TABLE "codes_{name}" AS SELECT * FROM codes_')  # noqa: S608
    cursor.unregister("codes_")


def _join(name: str) -> str:
    return f' LEFT JOIN "codes_{name}" ON "codes_{name}".v = t."{name}"'


def _fetched(column: Column) -> str:
    name = f'"{column.name}"'
    if column.coded:
        return f'coalesce("codes_{column.name}".code, -1) AS {name}'
    if column.null and column.type != "VARCHAR":
        return f"coalesce(t.{name}::DOUBLE, 'nan'::DOUBLE) AS {name}"
    return f"t.{name}"


_DTYPES = {"VARCHAR": "object", "INTEGER": "int32", "BIGINT": "int64", "DOUBLE": "float64"}


def _joined(column: Column, parts: list[dict[str, Any]]) -> NDArray[Any]:
    """Concatenate one column of all parts, letting go of each."""
    dtype = "int32" if column.coded else _DTYPES[column.type]
    if column.null and dtype in {"int32", "int64"} and not column.coded:
        dtype = "float64"
    pieces = [np.asarray(part.pop(column.name), dtype=dtype) for part in parts]
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=dtype)


def _encodable(array: NDArray[Any]) -> NDArray[Any]:
    """Return texts with lone surrogates replaced: they are not UTF-8 and cannot be stored."""
    if array.dtype != object:
        return array
    texts = [
        text and text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        for text in array.tolist()
    ]
    return np.array(texts, dtype=object)


def _stored(column: Column, known: Mapping[str, object]) -> str:
    source = f'"{column.name}"' if column.name in known else "NULL"
    return f'{source}::{column.type} AS "{column.name}"'


def _condition(table: Table | None, where: Where | None) -> tuple[str, list[object]]:
    terms, values = [], []
    for name, value in (where or {}).items():
        if table is not None:
            table.column(name)
        several = isinstance(value, list | tuple | set | frozenset | np.ndarray)
        terms.append(f'"{name}" IN (SELECT unnest(?))' if several else f'"{name}" = ?')
        values.append(_plain(value))
    return (" WHERE " + " AND ".join(terms) if terms else ""), values


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _listed(paths: Iterable[Path]) -> str:
    return "[" + ", ".join(map(_quoted, paths)) + "]"
