"""One pool of HTTP connections to one endpoint: bounded bodies, bounded tries, adaptive load."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import numpy as np

from vervet import waits
from vervet.errors import ModelError, hidden, masked, shown, unreached
from vervet.models.concurrency import Connections
from vervet.models.openai_errors import Kind, Refused, Trouble, judge, one_line
from vervet.models.openai_servers import dies_of_seeds
from vervet.models.openai_settings import Link
from vervet.models.openai_wire import Malformed, Traits

T = TypeVar("T")
LOG = logging.getLogger(__name__)
FIRST_WAIT = 0.5
CONNECT_SECONDS = 30.0
LONGEST_WHY = 80
"""Characters of what a person is told of a failure that is tried again."""
GRAVE = 3
"""Tries that a timeout, or a server never reached, counts for."""
KEEPALIVE_SECONDS = 30.0

_FAST = import_module("orjson" if find_spec("orjson") else "json")


class Transport:
    """Posts JSON and returns JSON. Belongs to one event loop and is closed with it."""

    def __init__(self, link: Link, url: str, rng: np.random.Generator) -> None:
        self.connections = Connections(link.max_connections)
        self.url = url
        self._link = link
        self._rng = rng
        self._keeper = _keep_session(link)
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._reached = False
        self.answered = False
        """Whether any request ever brought a good reply."""
        self.trace: Callable[[], Mapping[str, str]] | None = None
        """Gives the headers that tell the server which trace a request is part of."""

    async def aclose(self) -> None:
        """Close every connection."""
        self._session = None
        await self._keeper.aclose()

    async def post(self, body: dict[str, Any], read: Callable[[Any], T]) -> tuple[T, float]:
        """Return the reply to `body`, as `read` reads it, and the seconds it took.

        What may pass is tried again; a reply that `read` finds malformed is such a case.

        Raises:
            Refused: the server said no, and would again.
            ModelError: it kept failing; the message says how.
        """
        data = json.dumps(body).encode()
        spent = attempts = 0
        while True:
            await self.connections.acquire()
            attempts += 1
            sent_at = monotonic()
            try:
                reply = read(await self._once(data))
            except Refused as refused:
                if refused.said.is_about_us(refused.status):
                    waits.failed(self.url)
                if not self.answered:  # it may be about us: then none of the others need be sent
                    self.connections.hold(FIRST_WAIT)
                raise
            except (Trouble, Malformed) as failure:
                trouble = _as_trouble(failure)
                self._slow_down(trouble, sent_at)
            else:
                self.answered = True
                waits.answered(self.url)
                self.connections.succeeded()
                return reply, monotonic() - sent_at
            finally:
                self.connections.release()
            cost = GRAVE * trouble.grave or 1
            spent += cost
            if spent >= self._link.tries:
                waits.failed(self.url)
                raise ModelError(self._gave_up(trouble, attempts)) from trouble
            seconds = self._wait(attempts, trouble)
            most = attempts + -(-(self._link.tries - spent) // cost)
            waits.tell(seconds, self._why(trouble, f"{attempts} of {most}"))
            await asyncio.sleep(seconds)

    def _gave_up(self, trouble: Trouble, attempts: int) -> str:
        tries = f"after {attempts} tries" if attempts > 1 else "one try"
        return self.masked(f"{shown(self.url)}: {trouble} ({tries})")

    def _why(self, trouble: Trouble, tries: str) -> str:
        said = one_line(self.masked(str(trouble)), LONGEST_WHY)
        return f"{said} from {urlsplit(shown(self.url)).netloc} ({tries})"

    def masked(self, text: str) -> str:
        """Return `text` without what is secret, should a server or a library have echoed it."""
        link = self._link
        addresses = (*hidden(link.base_url), *hidden(link.proxy or ""))
        return masked(text, [link.api_key, *link.headers.values(), *addresses])

    def _wait(self, attempt: int, trouble: Trouble) -> float:
        """Return the seconds before the next try: doubling, jittered, at least what was asked."""
        backoff = FIRST_WAIT * 2.0 ** min(attempt - 1, 20) * self._rng.uniform(0.5, 1.0)
        return min(max(backoff, trouble.wait), self._link.longest_wait)

    def _slow_down(self, trouble: Trouble, sent_at: float) -> None:
        LOG.debug("%s: %s", shown(self.url), self.masked(str(trouble)))
        if trouble.kind is not Kind.BROKEN:
            pause = min(trouble.wait, self._link.longest_wait)
            self.connections.complained(sent_at, trouble.kind.value, pause)

    async def _once(self, data: bytes) -> Any:  # noqa: ANN401 - JSON
        traced = self.trace() if self.trace else None
        try:
            async with self._opened().post(
                self.url, data=data, proxy=self._link.proxy, allow_redirects=False, headers=traced
            ) as response:
                body = await self._bounded(response)
                status, headers = response.status, response.headers
        except TimeoutError as error:
            raise Trouble(Kind.OVERLOADED, self._too_slow(error), grave=True) from error
        except aiohttp.ClientSSLError as error:
            raise ModelError(self.masked(f"{shown(self.url)}: {_broken(error)}")) from error
        except (aiohttp.ClientError, OSError) as error:
            unreached = isinstance(error, aiohttp.ClientConnectorError) and not self._reached
            raise Trouble(Kind.BROKEN, _broken(error), grave=unreached) from error
        self._reached = True
        if status != 200:  # noqa: PLR2004 - OK
            raise judge(status, body, headers)
        return _parsed(body)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the transport is not open")
        return self._session

    async def open(self, traits: Traits) -> "Transport":
        """Make the pool of connections and ask the server who it is, once."""
        async with self._opening:
            if self._session is None:
                self._session = await anext(self._keeper)
                if traits.seed and await dies_of_seeds(self._session, self.url):
                    traits.seed = None
                    LOG.warning("%s is vLLM on a CPU: seeds withheld, they end it", shown(self.url))
        return self

    def _too_slow(self, error: TimeoutError) -> str:
        said = str(error)
        return one_line(said) if said else f"no reply within {self._link.timeout:g} s"

    async def _bounded(self, response: aiohttp.ClientResponse) -> bytes:
        """Read the body; a silent or endless one is a failure."""
        chunks: list[bytes] = []
        size = 0
        stream = response.content
        while True:
            patience = asyncio.timeout(self._link.idle_timeout)
            try:
                async with patience:
                    chunk = await stream.readany()
            except TimeoutError as error:
                if not patience.expired():
                    raise
                idle = f"no byte for {self._link.idle_timeout:g} s in the middle of a reply"
                raise Trouble(Kind.OVERLOADED, idle, grave=True) from error
            if not chunk:
                return b"".join(chunks)
            chunks.append(chunk)
            size += len(chunk)
            if size > self._link.max_body:
                response.close()
                raise Trouble(Kind.BROKEN, f"a reply of more than {self._link.max_body} bytes")


def _parsed(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """Parse a good reply; an error dressed as a 200 is still an error."""
    try:
        reply = decode(body)
    except (ValueError, RecursionError) as error:
        start = one_line(body[:200].decode("utf-8", "replace"), 80)
        what = "an empty body" if not body else f"a body that is not JSON: {start!r}"
        raise Trouble(Kind.BROKEN, what) from error
    if isinstance(reply, dict) and reply.get("error") and not reply.get("choices"):
        said = reply["error"]
        code = said.get("code") if isinstance(said, dict) else None
        status = code if isinstance(code, int) and 400 <= code < 600 else 500  # noqa: PLR2004
        raise judge(status, body, {})
    return reply


def decode(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """Parse JSON, fast where orjson is; NaN and lone surrogates need the lenient stdlib."""
    try:
        return _FAST.loads(body)
    except ValueError:
        return json.loads(body)


def _as_trouble(failure: Trouble | Malformed) -> Trouble:
    return failure if isinstance(failure, Trouble) else Trouble(Kind.BROKEN, str(failure))


def _broken(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientPayloadError):
        return one_line(f"the reply broke off: {error}")
    if isinstance(error, aiohttp.ClientConnectorError):
        return one_line(unreached(error.os_error))
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection without a reply"
    return one_line(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


async def _keep_session(link: Link) -> AsyncGenerator[aiohttp.ClientSession]:
    """Hold the session open; the event loop closes it at its own end, if nobody did before."""
    headers = {"Content-Type": "application/json", **link.headers}
    if link.api_key:
        headers.setdefault("Authorization", f"Bearer {link.api_key}")
    timeout = aiohttp.ClientTimeout(total=link.timeout, sock_connect=CONNECT_SECONDS)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS)
    session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout)
    try:
        yield session
    finally:
        await session.close()
