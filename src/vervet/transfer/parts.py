"""A run in parts that fit in memory: whole problems, about so many samples of them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from vervet.store import Run
from vervet.types import Problem, Sample

SAMPLES_AT_ONCE = 200_000
"""Every read goes over all shards, so a part is as large as memory allows."""


def parts(run: Run) -> Iterator[tuple[list[Problem], dict[str, Any]]]:
    """Yield the problems of each part in order, and the condition that reads its rows only."""
    counts: Counter[str] = Counter()
    for (problem_id, _), indices in run.keys(Sample).items():
        counts[problem_id] += len(indices)
    problems = run.problems()
    if counts.total() <= SAMPLES_AT_ONCE:
        yield problems, {}
        return
    part: list[Problem] = []
    size = 0
    for problem in problems:
        part.append(problem)
        size += counts[problem.id]
        if size >= SAMPLES_AT_ONCE:
            yield part, _of(part)
            part, size = [], 0
    if part:
        yield part, _of(part)


def _of(part: list[Problem]) -> dict[str, Any]:
    return {"problem_id": [problem.id for problem in part]}
