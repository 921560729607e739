"""The verifier of programs: test formats, verdicts, evidence, limits, and what it leaves behind."""
# Programs read best on one line.
# ruff: noqa: E501

import asyncio
import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vervet.errors import ConfigError, VerifierError
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.unit_tests import UnitTests, unit_tests

HELPED = (
    "def check(candidate):\n    import random\n    for _ in range(5):\n"
    "        n = random.randint(0, 9)\n        assert candidate(n) == helper(n)\n"
)


@pytest.fixture(scope="module")
def verifier() -> Iterator[UnitTests]:
    made = unit_tests(workers=1, timeout=2)
    yield made
    made.sandbox.close()


def judged(verifier: UnitTests, reference: dict[str, Any], text: str, trial: int = 0) -> Verdict:
    problem = Problem("p", str(reference.pop("shown", "Write f.")), reference)
    return asyncio.run(verifier.verify(problem, Sample("p", "m", 0, text), trial))


@pytest.mark.parametrize(
    ("reference", "right", "wrong"),
    [
        ({"entry_point": "f", "inputs": [[1, 2]], "expected": [3]}, "def f(a, b): return a + b", "def f(a, b): return a"),
        ({"entry_point": "f", "inputs": [[3]], "expected": [0.3333], "atol": 1e-3}, "def f(a): return 1 / a", "def f(a): return 0.3"),
        ({"entry_point": "f", "inputs": [[2], [3]], "solution": "def f(a): return a * a"}, "def f(a): return a ** 2", "def f(a): return 4"),
        ({"entry_point": "f", "test": "assert f(1) == (1, 2)\nassert set(f(2)) == {2, 3}"}, "def f(a): return (a, a + 1)", "def f(a): return [a, a + 1]"),
        ({"entry_point": "f", "test": HELPED, "prompt": "def helper(n):\n    return n + 1\n\ndef f(n):\n"}, "def f(n): return n + 1", "def f(n): return n"),
        ({"stdin": ["1\n", "2\n"], "stdout": ["1\n", "4\n"]}, "print(int(input()) ** 2)", "print(1)"),
        ({"cases": [{"input": "3", "output": "3"}], "comparator": "lines"}, "import sys\nprint(sys.stdin.read())", "print('3 3')"),
        ({"entry_point": "S.f", "inputs": [[1]], "expected": [1]}, "class S:\n    def f(self, a): return a", "class S:\n    def f(self, a): return 0"),
        ({"pytest": "from solution import f\nimport pytest\n\ndef test_it():\n    assert f(2) == 4\n    with pytest.raises(ValueError):\n        f(-1)\n", "entry_point": "f"},
         "def f(n):\n    if n < 0: raise ValueError('n')\n    return n * 2", "def f(n): return n * 2"),
    ],
)  # fmt: skip
def test_every_format_accepts_the_right_and_rejects_the_wrong(
    verifier: UnitTests, reference: dict[str, Any], right: str, wrong: str
) -> None:
    good = judged(verifier, dict(reference), f"```python\n{right}\n```")
    assert good.outcome is Outcome.ACCEPT, good.detail
    assert judged(verifier, dict(reference), f"```python\n{wrong}\n```").outcome is Outcome.REJECT


CALLS = {"entry_point": "f", "inputs": [[1], [2], [3]], "expected": [1, 2, 3]}


def test_evidence_names_the_first_failure_with_its_input(verifier: UnitTests) -> None:
    verdict = judged(
        verifier, dict(CALLS), "def f(n):\n    print('hello', n)\n    return min(n, 2)"
    )
    content = json.loads(verdict.evidence)
    assert content["results"] == [["pass", 2], ["fail", 1]]
    assert (
        content["failure"] | {"given": "[3]", "output": "2", "expected": "3"} == content["failure"]
    )
    assert content["limits"]["cpu_seconds"] == 2
    assert content["peak_bytes"] > 1 << 20
    assert content["load"] >= 0
    assert verdict.score == pytest.approx(2 / 3)


def test_all_tests_runs_on_after_a_failure_and_keeps_what_was_printed() -> None:
    verifier = unit_tests(workers=1, all_tests=True)
    verdict = judged(
        verifier, dict(CALLS), "def f(n):\n    print('hello')\n    return n * (n != 2)"
    )
    content = json.loads(verdict.evidence)
    verifier.sandbox.close()
    assert content["results"] == [["pass", 1], ["fail", 1], ["pass", 1]]
    assert content["stdout"].startswith("hello")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("while True: pass", "time"),
        ("import time; time.sleep(99)", "time"),
        ("return bytearray(1 << 40)", "memory"),
        ("import os; os.abort()", "crash"),
        ("raise ValueError(n)", "error"),
        ("return 0", "fail"),
    ],
)
def test_what_went_wrong_has_a_name(verifier: UnitTests, body: str, status: str) -> None:
    verdict = judged(verifier, dict(CALLS), f"def f(n):\n    {body}")
    assert verdict.outcome is Outcome.REJECT
    assert json.loads(verdict.evidence)["failure"]["status"] == status


@pytest.mark.parametrize(
    ("program", "status", "why"),
    [
        ("print(1)\nint('x')", "error", "ValueError: invalid literal for int() with base 10: 'x'"),
        ("import sys\nsys.exit(3)", "error", "exit status 3"),
        ("bytearray(1 << 40)", "memory", "MemoryError: "),
        ("print(2, end='')\nraise SystemExit('no')", "error", "SystemExit: no"),
    ],
)
def test_a_program_that_failed_says_of_what(
    verifier: UnitTests, program: str, status: str, why: str
) -> None:
    verdict = judged(verifier, {"cases": [{"input": "2", "output": "2"}]}, program)
    failure = json.loads(verdict.evidence)["failure"]
    assert verdict.outcome is Outcome.REJECT
    assert (failure["status"], failure["why"]) == (status, why)
    assert "died" not in failure.get("output", "")


@pytest.mark.parametrize("reads", ["sys.stdin.read()", "input()", "next(sys.stdin)"])
def test_a_function_that_reads_its_standard_input_fails_as_with_the_peers(
    verifier: UnitTests, reads: str
) -> None:
    verdict = judged(verifier, dict(CALLS), f"import sys\ndef f(n):\n    {reads}\n    return n * n")
    assert verdict.outcome is Outcome.REJECT
    assert "UnsupportedOperation" in verdict.detail


def test_a_program_cannot_say_that_it_failed_and_pass(verifier: UnitTests) -> None:
    told = "import sys\nsys.stdout.write('2\\0\\0died of nothing')"
    verdict = judged(verifier, {"cases": [{"input": "2", "output": "2"}]}, told)
    assert verdict.outcome is Outcome.REJECT


async def test_an_equal_program_is_run_once_for_each_problem_and_trial() -> None:
    verifier = unit_tests(workers=1)
    code = "import time\ndef f(n):\n    return time.perf_counter_ns()"
    same, other = (Problem("p", "", {**CALLS, "inputs": [[n]], "expected": [n]}) for n in (1, 2))
    sample = Sample("p", "m", 0, code)
    try:
        first = await verifier.verify(same, sample, 0)
        again = await verifier.verify(same, sample, 0)
        replied = await verifier.verify(same, Sample("p", "n", 5, code), 0)
        found = [await verifier.verify(p, sample, t) for p, t in ((same, 1), (other, 0))]
    finally:
        await verifier.aclose()
    assert again == replace(first, seconds=0.0)
    assert replied == replace(again, sampler_id="n", index=5)
    assert len({verdict.evidence for verdict in (first, *found)}) == 3


def test_two_suites_of_one_problem_are_two_verifiers() -> None:
    reference = {
        "entry_point": "f",
        "inputs": {"base": [[1]], "plus": [[2]]},
        "solution": "def f(n): return n",
    }
    weak, strong = unit_tests(suite="base", workers=1), unit_tests(suite="plus", workers=1)
    assert weak.id != strong.id
    assert judged(weak, dict(reference), "def f(n): return 1").outcome is Outcome.ACCEPT
    assert judged(strong, dict(reference), "def f(n): return 1").outcome is Outcome.REJECT
    for verifier in (weak, strong):
        verifier.sandbox.close()


def test_a_test_whose_right_answer_is_too_large_to_send_is_left_out_and_said_so(
    verifier: UnitTests,
) -> None:
    solution = "def f(n): return [0] * n"
    reference = {"entry_point": "f", "inputs": [[2], [21_000_000], [3]], "solution": solution}
    right = judged(verifier, reference, solution)
    wrong = judged(verifier, reference, "def f(n): return [0] * 2")
    assert (right.outcome, right.detail) == (Outcome.ACCEPT, "2 tests passed, 1 left out")
    assert json.loads(right.evidence)["left_out"] == [1]
    assert wrong.outcome is Outcome.REJECT


@pytest.mark.parametrize(
    ("test", "setup", "why"),
    [
        ("assert f(int) == 1", "", "it calls f with something that is not plain data"),
        ("assert f(Pair(1)) == 1", "", "name 'Pair' is not defined"),
        ("assert f(root) == 1", "root = Node(1)", "its setup fails: NameError: name 'Node'"),
    ],
)
def test_a_test_that_counts_on_the_candidates_process_is_our_error(
    verifier: UnitTests, test: str, setup: str, why: str
) -> None:
    reference = {"entry_point": "f", "test": test, "setup": setup}
    with pytest.raises(VerifierError, match=why):
        judged(
            verifier, reference, "class Pair(int): pass\nclass Node(int): pass\ndef f(n): return 1"
        )


@pytest.mark.parametrize(
    "body", ["return object()", "return undefined", "raise NameError('no')", "return lambda: 1"]
)
def test_a_candidate_cannot_make_its_failure_look_like_the_tests(
    verifier: UnitTests, body: str
) -> None:
    twice = {"entry_point": "f", "test": "x = [1]\nfor n in x:\n    assert f(f(n)) == 1"}
    assert judged(verifier, twice, f"def f(n):\n    {body}").outcome is Outcome.REJECT


def test_a_test_that_asks_nothing_of_the_candidate_still_wants_it_loaded(
    verifier: UnitTests,
) -> None:
    idle = {"entry_point": "f", "test": "for n in [1]:\n    assert n"}
    assert judged(verifier, idle, "def f(n): return n").outcome is Outcome.ACCEPT
    broken = judged(verifier, idle, "def f(n) return n")
    assert broken.outcome is Outcome.REJECT
    assert "SyntaxError" in broken.detail
    assert judged(verifier, idle, "while True: pass").outcome is Outcome.REJECT


def test_a_problem_whose_solution_fails_is_our_error(verifier: UnitTests) -> None:
    with pytest.raises(VerifierError, match="fails on its own tests"):
        judged(
            verifier,
            {"entry_point": "f", "inputs": [[1]], "solution": "def f(n): raise KeyError"},
            "def f(n): return 1",
        )


@pytest.mark.parametrize(
    "reference",
    [{}, {"answer": "1"}, {"inputs": [[1]], "entry_point": "f"}, {"cases": [{"in": 1}]}],
)
def test_a_reference_without_tests_is_our_error(
    verifier: UnitTests, reference: dict[str, Any]
) -> None:
    with pytest.raises(VerifierError):
        judged(verifier, reference, "def f(n): return 1")


def test_a_checker_program_decides_where_several_outputs_are_right(verifier: UnitTests) -> None:
    checker = "def check(given, output, expected):\n    return sum(map(int, output.split())) == int(given)\n"
    reference = {"cases": [{"input": "5", "output": "2 3"}], "checker": checker}
    assert judged(verifier, dict(reference), "print(1, 4)").outcome is Outcome.ACCEPT
    assert judged(verifier, dict(reference), "print(1, 5)").outcome is Outcome.REJECT


def test_a_numpy_program_finds_numpy(verifier: UnitTests) -> None:
    code = "import numpy as np\ndef f(n):\n    return np.int64(n)"
    assert judged(verifier, dict(CALLS), code).outcome is Outcome.ACCEPT


def test_repeats_show_a_program_that_draws(verifier: UnitTests) -> None:
    code = "import random\ndef f(n):\n    return n if random.random() < 0.5 else -1"
    first = {judged(verifier, dict(CALLS), code, 0).outcome for _ in range(3)}
    assert len(first) == 1
    calls = {"entry_point": "f", "inputs": [[1]], "expected": [1]}
    assert len({judged(verifier, dict(calls), code, trial).outcome for trial in range(12)}) == 2


@pytest.mark.parametrize(
    "settings", [{"suite": "all"}, {"timeout": 0}, {"memory": 1}, {"isolation": "none"}]
)
def test_impossible_settings_are_refused_in_one_line(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as error:
        unit_tests(**settings)
    assert "\n" not in str(error.value)


def test_isolation_that_cannot_be_had_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    verifier = unit_tests(isolation="bubblewrap", workers=1)
    with pytest.raises(ConfigError, match="bubblewrap"):
        judged(verifier, dict(CALLS), "def f(n): return n")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


def test_many_checks_leave_nothing_behind() -> None:
    made = unit_tests(workers=1)

    async def many(count: int) -> None:
        problem = Problem("p", "?", CALLS)
        for index in range(count):
            code = "def f(n): return n" if index % 2 else "open('left', 'w')\ndef f(n): return -n"
            await made.verify(problem, Sample("p", "m", index, code), 0)

    async def rounds() -> tuple[int, int]:
        await many(20)
        gc.collect()
        before = descriptors()
        await many(300)
        gc.collect()
        return before, descriptors()

    mounts, outside = Path("/proc/self/mounts").read_text(), children()
    before, after = asyncio.run(rounds())
    assert after == before
    made.sandbox.close()
    assert Path("/proc/self/mounts").read_text() == mounts
    assert children() == outside


def test_a_killed_run_takes_its_sandbox_with_it() -> None:
    script = (
        "import asyncio\nfrom vervet.types import Problem, Sample\n"
        "from vervet.verifiers.unit_tests import unit_tests\n"
        "v = unit_tests(workers=1)\n"
        "p = Problem('p', '?', {'entry_point': 'f', 'inputs': [[1]], 'expected': [1]})\n"
        "async def go():\n"
        "    await v.verify(p, Sample('p', 'm', 0, 'def f(n): return n'), 0)\n"
        "    print(next(iter(v.sandbox.idle.values()))[0].host_pid, flush=True)\n"
        "    await v.verify(p, Sample('p', 'm', 1, 'def f(n):\\n while True: pass'), 0)\n"
        "asyncio.run(go())\n"
    )
    source = str(Path(__file__).parents[2] / "src")
    run = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert run.stdout is not None
    inside = int(run.stdout.readline())
    run.kill()
    run.wait()
    run.stdout.close()
    for _ in range(100):
        if not Path(f"/proc/{inside}").exists():
            break
        asyncio.run(asyncio.sleep(0.1))
    assert not Path(f"/proc/{inside}").exists()
