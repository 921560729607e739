"""Three real repositories for tests of patches: modules of the library with bugs they once had."""

import json
import shlex
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from vervet.engines.bridge import run
from vervet.errors import ConfigError
from vervet.types import Problem
from vervet.verifiers.patches.patch import NO_CHANGE, Patch

PYTEST = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest -q -p no:cacheprovider {tests}"


@dataclass(frozen=True)
class Repository:
    """A repository at its base commit, and the problem made of it."""

    folder: Path
    problem: Problem

    @property
    def gold(self) -> str:
        return str(self.problem.reference["patch"])

    def diff(self, changes: Mapping[str, str | None]) -> str:
        """Return the patch that writes these files (None removes one); the folder stays."""
        for path, text in changes.items():
            file = self.folder / path
            if text is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        git(self.folder, "add", "-A", "-f")
        patch = git(self.folder, "diff", "--cached", "--binary")
        git(self.folder, "reset", "-q", "--hard")
        return patch


def git(folder: Path, *words: str) -> str:
    command = [
        "git",
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@localhost",
        "-C",
        str(folder),
        *words,
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def source(module: str) -> str:
    return Path(module).read_text(encoding="utf-8")


def broken(text: str, right: str, wrong: str) -> str:
    assert text.count(right) == 1, f"this library has no {right!r}"
    return text.replace(right, wrong)


def make(
    folder: Path,
    base: Mapping[str, str],
    gold: Mapping[str, str],
    tests: Mapping[str, str],
    **more: object,
) -> Repository:
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    for path, text in base.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "base")
    commit = git(folder, "rev-parse", "HEAD").strip()
    made = Repository(folder, Problem("p", "?"))
    reference = {
        "repository": str(folder),
        "base_commit": commit,
        "patch": made.diff(gold),
        "test_patch": made.diff(tests),
        **more,
    }
    return Repository(folder, Problem(folder.name, f"Repair {folder.name}.", reference))


WRAP_TEST = """import wrapping


def test_wraps():
    assert wrapping.wrap("a b c", 3) == ["a b", "c"]
"""
WRAP_MORE = """

def test_keeps_white_space():
    found = wrapping.wrap("aa bb cc", 2, drop_whitespace=False)
    assert found == ["aa", " ", "bb", " ", "cc"]
"""


def make_wrapping(folder: Path) -> Repository:
    """pytest, one module: white space was dropped although it should be kept."""
    right = source(textwrap.__file__)
    wrong = broken(
        right, "if self.drop_whitespace and chunks[-1].strip() == '' and lines:",
        "if chunks[-1].strip() == '' and lines:",
    )  # fmt: skip
    return make(
        folder / "wrapping",
        {"wrapping.py": wrong, "tests/test_wrapping.py": WRAP_TEST, "setup.cfg": "[metadata]\n"},
        {"wrapping.py": right},
        {"tests/test_wrapping.py": WRAP_TEST + WRAP_MORE},
        test_command=PYTEST,
        FAIL_TO_PASS=json.dumps(["tests/test_wrapping.py::test_keeps_white_space"]),
        PASS_TO_PASS=json.dumps(["tests/test_wrapping.py::test_wraps"]),
    )


JSON_TEST = """import pytest

import jay


@pytest.mark.parametrize("value", [1, [1, "a b"], {"a": None}], ids=str)
def test_there_and_back(value):
    assert jay.loads(jay.dumps(value)) == value
"""
JSON_MORE = """

def test_no_white_space_at_the_end_of_lines():
    lines = jay.dumps({"a": 1, "b": [1, 2]}, indent=1).splitlines()
    assert lines == [line.rstrip() for line in lines]
"""


def make_jay(folder: Path) -> Repository:
    """pytest, a package below `src`: with an indent, lines ended in a space (bpo-16333)."""
    place = Path(json.__file__).parent
    names = ("__init__", "decoder", "encoder", "scanner")
    right = {
        f"src/jay/{name}.py": source(str(place / f"{name}.py"))
        .replace("from json", "from jay")
        .replace("import json", "import jay")
        for name in names
    }
    encoder = right["src/jay/encoder.py"]
    wrong = broken(
        encoder, "        elif indent is not None:\n            self.item_separator = ','\n", ""
    )
    tests = "tests/unit/test_jay.py"
    return make(
        folder / "jay",
        {**right, "src/jay/encoder.py": wrong, tests: JSON_TEST},
        {"src/jay/encoder.py": encoder},
        {tests: JSON_TEST + JSON_MORE},
        test_command=PYTEST,
        FAIL_TO_PASS=[f"{tests}::test_no_white_space_at_the_end_of_lines"],
        # Ids of upstream are cut at the first space: [[1, 'a b']] is meant.
        PASS_TO_PASS=[f"{tests}::test_there_and_back[1]", f"{tests}::test_there_and_back[[1,"],
    )


QUOTE_TEST = '''import unittest

import quoting


class QuoteTest(unittest.TestCase):
    def test_plain(self):
        self.assertEqual(quoting.quote("a-b"), "a-b")

    def test_spaces(self):
        """Spaces are kept together"""
        for text in ("a b", "a  b"):
            with self.subTest(text):
                self.assertEqual(quoting.split(quoting.quote(text)), [text])
'''
QUOTE_MORE = """
    def test_nothing(self):
        self.assertEqual(quoting.quote(""), "''")
"""


def make_quoting(folder: Path) -> Repository:
    """unittest: the empty string was quoted as nothing."""
    right = source(shlex.__file__)
    wrong = broken(right, "    if not s:\n        return \"''\"\n", "")
    wrong = broken(
        wrong, "    if _find_unsafe(s) is None:", "    if not s or _find_unsafe(s) is None:"
    )
    return make(
        folder / "quoting",
        {"quoting.py": wrong, "tests/__init__.py": "", "tests/test_quoting.py": QUOTE_TEST},
        {"quoting.py": right},
        {"tests/test_quoting.py": QUOTE_TEST + QUOTE_MORE},
        test_command="python -m unittest -v tests.test_quoting",
        FAIL_TO_PASS=["test_nothing (tests.test_quoting.QuoteTest)"],
        PASS_TO_PASS=["tests.test_quoting.QuoteTest.test_plain", "Spaces are kept together"],
    )


@pytest.fixture(scope="session")
def wrapping(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return make_wrapping(tmp_path_factory.mktemp("repositories"))


@pytest.fixture(scope="session")
def jay(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return make_jay(tmp_path_factory.mktemp("repositories"))


@pytest.fixture(scope="session")
def quoting(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return make_quoting(tmp_path_factory.mktemp("repositories"))


@pytest.fixture(params=["wrapping", "jay", "quoting"])
def repository(request: pytest.FixtureRequest) -> Repository:
    made: Repository = request.getfixturevalue(request.param)
    return made


@pytest.fixture(scope="module")
def patch(quoting: Repository) -> Iterator[Patch]:
    verifier = Patch(seconds=120)
    try:
        run(verifier.run(quoting.problem, verifier.read(quoting.problem), NO_CHANGE))
    except ConfigError as refused:
        pytest.skip(f"no sandbox here: {refused}")
    yield verifier
    run(verifier.aclose())
