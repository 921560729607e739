"""Coverage and selection curves of one model under one verifier, with their intervals."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from vervet.analysis.recorded import Floats, Ints, Judged
from vervet.analysis.schema import CoverageRow, SelectionRow
from vervet.analysis.weighing import weighted_vote
from vervet.stats.best_of import best_of
from vervet.stats.coverage import coverage
from vervet.stats.estimate import Estimate
from vervet.stats.fixed_problems import fixed_coverage
from vervet.stats.resampling import Band, bootstrap_curve, mean_curve, shares
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
        """Return the k that nearly all problems of which any sample is judged have enough for."""
        counts = np.sort(total[total > 0])
        return int(counts[int((1 - ENOUGH_PROBLEMS) * len(counts))]) if len(counts) else 0

    def grid(self, total: Ints) -> list[int]:
        """Return the k to report: those asked for, else 1, 2, 5, 10, ... as far as samples go."""
        if self.ks:
            return sorted(self.ks)
        largest = self.depth(total)
        steps = [m * 10**e for e in range(8) for m in (1, 2, 5)]
        return [k for k in steps if k < largest] + ([largest] if largest else [])


def intervals(values: Floats, settings: Settings, samples: int) -> list[Estimate]:
    """Return the mean over problems at every k, with its interval."""
    return list(_band(values, settings, samples, joint=False).estimates()) if len(values) else []


def curve(values: Floats, settings: Settings, samples: int) -> list[dict[str, Any]]:
    """Return the same as the fields of rows, with the band that holds the whole curve at once."""
    if not len(values):
        return []
    band = _band(values, settings, samples)
    sides = zip(band.estimates(), band.band_low.tolist(), band.band_high.tolist(), strict=True)
    return [{**measured(e), "band_low": low, "band_high": high} for e, low, high in sides]


def _band(values: Floats, settings: Settings, samples: int, *, joint: bool = True) -> Band:
    """Return the curve by the closed form for values in 0..1, else by the bootstrap of problems.

    Without a `joint` band nothing is drawn for the closed form.
    """
    if not shares(values):
        return bootstrap_curve(values, rng=settings.rng, level=settings.level, samples=samples)
    rng = settings.rng if joint else None
    return mean_curve(values, rng=rng, level=settings.level, samples=samples)


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
            **found,
        )
        for k, same, found in zip(ks, fixed, curve(values, settings, samples), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Picked:
    """What one way to pick a sample brings on every problem at every k."""

    truth: Judged
    policy: str
    by: str
    ks: list[int]
    values: Floats
    """Shape (problems, ks)."""
    error: Floats | None = None
    """Standard error by problem, where draws were random."""

    @property
    def name(self) -> str:
        """What the way is called."""
        return self.policy if self.policy == "majority" else f"{self.policy} by {self.by}"

    def rows(self, settings: Settings) -> list[SelectionRow]:
        """Return the curve with its intervals."""
        errors = np.zeros(len(self.ks)) if self.error is None else _pooled(self.error)
        found = curve(self.values, settings, int(self.truth.total.sum()))
        return [
            SelectionRow(
                model=self.truth.drawn.model,
                policy=self.policy,
                verifier=self.truth.verifier,
                by=self.by,
                k=k,
                error=float(error),
                **fields,
            )
            for k, error, fields in zip(self.ks, errors, found, strict=True)
        ]


def _pooled(errors: Floats) -> Floats:
    """Return the standard error of the mean over problems."""
    known = np.isfinite(errors)
    return np.asarray(
        np.sqrt(np.where(known, errors**2, 0).sum(axis=0)) / np.maximum(known.sum(axis=0), 1)
    )


def picks(judged: Judged, settings: Settings) -> Iterator[Picked]:
    """Yield the ways to pick a sample that need no other verifier."""
    ks = settings.grid(judged.total)
    if (judged.answer >= 0).any():
        yield Picked(judged, "majority", "answers", ks, majority(judged.ballots(), k=ks))
    logprob = judged.drawn.number("logprob")
    if np.isfinite(logprob[judged.judged]).any():
        values = best_of(*judged.split(logprob, judged.accepted), k=ks)
        yield Picked(judged, "best-of", "logprob", ks, values)


def picks_by(judged: Judged, truth: Judged, settings: Settings) -> Iterator[Picked]:
    """Yield the ways to pick a sample by the scores, or the repeated verdicts, of `judged`."""
    scores = judged.graded
    if not np.isfinite(scores[truth.judged]).any():
        return
    ks = settings.grid(truth.total)
    parts = truth.split(scores, truth.accepted)
    yield Picked(truth, "best-of", judged.verifier, ks, best_of(*parts, k=ks))
    if (truth.answer >= 0).any():
        found = weighted_vote(*truth.split(truth.answer), *parts, ks=ks, rng=settings.rng)
        yield Picked(truth, "weighted", judged.verifier, ks, found.value, found.error)
