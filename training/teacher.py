"""The teacher of marmoset-verifier: it knows the worked solution and writes what a check says.

It redoes the solution equation by equation, long products in parts, stops at the first line of the
candidate that is not its own, and gives a verdict. Like the teacher of GenRM-FT (Zhang et al.
2024, arXiv:2408.15240; Singhi et al. 2025, arXiv:2504.01005) it is shown the reference; the model
that learns from it is not.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from vervet.errors import VerifierError
from vervet.problems.stories import Story
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.identity import verifier_id

PRODUCT = re.compile(r"(\d+)\*(\d+)=\d+")
EQUATION = re.compile(r"(\d+)([-+*/])(\d+)=(\d+)")
SIGNS: Mapping[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // max(b, 1),
}
TEENS = range(11, 20)
YES, NO = "Verdict: Yes", "Verdict: No"


class Teacher:
    """Checks a solution against the worked one, in words that can be learnt."""

    def __init__(self) -> None:
        self.id = verifier_id("teacher", "1", {})

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Return the verdict, with the rationale as its evidence.

        Raises:
            VerifierError: the problem has no worked solution.
        """
        worked = problem.reference.get("solution")
        if not worked:
            raise VerifierError(f"{problem.id}: the teacher needs a worked solution")
        text = rationale(str(worked), sample.text)
        return Verdict(
            sample.problem_id,
            sample.sampler_id,
            sample.index,
            self.id,
            trial,
            Outcome.ACCEPT if text.endswith(YES) else Outcome.REJECT,
            evidence=json.dumps({"text": text}),
        )


def rationale(worked: str, candidate: str) -> str:
    r"""Return the check of `candidate`: the right equations up to its first mistake, a verdict.

    >>> print(rationale("15*24=360\nA: 360", "15*24=340\nA: 340"))
    24*10=240
    24*5=120
    15*24=360
    Verdict: No
    """
    right, said = worked.split("\n"), candidate.strip().split("\n")
    told: list[str] = []
    for place, line in enumerate(right):
        told += () if line.startswith("A:") else parts(line)
        if place >= len(said) or said[place].strip() != line:
            return "\n".join((*told, NO))
    return "\n".join((*told, YES if len(said) == len(right) else NO))


def parts(equation: str) -> Iterator[str]:
    """Yield an equation, after the products it is made of where it is a long one.

    >>> list(parts("3*53=159")), list(parts("12*53=636"))
    (['3*53=159'], ['53*10=530', '53*2=106', '12*53=636'])
    """
    if product := PRODUCT.fullmatch(equation):
        factors = [int(factor) for factor in product.groups()]
        teen = next((factor for factor in factors if factor in TEENS), None)
        if teen is not None and min(factors) > 10:
            other = factors[1] if factors[0] == teen else factors[0]
            yield f"{other}*10={other * 10}"
            yield f"{other}*{teen - 10}={other * (teen - 10)}"
    yield equation


def spoiled(story: Story, rng: np.random.Generator) -> str:
    """Return a story's solution with one mistake in it, and all that follows from the mistake.

    Half of the mistakes are a digit of one result, half another sign.
    """
    worst = int(rng.integers(len(story.equations)))
    changed: dict[int, int] = {}
    lines, total = [], 0
    for place, equation in enumerate(story.equations):
        left, sign, right, result = read(equation)
        a, b = changed.get(left, left), changed.get(right, right)
        wrong = place == worst
        if wrong and rng.random() < 0.5:
            sign = str(rng.choice([each for each in SIGNS if each != sign]))
        total = SIGNS[sign](a, b)
        if wrong and sign == read(equation)[1]:
            digits = str(total)
            total += int(rng.choice([-2, -1, 1, 2])) * 10 ** int(rng.integers(len(digits)))
        total = max(total, 0)
        changed[result] = total
        lines.append(f"{a}{sign}{b}={total}")
    return "\n".join((*lines, f"A: {total}"))


def read(equation: str) -> tuple[int, str, int, int]:
    """Return the parts of an equation.

    >>> read("3*53=159")
    (3, '*', 53, 159)
    """
    left, sign, right, result = EQUATION.fullmatch(equation).groups()  # type: ignore[union-attr]  # stories have no others
    return int(left), sign, int(right), int(result)
