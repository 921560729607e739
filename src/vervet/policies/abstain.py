"""Abstaining: return what another policy chose only where it is trusted."""

from dataclasses import dataclass

from vervet.errors import ConfigError
from vervet.policies.adaptive import ahead
from vervet.policies.flow import Choice, Flow, Policy, Pool, Verify
from vervet.policies.nesting import after, inner
from vervet.policies.voting import count_votes, top_two
from vervet.types import Problem

BY = ("confidence", "margin", "posterior", "score")


@dataclass(frozen=True, slots=True)
class Abstain:
    """Return the choice of `policy`, but abstain where it is trusted less than `below`.

    `by="confidence"` is the policy's own: the winner's share of votes or weight, or its score.
    `by="margin"` is the leader's share of all samples drawn minus the runner-up's.
    `by="posterior"` is P(p₁ > p₂), that the leader is ahead of the runner-up (`adaptive.ahead`).
    `by="score"` is what `verifier` says of the chosen sample.
    For all but the first, `verifier` judges now what it has not judged yet. A confidence that is
    not known counts as 0.
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
        unread = self._unread(choice.position, pool)
        if unread:
            pool = yield Verify(unread, self.verifier, self.trials)
        trust = self._trust(choice.position, choice.confidence, pool)
        if trust >= self.below:
            return choice
        return Choice(None, f"{self.by} {trust:.3g} is below {self.below:.3g}", choice.confidence)

    def _unread(self, chosen: int, pool: Pool) -> list[int]:
        """Return the samples that the verifier has still to judge."""
        if self.by == "confidence":
            return []
        asked = [chosen] if self.by == "score" else range(len(pool.samples))
        return [p for p in asked if len(pool.about(p, self.verifier)) < self.trials]

    def _trust(self, chosen: int, confidence: float | None, pool: Pool) -> float:
        if self.by == "confidence":
            return confidence or 0.0
        if self.by == "score":
            return pool.score(chosen, self.verifier) or 0.0
        drawn = len(pool.samples)
        leader, rival = top_two(count_votes(pool, self.verifier, drawn)[0])
        return ahead(leader, rival) if self.by == "posterior" else (leader - rival) / drawn


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
