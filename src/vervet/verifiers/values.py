"""What a tree is worth, at 120 digits: exactly where it is rational, else numerically.

Constants are evaluated; an expression in variables is evaluated at three fixed points derived
from the variables' names (one positive, one negative, one large), so two expressions that are
equal everywhere share their values and, but for chance of about 1e-25, no others do. Powers and
factorials are bounded, so nothing a model writes can hang it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from importlib import import_module
from math import comb, factorial, isqrt
from typing import Any

from vervet.errors import MissingExtra
from vervet.verifiers.tree import Apply, Node, Number, Symbol, Unread

DIGITS = 120
SHOWN = 25
"""Digits by which two irrational values are told apart."""
NOISE = 80
"""A value within 10^-NOISE of a rational of fewer than RATIONAL digits is that rational."""
RATIONAL = 10**25
MOST_MAGNITUDE = 10**7
"""Bits before the point of an inexact result."""
MOST_BITS = 10_000
"""Exact results are kept up to this size."""
LARGEST = 1e9
"""Exponents, and arguments of trigonometric functions, beyond this are refused."""
FACTORIAL = 1_000

Value = Any
"""A Fraction, or a real or complex number of mpmath."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where variables are evaluated: a range of values, by name."""

    name: str
    low: float
    high: float

    def __call__(self, variable: str) -> Value:
        """Return the value of a variable here."""
        hashed = blake2b(f"{self.name}/{variable}".encode(), digest_size=16).digest()
        share = mp().mpf(int.from_bytes(hashed)) / mp().mpf(2**128)
        return self.low + (self.high - self.low) * share


POINTS = (Point("positive", 0.6, 2.3), Point("negative", -2.3, -0.6), Point("large", 4.0, 9.0))


_LOCAL = threading.local()
"""A context holds working precision while it computes, so each thread has its own."""


def mp() -> Any:  # noqa: ANN401 - mpmath is untyped and optional
    """Return our own context of mpmath, which arrives with Math-Verify.

    Raises:
        MissingExtra: it is not installed.
    """
    known = getattr(_LOCAL, "context", None)
    if known is not None:
        return known
    try:
        context = import_module("mpmath").MPContext()
    except ImportError:
        raise MissingExtra("math-answer", "math") from None
    context.dps = DIGITS
    _LOCAL.context = context
    return context


def evaluate(node: Node, point: Point) -> Value:
    """Return the value of an expression at `point`.

    Raises:
        Unread: it has none (division by zero, too large), or is not an expression.
    """
    match node:
        case Number(value):
            return value
        case Symbol(name):
            return _constant(name) if name in CONSTANTS else point(name)
        case Apply("percent", (inner,)):
            return evaluate(inner, point)
        case Apply(name, args):
            return _apply(name, [evaluate(argument, point) for argument in args])
    raise Unread


CONSTANTS = frozenset({"pi", "e", "i", "inf"})


def _constant(name: str) -> Value:
    if name == "inf":
        raise Unread
    return mp().mpc(0, 1) if name == "i" else +getattr(mp(), name)


def _apply(name: str, values: list[Value]) -> Value:
    try:
        if all(isinstance(v, Fraction) for v in values):
            exact = EXACT[name](*values) if name in EXACT else None
            if exact is not None:
                return _bounded(exact)
        return _finite(NUMERIC[name](*(_real(v) for v in values)))
    except (ArithmeticError, ValueError, KeyError, TypeError) as cause:
        raise Unread from cause


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
        raise Unread
    return value


def _finite(value: Value) -> Value:
    context = mp()
    if not context.isfinite(value) or (value and context.mag(value) > MOST_MAGNITUDE):
        raise Unread
    return value


def _real(value: Value) -> Value:
    if isinstance(value, Fraction):
        return mp().mpf(value.numerator) / value.denominator
    return value


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if exponent.denominator == 1 and abs(exponent) * size <= MOST_BITS:
        return Fraction(base ** int(exponent))
    return _exact_root(base) if exponent == Fraction(1, 2) else None


def _exact_root(value: Fraction) -> Fraction | None:
    if value < 0:
        return None
    top, bottom = isqrt(value.numerator), isqrt(value.denominator)
    root = Fraction(top, bottom)
    return root if root * root == value else None


def _exact_factorial(value: Fraction) -> Fraction | None:
    if value.denominator != 1 or not 0 <= value <= FACTORIAL:
        raise Unread
    return Fraction(factorial(int(value)))


def _exact_choose(n: Fraction, k: Fraction) -> Fraction | None:
    if n.denominator != 1 or k.denominator != 1 or not 0 <= k <= n <= FACTORIAL:
        raise Unread
    return Fraction(comb(int(n), int(k)))


EXACT: dict[str, Callable[..., Fraction | None]] = {
    "+": lambda a, b: a + b,
    "neg": lambda a: -a,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": _exact_power,
    "sqrt": _exact_root,
    "abs": abs,
    "floor": lambda a: Fraction(a.__floor__()),
    "ceil": lambda a: Fraction(a.__ceil__()),
    "factorial": _exact_factorial,
    "binom": _exact_choose,
}


def _power(base: Value, exponent: Value) -> Value:
    context = mp()
    if base == 0:
        return context.mpf(0) if context.re(exponent) > 0 else context.mpf(1) / 0
    if abs(exponent) * (1 + abs(context.log(abs(base)))) > LARGEST:
        raise Unread
    return base**exponent


def _root(value: Value, degree: Value) -> Value:
    context = mp()
    odd = context.isint(degree) and int(degree) % 2 == 1
    if odd and not context.im(value) and context.re(value) < 0:
        return -_power(-value, 1 / degree)
    return _power(value, 1 / degree)


def _logarithm(value: Value, base: Value = 10) -> Value:
    return mp().log(value) / mp().log(base)


def _small(name: str) -> Callable[[Value], Value]:
    def function(value: Value) -> Value:
        if abs(value) > LARGEST:
            raise Unread
        return getattr(mp(), name)(value)

    return function


def _integer(name: str) -> Callable[[Value], Value]:
    def function(value: Value) -> Value:
        if mp().im(value) or abs(value) > LARGEST:
            raise Unread
        nearest = mp().nint(value)
        close = abs(value - nearest) < mp().mpf(10) ** -NOISE
        return nearest if close else getattr(mp(), name)(value)

    return function


NUMERIC: dict[str, Callable[..., Value]] = {
    "+": lambda a, b: a + b,
    "neg": lambda a: -a,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": _power,
    "sqrt": lambda a: mp().sqrt(a),
    "root": _root,
    "abs": abs,
    "floor": _integer("floor"),
    "ceil": _integer("ceil"),
    "ln": lambda a: mp().log(a),
    "log": _logarithm,
    "degrees": lambda a: a * mp().pi / 180,
    "arcsin": lambda a: mp().asin(a),
    "arccos": lambda a: mp().acos(a),
    "arctan": lambda a: mp().atan(a),
    **{name: _small(name) for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    **{name: _small(name) for name in ("sinh", "cosh", "tanh", "exp")},
}
