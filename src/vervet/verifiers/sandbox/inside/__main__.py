"""Where the warm interpreter starts; `server` is what it does.

A file of few lines: what runs as a script is compiled at each start, and the memory that takes
would be copied with every fork.
"""
# Paths are plain strings: pathlib is memory that every fork would copy.
# ruff: noqa: PTH100, PTH120

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = (
    "vervet.verifiers.sandbox.inside",
    "vervet.verifiers.sandbox",
    "vervet.verifiers",
    "vervet",
)


def find_own_modules() -> None:
    """Let `vervet.verifiers.sandbox.inside` be imported without running the packages above it."""
    folder = HERE
    for name in PACKAGES:
        package = type(sys)(name)
        package.__path__ = [folder]
        sys.modules[name] = package
        folder = os.path.dirname(folder)


if __name__ == "__main__":
    find_own_modules()
    sys.path[:] = [path for path in sys.path if path != HERE]
    from vervet.verifiers.sandbox.inside import server

    server.main()
