"""Any OpenAI-compatible endpoint as a `Sampler`: one HTTP request, many samples.

Rules:
- What comes is counted. A server that answers n=16 with one choice, or refuses n, is asked for
  less from then on; the samples that are still missing are asked for again under other seeds.
- Two requests never share a seed (`identity.seed_for`), except a failed one and its repeat.
- Samples that came stand. ModelError names what is missing, and why.
"""

import asyncio
import os
from collections import Counter, deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np

from vervet.errors import AccessError, ConfigError, ModelError, shown
from vervet.models import hosts
from vervet.models.identity import sampler_id, seed_for, take_consecutive
from vervet.models.openai_answers import FEWER, LISTING, MOST_ALTERNATIVES, answered, wanted
from vervet.models.openai_errors import FILTERED, Refused
from vervet.models.openai_settings import Generation, Link
from vervet.models.openai_transport import Transport
from vervet.models.openai_usage import Request, samples_from
from vervet.models.openai_wire import (
    Choice,
    Reply,
    Traits,
    Usage,
    prompt_body,
    read_reply,
    static_body,
)
from vervet.types import Problem, Sample
from vervet.types import Reply as Answered

OPTIONAL = ("n", "seed", "random_seed", "logprobs", "top_logprobs", "max_tokens")
"""Body fields that a request can do without, or say otherwise."""
MAY_ASK_LESS = {400, 422, 501}


@dataclass(frozen=True, slots=True)
class Brought:
    """What one request brought, and which of its indices are still missing."""

    samples: list[Sample]
    missing: list[int]


class OpenAI:
    """A model behind an OpenAI-compatible endpoint."""

    def __init__(self, generation: Generation, link: Link, traits: Traits | None = None) -> None:
        self.generation = generation
        self.link = link
        self.id = sampler_id(**{**generation.identity(), "name": generation.model})
        self.notes: Counter[str] = Counter()
        """What was odd in replies, and how often."""
        self.traits = traits or Traits(link.samples_per_request, link.seed_field, link.logprobs)
        """What the server was found to take."""
        self.alternatives = MOST_ALTERNATIVES
        """Likeliest tokens to ask for at each place of an answer; 0 where the server gives none."""
        self._transport: Transport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def batch(self) -> int:
        """How many samples one request asks for: what an engine should hand out at once."""
        return self.link.samples_per_request

    @property
    def concurrency(self) -> int:
        """How many requests there may ever be at once; how many there are adapts."""
        return self.link.max_connections

    def __repr__(self) -> str:
        return f"OpenAI({self.generation.model!r} at {shown(self.link.base_url)})"

    def __reduce__(self) -> tuple[type["OpenAI"], tuple[Generation, Link]]:
        return type(self), (self.generation, self.link)

    def describe(self) -> Mapping[str, Any]:
        """Return provider, model, parameters and address, as plain JSON data; never a key."""
        return {
            "provider": self.link.host,
            **self.generation.identity(),
            "endpoint": self.generation.endpoint,
            "url": shown(self.link.base_url),
            "samples_per_request": self.link.samples_per_request,
            "seed": self.link.seed,
        }

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncGenerator[Sample]:
        """Yield one sample for each of `indices`, as they come.

        Closing the iterator cancels the requests in flight.

        Raises:
            AccessError: the key or the model is refused, before anything was ever had.
            ModelError: some could not be had; what was yielded stands.
        """
        self._check(problem)
        transport = await self._open()
        pending = deque(sorted(indices))
        running: set[asyncio.Task[Brought]] = set()
        failures: list[ModelError] = []
        got = 0
        try:
            while running or (pending and not failures):
                while pending and not failures and len(running) < transport.connections.room:
                    chunk = take_consecutive(pending, self.traits.most)
                    running.add(asyncio.create_task(self._request(transport, problem, chunk)))
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    brought = _result(task, failures)
                    pending.extendleft(reversed(brought.missing))
                    for sample in brought.samples:
                        got += 1
                        yield sample
        finally:
            await _cancel(running)
        if failures:
            raise _missing(problem, len(indices), got, failures)

    async def ask(self, prompt: str, seed: int, /) -> Answered:
        """Answer one prompt, with the likeliest alternatives of every token where they are given.

        Raises:
            AccessError: the key or the model is refused, before anything was ever had.
            ModelError: the endpoint failed, or refuses more than it can be spared.
        """
        transport = await self._open()
        question = Problem("", prompt)
        while True:
            body = static_body(self.generation, self.traits)
            body |= prompt_body(self.generation, question)
            body |= wanted(self.generation.endpoint, self.alternatives)
            if self.traits.seed is not None:
                body[self.traits.seed] = seed
            try:
                reply, _ = await transport.post(body, partial(answered, self.generation.endpoint))
            except Refused as refused:
                if not self._asks_less(refused, body):
                    raise _turned_away(transport, refused) from refused
            else:
                return reply

    @property
    def asked_at_once(self) -> int:
        """How many questions to ask at a time, at most."""
        return self.link.max_connections

    def _asks_less(self, refused: Refused, body: dict[str, Any]) -> bool:
        """Learn from a refused question; say whether to ask again with less."""
        field = refused.said.refuses(("top_logprobs", *OPTIONAL))
        if refused.status not in MAY_ASK_LESS or field is None:
            return False
        if field in LISTING:
            fewer = self.alternatives != 0
            self.alternatives = next((n for n in FEWER if n < body.get(field, 0)), 0)
            return fewer
        return self._can_do_without(field, body)

    async def aclose(self) -> None:
        """Close the connections; drawing again opens new ones."""
        if self._transport is not None and self._loop is asyncio.get_running_loop():
            await self._transport.aclose()
        self._transport = None

    def _check(self, problem: Problem) -> None:
        if problem.messages and self.generation.endpoint == "completions":
            raise ConfigError(
                f"problem {problem.id!r} is a conversation, and plain completions take one text. "
                "Use endpoint=chat."
            )

    async def _open(self) -> Transport:
        loop = asyncio.get_running_loop()
        if self._transport is None or self._loop is not loop:
            rng = np.random.default_rng(abs(self.link.seed))
            url = self.link.url(self.generation.endpoint)
            self._transport, self._loop = Transport(self.link, url, rng), loop
        return await self._transport.open(self.traits)

    async def _request(self, transport: Transport, problem: Problem, chunk: list[int]) -> Brought:
        """Ask once for all of `chunk`; what the server refuses is left out from then on."""
        body = self._body(problem, chunk)
        try:
            reply, seconds = await transport.post(body, self._read)
        except Refused as refused:
            return await self._refused(refused, transport, problem, body, chunk)
        self._count(reply, chunk)
        seed = body.get(self.traits.seed) if self.traits.seed else None
        request = self._came(problem, chunk, seed, seconds)
        samples = samples_from(request, reply.choices[: len(chunk)], reply.usage)
        return Brought(samples, chunk[len(samples) :])

    def _read(self, answer: object) -> Reply:
        return read_reply(answer, chat=self.generation.endpoint == "chat")

    def _came(
        self, problem: Problem, chunk: list[int], seed: int | None, seconds: float
    ) -> Request:
        most = self.generation.max_tokens
        return Request(problem.id, self.id, chunk, seed, seconds, most)

    def _body(self, problem: Problem, chunk: list[int]) -> dict[str, Any]:
        body = static_body(self.generation, self.traits) | prompt_body(self.generation, problem)
        if len(chunk) > 1:
            body["n"] = len(chunk)
        if self.traits.seed is not None:
            body[self.traits.seed] = seed_for(self.link.seed, problem.id, chunk[0])
        return body

    def _count(self, reply: Reply, chunk: list[int]) -> None:
        """Remember what was odd, and that a server answers fewer choices than it is asked for."""
        self.notes.update(reply.notes)
        extra = len(reply.choices) - len(chunk)
        if extra > 0:
            self.notes["choice beyond those asked for"] += extra
        elif extra < 0:
            self.notes["choice asked for and not answered"] -= extra
            self.traits.most = min(self.traits.most, len(reply.choices))

    async def _refused(
        self,
        refused: Refused,
        transport: Transport,
        problem: Problem,
        body: dict[str, Any],
        chunk: list[int],
    ) -> Brought:
        """Make a refusal a filtered sample, a lesson for the next request, or an error."""
        if refused.said.has(FILTERED):
            choice = Choice("", "content_filter", refused.said.message)
            request = self._came(problem, chunk, None, 0.0)
            return Brought(samples_from(request, [choice] * len(chunk), Usage()), [])
        field = refused.said.refuses(OPTIONAL)
        if refused.status in MAY_ASK_LESS and self._can_do_without(field, body):
            return Brought([], chunk)
        if refused.status in MAY_ASK_LESS and field is None and len(chunk) > 1:
            alone = await self._request(
                transport, problem, chunk[:1]
            )  # refused again: it was not n
            self.traits.most = 1
            return Brought(alone.samples, alone.missing + chunk[1:])
        raise _turned_away(transport, refused) from refused

    def _can_do_without(self, field: str | None, body: dict[str, Any]) -> bool:
        """Learn to leave out what was refused; what the settings ask for is never left out."""
        needed = {field, "logprobs"} if field == "top_logprobs" else {field}
        return needed.isdisjoint(self.generation.extra) and self.traits.unlearn(field, body)


def _turned_away(transport: Transport, refused: Refused) -> ModelError:
    """Return a refusal as an error: about us where nothing was ever answered."""
    hopeless = not transport.answered and refused.said.is_about_us(refused.status)
    kind = AccessError if hopeless else ModelError
    return kind(transport.masked(f"{shown(transport.url)}: {refused}"))


def connect(model: str = "", *, host: str = "", **settings: Any) -> OpenAI:  # noqa: ANN401
    """Build the sampler from flat settings and the environment, as the command line gives them.

    Raises:
        ConfigError: an unknown setting, or a value that cannot be.
    """
    host = host or "openai"
    given = hosts.defaults(host, os.environ) | {"host": host} | settings
    known = {f.name: kind for kind in (Generation, Link) for f in fields(kind)}
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(sorted(known))}."
            raise ConfigError(f"{host} has no setting {name!r}. {hint}")
    given.setdefault("proxy", hosts.proxy_for(str(given["base_url"])))
    asked = {k: v for k, v in given.items() if known[k] is Generation}
    carried = {k: v for k, v in given.items() if known[k] is Link}
    return OpenAI(Generation(model=model, **asked), Link(**carried))


def _result(task: asyncio.Task[Brought], failures: list[ModelError]) -> Brought:
    try:
        return task.result()
    except ModelError as failure:
        failures.append(failure)
        return Brought([], [])


async def _cancel(running: set[asyncio.Task[Brought]]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def _missing(problem: Problem, wanted: int, got: int, failures: list[ModelError]) -> ModelError:
    reasons = "; ".join(dict.fromkeys(map(str, failures)))
    hopeless = any(isinstance(failure, AccessError) for failure in failures)
    return (AccessError if hopeless else ModelError)(
        f"{wanted - got} of {wanted} samples of {problem.id!r} are missing: {reasons}"
    )
