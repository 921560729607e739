"""The environment of a repository's tests: an interpreter with its packages, read-only."""

import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from vervet.errors import VerifierError
from vervet.verifiers.patches.instance import Instance
from vervet.verifiers.sandbox import view

INSIDE = Path(__file__).parent / "inside"
SHOWN = "/vervet"
BASE = "/vervet-base"
BED = "/tmp/testbed"  # noqa: S108 - inside, in a private tmpfs
ETC = ("/etc/ssl", "/etc/ca-certificates", "/etc/mime.types", "/etc/localtime")
RUNNERS = {"pytest", "_pytest", "pluggy", "iniconfig", "unittest", "nose", "py", "witness"}
"""Modules that run tests: nobody adds one of this name."""


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter as a sandbox sees it."""

    prefix: Path
    """The virtual environment, or the installation itself."""
    binds: tuple[tuple[str, str], ...]
    taken: frozenset[str]
    """Top-level modules that are installed: a patch may not hide one."""

    def variables(self, base: Path) -> dict[str, str]:
        """Return the whole environment of the test command: nothing of this process's own."""
        source = f"{BED}/src" if _has_source_folder(base) else BED
        return {
            "PATH": f"{self.prefix}/bin:/usr/local/bin:/usr/bin:/bin:/tmp/bin",
            "VIRTUAL_ENV": str(self.prefix),
            "PYTHONPATH": f"{SHOWN}:{source}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "HOME": "/tmp/home",  # noqa: S108 - inside
            "TMPDIR": "/tmp/tmp",  # noqa: S108 - inside
            "USER": "candidate",
            "LOGNAME": "candidate",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TERM": "dumb",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }


def _has_source_folder(base: Path) -> bool:
    """Whether packages lie in `src/`, which is no package itself."""
    source = base / "src"
    return source.is_dir() and not (source / "__init__.py").exists()


def environment_of(instance: Instance, problem_id: str, folder: str = "") -> Environment:
    """Return the environment of a problem's tests.

    It is the one the problem names; or, in `folder`, the one called after the problem or after
    its repository and version (`pallets__flask__2.3`); or the interpreter that runs vervet.

    Raises:
        VerifierError: there is no interpreter where it should be.
    """
    if instance.environment:
        return read_environment(instance.environment)
    repo = instance.repo.replace("/", "__")
    for name in (problem_id, f"{repo}__{instance.version}", repo):
        if folder and name and Path(folder, name).is_dir():
            return read_environment(str(Path(folder, name)))
    if folder:
        raise VerifierError(f"environments={folder!r} has none for {problem_id!r} or {repo!r}")
    return read_environment(sys.prefix)


@lru_cache(maxsize=256)
def read_environment(place: str) -> Environment:
    """Look at a virtual environment: its folder, or its interpreter.

    Raises:
        VerifierError: there is no interpreter.
    """
    given = Path(place).absolute()
    if not given.exists():
        raise VerifierError(f"environment {place!r}: there is no such folder or interpreter")
    prefix = given if given.is_dir() else given.parent.parent
    python = next((p for n in ("python", "python3") if (p := prefix / "bin" / n).exists()), None)
    if python is None:
        raise VerifierError(f"environment {place!r}: there is no {prefix}/bin/python")
    installations = (prefix, _home(prefix), python.resolve().parent.parent)
    shown = [str(root) for root in dict.fromkeys(filter(None, installations))]
    files = {f"/etc/{name}": str(INSIDE / "etc" / name) for name in ("hosts", "passwd", "group")}
    binds = dict(view.program_binds(tuple(shown)))
    binds |= {path: path for path in view.existing(ETC) if path not in binds}
    return Environment(
        prefix,
        (
            *binds.items(),
            *((source, target) for target, source in files.items()),
            (str(INSIDE), SHOWN),
            (str(INSIDE / "etc"), "/dev/shm"),  # noqa: S108 - a mount point; a tmpfs goes over it
        ),
        frozenset(_installed(prefix)),
    )


def _home(prefix: Path) -> Path | None:
    """Return the installation that a virtual environment is made of."""
    try:
        lines = (prefix / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return None
    named = (line.partition("=")[2].strip() for line in lines if line.startswith("home"))
    found = next(named, "")
    return Path(os.path.realpath(found)).parent if found else None


def _installed(prefix: Path) -> set[str]:
    """Return the modules that tests may import from this environment, and the library's own."""
    found = set(sys.stdlib_module_names) | RUNNERS
    for site in prefix.glob("lib*/python3*/site-packages"):
        for entry in site.iterdir():
            name = entry.name.partition(".")[0]
            if name.isidentifier() and (entry.is_dir() or entry.suffix in {".py", ".so"}):
                found.add(name)
    return found - {"__pycache__"}
