"""Traffic into a run: every request is a problem, so production is analyzed like anything else."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from vervet.engines.fill import Batch
from vervet.errors import VervetError
from vervet.selection.driving import Row
from vervet.store import Run
from vervet.store.notes import Kind
from vervet.types import Problem, Sample, Sampler, Selection, Verdict, Verifier

LOG = logging.getLogger(__name__)
BATCH_ROWS = 4096
BATCH_SECONDS = 1.0
ORDER: tuple[type, ...] = (Problem, Sample, Verdict, Selection)
Count = Callable[[str, int], None]


class Recorder:
    """Writes rows in batches, beside the answering; a run that cannot be written loses rows only.

    Two batches may wait; then requests wait for the store.
    """

    def __init__(self, run: Run, count: Count) -> None:
        self.run = run
        self.count = count
        self._known: set[str] = set()
        self._batch: Batch[Row | Problem] = Batch(self._keep, BATCH_ROWS, BATCH_SECONDS)
        self._writing = asyncio.create_task(self._batch.write())

    async def add(self, row: Row | Problem) -> None:
        """Take a row."""
        await self._batch.add(row)

    async def meet(self, kind: Kind, part: Sampler | Verifier) -> None:
        """Record the settings of a sampler or a verifier, once."""
        if part.id in self._known:
            return
        self._known.add(part.id)
        settings: dict[str, Any] = dict(getattr(part, "describe", dict)())
        try:
            await asyncio.to_thread(self.run.describe, kind, part.id, settings)
        except (VervetError, OSError):
            LOG.exception("cannot record the settings of %s", part.id)

    async def aclose(self) -> None:
        """Write what waits, and end."""
        self._batch.close()
        await self._writing

    async def _keep(self, rows: list[Row | Problem]) -> None:
        try:
            await asyncio.to_thread(self._store, rows)
        except Exception:  # recording never ends the answering
            LOG.exception("cannot write %s rows to %s", len(rows), self.run.url)
            self.count("lost", len(rows))
        else:
            self.count("written", len(rows))

    def _store(self, rows: list[Row | Problem]) -> None:
        for kind in ORDER:
            self.run.append([row for row in rows if isinstance(row, kind)])
