"""Multiple choice: one letter."""

import re
from functools import partial

from vervet.errors import ConfigError
from vervet.verifiers.answer import AnswerVerifier, Traits, named
from vervet.verifiers.extract import after_marker, last_boxed, last_line

VERSION = "1"
LEADING = re.compile(
    r"[\s*_`$:\"'\[]*(?:(?:option|choice|letter)\b[\s:]*)?[*_`\"'\s]*", re.IGNORECASE
)
LETTER = re.compile(r"\(([A-Za-z])\)|([A-Z])(?![\w'])|([a-z])(?=[*_`$\"'\s.)\]]*$)")
"""A letter in parentheses, a capital that is a word, or a small letter that is all there is."""
WRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf|textrm|mbox)\s*\{([^{}]*)\}")

TRAITS = Traits(
    cost="microseconds",
    deterministic=True,
    fooled_by="a guess: one of four is right without any reasoning",
)


def choice(*, letters: str = "ABCDEFGHIJ") -> AnswerVerifier:
    r"""Return the verifier of multiple choice: reads a box, `Answer: C`, or a last line `(C)`.

    Raises:
        ConfigError: `letters` are not distinct capital letters.

    >>> from vervet.types import Problem, Sample
    >>> problem = Problem("p", "?", {"answer": "C"})
    >>> choice().judge(problem, Sample("p", "m", 0, "so the answer is **(C)** 5 J")).answer
    'C'
    """
    if not letters or len(set(letters)) < len(letters) or not re.fullmatch("[A-Z]+", letters):
        raise ConfigError(f"choice: letters {letters!r} must be distinct capitals, such as ABCD.")
    return AnswerVerifier(
        named("choice", VERSION, letters=letters), partial(find_letter, letters), str, TRAITS
    )


def find_letter(letters: str, text: str) -> str | None:
    r"""Return the letter a reply chooses, or None.

    >>> [find_letter("ABCD", t) for t in (r"\boxed{\text{B}}", "Answer: c", "(D)", "A dog.", "E")]
    ['B', 'C', 'D', None, None]
    """
    line = last_line(text)
    for place in (last_boxed(text), after_marker(text), line if len(line) <= ONE_CHOICE else None):
        if place and (found := leading_letter(place)) and found in letters:
            return found
    return None


ONE_CHOICE = 5
"""Characters of a last line that is nothing but a choice: `**D**`."""


def leading_letter(place: str) -> str | None:
    r"""Return the letter that a statement of a choice begins with, or None.

    >>> leading_letter(r"\text{(A) } 12"), leading_letter("option B."), leading_letter("As ever")
    ('A', 'B', None)
    """
    place = WRAPPED.sub(r"\1", place)
    start = LEADING.match(place)
    match = LETTER.match(place, start.end() if start else 0)
    return next(group for group in match.groups() if group).upper() if match else None
