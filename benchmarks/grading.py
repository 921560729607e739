"""How well and how fast answers are graded: agreement, wrong acceptances, cost.

    python benchmarks/grading.py [folder of real data]

GSM8K: the verdicts recorded with the solutions that four models gave (openai/grade-school-math,
example_model_solutions.jsonl). MATH: every reference of MATH-500 against itself, against the box
of its reference solution, in other spellings, and with one digit or sign changed; Math-Verify
alone is the peer, on the same pairs in the same run.
"""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from vervet.problems.competition import math500
from vervet.problems.gsm8k import gsm8k
from vervet.testing import check_references
from vervet.types import Outcome, Problem, Sample
from vervet.verifiers.gsm8k import gsm8k_answer
from vervet.verifiers.math_answer import MathAnswer

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
VERDICTS = {Outcome.ACCEPT: True, Outcome.REJECT: False, Outcome.ERROR: None}
Pair = tuple[str, str, bool]
KNOWN_WRONG: tuple[Pair, ...] = (
    ("\\frac{1}{2^{99}}", "\\frac{1}{2^{98}}", False),
    ("1-\\frac{1}{e}", "1+\\frac{1}{e}", False),
    ("3*x-1*y+13=0", "3x + 4y + 14=0", False),
    ("\\frac{1}{3}", "0.333333", False),
    ("10^{-9}", "10^{-8}", False),
    ("\\sqrt{2}", "1.414214", False),
    ("(1,2)", "\\{1,2\\}", False),
)
"""Pairs that Math-Verify 0.9.0 takes, or took, for equal."""
SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda a: f"${a}$",
    lambda a: a.replace("\\frac", "\\dfrac").replace("\\dfrac{", "\\dfrac {"),
    lambda a: f"{{{a}}}",
    lambda a: a.replace(" ", ""),
    lambda a: (
        a.replace("(", "\\left(")
        .replace(")", "\\right)")
        .replace("\\left\\left", "\\left")
        .replace("\\right\\right", "\\right")
    ),
    lambda a: f"\\text{{{a}}}" if a.isalpha() else f"\\; {a} \\;",
    lambda a: f"x = {a}" if re.fullmatch(r"-?\d+", a) else a,
)


def data() -> Path:
    """Return the folder of real data."""
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("VERVET_SHARED")
    folder = Path(given or Path(__file__).resolve().parents[2] / "shared") / "data"
    if not folder.is_dir():
        sys.exit(f"no real data at {folder}; pass its folder, or set VERVET_SHARED")
    return folder


def grade_gsm8k(folder: Path) -> None:
    """Print agreement with recorded verdicts, and the cost of one."""
    problems = gsm8k(path=folder).problems
    verifier = gsm8k_answer()
    lines = (folder / "example_model_solutions.jsonl").read_text().splitlines()
    work = [
        (problem, Sample(problem.id, model, 0, row[model]["solution"]), row[model]["is_correct"])
        for problem, row in zip(problems, map(json.loads, lines), strict=True)
        for model in MODELS
    ]
    before = time.process_time()
    verdicts = [verifier.judge(problem, sample) for problem, sample, _ in work]
    cost = (time.process_time() - before) / len(work)
    same = sum(
        (v.outcome is Outcome.ACCEPT) is recorded
        for v, (_, _, recorded) in zip(verdicts, work, strict=True)
    )
    print(f"gsm8k-answer  {same:,} of {len(work):,} recorded verdicts ({same / len(work):.2%})")
    print(f"              {cost * 1e6:.1f} CPU-us a sample")
    print(f"              {check_references(problems, verifier)}")


def changed(answer: str) -> Iterator[str]:
    """Yield the answer with one digit changed, and with its sign changed."""
    digit = re.search(r"[1-8]", answer)
    if digit:
        yield f"{answer[: digit.start()]}{int(digit[0]) + 1}{answer[digit.end() :]}"
    if "+" in answer:
        yield answer.replace("+", "-", 1)
    if re.match(r"[1-9]|\\frac|\\sqrt|\\pi", answer) and "=" not in answer:
        yield f"-({answer})"


def pairs(problems: tuple[Problem, ...]) -> list[Pair]:
    """Return (reference, answer, whether they are equal), each once."""
    found: dict[tuple[str, str], bool] = {}
    for problem in problems:
        reference = problem.reference["answer"]
        found |= {(reference, spell(reference)): True for spell in SPELLINGS}
        found |= {(reference, wrong): False for wrong in changed(reference)}
    return [(reference, answer, equal) for (reference, answer), equal in found.items()]


async def ours(work: list[Pair]) -> list[bool | None]:
    """Grade by math-answer."""
    verifier = MathAnswer()
    verdicts: list[bool | None] = []
    for reference, answer, _ in work:
        problem = Problem("p", "?", {"answer": reference})
        verdict = await verifier.verify(problem, Sample("p", "m", 0, f"\\boxed{{{answer}}}"), 0)
        verdicts.append(VERDICTS[verdict.outcome])
    return verdicts


def peers(work: list[Pair]) -> list[bool | None]:
    """Grade by Math-Verify alone."""
    from math_verify import parse, verify  # noqa: PLC0415 - the peer is an optional part

    return [verify(parse(f"${r}$"), parse(f"\\boxed{{{a}}}")) for r, a, _ in work]


def report(name: str, work: list[Pair], verdicts: list[bool | None], seconds: float) -> None:
    """Print one grader's line, and what it got wrong."""
    wrong = [(p, v) for p, v in zip(work, verdicts, strict=True) if v is not p[2]]
    accepted = sum(1 for (_, _, equal), v in wrong if v and not equal)
    rejected = sum(1 for (_, _, equal), v in wrong if not v and equal)
    print(
        f"{name:<13} {accepted} of {sum(not p[2] for p in work):,} wrong answers accepted, "
        f"{rejected} of {sum(p[2] for p in work):,} right ones not; "
        f"{seconds / len(work) * 1e3:.2f} CPU-ms a pair"
    )
    for (reference, answer, _), verdict in wrong[:12]:
        print(f"              {reference!r} and {answer!r}: {verdict}")


def main() -> None:
    """Print everything."""
    folder = data()
    grade_gsm8k(folder / "gsm8k")
    problems = math500(path=folder / "math500").problems
    print(f"math-answer   {check_references(problems, MathAnswer())}")
    work = [*pairs(problems), *KNOWN_WRONG]
    for name, grade in (("math-answer", lambda w: asyncio.run(ours(w))), ("Math-Verify", peers)):
        before = time.process_time()
        verdicts = grade(work)
        report(name, work, verdicts, time.process_time() - before)


if __name__ == "__main__":
    main()
