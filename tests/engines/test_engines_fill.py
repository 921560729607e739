"""The one loop: bounded, complete, and nothing that came is lost."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from vervet.engines import Channel, Local, Meter, fill
from vervet.engines.fill import Batch, taking
from vervet.errors import ModelError, StoreError, VervetError
from vervet.types import Progress


async def double(item: int) -> AsyncGenerator[int, None]:
    await asyncio.sleep(0)
    yield item
    yield -item


class Shelf:
    """Keeps batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.failures: dict[int, str] = {}
        self.finished: list[int] = []

    async def keep(self, rows: list[int]) -> None:
        if rows:
            self.batches.append(rows)

    def ended(self, item: int, error: VervetError | None) -> None:
        if error is None:
            self.finished.append(item)
        else:
            self.failures[item] = str(error)

    @property
    def rows(self) -> list[int]:
        return [row for batch in self.batches for row in batch]


async def test_all_rows_of_all_items_are_kept() -> None:
    shelf = Shelf()
    await fill(taking(range(1, 101)), double, shelf.keep, shelf.ended, engine=Local(7, 30, 10.0))
    assert sorted(shelf.rows) == sorted([*range(1, 101), *range(-100, 0)])
    assert sorted(shelf.finished) == list(range(1, 101))
    assert max(map(len, shelf.batches)) <= 60


async def test_no_work_is_no_batch() -> None:
    shelf = Shelf()
    await fill(taking([]), double, shelf.keep, shelf.ended, engine=Local())
    assert shelf.batches == []


async def test_no_more_than_concurrency_items_are_in_flight() -> None:
    now = most = 0

    async def worker(item: int) -> AsyncGenerator[int, None]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        yield item

    shelf = Shelf()
    await fill(taking(range(50)), worker, shelf.keep, shelf.ended, engine=Local(), concurrency=5)
    assert most == 5
    assert len(shelf.rows) == 50


async def test_a_batch_is_closed_by_seconds_when_rows_are_slow() -> None:
    async def slow(item: int) -> AsyncGenerator[int, None]:
        yield item
        await asyncio.sleep(0.15)

    shelf = Shelf()
    await fill(taking(range(3)), slow, shelf.keep, shelf.ended, engine=Local(1, 1000, 0.03))
    assert shelf.batches == [[0], [1], [2]]


async def test_workers_wait_while_storing_is_slow() -> None:
    yielded = 0

    async def eager(_: int) -> AsyncGenerator[int, None]:
        nonlocal yielded
        for row in range(1000):
            yielded += 1
            yield row

    ahead: list[int] = []

    class Slow(Shelf):
        async def keep(self, rows: list[int]) -> None:
            await asyncio.sleep(0.005)
            await super().keep(rows)
            ahead.append(yielded - len(self.rows))

    shelf = Slow()
    await fill(taking(range(3)), eager, shelf.keep, shelf.ended, engine=Local(3, 10, 1.0))
    assert len(shelf.rows) == 3000
    assert max(ahead) <= 2 * 10 + 3


async def test_a_failure_ends_its_item_only_and_what_it_yielded_stands() -> None:
    async def worker(item: int) -> AsyncGenerator[int, None]:
        yield item
        if item == 3:
            raise ModelError("503")

    shelf = Shelf()
    await fill(taking(range(6)), worker, shelf.keep, shelf.ended, engine=Local())
    assert sorted(shelf.rows) == list(range(6))
    assert shelf.failures == {3: "503"}


async def test_a_bug_ends_the_loop_and_what_came_is_kept() -> None:
    async def worker(item: int) -> AsyncGenerator[int, None]:
        yield item
        if item == 3:
            raise ZeroDivisionError

    shelf = Shelf()
    with pytest.raises(ZeroDivisionError):
        await fill(taking(range(100)), worker, shelf.keep, shelf.ended, engine=Local(1))
    assert shelf.rows == [0, 1, 2, 3]


async def test_cancelling_keeps_what_finished() -> None:
    started = asyncio.Event()

    async def worker(item: int) -> AsyncGenerator[int, None]:
        yield item
        if item == 5:
            started.set()
            await asyncio.sleep(60)

    shelf = Shelf()
    filling = asyncio.create_task(
        fill(taking(range(100)), worker, shelf.keep, shelf.ended, engine=Local(1, 1000, 60.0))
    )
    await started.wait()
    filling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await filling
    assert shelf.rows == [0, 1, 2, 3, 4, 5]


async def test_a_batch_being_stored_when_cancelled_is_stored_once() -> None:
    storing = asyncio.Event()

    class Slow(Shelf):
        async def keep(self, rows: list[int]) -> None:
            storing.set()
            await asyncio.sleep(0.02)
            await super().keep(rows)

    shelf = Slow()
    filling = asyncio.create_task(
        fill(taking(range(1, 10**6)), double, shelf.keep, shelf.ended, engine=Local(4, 10, 1.0))
    )
    await storing.wait()
    filling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await filling
    assert len(shelf.rows) == len(set(shelf.rows))
    assert len(shelf.rows) >= 10


async def test_rows_that_could_not_be_stored_are_tried_once_more() -> None:
    class Flaky(Shelf):
        tries = 0

        async def keep(self, rows: list[int]) -> None:
            self.tries += 1
            if self.tries == 1:
                raise StoreError("the disk is full")
            await super().keep(rows)

    shelf = Flaky()
    with pytest.raises(StoreError, match="the disk is full"):
        await fill(taking(range(10)), double, shelf.keep, shelf.ended, engine=Local())
    assert len(shelf.rows) == 20


async def test_a_cancellation_is_heard_in_the_very_moment_in_which_a_batch_is_full() -> None:
    shelf = Shelf()
    batch: Batch[int] = Batch(shelf.keep, 1, 60.0)
    writing = asyncio.create_task(batch.write())
    await asyncio.sleep(0.01)
    await batch.add(1)
    writing.cancel()
    done, _ = await asyncio.wait([writing], timeout=2)
    assert done
    assert writing.cancelled()


async def test_a_channel_passes_rows_on_and_makes_the_producer_wait() -> None:
    channel: Channel[int] = Channel(3)
    putting = asyncio.create_task(channel.put(range(5)))
    await asyncio.sleep(0.01)
    assert not putting.done()
    assert [await channel.take() for _ in range(5)] == [0, 1, 2, 3, 4]
    await putting
    await channel.finish()
    assert [await channel.take(), await channel.take()] == [None, None]


async def test_an_abandoned_channel_stops_nobody() -> None:
    channel: Channel[int] = Channel(1)
    putting = asyncio.create_task(channel.put(range(100)))
    await asyncio.sleep(0.01)
    channel.abandon()
    await asyncio.wait_for(putting, 1)
    await asyncio.wait_for(channel.put(range(100)), 1)
    await asyncio.wait_for(channel.finish(), 1)


def test_a_meter_tells_a_few_times_a_second_and_at_the_end() -> None:
    told: list[Progress] = []
    meter = Meter("sample", told.append, total=1000, done=10)
    for _ in range(500):
        meter.add(1, tokens=2, dollars=0.5)
    meter.tell()
    assert 2 <= len(told) <= 10
    assert told[-1] == Progress("sample", 510, 1000, 0, 1000, 250.0)
