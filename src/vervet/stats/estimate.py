"""The one shape in which a number leaves `stats`: never without its interval and its counts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval, how it was made, and from how much.

    `low` and `high` are NaN, with the reason, where there is too little data for an interval.

    >>> Estimate(0.5, 0.4, 0.6, level=0.95, method="bootstrap over problems", problems=40)
    0.500 [0.400, 0.600]
    """

    value: float
    low: float
    high: float
    level: float = 0.95
    """Nominal coverage of the interval, 0..1."""
    method: str = ""
    """How the interval was made, and over what: problems as a population, or fixed problems."""
    problems: int = 0
    samples: int = 0
    excluded: int = 0
    """Samples or problems left out (errors, too few samples), so that the loss is visible."""
    reason: str = ""
    """Why value or interval is NaN; empty otherwise."""

    def __repr__(self) -> str:
        """Show the value and its interval, as a table would."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
