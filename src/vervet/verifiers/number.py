"""Numbers as people write them, compared exactly.

The canonical form is made from the digits themselves, so a 5,000-digit integer, NaN or a
hostile exponent costs what its length costs and never overflows.
"""

import re
import unicodedata
from math import gcd

NUMBER = re.compile(
    r"(?<![\w.])-?\$?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?"
    r"(?:\s?/\s?[0-9]+(?![0-9]|\.[0-9]))?|(?<![\w.])-?\$?\.[0-9]+"
)
"""A decimal number or a fraction of integers, with sign, dollar and thousands separators."""
DIGITS = re.compile(r"\d")
DASHES = str.maketrans(dict.fromkeys("\N{MINUS SIGN}\N{EN DASH}\N{FULLWIDTH HYPHEN-MINUS}", "-"))
DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?")
MOST_PLACES = 60
"""A fraction that ends later than this is written as a fraction."""
LONGEST_FRACTION = 2_000
"""Digits; longer fractions are not reduced to lowest terms."""


def plain_digits(text: str) -> str:
    """Write digits of any script and any minus sign in ASCII.

    >>> plain_digits("\N{MINUS SIGN}١٨")
    '-18'
    """
    if text.isascii():
        return text
    return DIGITS.sub(lambda match: str(unicodedata.decimal(match[0])), text.translate(DASHES))


def first_number(text: str) -> str | None:
    """Return the first number in `text` as it is written, or None.

    >>> first_number("about $1,200.50 a day, or 3 a minute")
    '$1,200.50'
    """
    match = NUMBER.search(text)
    return match[0] if match else None


def last_number(text: str) -> str | None:
    """Return the last number in `text` as it is written, or None.

    >>> last_number("16 - 3 - 4 = 9, so she makes 9 * 2 = $18.")
    '$18'
    >>> last_number("The chance is 2/3.")
    '2/3'
    """
    last = None
    for match in NUMBER.finditer(text):
        last = match[0]
    return last


def canonical_number(token: str) -> str | None:
    """Return the one way to write this number, or None if it is none.

    A decimal loses its padding zeros; a fraction of integers is reduced, and is a decimal where
    it ends.

    >>> [canonical_number(t) for t in ("18.00", "$1,800", "-0", "6/4", "2/6", "NaN", "1e5")]
    ['18', '1800', '0', '1.5', '1/3', None, None]
    """
    bare = re.sub(r"[\s$,]|\.$", "", token)
    top, slash, bottom = bare.partition("/")
    decimal = _decimal(top)
    if not slash or decimal is None:
        return decimal
    return _fraction(decimal, bottom)


def _decimal(bare: str) -> str | None:
    match = DECIMAL.fullmatch(bare)
    if match is None or not (match[2] or match[3]):
        return None
    whole = match[2].lstrip("0") or "0"
    part = (match[3] or "").rstrip("0")
    sign = "-" if match[1] == "-" and (whole != "0" or part) else ""
    return f"{sign}{whole}.{part}" if part else f"{sign}{whole}"


def _fraction(top: str, bottom: str) -> str | None:
    bottom = bottom.lstrip("0")
    if not bottom.isdecimal() or not top.lstrip("-").isdecimal():
        return None
    if len(top) + len(bottom) > LONGEST_FRACTION:
        return f"{top}/{bottom}"
    common = gcd(int(top), int(bottom))
    return quotient(int(top) // common, int(bottom) // common)


def quotient(top: int, bottom: int) -> str:
    """Write a fraction in lowest terms: as a decimal where that ends, else as `top/bottom`.

    >>> quotient(3, 4), quotient(1, 3), quotient(-6, 1)
    ('0.75', '1/3', '-6')
    """
    rest, twos, fives = bottom, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1 or bottom == 1 or max(twos, fives) > MOST_PLACES:
        return f"{top}/{bottom}" if bottom != 1 else str(top)
    places = max(twos, fives)
    digits = str(abs(top) * 10**places // bottom).rjust(places + 1, "0")
    return f"{'-' if top < 0 else ''}{digits[:-places]}.{digits[-places:]}"
