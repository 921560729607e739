"""Coverage and selection curves of one model under one verifier, with their intervals."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from vervet.analysis.recorded import Floats, Ints, Judged
from vervet.analysis.schema import CoverageRow, SelectionRow
from vervet.stats.best_of import best_of
from vervet.stats.coverage import coverage
from vervet.stats.estimate import Estimate
from vervet.stats.fixed_problems import fixed_coverage
from vervet.stats.resampling import Band, bootstrap_curve, mean_curve
from vervet.stats.votes import majority

ENOUGH_PROBLEMS = 0.9
"""A k belongs to the default grid while this share of problems has that many samples."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What every estimate of an analysis shares."""

    ks: tuple[int, ...] = ()
    """Asked for; empty means the default grid."""
    level: float = 0.95
    seed: int = 0

    @property
    def rng(self) -> np.random.Generator:
        """Return a fresh generator, so that every curve resamples the same problems."""
        return np.random.default_rng(self.seed)

    def depth(self, total: Ints) -> int:
        """Return the k that nearly all problems have enough samples for."""
        counts = np.sort(total)
        return int(counts[int((1 - ENOUGH_PROBLEMS) * len(counts))]) if len(counts) else 0

    def grid(self, total: Ints) -> list[int]:
        """Return the k to report: those asked for, else 1, 2, 5, 10, ... as far as samples go."""
        if self.ks:
            return sorted(self.ks)
        largest = self.depth(total)
        steps = [m * 10**e for e in range(8) for m in (1, 2, 5)]
        return [k for k in steps if k < largest] + ([largest] if largest else [])


def intervals(values: Floats, settings: Settings, samples: int) -> list[Estimate]:
    """Return the mean over problems at every k, by the bootstrap of problems.

    Where all problems agree the bootstrap has no width; the closed form has, and says so.
    """
    if not len(values):
        return []
    drawn = bootstrap_curve(values, rng=settings.rng, level=settings.level, samples=samples)
    closed = mean_curve(values, level=settings.level, samples=samples)
    return [_wider(drawn, closed, i) for i in range(values.shape[1])]


def _wider(drawn: Band, closed: Band, place: int) -> Estimate:
    return (drawn if np.isfinite(drawn.low[place]) else closed).at(place)


def measured(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate as the fields that every row shares."""
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "level": estimate.level,
        "method": estimate.method,
        "problems": estimate.problems,
        "samples": estimate.samples,
        "excluded": estimate.excluded,
        "reason": estimate.reason,
    }


def coverage_rows(judged: Judged, settings: Settings) -> list[CoverageRow]:
    """Return coverage at every k."""
    total = judged.total
    ks = settings.grid(total)
    values = coverage(judged.correct, total, k=ks)
    samples = int(total.sum())
    fixed = fixed_coverage(judged.correct, total, k=ks, level=settings.level)
    return [
        CoverageRow(
            model=judged.drawn.model,
            verifier=judged.verifier,
            k=k,
            fixed_low=same.low,
            fixed_high=same.high,
            **measured(found),
        )
        for k, same, found in zip(ks, fixed, intervals(values, settings, samples), strict=True)
    ]


def selection_rows(judged: Judged, settings: Settings) -> list[SelectionRow]:
    """Return the expected accuracy of every way to pick one of k samples that the rows allow."""
    total = judged.total
    ks, samples = settings.grid(total), int(total.sum())
    return [
        SelectionRow(
            model=judged.drawn.model,
            policy=policy,
            verifier=judged.verifier,
            by=by,
            k=k,
            **measured(found),
        )
        for policy, by, values in _selections(judged, ks)
        for k, found in zip(ks, intervals(values, settings, samples), strict=True)
    ]


def _selections(judged: Judged, ks: list[int]) -> Iterator[tuple[str, str, Floats]]:
    if (judged.answer >= 0).any():
        yield "majority", "answers", majority(judged.ballots(), k=ks)
    logprob = judged.drawn.number("logprob")
    if np.isfinite(logprob[judged.judged]).any():
        yield "best-of", "logprob", best_of(*judged.split(logprob, judged.accepted), k=ks)
