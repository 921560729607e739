"""Voting that stops early: Adaptive-Consistency and early-stopping windows."""

from dataclasses import dataclass

from vervet.policies.flow import Draw, Flow, Verify, at_least
from vervet.policies.voting import count_votes, most_voted
from vervet.types import Problem


@dataclass(frozen=True, slots=True)
class AdaptiveConsistency:
    """Draw one at a time; stop when the leader is ahead of the runner-up with `confidence`.

    Stop when 1 - I(1/2; v1 + 1, v2 + 1) >= confidence, v1 and v2 the votes of the two leaders and
    I the regularised incomplete beta function (Aggarwal et al. 2023, arXiv 2305.11860, Beta rule).
    """

    limit: int
    verifier: str
    confidence: float = 0.95
    model: str = ""

    def __post_init__(self) -> None:
        at_least(self.limit, 1, "adaptive-consistency: limit")

    def flow(self, problem: Problem, /) -> Flow:
        """Draw, read, stop when the vote is decided."""
        del problem
        for drawn in range(1, self.limit + 1):
            yield Draw(1, self.model)
            pool = yield Verify((drawn - 1,), self.verifier)
            weight, first = count_votes(pool, self.verifier, drawn)
            leaders = sorted(weight.values(), reverse=True)[:2]
            sure = ahead(*(int(v) for v in (*leaders, 0, 0)[:2]))
            if leaders and sure >= self.confidence:
                break
        return most_voted(weight, first, drawn)


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """Draw windows of `window`; stop at the first window whose answers all agree, then vote.

    Li et al. 2024, arXiv 2401.10480. A window with a missing answer does not agree.
    """

    limit: int
    verifier: str
    window: int = 5
    model: str = ""

    def __post_init__(self) -> None:
        at_least(self.window, 1, "early-stopping: window")
        at_least(self.limit, self.window, "early-stopping: limit")

    def flow(self, problem: Problem, /) -> Flow:
        """Draw a window, read it, stop when it is unanimous."""
        del problem
        drawn = 0
        while drawn < self.limit:
            count = min(self.window, self.limit - drawn)
            yield Draw(count, self.model)
            latest = range(drawn, drawn + count)
            pool = yield Verify(latest, self.verifier)
            drawn += count
            answers = {pool.answer(i, self.verifier) for i in latest}
            if count == self.window and len(answers) == 1 and None not in answers:
                break
        return most_voted(*count_votes(pool, self.verifier, drawn), drawn)


def ahead(leader: int, runner_up: int) -> float:
    """Return P(p1 > p2) for two answers with these votes under a flat prior: a binomial tail.

    1 - I(1/2; a, b) with a = leader + 1, b = runner_up + 1 equals P(Binomial(a+b-1, 1/2) >= b),
    summed exactly in integers.

    >>> ahead(0, 0), round(ahead(4, 0), 5)
    (0.5, 0.96875)
    """
    trials, needed = leader + runner_up + 1, runner_up + 1
    term, below = 1, 0
    for successes in range(needed):
        below += term
        term = term * (trials - successes) // (successes + 1)
    return 1 - below / (1 << trials)
