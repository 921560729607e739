"""The OpenAPI document of the gateway; the tests send what it allows and check what it promises."""

import json
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any


@cache
def _written() -> str:
    return files("vervet.serving").joinpath("openapi.json").read_text("utf-8")


def document(most_bytes: int) -> dict[str, Any]:
    """Return the document, with the version and the limits of this gateway.

    >>> sorted(document(1024)["paths"])[:2]
    ['/healthz', '/metrics']
    """
    found: dict[str, Any] = json.loads(_written())
    found["info"]["version"] = version("vervet")
    found["components"]["responses"]["TooLarge"]["description"] = (
        f"The body has more than {most_bytes} bytes."
    )
    return found
