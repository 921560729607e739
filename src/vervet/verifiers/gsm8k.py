"""Grade-school arithmetic: one number, written as the papers write it or as chat models do."""

import re

from vervet.errors import ConfigError
from vervet.verifiers.answer import AnswerVerifier, Traits, named
from vervet.verifiers.extract import after_marker, last_boxed, last_line
from vervet.verifiers.number import canonical_number, first_number, last_number, plain_digits

VERSION = "1"
PAPER = re.compile(r"#### (-?[$0-9.,]+)")
"""Brown et al. 2024 (arXiv:2407.21787): first match; then `,` `$` and a last `.` are dropped."""
HASHES = re.compile(r"####[ \t]*([^\n]*)")
HEADING = re.compile(r"\d+\.\s*[^\W\d]|[^\d$.\-]*[^\W\d]")
"""`#### 2. Multiply` and `#### Step 2` are headlines, not answers."""
BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")
TAIL = 20_000
NOT_A_NUMBER = "[not a number]"

TRAITS = Traits(
    cost="microseconds",
    deterministic=True,
    fooled_by="a right number behind wrong reasoning (5.7 % of accepted GSM8K chains, "
    "arXiv:2407.21787 table 2); the last number, where a reply marks none, may be another",
)


def gsm8k_answer(*, style: str = "any") -> AnswerVerifier:
    r"""Return the verifier of GSM8K: numbers are compared exactly, `18.00` is `18`.

    Args:
        style: `any` reads `#### 18`, a box, `The answer is 18`, a last line `A: 18`, a bold number
            or, failing these, the last number. `marked` leaves out the last number. `paper` reads
            `#### 18` only, by the papers' own expression.

    Raises:
        ConfigError: no such style.

    >>> from vervet.types import Problem, Sample
    >>> problem, verifier = Problem("p", "?", {"answer": "18"}), gsm8k_answer()
    >>> verifier.judge(problem, Sample("p", "m", 0, "9 eggs at $2 make\nA: $18.00")).outcome.value
    'accept'
    """
    if style not in EXTRACTORS:
        raise ConfigError(f"gsm8k-answer: style {style!r} is none of {', '.join(EXTRACTORS)}.")
    extract = EXTRACTORS[style]
    return AnswerVerifier(
        named("gsm8k-answer", VERSION, style=style), extract, number_class, TRAITS
    )


def number_class(candidate: str) -> str:
    """Return the canonical number, or a class of its own for what is none."""
    return canonical_number(candidate) or NOT_A_NUMBER


def papers_answer(text: str) -> str | None:
    r"""Return what the papers' expression finds: the first `#### n`, normalised.

    >>> papers_answer("so 9 * 2 = 18\n#### $1,018.\n#### 7")
    '1018'
    """
    match = PAPER.search(text)
    if match is None:
        return None
    return re.sub(r"[,$]|\.$", "", match[1])


def any_answer(text: str) -> str | None:
    """Return the number a reply marks as its answer, else its last number.

    >>> any_answer("We need 2 + 2 = 4 apples.")
    '4'
    """
    text = plain_digits(text)
    return _marked(text) or last_number(text[-TAIL:])


def marked_answer(text: str) -> str | None:
    """Return the number a reply marks as its answer, or None.

    >>> marked_answer("**Answer:** 6 * 3 = 18 dollars"), marked_answer("We need 4 apples.")
    ('18', None)
    """
    return _marked(plain_digits(text))


def _marked(text: str) -> str | None:
    if "####" in text and (found := _behind_hashes(text)):
        return found
    line = last_line(text)
    if line.startswith("A: ") and (found := _result(line[3:])):
        return found
    if "\\" in text and (box := last_boxed(text)) and (found := _result(_unspaced(box))):
        return found
    if (rest := after_marker(text)) and (found := _result(_unspaced(rest))):
        return found
    return next((n for bold in reversed(BOLD.findall(line)) if (n := last_number(bold))), None)


def _behind_hashes(text: str) -> str | None:
    """Return the first number that follows `####`; a headline is passed over."""
    for match in HASHES.finditer(text):
        if not HEADING.match(match[1]) and (found := first_number(match[1])):
            return found
    return None


def _result(line: str) -> str | None:
    """Return the number a line arrives at: behind its last equals sign, else its first."""
    return first_number(line.rpartition("=")[2]) or first_number(line)


def _unspaced(latex: str) -> str:
    r"""Read LaTeX's thousands separators and fractions as plain text."""
    if "\\" not in latex and "{" not in latex:
        return latex
    latex = latex.replace("\\!", "").replace("{,}", ",").replace("\\$", "$").replace("\\,", "")
    return re.sub(r"\\[dt]?frac\s*\{(-?\d+)\}\s*\{(\d+)\}", r"\1/\2", latex)


EXTRACTORS = {"any": any_answer, "marked": marked_answer, "paper": papers_answer}
