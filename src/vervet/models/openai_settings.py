"""What is asked of an OpenAI-compatible endpoint, and how it is carried there.

`Generation` shapes the replies and is hashed into the sampler's name. `Link` is how the endpoint is
reached: provenance, never identity. Both are validated here, where settings enter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import inf
from typing import Any, Literal, get_args
from urllib.parse import urlsplit, urlunsplit

from vervet.errors import ConfigError, shown
from vervet.types import NOTHING

Kind = Literal["chat", "completions"]
PATHS: dict[Kind, str] = {"chat": "/chat/completions", "completions": "/completions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Everything that shapes the distribution of replies. None is not sent: the server decides."""

    model: str
    revision: str = ""
    endpoint: Kind = "chat"
    system: str = ""
    template: str = "{prompt}"
    """Text around a problem's prompt; a conversation (`messages`) is sent as it is."""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """More of the request body: top_k, min_p, reasoning_effort, chat_template_kwargs, ..."""

    def __post_init__(self) -> None:
        _require(bool(self.model), "model", self.model, "a name, as in openai/llama-3.1-8b")
        _require(self.endpoint in PATHS, "endpoint", self.endpoint, f"one of {get_args(Kind)}")
        _require("{prompt}" in self.template, "template", self.template, "text with {prompt}")
        _within("temperature", self.temperature, 0, inf)
        _within("top_p", self.top_p, 0, 1)
        _within("max_tokens", self.max_tokens, 1, inf)
        object.__setattr__(self, "stop", _strings(self.stop))
        _require(isinstance(self.extra, Mapping), "extra", self.extra, "a table of body fields")
        object.__setattr__(self, "extra", dict(self.extra))

    def identity(self) -> dict[str, Any]:
        """Return what the sampler's name hashes, as plain JSON data: all that is not a default.

        >>> Generation(model="llama", temperature=0.6).identity()
        {'model': 'llama', 'temperature': 0.6}
        """
        chosen = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: v for k, v in chosen.items() if k == "model" or v != getattr(_DEFAULT, k)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """How the endpoint is reached, and how patiently. No field of it enters the identity."""

    host: str = "openai"
    """Name of the host, for prices."""
    base_url: str = field(default="https://api.openai.com/v1", repr=False)
    """May hold a user, a password or a token: see `shown`."""
    api_key: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING, repr=False)
    proxy: str | None = field(default=None, repr=False)
    seed: int = 0
    """Seed of the run; each request's own seed derives from it."""
    seed_field: str | None = "seed"
    """What the host calls a seed; None where it takes none."""
    logprobs: bool = False
    """Ask for log-probabilities: the sum is stored, and token counts become exact at n > 1."""
    samples_per_request: int = 64
    """Choices asked of one request, at most: hosts take up to 128, and a broken one loses all."""
    max_connections: int = 100
    timeout: float = 600.0
    """Seconds for one request, from sending to the last byte."""
    idle_timeout: float = 60.0
    """Seconds without a byte once the reply has begun."""
    tries: int = 8
    longest_wait: float = 60.0
    """Most seconds between two tries, whatever Retry-After says."""
    max_body: int = 256 * 2**20
    """Bytes of a reply beyond which it is refused."""

    def __post_init__(self) -> None:
        good = is_address(self.base_url)
        _require(good, "base_url", shown(self.base_url), "an address like http://localhost:8000/v1")
        for name in ("samples_per_request", "max_connections", "tries", "max_body"):
            _within(name, getattr(self, name), 1, inf)
        for name in ("timeout", "idle_timeout"):
            _within(name, getattr(self, name), 1e-3, inf)
        _within("longest_wait", self.longest_wait, 0, inf)
        _within("seed", self.seed, -inf, inf)
        object.__setattr__(self, "headers", dict(self.headers))

    def url(self, endpoint: Kind) -> str:
        """Return the address requests go to; `base_url` may be given with or without the path."""
        parts = urlsplit(self.base_url)
        root = parts.path.rstrip("/")
        for path in PATHS.values():  # the longer first: both end in /completions
            root = root.removesuffix(path)
        return urlunsplit(parts._replace(path=root + PATHS[endpoint]))


def is_address(url: str) -> bool:
    """Whether requests can be sent there.

    >>> is_address("http://localhost:8000/v1"), is_address("localhost"), is_address("http://h:99999")
    (True, False, False)
    """
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _strings(given: Any) -> tuple[str, ...]:  # noqa: ANN401 - as a user wrote it
    return (given,) if isinstance(given, str) else tuple(map(str, given))


def _within(name: str, value: float | None, low: float, high: float) -> None:
    if value is None:
        return
    good = isinstance(value, int | float) and low <= value <= high
    _require(good, name, value, f"a number in [{low:g}, {high:g}]")


def _require(good: bool, name: str, value: object, wanted: str) -> None:  # noqa: FBT001
    if not good:
        raise ConfigError(f"{name}={value!r} is not {wanted}.")


_DEFAULT = Generation(model="-")
