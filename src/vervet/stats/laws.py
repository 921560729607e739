"""Binomial, Poisson and hypergeometric probabilities, accurate to about 1e-15.

Log-gamma loses five digits at 10,000 samples, since log 10,000! is about 82,000. Here a law is
built from the ratios of neighbouring probabilities, outwards from its mode, and normalised.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Bools, Floats, Ints

TAIL = 9.5
"""Half width of a support in standard deviations: what lies beyond is below 1e-20."""
NEGLIGIBLE = 1e-17
"""A contribution to a probability below this is left out."""
MARGIN = 25
"""Added to the half width, for skewed laws of small mean."""


@dataclass(frozen=True, slots=True)
class Laws:
    """Several laws on the whole numbers: row i holds P(X_i = first_i + d) for d = 0, 1, ..."""

    first: Ints
    pmf: Floats

    def on(self, start: int, stop: int) -> Floats:
        """Return P(X_i = u) for u in start..stop-1, shape (laws, stop - start)."""
        offset = np.arange(start, stop) - self.first[:, None]
        inside = (offset >= 0) & (offset < self.pmf.shape[1])
        row = np.arange(len(self.first))[:, None]
        return np.where(inside, self.pmf[row, np.where(inside, offset, 0)], 0.0)

    def below(self, start: int) -> Floats:
        """Return P(X_i < start) for every law."""
        return np.asarray(np.where(self._values < start, self.pmf, 0.0).sum(axis=1))

    def reaching(self, start: int) -> Floats:
        """Return P(X_i >= start) for every law, without cancellation."""
        return np.asarray(np.where(self._values >= start, self.pmf, 0.0).sum(axis=1))

    def only(self, rows: Bools) -> "Laws":
        """Return some of the laws."""
        return Laws(self.first[rows], self.pmf[rows])

    @property
    def _values(self) -> Ints:
        return np.asarray(self.first[:, None] + np.arange(self.pmf.shape[1]))


def binomials(trials: Ints, chance: float) -> Laws:
    """Return Binomial(trials_i, chance) for 0 < chance < 1.

    >>> binomials(np.array([2]), 0.5).on(0, 3).round(3)
    array([[0.25, 0.5 , 0.25]])
    """
    mode = np.minimum(np.floor((trials + 1) * chance).astype(np.int64), trials)
    width = _width(trials * chance * (1 - chance), int(trials.max(initial=0)))
    step = np.arange(width)
    up = mode[:, None] + step
    down = mode[:, None] - step
    odds = chance / (1 - chance)
    rise = np.maximum(trials[:, None] - up, 0) / (up + 1) * odds
    fall = np.maximum(down, 0) / (np.maximum(trials[:, None] - down, 0) + 1) / odds
    return _normalised(mode, rise, fall)


def poissons(mean: npt.NDArray[np.floating]) -> Laws:
    """Return Poisson(mean_i).

    >>> poissons(np.array([1.0])).on(0, 2).round(4)
    array([[0.3679, 0.3679]])
    """
    mode = np.floor(mean).astype(np.int64)
    step = np.arange(_width(mean, 1 << 62))
    rise = mean[:, None] / (mode[:, None] + step + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        fall = np.maximum(mode[:, None] - step, 0) / mean[:, None]
    return _normalised(mode, rise, np.nan_to_num(fall))


def hypergeometric(total: int, marked: int, drawn: int) -> Floats:
    """Return P(X = x), x = 0..drawn: marked samples among `drawn` of `total`, not put back.

    >>> hypergeometric(4, 2, 2).round(4)
    array([0.1667, 0.6667, 0.1667])
    """
    mode = (drawn + 1) * (marked + 1) // (total + 2)
    up = np.arange(mode, drawn)
    down = np.arange(mode, 0, -1)
    rise = (marked - up) * (drawn - up) / ((up + 1.0) * (total - marked - drawn + up + 1))
    fall = down * (total - marked - drawn + down) / ((marked - down + 1.0) * (drawn - down + 1))
    pmf = np.concatenate([np.cumprod(fall)[::-1], [1.0], np.cumprod(rise)])
    return np.asarray(pmf / pmf.sum())


def sum_law(law: Laws, k: int) -> tuple[float, int]:
    """Return P(X = k) of the first law, and how many values around k are not negligible.

    A Fourier sum of that many points gives the coefficient at k without error.
    """
    pmf = law.pmf[0]
    centre = k - int(law.first[0])
    chance = float(pmf[centre])
    alive = np.flatnonzero(pmf > NEGLIGIBLE * chance)
    return chance, int(max(alive[-1] - centre, centre - alive[0])) + 1


@cache
def circle(total: int, k: int) -> tuple[float, int]:
    """Return P(Binomial(n, k/n) = k) and the Fourier points it needs; one point at k = n.

    >>> circle(4, 4)
    (1.0, 1)
    """
    return sum_law(binomials(np.array([total]), k / total), k) if k < total else (1.0, 1)


def _width(variance: npt.ArrayLike, limit: int) -> int:
    """Return a half width that leaves out less than 1e-20 of every law."""
    spread = float(np.sqrt(np.max(variance, initial=0.0)))
    return min(int(np.ceil(TAIL * spread)) + MARGIN, limit)


def _normalised(mode: Ints, rise: Floats, fall: Floats) -> Laws:
    """Multiply ratios outwards from the mode and let each row sum to one."""
    one = np.ones((len(mode), 1))
    lower = np.cumprod(fall, axis=1)[:, ::-1]
    pmf = np.concatenate([lower, one, np.cumprod(rise, axis=1)], axis=1)
    return Laws(mode - fall.shape[1], pmf / pmf.sum(axis=1, keepdims=True))
