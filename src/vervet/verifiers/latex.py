r"""The many ways to write one answer in LaTeX or plain text, made one: the first of three steps.

    tidy (here)  ▶  parse (grammar)  ▶  evaluate (values)

`tidy` drops what carries no value (sizes, spaces, units, dollar signs) and spells each operation
in one way. It knows the conventions of the MATH data set: Minerva's normalisation (Lewkowycz et
al. 2022, appendix D.1) is a part of it.
"""

import re
from functools import lru_cache

from vervet.verifiers.extract import closing_brace

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
MARKUP = (
    r"text|textbf|textit|textrm|textnormal|textsf|mbox|hbox|mathrm|mathbf|mathit|mathsf|mathcal"
)
JOINING = re.compile(rf"\\(?:{MARKUP})\s*\{{\s*(?:and|or|,|;)\s*\}}", re.IGNORECASE)
WORDS_ONLY = re.compile(rf"\\(?:{MARKUP})\s*\{{([^{{}}\\]*)\}}")
UNIT = re.compile(
    rf"(?<=[\d}})°%])\s*\\(?:{MARKUP})\s*\{{[^{{}}]*\}}(?:\s*\^\s*(?:\{{\d\}}|\d))?\s*\.?$"
)
LEADING_WORDS = re.compile(rf"^\\(?:{MARKUP})\s*\{{[^{{}}]*\}}\s*[=:]")
WRAPPER = re.compile(
    r"\\(?:boxed|fbox|operatorname|mathbf|boldsymbol|bm|overrightarrow|vec|mathbb)\s*\{([^{}]*)\}"
)
LETTER = re.compile(rf"\\(?:{MARKUP})\s*\{{\s*([A-Za-z])\s*\}}")
BARE_UNIT = re.compile(
    r"(?<=[\d}).%])\s*(?:(?:sq|square|cubic|cu)\.?\s+)?"
    r"(?!(?:and|or|more|less|than|not|sin|cos|tan|sqrt|log|pi)\b)"
    r"(?:[A-Za-z]{3,}|cm|mm|km|ft|in|kg|lb|mi|yd|oz|mL|ml)(?:\s*\^?\s*[23])?"
    r"(?:\s+(?!(?:and|or|more|less|than|not)\b)[A-Za-z]{2,}){0,4}\.?$"
)
BARE_JOIN = re.compile(r"(?<=[\s\d})\]])(?:,\s*)?\b(?:and|or)\b(?=[\s\d({\[\\-])")
THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|,?\s*\\[!,;: ]\s*)(?=\d{3}(?!\d))")
SPACING = re.compile(r"\\[,;:! >]|\\hspace\*?\{[^{}]*\}|\\phantom\{[^{}]*\}")
ROOT = re.compile(r"\u221a\s*([0-9]+)")
SHORT_FRACTION = re.compile(r"\\frac\s*(\d)\s*(\d)(?!\d)")
DIGIT = re.compile(r"\d")
DELIMITERS = re.compile(r"\\[()\[\]]|\$")
DEGREES = re.compile(r"\^\s*\{?\s*\\circ\s*\}?")
QUOTE = '"'
"""What stands around an answer that was written as words."""
ROWS = "\n"
"""What separates the rows of a matrix after tidying; other white space is spaces."""


def tidy(answer: str) -> str:
    r"""Return the answer in one spelling, without what carries no value.

    >>> [tidy(a) for a in (r"$\dfrac{1}{2}$", r"864 \mbox{ inches}^2", r"\$32,\!348", r"10\%")]
    ['\\frac {1}{2}', '864', '32,348', '10%']
    """
    text = ROOT.sub(r"\\sqrt{\1}", without_braces(answer)).translate(UNICODE)
    text = " ".join(text.split()).replace("\\\\", ROWS)
    text = DELIMITERS.sub("", text.replace("\\$", "")).replace("\\%", "%").replace("\\&", "&")
    text = DEGREES.sub("°", THOUSANDS.sub(_thousands, text))
    text = SPACING.sub(" ", text).replace("\\left.", "").replace("\\right.", "")
    text = SHORT_FRACTION.sub(r"\\frac{\1}{\2}", COMMAND.sub(_spelling, text))
    text = JOINING.sub(",", WRAPPER.sub(r"\1", WRAPPER.sub(r"\1", text)))
    text = LETTER.sub(r" \1 ", LEADING_WORDS.sub("", UNIT.sub("", text.strip())).strip())
    text = _unwrap(text.strip())
    text = BARE_JOIN.sub(",", BARE_UNIT.sub("", text))
    return re.sub(" +", " ", text).strip().rstrip(".").strip()


def without_braces(text: str) -> str:
    """Drop braces around the whole.

    >>> without_braces(" {{5}} "), without_braces("{1}{2}")
    ('5', '{1}{2}')
    """
    text = text.strip()
    while text.startswith("{") and closing_brace(text, 0) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _thousands(match: re.Match[str]) -> str:
    return "" if "," not in match[0].replace("\\,", "") else ","


def _spelling(match: re.Match[str]) -> str:
    known = COMMANDS.get(match[1])
    return match[0] if known is None else known + (" " if known.startswith("\\") else "")


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
