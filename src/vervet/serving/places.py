"""The requests in flight: at most so many, each for so long, and an end to all of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from vervet.serving.metrics import Metrics
from vervet.serving.refusals import Refusal

CLOSING_SECONDS = 2.0
"""For the last answers to be written, once everything has been told to end."""
RETRY_SECONDS = 5.0


class Places:
    """Places for requests; where a limit stands against one, its client is told which."""

    def __init__(self, most: int, metrics: Metrics) -> None:
        self.most = most
        self.metrics = metrics
        self.draining = False
        """No more requests are taken."""
        self._ended = False
        self._timers: set[asyncio.Timeout] = set()
        self._free = asyncio.Event()
        self._free.set()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Take a place, or send the client away for a while.

        Raises:
            Refusal: 503 when the gateway ends, 429 when every place is taken.
        """
        if self.draining:
            raise ending()
        if self.metrics.in_flight >= self.most:
            said = f"{self.metrics.in_flight} requests are in flight, the most here"
            raise Refusal(429, said, code="rate_limit_exceeded", wait=self.metrics.mean_seconds)
        self.metrics.in_flight += 1
        self._free.clear()
        try:
            yield
        finally:
            self.metrics.in_flight -= 1
            if not self.metrics.in_flight:
                self._free.set()

    @asynccontextmanager
    async def within(self, seconds: float, late: Refusal) -> AsyncIterator[None]:
        """Give what is inside so many seconds.

        Raises:
            Refusal: `late` when they are over; 503 when the gateway ends before that.
        """
        timer = asyncio.timeout(0 if self._ended else seconds)
        self._timers.add(timer)
        try:
            async with timer:
                yield
        except TimeoutError as error:
            raise (ending() if self._ended else late) from error
        finally:
            self._timers.discard(timer)

    async def drain(self, seconds: float) -> None:
        """Take no more; give those in flight so many seconds, then end the others."""
        self.draining = True
        await self._freed(seconds)
        self.end()
        await self._freed(CLOSING_SECONDS)

    def end(self) -> None:
        """Answer what is in flight now: it waits no longer."""
        self._ended = True
        now = asyncio.get_running_loop().time()
        for timer in self._timers:
            if not timer.expired():
                timer.reschedule(now)

    async def _freed(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._free.wait()


def ending() -> Refusal:
    """Return what a client is told once the gateway ends: another one may answer soon."""
    return Refusal(503, "the gateway is shutting down", wait=RETRY_SECONDS)
