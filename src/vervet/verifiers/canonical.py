"""One string for every way to write a value: what answers vote for, whichever came first."""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b

from vervet.verifiers.grammar import parse
from vervet.verifiers.latex import LONGEST, plain_text, tidy
from vervet.verifiers.number import canonical_number, quotient
from vervet.verifiers.tree import Apply, Based, Many, Node, Number, Relation, Symbol, Unread, Words
from vervet.verifiers.values import (
    CONSTANTS,
    DIGITS,
    NOISE,
    POINTS,
    RATIONAL,
    SHOWN,
    Point,
    Value,
    evaluate,
    mp,
)

FLIPPED = {">": "<", ">=": "<="}
PLAIN = re.compile(r"-?\$?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:/[0-9]+)?")
LONGEST_SHOWN = 200


@lru_cache(maxsize=65_536)
def tree_of(answer: str) -> Node | None:
    r"""Return the tree of an answer, or None where it is not mathematics we read.

    >>> tree_of(r"\frac{1}{2}") is None, tree_of(r"\oint") is None
    (False, True)
    """
    if len(answer) > LONGEST:
        return None
    tidied = tidy(answer)
    try:
        return parse(tidied)
    except (Unread, RecursionError):
        return _behind_equals(tidied)


def _behind_equals(tidied: str) -> Node | None:
    """Read what a text arrives at: `P(win) = 1/3`."""
    before, equals, after = tidied.rpartition("=")
    if not equals or before[-1:] in {"<", ">", "!"}:
        return None
    try:
        return parse(after.strip())
    except (Unread, RecursionError):
        return None


@lru_cache(maxsize=65_536)
def math_class(answer: str) -> str:
    r"""Return the class of an answer: equal answers have equal classes, in any order of arrival.

    Rationals are written in lowest terms, other constants by 25 digits, expressions in variables
    by their values at three points; what is not mathematics is written as plain text.

    >>> math_class(r"\frac{\sqrt{8}}{2}") == math_class("2^{1/2}"), math_class(r"\frac{6}{8}")
    (True, '0.75')
    """
    if PLAIN.fullmatch(answer) and (number := canonical_number(answer)) is not None:
        return number
    tree = tree_of(answer)
    if tree is not None:
        try:
            return canonical(tree)
        except Unread:
            pass
    text = plain_text(answer)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…{hash_of(text)}"


def hash_of(text: str) -> str:
    """Return a short fingerprint of a text too long to be shown."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


@lru_cache(maxsize=65_536)
def canonical(node: Node) -> str:
    """Return the class of a tree.

    Raises:
        Unread: it has no value.
    """
    match node:
        case Words(text):
            return text
        case Based(digits, base):
            return f"{digits.lstrip('0') or '0'}_{base}"
        case Many():
            return _many(node)
        case Relation():
            return _relation(node)
    return INFINITIES.get(node) or expression(node)


INFINITIES: Mapping[Node, str] = {
    Symbol("inf"): "oo",
    Apply("neg", (Symbol("inf"),)): "-oo",
}


def _many(node: Many) -> str:
    if node.kind == "tuple":
        return f"{node.ends[0]}{', '.join(map(canonical, node.items))}{node.ends[1]}"
    if node.kind in {"row", "matrix"}:
        return f"[{', '.join(map(canonical, node.items))}]"
    if node.kind == "set":
        return f"{{{', '.join(sorted(set(map(canonical, node.items))))}}}"
    if node.kind == "union":
        return " ∪ ".join(sorted(set(map(canonical, node.items))))
    items = sorted(listed(node.items))
    if all(map(is_range, node.items)):
        return " ∪ ".join(sorted(set(items)))
    return items[0] if len(set(items)) == 1 else ", ".join(items)


def is_range(node: Node) -> bool:
    """Whether it is an inequality: a list of these, `x < 1 or x > 2`, is a union."""
    return isinstance(node, Relation) and not {"=", "!=", "\\in"} & set(node.signs)


def listed(items: Iterable[Node]) -> list[str]:
    """Return the classes of a list's items; assignments to different names keep their names."""
    items = tuple(items)
    names = [item.sides[0] for item in items if isinstance(item, Relation) and is_assignment(item)]
    if len({stem(name) for name in names}) <= 1:
        return [canonical(item) for item in items]
    return [
        f"{canonical(item.sides[0])} = {canonical(item.sides[1])}"
        if isinstance(item, Relation) and is_assignment(item)
        else canonical(item)
        for item in items
    ]


def stem(name: Node) -> Node:
    """Return a name without its subscript: the roots x_1 and x_2 are both values of x.

    >>> stem(Symbol("x_1")), stem(Symbol("y"))
    (Symbol(name='x'), Symbol(name='y'))
    """
    return Symbol(name.name.partition("_")[0]) if isinstance(name, Symbol) else name


def is_assignment(node: Relation) -> bool:
    """Whether it gives a name a value: `x = 5`, `f(x) = 2x`, `(x, y) = (1, 2)`."""
    if node.signs != ("=",):
        return False
    name, value = node.sides
    match name:
        case Apply("*", (Symbol() | Apply("^", _) as function, Symbol() | Many(kind="tuple"))):
            return not symbols(function) & symbols(value)
        case Symbol() | Many("tuple") if is_name(name):
            return not symbols(name) & symbols(value)
    return False


def is_name(node: Node) -> bool:
    """Whether it can be given a value: a variable or a tuple of them."""
    match node:
        case Symbol(name):
            return name not in {"pi", "i", "inf"}
        case Many("tuple", items):
            return all(is_name(item) for item in items)
    return False


def symbols(node: Node) -> frozenset[str]:
    """Return the variables of a tree."""
    match node:
        case Symbol(name):
            return frozenset() if name in CONSTANTS else frozenset({name})
        case Apply(_, parts) | Many(_, parts) | Relation(_, parts):
            return frozenset().union(*map(symbols, parts))
    return frozenset()


def _relation(node: Relation) -> str:
    if node.signs[0] == "\\in" and len(node.signs) == 1:
        return canonical(node.sides[1])
    if set(node.signs) == {"="}:
        if len(node.sides) > 2:  # noqa: PLR2004 - a chain a = b = c arrives at c
            return canonical(node.sides[-1])
        if is_assignment(node) and not symbols(node.sides[1]):
            return canonical(node.sides[1])
        return f"0 = {_scaled(node.sides, keep_sign=False)}"
    if set(node.signs) <= {"<", "<=", ">", ">="}:
        return _inequality(node)
    if node.signs == ("!=",):
        return f"{canonical(node.sides[0])} != {canonical(node.sides[1])}"
    raise Unread


def _inequality(node: Relation) -> str:
    signs, sides = node.signs, node.sides
    if signs[0] in FLIPPED:
        signs, sides = tuple(FLIPPED.get(s, "") for s in reversed(signs)), tuple(reversed(sides))
    if any(sign not in {"<", "<="} for sign in signs):
        raise Unread
    open_, close = (
        ["(" if s == "<" else "[" for s in signs],
        [")" if s == "<" else "]" for s in signs],
    )
    match [bool(symbols(side)) for side in sides]:
        case [False, True, False] if isinstance(sides[1], Symbol):
            return f"{open_[0]}{canonical(sides[0])}, {canonical(sides[2])}{close[1]}"
        case [True, False] if isinstance(sides[0], Symbol):
            return f"(-oo, {canonical(sides[1])}{close[0]}"
        case [False, True] if isinstance(sides[1], Symbol):
            return f"{open_[0]}{canonical(sides[0])}, oo)"
        case [_, _]:
            return f"0 {signs[0]} {_scaled((sides[1], sides[0]), keep_sign=True)}"
    raise Unread


def _scaled(sides: tuple[Node, ...], *, keep_sign: bool) -> str:
    """Write `left - right` up to a factor, which an equation does not care about."""
    difference = Apply("+", (sides[0], Apply("neg", (sides[1],))))
    values = [_numeric(evaluate(difference, point)) for point in POINTS]
    scale = abs(values[0]) if keep_sign else values[0]
    if abs(scale) < mp().mpf(10) ** -NOISE:
        raise Unread
    return "~ " + ", ".join(
        constant(value / scale) for value in (values if keep_sign else values[1:])
    )


def _numeric(value: Value) -> Value:
    return mp().mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def expression(node: Node) -> str:
    """Return the class of an expression.

    Raises:
        Unread: it has no value anywhere.
    """
    variables = symbols(node)
    if not variables:
        return constant(evaluate(node, POINTS[0]))
    shown = [_at(node, point) for point in POINTS]
    if set(shown) == {UNDEFINED}:
        raise Unread
    if len(set(shown)) == 1:
        return shown[0]
    for name in variables:
        if shown == [_at(Symbol(name), point) for point in POINTS]:
            return name
    return "~ " + ", ".join(shown)


UNDEFINED = "undefined"


def _at(node: Node, point: Point) -> str:
    """Return the value at a point; a real formula is undefined where its value is not real."""
    value = evaluate(node, point)
    if not isinstance(value, Fraction) and mp().im(value) and not _mentions_i(node):
        return UNDEFINED
    return constant(value)


def _mentions_i(node: Node) -> bool:
    match node:
        case Symbol(name):
            return name == "i"
        case Apply(_, parts):
            return any(map(_mentions_i, parts))
    return False


def constant(value: Value) -> str:
    """Write a number: a rational exactly, another by 25 digits.

    >>> from fractions import Fraction
    >>> constant(Fraction(3, 4)), constant(mp().sqrt(2))
    ('0.75', '1.414213562373095048801689…')
    """
    if isinstance(value, Fraction):
        return quotient(value.numerator, value.denominator)
    real, imaginary = mp().re(value), mp().im(value)
    tiny = max(abs(value), 1) * mp().mpf(10) ** -NOISE
    if abs(imaginary) < tiny:
        return _real(real)
    sign = "-" if imaginary < 0 else "+"
    head = "" if abs(real) < tiny else _real(real)
    return f"{head}{sign}{_real(abs(imaginary))}i".removeprefix("+")


def _real(value: Value) -> str:
    context = mp()
    if not value:
        return "0"
    if abs(context.log(abs(value), 2)) < DIGITS:
        nearest = _fraction(value).limit_denominator(RATIONAL)
        gap = abs(context.mpf(nearest.numerator) / nearest.denominator - value)
        if gap < context.mpf(10) ** -NOISE * max(abs(value), 1) and nearest:
            return quotient(nearest.numerator, nearest.denominator)
    return str(context.nstr(value, SHOWN)) + "…"


def _fraction(value: Value) -> Fraction:
    sign, mantissa, exponent, _ = value._mpf_
    whole = -int(mantissa) if sign else int(mantissa)
    return Fraction(whole) * Fraction(2) ** int(exponent)


__all__ = ["Number", "canonical", "math_class", "tree_of"]
