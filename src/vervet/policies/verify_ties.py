"""Verify only ties: a vote, and a judge for the answers that are nearly level."""

from dataclasses import dataclass

from vervet.policies.flow import Choice, Draw, Flow, Verify, at_least
from vervet.policies.votes import winner
from vervet.policies.voting import count_votes, most_voted
from vervet.types import Problem


@dataclass(frozen=True, slots=True)
class VerifyTies:
    """Draw `n` and vote; where others are within `margin` of the leader, let `judge` decide.

    `margin` is a share of the votes (0: exact ties). The first `each` samples of every level
    answer are judged `trials` times; the highest mean score wins, then more votes, then the
    earlier answer. Where the judge fails on all of them, the vote stands.
    """

    n: int
    verifier: str
    judge: str
    margin: float = 0.0
    each: int = 1
    trials: int = 1
    model: str = ""

    def __post_init__(self) -> None:
        for name in ("n", "each", "trials"):
            at_least(getattr(self, name), 1, f"verify-ties: {name}")
        at_least(self.margin, 0, "verify-ties: margin")

    def flow(self, problem: Problem, /) -> Flow:
        """Draw, vote, judge what is level."""
        del problem
        yield Draw(self.n, self.model)
        pool = yield Verify(range(self.n), self.verifier)
        weight, first = count_votes(pool, self.verifier, self.n)
        top = max(weight.values(), default=0.0)
        level = [a for a, votes in weight.items() if votes >= top - self.margin * self.n]
        if len(level) < 2:  # noqa: PLR2004 - one answer needs no judge
            return most_voted(weight, first, self.n)
        gave = {
            a: [i for i in range(self.n) if pool.answer(i, self.verifier) == a][: self.each]
            for a in level
        }
        pool = yield Verify([i for some in gave.values() for i in some], self.judge, self.trials)
        scores = {
            a: sum(found) / len(found)
            for a, some in gave.items()
            if (found := [s for i in some if (s := pool.score(i, self.judge)) is not None])
        }
        if not scores:
            return most_voted(weight, first, self.n)
        best = max(scores.values())
        finest = {a: weight[a] for a, score in scores.items() if score == best}
        chosen = winner(finest, first) or ""
        reason = f"score {best:.3g}, the best of {len(level)} level answers"
        return Choice(first[chosen], reason, weight[chosen] / self.n)
