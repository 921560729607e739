"""math-answer as a verifier: real references, Math-Verify as a last resort, workers that die."""

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path
from time import monotonic

import pytest

from vervet.errors import ConfigError, VerifierError
from vervet.problems.competition import aime24, aime25, amc23, math500
from vervet.testing import check_references
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.equivalence import same
from vervet.verifiers.math_answer import MathAnswer, any_answer, worth_asking
from vervet.verifiers.workers import Limits, Workers

TOWER = (r"\sum_{k=1}^{3} 9^{9^{9^{9}}}", r"\sum_{k=1}^{4} 9^{9^{9^{8}}}")
"""Nothing we read, and nothing Math-Verify finishes."""


async def judged(verifier: MathAnswer, reference: object, text: str) -> Verdict:
    problem = Problem("p", "?", {} if reference is None else {"answer": reference})
    return await verifier.verify(problem, Sample("p", "m", 0, text), 0)


SAID = [
    (r"so $x=\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"), ("The answer is $x = 5$.", "x = 5"),
    ("Final Answer: The final answer is $[2,5)$. I hope it is correct.\n\nProblem:", "$[2,5)$"),
    (r"The roots are $\boxed{2}$ and $\boxed{3}$.", "2,3"), ("**Answer:** 42", "42"),
    (r"Hence \(\pi\) or \(\frac{\pi}{2}\).", r"\frac{\pi}{2}"), ("we get 7 at last", "7"),
    ("The final answer is 42 because of that.", "42"), ("It is obvious.", None), ("", None),
    (r"\frac{1}{2}", r"\frac{1}{2}"), ("x = 5", "5"), ("(1, 2)", "(1, 2)"), ("Evelyn", "Evelyn"),
    (r"\text{no solution}", r"\text{no solution}"),
    ("Therefore\n\\[\n\\frac{3}{4}\n\\]", r"\frac{3}{4}"),
    ("The answer is\n\\[\nx^2\n\\]", "x^2"), ("so\n$$x = \\pi$$", r"\pi"), ("So x = 5", "5"),
    (r"\boxed{(2, 2)} \quad \text{and} \quad \boxed{(6, 2)}", "(2, 2),(6, 2)"),
    ("Final Answer: The largest $n$ is 34.", "34"), ("The answer is $12$ and $13$.", "12,13"),
    ("The volume of $ABCH$ is 120.", "120"), ("The chance that Alice wins is 2/3. Bye", "2/3"),
    ("We know $1+nd = 91$. Therefore, there are 12 sequences that meet it.", "12"),
    ("Final Answer: Jane started growing the sphere 3 hours ago. I hope it is correct.", "3"),
    (r"\boxed{unclosed", None), (r"First \boxed{1}, then \boxed{}", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "answer"), SAID)
def test_the_answer_is_found_by_its_clearest_mark(text: str, answer: str | None) -> None:
    assert any_answer(text) == answer


async def test_equal_answers_vote_together_whoever_came_first() -> None:
    verifier = MathAnswer()
    texts = [r"\boxed{\frac{\sqrt{8}}{2}}", r"\boxed{\sqrt2}", r"\boxed{2^{1/2}}", r"\boxed{3}"]
    for order in (texts, texts[::-1]):
        votes = Counter([(await judged(verifier, "7", text)).answer for text in order])
        assert sorted(votes.values()) == [1, 3]


async def test_an_accepted_answer_votes_for_the_reference() -> None:
    verdict = await judged(MathAnswer(), "y = 2x + 3", r"\boxed{2x+3}")
    same = await judged(MathAnswer(), "y = 2x + 3", r"\boxed{y - 2x = 3}")
    assert verdict.outcome is same.outcome is Outcome.ACCEPT
    assert verdict.answer == same.answer


async def test_the_right_number_of_the_wrong_thing_votes_for_something_else() -> None:
    right = await judged(MathAnswer(), r"5\text{ cm}", r"\boxed{5}")
    wrong = await judged(MathAnswer(), r"5\text{ cm}", r"\boxed{5\text{ km}}")
    assert (right.outcome, wrong.outcome) == (Outcome.ACCEPT, Outcome.REJECT)
    assert right.answer != wrong.answer


async def test_no_answer_is_a_rejection_and_no_reference_is_our_error() -> None:
    verdict = await judged(MathAnswer(), "5", "It is obvious.")
    assert (verdict.outcome, verdict.answer) == (Outcome.REJECT, None)
    verdict = await judged(MathAnswer(), None, r"\boxed{5}")
    assert (verdict.outcome, verdict.answer) == (Outcome.ERROR, "5")


LIBRARY = [
    (r"\sum_{k=1}^{3} k", "6", True), (r"\sum_{k=1}^{3} k", "7", False),
    (r"\int_0^1 x dx", r"\frac12", True), (r"\int_0^1 x dx", r"\frac13", False),
    (r"\max(1,2)", "2", True), (r"\oint", r"\int", False),
]  # fmt: skip


async def test_what_we_do_not_read_is_asked_of_math_verify() -> None:
    verifier = MathAnswer(seconds=60)
    for reference, answer, equal in LIBRARY:
        assert await verifier.equal(reference, answer) is equal
    assert len(verifier.known) == len(LIBRARY)


async def test_a_check_that_never_ends_is_an_error_and_its_worker_is_gone() -> None:
    verifier = MathAnswer(seconds=1.0, workers=1)
    before = monotonic()
    verdict = await judged(verifier, TOWER[0], rf"\boxed{{{TOWER[1]}}}")
    assert verdict.outcome is Outcome.ERROR
    assert verdict.detail == "equivalence check timed out after 1 s"
    assert verifier.workers.idle.empty()
    assert not verifier.known
    assert monotonic() - before < 60


async def test_a_worker_that_is_killed_is_an_error_and_the_next_question_is_answered() -> None:
    verifier = MathAnswer(seconds=60, workers=1)
    assert await verifier.equal(*LIBRARY[0][:2])
    worker = verifier.workers.idle.get_nowait()
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait()
    verifier.workers.idle.put(worker)
    with pytest.raises(VerifierError, match="equivalence check died"):
        await verifier.equal(*LIBRARY[1][:2])
    assert await verifier.equal(*LIBRARY[1][:2]) is False


async def test_a_worker_without_memory_is_an_error_not_a_verdict() -> None:
    verifier = MathAnswer(megabytes=16)
    verdict = await judged(verifier, LIBRARY[0][0], r"\boxed{6}")
    assert verdict.outcome is Outcome.ERROR
    assert "did not start as a worker process" in verdict.detail


async def test_a_worker_that_talks_nonsense_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        "import sys\nprint('ready', flush=True)\nfor _ in sys.stdin:\n    print('{')\n"
    )
    script.write_text(script.read_text().replace("print('{')", "print('{', flush=True)"))
    workers = Workers(str(script), "the check", Limits(seconds=30))
    with pytest.raises(VerifierError, match="the check died"):
        await workers.ask({"reference": "1", "answer": "2"})
    assert workers.idle.empty()


async def test_many_questions_at_once_share_the_workers() -> None:
    verifier = MathAnswer(seconds=60, workers=2)
    asked = [verifier.equal(r"\sum_{k=1}^{4} k", str(n)) for n in range(6, 14)]
    assert (await asyncio.gather(*asked)).index(True) == 4
    assert verifier.workers.idle.qsize() <= 2


def test_one_verifier_serves_several_event_loops() -> None:
    verifier = MathAnswer(seconds=60)
    for _ in range(2):
        assert asyncio.run(verifier.equal(r"\sum_{k=1}^{3} k", "6"))


def test_sentences_are_not_asked_about() -> None:
    assert not worth_asking("18 dollars and nothing else")
    assert not worth_asking("1" * 2000)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [({"style": "loose"}, "style 'loose'"), ({"seconds": 0}, "positive"), ({"workers": 0}, "pos")],
)
def test_bad_settings_are_one_clear_line(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        MathAnswer(**settings)  # type: ignore[arg-type]  # bad on purpose


def test_limits_are_not_part_of_what_a_verdict_means() -> None:
    assert MathAnswer().id == MathAnswer(seconds=3, workers=1).id
    assert MathAnswer().id != MathAnswer(style="boxed").id


@pytest.mark.parametrize(
    ("benchmark", "folder", "least"),
    [(math500, "math500", 1000), (aime24, "aime", 59), (aime25, "aime", 58), (amc23, "aime", 40)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_every_reference_is_accepted(
    benchmark: object, folder: str, least: int, shared_data: Path
) -> None:
    problems = benchmark(path=shared_data / "data" / folder)  # type: ignore[operator]
    found = check_references(problems, MathAnswer())
    assert found.checked >= least
    assert not found.findings


BY_CONVENTION = {
    ("(-2,1)", "-2,1"), ("-2,1", "1,-2"), ("10,\\!080", "10080"), ("120", "120^\\circ"),
    ("15", "15\\mbox{ cm}^2"), ("2 \\sqrt{5}", "2\\sqrt{5}"), ("30", "30^\\circ"),
    ("36", "36^\\circ"), ("36", "\\$36"), ("5", "x=5"),
    ("90", "90^\\circ"), ("\\frac14", "\\frac{1}{4}"),
}  # fmt: skip
"""All pairs of different references that count as equal: lists without parentheses or in another
order, and values without their unit, name or base."""


def test_no_two_references_of_math500_are_equal_but_by_convention(shared_data: Path) -> None:
    distinct = {p.reference["answer"] for p in math500(path=shared_data / "data" / "math500")}
    assert len(distinct) == 301
    equal = {(a, b) for a in distinct for b in distinct if a < b and same(a, b)}
    assert equal == BY_CONVENTION
