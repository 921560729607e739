"""Which process draws or judges what: advisory locks that end with it, however it ends.

A claim is a POSIX lock on a range of bytes of one empty file of the run: an offset for the problem
and sampler (or the verifier), plus the indices. Nothing depends on claims but money: without them
(object stores, file systems without locks) a row may be made twice, and is one row all the same.
"""

import os
from hashlib import blake2b
from pathlib import Path

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no POSIX locks
    fcntl = None  # type: ignore[assignment]

INDEX_BITS = 31
SCOPE_BITS = 31
_OPEN: dict[Path, int] = {}
"""Never closed: closing any descriptor of a file drops all of the process's locks on it."""


class Claims:
    """Claims of this process on the work on a run."""

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None or fcntl is None else _descriptor(path)

    def take(self, scope: str, indices: range) -> bool:
        """Claim indices of a scope; False where another process holds some of them."""
        if self._file is None:
            return True
        try:
            fcntl.lockf(
                self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, len(indices), _at(scope, indices)
            )
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            self._file = None  # a file system without locks
        return True

    def release(self, scope: str, indices: range) -> None:
        """Give a claim back."""
        if self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, len(indices), _at(scope, indices))


def _at(scope: str, indices: range) -> int:
    number = int.from_bytes(blake2b(scope.encode(), digest_size=8).digest()) >> (64 - SCOPE_BITS)
    return (number << INDEX_BITS) + indices.start


def _descriptor(path: Path) -> int | None:
    path = path.resolve()
    if path not in _OPEN:
        try:
            _OPEN[path] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            return None
    return _OPEN[path]
