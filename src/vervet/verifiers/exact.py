"""The whole reply, or what an expression finds in it, compared as text."""

import re
from functools import partial

from vervet.errors import ConfigError
from vervet.verifiers.answer import AnswerVerifier, Traits, named

VERSION = "1"
LONGEST = 100_000
"""Characters from the end of a reply that an expression searches."""

TRAITS = Traits(
    cost="microseconds",
    deterministic=True,
    fooled_by="nothing that is not the reference; a right answer in other words is rejected",
)
REGEX_TRAITS = Traits(
    cost="microseconds; an expression that backtracks can take longer",
    deterministic=True,
    fooled_by="whatever the expression finds in the wrong place",
)


def exact(*, ignore_case: bool = False, field: str = "answer") -> AnswerVerifier:
    r"""Return the verifier that wants the reply to be the reference, spaces aside.

    >>> from vervet.types import Problem, Sample
    >>> problem = Problem("p", "Capital of Peru?", {"answer": "Lima"})
    >>> exact().judge(problem, Sample("p", "m", 0, " Lima\n")).outcome.value
    'accept'
    """
    return AnswerVerifier(
        named("exact", VERSION, ignore_case=ignore_case, field=field),
        whole,
        folded if ignore_case else spaced,
        TRAITS,
        field,
    )


def regex(
    pattern: str, *, group: int | str = 1, ignore_case: bool = False, field: str = "answer"
) -> AnswerVerifier:
    """Return the verifier that compares the last match of `pattern` with the reference.

    Args:
        pattern: a Python regular expression.
        group: the group that holds the answer, by number or name; the whole match if it has none.
        ignore_case: compare without regard to case.
        field: the key of the reference.

    Raises:
        ConfigError: the expression does not compile, or lacks the group.

    >>> from vervet.types import Problem, Sample
    >>> problem = Problem("p", "Colour?", {"answer": "blue"})
    >>> verifier = regex("colou?r: ([a-z]+)")
    >>> verifier.judge(problem, Sample("p", "m", 0, "color: red. No, color: blue.")).outcome.value
    'accept'
    """
    try:
        compiled = re.compile(pattern)
    except re.error as cause:
        raise ConfigError(f"regex: {pattern!r} does not compile: {cause}.") from cause
    if not compiled.groups:
        group = 0
    if group not in {*range(compiled.groups + 1), *compiled.groupindex}:
        raise ConfigError(f"regex: {pattern!r} has no group {group!r}.")
    return AnswerVerifier(
        named("regex", VERSION, pattern=pattern, group=group, ignore_case=ignore_case, field=field),
        partial(last_match, compiled, group),
        folded if ignore_case else spaced,
        REGEX_TRAITS,
        field,
    )


def whole(text: str) -> str | None:
    """Return the reply itself, or None if it is empty."""
    return text.strip() or None


def last_match(pattern: re.Pattern[str], group: int | str, text: str) -> str | None:
    """Return the group of the last match near the end of `text`, or None."""
    last = None
    for match in pattern.finditer(text[-LONGEST:]):
        last = match
    return None if last is None else last[group]


def spaced(candidate: str) -> str:
    """Return the text with single spaces between words.

    >>> spaced("  New   York ")
    'New York'
    """
    return " ".join(candidate.split())


def folded(candidate: str) -> str:
    """Return the text with single spaces, without regard to case."""
    return spaced(candidate).casefold()
