"""The sandbox: slots on one rung of the ladder, lent to checks one at a time."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from vervet.errors import ConfigError, SandboxError
from vervet.verifiers.sandbox.isolation import ADVICE, LOCAL, Isolation, Profile, known, start_of
from vervet.verifiers.sandbox.limits import Ending, Limits, processors
from vervet.verifiers.sandbox.slots import Reader, Slot, pack

PYTHON = Profile()
SLOTS_A_PROCESSOR = 2
"""While one slot waits for a verdict to be drawn up and for its next check, another computes; with
one slot a processor, a third of the machine stood idle. A program's limits are of its own time, so
sharing a processor makes none fail."""


class Runs(Protocol):
    """What runs checks: warm slots, containers, a service."""

    warm: bool
    """Whether a process takes messages after its job."""

    async def run(
        self,
        job: dict[str, Any] | bytes,
        limits: Limits,
        reader: Reader,
        *,
        profile: Profile = PYTHON,
    ) -> Ending:
        """Run one check."""
        ...


class Sandbox:
    """Runs hostile programs, `workers` at a time, each in a fork of a confined warm interpreter.

    Slots are started when first needed and kept. A slot that broke is replaced; a check during
    which it broke raises SandboxError, which is an ERROR verdict and never a REJECT.
    """

    warm = True

    def __init__(self, isolation: str = "namespaces", *, workers: int | None = None) -> None:
        """Choose a rung; nothing is started yet.

        Raises:
            ConfigError: no such rung.
        """
        self.isolation: Isolation = known(isolation)
        if self.isolation not in LOCAL:
            raise ConfigError(f"{self.isolation} runs no warm interpreters; use its own runner.")
        self.workers = workers or SLOTS_A_PROCESSOR * processors()
        self.idle: dict[Profile, list[Slot]] = defaultdict(list)
        self.loop: asyncio.AbstractEventLoop | None = None
        self.places = asyncio.Semaphore(self.workers)
        self.alone = asyncio.Lock()

    async def run(
        self,
        job: dict[str, Any] | bytes,
        limits: Limits,
        reader: Reader,
        *,
        profile: Profile = PYTHON,
    ) -> Ending:
        """Run one check.

        Raises:
            ConfigError: the isolation cannot be had on this machine.
            SandboxError: the sandbox failed, not the program.
        """
        self._belong_here()
        packed = job if isinstance(job, bytes) else pack(job)
        if profile.ours:  # test source has slots of its own and does not wait for candidates
            return await self._run(packed, limits, reader, profile)
        async with self.places:
            return await self._run(packed, limits, reader, profile)

    async def _run(self, job: bytes, limits: Limits, reader: Reader, profile: Profile) -> Ending:
        """Run one check in an idle slot, or in a new one."""
        idle = self.idle[profile]
        while idle and idle[-1].closed:
            idle.pop()
        slot = idle.pop() if idle else await asyncio.to_thread(self._start, profile)
        try:
            return await slot.run(job, limits, reader)
        finally:
            if not slot.closed:
                idle.append(slot)

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Wait until no check is under way and keep it so: for a re-check alone.

        Yields with all places but one taken.
        """
        self._belong_here()
        async with self.alone:
            for _ in range(self.workers - 1):
                await self.places.acquire()
            try:
                yield
            finally:
                for _ in range(self.workers - 1):
                    self.places.release()

    def _start(self, profile: Profile) -> Slot:
        try:
            return Slot(start_of(self.isolation, profile))
        except SandboxError as error:
            raise ConfigError(
                f"isolation {self.isolation} cannot be had here ({error}). {ADVICE[self.isolation]}"
            ) from error

    def _belong_here(self) -> None:
        """Start afresh in a new event loop: slots are tied to the one they answer in."""
        loop = asyncio.get_running_loop()
        if self.loop is loop:
            return
        self.close()
        self.loop = loop
        self.places = asyncio.Semaphore(self.workers)
        self.alone = asyncio.Lock()

    def close(self) -> None:
        """End every slot."""
        for slots in self.idle.values():
            for slot in slots:
                slot.close()
        self.idle.clear()

    async def aclose(self) -> None:
        """End every slot."""
        self.close()
