"""One budget for many problems, live: nobody draws again before a round is complete."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from vervet.policies.flow import Choice, Draw
from vervet.policies.index import Index
from vervet.selection.driving import Drive, Row

Turn = tuple[int, int]
"""The place of a problem, and how many samples it draws."""


class Rounds:
    """An index at work: `take` hands out the turns of a round, and waits for all before the next.

    So the next round is decided from the same pools whatever arrived when.
    """

    def __init__(self, policy: Index, drives: Sequence[Drive]) -> None:
        self.policy = policy
        self.drives = drives
        self.choices: list[Choice] | None = None
        """What is returned for every problem; None until the budget is spent."""
        self.plan = policy.together(len(drives))
        self.waiting = list(next(self.plan).items())
        self.failed = False
        self._open = 0
        self._idle = asyncio.Event()
        self._one = asyncio.Lock()

    async def take(self) -> Turn | None:
        """Return the next turn; None when the budget is spent or a problem has failed."""
        async with self._one:
            if not self.waiting:
                await self._decide()
            if not self.waiting or self.failed:
                return None
            self._open += 1
            self._idle.clear()
            return self.waiting.pop()

    async def work(self, turn: Turn) -> AsyncGenerator[Row, None]:
        """Draw and verify for one problem; yield every new row."""
        place, count = turn
        drive = self.drives[place]
        for request in (Draw(count, self.policy.model), None):
            asked = request or self.policy.verify(drive.pool, count)
            async with aclosing(drive.answer(asked)) as rows:
                async for row in rows:
                    yield row

    def ended(self, *, failed: bool) -> None:
        """Take note that a turn is over. After a failure nothing more is handed out."""
        self.failed |= failed
        self._open -= 1
        if not self._open:
            self._idle.set()

    async def _decide(self) -> None:
        if self._open:
            await self._idle.wait()
        if self.choices is None and not self.failed:
            try:
                grants = self.plan.send([drive.pool for drive in self.drives])
                self.waiting = list(grants.items())
            except StopIteration as stop:
                self.choices = stop.value
