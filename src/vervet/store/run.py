"""One run: four tables of shards, some settings, a log."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vervet.errors import ConfigError, StoreError
from vervet.store import notes
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
from vervet.store.database import POSITION, Database, ReadError, Where
from vervet.store.places import (
    LocalFolder,
    Place,
    place_at,
    refusal,
    rows_in,
    shard_name,
    writing,
)
from vervet.store.schema import FORMAT, PROBLEMS, Table, content_hash, table_of, to_row
from vervet.types import Problem

Row = TypeVar("Row")
Result = TypeVar("Result")

GROUP_ROWS = 1_000_000
"""Rows whose columns are fetched at once."""
SHARD_ROWS = 100_000
"""Rows of the largest shard that `append` writes."""
SMALL_ROWS = 100_000
MERGED_ROWS = 200_000
MANY_SHARDS = 128
TRIES = 20
_logger = logging.getLogger("vervet")


class Run:
    """A folder of four tables: problems, samples, verdicts, selections.

    A table is named by the type of its rows. Any number of processes may read and append at once.
    """

    def __init__(self, place: Place, seed: int) -> None:
        self.seed = seed
        self.place = place
        self._database = Database()
        self._unreadable: set[str] = set()

    @property
    def url(self) -> str:
        """Return where the run lives."""
        return self.place.url

    def __repr__(self) -> str:
        return f"Run({self.url!r})"

    # Rows

    def append(self, rows: Sequence[object]) -> None:
        """Store rows of one type; they are durable when this returns.

        Raises:
            StoreError: they could not be written (disk full, no permission); nothing else changed.
            ConfigError: a problem is already there with other content.
        """
        if not rows:
            return
        table = table_of(type(rows[0]))
        if table is PROBLEMS:
            rows = self._new_problems([row for row in rows if isinstance(row, Problem)])
        for start in range(0, len(rows), SHARD_ROWS):
            self._write(table, rows[start : start + SHARD_ROWS])

    def scan(self, kind: type, columns: Sequence[str], where: Where | None = None) -> Columns:
        """Return columns of a table as arrays, one value for each key, reading nothing else.

        `where` maps a column to the value, or the list of values, it must have.
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

        found = self._reading(table, fetch)
        if after:
            found = found.keep(matching(found, after))
        return found.only(columns)

    def keys(
        self, kind: type, where: Where | None = None
    ) -> dict[tuple[Any, ...], NDArray[np.int32]]:
        """Return the recorded keys: the rest of the key, in order, to its sorted indices.

        For samples `{(problem_id, sampler_id): indices}`; for verdicts
        `{(problem_id, sampler_id, verifier_id, trial): indices}`.
        """
        table = table_of(kind)
        rest = [name for name in table.key if name != "index"]
        return dict(grouped(self.scan(kind, table.key, where), rest, "index"))

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
        table = table_of(kind)
        fewer = 0
        for names in self._mergeable(table):
            merged = shard_name(sum(map(rows_in, names)), after=names[0])
            files = [f"{table.name}/{name}" for name in names]
            try:
                with writing(self.place, f"{table.name}/{merged}", "merged shards") as ready:
                    self._database.merge(table, self.place.fetch(files), ready)
            except (ReadError, FileNotFoundError) as error:
                self._explain(table, names, error)
            else:
                self.place.remove(files)
                fewer += len(names) - 1
        return fewer

    def tidy(self, kind: type) -> None:
        """Compact a table once it has many small shards."""
        small = [name for name in self.shards(kind) if rows_in(name) < SMALL_ROWS]
        if len(small) >= MANY_SHARDS:
            self.compact(kind)

    def problems(self) -> list[Problem]:
        """Return the problems, in the order in which they came."""
        return [problem for batch in self.read(Problem) for problem in batch]

    def shards(self, kind: type) -> list[str]:
        """Return the names of the shards of a table, in order."""
        table = table_of(kind)
        names = self.place.names(table.name)
        return [n for n in names if n.endswith(".parquet") and n not in self._unreadable]

    def _mergeable(self, table: Table) -> list[list[str]]:
        """Return runs of neighbouring small shards that fit one merge."""
        runs: list[list[str]] = [[]]
        rows = 0
        for name in self.shards(table.row):
            more = rows_in(name)
            if more >= SMALL_ROWS or rows + more > MERGED_ROWS:
                runs.append([])
                rows = 0
            if more < SMALL_ROWS:
                runs[-1].append(name)
                rows += more
        return [names for names in runs if len(names) > 1]

    def _write(self, table: Table, rows: Sequence[object]) -> None:
        name = f"{table.name}/{shard_name(len(rows))}"
        what = f"{len(rows):,} {table.name}"
        with writing(self.place, name, what) as ready:
            try:
                self._database.write(table, rows, ready)
            except ReadError as error:
                raise refusal(self.place, what, error) from error

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
            rows = (cells for batch in self._stream(table, where) for cells in batch)
            at = [table.names.index(name) for name in table.key]
            yield list({tuple(cells[i] for i in at): cells for cells in rows}.values())
            return
        seen = Seen(table)
        for condition in passes(table, where):
            for batch in self._stream(table, condition):
                yield [cells for cells in batch if seen.is_new(cells)]

    def _stream(self, table: Table, where: Where | None) -> Iterator[list[tuple[Any, ...]]]:
        """Yield stored rows in order of shards; after a compaction, some may come twice."""
        done: set[str] = set()
        for _ in range(TRIES):
            names = [name for name in self.shards(table.row) if name not in done]
            try:
                for name in names:
                    (path,) = self.place.fetch([f"{table.name}/{name}"])
                    yield from self._database.stream(table, path, where)
                    done.add(name)
            except (ReadError, FileNotFoundError) as error:
                self._explain(table, names, error)
            else:
                return
        raise StoreError(f"cannot read {table.name} of {self.url}: its shards keep changing")

    def _reading(self, table: Table, act: Callable[[list[Path]], Result]) -> Result:
        """Do `act` on all shards; again when a compaction took some away, or some were torn."""
        for _ in range(TRIES):
            names = self.shards(table.row)
            try:
                return act(self.place.fetch([f"{table.name}/{name}" for name in names]))
            except (ReadError, FileNotFoundError) as error:
                self._explain(table, names, error)
        raise StoreError(f"cannot read {table.name} of {self.url}: its shards keep changing")

    def _explain(self, table: Table, names: Sequence[str], error: Exception) -> None:
        """Set torn shards aside; raise StoreError unless it is worth to read again."""
        present = set(self.shards(table.row))
        gone = [name for name in names if name not in present]
        torn = [name for name in names if name in present and self._is_torn(table, name)]
        for name in torn:
            self._set_aside(f"{table.name}/{name}")
        if not gone and not torn:
            raise StoreError(f"cannot read {table.name} of {self.url}: {error}") from error

    def _is_torn(self, table: Table, name: str) -> bool:
        try:
            self._database.check(*self.place.fetch([f"{table.name}/{name}"]))
        except ReadError:
            return True
        except FileNotFoundError:
            return False
        return False

    def _set_aside(self, name: str) -> None:
        self._unreadable.add(name.rsplit("/", 1)[-1])
        try:
            self.place.set_aside(name)
        except FileNotFoundError:
            return
        except OSError as error:
            _logger.warning("%s/%s is torn and was left out (%s)", self.url, name, error)
            return
        _logger.warning(
            "%s/%s is torn: set aside as %s.torn; its rows are drawn or judged again",
            self.url, name, name,
        )  # fmt: skip
        self.log([{"event": "torn", "shard": name}])

    # Settings and log

    def describe(self, kind: notes.Kind, name: str, settings: Mapping[str, Any]) -> None:
        """Record the settings of a sampler or a verifier under its id; the last stand."""
        notes.describe(self.place, kind, name, settings)

    def descriptions(self, kind: notes.Kind) -> dict[str, dict[str, Any]]:
        """Return the recorded settings by id."""
        return notes.descriptions(self.place, kind)

    def log(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Add plain JSON mappings to the run's log, stamped with the time."""
        notes.add_events(self.place, list(events))

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what was logged, in order."""
        return notes.events(self.place)


def open_run(url: str | os.PathLike[str], *, create: bool = True, seed: int | None = None) -> Run:
    """Open the run at `url`, a folder or an fsspec URL such as `s3://bucket/run`.

    `seed` is set when the run is made (0 unless given) and never changes.

    Raises:
        ConfigError: there is no run there and `create` is false, or it has another seed.
        StoreError: it cannot be read or written, or a later vervet wrote it.
    """
    place = place_at(url)
    card = notes.run_card(place)
    if card is None:
        if not create:
            raise ConfigError(f"no run at {place.url}; it would hold a run.json")
        card = notes.make_run_card(place, seed or 0)
    if card["format"] != FORMAT:
        raise StoreError(
            f"{place.url} has format {card['format']}; this vervet reads {FORMAT}: upgrade it"
        )
    if seed is not None and seed != card["seed"]:
        raise ConfigError(f"{place.url} has seed {card['seed']}, not {seed}; it cannot change")
    if isinstance(place, LocalFolder):
        place.sweep()
    return Run(place, int(card["seed"]))


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
