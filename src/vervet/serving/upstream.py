"""The models behind the gateway: each request becomes a sampler of its own over shared connections.

A request to an OpenAI-compatible endpoint keeps every field it came with, and the reply that is
chosen goes back as the endpoint wrote it, tool calls and log-probabilities included.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Protocol

import numpy as np

from vervet.costs.dollars import Price
from vervet.models.concurrency import Connections
from vervet.models.openai_api import Brought, OpenAI
from vervet.models.openai_errors import Refused
from vervet.models.openai_settings import Generation, Kind, Link
from vervet.models.openai_transport import Transport
from vervet.models.openai_wire import Choice, Malformed, Reply, Traits
from vervet.models.prices import price_table
from vervet.serving.asking import Asked
from vervet.serving.refusals import Refusal
from vervet.types import Problem, Sample, Sampler

Leave = Callable[[int], None]
"""Told how many samples come next; raises where they may not."""
Heading = tuple[str, str, str]
"""Text, thoughts and finish reason of a reply: what tells one from another."""
SAMPLING = ("temperature", "top_p", "max_tokens", "stop")
BESIDE = (
    "user", "metadata", "store", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
    "service_tier", "priority", "request_id",
)  # fmt: skip
"""Fields that do not shape a reply: they are passed on, and are no part of the sampler's name."""
LEARNED_SECONDS = 60.0
"""How long a lesson holds for others: a refusal may have been about one request's own settings."""
CANNOT = ("tools", "functions", "response_format")
"""What a model that is not an endpoint cannot be asked for."""


class Model(Protocol):
    """A model under the name that clients use."""

    name: str
    price: Price | None

    def sampler(self, asked: Asked) -> Sampler:
        """Return what draws for one request; its `message` is the reply as it came."""
        ...

    async def aclose(self) -> None:
        """Close connections and processes."""
        ...


class Endpoint:
    """An OpenAI-compatible endpoint."""

    def __init__(self, name: str, base: OpenAI, connections: int | None = None) -> None:
        """Name an endpoint.

        Args:
            name: what clients call it.
            base: where it is, and the settings that a request does not give.
            connections: most requests in flight; by default those of `base`.
        """
        self.name = name
        self.base = base
        self.price = price_table().price(base.link.host, base.generation.model)
        rng = np.random.default_rng()
        self.links: dict[Kind, tuple[Transport, Traits]] = {
            kind: (Transport(base.link, base.link.url(kind), rng), replace(base.traits))
            for kind in ("chat", "completions")
        }
        self.learned: dict[Kind, tuple[float, Traits]] = {}
        """What refusals taught, and until when it holds."""
        most = connections or base.link.max_connections
        for transport, _ in self.links.values():  # clients wait for no slow start
            transport.connections = Connections(most, start=most)

    def sampler(self, asked: Asked) -> "Relay":
        """Return the sampler of one request."""
        passed = {k: v for k, v in asked.passed.items() if k in SAMPLING}
        extra = {**self.base.generation.extra, **asked.passed}
        generation = replace(
            self.base.generation,
            endpoint=asked.endpoint,
            **passed,
            extra={k: v for k, v in extra.items() if k not in (*SAMPLING, *BESIDE)},
        )
        beside = {k: v for k, v in extra.items() if k in BESIDE}
        transport, known = self.links[asked.endpoint]
        until, learned = self.learned.get(asked.endpoint, (0.0, known))
        traits = replace(learned if monotonic() < until else known)
        relay = Relay(generation, self.base.link, traits, transport, known)
        relay.seed, relay.beside = asked.seed, beside
        return relay

    def learn(self, relay: "Relay") -> None:
        """Keep for a while what a request that succeeded found out about the server."""
        if relay.traits != relay.given:
            until = monotonic() + LEARNED_SECONDS
            self.learned[relay.generation.endpoint] = until, replace(relay.traits)

    def trace(self, headers: Callable[[], Mapping[str, str]]) -> None:
        """Tell the server which trace each request is part of."""
        for transport, _ in self.links.values():
            transport.trace = headers

    async def aclose(self) -> None:
        """Close the connections."""
        for transport, _ in self.links.values():
            await transport.aclose()


class Relay(OpenAI):
    """One request's sampler: shares connections, keeps the replies as they came."""

    def __init__(
        self,
        generation: Generation,
        link: Link,
        traits: Traits,
        transport: Transport,
        known: Traits,
    ) -> None:
        super().__init__(generation, link, traits)
        self.shared = transport
        self.known = known
        """What the server says of itself when the first connection is made."""
        self.given = replace(traits)
        self.seed: int | None = None
        self.beside: Mapping[str, Any] = {}
        self.replies: dict[Heading, Mapping[str, Any]] = {}
        self.refused: Refused | None = None
        """What the endpoint said no to, if it did."""

    def message(self, sample: Sample) -> Mapping[str, Any]:
        """Return the choice of the endpoint's reply that became `sample`."""
        return self.replies.get(_heading(sample), {})

    async def _open(self) -> Transport:
        transport = await self.shared.open(self.known)
        if self.known.seed is None:
            self.traits.seed = self.given.seed = None
        return transport

    def _read(self, answer: object) -> Reply:
        reply = super()._read(answer)
        raw = answer["choices"] if isinstance(answer, dict) else []
        choices: Sequence[Choice | None] = reply.choices
        if len(raw) != len(choices):  # some could not be read; which is found one by one
            choices = [self._alone(item) for item in raw]
        for choice, item in zip(choices, raw, strict=True):
            if choice is not None:
                self.replies.setdefault((choice.text, choice.reasoning, choice.finish), item)
        return reply

    def _alone(self, item: object) -> Choice | None:
        try:
            return super()._read({"choices": [item]}).choices[0]
        except Malformed:
            return None

    def _body(self, problem: Problem, chunk: list[int]) -> dict[str, Any]:
        body = {**super()._body(problem, chunk), **self.beside}
        if self.seed is not None and self.traits.seed is not None:
            body[self.traits.seed] = self.seed + chunk[0]
        return body

    async def _refused(
        self,
        refused: Refused,
        transport: Transport,
        problem: Problem,
        body: dict[str, Any],
        chunk: list[int],
    ) -> Brought:
        self.refused = refused
        return await super()._refused(refused, transport, problem, body, chunk)


def _heading(sample: Sample) -> Heading:
    return sample.text, sample.reasoning, sample.finish


class Plain:
    """Any other sampler, such as the embedded model: its decoding parameters are its own."""

    def __init__(self, name: str, base: Sampler, price: Price | None = None) -> None:
        self.name = name
        self.base = base
        self.price = price

    def sampler(self, asked: Asked) -> Sampler:
        """Return the sampler itself.

        Raises:
            Refusal: the request asks for tools or a response format.
        """
        for field in CANNOT:
            if field in asked.passed:
                raise Refusal(400, f"{self.name} takes no {field}", param=field)
        return self.base

    async def aclose(self) -> None:
        """Stop what the sampler started."""
        if close := getattr(self.base, "aclose", None):
            await close()


def model_of(name: str, sampler: Sampler, connections: int | None = None) -> Model:
    """Return a sampler as a model of the gateway, with so many connections to an endpoint."""
    if isinstance(sampler, OpenAI):
        return Endpoint(name, sampler, connections)
    return Plain(name, sampler)


@dataclass(frozen=True, slots=True)
class Metered:
    """A sampler that asks leave before it draws."""

    inside: Sampler
    leave: Leave

    @property
    def id(self) -> str:
        """The id of the sampler inside."""
        return self.inside.id

    def describe(self) -> Mapping[str, Any]:
        """Return what the sampler inside says of itself."""
        return self.inside.describe()

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncGenerator[Sample]:
        """Ask leave, then draw."""
        self.leave(len(indices))
        async for sample in self.inside.draw(problem, indices):
            yield sample


def reply_of(sampler: Sampler, sample: Sample) -> Mapping[str, Any]:
    """Return the reply that became `sample` as the endpoint wrote it, where there is one."""
    inside = sampler.inside if isinstance(sampler, Metered) else sampler
    return inside.message(sample) if isinstance(inside, Relay) else {}
