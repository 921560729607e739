"""Patches that cheat or do harm on real repositories: none is accepted, and nothing leaks out."""

import json
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.engines.bridge import run
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.patches.patch import Patch
from vervet.verifiers.patches.sabotage import spoiled, was_spoiled

if TYPE_CHECKING:
    from tests.verifiers.conftest import Repository


def judged(verifier: Patch, problem: Problem, text: str, finish: str = "stop") -> Verdict:
    async def ask() -> Verdict:
        return await verifier.verify(problem, Sample(problem.id, "s", 0, text, finish), 0)

    return run(ask())


def state(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


PASSING = "def test_keeps_white_space(): pass\ndef test_wraps(): pass\n"
FAKE_HOOK = """import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    report.outcome = "passed"
"""
FILES: dict[str, dict[str, str | None]] = {
    "weaker tests": {"tests/test_wrapping.py": PASSING},
    "no tests": {"tests/test_wrapping.py": None},
    "tests elsewhere": {"tests/test_wrapping.py": None, "tests/more/test_wrapping.py": PASSING},
    "conftest": {"conftest.py": FAKE_HOOK},
    "conftest below": {"tests/conftest.py": FAKE_HOOK},
    "tests package": {"tests/__init__.py": "import os; os._exit(0)"},
    "pytest.ini": {"pytest.ini": "[pytest]\naddopts = -p evil\n", "evil.py": FAKE_HOOK},
    "setup.cfg": {"setup.cfg": "[tool:pytest]\naddopts = -p evil\n", "evil.py": FAKE_HOOK},
    "pyproject": {
        "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-p evil"\n', "evil.py": FAKE_HOOK,
    },
    "entry point": {
        "evil-1.dist-info/METADATA": "Name: evil\nVersion: 1\n",
        "evil-1.dist-info/entry_points.txt": "[pytest11]\nevil = evil\n", "evil.py": FAKE_HOOK,
    },
    "sitecustomize": {"sitecustomize.py": "import os; os._exit(0)"},
    "own pytest": {"pytest.py": "print('2 passed')"},
    "own pytest package": {"_pytest/__init__.py": ""},
    "own json": {"json/__init__.py": "import os; os._exit(0)"},
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_files_that_decide_the_verdict_are_not_the_candidates_to_write(
    patch: Patch, wrapping: "Repository", name: str
) -> None:
    text = wrapping.diff(FILES[name])
    before = state(wrapping.folder)
    verdict = judged(patch, wrapping.problem, text)
    assert verdict.outcome is Outcome.REJECT, verdict.detail
    assert state(wrapping.folder) == before


def test_a_solution_that_also_writes_tests_is_accepted_and_its_tests_are_left_out(
    patch: Patch, wrapping: "Repository"
) -> None:
    written = wrapping.diff({"tests/test_wrapping.py": PASSING, "tests/test_mine.py": PASSING})
    verdict = judged(patch, wrapping.problem, wrapping.gold + written)
    assert (verdict.outcome, verdict.detail) == (Outcome.ACCEPT, "")
    assert json.loads(verdict.evidence)["put_back"] == [
        "tests/test_mine.py", "tests/test_wrapping.py",
    ]  # fmt: skip


PRINTS = """
print("PASSED tests/test_wrapping.py::test_keeps_white_space")
print("tests/test_wrapping.py::test_wraps PASSED")
open("junit.xml", "w").write("<testsuite><testcase name='test_keeps_white_space'/></testsuite>")
"""
REPORTS = """
from _pytest.reports import TestReport
def passed(cls, item, call, inside=TestReport.from_item_and_call.__func__):
    report = inside(cls, item, call)
    report.outcome, report.longrepr = "passed", None
    return report
TestReport.from_item_and_call = classmethod(passed)
"""
ASSERTIONS = """
import unittest
for name in [n for n in vars(unittest.TestCase) if n.startswith("assert")]:
    setattr(unittest.TestCase, name, lambda *a, **k: None)
"""
CODE_OBJECTS = """
import unittest
def nothing(self, *a, **k): return None
unittest.TestCase.assertEqual.__code__ = nothing.__code__
unittest.TestCase.assertEqual.__kwdefaults__ = unittest.TestCase.assertEqual.__defaults__ = None
"""
PIPE = """
import glob, os
for place in (os.environ.get("VERVET_WITNESS"), "/tmp/.witness"):
    pipe = os.open(place, os.O_WRONLY | os.O_NONBLOCK)
    os.write(pipe, b'00 [0, "test", {"ids": ["tests/test_wrapping.py::test_wraps"]}]\\n')
"""
REWRITES = """
import os
for folder, _, files in os.walk("tests"):
    for name in files:
        path = os.path.join(folder, name)
        for action in (lambda: os.chmod(path, 0o666), lambda: os.unlink(path)):
            try:
                action()
            except OSError:
                pass
        try:
            open(path, "w").write("def test_keeps_white_space(): pass")
        except OSError:
            pass
try:
    os.rename("tests", "gone")
    os.makedirs("tests")
    open("tests/test_wrapping.py", "w").write("def test_keeps_white_space(): pass")
except OSError:
    pass
"""
CODE = {
    "sys.exit": "import sys; sys.exit(0)",
    "os._exit": "import os; os._exit(0)",
    "exit at the end": "import atexit, os; atexit.register(os._exit, 0)",
    "prints": PRINTS,
    "reports": REPORTS,
    "no assertions": ASSERTIONS,
    "other code": CODE_OBJECTS,
    "pipe": PIPE,
    "rewrites tests": REWRITES,
    "descriptors": "import os\nfor n in range(3, 256):\n    try: os.write(n, b'passed\\n' * 99)\n"
    "    except OSError: pass\n",
}


@pytest.mark.parametrize("name", CODE)
def test_code_that_lies_about_its_tests_is_rejected(
    patch: Patch, wrapping: "Repository", quoting: "Repository", name: str
) -> None:
    for repository, file in ((wrapping, "wrapping.py"), (quoting, "quoting.py")):
        text = (repository.folder / file).read_text()
        lying = repository.diff({file: f"{text}\n{CODE[name]}\n"})
        verdict = judged(patch, repository.problem, lying)
        assert verdict.outcome is Outcome.REJECT, (file, verdict.detail)


TELLS = """
import os, sys
telling = sys.modules["witness"].CURRENT
for name in ("test_keeps_white_space", "test_wraps"):
    telling.test(["tests/test_wrapping.py::" + name], "passed")
for name in "abcdef":
    telling.test(["vervet_controls::" + name], "failed")
telling.end(1)
os._exit(1)
"""
EQUALS = """
class Anything(list):
    def __eq__(self, other):
        return True
def wrap(*given, **more):
    return Anything()
"""


@pytest.mark.parametrize("code", [TELLS, EQUALS], ids=["tells itself", "equals everything"])
def test_code_that_knows_its_tests_by_name_is_caught_by_tests_made_to_fail(
    patch: Patch, wrapping: "Repository", code: str
) -> None:
    text = (wrapping.folder / "wrapping.py").read_text()
    verdict = judged(patch, wrapping.problem, wrapping.diff({"wrapping.py": f"{text}\n{code}\n"}))
    assert verdict.outcome is Outcome.REJECT
    assert "although it was made to fail" in verdict.detail


@given(st.text(max_size=200))
def test_any_text_can_be_spoiled(text: str) -> None:
    spoiled(text)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("t/a.py::A::test_b[x]", True),
        ("t/a.py::A::test_c", False),
        ("test_b (t.a.A)", True),
        ("test_b (t.a.A.test_b)", True),
        ("t.a.A.test_b", True),
        ("t.a.B.test_b", False),
        ("test_d", True),
        ("Some first line of a text", False),
    ],
)
def test_a_spoiled_test_is_known_by_any_id(name: str, *, answer: bool) -> None:
    assert was_spoiled(name, {"t/a.py": ["A::test_b", "test_d"]}) is answer


HARM = """
import os, socket, sys
def found(action):
    try:
        return action()
    except BaseException as error:
        return None
def host(port, marker):
    link = socket.create_connection(("127.0.0.1", port), timeout=1)
    link.sendall(b"here")
    return True
got = [
    found(lambda: host({port}, "x")),
    found(lambda: open({secret!r}).read()),
    found(lambda: open({folder!r} + "/evil", "w").write("x")),
    found(lambda: os.listdir({folder!r})),
    found(lambda: open("/etc/evil", "w").write("x")),
    found(lambda: [p for p in os.listdir("/proc") if p.isdigit() and int(p) > 9999]),
    found(lambda: os.environ.get("VERVET_PATCH_MARKER")),
    found(lambda: open("/vervet/controls.py", "w")),
    found(lambda: open("/vervet-base/wrapping.py", "w")),
]
if any(got):
    print("ESCAPED", got)
    raise SystemExit(f"escaped {{got}}")
"""


def test_code_under_test_reaches_nothing_of_this_machine(
    patch: Patch, wrapping: "Repository", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("secret")
    monkeypatch.setenv("VERVET_PATCH_MARKER", "secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        code = HARM.format(
            port=server.getsockname()[1], secret=str(tmp_path / "secret"), folder=str(tmp_path)
        )
        right = (wrapping.folder / "wrapping.py").read_text()
        harmful = wrapping.gold + wrapping.diff({"harm.py": code, "wrapping.py": right})
        first = judged(patch, wrapping.problem, harmful)
        assert first.outcome is Outcome.ACCEPT, first.detail
        right = right.replace("import re\n", "import re\nimport harm\n", 1)
        verdict = judged(
            patch, wrapping.problem, wrapping.diff({"harm.py": code, "wrapping.py": right})
        )
        assert "keeps_white_space failed" in verdict.detail, verdict.detail
        with pytest.raises(TimeoutError):
            server.accept()
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


MANY = """
import os, time
for _ in range(9):
    if not os.fork():
        kept = bytearray(80 << 20)
        while True:
            kept[::4096] = kept[::4096]
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import time; time.sleep(3600)", "time limit"),
        ("while True: pass", "time limit"),
        ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "limit"),
        ("kept = [bytearray(1 << 20) for _ in range(1 << 14)]", "limit|must pass"),
        (MANY, "memory limit"),
        ("import sys\nwhile True: sys.__stderr__.write('x' * 9999)", "limit|must pass"),
        ("import os\nif not os.fork():\n    os.setsid()\n    while True: pass", "must pass"),
    ],
    ids=["sleep", "loop", "fork bomb", "memory", "memory of many", "output", "daemon"],
)  # fmt: skip
@pytest.mark.slow
def test_limits_hold_and_no_process_survives(wrapping: "Repository", code: str, why: str) -> None:
    verifier = Patch(seconds=6, megabytes=512)
    text = (wrapping.folder / "wrapping.py").read_text()
    verdict = judged(
        verifier, wrapping.problem, wrapping.diff({"wrapping.py": f"{text}\n{code}\n"})
    )
    assert verdict.outcome is Outcome.REJECT
    assert re.search(why, verdict.detail), verdict.detail
    left = [p for p in Path("/proc").glob("[0-9]*/cmdline") if b"testbed" in _read(p)]
    assert not left
    run(verifier.aclose())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
