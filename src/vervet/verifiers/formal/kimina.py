"""The wire of a Kimina Lean Server: `POST /api/check`, one snippet at a time."""

import asyncio
import os
import uuid
from collections.abc import Mapping
from typing import Any

import aiohttp

from vervet import waits
from vervet.errors import AccessError, VerifierError, boundary, shown

GRACE_SECONDS = 90.0
"""What a server may need besides the proof: a free REPL, importing Mathlib."""
TURNED_AWAY = {401, 403, 404}
LATE = ("timed out", "timeout")
FULL = ("out of memory", "memory limit")


class Kimina:
    """A client of one server."""

    def __init__(self, url: str, *, seconds: float, workers: int) -> None:
        self.url, self.seconds = url.rstrip("/"), seconds
        self.workers = workers

    async def check(self, header: str, body: str) -> tuple[Mapping[str, Any], int]:
        """Return the response to header and body, and how many lines the header has.

        Raises:
            AccessError: it turns us away.
            VerifierError: the server failed.
        """
        code = f"{header}\n{body}"
        name = uuid.uuid4().hex
        asked = {
            "snippets": [{"id": name, "code": code}],
            "timeout": max(1, round(self.seconds)),
            "debug": False,
            "reuse": True,
        }
        with boundary(VerifierError, f"lean server {shown(self.url)}"):
            try:
                answer = await self.post(asked)
            except Exception:
                waits.failed(self.url)
                raise
            result = _result(answer, name)
        return _response(result, self.seconds), header.count("\n") + 1

    async def post(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send one request."""
        key = os.environ.get("LEAN_SERVER_API_KEY", "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limit = aiohttp.ClientTimeout(total=self.seconds + GRACE_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=limit, headers=headers) as session,
            session.post(f"{self.url}/api/check", json=asked) as reply,
        ):
            if reply.status != 200:  # noqa: PLR2004 - HTTP
                text = (await reply.text())[:200]
                kind = AccessError if reply.status in TURNED_AWAY else VerifierError
                raise kind(f"lean server {shown(self.url)}: status {reply.status}: {text}")
            answer: Mapping[str, Any] = await reply.json()
            waits.answered(self.url)
            await asyncio.sleep(0)
            return answer


def _result(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = [result for result in answer["results"] if result["id"] == name]
    if len(found) != 1:
        raise VerifierError("lean server: no result for the snippet that was sent")
    result: Mapping[str, Any] = found[0]
    return result


def _response(result: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
    error = str(result.get("error") or "")
    if any(word in error.lower() for word in LATE):
        return {"limit": f"time limit: {seconds:g} s"}
    if any(word in error.lower() for word in FULL):
        return {"limit": "memory limit of the server"}
    if error:
        raise VerifierError(f"lean server: {error[:200]}")
    response = result.get("response")
    if not isinstance(response, Mapping):
        raise VerifierError("lean server: a result without a response")
    return response
