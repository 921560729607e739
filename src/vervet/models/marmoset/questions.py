"""Questions that come one by one, answered in batches: all about one prompt are one request."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from vervet.models.marmoset.pool import Reply
from vervet.types import Reply as Answered
from vervet.types import Token

PATIENCE = 0.002
"""Seconds to wait for more questions about the same prompt."""
Waiting = list[tuple[int, asyncio.Future[Answered]]]


class Questions:
    """Gathers questions by prompt for a moment, then asks them together."""

    def __init__(self, answer: Callable[[str, Sequence[int]], Awaitable[Reply]]) -> None:
        self._answer = answer
        self._waiting: dict[str, Waiting] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, prompt: str, seed: int) -> Answered:
        """Return the answer to one question."""
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        if prompt not in self._waiting:
            task = asyncio.create_task(self._soon(prompt))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        self._waiting.setdefault(prompt, []).append((seed, future))
        return await future

    async def _soon(self, prompt: str) -> None:
        await asyncio.sleep(PATIENCE)
        waiting = self._waiting.pop(prompt)
        try:
            reply = await self._answer(prompt, [seed for seed, _ in waiting])
        except asyncio.CancelledError:
            for _, future in waiting:
                future.cancel()
            raise
        except Exception as failure:  # noqa: BLE001 - whoever asked gets it
            for _, future in waiting:
                if not future.done():
                    future.set_exception(failure)
            return
        for (_, future), drawn in zip(waiting, reply["completions"], strict=True):
            if not future.done():
                future.set_result(answered(reply["prompt_tokens"], drawn))


def answered(prompt_tokens: int, drawn: Sequence[Any]) -> Answered:
    """Return a completion, as a worker writes it, as an answer with its tokens."""
    text, finish, tokens, _, listed = drawn
    named = tuple(Token(word, chance, likely) for word, chance, likely in listed)
    return Answered(text, named, prompt_tokens, tokens, finish)
