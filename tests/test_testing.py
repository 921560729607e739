"""What tells a user that a verifier or a problem set cannot be trusted."""

import asyncio
import pickle
from collections.abc import Mapping

import pytest

from vervet.errors import ConfigError, VerifierError
from vervet.testing import check_references, check_verifier
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.choice import choice
from vervet.verifiers.exact import exact, regex
from vervet.verifiers.gsm8k import gsm8k_answer
from vervet.verifiers.math_answer import MathAnswer

NUMBER = Problem("n", "?", {"answer": "19", "solution": "so\n#### 19"})
BUILT_IN = [
    (gsm8k_answer(), NUMBER),
    (gsm8k_answer(style="paper"), NUMBER),
    (MathAnswer(), Problem("m", "?", {"answer": r"\frac{1}{2}", "solution": r"\boxed{0.5}"})),
    (MathAnswer(style="paper"), Problem("m", "?", {"answer": r"\frac{1}{2}"})),
    (choice(), Problem("c", "?", {"answer": "C"})),
    (exact(), Problem("e", "Capital of Peru?", {"answer": "Lima"})),
    (regex("is (.*)"), Problem("r", "?", {"answer": "Lima", "solution": "It is Lima"})),
]


@pytest.mark.parametrize(("verifier", "problem"), BUILT_IN, ids=lambda v: getattr(v, "id", "")[:24])
def test_every_answer_verifier_keeps_its_contract(verifier: MathAnswer, problem: Problem) -> None:
    check_verifier(verifier, [problem])


@pytest.mark.parametrize(("verifier", "problem"), BUILT_IN, ids=lambda v: getattr(v, "id", "")[:24])
def test_every_answer_verifier_can_go_to_another_process(
    verifier: MathAnswer, problem: Problem
) -> None:
    there = pickle.loads(pickle.dumps(verifier))  # noqa: S301 - our own object
    assert there.id == verifier.id
    check_verifier(there, [problem])


class Careless:
    """A verifier with every fault that is looked for."""

    count = 0

    @property
    def id(self) -> str:
        self.count += 1
        return f"careless-{self.count}"

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        del problem
        if "boxed" in sample.text:
            raise ZeroDivisionError
        accept = sample.text != "19"
        outcome = Outcome.ACCEPT if accept else Outcome.REJECT
        return Verdict("other", "m", 9, "x", trial, outcome, sample.text or "vote")


def test_every_fault_of_a_careless_verifier_is_told() -> None:
    with pytest.raises(AssertionError) as caught:
        check_verifier(Careless(), [Problem("n", "?", {"answer": "19"})])
    for complaint in (
        "reject for its reference answer",
        "the verdict is named ('other', 'm', 9, 'x', 0)",
        "accept with 'vote' for an empty reply",
        "ZeroDivisionError",
        "is accepted",
        "reject where there is no reference",
        "its id changed",
    ):
        assert complaint in str(caught.value)


def test_a_verifier_is_not_called_good_on_no_problems() -> None:
    with pytest.raises(AssertionError, match="no problems to check"):
        check_verifier(exact(), [])


def test_references_that_disagree_with_themselves_are_findings() -> None:
    problems = [
        NUMBER,
        Problem("wrong", "?", {"answer": "18", "solution": "...\n#### 16"}),
        Problem("mute", "?", {}),
    ]
    found = check_references(problems, gsm8k_answer())
    assert (found.problems, found.checked, found.unchecked) == (3, 4, 1)
    (finding,) = found.findings
    assert (finding.problem_id, finding.part, finding.answer) == ("wrong", "solution", "16")
    assert "3 of 4 references accepted" in str(found)
    assert "reject, read '16'" in str(found)


class Flaky:
    """Rejects every third time; fails on what it is told to fail on."""

    id = "flaky@1"
    concurrency = 1

    def reference_replies(self, problem: Problem) -> Mapping[str, str]:
        return {"answer": problem.reference["answer"]}

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        await asyncio.sleep(0)
        if sample.text == "crash":
            raise VerifierError("the disk is gone")
        outcome = Outcome.REJECT if trial % 3 == 2 else Outcome.ACCEPT
        return Verdict(problem.id, sample.sampler_id, sample.index, self.id, trial, outcome, "a")


def test_repeats_find_flaky_verdicts() -> None:
    problems = [Problem("p", "?", {"answer": "fine"})]
    assert not check_references(problems, Flaky()).findings
    (finding,) = check_references(problems, Flaky(), repeats=3).findings
    assert finding.detail == "flaky: 1 of 3 not accepted"


class Lenient(Flaky):
    """Accepts its control every other time."""

    def wrong_replies(self, problem: Problem) -> Mapping[str, str]:
        return {"control": f"nothing of {problem.id}"}

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        accept = sample.text == "fine" or trial % 2 == 1
        outcome = Outcome.ACCEPT if accept else Outcome.REJECT
        return Verdict(problem.id, sample.sampler_id, sample.index, self.id, trial, outcome, "a")


def test_a_control_that_is_not_rejected_is_a_finding() -> None:
    problems = [Problem("p", "?", {"answer": "fine"})]
    once = check_references(problems, Lenient())
    assert (once.checked, once.findings) == (2, ())
    (finding,) = check_references(problems, Lenient(), repeats=2).findings
    assert (finding.part, finding.outcome) == ("control", "accept")
    assert finding.detail == "flaky: 1 of 2 not rejected"


def test_a_verifier_that_fails_is_an_error_finding() -> None:
    (finding,) = check_references([Problem("p", "?", {"answer": "crash"})], Flaky()).findings
    assert (finding.outcome, finding.detail) == ("error", "the disk is gone")


async def test_checking_works_where_an_event_loop_runs_already() -> None:
    assert not check_references([NUMBER], gsm8k_answer()).findings


class Broken:
    """Crashes, or refuses to judge anything; notes that it was closed."""

    id = "broken@1"

    def __init__(self, error: Exception) -> None:
        self.error, self.closed = error, False

    async def verify(self, *asked: object) -> Verdict:
        del asked
        raise self.error

    async def aclose(self) -> None:
        self.closed = True


def test_a_crash_is_a_finding_and_a_verifier_that_can_judge_nothing_ends_it() -> None:
    crashes = Broken(KeyError("no such field"))
    (finding, *_) = check_references([NUMBER], crashes).findings
    assert (finding.outcome, finding.detail) == ("error", "broken@1: KeyError: 'no such field'")
    refuses = Broken(ConfigError("no Docker engine answers"))
    with pytest.raises(ConfigError, match="no Docker"):
        check_references([NUMBER], refuses)
    assert crashes.closed
    assert refuses.closed
