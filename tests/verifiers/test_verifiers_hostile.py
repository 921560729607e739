"""Hostile programs: none may pass, none may outlive its time, none may leave anything behind."""
# Hostile programs read best on one line.
# ruff: noqa: E501

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vervet.types import Outcome, Problem, Sample
from vervet.verifiers.sandbox.doctor import doctor
from vervet.verifiers.unit_tests import UnitTests, unit_tests

SECONDS = 0.5
SQUARES: dict[str, Any] = {
    "entry_point": "solve",
    "inputs": [[n] for n in range(8)],
    "expected": [n * n for n in range(8)],
}
SOURCE: dict[str, Any] = {
    "entry_point": "solve",
    "test": "def check(candidate):\n    for n in range(8):\n        assert candidate(n) == n * n\n",
}
PROGRAM: dict[str, Any] = {"cases": [{"input": f"{n}\n", "output": f"{n * n}\n"} for n in range(3)]}
STYLES: dict[str, dict[str, Any]] = {"inputs": SQUARES, "source": SOURCE}

OWN = {
    "equal to everything": "class A:\n def __eq__(s, o): return True\n __hash__ = None\ndef solve(n): return A()",
    "an int that lies": "class A(int):\n def __eq__(s, o): return True\n def __ne__(s, o): return False\n"
    " __hash__ = int.__hash__\ndef solve(n): return A(-1)",
    "right values in a type that lies": "class A(int):\n def __eq__(s, o): return True\n"
    " __hash__ = int.__hash__\ndef solve(n): return A(n * n)",
    "a list that lies": "class A(list):\n def __eq__(s, o): return True\n __hash__ = None\ndef solve(n): return A()",
    "verdict on every descriptor": "import os\ndef solve(n):\n for fd in range(64):\n  for m in (b'p\\n', b'v1\\n', b'z\"\"\\n'):\n"
    "   try: os.write(fd, m)\n   except OSError: pass\n os._exit(0)",
    "exit status 0": "import os\ndef solve(n): os._exit(0)",
    "exit at once": "raise SystemExit(0)\ndef solve(n): return n",
    "frames": "import sys\ndef solve(n):\n f = sys._getframe()\n while f:\n  for v in f.f_locals.values():\n"
    "   if isinstance(v, dict) and 'expected' in v: return v['expected'][n]\n  f = f.f_back\n return -1",
    "garbage collector": "import gc\ndef solve(n):\n for o in gc.get_objects():\n"
    "  if type(o) in (list, tuple) and len(o) == 8 and list(o)[:4] == [0, 1, 4, 9]: return o[n]\n return -1",
    "memory": "import ctypes, re\ndef solve(n):\n try:\n  maps = open('/proc/self/maps').read()\n except OSError: return -1\n return 1",
    "patched encoder": "import json, marshal, sys\njson.dumps = lambda *a, **k: '4'\nmarshal.dumps = json.dumps\n"
    "json.JSONEncoder.encode = lambda s, o: '4'\ndef solve(n): return -1",
    "no name": "def other(n): return n * n",
    "surrogates": "x = '\ud800'\ndef solve(n): return x",
    "nul": "x = 1\0\ndef solve(n): return -1",
    "huge integer": "def solve(n): return 10 ** 100000",
    "deep list": "def solve(n):\n l = []\n for _ in range(100000): l = [l]\n return l",
    "own cycle": "def solve(n):\n l = []\n l.append(l)\n return l",
    "colliding keys": "def solve(n): return {i * (2**61 - 1) for i in range(20000)}",
    "flood": "import os\ndef solve(n):\n while True: os.write(1, b'x' * 65536); print('x' * 65536)",
    "stops itself": "import os, signal\ndef solve(n): os.kill(os.getpid(), signal.SIGSTOP)",
    "kills all": "import os\ndef solve(n):\n for p in (-1, 1, 2): \n  try: os.kill(p, 9)\n  except OSError: pass\n return -1",
    "limits of others": "import resource\ndef solve(n):\n resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))\n return -1",
    "threads": "import threading\ndef f():\n while True: pass\n"
    "for _ in range(200):\n try: threading.Thread(target=f).start()\n except RuntimeError: break\ndef solve(n): return -1",
    "opens scratch to all": "import os\ndef solve(n):\n os.makedirs('/tmp/a/b'); os.chmod('/tmp/a', 0)\n return -1",
    "raises at str": "class E(Exception):\n def __str__(s): raise s\ndef solve(n): raise E",
    "base exception": "def solve(n): raise KeyboardInterrupt",
    "module of ours": "import vervet\ndef solve(n): return vervet",
    "replaces exit": "import os, builtins\nos._exit = lambda c: None\nbuiltins.BaseException = ValueError\ndef solve(n): raise SystemExit",
}


@pytest.fixture(scope="module")
def verifier() -> Iterator[UnitTests]:
    made = unit_tests(timeout=SECONDS, workers=1)
    yield made
    made.sandbox.close()


def judged(verifier: UnitTests, reference: dict[str, Any], code: str) -> Any:
    problem = Problem("p", "Write solve.", reference)
    verdict = asyncio.run(verifier.verify(problem, Sample("p", "m", 0, code), 0))
    assert json.loads(verdict.evidence)["limits"]["cpu_seconds"] == SECONDS
    return verdict


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", OWN)
def test_no_hostile_program_passes(verifier: UnitTests, name: str, style: str) -> None:
    verdict = judged(verifier, STYLES[style], OWN[name])
    assert verdict.outcome is Outcome.REJECT, verdict.detail
    right = judged(verifier, STYLES[style], "def solve(n):\n    return n * n\n")
    assert right.outcome is Outcome.ACCEPT, f"after {name}: {right.detail}"


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.write(1, b'0')\nos._exit(0)",
        "import sys\nprint(int(input()) ** 2)\nsys.exit(3)",
        "import os\nprint(int(input()) ** 2, flush=True)\nos.abort()",
        "import atexit\natexit.register(lambda: print('x'))\nprint(int(input()) ** 2)",
        "while True: print('0')",
        "open('/proc/self/status')",
    ],
)
def test_no_hostile_script_passes(verifier: UnitTests, code: str) -> None:
    assert judged(verifier, PROGRAM, f"```python\n{code}\n```").outcome is Outcome.REJECT


def test_an_honest_script_passes(verifier: UnitTests) -> None:
    assert (
        judged(verifier, PROGRAM, "```python\nprint(int(input()) ** 2)\n```").outcome
        is Outcome.ACCEPT
    )


def shared_programs(folder: Path) -> list[tuple[str, str, dict[str, Any]]]:
    manifest = json.loads((folder / "hostile" / "manifest.json").read_text())
    found = []
    for entry in manifest["programs"]:
        target = manifest["targets"][entry["target"]]
        code = (folder / "hostile" / entry["file"]).read_text().replace("@@S@@", chr(0xD800))
        reference = {key: target[key] for key in ("entry_point", "inputs", "expected")}
        if entry["target"] == "solvef":
            reference["atol"] = 1e-6
        found.append((entry["id"], code, reference))
    return found


@pytest.mark.slow
def test_the_shared_hostile_programs_all_fail(verifier: UnitTests, shared_data: Path) -> None:
    passed = [
        name
        for name, code, reference in shared_programs(shared_data)
        if judged(verifier, reference, code).outcome is not Outcome.REJECT
    ]
    assert passed == []


def test_doctor_finds_every_way_out_closed() -> None:
    assert [f for f in doctor("namespaces") if not f.holds] == []


def test_doctor_tells_what_the_weak_mode_leaves_open() -> None:
    findings = {f.attempt: f.holds for f in doctor("process")}
    assert not findings["read files of this machine"]
    assert findings["start a process"]


AS_NOBODY = """
import os, sys
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
from vervet.verifiers.sandbox.doctor import doctor
open_ways = [f for f in doctor("namespaces") if not f.holds]
print(open_ways)
sys.exit(bool(open_ways))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_has_the_same_isolation(tmp_path: Path) -> None:
    python = "/usr/bin/python3"
    probe = subprocess.run(
        [python, "-c", "import sys; assert sys.version_info >= (3, 11)"], check=False
    )
    if probe.returncode:
        pytest.skip("no interpreter of 3.11 or later that other users may run")
    source = Path(__file__).parents[2] / "src" / "vervet"
    subprocess.run(["cp", "-r", str(source), str(tmp_path / "vervet")], check=True)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder.name.startswith(
            ("pytest", "popen", "test_an")
        ):
            folder.chmod(0o755)
    done = subprocess.run(
        [python, "-c", AS_NOBODY], cwd="/", env={"PYTHONPATH": str(tmp_path), "HOME": "/"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
