"""One JSON question to a model server, asked until it is answered or clearly will not be."""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from vervet import waits
from vervet.errors import AccessError, ConfigError, VerifierError, hidden, masked, shown, unreached

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
TURNED_AWAY = frozenset({401, 403, 404})
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
LONGEST_REPLY = 64 << 20


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to ask. The address is provenance; it is no part of a verifier's identity."""

    base_url: str = field(repr=False)
    """May hold a user, a password or a token: messages show it without."""
    api_key: str = field(default="", repr=False)
    seconds: float = 600.0
    """Wall time of one try."""
    tries: int = 5

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
        """Return the reply to `body`.

        Raises:
            AccessError: it turns us away: a wrong key, no permission, no such model or address.
            VerifierError: it refuses, or every try failed; the message says how the last one did.
        """
        place = urlsplit(self.base_url)
        whole = f"{place.path.rstrip('/')}/{path.lstrip('/')}" if path else place.path
        url = urlunsplit(place._replace(path=whole))
        why = ""
        for attempt in range(self.tries):
            try:
                return await self._once(url, body)
            except Later as later:
                why, wait = str(later), later.wait
            except aiohttp.ClientConnectorError as cause:
                why, wait = unreached(cause.os_error), None
            except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as cause:
                why, wait = self._masked(f"{type(cause).__name__}: {cause}".rstrip(": ")), None
            if attempt + 1 < self.tries:
                backoff = FIRST_WAIT * 2**attempt
                seconds = min(LONGEST_WAIT, backoff if wait is None else wait)
                waits.tell(seconds, f"{why} from {place.hostname} ({attempt + 1} of {self.tries})")
                await asyncio.sleep(seconds)
        waits.failed(self.base_url)
        where = shown(self.base_url)
        raise VerifierError(f"{where}: {self.tries} tries failed, the last: {why}")

    def _masked(self, text: str) -> str:
        return masked(text, [self.api_key, *hidden(self.base_url)])

    async def _once(self, url: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        limit = aiohttp.ClientTimeout(total=self.seconds)
        async with (
            aiohttp.ClientSession(timeout=limit, headers=headers) as session,
            session.post(url, json=dict(body)) as reply,
        ):
            if reply.status in RETRIED:
                raise Later(f"HTTP {reply.status}", _seconds(reply.headers.get("Retry-After")))
            answer = await _bounded(reply)
            if reply.status >= 400:  # noqa: PLR2004 - HTTP's line between answers and refusals
                said = self._masked(" ".join(answer.decode("utf-8", "replace")[:200].split()))
                kind = AccessError if reply.status in TURNED_AWAY else VerifierError
                raise kind(f"{shown(self.base_url)}: HTTP {reply.status}: {said}")
            found = json.loads(answer)
            waits.answered(self.base_url)
            return found


async def _bounded(reply: aiohttp.ClientResponse) -> bytes:
    """Return the whole body, unless it has no end."""
    body = bytearray()
    async for chunk in reply.content.iter_any():
        body += chunk
        if len(body) > LONGEST_REPLY:
            raise VerifierError(f"a reply of more than {LONGEST_REPLY:,} bytes")
    return bytes(body)


class Later(Exception):  # noqa: N818 - what the server said, not what is wrong
    """The server asks to be asked again."""

    def __init__(self, what: str, wait: float | None) -> None:
        super().__init__(what)
        self.wait = wait


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def endpoint(what: str, base_url: str, **limits: Any) -> Endpoint:  # noqa: ANN401 - as Endpoint
    """Return the endpoint at `base_url`, or at OPENAI_BASE_URL, with the key of OPENAI_API_KEY.

    Raises:
        ConfigError: no address is known, or it is not one.
    """
    address = base_url or os.environ.get("OPENAI_BASE_URL", "")
    if not address:
        raise ConfigError(f"{what}: where is the model? Say base_url= or set OPENAI_BASE_URL.")
    if not address.startswith(("http://", "https://")):
        raise ConfigError(
            f"{what}: base_url {shown(address)!r} does not begin with http:// or https://."
        )
    return Endpoint(address, os.environ.get("OPENAI_API_KEY", ""), **limits)
