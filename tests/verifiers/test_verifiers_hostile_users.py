"""Every hostile program, in every style of test, as root and as an ordinary user."""
# Hostile programs read best on one line.
# ruff: noqa: E501

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).parent / "hostile_driver.py"
SECONDS = 0.5
KEPT_KIBIBYTES = 16 << 10
"""What this process may have grown by, of the gigabytes that passed through: its own caches."""
NOBODY = "65534"
TARGET: list[Any] = [
    "solve",
    [[n] for n in range(1, 9)],
    [n * n * 1009 + 7 for n in range(1, 9)],
    0,
]

OWN = {
    "forged lines on every descriptor, then a hang": "import os\ndef solve(n):\n for fd in range(3, 64):\n  try: os.write(fd, b'v1016\\n' * 9 + b'p\\n')\n  except OSError: pass\n while True: pass",
    "reads the next message meant for the runner": "import os\ndef solve(n):\n for fd in range(3, 64):\n  try: os.set_blocking(fd, False); os.read(fd, 1 << 20)\n  except OSError: pass\n return -1",
    "closes everything": "import os\ndef solve(n):\n os.closerange(0, 256)\n return -1",
    "null device over the channel": "import os\nd = os.open('/dev/null', 2)\nfor fd in range(64):\n if fd != d: os.dup2(d, fd)\ndef solve(n): return -1",
    "a thread that answers later": "import os, threading, time\ndef f():\n while True:\n  for fd in range(3, 16):\n   try: os.write(fd, b'v1016\\n')\n   except OSError: pass\nthreading.Thread(target=f, daemon=True).start()\ndef solve(n):\n time.sleep(0.05)\n return -1",
    "kills itself": "import os, signal\ndef solve(n): os.kill(os.getpid(), signal.SIGKILL)",
    "stops itself and asks for more": "import os, signal\nsignal.alarm(1)\ndef solve(n): os.kill(0, signal.SIGSTOP)",
    "raises its limits": "import resource\nfor k in range(16):\n try: resource.setrlimit(k, (resource.RLIM_INFINITY,) * 2)\n except (OSError, ValueError): pass\ndef solve(n): return bytearray(8 << 30)",
    "anonymous shared memory": "import mmap\nm = [mmap.mmap(-1, 1 << 28) for _ in range(64)]\ndef solve(n):\n for x in m:\n  for i in range(0, 1 << 28, 4096): x[i] = 1",
    "sparse file of a terabyte": "import os\nf = os.open('/tmp/x', os.O_CREAT | os.O_RDWR)\ndef solve(n):\n os.ftruncate(f, 1 << 40)\n return -1",
    "a thousand files and folders": "import os\nfor i in range(1000):\n try: os.makedirs(f'/tmp/{i}/a/b'); open(f'/tmp/{i}/x', 'w').write('x')\n except OSError: break\ndef solve(n): return -1",
    "very deep folders": "import os\nfor i in range(900):\n os.mkdir('d'); os.chdir('d')\ndef solve(n): return -1",
    "links and pipes in scratch": "import os\nos.symlink('/', '/tmp/l'); os.mkfifo('/tmp/f'); os.symlink('s', '/tmp/s')\ndef solve(n): return open('/tmp/f').read()",
    "pipes full of data": "import os\np = []\ntry:\n while True:\n  r, w = os.pipe(); os.set_blocking(w, False); p.append(r)\n  try:\n   while True: os.write(w, b'x' * 65536)\n  except BlockingIOError: pass\nexcept OSError: pass\ndef solve(n): return -1",
    "threads without end": "import threading, time\ntry:\n while True: threading.Thread(target=time.sleep, args=(999,)).start()\nexcept RuntimeError: pass\ndef solve(n): return -1",
    "a regular expression that never ends": "import re\ndef solve(n): return bool(re.match('(a+)+$', 'a' * 50 + 'b'))",
    "an endless generator as a list": "def solve(n): return list(iter(int, 1))",
    "a huge integer to be printed": "import sys\nsys.set_int_max_str_digits(0)\ndef solve(n): return 7 ** 10 ** 7",
    "numbers that are not": "def solve(n): return float('nan')",
    "an infinity": "def solve(n): return float('inf')",
    "complex nonsense": "def solve(n): return complex('nan', )if 0 else complex(float('nan'), 0)",
    "overflow in the judge": "def solve(n): return 10 ** 5000 + 0.0 if 0 else 10 ** 5000",
    "a Decimal that takes for ever": "from decimal import Decimal\ndef solve(n): return Decimal('1e999999999')",
    "a Fraction in disguise": "from fractions import Fraction\nclass F(Fraction):\n def __eq__(s, o): return True\n __hash__ = None\ndef solve(n): return F(1)",
    "an enumeration that equals all": "import enum\nclass A(int, enum.Enum):\n X = 1\n def __eq__(s, o): return True\n __hash__ = None\ndef solve(n): return A.X",
    "subtraction that gives nought": "class A(float):\n def __sub__(s, o): return 0.0\n __rsub__ = __sub__\n def __abs__(s): return 0.0\n def __le__(s, o): return True\ndef solve(n): return A(1)",
    "numpy that lies": "import numpy\nclass A(numpy.ndarray):\n def __eq__(s, o): return True\ndef solve(n): return numpy.zeros(1).view(A)",
    "profiler and tracer": "import sys\nsys.setprofile(lambda f, e, a: f.f_locals.clear() if e == 'x' else None)\nsys.settrace(lambda *a: None)\ndef solve(n): return -1",
    "patched built-ins": "import builtins\nbuiltins.type = lambda *a: int\nbuiltins.isinstance = lambda *a: True\nbuiltins.repr = builtins.str = lambda *a: '1016'\ndef solve(n): return object()",
    "no modules": "import sys\nsys.modules.clear()\nsys.stdout = sys.stderr = None\ndef solve(n): return -1",
    "recursion without a floor": "import sys\nsys.setrecursionlimit(10 ** 9)\ndef solve(n): return solve(n)",
    "a crash in C": "import ctypes\ndef solve(n): ctypes.string_at(0)",
    "another process by the system call": "import ctypes\ndef solve(n):\n for nr in (56, 57, 58, 435, 220):\n  ctypes.CDLL(None).syscall(nr, 17, 0, 0, 0, 0)\n return -1",
    "asks the frames for the tests": "import gc, sys\ndef solve(n):\n for o in gc.get_objects():\n  if isinstance(o, (list, tuple)) and 1016 in o: return o[n - 1]\n return -1",
    "a class instead of a function": "class solve:\n def __init__(s, n): pass\n def __eq__(s, o): return True",
    "looks for its own process": "import os\ndef solve(n):\n return os.listdir('/proc') and -1",
    "exits in an exit handler": "import atexit, os\natexit.register(os._exit, 0)\ndef solve(n): raise SystemExit(0)",
    "prints the verdict": "print('p'); print('passed')\ndef solve(n): print('v1016'); return None",
    "sleeps in many threads": "import threading, time\n[threading.Thread(target=time.sleep, args=(60,)).start() for _ in range(20)]\ndef solve(n): return -1",
    "source with a bidirectional trick and NUL": "x = '\u202e'\ndef solve(n): return '\0'",
}  # fmt: skip


def shared(folder: Path) -> list[list[Any]]:
    """Return the shared programs, or none where there are none."""
    manifest = json.loads((folder / "hostile" / "manifest.json").read_text())
    found = []
    for entry in manifest["programs"]:
        target = manifest["targets"][entry["target"]]
        code = (folder / "hostile" / entry["file"]).read_text().replace("@@S@@", chr(0xD800))
        tolerance = 1e-6 if entry["target"] == "solvef" else 0
        tests = [target["entry_point"], target["inputs"], target["expected"], tolerance]
        found.append([entry["id"], code, *tests])
    return found


def python_for_all() -> str | None:
    """Return an interpreter of this version that other users may run, if there is one."""
    places = [os.path.realpath(sys.executable), f"/usr/bin/python3.{sys.version_info.minor}"]
    probe = "import os; os.setresuid(65534, 65534, 65534); os.listdir(os.path.dirname(os.__file__)); import numpy, vervet.types"
    for place in places:
        if not Path(place).exists():
            continue
        done = subprocess.run([place, "-c", probe], env=environment(), cwd="/", capture_output=True, check=False)  # fmt: skip
        if done.returncode == 0 and "/root/" not in place:
            return place
    return None


def environment() -> dict[str, str]:
    """Let another interpreter of the same version find what this one has."""
    site = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    return {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *site]), "HOME": "/"}


def driven(python: str, programs: list[list[Any]], *user: str) -> dict[str, Any]:
    """Run the driver."""
    order = json.dumps({"programs": programs, "seconds": SECONDS})
    done = subprocess.run(
        [python, str(DRIVER), *user], input=order, env=environment(), cwd="/", text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def require_harmless(answer: dict[str, Any]) -> None:
    """Nothing passed, nothing outlived its limit by a second, nothing is left."""
    wrong = [row for row in answer["found"] if row[2] != "reject"]
    late = [row for row in answer["found"] if row[3] > SECONDS + 1]
    left = [row for row in answer["found"] if row[4]]
    assert (wrong, late, left, answer["children"]) == ([], [], [], 0)
    assert answer["memory"] < KEPT_KIBIBYTES


def programs_here(folder: Path, wanted: str) -> list[list[Any]]:
    """Return our own programs or the shared ones."""
    own = [[name, code, *TARGET] for name, code in OWN.items()]
    return own if wanted == "own" else shared(folder)


@pytest.mark.slow
@pytest.mark.parametrize("wanted", ["own", "shared"])
def test_no_hostile_program_passes_hangs_or_stays_for_this_user(
    shared_data: Path, wanted: str
) -> None:
    answer = driven(sys.executable, programs_here(shared_data, wanted))
    require_harmless(answer)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("wanted", ["own", "shared"])
def test_no_hostile_program_passes_hangs_or_stays_for_an_ordinary_user(
    shared_data: Path, wanted: str
) -> None:
    python = python_for_all()
    if python is None:
        pytest.skip("no interpreter of this version that other users may run")
    answer = driven(python, programs_here(shared_data, wanted), NOBODY)
    require_harmless(answer)
