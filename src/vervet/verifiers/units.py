"""Units that answers state: not required, but not contradicted either."""

import re

SPELLINGS = {
    "mm": "mm millimeter millimeters millimetre millimetres",
    "cm": "cm centimeter centimeters centimetre centimetres",
    "m": "m meter meters metre metres",
    "km": "km kilometer kilometers kilometre kilometres",
    "inch": "in inch inches",
    "foot": "ft foot feet",
    "yard": "yd yard yards",
    "mile": "mi mile miles",
    "mg": "mg milligram milligrams",
    "gram": "g gram grams",
    "kg": "kg kilogram kilograms",
    "pound": "lb lbs pound pounds",
    "ounce": "oz ounce ounces",
    "ml": "ml milliliter milliliters",
    "liter": "l liter liters litre litres",
    "second": "s sec second seconds",
    "minute": "min minute minutes",
    "hour": "h hr hrs hour hours",
    "day": "day days",
    "week": "week weeks",
    "month": "month months",
    "year": "year years",
    "cent": "cent cents",
    "dollar": "dollar dollars usd",
    "degree": "degree degrees",
    "radian": "rad radian radians",
}
UNITS = {word: unit for unit, words in SPELLINGS.items() for word in words.split()}
MARKED = re.compile(r"\\(?:text|mbox|mathrm|textrm|textnormal)\s*\{([^{}]*)\}")
COMMAND = re.compile(r"\\[A-Za-z]+")
WORD = re.compile(r"[A-Za-z]+")
SIGNS = {"\\$": "dollar", "\\circ": "degree", "°": "degree"}


def units(answer: str) -> frozenset[str]:
    r"""Return the units an answer states; a letter alone is one only where it is set as text.

    >>> [sorted(units(answer)) for answer in (r"5\text{ m}", "5m", r"\$5", "3 cm")]
    [['m'], [], ['dollar'], ['cm']]
    """
    marked = [word for content in MARKED.findall(answer) for word in WORD.findall(content)]
    bare = WORD.findall(COMMAND.sub(" ", MARKED.sub(" ", answer)))
    words = [*marked, *(word for word in bare if len(word) > 1)]
    stated = {UNITS[word.lower()] for word in words if word.lower() in UNITS}
    return frozenset(stated | {unit for sign, unit in SIGNS.items() if sign in answer})


def contradict(one: str, other: str) -> bool:
    r"""Whether both answers state units, and none in common.

    >>> contradict(r"5\text{ cm}", "5 m"), contradict(r"5\text{ cm}", "5 inches")
    (False, True)
    """
    mine, yours = units(one), units(other)
    return bool(mine and yours and not mine & yours)
