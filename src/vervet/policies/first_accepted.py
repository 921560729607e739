"""Resample until a verifier accepts: the loop of Stroebl et al. 2024."""

from dataclasses import dataclass

from vervet.policies.flow import Choice, Draw, Flow, Verify, at_least
from vervet.types import Problem


@dataclass(frozen=True, slots=True)
class FirstAccepted:
    """Draw one sample at a time until `verifier` accepts, at most `limit` times; else abstain.

    A sample that the verifier could not judge is not accepted, and the loop goes on.
    """

    limit: int
    verifier: str
    model: str = ""

    def __post_init__(self) -> None:
        at_least(self.limit, 1, "first-accepted: limit")

    def flow(self, problem: Problem, /) -> Flow:
        """Draw, verify, stop at the first acceptance."""
        del problem
        for position in range(self.limit):
            yield Draw(1, self.model)
            pool = yield Verify((position,), self.verifier)
            if pool.accepted(position, self.verifier):
                return Choice(position, f"accepted at attempt {position + 1}")
        return Choice(None, f"none of {self.limit} accepted")
