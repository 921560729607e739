"""Verify, then vote: S solutions, V verifications each (GenRM, arXiv 2504.01005)."""

from dataclasses import dataclass

from vervet.errors import ConfigError
from vervet.policies.flow import Choice, Draw, Flow, Pool, Verify, at_least
from vervet.policies.votes import tally, winner
from vervet.types import Problem

PER = ("solution", "answer")


@dataclass(frozen=True, slots=True)
class VerifyThenVote:
    """Draw `n` solutions, let `judge` verify each `trials` times, return the best.

    `per="solution"`: the solution with the highest mean score; ties go to the answer with more
    votes, then to the earlier. `per="answer"`: the answer with the highest sum of mean scores.
    `verifier` reads the answers. Solutions that the judge failed on are left out.
    """

    n: int
    trials: int
    judge: str
    verifier: str
    per: str = "solution"
    model: str = ""

    def __post_init__(self) -> None:
        at_least(self.n, 1, "verify-then-vote: n")
        at_least(self.trials, 1, "verify-then-vote: trials")
        if self.per not in PER:
            raise ConfigError(
                f"verify-then-vote: per={self.per!r}. Write one of: {', '.join(PER)}."
            )

    def flow(self, problem: Problem, /) -> Flow:
        """Draw, read, verify, choose."""
        del problem
        yield Draw(self.n, self.model)
        yield Verify(range(self.n), self.verifier)
        pool = yield Verify(range(self.n), self.judge, self.trials)
        scored = [(i, s) for i in range(self.n) if (s := pool.score(i, self.judge)) is not None]
        if self.per == "answer":
            return self._by_answer(pool, scored)
        answers = {i: pool.answer(i, self.verifier) for i, _ in scored}
        votes, _ = tally((i, answer, 1.0) for i, answer in answers.items())
        ranked = [(s, 0.0 if (a := answers[i]) is None else votes[a], -i) for i, s in scored]
        if not ranked:
            return Choice(None, f"{self.judge} judged no solution")
        score, _, place = max(ranked)
        return Choice(-place, f"score {score:.3g} over {self.trials} verifications", score)

    def _by_answer(self, pool: Pool, scored: list[tuple[int, float]]) -> Choice:
        weight, first = tally((i, pool.answer(i, self.verifier), s) for i, s in scored)
        best = winner(weight, first)
        if best is None:
            return Choice(None, f"{self.judge} judged no solution with an answer")
        total = sum(weight.values())
        share = weight[best] / total if total > 0 else 0.0
        return Choice(first[best], f"score {weight[best]:.3g} of {total:.3g}", share)
