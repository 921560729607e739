"""The rung that `bwrap` makes: where it is installed it must hold what namespaces hold."""

import asyncio
import shutil

import pytest

from vervet.types import Outcome, Problem, Sample
from vervet.verifiers.sandbox.doctor import doctor
from vervet.verifiers.unit_tests import unit_tests

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bwrap is not installed")


def test_bubblewrap_closes_every_way_out() -> None:
    findings = doctor("bubblewrap")
    assert [finding for finding in findings if not finding.holds] == []
    assert len(findings) > 1


def test_bubblewrap_judges_and_cleans_up() -> None:
    async def go() -> list[Outcome]:
        made = unit_tests(isolation="bubblewrap", workers=1, timeout=0.5)
        problem = Problem("p", "?", {"entry_point": "f", "inputs": [[2]], "expected": [False]})
        programs = (
            "def f(n): return bool(open('/tmp/left', 'w').write(''))",
            "import os\ndef f(n): return os.path.exists('/tmp/left')",
            "def f(n):\n    while True: pass",
            "def f(n): return False",
        )
        samples = [Sample("p", "m", at, code) for at, code in enumerate(programs)]
        found = [(await made.verify(problem, sample, 0)).outcome for sample in samples]
        await made.aclose()
        return found

    accept, reject = Outcome.ACCEPT, Outcome.REJECT
    assert asyncio.run(go()) == [accept, accept, reject, accept]
