"""A real local server whose answers a test decides, request by request."""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

from vervet.models.openai_api import OpenAI
from vervet.models.openai_settings import Generation, Link
from vervet.types import Problem, Sample

THIS = sys.modules[__name__]
"""Taken now: every folder's conftest has the same name, and the last one keeps it."""
Body = dict[str, Any]
Answer = Callable[[Body, int], Awaitable[web.StreamResponse | Body]]
PROBLEM = Problem("p1", "What is 6 times 7?")


@dataclass
class Endpoint:
    """A running server: where it is, and what it was asked."""

    url: str = ""
    asked: list[Body] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    dropped: int = 0
    """Requests whose client went away."""


@asynccontextmanager
async def serve(answer: Answer, metrics: str = "") -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()

    async def measures(_request: web.Request) -> web.Response:
        return web.Response(text=metrics)

    async def handle(request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        endpoint.asked.append(body)
        endpoint.headers.append(dict(request.headers))
        given = await answer(body, len(endpoint.asked))
        if isinstance(given, dict):
            return web.json_response(given)
        return given

    app = web.Application()
    app.router.add_get("/metrics", measures)
    app.router.add_post("/v1/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    endpoint.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield endpoint
    finally:
        await runner.cleanup()


@pytest.fixture
def lab() -> ModuleType:
    """Return this module: a server to set up, a sampler on it, and what servers usually say."""
    return THIS


def chat(texts: list[str], **more: Any) -> Body:
    """Return a chat completion with these texts."""
    choices = [
        {"index": i, "message": {"role": "assistant", "content": t}, "finish_reason": "stop"}
        for i, t in enumerate(texts)
    ]
    return {"object": "chat.completion", "choices": choices, **more}


async def obliging(body: Body, _count: int) -> Body:
    """Answer as asked: n choices, each unlike any other."""
    n = body.get("n", 1)
    usage = {"prompt_tokens": 12, "completion_tokens": 5 * n}
    return chat([f"reply {body.get('seed')}+{i}" for i in range(n)], usage=usage)


def model(server: Endpoint, /, *, link: Body | None = None, **generation: Any) -> OpenAI:
    """Return a sampler on `server` that does not wait long between tries."""
    patience: Body = {"longest_wait": 0.02, "api_key": "sk-secret-key", **(link or {})}
    return OpenAI(Generation(model="m", **generation), Link(base_url=server.url, **patience))


async def drawn(sampler: OpenAI, count: int, problem: Problem = PROBLEM) -> list[Sample]:
    """Draw `count` samples, and close."""
    samples = [s async for s in sampler.draw(problem, range(count))]
    await sampler.aclose()
    return samples
