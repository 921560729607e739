"""Drawing ahead: samples are asked for before the policy wants them, so that it waits less.

What came is recorded whether it was wanted or not; what is still on its way when the policy
returns is cancelled and counted, as an endpoint may bill what it had begun.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from dataclasses import dataclass

from vervet.errors import ModelError, boundary
from vervet.types import Problem, Sample, Sampler

Keys = frozenset[tuple[str, int]]
"""Samples by (sampler_id, index)."""


@dataclass(frozen=True, slots=True)
class _Over:
    """A request has ended; what of it did not come will not."""

    asked: Keys
    error: Exception | None = None


class DrawnAhead:
    """The samples of one problem that are on their way."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.away: Keys = frozenset()
        """Asked for and neither here nor lost."""
        self._came: asyncio.Queue[Sample | _Over] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    def ask(self, sampler: Sampler, indices: Iterable[int]) -> None:
        """Ask for samples that are not on their way, in one request; wait for none of them."""
        wanted = [i for i in indices if (sampler.id, i) not in self.away]
        if wanted:
            self.away |= {(sampler.id, i) for i in wanted}
            self._tasks.append(asyncio.create_task(self._draw(sampler, wanted)))

    async def until(self, wanted: Keys) -> AsyncGenerator[Sample, None]:
        """Yield what comes until all that is wanted has come or is lost.

        Raises:
            ModelError: the request that was to bring some of it failed.
        """
        while wanted & self.away:
            found = self._take(await self._came.get())
            if isinstance(found, Sample):
                yield found
            elif found.error is not None and wanted & found.asked:
                raise found.error

    def arrived(self) -> list[Sample]:
        """Return what has come and was not waited for."""
        found = []
        while not self._came.empty():
            came = self._take(self._came.get_nowait())
            found += [came] if isinstance(came, Sample) else []
        return found

    async def cancel(self) -> int:
        """Cancel what is on its way, and return how many samples that was."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        return len(self.away)

    def _take(self, came: Sample | _Over) -> Sample | _Over:
        over = {(came.sampler_id, came.index)} if isinstance(came, Sample) else came.asked
        self.away -= over
        return came

    async def _draw(self, sampler: Sampler, indices: list[int]) -> None:
        asked: Keys = frozenset((sampler.id, i) for i in indices)
        try:
            with boundary(ModelError, sampler.id):
                async for sample in sampler.draw(self.problem, indices):
                    self._came.put_nowait(sample)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            self._came.put_nowait(_Over(asked, error))
        else:
            self._came.put_nowait(_Over(asked))
