"""Weighted votes: the answer whose samples' weights add up to most, among k samples.

Exact for whole-number weights, fixed or random (the accepting verdicts among V drawn). With the
tilt of `plurality`, a sample of weight law g_τ contributes 1 - q + q z g_τ(x), so the weight of
answer i has the generating function Π_τ (1 - q + q z g_τ(x))^{m_iτ}; its coefficients in x come
from one Fourier transform, those in z from another, and ties from the integral over y.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Bools, Floats, Ints, attempts, whole
from vervet.stats.laws import NEGLIGIBLE, circle, hypergeometric
from vervet.stats.quadrature import REACH, cells, fewest_nodes

Complexes = npt.NDArray[np.complex128]
TINY = 1e-300
FINEST = 64
"""Weights that are multiples of 1/d for a d up to this are counted exactly."""
LARGEST = 1e7
"""Votes that would need more complex numbers than this are estimated instead."""
ROUNDING = 1e-9
AT_ONCE = 1_000_000
"""Random numbers that are drawn at a time."""


@dataclass(frozen=True, slots=True)
class WeightedVotes:
    """Expected accuracy per problem and k, with the standard error where it was estimated."""

    value: Floats
    """Shape (problems, len(k)); NaN where k exceeds the samples."""
    error: Floats
    """Standard error of the Monte Carlo draws; 0 where the value is exact."""


def weighted_majority(
    answers: Sequence[npt.ArrayLike],
    weights: Sequence[npt.ArrayLike],
    correct: Sequence[npt.ArrayLike],
    *,
    k: npt.ArrayLike,
    rng: np.random.Generator | None = None,
    draws: int = 4000,
) -> WeightedVotes:
    """Return the expected accuracy of a weighted vote among k samples, per problem.

    The answer with the largest sum of weights wins, `argmax_a Σ_i w_i [a_i = a]`; ties among
    the answers present are split evenly. A sample without an answer, or with a NaN weight, takes
    a place but does not vote. Exact over all subsets where the weights are multiples of 1/d with
    d ≤ 64 and not negative; otherwise `draws` random subsets, with their standard error.

    Args:
        answers: per problem, a whole number per sample for its answer; -1 for none.
        weights: per problem, one weight per sample.
        correct: per problem, whether each sample is right (an answer is, if any sample of it is).
        k: numbers of samples drawn.
        rng: for the draws; needed only where weights are not whole.
        draws: random subsets per problem.

    Source: weighted self-consistency of 2407.21787, sect. 4.1 (reward model + majority).

    >>> vote = weighted_majority([[0, 0, 1]], [[1, 1, 3]], [[True, True, False]], k=[1, 3])
    >>> vote.value.round(4)
    array([[0.6667, 0.    ]])
    """
    ks = attempts(k)
    value = np.full((len(answers), len(ks)), np.nan)
    error = np.zeros_like(value)
    for row, columns in enumerate(zip(answers, weights, correct, strict=True)):
        names = whole(columns[0], "answers", least=-1)
        loads, right = np.asarray(columns[1], dtype=np.float64), np.asarray(columns[2], dtype=bool)
        poll = _fixed(names, loads, right)
        for place, size in enumerate(ks.tolist()):
            if size > len(names):
                continue
            if poll is not None and poll.size(size) < LARGEST:
                value[row, place] = poll.win(size)
            elif rng is None:
                raise ValueError("these weights are not whole multiples of 1/64: pass rng")
            else:
                value[row, place], error[row, place] = _estimated(
                    names, loads, right, k=size, rng=rng, draws=draws
                )
    return WeightedVotes(value, error)


def vote_surface(
    answers: Sequence[npt.ArrayLike],
    accepted: Sequence[npt.ArrayLike],
    judged: Sequence[npt.ArrayLike],
    correct: Sequence[npt.ArrayLike],
    *,
    solutions: npt.ArrayLike,
    verifications: npt.ArrayLike,
) -> Floats:
    """Return the expected accuracy of verify-then-vote over S solutions and V verdicts each.

    Each solution votes for its answer with the number of accepting verdicts among V drawn from
    its recorded ones; the answer with the largest sum wins, ties split evenly. Exact over all
    subsets of solutions and of verdicts. A solution with fewer than V verdicts casts
    `V / judged` times those it has only if that is whole, and does not vote otherwise.

    Returns:
        Shape (problems, len(solutions), len(verifications)); NaN where S exceeds the solutions.

    Source: weighted self-consistency in the code of 2504.01005 (`weighted_sc`).

    >>> vote_surface([[0, 1]], [[2, 1]], [[2, 2]], [[True, False]], solutions=2, verifications=1)
    array([[[0.75]]])
    """
    many, depth = attempts(solutions), attempts(verifications)
    result = np.full((len(answers), len(many), len(depth)), np.nan)
    for row, columns in enumerate(zip(answers, accepted, judged, correct, strict=True)):
        names = whole(columns[0], "answers", least=-1)
        yes, seen = np.broadcast_arrays(whole(columns[1], "accepted"), whole(columns[2], "judged"))
        right = np.asarray(columns[3], dtype=np.bool_)
        for column, deep in enumerate(depth.tolist()):
            poll = _judged(names, yes, seen, right, deep)
            for place in np.flatnonzero(many <= poll.total):
                result[row, place, column] = poll.win(int(many[place]))
    return result


@dataclass(frozen=True, slots=True)
class _Poll:
    """One problem's samples, grouped: who says what, and by what law of weights."""

    laws: Floats
    """Law of the weight per type, shape (types, largest weight + 1)."""
    members: Ints
    """Samples per answer and type, shape (answers, types)."""
    correct: Bools
    """Right answers."""
    total: int
    """All samples, also those that do not vote."""

    @classmethod
    def of(cls, names: Ints, kind: Ints, laws: Floats, *, right: Bools, votes: Bools) -> "_Poll":
        """Count the voting samples per answer and type; `kind` has one entry per voting sample."""
        said, answer = np.unique(names[votes], return_inverse=True)
        members = np.zeros((len(said), len(laws)), dtype=np.int64)
        np.add.at(members, (answer, kind), 1)
        true = np.isin(said, names[(names >= 0) & right])
        return cls(laws, members, true, len(names))

    def width(self, k: int) -> int:
        """Return how many sums an answer can reach with k samples."""
        top = (self.laws > 0) * np.arange(self.laws.shape[1])
        largest = top.max(axis=1, initial=0)
        return int(min((self.members @ largest).max(initial=0), k * largest.max(initial=0))) + 1

    def size(self, k: int) -> float:
        """Return how many complex numbers the exact vote of k samples needs."""
        return len(self.members) * self.width(k) * (circle(self.total, k)[1] // 2 + 1)

    def win(self, k: int) -> float:
        """Return the exact chance that a right answer wins among k samples."""
        share = k / self.total
        chance, points = circle(self.total, k)
        turn = np.exp(np.linspace(0, 2j * np.pi, points + 1)[: points // 2 + 1])
        silent = self.total - int(self.members.sum())
        rest = (1 - share + share * turn) ** silent * turn ** (-k)
        table = self._sums(share, turn, self.width(k))
        absent = (1 - share) ** self.members.sum(axis=1).astype(np.float64)
        table[:, :, 0] -= absent[:, None]
        under = absent[:, None, None] + np.cumsum(table, axis=2) - table
        twice = np.where(np.arange(len(turn)) * 2 % points == 0, 1.0, 2.0)
        values = [
            _share_of(j, table, under, rest / chance) for j in np.flatnonzero(self.correct).tolist()
        ]
        total = float(np.sum(np.array(values).reshape(-1, len(turn)) @ twice)) / points
        return min(max(total, 0.0), 1.0)

    def _sums(self, share: float, turn: Complexes, width: int) -> Complexes:
        """Return the law of every answer's weight at every point z, (answers, points, sums)."""
        waves = np.fft.fft(self.laws, n=width, axis=1)
        single = 1 - share + share * turn[:, None, None] * waves
        with np.errstate(divide="ignore"):
            logs = np.log(np.where(single == 0, TINY, single))
        product = np.exp(np.tensordot(self.members.astype(np.float64), logs, axes=(1, 1)))
        return np.asarray(np.fft.ifft(product, axis=2))


def _share_of(winner: int, table: Complexes, under: Complexes, rest: Complexes) -> Floats:
    """Return what one answer's wins contribute at every point z."""
    rivals = np.arange(len(table)) != winner
    own, votes, below = table[winner], table[rivals], under[rivals]
    reach = np.clip((below + votes)[:, 0].real, TINY, 1.0)
    limit = np.abs(own[0]) * np.abs(rest[0]) * np.prod(reach, axis=0)
    alive = np.flatnonzero(limit > NEGLIGIBLE)
    ties = np.clip(votes[:, 0, alive].real / reach[:, alive], 0.0, 1.0).sum(axis=0)
    log_size = np.log(limit[alive])[:, None] + np.outer(ties, REACH - 1)
    row, y, weight = cells(fewest_nodes(log_size, np.full(len(alive), len(votes))))
    product = own[:, alive[row]] * weight
    for vote, lower in zip(votes, below, strict=True):
        product *= lower[:, alive[row]] + y * vote[:, alive[row]]
    return np.asarray((product.sum(axis=1) * rest).real)


def _fixed(names: Ints, loads: Floats, right: Bools) -> _Poll | None:
    """Group samples of fixed weights; None where the weights are not whole multiples of 1/d."""
    votes = (names >= 0) & ~np.isnan(loads)
    units = _units(loads[votes])
    if units is None:
        return None
    kinds, kind = np.unique(units, return_inverse=True)
    laws = np.zeros((len(kinds), int(kinds.max(initial=0)) + 1))
    laws[np.arange(len(kinds)), kinds] = 1.0
    return _Poll.of(names, kind, laws, right=right, votes=votes)


def _units(weights: Floats) -> Ints | None:
    """Return the weights in units of 1/d for the smallest d ≤ 64 that makes them whole."""
    if np.any(weights < 0) or not np.all(np.isfinite(weights)):
        return None
    for parts in range(1, FINEST + 1):
        scaled = weights * parts
        if np.all(np.abs(scaled - np.rint(scaled)) <= ROUNDING):
            return np.rint(scaled).astype(np.int64)
    return None


def _judged(names: Ints, yes: Ints, seen: Ints, right: Bools, depth: int) -> _Poll:
    """Group samples whose weight is the accepting verdicts among `depth` of those recorded."""
    scaled, divisor = yes * depth, np.maximum(seen, 1)
    whole_share = (seen >= depth) | (scaled % divisor == 0)
    votes = (names >= 0) & (seen > 0) & whole_share
    pairs = np.stack([seen[votes], yes[votes]], axis=1)
    kinds, kind = np.unique(pairs, axis=0, return_inverse=True)
    laws = np.zeros((len(kinds), depth + 1))
    for row, (total, hits) in enumerate(kinds.tolist()):
        if total < depth:
            laws[row, hits * depth // total] = 1.0
        else:
            laws[row] = hypergeometric(total, hits, depth)
    return _Poll.of(names, kind.ravel(), laws, right=right, votes=votes)


def _estimated(
    names: Ints, loads: Floats, right: Bools, *, k: int, rng: np.random.Generator, draws: int
) -> tuple[float, float]:
    """Return the mean outcome of random subsets and its standard error."""
    votes = (names >= 0) & ~np.isnan(loads)
    said, answer = np.unique(np.where(votes, names, -1), return_inverse=True)
    true = np.isin(said, names[(names >= 0) & right]) & (said >= 0)
    loads = np.where(votes, loads, 0.0)
    rows = max(1, AT_ONCE // len(names))
    outcomes = []
    for start in range(0, draws, rows):
        order = rng.random((min(rows, draws - start), len(names)))
        drawn = np.argpartition(order, k - 1, axis=1)[:, :k]
        outcomes.append(_won(drawn, answer, loads, votes, true))
    outcome = np.concatenate(outcomes)
    return float(outcome.mean()), float(outcome.std(ddof=1) / np.sqrt(draws))


def _won(drawn: Ints, answer: Ints, loads: Floats, votes: Bools, true: Bools) -> Floats:
    """Return the right share of the leading answers in every subset; 0 where none is present."""
    cells = (np.arange(len(drawn)) * len(true))[:, None] + answer[drawn]
    size = len(drawn) * len(true)
    cast = votes[drawn].astype(np.float64).ravel()
    sums, present = (
        np.bincount(cells.ravel(), weight, minlength=size).reshape(len(drawn), len(true))
        for weight in (loads[drawn].ravel(), cast)
    )
    sums = np.where(present > 0, sums, -np.inf)
    leads = (present > 0) & (sums >= sums.max(axis=1, keepdims=True) - ROUNDING)
    return np.asarray((leads & true).sum(axis=1) / np.maximum(leads.sum(axis=1), 1))
