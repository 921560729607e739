"""Traffic into a run: every request is a problem, so production is analyzed like anything else."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from vervet.engines.fill import Batch
from vervet.errors import VervetError
from vervet.policies.flow import Policy, name_of
from vervet.selection.driving import Parts, Row
from vervet.selection.meaning import Meaning, turn_settings
from vervet.store import Run
from vervet.store.notes import Kind
from vervet.types import Problem, Sample, Selection, Verdict

LOG = logging.getLogger(__name__)
BATCH_ROWS = 4096
BATCH_SECONDS = 1.0
TIDY_BATCHES = 64
"""Batches after which small shards are looked for."""
ORDER: tuple[type, ...] = (Problem, Sample, Verdict, Selection)
Count = Callable[[str, int], None]


class Recorder:
    """Writes rows in batches, beside the answering; a run that cannot be written loses rows only.

    Two batches may wait; then requests wait for the store.
    """

    def __init__(self, run: Run, count: Count) -> None:
        self.run = run
        self.count = count
        self._known: set[tuple[Kind, str]] = set()
        self._batches = 0
        self._batch: Batch[Row | Problem] = Batch(self._keep, BATCH_ROWS, BATCH_SECONDS)
        self._writing = asyncio.create_task(self._batch.write())

    async def add(self, row: Row | Problem) -> None:
        """Take a row."""
        await self._batch.add(row)

    async def begin(self, problem: Problem, policy: Policy, parts: Parts) -> None:
        """Take a request, and record once who takes part: a replay must mean the same."""
        await self.add(problem)
        for name, sampler in parts.samplers.items():
            await self._meet("samplers", sampler.id, {**sampler.describe(), "served_as": name})
        for verifier in parts.verifiers.values():
            await self._meet("verifiers", verifier.id, getattr(verifier, "describe", dict)())
        meaning = Meaning(verifiers={name: v.id for name, v in parts.verifiers.items()})
        await self._meet("policies", name_of(policy), asdict(meaning))

    async def drawn(self, sample: Sample, parts: Parts) -> None:
        """Take a sample; a later turn of one names itself."""
        if settings := turn_settings(sample.sampler_id, parts.samplers.values()):
            await self._meet("samplers", sample.sampler_id, settings)
        await self.add(sample)

    async def _meet(self, kind: Kind, name: str, settings: Mapping[str, Any]) -> None:
        if (kind, name) in self._known:
            return
        self._known.add((kind, name))
        try:
            await asyncio.to_thread(self.run.describe, kind, name, settings)
        except (VervetError, OSError):
            LOG.exception("cannot record the settings of %s", name)

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
            await self._tidy()

    def _store(self, rows: list[Row | Problem]) -> None:
        for kind in ORDER:
            some = [row for row in rows if isinstance(row, kind)]
            self.run.append(some, new=True)  # a request's id is drawn at random

    async def _tidy(self) -> None:
        """Merge the many small shards of a gateway that runs for long, now and then."""
        self._batches += 1
        if self._batches % TIDY_BATCHES:
            return
        try:
            for kind in ORDER:
                await asyncio.to_thread(self.run.tidy, kind)
        except Exception:  # nor does tidying
            LOG.exception("cannot merge the shards of %s", self.run.url)
