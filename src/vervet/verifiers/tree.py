"""Answers as trees: frozen values, equal when written alike."""

from dataclasses import dataclass
from fractions import Fraction


class Unread(Exception):  # noqa: N818 - an outcome: the text is not of this language
    """The text is not in the grammar."""


@dataclass(frozen=True, slots=True)
class Number:
    """An exact number as written."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Symbol:
    """A variable or a constant: `x`, `x_1`, `pi`, `e`, `i`, `inf`."""

    name: str


@dataclass(frozen=True, slots=True)
class Based:
    """Digits with the base they are written in: `2516_8`."""

    digits: str
    base: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operation or function with its arguments."""

    name: str
    args: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Many:
    """Several values: a list, set, tuple, interval, union, matrix or row of one."""

    kind: str
    items: tuple["Node", ...]
    ends: str = ""
    """The brackets of an interval or tuple."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A chain of comparisons: `sides[0] signs[0] sides[1] ...`."""

    signs: tuple[str, ...]
    sides: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Words:
    """An answer in words, whatever their case."""

    text: str


Node = Number | Symbol | Based | Apply | Many | Relation | Words
