"""Rocq text cut into sentences the way its own lexer does: comments, strings, bullets, full stops.

Nothing here decides whether a proof is right. A sentence that is cut differently from how Rocq
cuts it can at worst be refused: what counts is asked of the kernel afterwards, by names the
candidate cannot know.
"""

import re
import unicodedata

FORBIDDEN = {"Cc", "Cf", "Cs", "Co"}
"""Control, invisible and private signs: a proof needs none, a trick does."""
WHITE = "\t\n\r\f "
BULLET = re.compile(r"-+|\++|\*+|[{}]")
FOCUS = re.compile(r"(?:\d+|\[\s*[\w']+\s*\])\s*:\s*\{")
TOKEN = re.compile(r'"(?:[^"]|"")*"|[\w\']+|[^\s\w]')


class Unreadable(ValueError):  # noqa: N818 - says what the text is
    """The text has no sentences that Rocq could read."""


def strange(text: str) -> str:
    """Return the name of the first invisible sign of a text, or nothing.

    >>> strange("intros x."), strange("in\u200btros x.")
    ('', 'ZERO WIDTH SPACE')
    """
    for sign in text:
        if sign not in WHITE and unicodedata.category(sign) in FORBIDDEN:
            return unicodedata.name(sign, f"U+{ord(sign):04X}")
    return ""


def without_comments(text: str) -> str:
    """Return the text with each comment replaced by a space; comments nest and hold strings.

    Raises:
        Unreadable: a comment or a string never ends.

    >>> without_comments('lia (* "*)" (* in *) out *) .')
    'lia   .'
    """
    kept: list[str] = []
    at = depth = 0
    while at < len(text):
        two = text[at : at + 2]
        if text[at] == '"':
            end = _string_end(text, at)
            kept.append(text[at:end] if not depth else "")
            at = end
        elif two == "(*":
            depth, at = depth + 1, at + 2
        elif two == "*)" and depth:
            depth, at = depth - 1, at + 2
            kept.append("" if depth else " ")
        else:
            kept.append("" if depth else text[at])
            at += 1
    if depth:
        raise Unreadable("a comment never ends")
    return "".join(kept)


def _string_end(text: str, start: int) -> int:
    end = text.find('"', start + 1)
    if end < 0:
        raise Unreadable("a string never ends")
    return end + 1  # a doubled quote opens the next part of the same string at once


def sentences(text: str) -> list[str]:
    r"""Return the sentences of a text, each on one line, bullets and braces on their own.

    Raises:
        Unreadable: a comment or a string never ends, or the last sentence has no full stop.

    >>> sentences("intros x. - now apply Nat.le_0_l.\n { lia. }")
    ['intros x.', '-', 'now apply Nat.le_0_l.', '{', 'lia.', '}']
    """
    clean, at = without_comments(text), 0
    found: list[str] = []
    while True:
        while at < len(clean) and clean[at] in WHITE:
            at += 1
        if at == len(clean):
            return found
        mark = BULLET.match(clean, at) or FOCUS.match(clean, at)
        end = mark.end() if mark else _full_stop(clean, at)
        found.append(" ".join(clean[at:end].split()))
        at = end


def _full_stop(text: str, start: int) -> int:
    """Return where a sentence ends: behind a full stop that white space or nothing follows."""
    at = start
    while at < len(text):
        if text[at] == '"':
            at = _string_end(text, at)
            continue
        at += 1
        if text[at - 1] == "." and (at == len(text) or text[at] in WHITE):
            return at
    raise Unreadable(f"no full stop after {text[start : start + 40].strip()!r}")


def same_words(one: str, other: str) -> bool:
    """Whether two sentences differ in white space only.

    >>> same_words("x+1 = 2.", "x + 1=2."), same_words("x+1 = 2.", "x+1 <= 2.")
    (True, False)
    """
    return TOKEN.findall(one) == TOKEN.findall(other)
