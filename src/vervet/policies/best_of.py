"""Best-of-n: the sample with the highest score."""

from dataclasses import dataclass
from math import isfinite

from vervet.policies.flow import Choice, Draw, Flow, Pool, Verify, at_least
from vervet.types import Problem

BY_LOGPROB = "logprob"


@dataclass(frozen=True, slots=True)
class BestOf:
    """Draw `n` and return the sample that `verifier` scores highest over `trials` trials.

    `verifier="logprob"` takes the model's own log-probability, which costs nothing. Ties go to
    the earlier sample; below `threshold` the policy abstains.
    """

    n: int
    verifier: str = BY_LOGPROB
    trials: int = 1
    threshold: float | None = None
    model: str = ""

    def __post_init__(self) -> None:
        at_least(self.n, 1, "best-of: n")
        at_least(self.trials, 1, "best-of: trials")

    def flow(self, problem: Problem, /) -> Flow:
        """Draw n, score, take the best."""
        del problem
        pool = yield Draw(self.n, self.model)
        if self.verifier != BY_LOGPROB:
            pool = yield Verify(range(self.n), self.verifier, self.trials)
        scored = [(score, -i) for i in range(self.n) if (score := self._score(pool, i)) is not None]
        if not scored:
            return Choice(None, f"no sample has a score of {self.verifier}")
        best, place = max(scored)
        if self.threshold is not None and best < self.threshold:
            return Choice(None, f"the best score {best:.3g} is below {self.threshold:g}")
        return Choice(-place, f"score {best:.3g}, the best of {len(scored)}", best)

    def _score(self, pool: Pool, position: int) -> float | None:
        if self.verifier == BY_LOGPROB:
            logprob = pool.samples[position].logprob
            return logprob if logprob is not None and isfinite(logprob) else None
        return pool.score(position, self.verifier)
