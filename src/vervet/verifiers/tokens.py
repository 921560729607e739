"""The words of answers: numbers, names, commands and signs."""

import re

from vervet.verifiers.tree import Unread

MOST_TOKENS = 400
TOKEN = re.compile(
    r"(?P<number>\d*\.\d*\\overline ?\{ ?\d+ ?\}|\d+\.\d+|\d+|\.\d+)"
    r"|(?P<command>\\(?:begin|end) ?\{ ?[A-Za-z]+ ?\}|\\[A-Za-z]+|\\[{}])"
    r"|(?P<word>[A-Za-z]+)|(?P<sign><=|>=|!=|\*\*|[-+*/^_()\[\]{}|,;=<>!%°:&'])|(?P<row>\n)"
    r"|(?P<space> )|(?P<other>.)",
    re.DOTALL,
)
GROUPED = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])")
FUNCTIONS = frozenset({
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh",
    "ln", "log", "exp", "sqrt", "abs",
})  # fmt: skip
LONGER_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
GREEK = frozenset({
    "alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta",
    "iota", "kappa", "lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "phi", "varphi", "chi",
    "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Sigma", "Phi", "Psi", "Omega", "ell",
})  # fmt: skip
CONSTANTS = {"pi": "pi", "infty": "inf", "infinity": "inf", "inf": "inf", "oo": "inf"}
LONGEST_PRODUCT = 3
"""Letters; a longer run of letters is a word, not a product of variables."""


def tokenise(tidied: str) -> list[str]:
    """Return the tokens, white space apart; thousands separators go where they can be meant."""
    if "(" not in tidied and "[" not in tidied and "{" not in tidied:
        tidied = GROUPED.sub(lambda match: match[0].replace(",", ""), tidied)
    tokens: list[str] = []
    for match in TOKEN.finditer(tidied):
        if match["other"]:
            raise Unread
        if match["word"]:
            tokens.extend(_letters(match["word"]))
        elif not match["space"]:
            tokens.append("^" if match[0] == "**" else match[0])
        if len(tokens) > MOST_TOKENS:
            raise Unread
    return tokens


def _letters(word: str) -> list[str]:
    """Split a run of letters into variables, unless it is a name or a word."""
    if word in FUNCTIONS or word in CONSTANTS or word in LONGER_NAMES:
        return ["\\" + LONGER_NAMES.get(word, CONSTANTS.get(word, word))]
    if len(word) > LONGEST_PRODUCT:
        raise Unread
    return list(word)
