"""Best of k when the scores themselves are random: the exact engine behind the S × V surface.

Candidates of one type share the law of their score. Break ties by a uniform y, so that a
candidate of type σ fails to beat (level g, y) with chance w_σ = P(score < g) + y P(score = g).
Of k candidates drawn from n, the chance that a right one is on top is

    Σ_g ∫_0^1 [z^k] Π_σ (1 + z w_σ)^{n_σ} Σ_τ r_τ P_τ(score = g) z / (1 + z w_τ) dy / C(n, k)

with n_σ candidates of type σ, r_σ of them right. The coefficient is a Fourier sum over the tilted
circle, so that C(n, k) becomes a binomial probability of ordinary size; a point (g, y, z) is left
out once the modulus of its product is below rounding.

Source: genrm's best-of-N (2504.01005), its expectation over subsets derived here.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import xlogy

from vervet.stats.arrays import Floats, Ints
from vervet.stats.laws import NEGLIGIBLE, binomials, sum_law
from vervet.stats.quadrature import REACH, cells, fewest_nodes

SMALL = 1e-300
ORDINARY = 0.01
"""Coefficients this far below the largest are read from a circle of their own."""
LOG_NEGLIGIBLE = float(np.log(NEGLIGIBLE))


@dataclass(frozen=True, slots=True)
class Types:
    """Candidates grouped by the law of their score."""

    law: Floats
    """P(score = level) per type, shape (types, levels), levels rising; a row of zeros: no score."""
    members: Ints
    """n_σ: candidates of each type."""
    right: Ints
    """r_σ: right ones among them."""


def best_of_random(types: Types, ks: Ints) -> Floats:
    """Return the chance that the best-scored of k candidates is right, for every k ≤ n."""
    total = int(types.members.sum())
    mixed = _Mixed.of(types)
    result = np.full(len(ks), np.nan)
    for tilt in _tilts(total, tuple(np.unique(ks[ks <= total]).tolist())):
        found = dict(zip(tilt.ks, mixed.best_of(tilt), strict=True))
        for place in np.flatnonzero(np.isin(ks, tilt.ks)):
            result[place] = found[int(ks[place])]
    return result


@dataclass(frozen=True, slots=True)
class _Tilt:
    """Neighbouring k that share one circle: each is an ordinary value of Binomial(n, q)."""

    ks: tuple[int, ...]
    share: float
    """q; every candidate is drawn with this chance."""
    chances: Floats
    """P(Binomial(n, q) = k)."""
    points: int


@lru_cache(maxsize=64)
def _tilts(total: int, ks: tuple[int, ...]) -> tuple[_Tilt, ...]:
    """Group rising k so that no coefficient is read where rounding would show."""
    result, rest = [], list(ks)
    while rest:
        first = rest[0]
        if first == total:
            result.append(_Tilt((first,), 1.0, np.ones(1), 1))
            break
        for centre in (min(int(first + 2 * np.sqrt(first)), total - 1), first):
            law = binomials(np.array([total]), centre / total)
            chances = law.on(first, total)[0]
            ample = chances >= ORDINARY * chances.max()
            group = [k for k in rest if k < total and ample[: k - first + 1].all()]
            if len(group) > 1 or centre == first:
                break
        group = group if len(group) > 1 else [first]
        points = max(sum_law(law, k)[1] for k in (group[0], group[-1]))
        near = chances[np.array(group) - first]
        result.append(_Tilt(tuple(group), centre / total, near, min(points, total + 1)))
        rest = rest[len(group) :]
    return tuple(result)


@dataclass(frozen=True, slots=True)
class _Mixed:
    """Per level, the types whose w depends on y or lies inside 0..1, padded to one width."""

    below: Floats
    """P(score < level), shape (levels, width)."""
    equal: Floats
    """P(score = level)."""
    members: Ints
    right: Ints
    under: Ints
    """Candidates per level that always stay below it."""
    over: Ints
    """Candidates per level that always beat it."""
    mean_under: Floats
    """Mean over all candidates of P(score ≤ level)."""
    mean_equal: Floats

    @classmethod
    def of(cls, types: Types) -> "_Mixed":
        """Sort the types of every level."""
        law = types.law.T
        seen = np.cumsum(law > 0, axis=0)
        over, under = seen == 0, (seen == seen[-1]) & (law == 0)
        over &= ~under
        mixed = ~over & ~under
        order = np.argsort(~mixed, axis=1, kind="stable")[:, : int(mixed.sum(axis=1).max())]
        below = np.where(under, 1.0, np.cumsum(law, axis=0) - law)
        pick = np.take_along_axis(mixed, order, axis=1)
        total = types.members.sum()
        return cls(
            np.take_along_axis(below, order, axis=1),
            np.take_along_axis(law, order, axis=1),
            np.where(pick, types.members[order], 0),
            np.where(pick, types.right[order], 0),
            under @ types.members,
            over @ types.members,
            np.minimum((below + law) @ types.members / total, 1.0),
            law @ types.members / total,
        )

    def best_of(self, tilt: _Tilt) -> Floats:
        """Return the chances for the k of one tilt."""
        share, points = tilt.share, tilt.points
        level, y, weight = cells(self._nodes(tilt.ks))
        turn = np.linspace(0.0, 2 * np.pi, points + 1)[: points // 2 + 1]
        floor = np.log(NEGLIGIBLE * tilt.chances.min()) - np.log(max(len(level), 1))
        sure = self._sure(share, turn)[level]
        cell, spot = np.nonzero(sure > floor)
        fails = self.below[level] + y[:, None] * self.equal[level]
        w, members = fails[cell], self.members[level].astype(np.float64)
        size = self._squares(share, w, turn[spot])
        height = sure[cell, spot] + 0.5 * np.einsum("ij,ij->i", np.log(size), members[cell])
        loud = np.flatnonzero(height > floor)
        cell, spot, w, size, height = cell[loud], spot[loud], w[loud], size[loud], height[loud]
        angle = self._angles(share, w, turn[spot], members[cell])
        angle += self._turned(share, turn)[spot] * self.under[level[cell]]
        pull = (self.right * self.equal)[level][cell] / size
        ring = np.exp(1j * turn[spot])
        top = share * ((1 - share) * ring * pull.sum(axis=1) + share * (pull * w).sum(axis=1))
        value = weight[cell] * np.exp(height + 1j * angle) * top
        wave = np.bincount(spot, value.real, len(turn)) + 1j * np.bincount(
            spot, value.imag, len(turn)
        )
        twice = np.where(np.arange(len(turn)) * 2 % points == 0, 1.0, 2.0)
        back = np.exp(-1j * np.outer(tilt.ks, turn))
        found = (back @ (twice * wave)).real / points / tilt.chances
        return np.asarray(np.clip(found, 0.0, 1.0))

    def _nodes(self, ks: tuple[int, ...]) -> Ints:
        """Return Gauss nodes per level, none where the level cannot matter.

        By Maclaurin's inequality e_k(w)/C(n, k) ≤ (mean w)^k, also where w exceeds one; its
        logarithm is linear in k, so the ends of a group bound what lies between.
        """
        ends = np.array([ks[0], ks[-1]])[:, None]
        alive = (self.mean_equal > 0) & (ks[0] * np.log(self.mean_under + SMALL) > LOG_NEGLIGIBLE)
        reach = self.mean_under[:, None] + np.outer(self.mean_equal, REACH - 1)
        log_size = (ends[:, None] * np.log(reach + SMALL)).max(axis=0) + np.log(ks[-1])
        return np.where(alive, fewest_nodes(log_size, np.full(len(alive), ks[-1] - 1)), 0)

    def _sure(self, share: float, turn: Floats) -> Floats:
        """Return log modulus of the candidates whose w is 0 or 1, shape (levels, points)."""
        below = xlogy(self.under[:, None], 1 - 2 * share * (1 - share) * (1 - np.cos(turn))) / 2
        return np.asarray(below + xlogy(self.over, 1 - share)[:, None])

    @staticmethod
    def _squares(share: float, w: Floats, turn: Floats) -> Floats:
        """Return |1 - q + q w z|² for every point and type; 1 where it could only be rounding."""
        square = (1 - share) ** 2 + share * w * (
            share * w + 2 * (1 - share) * np.cos(turn)[:, None]
        )
        return np.maximum(square, SMALL)

    @staticmethod
    def _turned(share: float, turn: Floats) -> Floats:
        """Return the angle of 1 - q + q z, of a candidate that stays below for sure."""
        return np.arctan2(share * np.sin(turn), 1 - share + share * np.cos(turn))

    @staticmethod
    def _angles(share: float, w: Floats, turn: Floats, members: Floats) -> Floats:
        """Return the angle of the product over the mixed types."""
        across, along = share * np.sin(turn)[:, None], share * np.cos(turn)[:, None]
        each = np.arctan2(w * across, 1 - share + w * along)
        return np.asarray(np.einsum("ij,ij->i", each, members))
