"""How many requests may be in flight: found out, not configured.

Rules: a slow start doubles the limit each round until the server first says it is too much; from
then on the limit rises by one a round and is cut on each complaint (additive increase,
multiplicative decrease). One round of complaints cuts once: a request counts only when it
was sent after the last cut. The limit rises only while it is what holds requests back.
"""

import asyncio
from collections import deque
from time import monotonic

START = 20
RATE_LIMITED = 0.5
OVERLOADED = 0.8


class Connections:
    """An adaptive limit on requests in flight, with a pause that holds all of them."""

    def __init__(self, most: int, start: float = START) -> None:
        self.most = most
        self.size = float(min(start, most))
        self.busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._slow_start = True
        self._cut_at = float("-inf")
        self._resume_at = float("-inf")

    @property
    def room(self) -> int:
        """How many requests may be in flight now."""
        return int(self.size)

    async def acquire(self) -> None:
        """Wait for a place, then for the end of a pause."""
        while self.busy >= self.room:
            await self._turn()
        self.busy += 1
        try:
            while (left := self._resume_at - monotonic()) > 0:  # noqa: ASYNC110 - it may move
                await asyncio.sleep(left)
        except BaseException:
            self.release()
            raise

    async def _turn(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._wake()  # the turn was ours; hand it on
            raise

    def release(self) -> None:
        """Give the place back."""
        self.busy -= 1
        self._wake()

    def _wake(self) -> None:
        free = self.room - self.busy
        while self._waiting and free > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                free -= 1

    def succeeded(self) -> None:
        """Count one good reply: the limit rises where it was the limit that held us back."""
        if self.busy >= self.room or self._waiting:
            step = 1.0 if self._slow_start else 1.0 / self.size
            self.size = min(self.size + step, float(self.most))

    def complained(self, sent_at: float, factor: float, pause: float = 0.0) -> None:
        """Count a complaint about a request sent at `sent_at`; hold everything for `pause`."""
        self.hold(pause)
        self._slow_start = False
        if sent_at >= self._cut_at:
            self.size = max(1.0, self.size * factor)
            self._cut_at = monotonic()

    def hold(self, seconds: float) -> None:
        """Send nothing more for so long."""
        self._resume_at = max(self._resume_at, monotonic() + seconds)
