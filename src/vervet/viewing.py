"""Browse a run: its report, and every problem and sample, on a page of this machine only.

Listens on 127.0.0.1, answers only requests that name this machine (a web page elsewhere cannot
reach it by a host name of its own), and sends pages in which no text of a model can become code.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from socket import create_server, socket
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from vervet.analysis import analyze
from vervet.errors import ConfigError
from vervet.reporting.charts import as_document
from vervet.reporting.curves import Pair, Row, display, model_names, pairs
from vervet.reporting.difficulty import ranked
from vervet.reporting.html import frame, render, run_title, templates, text_of
from vervet.reporting.reading import in_order, outcome_words, tally
from vervet.reporting.recorded import Recorded, recorded
from vervet.store import Run

HOST = "127.0.0.1"
PAGE_SIZE = 50
MOST_CHARACTERS = 400_000
"""Longest text of one sample that a page shows."""
ORDERS: dict[str, Callable[[Row], Any]] = {
    "easiest": lambda row: -float(row["rate"]),
    "hardest": lambda row: float(row["rate"]),
    "name": lambda row: str(row["problem_id"]),
    "most errors": lambda row: -int(row["errors"]),
}
Say = Callable[[str], None]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Viewer:
    """What the pages are made of; one reader at a time touches the store."""

    document: Row
    source: Recorded
    title: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def report(self, request: web.Request) -> web.Response:
        """Answer with the report; its problems lead to their pages."""
        del request
        page = await asyncio.to_thread(
            render, self.document, title=self.title, link=lambda _, p: problem_url(p)
        )
        return web.Response(text=page, content_type="text/html")

    async def problems(self, request: web.Request) -> web.Response:
        """Answer with one page of the problems under one model and verifier."""
        known = pairs(self.document)
        at = number(request, "pair", len(known) - 1)
        order = request.query.get("order", "easiest")
        order = order if order in ORDERS else "easiest"
        pair = known[at] if known else Pair("", "")
        rows = sorted(ranked(self.document, pair), key=ORDERS[order])
        here = {"pair": at, "order": order}
        shown, paging = paged(request, rows, "problems", here)
        return self._page(
            "problems.html",
            pair=pair,
            model=model_names(self.document).get(pair.model, pair.model),
            total=len(rows),
            rows=[(row, problem_url(row["problem_id"])) for row in shown],
            models=[
                (display(self.document, p), url("problems", here | {"pair": i}), i == at)
                for i, p in enumerate(known)
            ],
            orders=[(o, url("problems", here | {"order": o}), o == order) for o in ORDERS],
            **paging,
        )

    async def problem(self, request: web.Request) -> web.Response:
        """Answer with one page of the samples of a problem, of one outcome or of all."""
        problem_id = request.query.get("id", "")
        async with self.lock:
            found = await asyncio.to_thread(self.source.problems, [problem_id])
            if problem_id not in found:
                raise web.HTTPNotFound(text="this run has no such problem")
            every = await asyncio.to_thread(self.source.headings, [problem_id])
        headings = every[problem_id]
        names = sampler_names(h.sampler_id for h in headings)
        here = {name: request.query.get(name, "") for name in ("id", "model", "outcome")}
        of_model = [h for h in headings if here["model"] in {"", h.sampler_id}]
        kept = [h for h in of_model if here["outcome"] in {"", h.outcome}]
        shown, paging = paged(request, kept, "problem", here)
        async with self.lock:
            samples = await asyncio.to_thread(self.source.samples, shown)
        return self._page(
            "problem.html",
            problem=found[problem_id],
            tallies=tally(of_model),
            samples=samples,
            total=len(kept),
            most=MOST_CHARACTERS,
            models=_choices("model", list(names), here, names.__getitem__),
            outcomes=_choices(
                "outcome", in_order(h.outcome for h in of_model), here, outcome_words
            ),
            **paging,
        )

    def _page(self, name: str, **parts: Any) -> web.Response:  # noqa: ANN401 - a template's own
        template = templates().get_template(name)
        page = template.render(title=self.title, **frame([text_of("script.js")]), **parts)
        return web.Response(text=page, content_type="text/html")


def sampler_names(ids: Iterable[str]) -> dict[str, str]:
    """Return what each sampler is called: its model, where that says who is meant.

    >>> sampler_names(["llama@1", "qwen@2"])["qwen@2"], sampler_names(["m@1", "m@2"])["m@2"]
    ('qwen', 'm@2')
    """
    models = {name: name.partition("@")[0] for name in ids}
    return models if len(set(models.values())) == len(models) else {name: name for name in models}


def _choices(
    name: str, values: Sequence[str], here: Row, say: Callable[[str], str]
) -> list[tuple[str, str, bool]]:
    """Return what a list can be narrowed to: its name, its link, and whether it is chosen."""
    return [
        (say(value) if value else "All", url("problem", {**here, name: value}), value == here[name])
        for value in ["", *dict.fromkeys(values)]
    ]


def url(page: str, query: Row) -> str:
    """Return a link to a page of this viewer.

    >>> url("problem", {"id": "a/b c", "outcome": ""})
    'problem?id=a%2Fb+c'
    """
    return f"{page}?{urlencode({k: v for k, v in query.items() if v not in {'', None}})}"


def problem_url(problem_id: str) -> str:
    """Return the link to a problem's samples."""
    return url("problem", {"id": problem_id})


def number(request: web.Request, name: str, most: int) -> int:
    """Return a whole number of the query, 0 unless it is one from 0 to `most`."""
    text = request.query.get(name, "")
    value = int(text) if text.isascii() and text.isdigit() and len(text) < PAGE_SIZE else 0
    return value if value <= most else 0


def paged(
    request: web.Request, rows: Sequence[Any], page: str, here: Row
) -> tuple[Sequence[Any], dict[str, Any]]:
    """Return the rows of the page asked for, and the links to the pages around it."""
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    at = max(1, number(request, "page", pages))
    paging = {
        "page": at,
        "pages": pages,
        "previous": url(page, {**here, "page": at - 1}) if at > 1 else "",
        "following": url(page, {**here, "page": at + 1}) if at < pages else "",
    }
    return rows[(at - 1) * PAGE_SIZE : at * PAGE_SIZE], paging


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests that were not meant for this machine, and forbid others to frame a page."""
    name = (request.host or "").rsplit(":", 1)[0]
    if name not in {HOST, "localhost"}:
        raise web.HTTPForbidden(text="this page answers to 127.0.0.1 and localhost only")
    response = await handler(request)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def application(run: Run, document: Row) -> web.Application:
    """Return the web application that shows a run."""
    viewer = Viewer(document, recorded([run], document), run_title(document))
    app = web.Application(middlewares=[guarded])
    app.add_routes(
        [
            web.get("/", viewer.report),
            web.get("/problems", viewer.problems),
            web.get("/problem", viewer.problem),
        ]
    )
    return app


def serve(run: Run, *, port: int = 8765, say: Say = print) -> None:
    """Show a run at http://127.0.0.1:PORT until interrupted.

    Args:
        run: the run to browse; analyzed once, when this starts.
        port: 0 takes a free one.
        say: told the address once the page answers.

    Raises:
        ConfigError: the port is taken.
    """
    with _listening(port) as listener:
        say(f"reading {run.url} ...")
        app = application(run, as_document(analyze(run)))
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(app, listener, say))


def _listening(port: int) -> socket:
    try:
        return create_server((HOST, port))
    except OSError as error:
        raise ConfigError(
            f"port {port} of {HOST} cannot be had ({error.strerror}); "
            "choose another with --port, or 0 for a free one"
        ) from error


async def _serve(app: web.Application, listener: socket, say: Say) -> None:
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        say(f"http://{HOST}:{listener.getsockname()[1]} (Ctrl-C ends it)")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
