r"""Answers as trees: a recursive-descent reader of tidied LaTeX and plain formulas.

    answer    relation {("," | ";") relation}
    relation  union {("=" | "<" | "<=" | ">" | ">=" | "!=" | "in") union}
    union     sum {"\cup" sum}
    sum       product {("+" | "-") product}
    product   factor {["*" | "/" | ":"] factor}
    factor    ("-" | "+") factor | power
    power     postfix ["^" factor-or-group]
    postfix   atom {"!" | "°" | "%"}

It reads numbers, constants, functions, roots, fractions, mixed numbers, absolute values, tuples,
intervals, sets and matrices, and nothing else: what it does not know it refuses (`Unread`).
"""

import re
from itertools import product as every_way

from vervet.verifiers.latex import QUOTE
from vervet.verifiers.reader import Reader
from vervet.verifiers.tokens import CONSTANTS, FUNCTIONS, LONGEST_PRODUCT, tokenise
from vervet.verifiers.tree import Many, Node, Symbol, Unread, Words

MOST_SIGNS = 3
"""`±` signs in one answer; each doubles the number of values."""
WORD_RUN = re.compile(r"[A-Za-z]+")
SENTENCE = re.compile(r"[A-Za-z]+(?:(?: |'|(?<=[A-Za-z]{2})-(?=[A-Za-z]{2}))[A-Za-z]+)*")
SHORT_WORDS = frozenset({
    "no", "yes", "odd", "all", "any", "one", "two", "six", "ten", "red", "day", "mon", "tue", "wed",
    "thu", "fri", "sat", "sun", "max", "min", "up", "not", "or", "and", "dne", "non",
})  # fmt: skip
CHOICE = re.compile(r"\(?([A-Za-z])\)?")
CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d)?(?:\s.*)?")


def parse(tidied: str) -> Node:
    r"""Return the tree of a tidied answer.

    Raises:
        Unread: it is not in the grammar.

    >>> parse("2x+1").name, parse("(1, 2]").ends
    ('+', '(]')
    """
    if tidied.startswith(QUOTE) or is_words(tidied):
        return _words(tidied.strip(QUOTE))
    if tidied in {"\\emptyset", "\\{\\}", "\\{ \\}"}:
        return Many("set", ())
    if CLOCK.fullmatch(tidied):
        return Words(tidied.casefold())
    parts = [part.strip() for part in tidied.split(",")]
    if len(parts) > 1 and all(is_words(part) for part in parts):
        return Many("list", tuple(_words(part) for part in parts))
    tokens = tokenise(tidied)
    ways = list(_signs(tokens))
    trees = [Reader(list(way)).whole() for way in ways]
    return trees[0] if len(trees) == 1 else _spread(trees)


def is_words(text: str) -> bool:
    """Whether a text is words rather than a product of variables.

    >>> [is_words(text) for text in ("Evelyn", "AB", "no", "ab", "x", "p - q", "pi", "sin x")]
    [True, True, True, False, False, False, False, False]
    """
    if not SENTENCE.fullmatch(text):
        return False
    runs = WORD_RUN.findall(text)
    if any(run in CONSTANTS or run in FUNCTIONS for run in runs):
        return False
    return any(
        len(run) > LONGEST_PRODUCT or (len(run) > 1 and (not run.islower() or run in SHORT_WORDS))
        for run in runs
    )


def _words(text: str) -> Node:
    """Read words: a single letter is a choice or a variable."""
    letter = CHOICE.fullmatch(text)
    return Symbol(letter[1]) if letter else Words(" ".join(text.casefold().split()))


def _signs(tokens: list[str]) -> list[list[str]]:
    r"""Return the token lists that `\pm` and `\mp` stand for."""
    places = [i for i, word in enumerate(tokens) if word == "\\pm"]
    if not places:
        if "\\mp" in tokens:
            raise Unread
        return [tokens]
    if len(places) > MOST_SIGNS:
        raise Unread
    found = []
    for choice in every_way("+-", repeat=len(places)):
        chosen = dict(zip(places, choice, strict=True))
        flipped = "-" if choice[0] == "+" else "+"
        found.append([chosen.get(i, flipped if t == "\\mp" else t) for i, t in enumerate(tokens)])
    return found


def _spread(trees: list[Node]) -> Node:
    """Make one list or set of the readings of an answer with `±`."""
    kinds = {tree.kind for tree in trees if isinstance(tree, Many)}
    if not kinds:
        return Many("list", tuple(dict.fromkeys(trees)))
    if kinds <= {"list", "set"} and all(isinstance(tree, Many) for tree in trees):
        items = [item for tree in trees if isinstance(tree, Many) for item in tree.items]
        return Many(kinds.pop(), tuple(dict.fromkeys(items)))
    return Many("list", tuple(trees))
