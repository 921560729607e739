"""Every error vervet raises, and the one place where foreign errors get a name.

    VervetError
      ConfigError      the user asked for something impossible; nothing ran
        MissingExtra   an optional part is not installed; the message names the extra
      ModelError       the endpoint failed (transport, status, malformed reply)
        AccessError    it turned us away for good (wrong key, no permission, no such model)
        PromptError    the model cannot be asked this
      SandboxError     the sandbox failed, not the code inside it
      VerifierError    the verifier failed, not the candidate
      StoreError       the run could not be read or written
      NotRecorded      a replay asked for more than the run contains

A wrong candidate is never an error: it is a `Verdict`.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit


class VervetError(Exception):
    """Base of every error vervet raises."""


class ConfigError(VervetError):
    """The user asked for something impossible; nothing ran."""


class MissingExtra(ConfigError):  # noqa: N818 - reads as a sentence at the raise site
    """An optional part is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs an optional part. Install it: pip install 'vervet[{extra}]'"
        )


class ModelError(VervetError):
    """The model's endpoint failed: transport, status or a malformed reply."""


class AccessError(ModelError):
    """The endpoint turned us away and will again: a wrong key, no permission, no such model."""


class PromptError(ModelError):
    """The model cannot be asked this: the prompt is longer than its context."""


class SandboxError(VervetError):
    """The sandbox failed, not the code inside it."""


class VerifierError(VervetError):
    """The verifier failed, not the candidate."""


class StoreError(VervetError):
    """The run could not be read or written."""


class NotRecorded(VervetError):  # noqa: N818 - reads as a sentence at the raise site
    """A replay asked for more than the run contains."""


@contextmanager
def boundary(error: type[VervetError], what: str) -> Iterator[None]:
    """Give every error that crosses `what` the type `error`; vervet's own pass unchanged."""
    try:
        yield
    except VervetError:
        raise
    except Exception as cause:
        raise error(f"{what}: {type(cause).__name__}: {cause}") from cause


def unreached(error: OSError) -> str:
    """Say why there is no connection, in the system's words; libraries repeat the address.

    >>> unreached(ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)"))
    'no connection: Connection refused'
    """
    number = error.errno or 0
    said = os.strerror(number) if number > 0 else error.strerror or type(error).__name__
    return f"no connection: {said}"


def shown(url: str) -> str:
    """Return `url` as a message may show it, without what may be secret: user, password, query.

    >>> shown("https://me:secret@host.example:8000/v1?api-key=abc")
    'https://host.example:8000/v1'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def hidden(url: str) -> list[str]:
    """Return the parts of `url` that `shown` leaves out.

    >>> hidden("https://me:secret@host.example:8000/v1?api-key=abc")
    ['me', 'secret', 'api-key=abc']
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return [url]
    return [part for part in (parts.username, parts.password, parts.query) if part]


SHORTEST_SECRET = 4
"""Characters: replacing anything shorter would only garble the message."""


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with every secret in it replaced.

    >>> masked("you sent sk-abcdef", ["sk-abcdef", ""])
    'you sent ***'
    """
    for secret in secrets:
        text = text.replace(secret, "***") if len(secret) >= SHORTEST_SECRET else text
    return text
