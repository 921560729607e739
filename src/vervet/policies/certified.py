"""Certified vote: stop when the mode is proven, whatever the number of times one has looked."""

from dataclasses import dataclass
from math import log

from vervet.errors import ConfigError
from vervet.policies.evidence import FIRST_VOTE, certificate
from vervet.policies.flow import Draw, Flow, Verify, at_least
from vervet.policies.votes import winner
from vervet.policies.voting import count_votes, most_voted, top_two
from vervet.types import Problem


@dataclass(frozen=True, slots=True)
class Certified:
    """Draw one at a time; stop when the leader is the most likely answer but for `error`.

    The probability that a vote stopped before `limit` returns anything but the model's most
    likely answer is at most `error`, although it is looked at after every sample and the answers
    are not known beforehand: the evidence of the leader against the strongest rival (an
    e-process, see `evidence.certificate`) must reach 1.5 j (j + 1) / error, j counting the answers
    in the order in which they appeared.

    After CITE (arXiv 2605.05873); the e-process and its budget over unknown answers are ours.
    """

    limit: int
    verifier: str
    error: float = 0.05
    model: str = ""

    def __post_init__(self) -> None:
        at_least(self.limit, 1, "certified: limit")
        if not 0 < self.error < 1:
            raise ConfigError(f"certified: error must lie between 0 and 1, not {self.error!r}.")

    def flow(self, problem: Problem, /) -> Flow:
        """Draw, read, stop when certified."""
        del problem
        for drawn in range(1, self.limit + 1):
            yield Draw(1, self.model)
            pool = yield Verify((drawn - 1,), self.verifier)
            weight, first = count_votes(pool, self.verifier, drawn)
            best = winner(weight, first)
            if best is not None:
                place = sorted(first.values()).index(first[best]) + 1
                evidence = certificate(self.limit)[top_two(weight)]
                if evidence >= threshold(place, self.error):
                    break
        return most_voted(weight, first, drawn)


def threshold(place: int, error: float) -> float:
    """Return the log evidence asked of the answer that appeared as number `place`.

    >>> round(threshold(1, 0.05), 3)
    4.094
    """
    return log(FIRST_VOTE * place * (place + 1) / error)
