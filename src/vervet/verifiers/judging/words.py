"""What a judge said: its verdict, and how likely the verdict was at that very token.

Generative verifiers (Zhang et al. 2024, arXiv:2408.15240; Singhi et al. 2025, arXiv:2504.01005)
end with `Verification: Is the answer correct (Yes/No)? Yes`. The score is p(Yes) at the token
that says it, found by where it stands in the text, not by counting from the end.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp

from vervet.types import Token
from vervet.verifiers.answer import THINK_CLOSES, THINK_OPENS

ASKED = re.compile(
    r"(?:\bis (?:the|this) (?:answer|solution|final answer) correct[^?\n]*\?|\bverdict\s*:)"
    r"[\s*_\"'`:]*(yes|no)\b",
    re.IGNORECASE,
)
WORDS = {"yes": "no", "no": "yes"}


@dataclass(frozen=True, slots=True)
class Said:
    """A judge's verdict; None where it gave none, or where the server gave no probability."""

    yes: bool | None
    p_yes: float | None
    p_no: float | None

    @property
    def score(self) -> float | None:
        """p(Yes), else 1 - p(No), else unknown. Zero is a probability like any other."""
        if self.p_yes is not None:
            return self.p_yes
        return None if self.p_no is None else 1.0 - self.p_no


def read(text: str, tokens: Sequence[Token] = ()) -> Said:
    r"""Return the last verdict of a reply; its thoughts are not read.

    >>> read("Step 1 is right.\nVerification: Is the answer correct (Yes/No)? No")
    Said(yes=False, p_yes=None, p_no=None)
    >>> read("Is the answer correct? Not sure").yes is None
    True
    """
    found, token = last(ASKED, text, tokens)
    if found is None:
        return Said(None, None, None)
    word = found[1].lower()
    if token is None:
        return Said(word == "yes", None, None)
    said, other = chance(token, word), chance(token, WORDS[word])
    return Said(word == "yes", *((said, other) if word == "yes" else (other, said)))


def until_verdict(text: str) -> str:
    """Return a reply up to its last verdict; nothing where it has none.

    >>> until_verdict("It holds. Verdict: Yes. Well done!")
    'It holds. Verdict: Yes'
    """
    found, _ = last(ASKED, text, ())
    return "" if found is None else text[: found.end()]


def last(
    pattern: re.Pattern[str], text: str, tokens: Sequence[Token]
) -> tuple[re.Match[str] | None, Token | None]:
    """Return the last match behind a reply's thoughts, and the token its first group begins in.

    Tokens are first read as the text they spell; a server whose tokens lose their white space is
    followed through the text instead.
    """
    spelled = "".join(token.text for token in tokens)
    for words, spans in ((spelled, spelled_spans(tokens)), (text, text_spans(text, tokens))):
        found = None
        for match in pattern.finditer(words, thoughts_end(words)):
            found = match
        if found is not None:
            place = found.start(1)
            at = next((token for start, end, token in spans if start <= place < end), None)
            return found, at
    return None, None


def thoughts_end(text: str) -> int:
    """Return where the thoughts of a reply end: at its end where they never do."""
    closed = text.rfind(THINK_CLOSES)
    if closed >= 0:
        return closed + len(THINK_CLOSES)
    return len(text) if text.lstrip().startswith(THINK_OPENS) else 0


def spelled_spans(tokens: Sequence[Token]) -> Iterator[tuple[int, int, Token]]:
    """Yield where each token stands in the text that all of them spell."""
    end = 0
    for token in tokens:
        start, end = end, end + len(token.text)
        yield start, end, token


def text_spans(text: str, tokens: Sequence[Token]) -> Iterator[tuple[int, int, Token]]:
    """Yield where each token stands in `text`, white space apart; what is not there is skipped."""
    end = 0
    for token in tokens:
        word = token.text.strip()
        start = text.find(word, end) if word else -1
        if start >= 0:
            end = start + len(word)
            yield start, end, token


def chance(token: Token, word: str) -> float | None:
    """Return the probability of the one token that says `word` in the form `token` has.

    The form is the white space before it and its capitals; a tokenizer may split the word, so a
    beginning of it will do, the token itself before others, then the likeliest.
    """
    bare = token.text.lstrip()
    before = token.text[: len(token.text) - len(bare)]
    own = token.alternatives.get(token.text, token.logprob)
    if _begins(token.text, before, bare, word) and own is not None:
        return min(1.0, exp(own))
    likely = [p for text, p in token.alternatives.items() if _begins(text, before, bare, word)]
    return min(1.0, exp(max(likely))) if likely else None


def _begins(text: str, before: str, form: str, word: str) -> bool:
    """Say whether `text` begins `word` after `before`, with the capitals of `form`."""
    spelled = word.upper() if form.isupper() and len(form) > 1 else word
    spelled = spelled.capitalize() if form[:1].isupper() and not spelled.isupper() else spelled
    rest = text.removeprefix(before) if text.startswith(before) else ""
    return bool(rest) and spelled.startswith(rest)
