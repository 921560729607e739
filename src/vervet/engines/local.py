"""Work done in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from vervet.engines.fill import Worker

Work = TypeVar("Work")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Local:
    """The engine that does work in this process, concurrently."""

    concurrency: int = 64
    batch_rows: int = 4096
    batch_seconds: float = 1.0
    ahead: int = 0
    """Samples that `solve` asks for beyond those a policy wants, in the same request, so that a
    policy that draws one by one waits less. What it does not want is recorded all the same."""

    @asynccontextmanager
    async def spread(self, worker: Worker[Work, Row], /) -> AsyncIterator[Worker[Work, Row]]:
        """Give the worker itself."""
        yield worker
