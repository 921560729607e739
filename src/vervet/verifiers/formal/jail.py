"""Confines this process by the sandbox's own means, then becomes the program asked for.

Started by its path with settings as JSON; imports nothing of the packages above it. The program
sees its libraries read-only, a private tmpfs, no network, no other process, no privileges.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

INSIDE = Path(__file__).resolve().parents[1] / "sandbox" / "inside"
REFUSED = 97
"""Exit status where the confinement asked for cannot be had."""


def load(name: str) -> ModuleType:
    """Import one module of the sandbox by its path."""
    spec = importlib.util.spec_from_file_location(f"vervet_{name}", INSIDE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def confine(settings: dict[str, Any]) -> None:
    """Take this process out of the machine, as `settings` say."""
    ours = load("confine")
    calls = load("syscalls") if settings["namespaces"] else None
    if calls is not None:
        proc = os.open("/proc", os.O_PATH)
        ours.become_init()
        ours.build_root(
            [tuple(pair) for pair in settings["binds"]], settings["scratch"], proc=False
        )
        ours.drop_root(proc)
        ours.drop_capabilities()
    ours.limit(settings["limits"])
    ours.seal()
    if calls is not None:
        calls.Filter(calls.base_filter(execute=True)).install()


def main() -> None:
    """Confine, then run the command."""
    settings: dict[str, Any] = json.loads(sys.argv[1])
    os.chdir(settings["folder"])
    try:
        confine(settings)
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        sys.stderr.flush()
        os._exit(REFUSED)
    if settings["namespaces"]:
        os.chdir(settings.get("inside", "/tmp"))  # noqa: S108 - a private tmpfs
    os.execve(settings["command"][0], settings["command"], settings["environment"])  # noqa: S606 - the program asked for


if __name__ == "__main__":
    main()
