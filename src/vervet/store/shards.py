"""The shards of one table: written whole, listed, read again when they move, merged, set aside."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vervet.errors import StoreError
from vervet.store import notes
from vervet.store.database import Database, ReadError, Where
from vervet.store.places import Place, refusal, rows_in, shard_name, writing
from vervet.store.schema import Table

Result = TypeVar("Result")

SMALL_ROWS = 100_000
"""A shard of fewer rows is worth merging."""
MERGED_ROWS = 200_000
MERGED_BYTES = 64 * 2**20
"""What one merge reads at most, in rows and in compressed bytes: it must be sorted in memory."""
MANY_SHARDS = 128
TRIES = 20
_logger = logging.getLogger("vervet")


class Shards:
    """One table of a run, as files."""

    def __init__(self, place: Place, database: Database, table: Table) -> None:
        self.table = table
        self.written: set[str] = set()
        """Names of the shards that this process wrote."""
        self._place = place
        self._database = database
        self._unreadable: set[str] = set()
        self._what = f"{table.name} of {place.url}"

    def names(self) -> list[str]:
        """Return the names of the shards, in order."""
        names = self._place.names(self.table.name)
        return [n for n in names if n.endswith(".parquet") and n not in self._unreadable]

    def paths(self, names: Iterable[str]) -> list[Path]:
        """Return local files of the shards called `names`; FileNotFoundError when one is gone."""
        return self._place.fetch([f"{self.table.name}/{name}" for name in names])

    def write(self, rows: Sequence[object]) -> None:
        """Add one shard, whole and durable when this returns."""
        name = shard_name(len(rows))
        what = f"{len(rows):,} {self.table.name}"
        with writing(self._place, f"{self.table.name}/{name}", what) as ready:
            try:
                self._database.write(self.table, rows, ready)
            except ReadError as error:
                raise refusal(self._place, what, error) from error
        self.written.add(name)

    def reading(
        self, act: Callable[[list[Path]], Result], names: Sequence[str] | None = None
    ) -> Result:
        """Do `act` on all shards, or on `names` while they last.

        Again when a compaction took some away, or when some were torn.
        """
        for _ in range(TRIES):
            chosen = self.names() if names is None else names
            try:
                return act(self.paths(chosen))
            except (ReadError, FileNotFoundError) as error:
                self._explain(chosen, error)
                names = None
        raise StoreError(f"cannot read {self._what}: its shards keep changing")

    def stream(self, where: Where | None) -> Iterator[list[tuple[Any, ...]]]:
        """Yield stored rows in order of shards; after a compaction, some may come twice."""
        done: set[str] = set()
        for _ in range(TRIES):
            names = [name for name in self.names() if name not in done]
            try:
                for name in names:
                    (path,) = self.paths([name])
                    yield from self._database.stream(self.table, path, where)
                    done.add(name)
            except (ReadError, FileNotFoundError) as error:
                self._explain(names, error)
            else:
                return
        raise StoreError(f"cannot read {self._what}: its shards keep changing")

    def compact(self) -> int:
        """Merge small shards into large ones; return how many shards are fewer."""
        fewer = 0
        for names in self._mergeable():
            merged = shard_name(sum(map(rows_in, names)), after=names[0])
            try:
                with writing(self._place, f"{self.table.name}/{merged}", "merged shards") as ready:
                    self._database.merge(self.table, self.paths(names), ready)
            except (ReadError, FileNotFoundError) as error:
                self._explain(names, error)
            else:
                self._place.remove([f"{self.table.name}/{name}" for name in names])
                fewer += len(names) - 1
        return fewer

    def tidy(self) -> None:
        """Compact once there are many small shards."""
        if sum(rows_in(name) < SMALL_ROWS for name in self.names()) >= MANY_SHARDS:
            self.compact()

    def _mergeable(self) -> list[list[str]]:
        """Return runs of neighbouring small shards that fit one merge."""
        runs: list[list[str]] = [[]]
        rows = size = 0
        for path in self.reading(list):
            more, bytes_more = rows_in(path.name), _size(path)
            large = more >= SMALL_ROWS or bytes_more >= MERGED_BYTES // 2
            if large or rows + more > MERGED_ROWS or size + bytes_more > MERGED_BYTES:
                runs.append([])
                rows = size = 0
            if not large:
                runs[-1].append(path.name)
                rows, size = rows + more, size + bytes_more
        return [names for names in runs if len(names) > 1]

    def _explain(self, names: Sequence[str], error: Exception) -> None:
        """Set torn shards aside; raise StoreError unless it is worth to read again."""
        present = set(self.names())
        gone = [name for name in names if name not in present]
        torn = [name for name in names if name in present and self._is_torn(name)]
        for name in torn:
            self._set_aside(name)
        if not gone and not torn:
            raise StoreError(f"cannot read {self._what}: {error}") from error

    def _is_torn(self, name: str) -> bool:
        try:
            (path,) = self.paths([name])
            with path.open("rb"):
                self._database.check(path)
        except ReadError:
            return True
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(f"cannot read {self._what}: {error}") from error
        return False

    def _set_aside(self, name: str) -> None:
        file = f"{self.table.name}/{name}"
        self._unreadable.add(name)
        try:
            self._place.set_aside(file)
        except FileNotFoundError:
            return
        except OSError as error:
            _logger.warning("%s/%s is torn and was left out (%s)", self._place.url, file, error)
            return
        _logger.warning(
            "%s/%s is torn: set aside as %s.torn; its rows are drawn or judged again",
            self._place.url, file, name,
        )  # fmt: skip
        notes.add_events(self._place, [{"event": "torn", "shard": file}])


class News:
    """Notices shards that other processes have written."""

    def __init__(self, place: Place, shards: Shards) -> None:
        self._place = place
        self._shards = shards
        self._known = set(shards.names())
        self._stamp: float | None = None

    def names(self) -> list[str]:
        """Return the names of shards that others have written since the last call."""
        stamp = self._place.stamp(self._shards.table.name)
        if stamp is not None and stamp == self._stamp:
            return []
        self._stamp = stamp
        new = set(self._shards.names()) - self._known
        self._known |= new
        return sorted(new - self._shards.written)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
