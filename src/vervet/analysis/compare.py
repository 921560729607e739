"""Two models on the same problems, paired, so that what they have in common cancels."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from vervet.analysis.curves import Settings, measured
from vervet.analysis.recorded import Floats, Ints, Judged
from vervet.analysis.schema import DifferenceRow
from vervet.stats.coverage import coverage
from vervet.stats.resampling import paired_difference


def difference_rows(judged: Sequence[Judged], settings: Settings) -> list[DifferenceRow]:
    """Return the difference in coverage of every two models under one verifier."""
    return [
        DifferenceRow(
            model=one.drawn.model,
            other=two.drawn.model,
            verifier=one.verifier,
            k=k,
            **measured(paired_difference(*values, level=settings.level)),
        )
        for one, two in combinations(judged, 2)
        if one.verifier == two.verifier and one.drawn.model != two.drawn.model
        for k, values in _paired(one, two, settings)
    ]


def _paired(
    one: Judged, two: Judged, settings: Settings
) -> list[tuple[int, tuple[Floats, Floats]]]:
    """Return coverage by problem of both, for the problems both have, at every k of both."""
    shared = [p for p in one.drawn.problems if p in set(two.drawn.problems)]
    if not shared:
        return []
    counts = [_counts(each, shared) for each in (one, two)]
    ks = settings.grid(np.minimum(counts[0][1], counts[1][1]))
    values = [coverage(correct, total, k=ks) for correct, total in counts]
    return [(k, (values[0][:, i], values[1][:, i])) for i, k in enumerate(ks)]


def _counts(judged: Judged, problems: Sequence[str]) -> tuple[Ints, Ints]:
    place = {name: i for i, name in enumerate(judged.drawn.problems)}
    at = [place[name] for name in problems]
    return judged.correct[at], judged.total[at]
