"""What names a sampler, and which seed a sample gets."""

import json
from collections import deque
from hashlib import blake2b
from typing import Any

SEED_BITS = 30
"""Seeds stay below 2**31, which every known server takes."""


def sampler_id(name: str, **parameters: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return `name@hash`, the hash being over everything that shapes the distribution of replies.

    Where the model is reached (URL, key, host) is provenance and stays out.

    >>> sampler_id("llama", temperature=0.6) == sampler_id("llama", temperature=0.6)
    True
    >>> sampler_id("llama", temperature=0.6) == sampler_id("llama", temperature=0.7)
    False
    """
    canonical = json.dumps({"name": name, **parameters}, sort_keys=True, separators=(",", ":"))
    return f"{name}@{blake2b(canonical.encode(), digest_size=5).hexdigest()}"


def seed_for(run_seed: int, problem_id: str, index: int) -> int:
    """Return the seed of sample `index`: an offset of (run, problem), plus the index.

    A request for n samples starting at `index` owns the seeds index..index+n-1 of its problem.
    vLLM gives choice j the seed of the request plus j, so choice j has the very seed that a
    request of its own would have had, and no two samples of a problem share one.

    >>> seed_for(0, "p", 7) - seed_for(0, "p", 0)
    7
    """
    key = f"{run_seed}\0{problem_id}".encode("utf-8", "surrogatepass")
    offset = int.from_bytes(blake2b(key, digest_size=4).digest()) >> (32 - SEED_BITS)
    return offset + index


def take_consecutive(pending: deque[int], most: int) -> list[int]:
    """Take up to `most` consecutive indices off the left: the samples of one request.

    >>> take_consecutive(deque([3, 4, 5, 9]), 8)
    [3, 4, 5]
    """
    taken = [pending.popleft()]
    while pending and len(taken) < most and pending[0] == taken[-1] + 1:
        taken.append(pending.popleft())
    return taken
