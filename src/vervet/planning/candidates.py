"""The policies that a plan compares, as far as the recorded rows can say."""

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from vervet.planning.archive import Shelf
from vervet.planning.reading import Found
from vervet.planning.terms import Terms
from vervet.policies.abstain import Abstain
from vervet.policies.best_of import BestOf
from vervet.policies.cascade import Cascade
from vervet.policies.certified import Certified
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.fixed import Fixed
from vervet.policies.flow import Policy
from vervet.policies.index import Index
from vervet.policies.majority import Majority
from vervet.policies.mixture import Mixture
from vervet.policies.pandora import LEAST, Pandora
from vervet.policies.posterior import Posterior
from vervet.policies.refine import Refine
from vervet.policies.verify_then_vote import VerifyThenVote
from vervet.policies.verify_ties import VerifyTies
from vervet.policies.weighted import Weighted

STEPS = (1, 2, 3, 4, 5, 8, 10, 16, 32, 64, 128, 256, 512, 1024)
TRUSTS = (0.3, 0.5, 0.7, 0.9)
CHEAP = (3, 5, 8)
"""Votes of the first model of a cascade."""
SURE = 8
"""Samples below which nothing is certified."""
LEVEL = (4, 8, 16)
"""Votes whose ties are judged."""
PRICES = (0.02, 0.1)
"""Prices of a score, in standard deviations of the scores."""
SHARED = ((2, 1), (4, 1), (4, 2))
"""Samples of the one model and of the other in a mixture."""
TURNS = (2, 3, 5)
"""Replies of a chain that is refined."""
EVERY = (4, 8, 16, 32)
"""Budgets of samples a problem that all problems share."""


def candidates(found: Found, terms: Terms) -> list[Policy]:
    """Return the policies to compare: every kind × model × n, S, V and thresholds."""
    shelves = found.archive.shelves
    alone = len(shelves) == 1
    kept: list[Policy] = []
    for name, shelf in shelves.items():
        model = "" if alone else name
        kept += _single(found, shelf, model)
        if terms.false_positive_cost or terms.abstain_cost:
            kept += _doubting(found, shelf, model, terms)
        if terms.together:
            kept += _together(found, shelf, model, terms)
    for one, two in permutations(shelves, 2):
        kept += [*_cascades(found, one, two), *_mixtures(found, one, two)]
    return kept


def steps(shelf: Shelf) -> list[int]:
    """Return the n to try: as many as every problem has samples."""
    least = int(shelf.size.min())
    return [n for n in STEPS if n < least] + [least]


def _single(found: Found, shelf: Shelf, model: str) -> Iterator[Policy]:
    yield Fixed(model)
    grid = steps(shelf)
    several = [n for n in grid if n > 1]
    judges = [name for name in found.usable if complete(shelf, name)]
    for reader in (r for r in found.readers if complete(shelf, r)):
        yield from (Majority(n, reader, model=model) for n in several if n > 2)  # noqa: PLR2004 - a vote of two is a sample
        yield from (Posterior(n, reader, model=model) for n in several if n > 4)  # noqa: PLR2004 - it never stops before
        yield from (Certified(n, reader, model=model) for n in several if n > SURE)
        for judge in (j for j in judges if j != reader and _graded(shelf, j)):
            for n in several:
                for trials in _trials(shelf, judge):
                    yield Weighted(n, reader, judge, trials, model)
                    yield VerifyThenVote(n, trials, judge, reader, model=model)
            yield from (VerifyTies(n, reader, judge, model=model) for n in LEVEL if n <= grid[-1])
    for judge in judges:
        yield from (FirstAccepted(n, judge, model) for n in grid)
        yield from _refined(shelf, judge, model)
        if _graded(shelf, judge):
            yield from (
                BestOf(n, judge, trials, model=model)
                for n in several
                for trials in _trials(shelf, judge)
            )
            if grid[-1] > LEAST:
                spread = float(np.nanstd(shelf.heard[judge].score))
                yield from (
                    Pandora(grid[-1], judge, round(share * spread, 4), model=model)
                    for share in PRICES
                )
    if np.isfinite(shelf.logprob[:, :-1]).all():
        yield from (BestOf(n, model=model) for n in several)


def _refined(shelf: Shelf, judge: str, model: str) -> Iterator[Policy]:
    """Return what shows the model why it was rejected, as far as that was recorded."""
    turns = [t for name, t in shelf.turns if name == judge]
    least = int(shelf.size.min())
    for most in (t for t in TURNS if t <= max(turns, default=1)):
        yield from (Refine(most, judge, n, model) for n in CHEAP if n <= least)
        yield Refine(most, judge, model=model)


def _doubting(found: Found, shelf: Shelf, model: str, terms: Terms) -> Iterator[Policy]:
    """Return votes that abstain: at round shares, and at the break-even precision."""
    even = terms.false_positive_cost - terms.abstain_cost
    level = round(max(even, 0.0) / (1 + max(even, 0.0)), 3)
    for reader in (r for r in found.readers if complete(shelf, r)):
        for n in (n for n in steps(shelf) if n > 2):  # noqa: PLR2004 - a vote of two is a sample
            for below in sorted({*TRUSTS, level}):
                yield Abstain(Majority(n, reader, model=model), below)


def _together(found: Found, shelf: Shelf, model: str, terms: Terms) -> Iterator[Policy]:
    """Return what shares one budget among all problems: of round sizes, and all there is."""
    least = int(shelf.size.min())
    sizes: set[float] = {n for n in EVERY if n < least}
    if terms.budget and terms.budget.unit == "samples":
        sizes |= {min(terms.budget.per_problem(found.archive.problems), least)}
    for budget in sorted(n for n in sizes if n >= 1):
        for by, names in (("votes", found.readers), ("accepted", found.usable)):
            for name in (n for n in names if complete(shelf, n)):
                yield Index(name, budget, least, by=by, model=model)


def _cascades(found: Found, first: str, then: str) -> Iterator[Policy]:
    one, two = (found.archive.shelves[name] for name in (first, then))
    for reader in (r for r in found.readers if complete(one, r)):
        for n in (n for n in CHEAP if n <= one.size.min()):
            cheap = Majority(n, reader, model=first)
            finals: list[Policy] = [Fixed(then)]
            if complete(two, reader) and two.size.min() >= CHEAP[-1]:
                finals.append(Majority(CHEAP[-1], reader, model=then))
            yield from (Cascade(cheap, last, below) for last in finals for below in TRUSTS[1:])
    for judge in (j for j in found.usable if complete(one, j)):
        for n in (n for n in steps(one) if n <= CHEAP[-1]):
            yield Cascade(FirstAccepted(n, judge, first), Fixed(then), 0.0)


def _mixtures(found: Found, one: str, two: str) -> Iterator[Policy]:
    """Return samples of both models at once: voted on, or the first accepted."""
    shelves = [found.archive.shelves[name] for name in (one, two)]
    for many, few in SHARED:
        if many > shelves[0].size.min() or few > shelves[1].size.min():
            continue
        models = f"{one}*{many}|{two}*{few}"
        for by, names in (("votes", found.readers), ("accepted", found.usable)):
            for name in (n for n in names if all(complete(shelf, n) for shelf in shelves)):
                yield Mixture(models, name, by=by)


def complete(shelf: Shelf, verifier: str) -> bool:
    """Tell whether a verifier judged every sample of a model."""
    told = shelf.heard[verifier].told if verifier in shelf.heard else None
    there = np.arange(shelf.right.shape[1]) < shelf.size[:, None]
    return told is not None and bool((told[there] > 0).all())


def _graded(shelf: Shelf, judge: str) -> bool:
    """Tell whether a verifier says more than yes or no: in scores or in repeated trials."""
    score = shelf.heard[judge].score
    known = score[np.isfinite(score)]
    return score.shape[2] > 1 or bool(((known != 0) & (known != 1)).any())


def _trials(shelf: Shelf, judge: str) -> list[int]:
    there = np.arange(shelf.right.shape[1]) < shelf.size[:, None]
    least = int(shelf.heard[judge].told[there].min())
    return [t for t in (1, 2, 4, 8, 16, 32) if t < least] + [least]
