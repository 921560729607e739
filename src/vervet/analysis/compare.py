"""Two models, two policies or two verifiers on the same problems: what they share cancels."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from vervet.analysis.curves import Picked, Settings, measured
from vervet.analysis.imperfect import confusion
from vervet.analysis.recorded import Floats, Ints, Judged
from vervet.analysis.schema import DifferenceRow
from vervet.stats.coverage import coverage
from vervet.stats.first_accepted import first_accepted
from vervet.stats.resampling import paired_difference

DIGITS = 12


def difference_rows(judged: Sequence[Judged], settings: Settings) -> Iterator[DifferenceRow]:
    """Yield the difference in coverage of every two models under one verifier."""
    for one, two in combinations(judged, 2):
        if one.verifier == two.verifier and one.drawn.model != two.drawn.model:
            for k, values in _paired(one, two, settings):
                yield DifferenceRow(
                    model=one.drawn.model,
                    other=two.drawn.model,
                    verifier=one.verifier,
                    k=k,
                    **measured(paired_difference(*values, level=settings.level)),
                )


def policy_rows(
    truth: Judged, others: Sequence[Judged], picked: Sequence[Picked], settings: Settings
) -> Iterator[DifferenceRow]:
    """Yield the difference in accuracy of every two ways to pick one of k samples of a model."""
    ways = [*picked, *(_first(other, truth, settings) for other in others)]
    model, verifier = truth.drawn.model, truth.verifier
    for one, two in combinations(ways, 2):
        for place, k in enumerate(one.ks):
            if k in two.ks:
                pair = one.values[:, place], two.values[:, two.ks.index(k)]
                yield DifferenceRow(
                    model=model,
                    other=model,
                    verifier=verifier,
                    k=k,
                    measure=one.name,
                    other_measure=two.name,
                    **measured(paired_difference(*_exact(pair), level=settings.level)),
                )


def verifier_rows(judges: Sequence[Judged], settings: Settings) -> Iterator[DifferenceRow]:
    """Yield the difference in coverage by every two verifiers of one model's samples."""
    for one, two in combinations(judges, 2):
        both = one.judged & two.judged
        total = one.count(both)
        ks = settings.grid(total[total > 0])
        values = [coverage(each.count(both & each.accepted), total, k=ks) for each in (one, two)]
        for place, k in enumerate(ks):
            pair = values[0][:, place], values[1][:, place]
            yield DifferenceRow(
                model=one.drawn.model,
                other=two.drawn.model,
                verifier=one.verifier,
                other_verifier=two.verifier,
                k=k,
                **measured(paired_difference(*pair, level=settings.level)),
            )


def _exact(pair: tuple[Floats, Floats]) -> list[Floats]:
    """Return values without the noise of their last digits: equal ones are equal."""
    return [np.round(values, DIGITS) for values in pair]


def _first(judged: Judged, truth: Judged, settings: Settings) -> Picked:
    table = confusion(judged, truth)
    ks = settings.grid(table.total)
    brought = first_accepted(table.true_accept, table.accepted, table.total, k=ks)
    return Picked(truth, "first-accepted", judged.verifier, ks, brought.true_positive)


def _paired(
    one: Judged, two: Judged, settings: Settings
) -> list[tuple[int, tuple[Floats, Floats]]]:
    """Return coverage by problem of both, for the problems both have, at every k of both."""
    theirs = set(two.drawn.problems)
    shared = [p for p in one.drawn.problems if p in theirs]
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
