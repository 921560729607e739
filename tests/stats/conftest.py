"""Brute-force oracles in rational arithmetic: every subset is enumerated."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product
from math import comb
from types import SimpleNamespace

import pytest

Law = Sequence[tuple[Fraction | None, Fraction]]


def majority(counts: Sequence[int], correct: Sequence[bool], silent: int, k: int) -> float:
    """Enumerate every composition of a subset of k votes."""
    won = Fraction(0)
    for votes in product(*[range(c + 1) for c in counts]):
        rest = k - sum(votes)
        if not 0 <= rest <= silent or not any(votes):
            continue
        ways = comb(silent, rest)
        for count, vote in zip(counts, votes, strict=True):
            ways *= comb(count, vote)
        top = [i for i, vote in enumerate(votes) if vote == max(votes)]
        won += Fraction(ways * sum(correct[i] for i in top), len(top))
    return float(won / comb(sum(counts) + silent, k))


def majority_drawn_again(
    counts: Sequence[int], correct: Sequence[bool], silent: int, k: int
) -> float:
    """Enumerate every sequence of k draws with replacement."""
    total = sum(counts) + silent
    won = Fraction(0)
    for drawn in product(range(len(counts) + 1), repeat=k):
        weight = Fraction(1)
        for i in drawn:
            weight *= Fraction((*counts, silent)[i], total)
        votes = [drawn.count(i) for i in range(len(counts))]
        if any(votes):
            top = [i for i, vote in enumerate(votes) if vote == max(votes)]
            won += weight * Fraction(sum(correct[i] for i in top), len(top))
    return float(won)


def verdict_law(yes: int, judged: int, depth: int, *, mean: bool) -> Law:
    """Return the law of the sum or mean of `depth` verdicts of those recorded."""
    if judged == 0:
        return [(None, Fraction(1))]
    drawn = min(depth, judged)
    return [
        (Fraction(x, drawn if mean else 1), Fraction(ways, comb(judged, drawn)))
        for x in range(drawn + 1)
        if (ways := comb(yes, x) * comb(judged - yes, drawn - x))
    ]


def best_of(laws: Sequence[Law], right: Sequence[bool], k: int) -> float:
    """Enumerate every subset of k candidates and every outcome of their scores."""
    won = Fraction(0)
    for subset in combinations(range(len(laws)), k):
        for outcome in product(*[laws[i] for i in subset]):
            chance = Fraction(1)
            for _, weight in outcome:
                chance *= weight
            scored = [
                (score, i)
                for (score, _), i in zip(outcome, subset, strict=True)
                if score is not None
            ]
            if scored:
                best = max(score for score, _ in scored)
                top = [i for score, i in scored if score == best]
                won += chance * Fraction(sum(bool(right[i]) for i in top), len(top))
    return float(won / comb(len(laws), k))


def weighted(names: Sequence[int], laws: Sequence[Law], right: Sequence[bool], k: int) -> float:
    """Enumerate every subset of k samples and every outcome of their weights."""
    good = {name for name, fine in zip(names, right, strict=True) if fine and name >= 0}
    won = Fraction(0)
    for subset in combinations(range(len(names)), k):
        for outcome in product(*[laws[i] for i in subset]):
            chance, sums = Fraction(1), dict[int, Fraction]()
            for i, (load, weight) in zip(subset, outcome, strict=True):
                chance *= weight
                if names[i] >= 0 and load is not None:
                    sums[names[i]] = sums.get(names[i], Fraction(0)) + load
            if sums:
                top = [name for name, total in sums.items() if total == max(sums.values())]
                won += chance * Fraction(sum(name in good for name in top), len(top))
    return float(won / comb(len(names), k))


@pytest.fixture(scope="session")
def exact() -> SimpleNamespace:
    """Return the oracles."""
    return SimpleNamespace(
        majority=majority,
        majority_drawn_again=majority_drawn_again,
        verdict_law=verdict_law,
        best_of=best_of,
        weighted=weighted,
    )
