"""Where a run lives: a local folder, or any fsspec URL.

Both publish a file so that it appears whole or not at all, and is durable when `publish` returns.
DuckDB only ever sees local files: shards never change, so a remote one is fetched once.
"""

import contextlib
import errno
import os
import shutil
import tempfile
import threading
import time
import uuid
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from vervet.errors import StoreError, shown

LEFTOVER_SECONDS = 3600.0
"""A temporary file this old belongs to a writer that died."""

SETTLED_SECONDS = 0.05
"""File systems stamp changes this finely, or finer."""
LISTED_SECONDS = 5.0

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Place(Protocol):
    """A folder of files that appear whole."""

    url: str
    scratch: Path
    """Local folder for files being written."""

    def names(self, folder: str, /) -> list[str]:
        """Return the names in `folder`, sorted; none where it does not exist."""
        ...

    def stamp(self, folder: str, /) -> float | None:
        """Return a number that stays the same while `folder` does; None where not known."""
        ...

    def publish(self, ready: Path, name: str, /, *, new: bool = False) -> None:
        """Move the finished file `ready` to `name`, whole and durable.

        With `new`, a file that is there already stands.
        """
        ...

    def fetch(self, names: Sequence[str], /) -> list[Path]:
        """Return local files with the contents of `names`; FileNotFoundError when one is gone."""
        ...

    def read(self, name: str, /) -> bytes:
        """Return what `name` holds now; FileNotFoundError when there is none."""
        ...

    def remove(self, names: Sequence[str], /) -> None:
        """Delete `names`; those already gone are no matter."""
        ...

    def set_aside(self, name: str, /) -> None:
        """Rename `name` to `name.torn`."""
        ...


class LocalFolder:
    """A folder on this machine."""

    def __init__(self, root: Path) -> None:
        self.url = str(root)
        self.root = root
        self.scratch = root / "tmp"

    def names(self, folder: str, /) -> list[str]:
        """Return the names in `folder`, sorted."""
        try:
            return sorted(os.listdir(self.root / folder))  # noqa: PTH208 - 3 times as fast
        except FileNotFoundError:
            return []

    def stamp(self, folder: str, /) -> float | None:
        """Return when `folder` changed; None just after, when it may again in the same tick."""
        try:
            changed = (self.root / folder).stat().st_mtime
        except FileNotFoundError:
            return None
        return changed if time.time() - changed > SETTLED_SECONDS else None

    def publish(self, ready: Path, name: str, /, *, new: bool = False) -> None:
        """Sync, rename, and sync the folder."""
        goal = self.root / name
        _sync(ready)
        if not goal.parent.is_dir():
            goal.parent.mkdir(parents=True, exist_ok=True)
            _sync(self.root)
        if not (new and _linked(ready, goal)):
            ready.replace(goal)
        _sync(goal.parent)

    def fetch(self, names: Sequence[str], /) -> list[Path]:
        """Return the paths themselves."""
        return [self.root / name for name in names]

    def read(self, name: str, /) -> bytes:
        """Return what `name` holds."""
        return (self.root / name).read_bytes()

    def remove(self, names: Sequence[str], /) -> None:
        """Delete `names`."""
        for name in names:
            (self.root / name).unlink(missing_ok=True)

    def set_aside(self, name: str, /) -> None:
        """Rename `name` to `name.torn`."""
        (self.root / name).replace(self.root / f"{name}.torn")

    def sweep(self) -> None:
        """Delete what writers that died left behind."""
        old = time.time() - LEFTOVER_SECONDS
        for path in self.scratch.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < old:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


class RemoteFolder:
    """A folder on an object store, with a local mirror of its shards."""

    def __init__(self, url: str) -> None:
        self.url = shown(url).rstrip("/")
        self.files, self.root = _open_filesystem(url.rstrip("/"))
        mirror = tempfile.mkdtemp(prefix="vervet-")
        weakref.finalize(self, shutil.rmtree, mirror, ignore_errors=True)
        self.mirror = Path(mirror) / "mirror"
        self.scratch = Path(mirror) / "tmp"
        self.scratch.mkdir()
        self.fetching = threading.Lock()

    def names(self, folder: str, /) -> list[str]:
        """Return the names in `folder`, sorted, as the store knows them now."""
        goal = f"{self.root}/{folder}"
        self.files.invalidate_cache(goal)
        try:
            found = self.files.ls(goal, detail=False)
        except FileNotFoundError:
            return []
        return sorted(str(name).rstrip("/").rsplit("/", 1)[-1] for name in found)

    def stamp(self, folder: str, /) -> float | None:
        """Return a number that changes every few seconds: listing a bucket takes time."""
        del folder
        return time.time() // LISTED_SECONDS

    def publish(self, ready: Path, name: str, /, *, new: bool = False) -> None:
        """Put the file with one request, and keep it as the local copy."""
        goal = f"{self.root}/{name}"
        if new and self.files.exists(goal):
            return
        self.files.makedirs(goal.rsplit("/", 1)[0], exist_ok=True)
        self.files.put_file(str(ready), goal)
        copy = self.mirror / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        ready.replace(copy)

    def fetch(self, names: Sequence[str], /) -> list[Path]:
        """Download what is not yet here; shards never change."""
        with self.fetching:
            return self._fetch(names)

    def _fetch(self, names: Sequence[str]) -> list[Path]:
        missing = [name for name in names if not (self.mirror / name).exists()]
        parts = [self.mirror / f"{name}.part" for name in missing]
        for part in parts:
            part.parent.mkdir(parents=True, exist_ok=True)
        if missing:
            self.files.get([f"{self.root}/{name}" for name in missing], [str(p) for p in parts])
        for part in parts:
            part.replace(part.with_suffix(""))
        return [self.mirror / name for name in names]

    def read(self, name: str, /) -> bytes:
        """Return what `name` holds in the store."""
        return bytes(self.files.cat_file(f"{self.root}/{name}"))

    def remove(self, names: Sequence[str], /) -> None:
        """Delete `names`, here and there."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                self.files.rm_file(f"{self.root}/{name}")
            (self.mirror / name).unlink(missing_ok=True)

    def set_aside(self, name: str, /) -> None:
        """Rename `name` to `name.torn`."""
        self.files.mv(f"{self.root}/{name}", f"{self.root}/{name}.torn")
        (self.mirror / name).unlink(missing_ok=True)


def _open_filesystem(url: str) -> tuple[Any, str]:
    try:
        import fsspec  # noqa: PLC0415 - an extra

        files, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        extra = "s3" if url.startswith("s3") else "remote"
        hint = f" Install it: pip install 'vervet[{extra}]'."
        raise StoreError(
            f"cannot open {shown(url)}: {error}.{hint if isinstance(error, ImportError) else ''}"
        ) from error
    return files, str(root).rstrip("/")


def place_at(url: str | os.PathLike[str]) -> LocalFolder | RemoteFolder:
    """Return the place that `url` names."""
    text = os.fspath(url)
    if text.startswith("file://"):
        text = text.removeprefix("file://")
    return RemoteFolder(text) if "://" in text else LocalFolder(Path(text).expanduser())


def _linked(ready: Path, goal: Path) -> bool:
    """Give `ready` a second name unless the name is taken; False where links cannot be made."""
    try:
        goal.hardlink_to(ready)
    except FileExistsError:
        return True
    except OSError:
        return goal.exists()
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def shard_name(rows: int, *, after: str | None = None, suffix: str = "parquet") -> str:
    """Return a new unique name; it sorts by time, or right after the name `after`."""
    stamp = after.split("-")[0] if after else f"{time.time_ns():020d}"
    return f"{stamp}-{rows}-{uuid.uuid4().hex[:12]}.{suffix}"


def rows_in(name: str) -> int:
    """Return the number of rows that a shard's name declares; 1 where it declares none."""
    parts = name.split("-")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 1


@contextlib.contextmanager
def writing(place: Place, name: str, what: str, *, new: bool = False) -> Iterator[Path]:
    """Give a temporary path to write `name` to; publish it after, or leave nothing behind.

    With `new`, a file that is there already stands.
    """
    ready = place.scratch / f"{uuid.uuid4().hex[:12]}-{name.replace('/', '-')}"
    try:
        place.scratch.mkdir(parents=True, exist_ok=True)
        yield ready
        place.publish(ready, name, new=new)
    except OSError as error:
        raise refusal(place, what, error) from error
    finally:
        with contextlib.suppress(OSError):
            ready.unlink(missing_ok=True)


def refusal(place: Place, what: str, error: Exception) -> StoreError:
    """Say in one line that `what` could not be written, and what helps."""
    if getattr(error, "errno", None) in FULL or any(os.strerror(n) in str(error) for n in FULL):
        return StoreError(
            f"the disk is full: {what} not written to {place.url}. What was stored before is "
            "whole. Free some space and run the same command again."
        )
    return StoreError(f"cannot write {what} to {place.url}: {error}")
