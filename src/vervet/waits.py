"""What a stage of work waits for, and where it is in vain: told by whoever asks over a network.

A stage opens its own `Waits`; all that it starts tells there, however deep it is: a sampler, or the
model of a judge within an ensemble.
"""

from contextvars import ContextVar
from dataclasses import dataclass, field
from math import ceil, inf
from time import monotonic


@dataclass(slots=True)
class Waits:
    """The longest wait of now, and why; and how often each address was asked in vain."""

    until: float = -inf
    """On the monotonic clock."""
    why: str = ""
    failures: dict[str, int] = field(default_factory=dict)
    """Requests given up since the last good reply, by address."""

    def __str__(self) -> str:
        left = self.until - monotonic()
        return f"waiting {ceil(left):,} s: {self.why}" if left > 0 else ""


_HERE: ContextVar[Waits] = ContextVar("waits")


def opened() -> Waits:
    """Return what the current task, and every task it starts from now on, tells of its waits."""
    waits = Waits()
    _HERE.set(waits)
    return waits


def tell(seconds: float, why: str) -> None:
    """Say that a wait of so many seconds begins, and why; nobody may be listening.

    >>> here = opened()
    >>> tell(11.5, "HTTP 429 from api.example (3 of 5)"), str(here)
    (None, 'waiting 12 s: HTTP 429 from api.example (3 of 5)')
    """
    waits, until = _HERE.get(None), monotonic() + seconds
    if waits is not None and until > waits.until:
        waits.until, waits.why = until, why


def failed(address: str) -> None:
    """Say that a request was given up for what is the endpoint's fault, not the request's."""
    if waits := _HERE.get(None):
        waits.failures[address] = waits.failures.get(address, 0) + 1


def answered(address: str) -> None:
    """Say that a request brought a good reply."""
    if waits := _HERE.get(None):
        waits.failures.pop(address, None)
