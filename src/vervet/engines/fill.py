"""The one bounded loop: take work, do it, keep what comes back, in batches.

Sampling and verification are two calls of `fill`. What is in memory is what is in flight: at most
`concurrency` items of work and two batches of rows.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from typing import Generic, Protocol, TypeAlias, TypeVar

from vervet.errors import ConfigError, StoreError, VervetError

Work = TypeVar("Work")
Row = TypeVar("Row")
Worker: TypeAlias = Callable[[Work], AsyncGenerator[Row, None]]
"""Does one item of work and yields its rows as they come."""
Take: TypeAlias = Callable[[], Awaitable[Work | None]]
"""Gives the next item of work; None when there is no more."""
Keep: TypeAlias = Callable[[list[Row]], Awaitable[None]]
"""Stores a batch of rows, durable when it returns; an empty one says that time has passed."""
Ended: TypeAlias = Callable[[Work, VervetError | None], None]
"""Takes note that an item of work is done, or failed; may raise to end it all."""


class Engine(Protocol):
    """Where work is done, how much of it at once, and when a batch of rows is closed."""

    @property
    def concurrency(self) -> int:
        """Items of work in flight."""
        ...

    @property
    def batch_rows(self) -> int:
        """Rows that close a batch."""
        ...

    @property
    def batch_seconds(self) -> float:
        """Seconds that close a batch."""
        ...

    def spread(
        self, worker: Worker[Work, Row], /
    ) -> AbstractAsyncContextManager[Worker[Work, Row]]:
        """Give a worker that does the same work where this engine does it.

        `worker` must be picklable for engines that do it elsewhere. Such a worker may be lost with
        its machine: it raises WorkerLostError, and what it had yielded stands.
        """
        ...


class WorkerLostError(VervetError):
    """The machine or process that did the work is gone; another may do the rest."""


class Batch(Generic[Row]):
    """Rows that wait to be kept; closed by number or by seconds, whichever comes first."""

    def __init__(self, keep: Keep[Row], rows: int, seconds: float) -> None:
        self._keep = keep
        self._limit = rows
        self._seconds = seconds
        self._rows: list[Row] = []
        self._closed = False
        self._full = asyncio.Event()
        self._room = asyncio.Event()

    async def add(self, row: Row) -> None:
        """Take a row; wait while two batches wait already."""
        self._rows.append(row)
        if len(self._rows) >= self._limit:
            self._full.set()
            if len(self._rows) >= 2 * self._limit:
                self._room.clear()
                await self._room.wait()

    def close(self) -> None:
        """Say that no more rows come."""
        self._closed = True
        self._full.set()

    async def write(self) -> None:
        """Keep batches until closed."""
        while not self._closed:
            with suppress(TimeoutError):  # not wait_for: before 3.12 it may swallow a cancellation
                async with asyncio.timeout(self._seconds):
                    await self._full.wait()
            await self.flush()
        await self.flush()

    async def flush(self) -> None:
        """Keep what waits, whole, even when cancelled meanwhile."""
        rows, self._rows = self._rows, []
        self._full.clear()
        self._room.set()
        keeping = asyncio.ensure_future(self._keep(rows))
        try:
            await asyncio.shield(keeping)
        except asyncio.CancelledError:
            await keeping
            raise
        except Exception:
            self._rows[:0] = rows
            raise


async def fill(
    take: Take[Work],
    worker: Worker[Work, Row],
    keep: Keep[Row],
    ended: Ended[Work],
    *,
    engine: Engine,
    concurrency: int | None = None,
) -> None:
    """Do all work, at most `concurrency` items at once, and keep every row that comes.

    A worker that raises ModelError, VerifierError or the like fails its item only. ConfigError,
    StoreError, an interrupt and bugs end the loop, after what had come was kept.
    """
    batch = Batch(keep, engine.batch_rows, engine.batch_seconds)

    async def lane() -> None:
        while (item := await take()) is not None:
            try:
                async with aclosing(worker(item)) as rows:
                    async for row in rows:
                        await batch.add(row)
            except (ConfigError, StoreError):
                raise
            except VervetError as error:
                ended(item, error)
            else:
                ended(item, None)
            await asyncio.sleep(0)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(batch.write())
            lanes = [group.create_task(lane()) for _ in range(concurrency or engine.concurrency)]
            await asyncio.wait(lanes)
            batch.close()
    except BaseExceptionGroup as several:
        raise _first(several) from None
    finally:
        await batch.flush()


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    error = several.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def taking(items: Iterable[Work]) -> Take[Work]:
    """Return what gives `items`, one after the other."""
    rest = iter(items)

    async def take() -> Work | None:
        return next(rest, None)

    return take
