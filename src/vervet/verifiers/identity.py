"""What names a verifier: a changed grader makes other rows."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any


def verifier_id(name: str, version: str, parameters: Mapping[str, Any]) -> str:
    """Return `name@version-hash`, the hash being over the parameters.

    The order in which parameters are written does not matter; their values do.

    >>> verifier_id("exact", "1", {"a": 1, "b": 2}) == verifier_id("exact", "1", {"b": 2, "a": 1})
    True
    >>> verifier_id("exact", "1", {}) == verifier_id("exact", "2", {})
    False
    """
    canonical = json.dumps(dict(parameters), sort_keys=True, separators=(",", ":"), default=str)
    return f"{name}@{version}-{blake2b(canonical.encode(), digest_size=4).hexdigest()}"
