"""Repositories as they were at a commit: checked out beside the sandbox, never in the original."""

import os
import shutil
import subprocess
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from vervet.errors import VerifierError
from vervet.verifiers.patches.instance import Instance

KEPT = 8
"""Checkouts kept for the next sample of the same problem."""
CLONE_SECONDS = 1800
QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
HOST = "https://github.com"


class Repositories:
    """Checks out commits of repositories into a temporary folder of its own."""

    def __init__(self, folder: str = "") -> None:
        """Choose where repositories are found by name: `owner__name`, `owner/name`, `name`."""
        self.folder = folder
        self.place = Path(tempfile.mkdtemp(prefix="vervet-patches-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.place, ignore_errors=True)
        self.lock = threading.Lock()
        self.locks: dict[str, threading.Lock] = {}
        self.ready: OrderedDict[str, int] = OrderedDict()
        """How many use a checkout, by its name."""

    @contextmanager
    def checkout(self, instance: Instance) -> Iterator[Path]:
        """Yield a folder that holds the base commit; nobody may write to it.

        Raises:
            VerifierError: there is no such repository or commit.
        """
        source = self.source(instance)
        name = blake2b(f"{source}\0{instance.base_commit}".encode(), digest_size=12).hexdigest()
        path = self.place / name
        self.place.mkdir(mode=0o700, exist_ok=True)  # `close` may have come between two runs
        with self.lock:
            self.ready[name] = self.ready.pop(name, 0) + 1
            gate = self.locks.setdefault(name, threading.Lock())
        try:
            with gate:
                if not path.exists():
                    check_out(source, instance.base_commit, path)
            yield path
        finally:
            with self.lock:
                self.ready[name] -= 1
                self._forget()

    def _forget(self) -> None:
        idle = [name for name, users in self.ready.items() if not users]
        for name in idle[: max(0, len(self.ready) - KEPT)]:
            del self.ready[name]
            shutil.rmtree(self.place / name, ignore_errors=True)

    def source(self, instance: Instance) -> Path:
        """Return the folder of a repository, cloned first where it is elsewhere."""
        given = instance.repository
        if given and "://" not in given and not given.startswith("git@"):
            return _there(Path(given), given)
        short = instance.repo.rpartition("/")[2]
        for name in (instance.repo.replace("/", "__"), instance.repo, short):
            if self.folder and name and Path(self.folder, name).exists():
                return Path(self.folder, name)
        return self._cloned(given or f"{HOST}/{instance.repo}.git")

    def _cloned(self, url: str) -> Path:
        name = f"clone-{blake2b(url.encode(), digest_size=12).hexdigest()}"
        path = self.place / name
        with self.lock:
            gate = self.locks.setdefault(name, threading.Lock())
        with gate:
            if not path.exists():
                part = path.with_suffix(".part")
                shutil.rmtree(part, ignore_errors=True)
                git(["clone", "--quiet", "--bare", "--", url, str(part)])
                part.rename(path)
        return path

    def close(self) -> None:
        """Remove what was checked out."""
        self.remove()


def _there(path: Path, given: str) -> Path:
    if not path.is_dir():
        raise VerifierError(f"repository {given!r}: there is no such folder")
    return path.resolve()


def check_out(source: Path, commit: str, target: Path) -> None:
    """Write the files of a commit below `target`, without a repository and without its hooks.

    A folder that is no repository is copied as it is.
    """
    part = target.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    if _is_repository(source):
        part.mkdir(mode=0o755)
        index = target.with_suffix(".index")
        own = source / ".git" if (source / ".git").exists() else source
        place = ["-c", "core.hooksPath=/dev/null", f"--git-dir={own}", f"--work-tree={part}"]
        try:
            git([*place, "read-tree", f"{commit or 'HEAD'}^{{commit}}"], index)
            git([*place, "checkout-index", "--all", "--force", f"--prefix={part}/"], index)
        finally:
            index.unlink(missing_ok=True)
    elif commit:
        raise VerifierError(f"repository {source}: it is no git repository, so has no {commit}")
    else:
        shutil.copytree(source, part, symlinks=True)
    _open_to_all(part)
    part.rename(target)


def _is_repository(source: Path) -> bool:
    return (source / ".git").exists() or (source / "HEAD").is_file()


def _open_to_all(root: Path) -> None:
    """Let the sandbox's own user read, whatever the umask of this one."""
    for folder, _, files in os.walk(root):
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 - a copy of public files, in a folder of ours
        for name in files:
            path = os.path.join(folder, name)  # noqa: PTH118 - thousands of files
            if not os.path.islink(path):  # noqa: PTH114 - as above
                os.chmod(path, 0o755 if os.access(path, os.X_OK) else 0o644)  # noqa: PTH101 - as above


def git(words: list[str], index: Path | None = None) -> None:
    """Run git.

    Raises:
        VerifierError: it is not installed, or fails.
    """
    environment = {**os.environ, **QUIET, **({"GIT_INDEX_FILE": str(index)} if index else {})}
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            ["git", *words],  # noqa: S607 - the user's own git
            env=environment, check=False, capture_output=True, timeout=CLONE_SECONDS,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as cause:
        raise VerifierError(f"git does not run: {cause}") from cause
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-200:]
        raise VerifierError(f"the repository cannot be had: {said or 'git failed'}")
