"""What a client is told when it gets no answer, in the form that every OpenAI client reads."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from vervet.errors import VervetError

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
MOST_CHARACTERS = 2_000


class Refusal(VervetError):  # noqa: N818 - an answer to the client, not a failure of ours
    """The request is answered with an error status: why, and which field is to blame."""

    def __init__(
        self, status: int, message: str, *, code: str = "", param: str = "", wait: float = 0.0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.wait = wait
        """Seconds after which trying again makes sense; 0 where it does not."""

    @property
    def headers(self) -> dict[str, str]:
        """Return Retry-After, in whole seconds, where there is something to wait for."""
        return {"Retry-After": str(max(1, round(self.wait)))} if self.wait else {}

    def body(self) -> dict[str, Any]:
        """Return the error as OpenAI writes it.

        >>> Refusal(400, "no messages", param="messages").body()["error"]["type"]
        'invalid_request_error'
        """
        kind = "api_error" if self.status >= 500 else KINDS.get(self.status, KINDS[400])  # noqa: PLR2004 - server errors
        message = str(self)[:MOST_CHARACTERS]
        error = {"message": message, "type": kind, "param": self.param or None}
        return {"error": error | {"code": self.code or None}}

    def response(self, headers: Mapping[str, str] | None = None) -> web.Response:
        """Return the error as an HTTP response."""
        return web.json_response(
            self.body(), status=self.status, headers={**self.headers, **(headers or {})}
        )
