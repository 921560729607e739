"""A bounded queue between two fills: what one has kept, the other works on."""

import asyncio
from collections.abc import Iterable
from typing import Generic, TypeVar

Row = TypeVar("Row")


class Channel(Generic[Row]):
    """Rows on their way to the next stage; the producer waits while `limit` rows wait."""

    def __init__(self, limit: int) -> None:
        self._queue: asyncio.Queue[Row | None] = asyncio.Queue(limit)
        self._abandoned = False

    async def put(self, rows: Iterable[Row]) -> None:
        """Pass rows on; drop them when nobody takes them any more."""
        for row in rows:
            if self._abandoned:
                return
            await self._queue.put(row)

    async def finish(self) -> None:
        """Say that no more rows come."""
        if not self._abandoned:
            await self._queue.put(None)

    async def take(self) -> Row | None:
        """Return the next row; None at the end, to every taker."""
        row = await self._queue.get()
        if row is None:
            self._queue.put_nowait(None)
        return row

    def waiting(self) -> bool:
        """Say whether `take` would return at once."""
        return not self._queue.empty()

    def abandon(self) -> None:
        """Say that nobody takes rows any more, so that no producer waits for it."""
        self._abandoned = True
        while not self._queue.empty():
            self._queue.get_nowait()
