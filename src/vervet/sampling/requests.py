"""Which samples to ask for next: wanted, not recorded, and not being drawn by another process."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from vervet.store import Run
from vervet.types import Problem, Sample, Sampler

REQUEST_SAMPLES = 64
"""Samples asked for at once, of a sampler that has no `batch` of its own."""
NONE = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Some samples of one problem, asked for at once."""

    problem: Problem
    indices: tuple[int, ...]
    claim: range
    """What is claimed for them; some of it may be recorded already."""


class Requests:
    """Gives what is wanted and not recorded; leaves to other processes what they are drawing.

    Requests come for one problem after the other, so that an interrupted run has about equally
    many samples of each. The last ones, which will be in flight `together`, come by length of the
    prompt, the longest first: a long prompt tends to have long replies, and a long reply begun
    last leaves the server half idle until its end. What another process holds is put off, then
    looked at again.
    """

    POLL_SECONDS = 0.2

    def __init__(
        self,
        run: Run,
        problems: Mapping[str, Problem],
        sampler: Sampler,
        n: int,
        *,
        together: int = 1,
    ) -> None:
        self._run = run
        self._where = {"sampler_id": sampler.id}
        self._sampler_id = sampler.id
        self._news = run.news(Sample)
        recorded = run.keys(Sample, self._where)
        everything = np.arange(n, dtype=np.int32)
        self._wanted = {
            name: np.setdiff1d(everything, recorded.get((name, sampler.id), NONE))
            for name in problems
        }
        self.missing = sum(map(len, self._wanted.values()))
        self.elsewhere = 0
        self._problems = problems
        size = getattr(sampler, "batch", None) or REQUEST_SAMPLES
        self._rest = self._ordered(size, together)
        self._put_off: deque[Request] = deque()
        self._others: dict[str, set[int]] = {}
        self._claimed: set[Request] = set()
        self._ended: list[Request] = []
        self._ended_before: list[Request] = []
        self._turn = asyncio.Lock()

    async def take(self) -> Request | None:
        """Return the next request; None when all is drawn, here or elsewhere."""
        for request in self._rest:
            ours = self._claim(request)
            if ours:
                return ours
        async with self._turn:
            while self._put_off:
                for _ in range(len(self._put_off)):
                    ours = self._claim(self._put_off.popleft())
                    if ours:
                        return ours
                await asyncio.sleep(self.POLL_SECONDS)
        return None

    def ended(self, request: Request) -> None:
        """Take note that all rows of a request have come, to be stored soon."""
        self._ended.append(request)

    def turn(self) -> list[Request]:
        """Return the requests whose rows are all stored when the batch in hand is."""
        stored, self._ended_before, self._ended = self._ended_before, self._ended, []
        return stored

    def release(self, requests: Iterable[Request]) -> None:
        """Give up the claims of requests whose rows are stored."""
        for request in requests:
            self._claimed.discard(request)
            self._run.release(self._scope_of(request), request.claim)

    def release_all(self) -> None:
        """Give up all claims."""
        self.release(list(self._claimed))

    def _claim(self, request: Request) -> Request | None:
        """Return what of a request is for this process to draw now; None where nothing is."""
        if not self._run.claim(self._scope_of(request), request.claim):
            self._put_off.append(request)
            return None
        self._hear()
        others = self._others.get(request.problem.id, set())
        left = tuple(index for index in request.indices if index not in others)
        self.elsewhere += len(request.indices) - len(left)
        if not left:
            self._run.release(self._scope_of(request), request.claim)
            return None
        ours = replace(request, indices=left)
        self._claimed.add(ours)
        return ours

    def _hear(self) -> None:
        """Learn what other processes have stored meanwhile."""
        shards = self._news.names()
        if shards:
            for (name, _), indices in self._run.keys(Sample, self._where, shards=shards).items():
                self._others.setdefault(name, set()).update(indices.tolist())

    def _scope_of(self, request: Request) -> str:
        return f"{self._sampler_id} {request.problem.id}"

    def _ordered(self, size: int, together: int) -> Iterator[Request]:
        requests = self._cut(size)
        whole = sum(_parts(indices, size) for indices in self._wanted.values())
        yield from islice(requests, max(whole - together, 0))
        yield from sorted(requests, key=lambda request: -len(request.problem.prompt))

    def _cut(self, most: int) -> Iterator[Request]:
        """Cut what is wanted of each problem into as few parts as may be, about equally large."""
        rounds = max((_parts(indices, most) for indices in self._wanted.values()), default=0)
        for turn in range(rounds):
            for name, indices in self._wanted.items():
                size = -(-len(indices) // max(_parts(indices, most), 1))
                chunk = indices[turn * size : (turn + 1) * size].tolist()
                if chunk:
                    claim = range(chunk[0], chunk[-1] + 1)
                    yield Request(self._problems[name], tuple(chunk), claim)


def _parts(indices: NDArray[np.int32], most: int) -> int:
    return -(-len(indices) // most)
