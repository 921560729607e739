"""What a judge said: its Yes or No, and how likely the Yes was at that very token.

Generative verifiers (Zhang et al. 2024, arXiv:2408.15240; Singhi et al. 2025, arXiv:2504.01005)
end with `Verification: Is the answer correct (Yes/No)? Yes`. The score is p(Yes) at the token
that says it, found by where it stands in the text, not by counting from the end.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, fsum

ASKED = re.compile(
    r"(?:\bis (?:the|this) (?:answer|solution|final answer) correct[^?\n]*\?|\bverdict\s*:)"
    r"[\s*_\"'`:]*(yes|no)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a reply with the likeliest alternatives at its place (nats)."""

    text: str
    logprob: float | None
    alternatives: Mapping[str, float]


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
    r"""Return the last verdict of a reply.

    >>> read("Step 1 is right.\nVerification: Is the answer correct (Yes/No)? No")
    Said(yes=False, p_yes=None, p_no=None)
    >>> read("Is the answer correct? Not sure").yes is None
    True
    """
    spelled = "".join(token.text for token in tokens)
    found = None
    for match in ASKED.finditer(spelled or text):
        found = match
    if found is None:
        return Said(read(text).yes if spelled else None, None, None)
    token = _at(tokens, found.start(1))
    return Said(
        found[1].lower() == "yes",
        None if token is None else _mass(token, "yes"),
        None if token is None else _mass(token, "no"),
    )


def _at(tokens: Sequence[Token], place: int) -> Token | None:
    """Return the token in which the character at `place` stands."""
    end = 0
    for token in tokens:
        end += len(token.text)
        if place < end:
            return token
    return None


def _mass(token: Token, word: str) -> float | None:
    """Return the probability of the alternatives that begin `word` as the token would.

    A tokenizer may split a word, so an alternative counts if it is a beginning of the word, after
    the same white space as the token has.
    """
    before = token.text[: len(token.text) - len(token.text.lstrip())]
    known = dict(token.alternatives)
    if token.logprob is not None:
        known.setdefault(token.text, token.logprob)
    chances = [
        exp(logprob)
        for text, logprob in known.items()
        if text.startswith(before)
        and (rest := text[len(before) :])
        and rest == rest.strip()
        and word.startswith(rest.lower())
    ]
    return min(1.0, fsum(chances)) if chances else None
