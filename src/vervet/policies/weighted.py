"""Weighted vote: every answer gets the sum of the scores of the samples that give it."""

from dataclasses import dataclass

from vervet.policies.flow import Choice, Draw, Flow, Verify, at_least
from vervet.policies.votes import tally, winner
from vervet.types import Problem


@dataclass(frozen=True, slots=True)
class Weighted:
    """Draw `n`, read answers by `verifier`, weigh each by the score of `judge` (`trials` of it).

    A sample that the judge failed on does not vote.
    """

    n: int
    verifier: str
    judge: str
    trials: int = 1
    model: str = ""

    def __post_init__(self) -> None:
        at_least(self.n, 1, "weighted: n")
        at_least(self.trials, 1, "weighted: trials")

    def flow(self, problem: Problem, /) -> Flow:
        """Draw n, read, score, sum."""
        del problem
        yield Draw(self.n, self.model)
        yield Verify(range(self.n), self.verifier)
        pool = yield Verify(range(self.n), self.judge, self.trials)
        scores = [pool.score(i, self.judge) for i in range(self.n)]
        weight, first = tally(
            (i, pool.answer(i, self.verifier), score)
            for i, score in enumerate(scores)
            if score is not None
        )
        best = winner(weight, first)
        if best is None:
            return Choice(None, "no sample gave an answer and a score")
        total = sum(weight.values())
        share = weight[best] / total if total > 0 else 0.0
        return Choice(first[best], f"weight {weight[best]:.3g} of {total:.3g}", share)
