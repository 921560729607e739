"""`patch` on releases of real packages: a release's changes are the solution, its tests the judge.

    python benchmarks/patches.py [NAME OLD NEW]...

Source distributions of two releases in a row come from the package index by pip, their
requirements go into a virtual environment. The old release is the base commit; what changed
outside its tests is the solution, what changed in them the test patch. Which tests the change
repairs (FAIL_TO_PASS) and which it must keep (PASS_TO_PASS) is found by plain pytest on both. Then
the verifier judges the solution, nothing, half of the solution, and patches that cheat.
"""

import asyncio
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

from vervet.types import Outcome, Problem, Sample
from vervet.verifiers.patches.patch import NO_CHANGE, Patch

RELEASES = (
    ("pluggy", "1.4.0", "1.5.0"),
    ("click", "8.1.3", "8.1.4"),
)
TESTS = re.compile(r"(?:^|/)(?:tests?|testing)/|(?:^|/)conftest\.py\Z")
LINE = re.compile(r"^(PASSED|FAILED|ERROR|XFAIL|SKIPPED) (\S+)", re.MULTILINE)
EXTRA = ("pytest<9", "pretend", "freezegun")
CHEATS = {
    "exits": "import os; os._exit(0)\n",
    "prints": "print('PASSED tests/test_x.py::test_x')\n",
    "no assertions": "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\n",
    "fakes reports": "from _pytest.reports import TestReport as R\n"
    "i = R.from_item_and_call.__func__\n"
    "def f(c, item, call):\n    r = i(c, item, call); r.outcome = 'passed'; return r\n"
    "R.from_item_and_call = classmethod(f)\n",
}
TELLS = """
import os, sys
if "witness" in sys.modules:
    telling = sys.modules["witness"].CURRENT
    for name in {0}:
        telling.test([name], "passed")
    for name in "abcdef":
        telling.test(["vervet_controls::" + name], "failed")
    telling.end(1)
    os._exit(1)
"""
FAKE = """import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    outcome = yield
    outcome.get_result().outcome = "passed"
"""


def run(*words: object, folder: Path | None = None, check: bool = True) -> str:
    """Run a program and return what it prints."""
    done = subprocess.run(
        list(map(str, words)), cwd=folder, check=False, capture_output=True, text=True
    )
    if check and done.returncode:
        sys.exit(f"{' '.join(map(str, words[:6]))}: {done.stderr[-500:]}")
    return done.stdout


def git(folder: Path, *words: str) -> str:
    """Run git in a repository."""
    return run("git", "-C", folder, "-c", "user.name=x", "-c", "user.email=x@localhost", *words)


def sdist(name: str, release: str, place: Path) -> Path:
    """Download and unpack a release."""
    into = place / release
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", name,
        "-d", into, f"{name}=={release}", check=False)  # fmt: skip
    (archive,) = into.glob("*.tar.gz")
    with tarfile.open(archive) as held:
        held.extractall(into, filter="data")
    return next(path for path in into.iterdir() if path.is_dir())


def outcomes(repository: Path, python: Path, tests: list[str]) -> dict[str, str]:
    """Return what plain pytest says of each test."""
    source = repository / "src" if (repository / "src").is_dir() else repository
    said = run("env", f"PYTHONPATH={source}", python, "-m", "pytest", "-q", "-rA",
               "-p", "no:cacheprovider", *tests, folder=repository, check=False)  # fmt: skip
    return {name: word for word, name in LINE.findall(said)}


def instance(name: str, old: str, new: str, place: Path) -> tuple[Problem, Path, float]:
    """Make a problem of two releases; also the seconds that plain pytest takes."""
    base, target = sdist(name, old, place), sdist(name, new, place)
    venv.create(place / "venv", with_pip=True)
    python = place / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", f"{name}=={new}", *EXTRA)
    git(base, "init", "-q")
    git(base, "add", "-A", "-f")
    git(base, "commit", "-q", "-m", old)
    commit = git(base, "rev-parse", "HEAD").strip()
    run("cp", "-R", f"{target}/.", base)
    git(base, "add", "-A", "-f")
    changed = git(base, "diff", "--cached", "--name-only").split()
    tests = [path for path in changed if TESTS.search(path)]
    code = [p for p in changed if p.endswith(".py") and p not in tests and "docs/" not in p]
    test_patch = git(base, "diff", "--cached", "--binary", "--", *tests)
    patch = git(base, "diff", "--cached", "--", *code)
    files = [path for path in tests if re.search(r"test_[^/]*\.py\Z", path)]
    begun = time.perf_counter()
    after = outcomes(base, python, files)
    seconds = time.perf_counter() - begun
    (place / "patch").write_text(patch)
    git(base, "apply", "-R", str(place / "patch"))
    before = outcomes(base, python, files)
    git(base, "reset", "-q", "--hard", commit)
    good = [t for t, word in after.items() if word == "PASSED"]
    fail = [t for t in good if before.get(t) != "PASSED"]
    keep = [t for t in good if before.get(t) == "PASSED"]
    reference = {
        "repository": str(base), "base_commit": commit, "patch": patch, "test_patch": test_patch,
        "FAIL_TO_PASS": fail, "PASS_TO_PASS": keep, "environment": str(place / "venv"),
    }  # fmt: skip
    return Problem(f"{name}-{new}", "?", reference), base, seconds


def candidates(problem: Problem, base: Path) -> Iterator[tuple[str, str, Outcome]]:
    """Yield patches by name, with what must be said of them."""
    gold = str(problem.reference["patch"])
    yield "solution", gold, Outcome.ACCEPT
    yield "nothing", NO_CHANGE, Outcome.REJECT
    parts = re.split(r"(?=^diff --git )", gold, flags=re.MULTILINE)[1:]
    changed = [re.search(r"^\+\+\+ b/(\S+)", part, re.MULTILINE) for part in parts]
    first = next(m[1] for m in changed if m)
    yield "removed file", written(base, first, None), Outcome.REJECT
    text = (base / first).read_text()
    yield "syntax error", written(base, first, text + "\n)\n"), Outcome.REJECT
    folder = str(problem.reference["FAIL_TO_PASS"][0]).rpartition("/")[0]
    yield "conftest", written(base, f"{folder}/conftest.py", FAKE), Outcome.REJECT
    tells = TELLS.format(problem.reference["FAIL_TO_PASS"] + problem.reference["PASS_TO_PASS"])
    yield "tells itself", written(base, first, future(text, tells)), Outcome.REJECT
    for name, code in CHEATS.items():
        yield name, written(base, first, future(text, code)), Outcome.REJECT


def future(text: str, code: str) -> str:
    """Put code behind the imports from __future__."""
    last = [m.end() for m in re.finditer(r"^from __future__ .*\n", text, re.MULTILINE)]
    at = last[-1] if last else len(text)
    return text[:at] + code + text[at:]


def written(base: Path, path: str, text: str | None) -> str:
    """Return the patch that writes one file; None removes it."""
    if text is None:
        (base / path).unlink()
    else:
        (base / path).parent.mkdir(exist_ok=True)
        (base / path).write_text(text)
    git(base, "add", "-A", "-f")
    patch = git(base, "diff", "--cached")
    git(base, "reset", "-q", "--hard")
    return patch


async def judge(problem: Problem, base: Path, plain: float) -> int:
    """Judge every candidate and say what was wrong."""
    verifier, wrong = Patch(seconds=600), 0
    counts = (len(problem.reference[key]) for key in ("FAIL_TO_PASS", "PASS_TO_PASS"))
    print(f"{problem.id}: {next(counts)} to repair, {next(counts)} to keep; pytest {plain:.1f} s")
    for at, (name, text, right) in enumerate(list(candidates(problem, base))):
        found = await verifier.verify(problem, Sample(problem.id, "s", at, text), 0)
        wrong += found.outcome is not right
        mark = "  " if found.outcome is right else "!!"
        cpu = json.loads(found.evidence or "{}").get("cpu_seconds", 0)
        print(f"{mark} {name:<14} {found.outcome:<7} {found.seconds or 0:5.1f} s, {cpu:4.1f} of "
              f"processor  {found.detail[:90]}", flush=True)  # fmt: skip
    await verifier.aclose()
    return wrong


def main() -> None:
    """Judge the releases asked for."""
    words = sys.argv[1:]
    asked = tuple(zip(words[::3], words[1::3], words[2::3], strict=True)) or RELEASES
    wrong = 0
    for name, old, new in asked:
        with tempfile.TemporaryDirectory(prefix="vervet-releases-") as place:
            wrong += asyncio.run(judge(*instance(name, old, new, Path(place))))
    print(f"{wrong} wrong verdicts")


if __name__ == "__main__":
    main()
