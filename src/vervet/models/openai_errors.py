"""What a failing server said: which kind of trouble it is, in one line, without I/O."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from math import isfinite
from typing import Any

from vervet.models.concurrency import OVERLOADED, RATE_LIMITED

LONGEST_MESSAGE = 300
TRANSIENT = {408, 409, 421, 423, 425, 429, 529}
"""Statuses below 500 (and 529) that may pass; any other 4xx will not."""
OUT_OF_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "insufficient_balance")
FILTERED = ("content_filter", "content_policy_violation", "contentfilter", "prompt_blocked")


TURNED_AWAY = {401, 403, 404}
MODERATED = re.compile(r"flagged|moderation", re.IGNORECASE)


class Kind(Enum):
    """What to do about a failure; the value is the factor on the connections, 1 for none."""

    RATE_LIMITED = RATE_LIMITED
    OVERLOADED = OVERLOADED
    BROKEN = 1.0
    """The connection or the reply broke; the same request may work next time."""


class Trouble(Exception):  # noqa: N818 - not the last word: it is tried again
    """A failure that may pass."""

    def __init__(self, kind: Kind, message: str, wait: float = 0.0, *, grave: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.wait = wait
        """Seconds the server asked us to wait."""
        self.grave = grave
        """Slow to find out and unlikely to pass: three of these are enough."""


class Refused(Exception):  # noqa: N818 - the server's answer, which may be met by asking less
    """The server understood and said no; the same request will fail again."""

    def __init__(self, status: int, message: str, said: "Said") -> None:
        super().__init__(message)
        self.status = status
        self.said = said


@dataclass(frozen=True, slots=True)
class Said:
    """What an error body says."""

    message: str
    codes: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    """Body fields the server names as the culprit."""

    def has(self, codes: Iterable[str]) -> bool:
        """Whether any code is among `codes`."""
        return not set(codes).isdisjoint(self.codes)

    def is_about_us(self, status: int) -> bool:
        """Whether a refusal is about key or model, and so will meet every request.

        >>> Said("Incorrect API key").is_about_us(401), Said("input was flagged").is_about_us(403)
        (True, False)
        """
        return status in TURNED_AWAY and not MODERATED.search(self.message)

    def refuses(self, optional: Iterable[str]) -> str | None:
        """Return which of the optional fields the server refuses, None where it does not say.

        >>> Said("Unsupported parameter: 'logprobs'").refuses(["n", "logprobs"])
        'logprobs'
        """
        names = list(optional)
        tests = (
            lambda f: f in self.fields,
            lambda f: re.search(rf"""['"`\\]{re.escape(f)}['"`\\]""", self.message),
            lambda f: re.search(rf"(?:^|[\s(,.:]){re.escape(f)}{_VERDICT}", self.message),
        )
        return next((f for names_it in tests for f in names if names_it(f)), None)


_VERDICT = r"(?:\s*[=<>:]|\s+(?:must|is|should|not|has|cannot|larger|greater))"


def said(body: bytes) -> Said:
    """Read an error body: OpenAI's form, FastAPI's, plain text, or an HTML page."""
    text = body[:20_000].decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return Said(_page(text))
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else parsed
    if isinstance(error, str):
        return Said(one_line(error))
    if not isinstance(error, dict):
        return Said(one_line(text))
    return _table(error, text)


def _table(error: dict[str, Any], text: str) -> Said:
    detail = error.get("detail")
    items = [d for d in detail if isinstance(d, dict)] if isinstance(detail, list) else []
    message = error.get("message") or (detail if isinstance(detail, str) else None)
    inner = error.get("innererror")
    codes = [
        error.get("code"),
        error.get("type"),
        inner.get("code") if isinstance(inner, dict) else 0,
    ]
    named = [error.get("param"), *(part for d in items for part in _location(d))]
    return Said(
        one_line(str(message or text)),
        tuple(c.lower() for c in codes if isinstance(c, str)),
        tuple(f for f in named if isinstance(f, str)),
    )


def _location(detail: dict[str, Any]) -> list[Any]:
    loc = detail.get("loc")
    return loc if isinstance(loc, list) else []


def _page(text: str) -> str:
    if "<html" not in text.lower() and "<!doctype" not in text.lower():
        return one_line(text)
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    return f"an HTML page ({one_line(title[1])})" if title else "an HTML page"


def one_line(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Return `text` as one printable line of bounded length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * longest]).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def judge(status: int, body: bytes, headers: Mapping[str, str]) -> Trouble | Refused:
    """Return what a reply other than a good 200 means.

    429 and the overload statuses may pass and slow us down; other 5xx may pass; the rest won't.
    """
    words = said(body)
    line = f"HTTP {status}: {words.message}" if words.message else f"HTTP {status}"
    if 300 <= status < 400:  # noqa: PLR2004 - redirects
        target = one_line(headers.get("Location", "nowhere"))
        return Refused(status, f"HTTP {status}: redirects to {target}; use that address", words)
    if words.has(OUT_OF_MONEY):
        return Refused(status, line, words)
    wait = retry_after(headers)
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return Trouble(Kind.RATE_LIMITED, line, wait)
    if status in {503, 504, 529, 408}:
        return Trouble(Kind.OVERLOADED, line, wait)
    if (status >= 500 and status != 501) or status in TRANSIENT:  # noqa: PLR2004 - server errors
        return Trouble(Kind.BROKEN, line, wait)
    return Refused(status, line, words)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """Return the seconds a server asks to wait: from milliseconds, seconds or a date; else 0.

    >>> retry_after({"Retry-After": "7"})
    7.0
    """
    for name, unit in (("retry-after-ms", 1e-3), ("Retry-After", 1.0)):
        given = headers.get(name)
        if given is None:
            continue
        try:
            seconds = float(given) * unit
        except ValueError:
            seconds = _until(given, now or datetime.now(UTC))
        return max(0.0, seconds) if isfinite(seconds) else 0.0
    return 0.0


def _until(date: str, now: datetime) -> float:
    try:
        then = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return 0.0
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return (then - now).total_seconds()
