"""What a reader should know before trusting a number, in sentences."""

from collections.abc import Iterator, Sequence

import numpy as np

from vervet.analysis.parts import Asked, Part
from vervet.analysis.recorded import Judged
from vervet.analysis.schema import Document

FEWEST = 10
"""Samples a problem below which its share of right ones is too coarse to extrapolate."""


def notes(document: Document, parts: Sequence[Part], asked: Asked) -> Iterator[str]:
    """Yield cautions of forecasts, of exponents at the grid's edge, of audits; and what to ask."""
    yield from dict.fromkeys(
        f"Forecast of {row.model} by {row.verifier}: {warning}."
        for row in document.forecasts
        for warning in row.warnings
    )
    for row in document.exponents:
        if row.edge > 0:
            yield (
                f"The best number of {row.quantity} is the largest recorded at {row.edge:.0%} of "
                f"the budgets ({row.model}, {row.judge}): its exponent is biased low."
            )
    if document.audits:
        yield (
            "A correction by an audit holds if the audited samples were not chosen by what the "
            "corrected verifier said of them."
        )
    if document.mixtures:
        yield from dict.fromkeys(
            f"{each.drawn.model} has {depth:,} samples a problem: the shares a mixture is chosen "
            "by are coarse, and its coverage is overstated."
            for part in parts
            for each in part.judged
            if (depth := int(np.median(each.total))) < FEWEST
        )
    if asked.against is None:
        yield from dict.fromkeys(
            _surface(each, part) for part in parts for each in part.judged if each.trials > 1
        )


def _surface(judged: Judged, part: Part) -> str:
    others = sorted({e.verifier for e in part.named} - {judged.verifier})
    asked = f"{judged.verifier} was asked up to {judged.trials} times about a sample"
    if not others:
        return f"{asked}: judge by a second verifier to see what that brings."
    return f"{asked}: --against {others[0]} shows what that brings, if {others[0]} is the truth."
