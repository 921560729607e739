"""Abstaining: return what another policy chose only where it is trusted."""

from dataclasses import dataclass

from vervet.errors import ConfigError
from vervet.policies.flow import Choice, Flow, Policy, Pool, Verify
from vervet.policies.nesting import after, inner
from vervet.policies.voting import count_votes, top_two
from vervet.types import Problem

BY = ("confidence", "margin", "score")


@dataclass(frozen=True, slots=True)
class Abstain:
    """Return the choice of `policy`, but abstain where it is trusted less than `below`.

    `by="confidence"` is the policy's own: the winner's share of votes or weight, or its score.
    `by="margin"` is that share minus the runner-up's, answers read by `verifier`.
    `by="score"` is what `verifier` says of the chosen sample, which it judges now if need be.
    A confidence that is not known counts as 0.
    """

    policy: Policy
    below: float
    by: str = "confidence"
    verifier: str = ""
    trials: int = 1

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise ConfigError(f"abstain: by={self.by!r}. Write one of: {', '.join(BY)}.")
        if self.by != "confidence" and not self.verifier:
            raise ConfigError(f"abstain: by={self.by} needs a verifier.")

    def flow(self, problem: Problem, /) -> Flow:
        """Let the policy choose, then look at how sure that is."""
        choice, pool = yield from after(self.policy.flow(problem), Pool())
        if choice.position is None:
            return choice
        if self.by == "score" and len(pool.about(choice.position, self.verifier)) < self.trials:
            pool = yield Verify((choice.position,), self.verifier, self.trials)
        trust = self._trust(choice, pool)
        if trust >= self.below:
            return choice
        return Choice(None, f"{self.by} {trust:.3g} is below {self.below:.3g}", choice.confidence)

    def _trust(self, choice: Choice, pool: Pool) -> float:
        if self.by == "confidence" or choice.position is None:
            return choice.confidence or 0.0
        if self.by == "score":
            return pool.score(choice.position, self.verifier) or 0.0
        drawn = len(pool.samples)
        leader, rival = top_two(count_votes(pool, self.verifier, drawn)[0])
        return (leader - rival) / drawn


def abstain(
    policy: str | Policy,
    *,
    below: float | None = None,
    false_positive_cost: float | None = None,
    by: str = "confidence",
    verifier: str = "",
    trials: int = 1,
) -> Abstain:
    """Follow `policy`, written as majority(n=8,verifier=v); return nothing where it is in doubt.

    `false_positive_cost=c` sets `below` to the break-even precision c / (1 + c): a wrong answer
    costs c times what a right one brings, so only what is right more often than that is returned.

    >>> round(abstain("majority(n=8,verifier=v)", false_positive_cost=4).below, 3)
    0.8
    """
    if (below is None) == (false_positive_cost is None):
        raise ConfigError("abstain: give one of below=0.5 and false_positive_cost=4.")
    if below is None and false_positive_cost is not None:
        below = false_positive_cost / (1 + false_positive_cost)
    return Abstain(inner(policy), float(below or 0.0), by, verifier, trials)
