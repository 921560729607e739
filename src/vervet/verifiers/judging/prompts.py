"""What a judge is shown: templates, and how problem, solution and reference are put into them."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from vervet.errors import ConfigError, VerifierError
from vervet.types import Problem, Sample
from vervet.verifiers.answer import without_thoughts

Thoughts = Literal["cut", "keep"]

GRADE = (
    "You are a teacher who grades solutions. Check the solution below step by step, then end with "
    "one line of the form\nVerification: Is the answer correct (Yes/No)? X\nwhere X is Yes or No."
)
EXAMPLES = """
Problem: What is 7 * 8 - 5?
Solution: 7 * 8 = 54, and 54 - 5 = 49. The final answer is 49.
Check: 7 * 8 is 56, not 54. So 56 - 5 = 51, and the final answer is wrong.
Verification: Is the answer correct (Yes/No)? No

Problem: A shirt costs $20 and is reduced by 25 %. What does it cost now?
Solution: 25 % of 20 is 5, so it costs 20 - 5 = 15 dollars. The final answer is 15.
Check: 25 % of 20 is 5, which is right. 20 - 5 = 15, which is right and what was asked.
Verification: Is the answer correct (Yes/No)? Yes
"""
ASK = "\nProblem: {problem}\n\nSolution: {solution}\n"
ANSWER = "\nThe correct final answer is: {reference}\n"
WORKED = "\nA correct solution is: {worked}\n"
TEMPLATES: Mapping[str, str] = {
    "zero-shot": GRADE + ASK,
    "few-shot": GRADE + EXAMPLES + ASK + "Check:",
    "fine-tuned": "Problem: {problem}\nSolution: {solution}\nVerification:",
    "reference": GRADE + ASK + ANSWER,
    "worked": GRADE + ASK + WORKED,
}
"""GenRM-Base without and with examples, GenRM-FT as it was trained, and guided by the reference:
its answer, or its worked solution as the teacher of GenRM-FT is."""

RUBRIC = (
    "You grade solutions by a rubric. Judge the solution below by each criterion in one sentence, "
    "then end with one line of the form\nRating ({low}-{high}): X\nwhere X is a whole number, "
    "{low} for a solution that meets no criterion and {high} for one that meets all.\n\n"
    "Criteria:\n{rubric}\n"
)
CRITERIA = (
    "- It answers the very question that was asked.\n- Every step follows from the ones before.\n"
    "- Every calculation is right.\n- The final answer is stated and correct."
)
COMPARE = (
    "You compare two solutions of one problem. Check both step by step, then end with one line of "
    "the form\nBetter (A/B/Tie): X\nwhere X is A, B or Tie.\n"
    "\nProblem: {problem}\n\nSolution A: {first}\n\nSolution B: {second}\n"
)
PLACES = re.compile(r"\{(problem|solution|reference|worked|first|second)\}")
GUIDES = {"reference": "answer", "worked": "solution"}
"""What a place is filled with from the problem's reference."""


def template_of(
    name: str,
    known: Mapping[str, str] = TEMPLATES,
    needs: Sequence[str] = ("problem", "solution"),
) -> str:
    """Return the template called `name`, or `name` itself where it is one.

    Raises:
        ConfigError: it is neither.
    """
    text = known.get(name, name)
    if not set(needs) <= set(PLACES.findall(text)):
        wanted = " and ".join(f"{{{place}}}" for place in needs)
        raise ConfigError(
            f"judge: template {name!r} is none of {', '.join(known)}, and no text with {wanted}."
        )
    return text


def shown(sample: Sample, thoughts: Thoughts = "cut") -> str:
    """Return what a judge sees of a reply: without its thoughts, or with all of them.

    >>> shown(Sample("p", "m", 0, "<think>maybe 3</think>It is 4."))
    'It is 4.'
    """
    if thoughts == "cut":
        return without_thoughts(sample.text).strip()
    return f"{sample.reasoning}\n\n{sample.text}".strip()


def fill(template: str, problem: Problem, parts: Mapping[str, str]) -> str:
    """Put the problem, its reference and `parts` in their places, once: text stays text.

    >>> fill("{problem}|{solution}", Problem("p", "1 + 1?"), {"solution": "{problem}"})
    '1 + 1?|{problem}'

    Raises:
        VerifierError: the template wants a reference and the problem has none.
    """
    words = {"problem": problem.prompt.strip(), **parts}
    for place, key in GUIDES.items():
        if f"{{{place}}}" in template:
            words[place] = str(problem.reference.get(key) or "")
            if not words[place]:
                raise VerifierError(f"{problem.id}: the judge's template needs a reference {key}")
    return PLACES.sub(lambda match: words.get(match[1], match[0]), template)
