"""A candidate's results as plain JSON: exact builtin types only, bounded in size and depth.

Scalars and lists are themselves; the rest is an object with one key: a tuple `{"t": [...]}`, a
set `{"s": ...}`, a frozenset `{"f": ...}`, a dict `{"d": [[k, v], ...]}`, bytes `{"b": latin-1}`,
complex `{"c": [re, im]}`, a huge integer `{"i": hex}`, a Fraction `{"F": [n, d]}`, a Decimal
`{"D": text}`, a numpy scalar `{"n": [dtype, value]}`, a generator or another iterator or view
`{"I": [...]}`, which equals nothing but can be gone through. Anything else, a subclass that brings
its own equality, order or hash among it, is `{"?": type name}`, which equals nothing.

The candidate's process can put any bytes on the wire, so this is no defence: it gives honest
programs an exact reading. The defence is the reader's (`vervet.verifiers.sandbox.wire`).
"""

import json
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from itertools import islice
from typing import Any

DEPTH = 60
HUGE_BITS = 8_000
"""Integers beyond this are written in hexadecimal: decimal conversion is quadratic."""
LONGEST_ITERATOR = 100_000
SCALARS = frozenset({int, str, float, bool, type(None)})
COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__")


class TooLarge(Exception):  # noqa: N818 - says what the result is
    """The result has more parts than the limit allows."""


class Encoder:
    """Writes values as JSON text, each within a budget of `parts` members of containers."""

    def __init__(self, parts: int) -> None:
        self.budget = self.parts = parts
        self.dumps = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

    def encode(self, value: Any) -> str:  # noqa: ANN401 - whatever a candidate returns
        """Return `value` as one line of JSON; raise TooLarge beyond the budget."""
        kind = type(value)
        self.parts = self.budget
        if kind in SCALARS and not (kind is int and value.bit_length() > HUGE_BITS):
            return self.dumps(value)
        return self.dumps(self.plain(value, 0))

    def plain(self, value: Any, depth: int) -> Any:  # noqa: ANN401 - as above
        """Return `value` in the form JSON knows."""
        kind = type(value)
        if kind is int:
            return value if value.bit_length() <= HUGE_BITS else {"i": hex(value)}
        if kind in SCALARS:
            return value
        if depth >= DEPTH:
            return {"?": "too deep"}
        write = WRITERS.get(kind)
        if write is not None:
            return write(self, value, depth + 1)
        return self.other(value, kind, depth)

    def items(self, values: Any, depth: int) -> list[Any]:  # noqa: ANN401 - an exact builtin
        """Write the members of a container."""
        self.parts -= len(values)
        if self.parts < 0:
            raise TooLarge
        if SCALARS.issuperset(map(type, values)):
            return [self.plain(v, depth) if type(v) is int else v for v in values]
        return [self.plain(v, depth) for v in values]

    def other(self, value: Any, kind: type, depth: int) -> Any:  # noqa: ANN401 - anything at all
        """Write a value of a library's or the candidate's own type."""
        if kind.__module__ == "decimal" and kind is sys.modules["decimal"].Decimal:
            return {"D": str(value)}
        if kind.__module__ == "fractions" and kind is sys.modules["fractions"].Fraction:
            return {"F": self.items([value.numerator, value.denominator], depth)}
        if (
            kind.__module__ == "numpy"
            and hasattr(kind, "dtype")
            and not hasattr(kind, "__array_finalize__")
        ):
            return {"n": [kind.__name__, self.plain(value.item(), depth + 1)]}
        for base, read in BASES.items():
            if issubclass(kind, base) and all(
                getattr(kind, name) is getattr(base, name) for name in COMPARISONS
            ):
                return self.plain(read(value), depth + 1)
        if kind.__module__ in {"builtins", "itertools"} and hasattr(kind, "__iter__"):
            members = list(islice(value, LONGEST_ITERATOR))
            if len(members) < LONGEST_ITERATOR:
                return {"I": self.items(members, depth + 1)}
        return {"?": kind.__name__[:80]}


def pairs(encoder: Encoder, value: Any, depth: int) -> dict[str, Any]:  # noqa: ANN401 - a dict
    """Write a dict, in its order."""
    keys = encoder.items(list(dict.keys(value)), depth)
    values = encoder.items(list(dict.values(value)), depth)
    return {"d": [[k, v] for k, v in zip(keys, values, strict=True)]}


WRITERS: dict[type, Any] = {
    list: lambda e, v, d: e.items(v, d),
    tuple: lambda e, v, d: {"t": e.items(v, d)},
    set: lambda e, v, d: {"s": e.items(list(v), d)},
    frozenset: lambda e, v, d: {"f": e.items(list(v), d)},
    dict: pairs,
    Counter: pairs,
    OrderedDict: pairs,
    defaultdict: pairs,
    deque: lambda e, v, d: {"q": e.items(list(v), d)},
    bytes: lambda _e, v, _d: {"b": v.decode("latin-1")},
    bytearray: lambda _e, v, _d: {"b": v.decode("latin-1")},
    complex: lambda _e, v, _d: {"c": [v.real, v.imag]},
}
BASES: dict[type, Any] = {
    bool: bool,
    int: lambda v: int.__add__(v, 0),
    float: lambda v: float.__add__(v, 0.0),
    str: lambda v: str.__getitem__(v, slice(None)),
    tuple: lambda v: tuple(tuple.__iter__(v)),
    list: lambda v: list(list.__iter__(v)),
    dict: lambda v: dict(dict.items(v)),
}


def describe(error: BaseException) -> str:
    """Name an exception and its message, briefly, whatever its `__str__` does.

    >>> describe(ValueError("no"))
    'ValueError: no'
    """
    try:
        text = f"{type(error).__name__}: {error}"
    except BaseException:  # noqa: BLE001 - a message that cannot be made is no message
        text = f"{type(error).__name__}: (its message failed)"
    return text[:300] if sys.getsizeof(text) < 1 << 20 else text[:300] + "..."
