"""The limit on requests in flight: up while all is well, down on complaints, fair, leak-free."""

import asyncio
from time import monotonic

import pytest

from vervet.models.concurrency import RATE_LIMITED, Connections


def test_a_slow_start_doubles_each_round_and_ends_at_the_first_complaint() -> None:
    limit = Connections(1000, start=4)
    for _ in range(3):
        limit.busy = limit.room
        for _ in range(limit.room):
            limit.succeeded()
            limit.busy = limit.room
    assert limit.size == 32
    limit.complained(monotonic(), RATE_LIMITED)
    assert limit.size == 16
    limit.busy = 16
    for _ in range(16):
        limit.succeeded()
    assert limit.size == pytest.approx(17, abs=0.1)


def test_the_limit_rises_only_when_it_is_what_holds_requests_back() -> None:
    limit = Connections(100, start=10)
    limit.busy = 3
    limit.succeeded()
    assert limit.size == 10


def test_one_round_of_complaints_cuts_once() -> None:
    limit = Connections(100, start=64)
    sent = monotonic()
    for _ in range(64):
        limit.complained(sent, RATE_LIMITED)
    assert limit.size == 32
    limit.complained(monotonic(), RATE_LIMITED)
    assert limit.size == 16


def test_the_limit_never_falls_below_one_nor_rises_above_the_most() -> None:
    limit = Connections(3, start=20)
    assert limit.size == 3
    for _ in range(9):
        limit.complained(monotonic(), RATE_LIMITED)
    assert limit.room == 1


async def test_a_cancelled_waiter_hands_its_turn_on() -> None:
    limit = Connections(1, start=1)
    await limit.acquire()
    first, second = (asyncio.create_task(limit.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    limit.release()  # the turn is the first one's, who is cancelled before it can take it
    first.cancel()
    await asyncio.wait_for(second, 1)
    assert limit.busy == 1


async def test_a_pause_holds_everyone_and_cancelling_it_leaks_nothing() -> None:
    limit = Connections(4)
    limit.complained(monotonic(), 1.0, pause=0.2)
    waiting = asyncio.create_task(limit.acquire())
    given_up = asyncio.create_task(limit.acquire())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    given_up.cancel()
    began = monotonic()
    await waiting
    assert monotonic() - began >= 0.1
    assert limit.busy == 1
