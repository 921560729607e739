"""One run: four tables of shards, some settings, a log."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vervet.errors import ConfigError, StoreError
from vervet.store import notes
from vervet.store.claims import Claims
from vervet.store.columns import (
    DECIDING,
    Columns,
    Seen,
    as_set,
    grouped,
    has_repeats,
    matching,
    packed,
    passes,
    winners,
)
from vervet.store.database import POSITION, Database, Where
from vervet.store.places import LocalFolder, Place, place_at, rows_in
from vervet.store.schema import FORMAT, PROBLEMS, TABLES, Table, content_hash, table_of, to_row
from vervet.store.shards import News, Shards
from vervet.types import Problem

Row = TypeVar("Row")

GROUP_ROWS = 1_000_000
"""Rows whose columns are fetched at once."""
SHARD_ROWS = 100_000
"""Rows of the largest shard that `append` writes."""


class Run:
    """A folder of four tables: problems, samples, verdicts, selections.

    A table is named by the type of its rows. Any number of processes may read and append at once.
    """

    def __init__(self, place: Place, seed: int, *, made: bool = True) -> None:
        self.seed = seed
        self.place = place
        self._made = made
        self._database = Database()
        self._tables = {table.row: Shards(place, self._database, table) for table in TABLES}
        self._claims: Claims | None = None

    @property
    def url(self) -> str:
        """Return where the run lives."""
        return self.place.url

    def __repr__(self) -> str:
        return f"Run({self.url!r})"

    def _make(self) -> None:
        """Write the card before anything else is written; a run that gets nothing is not there."""
        if not self._made:
            _agree(self.place, notes.make_run_card(self.place, self.seed), self.seed)
            self._made = True

    # Rows

    def append(self, rows: Sequence[object], *, new: bool = False) -> None:
        """Store rows of one type; they are durable when this returns.

        Problems are compared with those recorded, which reads these, unless all are `new`.

        Raises:
            StoreError: they could not be written (disk full, no permission); nothing else changed.
            ConfigError: a problem is already there with other content.
        """
        if not rows:
            return
        self._make()
        table = table_of(type(rows[0]))
        if table is PROBLEMS and not new:
            rows = self._new_problems([row for row in rows if isinstance(row, Problem)])
        for start in range(0, len(rows), SHARD_ROWS):
            self._tables[table.row].write(rows[start : start + SHARD_ROWS])

    def scan(
        self,
        kind: type,
        columns: Sequence[str],
        where: Where | None = None,
        *,
        shards: Sequence[str] | None = None,
    ) -> Columns:
        """Return columns of a table as arrays, one value for each key, reading nothing else.

        `where` maps a column to the value, or the list of values, it must have. With `shards`,
        only those are read (all, where one of them is gone).
        """
        table = table_of(kind)
        before, after = _split(table, where)
        chosen = [table.column(name) for name in dict.fromkeys((*columns, *table.key, *after))]

        def fetch(paths: list[Path]) -> Columns:
            groups = list(_groups(paths))
            found = Columns(*self._database.columns(chosen, groups, before))
            if not has_repeats(packed(found, table.key)):
                return found
            deciding = [c for c in (*table.columns, *POSITION) if c.name in DECIDING]
            again = list(dict.fromkeys((*chosen, *deciding)))
            found = Columns(*self._database.columns(again, groups, before))
            keys = packed(found, table.key)
            return found.keep(winners(found, keys, last=table.keeps == "last"))

        found = self._tables[kind].reading(fetch, shards)
        if after:
            found = found.keep(matching(found, after))
        return found.only(columns)

    def keys(
        self, kind: type, where: Where | None = None, *, shards: Sequence[str] | None = None
    ) -> dict[tuple[Any, ...], NDArray[np.int32]]:
        """Return the recorded keys: the rest of the key, in order, to its sorted indices.

        For samples `{(problem_id, sampler_id): indices}`; for verdicts
        `{(problem_id, sampler_id, verifier_id, trial): indices}`.
        """
        table = table_of(kind)
        rest = [name for name in table.key if name != "index"]
        return dict(grouped(self.scan(kind, table.key, where, shards=shards), rest, "index"))

    def read(self, kind: type[Row], where: Where | None = None) -> Iterator[list[Row]]:
        """Yield the rows themselves, some thousands at a time, one for each key."""
        table = table_of(kind)
        before, after = _split(table, where)
        wanted = [(table.names.index(name), values) for name, values in after.items()]
        for batch in self._unique(table, before):
            rows = [cells for cells in batch if all(cells[at] in ok for at, ok in wanted)]
            if rows:
                yield [to_row(table, cells) for cells in rows]

    def compact(self, kind: type) -> int:
        """Merge small shards into large ones; return how many shards are fewer.

        Dying half way does no harm: old and new shards say the same, and a row is its key.
        """
        return self._tables[table_of(kind).row].compact()

    def tidy(self, kind: type) -> None:
        """Compact a table once it has many small shards."""
        self._tables[kind].tidy()

    def news(self, kind: type) -> News:
        """Return what notices shards that other processes write from now on."""
        return News(self.place, self._tables[kind])

    def claim(self, scope: str, indices: range) -> bool:
        """Claim indices of a scope for this process; False where another process holds some."""
        self._make()
        if self._claims is None:
            folder = self.place.root if isinstance(self.place, LocalFolder) else None
            self._claims = Claims(folder / "claims.lock" if folder else None)
        return self._claims.take(scope, indices)

    def release(self, scope: str, indices: range) -> None:
        """Give a claim back."""
        if self._claims is not None:
            self._claims.release(scope, indices)

    def problems(self) -> list[Problem]:
        """Return the problems, in the order in which they came."""
        return [problem for batch in self.read(Problem) for problem in batch]

    def shards(self, kind: type) -> list[str]:
        """Return the names of the shards of a table, in order."""
        return self._tables[table_of(kind).row].names()

    def _new_problems(self, problems: Sequence[Problem]) -> list[Problem]:
        """Return those not yet recorded; the recorded ones must be the same."""
        known = self.scan(Problem, ("id", "content"))
        names = known.categories.get("id", ())
        content = {
            names[code]: text for code, text in zip(known["id"], known["content"], strict=True)
        }
        fresh = {}
        for problem in problems:
            mine = content_hash(problem)
            if content.setdefault(problem.id, mine) != mine:
                raise ConfigError(
                    f"the data set changed under the run: problem {problem.id!r} is in {self.url} "
                    "with another prompt, reference or conversation. Use a new run for it."
                )
            if problem.id not in names:
                fresh[problem.id] = problem
        return list(fresh.values())

    def _unique(self, table: Table, where: Where) -> Iterator[list[tuple[Any, ...]]]:
        """Yield stored rows, one for each key."""
        if table.keeps == "last":
            rows = (cells for batch in self._tables[table.row].stream(where) for cells in batch)
            at = [table.names.index(name) for name in table.key]
            yield list({tuple(cells[i] for i in at): cells for cells in rows}.values())
            return
        seen = Seen(table)
        for condition in passes(table, where):
            for batch in self._tables[table.row].stream(condition):
                yield [cells for cells in batch if seen.is_new(cells)]

    # Settings and log

    def describe(self, kind: notes.Kind, name: str, settings: Mapping[str, Any]) -> None:
        """Record the settings of a sampler or a verifier under its id; the last stand."""
        self._make()
        notes.describe(self.place, kind, name, settings)

    def descriptions(self, kind: notes.Kind) -> dict[str, dict[str, Any]]:
        """Return the recorded settings by id."""
        return notes.descriptions(self.place, kind)

    def log(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Add plain JSON mappings to the run's log, stamped with the time."""
        if told := list(events):
            self._make()
            notes.add_events(self.place, told)

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what was logged, in order."""
        return notes.events(self.place)


def open_run(url: str | os.PathLike[str], *, create: bool = True, seed: int | None = None) -> Run:
    """Open the run at `url`, a folder or an fsspec URL such as `s3://bucket/run`.

    A new run is made when its first rows are stored, or at once where a `seed` is given. The seed
    (0 by default) never changes.

    Raises:
        ConfigError: there is no run there and `create` is false, or it has another seed.
        StoreError: it cannot be read or written, or a later vervet wrote it.
    """
    place = place_at(url)
    card = notes.run_card(place)
    if card is None:
        if not create:
            raise ConfigError(f"no run at {place.url}; it would hold a run.json")
        if seed is None:
            return Run(place, 0, made=False)
        card = notes.make_run_card(place, seed)
    _agree(place, card, seed)
    if isinstance(place, LocalFolder):
        place.sweep()
    return Run(place, int(card["seed"]))


def _agree(place: Place, card: Mapping[str, Any], seed: int | None) -> None:
    """Refuse a run of another format, or of another seed than the one asked for."""
    if card["format"] != FORMAT:
        raise StoreError(
            f"{place.url} has format {card['format']}; this vervet reads {FORMAT}: upgrade it"
        )
    if seed is not None and seed != card["seed"]:
        raise ConfigError(f"{place.url} has seed {card['seed']}, not {seed}; it cannot change")


def distinct(runs: Sequence[Run]) -> list[Run]:
    """Return the runs, none of which may be there twice: its samples would count twice.

    Raises:
        ConfigError: naming the one that is.
    """
    places = [run.url if "://" in run.url else str(Path(run.url).resolve()) for run in runs]
    for at, place in enumerate(places):
        if place in places[:at]:
            raise ConfigError(f"{runs[at].url} is named twice; its samples would count twice.")
    return list(runs)


def _groups(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Split `paths` so that each part has at most GROUP_ROWS rows, or is one shard."""
    group: list[Path] = []
    rows = 0
    for path in paths:
        more = rows_in(path.name)
        if group and rows + more > GROUP_ROWS:
            yield group
            group, rows = [], 0
        group.append(path)
        rows += more
    if group:
        yield group


def _split(table: Table, where: Where | None) -> tuple[dict[str, object], dict[str, set[object]]]:
    """Return what can be asked before repeated rows are one row, and what only after."""
    where = where or {}
    for name in where:
        table.column(name)
    key = {name: value for name, value in where.items() if name in table.key}
    rest = {name: as_set(value) for name, value in where.items() if name not in table.key}
    return key, rest
