"""Posterior stopping: draw on only while the vote can still improve."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from vervet.policies.evidence import Floats, regret
from vervet.policies.flow import Draw, Flow, Verify, at_least
from vervet.policies.voting import count_votes, most_voted, top_two
from vervet.types import Problem

GAIN = 0.001
"""Default price of stopping; chosen on recorded and simulated data, see docs/policies.md."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """Draw one at a time; stop when all draws up to `limit` would gain less than `gain`.

    The gain is the share of the model's answers by which the vote at `limit` is expected to beat
    the vote now (see `to_gain`): a sure leader has nothing to gain, nor has a tie between two
    equally frequent answers near the limit. So samples go where they decide something.
    """

    limit: int
    verifier: str
    gain: float = GAIN
    model: str = ""

    def __post_init__(self) -> None:
        at_least(self.limit, 1, "posterior: limit")
        at_least(self.gain, 0, "posterior: gain")

    def flow(self, problem: Problem, /) -> Flow:
        """Draw, read, stop when nothing more is to be gained."""
        del problem
        for drawn in range(1, self.limit + 1):
            yield Draw(1, self.model)
            pool = yield Verify((drawn - 1,), self.verifier)
            weight, first = count_votes(pool, self.verifier, drawn)
            leader, rival = top_two(weight)
            if leader and to_gain(leader, rival, drawn, self.limit) <= self.gain:
                break
        return most_voted(weight, first, drawn)


def to_gain(leader: npt.ArrayLike, rival: npt.ArrayLike, drawn: int, limit: int) -> Floats:
    """Return the expected gain in vote share from drawing on to `limit`, element by element.

    E[(p₂ − p₁)⁺] under a flat prior (what perfect knowledge would gain) times the part of it that
    limit − drawn samples can reveal, ψ(δ/σ′) σ′ / (ψ(δ/σ) σ): δ is the posterior mean of the lead,
    σ its standard deviation, σ′ that of the lead's posterior mean at the limit, and
    ψ(z) = φ(z) − z (1 − Φ(z)).

    Source: the knowledge gradient (Frazier, Powell, Dayanik 2008) of a whole batch; exact in E,
    normal in the part revealed.

    >>> [float(to_gain(v, 0, v, 128).round(4)) for v in (1, 4, 6)]
    [0.0812, 0.0043, 0.0006]
    """
    ahead, behind = np.asarray(leader), np.asarray(rival)
    a, b = ahead + 1.0, behind + 1.0
    both = a + b
    share = both / (drawn + 2)
    lead = (a - b) / both
    spread = np.sqrt(4 * a * b / (both + 1)) / both
    more = (limit - drawn) * share
    known = spread * np.sqrt(more / (both + more))
    revealed = _loss(lead, known) / np.maximum(_loss(lead, spread), np.finfo(np.float64).tiny)
    return np.asarray(regret(limit)[ahead, behind] * share * np.minimum(revealed, 1.0))


def _loss(lead: Floats, spread: Floats) -> Floats:
    """Return E[(−x)⁺] of a normal x with this mean and standard deviation."""
    z = lead / np.maximum(spread, 1e-12)
    return np.asarray(spread * (np.exp(-z * z / 2) / np.sqrt(2 * np.pi) - z * ndtr(-z)))
