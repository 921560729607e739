"""Which problem to solve next: one that no other process is drawing samples of."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from vervet.selection.driving import Known
from vervet.selection.recorded import BATCH_ROWS, known, rows_by_problem
from vervet.store import Run
from vervet.types import Problem

Work = tuple[Problem, Known]
BATCH = 64
"""Problems that are claimed, and read, at once."""
WHOLE = range(2**31)
"""All samples of a sampler to a problem; `vervet sample` claims those that it draws."""


class Claimed:
    """Gives problems, claimed for this process, with what the run has of them by then.

    What another process holds is put off, not left out. So two processes on one run draw nothing
    twice, and no selection rests on a row that another process wrote differently.
    """

    POLL_SECONDS = 0.2

    def __init__(self, run: Run, problems: Sequence[Problem], samplers: Iterable[str]) -> None:
        self._run = run
        self._rest = list(problems)
        self._rows = rows_by_problem(run)
        self._samplers = sorted(set(samplers))
        self._held: set[str] = set()
        self._ready: deque[Work] = deque()
        self._turn = asyncio.Lock()

    async def take(self) -> Work | None:
        """Return a problem that is now claimed; None when there is no more."""
        async with self._turn:
            while not self._ready and self._rest:
                some = self._some()
                self._ready.extend(await self._read(some))
                if not some:
                    await asyncio.sleep(self.POLL_SECONDS)
            return self._ready.popleft() if self._ready else None

    async def all(self) -> list[Work]:
        """Wait until every problem is claimed at once, and return them."""
        while not all(self._claim(problem.id) for problem in self._rest):
            self.release_all()
            await asyncio.sleep(self.POLL_SECONDS)
        return await self._read(self._rest)

    def _some(self) -> list[Problem]:
        """Claim some of the problems that are left and free, about as many as one reads at once."""
        some: list[Problem] = []
        held: list[Problem] = []
        rows = 0
        while self._rest and len(some) < BATCH and rows < BATCH_ROWS:
            problem = self._rest.pop(0)
            if self._claim(problem.id):
                some.append(problem)
                rows += self._rows[problem.id]
            else:
                held.append(problem)
        self._rest += held
        return some

    async def _read(self, problems: Sequence[Problem]) -> list[Work]:
        found = await asyncio.to_thread(known, self._run, problems) if problems else {}
        return [(problem, found[problem.id]) for problem in problems]

    def _claim(self, problem_id: str) -> bool:
        """Claim a problem; False where another process holds some of its samples."""
        scopes = self._scopes(problem_id)
        for place, scope in enumerate(scopes):
            if not self._run.claim(scope, WHOLE):
                for earlier in scopes[:place]:
                    self._run.release(earlier, WHOLE)
                return False
        self._held.add(problem_id)
        return True

    def release(self, problem_ids: Iterable[str]) -> None:
        """Give up problems whose rows are stored."""
        for problem_id in self._held.intersection(problem_ids):
            for scope in self._scopes(problem_id):
                self._run.release(scope, WHOLE)
            self._held.discard(problem_id)

    def release_all(self) -> None:
        """Give up all claims."""
        self.release(list(self._held))

    def _scopes(self, problem_id: str) -> list[str]:
        """Return what is claimed of a problem, as `sampling.requests` claims it."""
        return [f"{sampler} {problem_id}" for sampler in self._samplers]
