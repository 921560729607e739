"""The gateway as a server: routes, guards, errors in OpenAI's form, a graceful end.

Beyond this machine it answers to keys only. Without keys it answers to requests that name this
machine, so that a web page cannot reach it by a host name of its own, and takes JSON only, so
that a page cannot make a browser send it one unasked.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from socket import AF_INET, AF_INET6, create_server, socket

from aiohttp import web

from vervet.errors import ConfigError
from vervet.policies.flow import name_of
from vervet.serving.accounts import Accounts
from vervet.serving.gateway import Gateway, Limits
from vervet.serving.ledger import Ledger
from vervet.serving.menu import Menu
from vervet.serving.metrics import Metrics
from vervet.serving.openapi import document
from vervet.serving.places import CLOSING_SECONDS
from vervet.serving.recording import Recorder
from vervet.serving.refusals import Refusal
from vervet.serving.telemetry import Traces
from vervet.serving.upstream import Endpoint
from vervet.store import Run

LOG = logging.getLogger(__name__)
LOCAL = {"127.0.0.1", "localhost", "::1", "[::1]"}
ANYONE = {"/healthz", "/openapi.json"}
"""Paths that need no key."""
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
IDLE_SECONDS = 75.0
"""For a connection without a whole request: the next one, or the head of the first."""
Say = Callable[[str], None]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that is fixed when a gateway starts."""

    menu: Menu
    accounts: Accounts = field(default_factory=Accounts)
    limits: Limits = field(default_factory=Limits)
    record: Run | None = None
    ledger: Ledger | None = None
    traces: Traces = field(default_factory=Traces)
    host: str = "127.0.0.1"
    port: int = 8000

    def __post_init__(self) -> None:
        if self.host not in LOCAL and not self.accounts:
            raise ConfigError(
                f"--host {self.host} can be reached from other machines, and there is no key. "
                "Set VERVET_SERVE_KEY, or give --keys FILE."
            )
        unpriced = [name for name, model in self.menu.models.items() if model.price is None]
        if self.accounts.capped_usd and unpriced:
            raise ConfigError(
                f"a key has a cap in dollars, and the price of {unpriced[0]!r} is not known. "
                "Cap its tokens, or name a price table in VERVET_PRICES."
            )


def application(gateway: Gateway) -> web.Application:
    """Return the web application of a gateway."""
    app = web.Application(middlewares=[_middleware(gateway)], client_max_size=gateway.limits.body)
    described = document(gateway.limits.body)

    async def models(request: web.Request) -> web.Response:
        gateway.accounts.of(request.headers.get("Authorization", ""))
        listed = [described_model(name) for name in gateway.menu.names]
        return web.json_response({"object": "list", "data": listed})

    async def model(request: web.Request) -> web.Response:
        gateway.accounts.of(request.headers.get("Authorization", ""))
        name = request.match_info["model"]
        gateway.menu.check(name)
        return web.json_response(described_model(name))

    async def metrics(request: web.Request) -> web.Response:
        gateway.accounts.of(request.headers.get("Authorization", ""))
        text = gateway.metrics.text().encode()
        return web.Response(body=text, headers={"Content-Type": PROMETHEUS})

    async def health(request: web.Request) -> web.Response:
        del request
        draining = gateway.places.draining
        status, code = ("draining", 503) if draining else ("ok", 200)
        return web.json_response({"status": status}, status=code)

    async def openapi(request: web.Request) -> web.Response:
        del request
        return web.json_response(described)

    app.add_routes(
        [
            web.post("/v1/chat/completions", gateway.chat),
            web.post("/v1/completions", gateway.completions),
            web.get("/v1/models", models),
            web.get("/v1/models/{model:.+}", model),
            web.get("/healthz", health),
            web.get("/metrics", metrics),
            web.get("/openapi.json", openapi),
        ]
    )
    return app


def described_model(name: str) -> dict[str, str | int]:
    """Return what OpenAI clients read of a model."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "vervet"}


def _middleware(gateway: Gateway) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Return what guards every request, counts it, and gives every error OpenAI's form."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        status = 499
        try:
            response = await _guard(gateway, request, handler)
            status = response.status
        finally:
            resource = request.match_info.route.resource
            path = resource.canonical if resource else "other"
            gateway.metrics.add("vervet_requests_total", path=path, status=str(status))
        return response

    return guarded


async def _guard(gateway: Gateway, request: web.Request, handler: Handler) -> web.StreamResponse:
    if not gateway.accounts and _host(request) not in LOCAL:
        said = "without keys, this gateway answers to 127.0.0.1 and localhost only"
        return Refusal(403, said).response()
    try:
        return await handler(request)
    except Refusal as refusal:
        return refusal.response()
    except ConfigError as error:
        return Refusal(400, str(error)).response()
    except web.HTTPException as error:
        kept = {k: v for k, v in error.headers.items() if k == "Allow"}
        said = f"{request.method} {request.path}: {error.reason}; /openapi.json says what there is"
        absent = error.status in {404, 405}
        return Refusal(error.status, said if absent else error.text or error.reason).response(kept)
    except ConnectionError:
        raise
    except Exception:
        LOG.exception("a request failed")
        return Refusal(500, "the gateway failed; its log says how").response()


def _host(request: web.Request) -> str:
    host = request.host or ""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def serve(service: Service, *, say: Say = print) -> None:
    """Answer requests until SIGINT or SIGTERM; those in flight are finished first.

    Args:
        service: what to serve, and where.
        say: told the address once the gateway answers.

    Raises:
        ConfigError: the address cannot be had.
    """
    with _listening(service.host, service.port) as listener:
        asyncio.run(_serve(service, listener, say))


def _listening(host: str, port: int) -> socket:
    family = AF_INET6 if ":" in host else AF_INET
    try:
        return create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise ConfigError(
            f"port {port} of {host} cannot be had ({error.strerror or error}); "
            "choose another with --port, or 0 for a free one"
        ) from error


async def _serve(service: Service, listener: socket, say: Say) -> None:
    gateway, runner = await start(service, listener)
    ended = asyncio.Event()

    def end() -> None:
        if ended.is_set():  # told twice: wait for nothing
            gateway.places.end()
        ended.set()

    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, end)
    try:
        host, port = listener.getsockname()[:2]
        host = f"[{host}]" if ":" in host else host
        say(f"http://{host}:{port}/v1 (Ctrl-C ends it)")
        await ended.wait()
        say("ending; requests in flight are finished first (again ends them)")
    finally:
        await stop(service, gateway, runner)


async def start(service: Service, listener: socket) -> tuple[Gateway, web.AppRunner]:
    """Start answering on a listening socket, in this event loop.

    Raises:
        StoreError: the run that the traffic is to be recorded to cannot be written.
    """
    if service.record is not None:
        told = {"policy": name_of(service.menu.policy), "models": service.menu.names}
        service.record.log([{"event": "serving", **told}])
    gateway = Gateway(service.menu, service.accounts, service.limits, Metrics(), service.traces)
    if service.record is not None:

        def count(what: str, rows: int) -> None:
            gateway.metrics.add("vervet_record_rows_total", rows, what=what)

        gateway.recorder = Recorder(service.record, count)
    if service.ledger is not None:
        service.ledger.open()
    for model in service.menu.models.values():
        if isinstance(model, Endpoint):
            model.trace(service.traces.headers)
    runner = web.AppRunner(
        application(gateway),
        handler_cancellation=True,
        shutdown_timeout=CLOSING_SECONDS,
        keepalive_timeout=IDLE_SECONDS,
        auto_decompress=False,
        access_log=None,
    )
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return gateway, runner


async def stop(service: Service, gateway: Gateway, runner: web.AppRunner) -> None:
    """Refuse new requests, finish those in flight up to the limit, write what waits."""
    try:
        await gateway.places.drain(service.limits.shutdown)
        await runner.cleanup()
    finally:
        if gateway.recorder is not None:
            await gateway.recorder.aclose()
        if service.ledger is not None:
            await service.ledger.aclose()
        for model in service.menu.models.values():
            await model.aclose()
        for verifier in service.menu.verifiers.values():
            if close := getattr(verifier, "aclose", None):
                await close()
        service.traces.close()
