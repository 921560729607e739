"""Counts what is done and tells a watcher, a few times a second."""

import time

from vervet import waits
from vervet.types import Progress, Watcher

INTERVAL_SECONDS = 0.2


class Meter:
    """How far one activity is; only what is durable is reported as done."""

    def __init__(self, verb: str, watch: Watcher, *, total: int, done: int = 0) -> None:
        self.verb = verb
        self.total = total
        self.done = done
        self.failed = 0
        self.tokens = 0
        self.dollars: float | None = None
        self.waits = waits.Waits()
        """Of the stage whose meter this is: its own, once it watches them."""
        self.started = time.monotonic()
        self._watch = watch
        self._told = 0.0

    @property
    def seconds(self) -> float:
        """Return the seconds since it began."""
        return time.monotonic() - self.started

    def add(
        self, done: int = 0, *, failed: int = 0, tokens: int = 0, dollars: float | None = None
    ) -> None:
        """Count, and tell when it is time."""
        self.done += done
        self.failed += failed
        self.tokens += tokens
        if dollars is not None:
            self.dollars = (self.dollars or 0.0) + dollars
        if time.monotonic() - self._told >= INTERVAL_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Tell the watcher now."""
        self._told = time.monotonic()
        self._watch(
            Progress(
                self.verb, self.done, self.total, self.failed, self.tokens, self.dollars,
                note=str(self.waits),
            )
        )  # fmt: skip
