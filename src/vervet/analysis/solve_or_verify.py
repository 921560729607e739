"""Solve or verify: the success surface over S and V, and where verification overtakes the vote."""

from dataclasses import dataclass

import numpy as np

from vervet.analysis.curves import Settings, intervals, measured
from vervet.analysis.recorded import Floats, Judged
from vervet.analysis.schema import CrossingRow, SuccessRow
from vervet.stats.resampling import resample
from vervet.stats.solve_or_verify import Rule, crossing, frontier, vote_frontier
from vervet.stats.surface import surface
from vervet.stats.votes import majority

RULES = (Rule("knee"), Rule("peak"))
"""How a crossing is read off; each is reported, for the factor depends on it."""


@dataclass(frozen=True, slots=True)
class Surface:
    """Success by problem, S and V of one judge, with what a verification costs."""

    judged: Judged
    truth: Judged
    cells: Floats
    """Shape (problems, S, V)."""
    solutions: list[int]
    verifications: list[int]
    ratio: float
    """λ, the cost of a verification in solutions; NaN where not known."""


def surface_of(
    judged: Judged, truth: Judged, settings: Settings, *, cost_ratio: float | None
) -> Surface | None:
    """Return the surface of a judge that was asked several times about each sample."""
    depth = judged.trials
    if depth < 2:  # noqa: PLR2004 - one verdict a sample is no surface
        return None
    ratio = measured_ratio(judged) if cost_ratio is None else cost_ratio
    parts = judged.split(judged.accepts, judged.accepts + judged.rejects, truth.accepted)
    solutions, verifications = powers(settings.depth(judged.total)), powers(depth)
    cells = surface(*parts, solutions=solutions, verifications=verifications)
    return Surface(judged, truth, cells, solutions, verifications, ratio)


def success_rows(found: Surface, settings: Settings) -> list[SuccessRow]:
    """Return every cell with its interval over problems."""
    flat = found.cells.reshape(len(found.cells), -1)
    estimates = intervals(flat, settings, int(found.judged.total.sum()))
    pairs = [(s, v) for s in found.solutions for v in found.verifications]
    return [
        SuccessRow(
            model=found.judged.drawn.model,
            verifier=found.truth.verifier,
            judge=found.judged.verifier,
            solutions=s,
            verifications=v,
            cost=s * (1 + found.ratio * v),
            **measured(estimate),
        )
        for (s, v), estimate in zip(pairs, estimates, strict=True)
    ]


def crossing_rows(found: Surface, settings: Settings) -> list[CrossingRow]:
    """Return the compute at which verification first matches the vote, by each rule."""
    if not found.ratio > 0 or not (found.truth.answer >= 0).any():
        return []
    problems = len(found.cells)
    weights = resample(problems, rng=settings.rng)
    verify = frontier(
        found.cells, solutions=found.solutions, verifications=found.verifications,
        ratio=found.ratio, weights=weights,
    )  # fmt: skip
    votes = majority(found.truth.ballots(), k=found.solutions)
    vote = vote_frontier(votes, solutions=found.solutions, weights=weights)
    return [
        CrossingRow(
            model=found.judged.drawn.model,
            verifier=found.truth.verifier,
            judge=found.judged.verifier,
            rule=read.rule,
            cost_ratio=found.ratio,
            reference_cost=read.reference_cost,
            crossing_cost=read.crossing_cost,
            never=read.never,
            **measured(read.ratio),
        )
        for rule in RULES
        for read in [crossing(verify, vote, rule=rule, level=settings.level, problems=problems)]
    ]


def powers(most: int) -> list[int]:
    """Return 1, 2, 4, ... and `most`.

    >>> powers(10)
    [1, 2, 4, 8, 10]
    """
    found = [2**i for i in range(most.bit_length()) if 2**i < most]
    return [*found, most] if most else []


def measured_ratio(judged: Judged) -> float:
    """Return λ from tokens: what a verification takes over what a solution takes, prompts included.

    NaN where either was not counted.
    """
    drawn = judged.drawn
    solution = drawn.number("prompt_tokens") + drawn.number("completion_tokens")
    counted = solution[np.isfinite(solution)]
    return judged.tokens / float(counted.mean()) if len(counted) else float("nan")
