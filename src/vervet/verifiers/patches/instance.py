"""What a problem's reference says: a repository, its tests, and which of them must pass."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vervet.errors import VerifierError
from vervet.verifiers.patches.diffs import paths_of

TEST_FOLDERS = {"tests", "test", "testing"}
UNITTEST = re.compile(r"(?P<name>\S+) \((?P<where>[\w.]+)\)\Z")
DOTTED = re.compile(r"[\w.]+\Z")
COMMANDS = {
    "django/django": "./tests/runtests.py --verbosity 2 --settings=test_sqlite --parallel 1 "
    "{modules}",
}
"""Where a repository is not tested by pytest."""
PYTEST = "python -m pytest -q -p no:cacheprovider {tests}"
WITNESS = "witness"


@dataclass(frozen=True, slots=True)
class Instance:
    """One problem for the verifier `patch`."""

    repository: str
    """A folder or a URL; empty where only `repo` is known."""
    repo: str
    """`owner/name`."""
    version: str
    base_commit: str
    patch: str
    """The reference solution; never shown to anything that runs."""
    test_patch: str
    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    command: str
    environment: str
    results: str = WITNESS
    """`witness`, `junit:PATH`, or `log:REGEX` with the groups `id` and `status`."""

    @property
    def expected(self) -> tuple[str, ...]:
        """Return every test that must pass."""
        return self.fail_to_pass + self.pass_to_pass

    def test_files(self, base: Path) -> list[str]:
        """Return the files that hold the tests: those of the test patch, and of the ids."""
        found = set(paths_of(self.test_patch))
        for name in self.expected:
            found.update(_files_of(name, base))
        return sorted(found)

    def command_line(self, base: Path) -> str:
        """Return the test command with its files in place."""
        changed = sorted(p for p in paths_of(self.test_patch) if p.endswith(".py"))
        files = changed or [p for p in self.test_files(base) if p.endswith(".py")]
        modules = [re.sub(r"^tests/|\.py\Z", "", file).replace("/", ".") for file in files]
        return self.command.replace("{tests}", shlex.join(files)).replace(
            "{modules}", shlex.join(modules)
        )


def _files_of(name: str, base: Path) -> list[str]:
    """Return the file of a test by its id, where that tells."""
    if "::" in name:
        return [name.partition("::")[0]]
    stated = UNITTEST.match(name)
    dotted = stated["where"] if stated else name
    if not DOTTED.match(dotted):
        return []
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        for root in ("", "tests/", "test/", "src/", "Lib/"):
            stem = root + "/".join(parts[:end])
            for path in (f"{stem}.py", f"{stem}/__init__.py"):
                if (base / path).is_file():
                    return [path]
    return []


def test_roots(files: Sequence[str]) -> list[str]:
    """Return the folders of tests that these files are in: the nearest one of such a name.

    >>> test_roots(["tests/forms/test_url.py", "lib/testing/tests/test_a.py", "test_b.py"])
    ['lib/testing/tests', 'tests']
    """
    found = set()
    for file in files:
        parts = file.split("/")[:-1]
        at = max((i for i, part in enumerate(parts) if part in TEST_FOLDERS), default=None)
        if at is not None:
            found.add("/".join(parts[: at + 1]))
    return sorted(found)


test_roots.__test__ = False  # type: ignore[attr-defined]  # a function, not a test


def instance_of(reference: Mapping[str, Any], command: str = "", environment: str = "") -> Instance:
    """Read a reference; `command` and `environment` are the verifier's own, used where it has none.

    Raises:
        VerifierError: it does not say which tests must pass, or how they are run.
    """
    text = {
        key: str(reference.get(key) or "")
        for key in ("repository", "repo", "version", "base_commit", "patch", "test_patch")
    }
    fail, keep = (names(reference, key) for key in ("FAIL_TO_PASS", "PASS_TO_PASS"))
    if not fail:
        raise VerifierError("the problem says no tests that must pass (FAIL_TO_PASS)")
    if not text["repository"] and not text["repo"]:
        raise VerifierError("the problem names no repository")
    asked = str(reference.get("test_command") or reference.get("test_cmd") or command)
    return Instance(
        **text,
        fail_to_pass=fail,
        pass_to_pass=keep,
        command=asked or COMMANDS.get(text["repo"], PYTEST),
        environment=str(reference.get("environment") or environment),
        results=str(reference.get("results") or WITNESS),
    )


def names(reference: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Read a list of test ids, which upstream writes as JSON in a string.

    Raises:
        VerifierError: it is something else.

    >>> names({"FAIL_TO_PASS": '["tests/test_a.py::test_b"]'}, "FAIL_TO_PASS")
    ('tests/test_a.py::test_b',)
    """
    held: Any = reference.get(key) or []
    if isinstance(held, str):
        try:
            held = json.loads(held)
        except (ValueError, RecursionError):
            held = None
    if isinstance(held, list | tuple) and all(isinstance(name, str) for name in held):
        return tuple(dict.fromkeys(held))
    raise VerifierError(f"{key} is not a list of test ids")
