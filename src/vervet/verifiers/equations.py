"""`equations`: accepts a reply when every equation it writes out is true.

A cheap and imperfect verifier that needs no reference: it catches slips of arithmetic, and is
fooled by true equations about the wrong quantities, by steps that are missing, and by words. What
it accepts but the answer key rejects is its false positives, which `analyze --against` counts.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.answer import Traits
from vervet.verifiers.identity import verifier_id

NUMBER = r"\(?-?[\d.][\d.,]{0,40}\)?"
EQUATION = re.compile(
    rf"(?<![\w.,])({NUMBER}(?:\s{{0,3}}[-+*/×÷x]\s{{0,3}}{NUMBER}){{1,12}})"
    r"\s{0,3}=\s{0,3}\$?(-?[\d.][\d.,]{0,40})"
)
"""Every repeat is bounded, so that hostile text costs time in proportion to its length."""
LONGEST_NUMBER = 30
"""Digits beyond which a number is not what a word problem holds, and costs time."""
TRAITS = Traits(
    cost="microseconds",
    deterministic=True,
    fooled_by="true equations about the wrong quantities; rejects a slip that is mended later",
)
OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def equations(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each equation of a text and whether it is true; unreadable ones are left out.

    >>> list(equations("She has 16 - 3 = 13 left, so 13 * 2 = $27."))
    [('16 - 3 = 13', True), ('13 * 2 = 27', False)]
    """
    for match in EQUATION.finditer(text):
        left, right = value(match[1]), value(match[2])
        if left is not None and right is not None:
            yield f"{match[1].strip()} = {match[2].rstrip('.,')}", left == right


def value(expression: str) -> Fraction | None:
    """Return the exact value of an expression of numbers, or None where it has none.

    >>> value("2 × 3.5"), value("1/0"), value("1,000 + 1")
    (Fraction(7, 1), None, Fraction(1001, 1))
    """
    plain = expression.strip().rstrip(".,").replace(",", "")
    for sign, written in (("×", "*"), ("÷", "/"), ("x", "*")):
        plain = plain.replace(sign, written)
    if any(len(run) > LONGEST_NUMBER for run in re.findall(r"[\d.]+", plain)):
        return None
    numbered = re.sub(r"\d*\.?\d+\.?", lambda found: f"F({found[0]!r})", plain)
    try:
        return _evaluate(ast.parse(numbered, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def _evaluate(node: ast.expr) -> Fraction:
    match node:
        case ast.Call(args=[ast.Constant(value=str(digits))]):
            return Fraction(digits)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_evaluate(left), _evaluate(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
    raise ValueError("not plain arithmetic")


@dataclass(frozen=True, slots=True)
class Equations:
    """Judges by the equations of a reply alone; its score is the share that is true."""

    id: str = verifier_id("equations", "1", {})
    traits: Traits = TRAITS

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Accept if there is an equation and none is false."""
        found = list(equations(sample.text))
        wrong = [written for written, true in found if not true]
        detail = f"false: {wrong[0]}" if wrong else "" if found else "no equation found"
        return Verdict(
            problem.id,
            sample.sampler_id,
            sample.index,
            self.id,
            trial,
            Outcome.ACCEPT if found and not wrong else Outcome.REJECT,
            score=1 - len(wrong) / len(found) if found else 0.0,
            detail=detail[:200],
        )
