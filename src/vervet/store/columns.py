"""Columns of a table as numpy arrays, one row for each key."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vervet.store.schema import Table
from vervet.types import Outcome

ERROR = list(Outcome).index(Outcome.ERROR)
DECIDING = ("outcome", "filename", "file_row_number")
"""Columns that decide which of several rows of one key is kept."""
JUDGED = [str(Outcome.ACCEPT), str(Outcome.REJECT)]


@dataclass(frozen=True, slots=True)
class Columns:
    """Some columns of a table: `columns["index"]` is an array, one value for each row.

    A column of names (`problem_id`, `answer`, `outcome`...) is an int32 array of codes into
    `categories[name]`, -1 where there is no value; a number that is not known is NaN.
    """

    arrays: Mapping[str, NDArray[Any]]
    categories: Mapping[str, tuple[str, ...]]

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.arrays[name]

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values()), ()))

    def keep(self, rows: NDArray[Any]) -> "Columns":
        """Return the same columns of some rows only: a mask, or positions."""
        return Columns({n: array[rows] for n, array in self.arrays.items()}, self.categories)

    def only(self, names: Sequence[str]) -> "Columns":
        """Return some of the columns."""
        known = {name: self.categories[name] for name in names if name in self.categories}
        return Columns({name: self.arrays[name] for name in names}, known)


def packed(columns: Columns, key: Sequence[str]) -> NDArray[np.int64]:
    """Return one integer for each row: equal where all of `key` are equal."""
    parts = [columns[name].astype(np.int64) + 1 for name in key]
    widths = [int(part.max(initial=0)) + 1 for part in parts]
    if np.prod([float(width) for width in widths]) < float(2**62):
        whole = np.zeros(len(columns), dtype=np.int64)
        for part, width in zip(parts, widths, strict=True):
            whole = whole * width + part
        return whole
    _, codes = np.unique(np.stack(parts, axis=1), axis=0, return_inverse=True)
    return codes.astype(np.int64).reshape(-1)


def has_repeats(keys: NDArray[np.int64]) -> bool:
    """Say whether any key occurs twice."""
    ordered = np.sort(keys)
    return bool((ordered[1:] == ordered[:-1]).any())


def winners(columns: Columns, keys: NDArray[np.int64], *, last: bool) -> NDArray[np.intp]:
    """Return which row stands for each key, in order of position.

    The first (or last) in the order of shards; a verdict that is not an error before any that is.
    """
    place = columns["filename"].astype(np.int64), columns["file_row_number"]
    rank = np.lexsort((place[1], place[0]))
    position = np.empty(len(rank), dtype=np.int64)
    position[rank] = np.arange(len(rank))
    error = columns.arrays.get("outcome", np.zeros(len(rank), dtype=np.int32)) == ERROR
    order = np.lexsort((-position if last else position, error, keys))
    first = np.ones(len(order), dtype=bool)
    first[1:] = keys[order][1:] != keys[order][:-1]
    chosen = order[first]
    return chosen[np.argsort(position[chosen])]


def grouped(
    columns: Columns, names: Sequence[str], value: str
) -> Iterator[tuple[tuple[Any, ...], NDArray[Any]]]:
    """Yield, for each different combination of `names`, the sorted values of `value`."""
    order = np.lexsort((columns[value], *(columns[name] for name in reversed(names))))
    if not len(order):
        return
    parts = [columns[name][order] for name in names]
    change = np.zeros(len(order), dtype=bool)
    change[0] = True
    for part in parts:
        change[1:] |= part[1:] != part[:-1]
    starts = np.flatnonzero(change)
    values = np.split(columns[value][order], starts[1:])
    for start, chunk in zip(starts, values, strict=True):
        yield tuple(_named(columns, n, p[start]) for n, p in zip(names, parts, strict=True)), chunk


def _named(columns: Columns, name: str, code: Any) -> Any:  # noqa: ANN401 - a name or a number
    return columns.categories[name][code] if name in columns.categories else int(code)


def matching(columns: Columns, wanted: Mapping[str, set[object]]) -> NDArray[np.bool_]:
    """Return which rows have, in every column of `wanted`, one of its values."""
    rows = np.ones(len(columns), dtype=bool)
    for name, values in wanted.items():
        if name in columns.categories:
            codes = [i for i, text in enumerate(columns.categories[name]) if text in values]
            rows &= np.isin(columns[name], codes)
        else:
            rows &= np.isin(columns[name], np.array(list(values)))
    return rows


def as_set(value: object) -> set[object]:
    """Return a value, or a list of values, as a set.

    >>> as_set("stop"), sorted(as_set(["stop", "length"]))
    ({'stop'}, ['length', 'stop'])
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return set(value) if isinstance(value, list | tuple | set | frozenset) else {value}


def passes(table: Table, where: Mapping[str, object]) -> list[dict[str, object]]:
    """Return the conditions to read a table under, one after the other, best rows first."""
    if "outcome" not in table.names:
        return [dict(where)]
    return [{**where, "outcome": JUDGED}, {**where, "outcome": str(Outcome.ERROR)}]


class Seen:
    """Remembers keys compactly: indices under the rest of the key."""

    def __init__(self, table: Table) -> None:
        at = [i for i, name in enumerate(table.names) if name in table.key and name != "index"]
        self._index = table.names.index("index") if "index" in table.key else at[0]
        self._rest = itemgetter(*at)
        self._known: dict[Any, set[Any]] = {}

    def is_new(self, cells: tuple[Any, ...]) -> bool:
        """Say whether the key of `cells` comes for the first time, and remember it."""
        known = self._known.setdefault(self._rest(cells), set())
        before = len(known)
        known.add(cells[self._index])
        return len(known) > before
