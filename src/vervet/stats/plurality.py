"""The chance that one answer wins a plurality vote among k samples: the exact engine.

Let X_i be the number of votes for answer i. Drawn without replacement, (X_1, X_2, ...) is a row
of independent Binomial(c_i, k/n) given that they add up to k (Poisson(k c_i/n) with replacement).
So, with b_i(u) = P(X_i = u) and A_i,t = Σ_{u<t} b_i(u) z^u,

    P(j wins) = [z^k] Σ_t b_j(t) z^t ∫_0^1 Π_{i≠j} (A_i,t(z) + y b_i(t) z^t) dy / P(ΣX = k)

where ∫ y^r dy = 1/(r+1) splits an (r+1)-way tie. The coefficient is a discrete Fourier transform
over points z = exp(2πi f/F), and the integral a Gauss-Legendre rule. Three bounds, each proven
from |A_i,t + y b_i z^t| ≤ 1, make it fast without giving up 1e-13: rows t that no product can
lift above rounding are left out, points z are dropped once the running product is below it, and
each row gets just as many Gauss nodes as its ties need.

Source: the formula is the multivariate hypergeometric law; the bounds are ours.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Floats, Ints
from vervet.stats.laws import NEGLIGIBLE, Laws, binomials, poissons, sum_law
from vervet.stats.quadrature import REACH, cells, fewest_nodes

Complexes = npt.NDArray[np.complex128]

TINY = 1e-300
WORTH_TRIMMING = 0.9
"""Copying the product costs about as much as carrying a tenth of its points along."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How the votes of one subset of k samples arise: one law per answer, given their sum."""

    k: int
    laws: Callable[[Ints], Laws]
    """The law of the votes of an answer that c samples give."""
    transform: Callable[[int, Complexes], Complexes]
    """Its generating function at points z, for c samples together."""
    chance: float
    """P(ΣX = k)."""
    points: int
    """F: so many points that what wraps around is negligible."""


def without_replacement(total: int, k: int) -> Draw:
    """Return the draw of k of `total` samples, none twice; 1 ≤ k < total."""
    share = k / total
    law = binomials(np.array([total]), share)

    def transform(count: int, z: Complexes) -> Complexes:
        return np.asarray((1 - share + share * z) ** count)

    chance, points = sum_law(law, k)
    return Draw(k, lambda c: binomials(c, share), transform, chance, min(points, total + 1))


def with_replacement(total: int, k: int) -> Draw:
    """Return the draw of k samples of an endless supply with these shares of answers."""
    share = k / total

    def transform(count: int, z: Complexes) -> Complexes:
        return np.asarray(np.exp(count * share * (z - 1)))

    chance, points = sum_law(poissons(np.array([float(k)])), k)
    return Draw(k, lambda c: poissons(c * share), transform, chance, points)


def win_chance(draw: Draw, winner: int, rivals: Ints, silent: int) -> float:
    """Return the chance that an answer given by `winner` samples is chosen, ties split evenly.

    Args:
        draw: how the k votes are drawn.
        winner: samples that give this answer.
        rivals: samples that give each other answer.
        silent: samples without an answer; they are drawn, but never vote.
    """
    if winner == 0:
        return 0.0
    field = _Field.build(draw, winner, rivals, silent)
    return 0.0 if field is None else field.solve()


@dataclass(frozen=True, slots=True)
class _Field:
    """The rows t = first, first + 1, ... in which the winner may hold t votes, and its rivals."""

    draw: Draw
    first: int
    own: Floats
    """b_j(t) of the winner."""
    limit: Floats
    """A bound on what row t can contribute, relative to the result."""
    ballots: Laws
    """Laws of the rivals that can reach a row; the others are in `bulk`."""
    heads: Ints
    """How many answers share each law."""
    bulk: int
    """Samples whose answers cannot reach any row, or that hold none."""

    @classmethod
    def build(cls, draw: Draw, winner: int, rivals: Ints, silent: int) -> "_Field | None":
        """Leave out the rows that cannot matter and fold the rivals that cannot win."""
        sizes, heads = np.unique(rivals[rivals > 0], return_counts=True)
        mine, ballots = draw.laws(np.array([winner])), draw.laws(sizes)
        first = max(1, int(mine.first[0]))
        stop = min(int(mine.first[0]) + mine.pmf.shape[1], draw.k + 1)
        own = mine.on(first, max(first, stop))[0]
        votes, under = ballots.on(first, max(first, stop)), ballots.below(first)[:, None]
        ceiling = np.minimum(under + np.cumsum(votes, axis=1), 1.0)
        limit = own * np.prod(ceiling ** heads[:, None], axis=0) / draw.chance
        alive = np.flatnonzero(limit > NEGLIGIBLE)
        if not len(alive):
            return None
        kept = slice(int(alive[0]), int(alive[-1]) + 1)
        first += int(alive[0])
        weak = ballots.reaching(first) < NEGLIGIBLE * draw.chance
        bulk = silent + int((sizes * heads)[weak].sum())
        return cls(draw, first, own[kept], limit[kept], ballots.only(~weak), heads[~weak], bulk)

    def solve(self) -> float:
        """Return the coefficient: rows × ties × points, one rival at a time."""
        row, node, weight = self._cells()
        z = np.arange(self.draw.points // 2 + 1)
        product = self._start(z)
        keep = self._audible(product)
        z, product = z[keep], product[:, keep][row]
        grid = min(int(self.ballots.first.min(initial=self.first)), self.first)
        votes = self.ballots.on(grid, self.first + len(self.own))
        power = self._powers(z, grid, votes.shape[1])
        for index in np.argsort(self.ballots.first):
            terms = votes[index][:, None] * power
            under = np.cumsum(terms, axis=0) - terms
            factor = under[self.first - grid :][row] + node * terms[self.first - grid :][row]
            product *= _power(factor, int(self.heads[index]))
            keep = self._audible(product)
            if keep.sum() < WORTH_TRIMMING * len(z):
                z, product, power = z[keep], product[:, keep], power[:, keep]
        both = np.where((z == 0) | (2 * z == self.draw.points), 1, 2)
        won = float(weight @ product.real @ both) / self.draw.points / self.draw.chance
        return min(max(won, 0.0), 1.0)

    def _powers(self, points: Ints, start: int, count: int) -> Complexes:
        """Return z^u for u = start .. start + count - 1; the angle is reduced exactly."""
        roots = np.exp(2j * np.pi / self.draw.points * np.arange(self.draw.points))
        return np.asarray(roots[np.outer(np.arange(start, start + count), points) % len(roots)])

    def _start(self, points: Ints) -> Complexes:
        """Return b_j(t) z^(t-k) times the votes of all that cannot win, shape (rows, points)."""
        rows = self._powers(points, self.first - self.draw.k, len(self.own))
        circle = self._powers(points, 1, 1)[0]
        return np.asarray(self.own[:, None] * rows * self.draw.transform(self.bulk, circle))

    def _audible(self, product: Complexes) -> npt.NDArray[np.bool_]:
        """Tell which points can still matter: every later factor is at most one in size."""
        floor = (NEGLIGIBLE * self.draw.chance / len(product)) ** 2
        return np.asarray((product.real**2 + product.imag**2).max(axis=0) > floor)

    def _cells(self) -> tuple[Ints, Floats, Floats]:
        """Return (row, Gauss node, weight) of every term of the sum over rows and ties.

        Π (A + y b) ≤ Π (A + b) exp((y-1) Λ) with Λ = Σ b/(A + b), the expected ties of the row.
        """
        rows = np.arange(self.first, self.first + len(self.own))
        votes = self.ballots.on(self.first, self.first + len(rows))
        under = self.ballots.below(self.first)[:, None] + np.cumsum(votes, axis=1)
        ties = (self.heads[:, None] * votes / np.maximum(under, votes + TINY)).sum(axis=0)
        most = np.minimum(int(self.heads.sum()), self.draw.k // rows - 1)
        log_size = np.log(self.limit + TINY)[:, None] + np.outer(ties, REACH - 1)
        nodes = fewest_nodes(log_size, np.maximum(most, 0))
        row, point, weight = cells(nodes)
        return row, point[:, None], weight


def _power(base: Complexes, exponent: int) -> Complexes:
    """Return base**exponent by squaring, which is both faster and more exact than pow."""
    result = base if exponent & 1 else np.ones_like(base)
    while exponent := exponent >> 1:
        base = base * base
        result = result * base if exponent & 1 else result
    return result
