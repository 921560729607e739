"""Where a reply says what its answer is. Every function is linear in the length of the text."""

import re
from itertools import pairwise

MARKER = re.compile(
    r"(?:\banswer\b[*_\s]*(?:is|was|=|:|would be|will be)"
    r"|^[ \t>*_#]*(?:A|Answer|Ans)[*_ ]*:)[ \t]*:?",
    re.IGNORECASE | re.MULTILINE,
)
"""What people write before an answer: `the answer is`, `Final Answer:`, a line `A: 18`."""
TAIL = 20_000
"""Characters at the end of a reply in which a marker or a last number is looked for."""
BETWEEN_BOXES = re.compile(
    r"[\s$,;.]*(?:\\text\{\s*)?(?:and|or|,|;)?(?:\s*\})?[\s$,;]*(?:[a-z]\s*=\s*)?"
)
OPENING = re.compile(r"^(?:[\s*_]|\\\[|\$\$)+")
LONGEST_JOINT = 40
OPENERS = ("\\boxed", "\\fbox")


def boxes(text: str) -> list[tuple[int, int, str]]:
    r"""Return (start, end, content) of every complete `\boxed{...}` that is not inside another.

    >>> [content for _, _, content in boxes(r"so \boxed{\frac{1}{2}} or \boxed 3")]
    ['\\frac{1}{2}', '3']
    """
    found = []
    at = _next_box(text, 0)
    while at is not None:
        start, opens = at
        end, content = _content(text, opens)
        if content is not None:
            found.append((start, end, content))
        at = _next_box(text, max(end, opens))
    return found


def _next_box(text: str, after: int) -> tuple[int, int] | None:
    starts = [(i, i + len(o)) for o in OPENERS if (i := text.find(o, after)) >= 0]
    return min(starts, default=None)


def _content(text: str, at: int) -> tuple[int, str | None]:
    """Read the group that starts at `at`: braces with their nesting, or one bare word."""
    while at < len(text) and text[at] in " \t\n":
        at += 1
    if at >= len(text) or text[at] != "{":
        end = at
        while end < len(text) and (text[end].isalnum() or text[end] in ".-"):
            end += 1
        return end, text[at:end].rstrip(".") or None
    end = closing_brace(text, at)
    return (len(text), None) if end < 0 else (end + 1, text[at + 1 : end].strip() or None)


BRACES = re.compile(r"\\.|[{}]", re.DOTALL)


def closing_brace(text: str, opens: int) -> int:
    r"""Return where the brace at `opens` closes, or -1; `\{` and `\}` do not count.

    >>> closing_brace(r"{a{b}\}c}", 0)
    8
    """
    depth = 0
    for match in BRACES.finditer(text, opens):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth == 0:
                return match.start()
    return -1


def last_boxed(text: str) -> str | None:
    r"""Return the content of the last box; boxes that are listed together are one list.

    >>> last_boxed(r"First \boxed{1}. No: the roots are \boxed{2} and \boxed{3}.")
    '2,3'
    """
    found = boxes(text)
    if not found:
        return None
    listed = [found[-1][2]]
    for before, after in reversed(list(pairwise(found))):
        between = text[before[1] : after[0]]
        if len(between) > LONGEST_JOINT or not BETWEEN_BOXES.fullmatch(between):
            break
        if before[2] not in listed:
            listed.insert(0, before[2])
    return ",".join(listed)


def after_marker(text: str) -> str | None:
    r"""Return the rest of the line behind the last marker, or the next line if that is empty.

    >>> after_marker("Thus 9 * 2 = 18.\nThe answer is: $18. Done.")
    '$18. Done.'
    """
    tail = text[-TAIL:]
    last = None
    for match in MARKER.finditer(tail):
        if tail[match.end() :].strip(" *_\n\t"):
            last = match
    if last is None:
        return None
    rest = OPENING.sub("", tail[last.end() :], count=1)
    return rest.partition("\n")[0].strip() or None


def last_line(text: str) -> str:
    r"""Return the last line that is not empty.

    >>> last_line("one\ntwo\n\n")
    'two'
    """
    return text[-TAIL:].rstrip().rpartition("\n")[2].strip()
