"""Seconds until k samples are there, when so many requests run at once."""

import heapq
from collections.abc import Sequence
from math import ceil

from vervet.errors import ConfigError


def seconds_to_samples(
    samples: int, seconds_per_request: float, *, connections: int = 1, samples_per_request: int = 1
) -> float:
    """Return the seconds until `samples` samples are there, all requests taking equally long.

    ⌈⌈k / n⌉ / c⌉ × t: k samples, n a request, c requests at once, t seconds each.

    >>> seconds_to_samples(100, 2.0, connections=4, samples_per_request=10)
    6.0
    """
    for name, value in (("connections", connections), ("samples_per_request", samples_per_request)):
        if value < 1:
            raise ConfigError(f"{name}={value!r} is not at least 1.")
    requests = ceil(samples / samples_per_request)
    return ceil(requests / connections) * seconds_per_request


def finish_times(seconds: Sequence[float], connections: int) -> list[float]:
    """Return when each request ends, taken in order, each by the first connection that is free.

    The last of them is the makespan; entry k−1 of the sorted list is the time to k requests.

    >>> finish_times([3.0, 1.0, 1.0], connections=2)
    [3.0, 1.0, 2.0]
    """
    if connections < 1:
        raise ConfigError(f"connections={connections!r} is not at least 1.")
    free = [0.0] * min(connections, max(1, len(seconds)))
    ends = []
    for duration in seconds:
        end = heapq.heappop(free) + duration
        heapq.heappush(free, end)
        ends.append(end)
    return ends
