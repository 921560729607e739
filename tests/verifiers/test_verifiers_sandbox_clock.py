"""When a program is out of time: its own seconds count, and an answer is never late."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.sandbox.clock import Clock, Usage, children_of, last_descendant
from vervet.verifiers.sandbox.limits import Limits
from vervet.verifiers.unit_tests import UnitTests, unit_tests

LIMIT = Limits(cpu_seconds=0.2)
SLOW = 0.25
UNEVEN: dict[str, Any] = {
    "entry_point": "f",
    "inputs": [[n] for n in range(40)],
    "solution": "import time\n"
    "def f(n):\n"
    "    begun = time.process_time()\n"
    f"    while n == 5 and time.process_time() - begun < {SLOW}: pass\n"
    "    return n\n",
}


@contextmanager
def child(source: str) -> Iterator[Clock]:
    """Run a program as the last child of this process, and watch it."""
    with subprocess.Popen([sys.executable, "-S", "-c", source], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield Clock(os.getpid())
        process.kill()


def watched(clock: Clock, limits: Limits = LIMIT) -> float:
    """Look as often as the clock asks for; return the seconds until it was out of time."""
    while (left := clock.left(limits)) > 0:
        time.sleep(left)
    return clock.sampled - clock.begun


def test_a_program_that_computes_is_stopped_by_its_processor_seconds_alone() -> None:
    with child("print(flush=True)\nwhile True: pass") as clock:
        watched(clock)
        assert LIMIT.cpu_seconds <= clock.used.cpu < 2 * LIMIT.cpu_seconds
        assert not clock.crowded


def test_a_program_that_sleeps_is_stopped_by_the_clock_and_the_machine_not_blamed() -> None:
    with child("import time\nprint(flush=True)\ntime.sleep(60)") as clock:
        watched(clock)
        assert clock.used.cpu < LIMIT.cpu_seconds
        assert not clock.crowded or clock.used.queued > 0


def test_a_program_that_stood_in_the_run_queue_is_looked_at_again() -> None:
    with child("import time\nprint(flush=True)\ntime.sleep(60)") as clock:
        clock.begun -= 3.0
        clock.advanced -= 3.0
        clock.before = Usage(0.0, -0.5)  # as if half a second of the last had been in the queue
        assert clock.left(LIMIT) <= 0
        assert clock.crowded


def test_a_finished_call_starts_the_clock_again_and_takes_what_was_used_before_with_it() -> None:
    with child("print(flush=True)\nwhile True: pass") as clock:
        watched(clock)
        clock.advance(1)
        assert clock.left(LIMIT) > 0
        before = clock.before.cpu
        watched(clock)
        assert clock.used.cpu - before < 2 * LIMIT.cpu_seconds


def test_a_sandbox_that_never_began_is_our_failure_and_not_the_programs() -> None:
    with child("print(flush=True)") as clock:
        nobody = Clock(children_of(clock.slot)[-1])
        assert nobody.left(LIMIT) > 0
        nobody.begun -= 60
        with pytest.raises(OSError, match="no process"):
            nobody.left(LIMIT)


def test_the_last_descendant_of_a_process_without_children_is_itself() -> None:
    with child("import time\nprint(flush=True)\ntime.sleep(60)") as clock:
        alone = children_of(clock.slot)[-1]
        assert last_descendant(alone) == alone


@pytest.fixture
def verifier() -> Iterator[UnitTests]:
    made = unit_tests(workers=1)
    yield made
    made.sandbox.close()


async def verified(verifier: UnitTests, reference: dict[str, Any], code: str) -> Verdict:
    return await verifier.verify(Problem("p", "?", reference), Sample("p", "m", 0, code), 0)


def test_a_loop_on_a_cheap_input_gets_the_seconds_of_a_cheap_input(verifier: UnitTests) -> None:
    for loops_on in (3, 39):  # in the first batch and in the second
        code = f"def f(n):\n    while n == {loops_on}: pass\n    return n\n"
        verdict = asyncio.run(verified(verifier, UNEVEN, code))
        found = json.loads(verdict.evidence)
        assert "of 40: time" in verdict.detail
        assert found["cpu_seconds"] < 2 * SLOW < found["limits"]["cpu_seconds"]


def test_a_right_program_gets_the_seconds_of_the_costly_input(verifier: UnitTests) -> None:
    code = UNEVEN["solution"].replace(str(SLOW), str(2.4 * SLOW))
    verdict = asyncio.run(verified(verifier, UNEVEN, code))
    assert verdict.outcome is Outcome.ACCEPT, verdict.detail


def test_an_answer_comes_even_when_the_warm_interpreter_stands_still() -> None:
    async def go() -> tuple[Verdict, Verdict, float]:
        made = unit_tests(workers=1, timeout=0.3)
        tests = {"entry_point": "f", "inputs": [[1]], "expected": [1]}
        await verified(made, tests, "def f(n): return n")
        (slot,) = next(iter(made.sandbox.idle.values()))  # type: ignore[union-attr]  # warm
        begun = time.monotonic()
        looping = asyncio.ensure_future(verified(made, tests, "def f(n):\n    while True: pass"))
        await asyncio.sleep(0.1)
        os.kill(slot.host_pid, signal.SIGSTOP)
        late = await looping
        spent = time.monotonic() - begun
        right = await verified(made, tests, "def f(n): return n")
        await made.aclose()
        return late, right, spent - json.loads(late.evidence).get("queued_seconds", 0.0)

    late, right, spent = asyncio.run(go())
    assert "time" in late.detail
    assert spent < 0.3 + 1.5
    assert right.outcome is Outcome.ACCEPT
