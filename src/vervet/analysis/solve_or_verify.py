"""Solve or verify: the success surface over S and V, and where verification overtakes the vote."""

from dataclasses import dataclass, replace

import numpy as np

from vervet.analysis.cost_ratio import Ratio
from vervet.analysis.curves import Settings, intervals, measured
from vervet.analysis.recorded import Floats, Ints, Judged
from vervet.analysis.schema import CrossingRow, SuccessRow
from vervet.stats.resampling import resample
from vervet.stats.solve_or_verify import Curve, Rule, crossing, frontier, vote_frontier
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
    votes: Floats | None
    """Success of a vote over S solutions, shape (problems, S); None where nothing can vote."""
    solutions: list[int]
    verifications: list[int]
    ratio: float
    """λ, the cost of a verification in solutions; NaN where not known."""
    source: str
    """Where λ comes from."""

    @property
    def rates(self) -> Floats:
        """Share of right samples of each problem."""
        return self.truth.correct / np.maximum(self.truth.total, 1)

    def weights(self, settings: Settings) -> Floats:
        """Return the bootstrap samples of problems that everything here is paired by."""
        return resample(len(self.cells), rng=settings.rng)

    def part(self, problems: Ints) -> "Surface":
        """Return the surface of some of the problems."""
        votes = None if self.votes is None else self.votes[problems]
        return replace(self, cells=self.cells[problems], votes=votes)


def surface_of(
    judged: Judged, truth: Judged, settings: Settings, *, cost_ratio: Ratio, whole: bool = False
) -> Surface | None:
    """Return the surface of a judge that was asked several times about each sample.

    Its cells are powers of two, up to the solutions that nearly all problems have; or every S and
    V that any problem has, if it is to be `whole` (then without the vote, which has no V).
    Problems on which nothing was judged are left out.

    Both the judge's verdicts and the vote are read from the solutions that both sides judged: one
    pool for both.
    """
    both = judged.judged & truth.judged
    depth = int((judged.accepts + judged.rejects)[both].max(initial=0))
    if depth < 2:  # noqa: PLR2004 - one verdict a sample is no surface
        return None
    parts = judged.split(
        judged.accepts, judged.accepts + judged.rejects, truth.accepted, which=both
    )
    many = judged.count(both)
    many = many[many > 0]
    solutions, verifications = powers(settings.depth(many)), powers(depth)
    if whole:
        solutions, verifications = list(range(1, int(many.max()) + 1)), list(range(1, depth + 1))
    cells = surface(*parts, solutions=solutions, verifications=verifications)
    votes = None
    if not whole and (truth.answer[both] >= 0).any():
        votes = majority(truth.ballots(both), k=solutions)
    ratio, source = cost_ratio.of(judged)
    return Surface(judged, truth, cells, votes, solutions, verifications, ratio, source)


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
            cost_ratio=found.ratio,
            cost_source=found.source,
            **measured(estimate),
        )
        for (s, v), estimate in zip(pairs, estimates, strict=True)
    ]


def crossing_rows(found: Surface, settings: Settings) -> list[CrossingRow]:
    """Return the compute at which verification first matches the vote, by each rule."""
    if not found.ratio > 0 or found.votes is None:
        return []
    problems = len(found.cells)
    verify, vote = frontiers(found, settings)
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


def frontiers(
    found: Surface, settings: Settings
) -> tuple[tuple[Curve, Floats], tuple[Curve, Floats]]:
    """Return the frontier of verification and the vote's curve, on the same bootstrap samples.

    Where nothing can vote, its curve is unknown.
    """
    weights = found.weights(settings)
    verify = frontier(
        found.cells, solutions=found.solutions, verifications=found.verifications,
        ratio=found.ratio, weights=weights,
    )  # fmt: skip
    votes = np.full(found.cells.shape[:2], np.nan) if found.votes is None else found.votes
    return verify, vote_frontier(votes, solutions=found.solutions, weights=weights)


def powers(most: int) -> list[int]:
    """Return 1, 2, 4, ... and `most`.

    >>> powers(10)
    [1, 2, 4, 8, 10]
    """
    found = [2**i for i in range(most.bit_length()) if 2**i < most]
    return [*found, most] if most else []
