"""A real model server and a real gateway in the test process, on free ports."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from socket import create_server
from types import ModuleType
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from vervet.models.openai_api import OpenAI
from vervet.models.openai_settings import Generation, Link
from vervet.policies.flow import Policy
from vervet.policies.majority import Majority
from vervet.registry import find
from vervet.serving import Gateway, Menu, Model, Service, model_of, start, stop

if TYPE_CHECKING:
    from vervet.types import Verifier

THIS = sys.modules[__name__]
"""Taken now: every folder's conftest has the same name, and the last one keeps it."""
Body = dict[str, Any]
Answer = Callable[[Body], Awaitable[web.StreamResponse | Body]]
CHAT = "/v1/chat/completions"
ASKED: Body = {"model": "m", "messages": [{"role": "user", "content": "What is 6 times 7?"}]}


@dataclass
class Upstream:
    """A running model server: where it is, what it was asked, whose client left."""

    url: str = ""
    asked: list[Body] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    left: int = 0


@asynccontextmanager
async def model_server(answer: Answer) -> AsyncIterator[Upstream]:
    server = Upstream()

    async def handle(request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        server.asked.append(body)
        server.headers.append(dict(request.headers))
        try:
            given = await answer(body)
        except asyncio.CancelledError:
            server.left += 1
            raise
        return web.json_response(given) if isinstance(given, dict) else given

    app = web.Application()
    app.router.add_post("/v1/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()


def says(texts: Sequence[str]) -> Answer:
    """Return a model that gives these texts in turn, choice by choice, and counts its tokens."""
    given = iter(range(10**9))

    async def answer(body: Body) -> Body:
        n = body.get("n", 1)
        chosen = [texts[next(given) % len(texts)] for _ in range(n)]
        return reply(chosen, chat="messages" in body)

    return answer


def reply(texts: Sequence[str], *, chat: bool = True) -> Body:
    """Return a completion with these texts: 10 tokens of prompt, 5 for each choice."""
    said = [
        {"message": {"role": "assistant", "content": t}} if chat else {"text": t} for t in texts
    ]
    return {
        "choices": [{"index": i, **s, "finish_reason": "stop"} for i, s in enumerate(said)],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5 * len(texts)},
    }


@dataclass
class Client:
    """A client of a running gateway."""

    base: str
    session: aiohttp.ClientSession
    gateway: Gateway

    async def post(self, body: Any, path: str = CHAT, **more: Any) -> tuple[int, Any, Any]:
        """Return status, parsed body and headers."""
        async with self.session.post(self.base + path, json=body, **more) as response:
            return response.status, json.loads(await response.read()), response.headers

    async def stream(self, body: Body, path: str = CHAT) -> list[Any]:
        """Return the events of a stream; a comment is a string."""
        async with self.session.post(self.base + path, json=body | {"stream": True}) as response:
            assert response.status == 200
            assert response.content_type == "text/event-stream"
            text = (await response.read()).decode()
        assert text.endswith("data: [DONE]\n\n")
        blocks = text.removesuffix("data: [DONE]\n\n").split("\n\n")[:-1]
        return [json.loads(b[6:]) if b.startswith("data: ") else b for b in blocks]


def sampler(server: Upstream, name: str = "m", **link: Any) -> OpenAI:
    """Return a sampler that does not wait long between tries."""
    patience: Body = {"longest_wait": 0.02, "tries": 2, "api_key": "sk-upstream-secret", **link}
    return OpenAI(Generation(model=name), Link(base_url=server.url, **patience))


def menu(*models: Model, policy: Policy | None = None, **more: Any) -> Menu:
    """Return a menu whose policies may vote by the usual readers."""
    names = ("exact", "json", "gsm8k-answer")
    verifiers: dict[str, Verifier] = {n: find("verifiers", n) for n in names}
    verifiers |= more.pop("verifiers", {})
    return Menu(
        {m.name: m for m in models},
        policy or Majority(5, "gsm8k-answer"),
        verifiers,
        **{"default_verifier": "gsm8k-answer", **more},
    )


@asynccontextmanager
async def serving(menu: Menu, **settings: Any) -> AsyncIterator[Client]:
    """Run a gateway; whatever it leaves behind in the event loop is an error."""
    before = asyncio.all_tasks()
    service = Service(menu, port=0, **settings)
    with create_server(("127.0.0.1", 0)) as listener:
        gateway, runner = await start(service, listener)
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with aiohttp.ClientSession() as session:
            yield Client(base, session, gateway)
            await stop(service, gateway, runner)
    await asyncio.sleep(0)
    assert gateway.metrics.in_flight == 0
    assert not {t for t in asyncio.all_tasks() - before if not t.done()}


@asynccontextmanager
async def house(answer: Answer, **settings: Any) -> AsyncIterator[tuple[Upstream, Client]]:
    """Run a model server with a gateway before it."""
    chosen = {k: settings.pop(k) for k in ("policy", "most", "verifiers") if k in settings}
    async with model_server(answer) as server:
        model = model_of("m", sampler(server))
        async with serving(menu(model, **chosen), **settings) as client:
            yield server, client


@pytest.fixture
def lab() -> ModuleType:
    """Return this module: a model server, a gateway, a client."""
    return THIS
