"""Known hosts: their addresses, and where their keys are. The one place that reads keys."""

import tomllib
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from vervet.errors import ConfigError


@cache
def table() -> dict[str, dict[str, Any]]:
    """Return the settings of every known host, from `hosts.toml`."""
    return tomllib.loads(files("vervet.models").joinpath("hosts.toml").read_text("utf-8"))


def defaults(host: str, environment: Mapping[str, str], folder: Path = Path()) -> dict[str, Any]:
    """Return the settings that `host`, the environment and `.env` in `folder` give.

    The environment wins over `.env`. A host that is not in the table has its address in
    <NAME>_BASE_URL and its key in <NAME>_API_KEY.

    >>> defaults("vllm", {})["base_url"]
    'http://localhost:8000/v1'

    Raises:
        ConfigError: an unknown host whose address is nowhere.
    """
    name = host.upper().replace("-", "_")
    known = dict(table().get(host, {}))
    key = known.pop("key", f"{name}_API_KEY")
    address = known.pop("address", f"{name}_BASE_URL")
    values = {**dotenv(folder / ".env"), **environment}
    if url := values.get(address) or known.get("base_url"):
        return {**known, "base_url": url, "api_key": values.get(key, "")}
    raise ConfigError(
        f"no host called {host!r}. Set {address}, or use openai/NAME with --base-url."
    )


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for `url`, None for a direct connection."""
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def dotenv(path: Path) -> dict[str, str]:
    """Return the KEY=VALUE lines of a `.env` file; nothing where there is none."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.removeprefix("export ").partition("=") for line in map(str.strip, lines))
    return {
        key.strip(): value.strip().strip("\"'")
        for key, equals, value in pairs
        if equals and not key.startswith("#")
    }


def __getattr__(name: str) -> Callable[..., Any]:
    """Return the builder of the host called `name`, so that each is a name in the registry."""
    if name.startswith("_") or name not in table():
        raise AttributeError(name)
    from vervet.models.openai_api import connect  # noqa: PLC0415 - it imports this module

    return partial(connect, host=name)
