"""Self-consistency: the most frequent answer wins (Wang et al. 2023)."""

from dataclasses import dataclass

from vervet.policies.flow import Choice, Draw, Flow, Verify, at_least
from vervet.policies.votes import tally, winner
from vervet.types import Problem


@dataclass(frozen=True, slots=True)
class Majority:
    """Draw `n` samples and return one that gives the most frequent answer.

    `verifier` reads the answers; samples without one do not vote, ties go to the earlier answer.
    `margin` is the least share of the votes the winner must have, else the policy abstains.
    """

    n: int
    verifier: str
    margin: float = 0.0
    model: str = ""

    def __post_init__(self) -> None:
        at_least(self.n, 1, "majority: n")

    def flow(self, problem: Problem, /) -> Flow:
        """Draw n, read answers, count."""
        del problem
        yield Draw(self.n, self.model)
        pool = yield Verify(range(self.n), self.verifier)
        weight, first = tally((i, pool.answer(i, self.verifier), 1.0) for i in range(self.n))
        best = winner(weight, first)
        if best is None:
            return Choice(None, "no sample gave an answer")
        share = weight[best] / self.n
        if share < self.margin:
            return Choice(None, f"the winner has {share:.0%} of the votes", share)
        return Choice(first[best], f"{weight[best]:.0f} of {self.n} votes", share)
