"""What of this machine a sandbox may see: an interpreter's library, shared objects, tool chains."""

import importlib.metadata
import os
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

SYSTEM = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo")
LINKER = ("/etc/ld.so.cache",)
PROGRAMS = (
    "/usr",
    "/bin",
    "/sbin",
    "/etc/alternatives",
    "/etc/java-17-openjdk",
    "/etc/ssl/openssl.cnf",
)
STANDARD = (
    "bisect", "collections", "copy", "functools", "heapq", "itertools", "math", "operator",
    "random", "re", "string", "typing",
)  # fmt: skip
"""Imported before the first candidate: what most programs use; each costs every fork a little."""


def library() -> list[str]:
    """Return the folders of the standard library of this interpreter."""
    paths = sysconfig.get_paths(vars={"base": sys.base_prefix, "platbase": sys.base_exec_prefix})
    found = [paths["stdlib"], paths["platstdlib"]]
    return [*dict.fromkeys(found), os.path.join(paths["platstdlib"], "lib-dynload")]  # noqa: PTH118 - strings go over the wire


def existing(paths: tuple[str, ...] | list[str]) -> list[str]:
    """Return those of `paths` that are there, links included, none inside another."""
    there = [path for path in dict.fromkeys(paths) if os.path.lexists(path)]
    return [
        path
        for path in there
        if not any(
            path != other
            and path.startswith(other.rstrip("/") + "/")
            and not Path(other).is_symlink()
            for other in there
        )
    ]


def python_binds() -> list[tuple[str, str]]:
    """Return what a Python candidate sees: shared objects and the standard library."""
    shared = [os.path.join(sys.base_prefix, "lib")]  # noqa: PTH118 - strings go over the wire
    return [(path, path) for path in existing([*SYSTEM, *LINKER, *library(), *shared])]


def package_binds(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the top-level folders and files of installed distributions, and nothing beside them.

    >>> package_binds(())
    []
    """
    found: dict[str, str] = {}
    for name in names:
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in files:
            top = file.parts[0]
            place = str(Path(str(file.locate())).parents[len(file.parts) - 1] / top)
            if top not in {"..", "__pycache__"} and not top.endswith(".dist-info"):
                found[place] = place  # the same path: what is warm already remembers where it is
    return sorted(found.items())


def program_binds(extra: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Return what compiled programs and their compilers see: /usr, read-only, and `extra`."""
    return [(path, path) for path in existing([*PROGRAMS, *SYSTEM, *LINKER, *extra])]


def installed(package: str) -> bool:
    """Whether `package` can be imported here."""
    return find_spec(package) is not None


def have(program: str) -> bool:
    """Whether `program` is on the path."""
    return shutil.which(program) is not None
