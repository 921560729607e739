"""Work done on a Ray cluster: the same loop, its workers on other machines.

Rows come back as they are made, in small parts, and are stored by the process that asked. A worker
that is lost with its machine fails what it had in hand with WorkerLostError; the loop asks another
for the rest. A row that was made twice is one row.
"""

import asyncio
import copyreg
import itertools
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from vervet.engines.fill import Worker, WorkerLostError
from vervet.errors import ConfigError, MissingExtra, VervetError

Work = TypeVar("Work")
Row = TypeVar("Row")

PART_ROWS = 64
PART_SECONDS = 0.25
"""A part of a worker's rows is sent when it has so many, or is so old."""
REFUSALS = 4
"""Actors in a row that cannot start, after which none is asked for any more."""
REPLACED_SECONDS = 120.0
"""How long to wait for a new worker when all are lost."""


@dataclass(frozen=True, slots=True)
class Ray:
    """The engine that does work in actors, spread over the nodes of a cluster."""

    address: str | None = None
    """Of the cluster; by default what RAY_ADDRESS says, else Ray starts here."""
    actors: int | None = None
    """Workers; by default one for each CPU of the cluster."""
    concurrency: int = 256
    batch_rows: int = 4096
    batch_seconds: float = 1.0

    @asynccontextmanager
    async def spread(self, worker: Worker[Work, Row], /) -> AsyncIterator[Worker[Work, Row]]:
        """Give a worker that sends each item to one of the actors."""
        ray = _connected(self.address)
        count = self.actors or max(1, int(ray.cluster_resources().get("CPU", 1)))
        per_actor = max(1, -(-self.concurrency // count))
        team = Team(ray, ray.put(worker), per_actor)
        for _ in range(count):
            team.hire()
        try:
            yield team.work
        finally:
            await team.dismiss()


def _connected(address: str | None) -> Any:  # noqa: ANN401 - the module ray has no types
    try:
        import ray  # noqa: PLC0415 - an optional part
    except ImportError as error:
        raise MissingExtra("the engine ray", "ray") from error
    copyreg.pickle(MappingProxyType, _unpickle_proxy)  # an empty reference of a problem is one
    if not ray.is_initialized():
        where = address or os.environ.get("RAY_ADDRESS")
        ray.init(address=where, log_to_driver=False, include_dashboard=None if where else False)
    return ray


def _unpickle_proxy(proxy: "MappingProxyType[Any, Any]") -> tuple[type, tuple[dict[Any, Any]]]:
    return MappingProxyType, (dict(proxy),)


@dataclass(slots=True)
class Part(Generic[Row]):
    """Some rows on their way back, and what ended the work, if anything did."""

    rows: list[Row] = field(default_factory=list)
    error: VervetError | None = None


class Hand:
    """Does work in an actor."""

    def __init__(self, worker: Worker[Any, Any]) -> None:
        self._worker = worker

    async def ready(self) -> bool:
        """Say that the actor is there."""
        return True

    async def work(self, item: object) -> AsyncGenerator[Part[Any], None]:
        """Yield the rows of `item` in parts, as they are made."""
        rows: list[Any] = []
        sent = time.monotonic()
        try:
            async for row in self._worker(item):
                rows.append(row)
                if len(rows) >= PART_ROWS or time.monotonic() - sent >= PART_SECONDS:
                    yield Part(rows)
                    rows, sent = [], time.monotonic()
        except VervetError as error:
            yield Part(rows, error)
        else:
            yield Part(rows)

    async def aclose(self) -> None:
        """Close what the worker holds."""
        close = getattr(self._worker, "aclose", None)
        if close is not None:
            await close()


class Team:
    """The actors that are alive, asked in turn; one that is lost is replaced."""

    def __init__(self, ray: Any, worker: object, per_actor: int) -> None:  # noqa: ANN401
        self._ray = ray
        self._worker = worker
        self._hand = ray.remote(
            num_cpus=0, max_restarts=0, max_concurrency=per_actor + 1, scheduling_strategy="SPREAD"
        )(Hand)
        self._alive: dict[str, Any] = {}
        self._turn = itertools.count()
        self._hiring: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()
        self._refused = 0
        self._broken: ConfigError | None = None

    def hire(self) -> None:
        """Ask for an actor; it is given work once it is there."""
        task = asyncio.create_task(self._welcome(self._hand.remote(self._worker)))
        self._hiring.add(task)
        task.add_done_callback(self._hiring.discard)

    async def work(self, item: object) -> AsyncGenerator[Any, None]:
        """Yield the rows of `item`, made by one of the actors."""
        name, actor = await self._next()
        try:
            parts = actor.work.options(num_returns="streaming").remote(item)
            async for reference in parts:
                part = await reference
                for row in part.rows:
                    yield row
                if part.error is not None:
                    raise part.error
        except self._ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from None
        except self._ray.exceptions.RayError as error:
            if self._alive.pop(name, None) is not None:
                self.hire()
            raise WorkerLostError(f"a Ray worker was lost: {type(error).__name__}") from error

    async def dismiss(self) -> None:
        """End all actors."""
        for task in self._hiring:
            task.cancel()
        await asyncio.gather(*self._hiring, return_exceptions=True)
        for actor in self._alive.values():
            closing = actor.aclose.remote()
            self._ray.wait([closing], timeout=5)
            self._ray.kill(actor)

    async def _welcome(self, actor: Any) -> None:  # noqa: ANN401 - Ray makes it
        try:
            await actor.ready.remote()
        except self._ray.exceptions.RayError as error:
            self._refused += 1
            if self._refused >= REFUSALS and not self._alive:
                self._broken = ConfigError(f"no Ray worker can start: {_last_line(error)}")
                self._arrived.set()
            else:
                self.hire()
            return
        except asyncio.CancelledError:
            self._ray.kill(actor)
            raise
        self._alive[actor._actor_id.hex()] = actor  # noqa: SLF001 - its only stable name
        self._refused = 0
        self._arrived.set()

    async def _next(self) -> tuple[str, Any]:
        while not self._alive:
            if self._broken is not None:
                raise self._broken
            self._arrived.clear()
            try:
                async with asyncio.timeout(REPLACED_SECONDS):
                    await self._arrived.wait()
            except TimeoutError:
                raise WorkerLostError("no Ray worker came: is the cluster full?") from None
        names = list(self._alive)
        name = names[next(self._turn) % len(names)]
        return name, self._alive[name]


def _last_line(error: Exception) -> str:
    """Return the line of Ray's long message that names the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
