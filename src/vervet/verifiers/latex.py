r"""The many ways to write one answer in LaTeX or plain text, made one: the first of three steps.

    tidy (here)  ▶  parse (grammar)  ▶  evaluate (values)

`tidy` drops what carries no value (sizes, spaces, units, dollar signs) and spells each operation
in one way. It knows the conventions of the MATH data set: Minerva's normalisation (Lewkowycz et
al. 2022, appendix D.1) is a part of it.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from vervet.verifiers.extract import braces

LONGEST = 1_000
"""Characters; a longer answer is compared as text."""

SIGNS = {
    "\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{EM DASH}": "-",
    "\N{FULLWIDTH HYPHEN-MINUS}": "-",
    "\N{MULTIPLICATION SIGN}": "*", "\N{MIDDLE DOT}": "*", "\N{DOT OPERATOR}": "*",
    "\N{DIVISION SIGN}": "/", "\N{FRACTION SLASH}": "/", "\N{DIVISION SLASH}": "/",
    "\N{PLUS-MINUS SIGN}": "\\pm ", "\N{GREEK SMALL LETTER PI}": "\\pi ",
    "\N{INFINITY}": "\\infty ",
    "\N{SQUARE ROOT}": "\\sqrt ", "\N{LESS-THAN OR EQUAL TO}": "<=", "\N{DEGREE SIGN}": "°",
    "\N{GREATER-THAN OR EQUAL TO}": ">=", "\N{NOT EQUAL TO}": "!=", "\N{UNION}": "\\cup ",
    "\N{ELEMENT OF}": "\\in ", "\N{SUPERSCRIPT TWO}": "^2", "\N{SUPERSCRIPT THREE}": "^3",
    "\N{VULGAR FRACTION ONE HALF}": "\\frac{1}{2}", "\N{NO-BREAK SPACE}": " ", "~": " ",
    "\N{GREEK SMALL LETTER THETA}": "\\theta ", "\N{EMPTY SET}": "\\emptyset ",
}  # fmt: skip
UNICODE = str.maketrans(SIGNS)

COMMANDS = {
    "dfrac": "\\frac", "tfrac": "\\frac", "cfrac": "\\frac", "cdot": "*", "times": "*", "ast": "*",
    "div": "/", "le": "<=", "leq": "<=", "leqslant": "<=", "lt": "<", "ge": ">=", "geq": ">=",
    "geqslant": ">=", "gt": ">", "ne": "!=", "neq": "!=", "degree": "°", "lvert": "|",
    "rvert": "|", "vert": "|", "mid": "|", "langle": "(", "rangle": ")", "lparen": "(",
    "rparen": ")", "lbrack": "[", "rbrack": "]", "lbrace": "\\{", "rbrace": "\\}", "colon": ":",
    "varnothing": "\\emptyset", "quad": " ", "qquad": " ", "displaystyle": "", "textstyle": "",
    "limits": "", "left": "", "right": "", "bigl": "", "bigr": "", "Bigl": "", "Bigr": "",
    "big": "", "Big": "", "bigg": "", "Bigg": "", "biggl": "", "biggr": "", "tbinom": "\\binom",
    "dbinom": "\\binom", "arcsec": "\\arcsec", "approx": "=", "land": ",", "lor": ",",
    "dollar": "", "rm": "", "bf": "", "it": "",
}  # fmt: skip
COMMAND = re.compile(r"\\([A-Za-z]+)")
MARKUP = "text|textbf|textit|textrm|textnormal|textsf|mbox|hbox|mathrm|mathbf|mathit|mathsf|mathcal"
WORDS_ONLY = re.compile(rf"\\(?:{MARKUP})\s*\{{([^{{}}\\]*)\}}")
AFTER_VALUE = r"(?:(?<=[\d}).°%])|(?<=\\pi)|(?<=\\pi\s))"
NO_UNIT = r"(?!(?:and|or|more|less|than|not|sin|cos|tan|sqrt|log|pi)\b)"
DIGIT = re.compile(r"\d")
QUOTE = '"'
"""What stands around an answer that was written as words."""
ROWS = "\n"
"""What separates the rows of a matrix after tidying; other white space is spaces."""


def _thousands(match: re.Match[str]) -> str:
    return "" if "," not in match[0].replace("\\,", "") else ","


def _spelling(match: re.Match[str]) -> str:
    known = COMMANDS.get(match[1])
    return match[0] if known is None else known + (" " if known.startswith("\\") else "")


Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]
RULES: tuple[Rule, ...] = (
    (re.compile(r"\\q?quad(?=[A-Za-z])"), " "),
    # white space, the rows of matrices, what sets mathematics off from text
    (re.compile(r"\s+"), " "),
    (re.compile(r"\\\\"), ROWS),
    (re.compile(r"\\\$|\\text\s*\{\s*\\?\$\s*\}|\\[()\[\]]|\$"), ""),
    (re.compile(r"\\([%&])"), r"\1"),
    (re.compile(r"\^\s*\{?\s*\\circ\s*\}?"), "°"),
    # 10,\!080 and 1 000 000 are numbers
    (re.compile(r"(?<=\d)(?:\{,\}|,?\s*\\[!,;: ]\s*)(?=\d{3}(?!\d))"), _thousands),
    (re.compile(r"(?<=\d) (?=(?:\d{3} )*\d{3}$)"), ""),
    (re.compile(r"\\[,;:! >]|\\hspace\*?\{[^{}]*\}|\\phantom\{[^{}]*\}"), " "),
    (re.compile(r"\\(?:left|right)\."), ""),
    # a value followed by its approximation is the value
    (re.compile(r"(?<=[\d}])\s*\\approx.*$"), ""),
    (re.compile(r"\\mathbb\s*\{\s*R\s*\}|\\mathbb\s+R"), r"(-\\infty,\\infty)"),
    # one name for each operation
    (COMMAND, _spelling),
    (re.compile(r"\\frac\s*(\d)\s*(\d)(?!\d)"), r"\\frac{\1}{\2}"),
    *[
        (
            re.compile(
                r"\\(?:boxed|fbox|operatorname|mathbf|boldsymbol|bm|overrightarrow|vec|mathbb)"
                r"\s*\{([^{}]*)\}"
            ),
            r"\1",
        )
    ]
    * 2,
    # words: between values, behind a value (its unit), before it
    (re.compile(rf"\\(?:{MARKUP})\s*\{{\s*(?:and|or|,|;)\s*\}}", re.IGNORECASE), ","),
    (
        re.compile(
            rf"{AFTER_VALUE}\s*\\(?:{MARKUP})\s*\{{[^{{}}]*\}}"
            rf"(?:\s*\^\s*(?:\{{\d\}}|\d))?\s*\.?\s*$"
        ),
        "",
    ),
    (re.compile(rf"^\s*\\(?:{MARKUP})\s*\{{[^{{}}]*\}}\s*[=:]"), ""),
    (re.compile(rf"^\s*\\(?:{MARKUP})\s*\{{[^{{}}]*\b(?:is|are|:|=|Rs\.?)\s*\}}(?=.*\d)"), ""),
    (re.compile(rf"\\(?:{MARKUP})\s*\{{\s*([A-Za-z]?)\s*\}}"), r" \1 "),
)
BARE_RULES: tuple[Rule, ...] = (
    # the same without markup: 5 cm^2, 18 dollars, 3 and 4
    (
        re.compile(
            rf"{AFTER_VALUE}\s*(?:(?:sq|square|cubic|cu)\.?\s+)?{NO_UNIT}"
            r"(?:[A-Za-z]{3,}|cm|mm|km|ft|in|kg|lb|mi|yd|oz|mL|ml)(?:\s*\^?\s*[23])?"
            rf"(?:\s+{NO_UNIT}[A-Za-z]{{2,}}){{0,4}}\.?$"
        ),
        "",
    ),
    (re.compile(r"(?<=[\s\d})\]])(?:,\s*)?\b(?:and|or)\b(?=[\s\d({\[\\-])"), ","),
    (re.compile(r" +"), " "),
)
ROOT = re.compile(r"\u221a\s*([0-9]+)")


def tidy(answer: str) -> str:
    r"""Return the answer in one spelling, without what carries no value.

    >>> [tidy(a) for a in (r"$\dfrac{1}{2}$", r"864 \mbox{ inches}^2", r"\$32,\!348", r"10\%")]
    ['\\frac {1}{2}', '864', '32,348', '10%']
    """
    text = ROOT.sub(r"\\sqrt{\1}", without_braces(answer)).translate(UNICODE)
    text = _unwrap(_rewritten(text, RULES).strip())
    return _rewritten(text, BARE_RULES).strip().rstrip(".").strip()


def _rewritten(text: str, rules: tuple[Rule, ...]) -> str:
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text


def without_braces(text: str) -> str:
    """Drop braces around the whole.

    >>> without_braces(" {{5}} "), without_braces("{1}{2}")
    ('5', '{1}{2}')
    """
    text = text.strip()
    while text.startswith("{") and braces(text).get(0) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _unwrap(text: str) -> str:
    r"""Mark an answer that is nothing but words: `\text{Evelyn}`."""
    whole = WORDS_ONLY.fullmatch(text)
    if whole is None:
        return text
    words = whole[1].strip()
    return words if DIGIT.search(words) else f"{QUOTE}{words}{QUOTE}"


@lru_cache(maxsize=65_536)
def plain_text(answer: str) -> str:
    r"""Return what is compared where an answer is no mathematics: letters, whatever their case.

    >>> plain_text(r"\text{The  East.}") == plain_text("the east")
    True
    """
    if len(answer) > LONGEST:
        return " ".join(answer.split()).casefold()
    text = WORDS_ONLY.sub(r" \1 ", tidy(answer)).replace(QUOTE, "")
    return re.sub(r"\s+|(?<=\w)\.$", " ", text).strip().casefold()
