"""Every error vervet raises, and the one place where foreign errors get a name.

    VervetError
      ConfigError      the user asked for something impossible; nothing ran
        MissingExtra   an optional part is not installed; the message names the extra
      ModelError       the endpoint failed (transport, status, malformed reply)
        AccessError    it turned us away for good (wrong key, no permission, no such model)
      SandboxError     the sandbox failed, not the code inside it
      VerifierError    the verifier failed, not the candidate
      StoreError       the run could not be read or written
      NotRecorded      a replay asked for more than the run contains

A wrong candidate is never an error: it is a `Verdict`.
"""

from collections.abc import Iterator
from contextlib import contextmanager


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
