"""The embedded model as a sampler."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

from vervet.errors import ConfigError
from vervet.models.identity import sampler_id, seed_for
from vervet.models.marmoset.chat import render
from vervet.models.marmoset.checkpoint import architecture, fingerprint
from vervet.models.marmoset.choice import Decoding
from vervet.models.marmoset.pool import Pool, Reply
from vervet.models.marmoset.questions import Questions
from vervet.types import Problem, Sample
from vervet.types import Reply as Answered

SHIPPED = Path(__file__).parent / "weights"
"""The models that come with the package, one folder each."""
BATCH = 256
"""Samples drawn at once by one worker: larger batches fall out of a core's cache."""
QUESTIONS = 64
"""Questions for one worker at a time."""
JUDGE = "judge.json"
"""Where a folder says by which template its model was trained to judge."""
TOP = 5
"""Alternatives listed for each token of an answer."""


class Marmoset:
    """A small Llama-style model, drawn from in worker processes of this machine.

    A sample depends on the model, the decoding parameters, the seed, the prompt and its index
    alone: not on the samples it is drawn with, nor on their order.
    """

    def __init__(
        self,
        model: str = "marmoset",
        *,
        temperature: float = 1.0,
        top_p: float = 1.0,
        max_tokens: int = 128,
        stop: Sequence[str] = (),
        seed: int = 0,
        workers: int | None = None,
    ) -> None:
        """Name a model and how to draw from it; nothing is started before the first draw.

        Args:
            model: a shipped model, or the folder of any small Llama-style model.
            temperature: 0 takes the likeliest token always.
            top_p: draw from the likeliest tokens that together have this probability.
            max_tokens: the longest completion; also bounded by the model's context.
            stop: strings that end a completion and are not part of it.
            seed: the run's seed.
            workers: processes; None for one per core.

        Raises:
            ConfigError: no such model, or a parameter out of range.
        """
        self.folder = find(model)
        self.name = self.folder.name
        self.seed = seed
        self.decoding = Decoding(
            temperature, top_p, max_tokens, (stop,) if isinstance(stop, str) else tuple(stop)
        )
        if workers is not None and workers < 1:
            raise ConfigError(f"marmoset: workers={workers} is not at least 1.")
        self.concurrency = workers or len(os.sched_getaffinity(0))
        """Batches drawn at once."""
        self.batch = BATCH
        self._pool: Pool | None = None
        self._questions = Questions(self._answer)

    def __repr__(self) -> str:
        return f"Marmoset({self.id})"

    @cached_property
    def id(self) -> str:
        """Name and a hash of weights, tokenizer, template and decoding parameters."""
        return sampler_id(self.name, weights=fingerprint(self.folder), **asdict(self.decoding))

    def describe(self) -> Mapping[str, Any]:
        """Return plain JSON data: provider, model, parameters."""
        return {
            "provider": "marmoset",
            "model": self.name,
            "weights": fingerprint(self.folder),
            "shape": architecture(self.folder),
            **asdict(self.decoding),
            "stop": list(self.decoding.stop),
            "seed": self.seed,
        }

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncGenerator[Sample]:
        """Yield one sample for each of `indices`, a batch at a time as batches are done.

        Raises:
            ModelError: the prompt does not fit the model, or a worker died.
        """
        pool = self._open()
        prompt, decoding = render(self.folder, problem), asdict(self.decoding)
        began = perf_counter()
        futures: dict[asyncio.Future[Reply], Sequence[int]] = {}
        for start in range(0, len(indices), self.batch):
            part = indices[start : start + self.batch]
            seeds = [seed_for(self.seed, problem.id, index) for index in part]
            request = {"prompt": prompt, "seeds": seeds, "decoding": decoding}
            futures[asyncio.wrap_future(pool.submit(request))] = part
        try:
            while futures:
                done, _ = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
                for future in done:
                    part, reply = futures.pop(future), future.result()
                    for sample in self._samples(problem, part, reply, perf_counter() - began):
                        yield sample
        finally:
            for future in futures:
                future.cancel()

    def _samples(
        self, problem: Problem, part: Sequence[int], reply: Reply, seconds: float
    ) -> Iterator[Sample]:
        """Give the completions of a batch their names; the first one pays for the prompt."""
        prompt_tokens = reply["prompt_tokens"]
        for place, index in enumerate(part):
            text, finish, tokens, logprob, _ = reply["completions"][place]
            yield Sample(
                problem.id,
                self.id,
                index,
                text,
                finish,
                logprob=logprob,
                prompt_tokens=prompt_tokens,
                completion_tokens=tokens,
                shared_tokens=prompt_tokens if place else 0,
                seconds=seconds,
                seed=seed_for(self.seed, problem.id, index),
            )

    async def ask(self, prompt: str, seed: int, /) -> Answered:
        """Answer a prompt as a user's turn, with the likeliest alternatives of every token.

        Questions about one prompt that come together are one batch; an answer depends on the
        model, the decoding parameters, the prompt and `seed`, not on the others.

        Raises:
            ModelError: the prompt does not fit the model, or a worker died.
        """
        return await self._questions.ask(prompt, seed)

    @property
    def judged_by(self) -> str:
        """The template that the model was trained to judge by; empty where it was not."""
        with suppress(OSError, ValueError, KeyError):
            return str(json.loads((self.folder / JUDGE).read_text(encoding="utf-8"))["template"])
        return ""

    @property
    def asked_at_once(self) -> int:
        """How many questions to ask at a time."""
        return QUESTIONS * self.concurrency

    async def _answer(self, prompt: str, seeds: Sequence[int]) -> Reply:
        turn = Problem("", prompt, messages=({"role": "user", "content": prompt},))
        request = {
            "prompt": render(self.folder, turn),
            "seeds": list(seeds),
            "decoding": asdict(self.decoding),
            "top": TOP,
        }
        return await asyncio.wrap_future(self._open().submit(request))

    def _open(self) -> Pool:
        if self._pool is None:
            self._pool = Pool(self.folder, self.concurrency)
        return self._pool

    async def aclose(self) -> None:
        """Stop the workers; a later draw starts them again."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await asyncio.to_thread(pool.close)


def find(model: str) -> Path:
    """Return the folder of a shipped model, or of the user's own.

    >>> find("marmoset").name
    'marmoset'
    """
    shipped = sorted(folder.name for folder in SHIPPED.iterdir())
    for folder in (SHIPPED / model, Path(model).expanduser()):
        if (folder / "config.json").is_file():
            return folder.resolve()
    raise ConfigError(
        f"no embedded model {model!r}: it is neither one of {', '.join(shipped)} "
        "nor a folder with config.json, model.safetensors and tokenizer.json"
    )
