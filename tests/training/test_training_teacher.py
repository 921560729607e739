"""The verifier's teacher: right about every solution, and its put-in mistakes are mistakes."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from vervet.problems.stories import tell
from vervet.types import Outcome, Problem, Sample

TRAINING = Path(__file__).parents[2] / "training"


@pytest.fixture(scope="module")
def teacher() -> ModuleType:
    spec = importlib.util.spec_from_file_location("teacher", TRAINING / "teacher.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_equation_the_teacher_writes_holds(teacher: ModuleType) -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        story = tell(rng)
        *told, verdict = teacher.rationale(story.solution, story.solution).split("\n")
        assert verdict == "Verdict: Yes"
        for line in told:
            left, sign, right, result = teacher.read(line)
            assert teacher.SIGNS[sign](left, right) == result


def test_a_mistake_that_was_put_in_is_found(teacher: ModuleType) -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        story = tell(rng)
        wrong = teacher.spoiled(story, rng)
        assert teacher.rationale(story.solution, wrong).endswith("Verdict: No")


@pytest.mark.parametrize(
    ("candidate", "yes"),
    [
        ("3+4=7\n7*2=14\nA: 14", True), (" 3+4=7\n7*2=14\nA: 14\n", True), ("3+4=7\nA: 7", False),
        ("3+4=7\n7*2=14\nA: 15", False), ("3+4=7\n7*2=14\nA: 14\nA: 14", False), ("", False),
    ],
)  # fmt: skip
async def test_the_verdict_is_about_every_line(
    teacher: ModuleType, candidate: str, *, yes: bool
) -> None:
    problem = Problem("p", "?", {"solution": "3+4=7\n7*2=14\nA: 14"})
    verdict = await teacher.Teacher().verify(problem, Sample("p", "m", 0, candidate), 0)
    assert verdict.outcome is (Outcome.ACCEPT if yes else Outcome.REJECT)
