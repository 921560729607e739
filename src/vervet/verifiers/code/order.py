"""In which order the tests of a function are run, and which inputs go ahead of the rest.

Most wrong programs fail one of the first few tests or one on a small input, where the edge cases
are. So a few go first, and the rest, which may be thousands, is sent only to a program that passed
them. What the reference solution needs long for comes last: no wrong program should cost seconds
that a cheap test would have saved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vervet.verifiers.sandbox.slots import pack
from vervet.verifiers.sandbox.wire import encode

AHEAD = 24
"""Tests of the first batch."""
LEADING = 8
"""Tests that keep their place: a benchmark's own come first, and were chosen to tell."""
COSTLY_SECONDS = 0.005
"""What the reference solution takes longer for is costly. Well above a timer's noise, so that
the order is the same in every run."""


@dataclass(frozen=True)
class Plan:
    """The order of a problem's tests; made once for a problem."""

    inputs: tuple[Any, ...]
    order: tuple[int, ...]
    costly: frozenset[int]

    @cached_property
    def ahead(self) -> tuple[int, ...]:
        """Return the tests of the first batch: none of them costly."""
        return tuple(at for at in self.order[:AHEAD] if at not in self.costly)

    @cached_property
    def behind(self) -> tuple[int, ...]:
        """Return the tests of the second batch."""
        return self.order[len(self.ahead) :]

    @cached_property
    def rest(self) -> bytes:
        """The inputs of the second batch as they are sent; packed once for all samples."""
        return pack([self.inputs[at] for at in self.behind])

    @cached_property
    def places(self) -> dict[int, int]:
        """Where in the second batch each of its tests is."""
        return {test: place for place, test in enumerate(self.behind)}

    def batches(self, first: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
        """Return the first batch, the second, and the places of the second to be left out.

        `first` are tests to be run before all others; costly ones keep their place.

        >>> plan_of([[0], [1], [2]], (0.0, 1.0, 0.0)).batches([2, 1])
        ([2, 0], [1], [])
        """
        chosen = [at for at in first if at not in self.costly]
        ahead = [*chosen, *(at for at in self.ahead if at not in chosen)]
        behind = [at for at in self.behind if at not in chosen] if chosen else list(self.behind)
        return ahead, behind, [self.places[at] for at in chosen if at in self.places]


def plan_of(
    inputs: Sequence[Any], seconds: Sequence[float] = (), left_out: Sequence[int] = ()
) -> Plan:
    """Return the order for `inputs`, of which the reference solution took `seconds` each.

    >>> plan_of("abc", (0.5, 0.001, 0.1)).order
    (1, 2, 0)
    >>> plan_of("abc", left_out=[1]).order
    (0, 2)
    >>> plan_of([*range(8), 100, 20, 3]).order
    (0, 1, 2, 3, 4, 5, 6, 7, 10, 9, 8)
    """
    times = seconds or (0.0,) * len(inputs)
    cost = [spent if spent > COSTLY_SECONDS else 0.0 for spent in times]
    size = [0 if at < LEADING else len(encode(given)) for at, given in enumerate(inputs)]
    kept = (at for at in range(len(inputs)) if at not in left_out)
    order = sorted(kept, key=lambda at: (cost[at], size[at]))
    return Plan(tuple(inputs), tuple(order), frozenset(at for at in order if cost[at]))
