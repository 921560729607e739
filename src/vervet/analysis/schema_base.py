"""The two rows that every other row of the document builds on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What every estimate carries."""

    value: float
    low: float
    high: float
    level: float
    """Nominal coverage of [low, high], 0..1."""
    method: str
    """How the interval was made, and over what."""
    problems: int
    samples: int
    excluded: int
    """Samples or problems left out; `excluded` rows say why."""
    reason: str = ""
    """Why a number is null; empty otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared(Measured):
    """What is measured of one verifier against another that is taken as truth."""

    model: str
    verifier: str
    against: str
