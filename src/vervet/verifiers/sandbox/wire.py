"""Reading what a candidate's process sent: hostile bytes in, plain values out.

The lines are JSON as `inside.values` writes it. Reading never runs anything of the sender's:
there is no pickle, numbers and containers are Python's own, sizes are bounded before they come
here, and sets and dicts whose keys were made to collide are refused.
"""

import json
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from vervet.verifiers.sandbox.inside.values import Encoder

NUMPY = frozenset(
    {"bool", "bool_", "float16", "float32", "float64"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)


class Malformed(Exception):  # noqa: N818 - says what the line is
    """The line is not what an honest encoder writes."""


class Opaque:
    """A value that cannot cross: of a type that is not plain. Equal to nothing.

    >>> Opaque("Always") == Opaque("Always")
    False
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]  # no place in a set or a dict

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Iterated(Opaque):
    """What an iterator or a view gave: equal to nothing, as those are, but it can be gone through.

    >>> Iterated([1, 2]) == [1, 2], set(Iterated([1, 2, 2]))
    (False, {1, 2})
    """

    __slots__ = ("items",)

    def __init__(self, items: list[Any]) -> None:
        super().__init__("iterator")
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)


def encode(value: Any) -> str:  # noqa: ANN401 - any plain value
    """Write a trusted value as a candidate's process would write it.

    >>> encode((1, [2.5], {3}))
    '{"t":[1,[2.5],{"s":[3]}]}'
    """
    return Encoder(1 << 30).encode(value)


def decode(line: str | bytes) -> Any:  # noqa: ANN401 - any plain value
    """Read one value.

    Raises:
        Malformed: the line is not of this form.

    >>> decode('{"t":[1,[2.5],{"s":[3]}]}')
    (1, [2.5], {3})
    >>> decode(encode({(1, 2): b"x"}))
    {(1, 2): b'x'}
    """
    try:
        return value_of(json.loads(line))
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise Malformed(f"{type(error).__name__}: {str(error)[:100]}") from None


def value_of(raw: Any) -> Any:  # noqa: ANN401 - parsed JSON in, a plain value out
    """Turn parsed JSON into the value it stands for."""
    if type(raw) is list:
        return [value_of(item) if type(item) in (list, dict) else item for item in raw]
    if type(raw) is not dict:
        return raw
    ((tag, body),) = raw.items()
    return READERS[tag](body)


def hashed(items: list[Any]) -> list[Any]:
    """Check that `items` make an honest set: few of them share a hash.

    A million keys of one hash would keep the reader busy for hours.
    """
    collisions = len(items) - len({hash(item) for item in items})
    if collisions > 16 + len(items) // 8:
        raise ValueError("keys made to collide")
    return items


def mapping(body: Any) -> dict[Any, Any]:  # noqa: ANN401 - parsed JSON
    """Read a dict from its pairs."""
    keys = hashed([value_of(key) for key, _ in body])
    return dict(zip(keys, (value_of(value) for _, value in body), strict=True))


def numpy_scalar(body: Any) -> Any:  # noqa: ANN401 - parsed JSON in, a numpy scalar out
    """Read a numpy scalar of one of the plain types."""
    import numpy as np  # noqa: PLC0415 - candidates that return numpy's scalars are rare

    name, value = body
    if name not in NUMPY:
        return Opaque(str(name)[:80])
    if type(value) not in {int, float, bool}:
        raise TypeError("not a scalar")
    return np.dtype(name.rstrip("_")).type(value)


def fraction(body: Any) -> Fraction:  # noqa: ANN401 - parsed JSON
    """Read a fraction from two integers; text would let `1e999999999` in."""
    numerator, denominator = value_of(body)
    if type(numerator) is not int or type(denominator) is not int:
        raise TypeError("not integers")
    return Fraction(numerator, denominator)


READERS: dict[str, Any] = {
    "t": lambda body: tuple(value_of(body)),
    "s": lambda body: set(hashed(value_of(body))),
    "f": lambda body: frozenset(hashed(value_of(body))),
    "d": mapping,
    "q": lambda body: deque(value_of(body)),
    "b": lambda body: body.encode("latin-1"),
    "c": lambda body: complex(*body),
    "i": lambda body: int(body, 16),
    "F": fraction,
    "D": Decimal,
    "n": numpy_scalar,
    "I": lambda body: Iterated(value_of(body)),
    "?": lambda body: Opaque(str(body)[:80]),
}
