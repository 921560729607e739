"""What a plan must respect: a budget, a latency, and what mistakes cost."""

import re
from dataclasses import dataclass

from vervet.errors import ConfigError

UNITS = {"usd": "dollars", "$": "dollars", "tokens": "tokens", "samples": "samples"}
WRITTEN = re.compile(r"(?P<amount>\d+(\.\d*)?|\.\d+)\s*(?P<unit>[a-z$]+)(?P<each>/problem)?")
SECONDS = re.compile(r"(?P<amount>\d+(\.\d*)?|\.\d+)\s*(?P<unit>ms|s|m)?")
IN_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}


@dataclass(frozen=True, slots=True)
class Budget:
    """How much one problem may cost, on average."""

    amount: float
    unit: str
    """dollars, tokens or samples."""
    each: bool = True
    """Per problem; else for all problems together."""

    def per_problem(self, problems: int) -> float:
        """Return the amount for one of so many problems."""
        return self.amount if self.each else self.amount / problems


@dataclass(frozen=True, slots=True)
class Terms:
    """What a right answer is worth 1 of: the value of a policy is right − c wrong − a abstained."""

    budget: Budget | None = None
    false_positive_cost: float = 0.0
    """c: what returning a wrong answer costs."""
    abstain_cost: float = 0.0
    """a: what returning nothing costs."""
    max_latency: float | None = None
    """Mean seconds a problem may take."""
    together: bool = False
    """All problems are there at once, so that they may share one budget (`index`)."""


def budget(text: str) -> Budget:
    """Read a budget: 0.05usd/problem, 2000tokens/problem, 8samples/problem, 5usd.

    Raises:
        ConfigError: it is not written so.

    >>> budget("0.05usd/problem")
    Budget(amount=0.05, unit='dollars', each=True)
    >>> budget("5usd").per_problem(100)
    0.05
    """
    found = WRITTEN.fullmatch(text.strip().lower().replace("sample/", "samples/"))
    if not found or found["unit"] not in UNITS or not float(found["amount"]):
        raise ConfigError(
            f"--budget {text!r} is not an amount: write 0.05usd/problem, 2000tokens/problem, "
            "8samples/problem, or without /problem for all problems together."
        )
    return Budget(float(found["amount"]), UNITS[found["unit"]], each=bool(found["each"]))


def latency(text: str) -> float:
    """Read seconds: 30s, 500ms, 2m.

    Raises:
        ConfigError: it is not written so.

    >>> latency("500ms")
    0.5
    """
    found = SECONDS.fullmatch(text.strip().lower())
    if not found:
        raise ConfigError(f"--max-latency {text!r} is not a time: write 30s, 500ms or 2m.")
    return float(found["amount"]) * IN_SECONDS[found["unit"]]
