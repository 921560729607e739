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
SPACING = r"(?:[\s$,;]|\\q?quad|\\[,;:! ])*"
BETWEEN_BOXES = re.compile(
    rf"\.?{SPACING}(?:\\text\{{\s*)?(?:and|or|,|;)?(?:\s*\}})?{SPACING}(?:[a-z]\s*=\s*)?"
)
OPENING = re.compile(r"^(?:[\s*_]|\\\[|\$\$)+")
LONGEST_JOINT = 40
OPENER = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])")
BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
SPACES = re.compile(r"\s*")
BARE = re.compile(r"\s*([\w.\-]{1,100})")


def boxes(text: str) -> list[tuple[int, int, str]]:
    r"""Return (start, end, content) of every complete `\boxed{...}` that is not inside another.

    >>> [content for _, _, content in boxes(r"so \boxed{\frac{1}{2}} or \boxed 3")]
    ['\\frac{1}{2}', '3']
    """
    found: list[tuple[int, int, str]] = []
    closing: dict[int, int] | None = None
    end = 0
    for opener in OPENER.finditer(text):
        if opener.start() < end:
            continue
        closing = braces(text) if closing is None else closing
        stop, content = _content(text, opener.end(), closing)
        if content:
            found.append((opener.start(), stop, content))
            end = stop
    return found


def _content(text: str, at: int, closing: dict[int, int]) -> tuple[int, str]:
    """Read the group that starts at `at`: up to its closing brace, or one bare word."""
    word = BARE.match(text, at)
    if word is not None:
        return word.end(), word[1].rstrip(".")
    opens = SPACES.match(text, at)
    start = at if opens is None else opens.end()
    if start not in closing:
        return at, ""
    return closing[start] + 1, text[start + 1 : closing[start]].strip()


def braces(text: str) -> dict[int, int]:
    r"""Return where each brace closes that does; `\{` and `\}` do not count.

    >>> braces(r"{a{b}\}c} {")
    {2: 4, 0: 8}
    """
    waiting: list[int] = []
    pairs: dict[int, int] = {}
    for match in BRACES.finditer(text):
        if match[0] == "{":
            waiting.append(match.start())
        elif match[0] == "}" and waiting:
            pairs[waiting.pop()] = match.start()
    return pairs


def last_boxed(text: str) -> str | None:
    r"""Return the content of the last box; boxes that are listed together are one list.

    >>> last_boxed(r"First \boxed{1}. No: the roots are \boxed{2} and \boxed{3}.")
    '2,3'
    >>> last_boxed(r"\boxed{(2, 2)} \quad \text{and} \quad \boxed{(6, 2)}")
    '(2, 2),(6, 2)'
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
