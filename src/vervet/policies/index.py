"""Price-aware index: one budget for many problems, spent where a sample gains most."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from vervet.errors import ConfigError
from vervet.policies.evidence import Floats
from vervet.policies.flow import (
    Choice,
    Draw,
    Flow,
    Pool,
    Recorded,
    Tape,
    Verify,
    at_least,
    selection,
)
from vervet.policies.posterior import counts, to_gain
from vervet.policies.voting import count_votes, most_voted, top_two
from vervet.types import Problem, Selection

BY = ("votes", "accepted")
UNITS = ("samples", "tokens")
BUDGET = 8.0
START = 3
"""Samples of every problem before any two are compared."""
ROUND = 8
"""One in so many problems draws in a round, and each draws a part 1/ROUND of what it has."""

Grants: TypeAlias = Mapping[int, int]
"""How many samples more, by the place of the problem."""
Allocation: TypeAlias = Generator[Grants, Sequence[Pool], list[Choice]]


@dataclass(frozen=True, slots=True)
class Index:
    """Share `budget` a problem among all problems; sample next where the gain per price is largest.

    `by="votes"` returns the most frequent answer. The index of a problem is the largest expected
    gain in accuracy per unit spent, over the next 1, 2, 4, ... samples (`posterior.to_gain`, the
    gap between the leaders counting as in `posterior`). `by="accepted"` returns the first accepted
    sample: the index is the expected success rate given the failures so far, the prior mean being
    the share accepted of all samples. `unit="tokens"` prices a sample at the mean of its problem.

    Who draws is decided in rounds: every problem draws `START` samples; then those with the
    highest index, ties in the order of the problems, and nothing is decided before a round is
    complete. So what arrives first decides nothing, and a replay decides as the live run did.
    After Gittins (1979) and Damani et al. 2024 (arXiv 2410.04707).
    """

    verifier: str
    budget: float = BUDGET
    limit: int = 128
    by: str = "votes"
    unit: str = "samples"
    model: str = ""

    def __post_init__(self) -> None:
        at_least(self.budget, 1, "index: budget")
        at_least(self.limit, 1, "index: limit")
        for name, value, known in (("by", self.by, BY), ("unit", self.unit, UNITS)):
            if value not in known:
                raise ConfigError(f"index: {name}={value!r}. Write one of: {', '.join(known)}.")

    def flow(self, problem: Problem, /) -> Flow:
        """Spend the budget on one problem alone."""
        del problem
        plan = self.together(1)
        try:
            grants = next(plan)
            while True:
                pool = yield Draw(grants[0], self.model)
                pool = yield self.verify(pool, grants[0])
                grants = plan.send([pool])
        except StopIteration as stop:
            choice: Choice = stop.value[0]
            return choice

    def verify(self, pool: Pool, count: int) -> Verify:
        """Return the request that follows a draw of `count` samples."""
        return Verify(range(len(pool.samples) - count, len(pool.samples)), self.verifier)

    def together(self, problems: int) -> Allocation:
        """Say round by round how many samples each problem draws and verifies; then choose."""
        first = int(min(START, self.limit, self.budget if self.unit == "samples" else START))
        grants: Grants = dict.fromkeys(range(problems), first)
        state = np.zeros((problems, 3))
        while grants:
            pools = yield grants
            for place in grants:
                state[place] = self._state(pools[place])
            grants = self._grants(pools, state)
        return [self._choice(pool) for pool in pools]

    def _state(self, pool: Pool) -> tuple[float, float, float]:
        """Return the votes of the leaders (or accepted, 0), and the samples drawn."""
        drawn = len(pool.samples)
        if self.by == "accepted":
            return sum(pool.accepted(i, self.verifier) for i in range(drawn)), 0, drawn
        return *top_two(count_votes(pool, self.verifier, drawn)[0]), drawn

    def _grants(self, pools: Sequence[Pool], state: Floats) -> Grants:
        paid = np.array([self._paid(pool) for pool in pools])
        left = self.budget * len(pools) - paid.sum()
        price = np.maximum(paid / state[:, 2], 1.0)
        worth = np.where(state[:, 2] < self.limit, self._worth(state) / price, 0.0)
        found: dict[int, int] = {}
        for place in np.argsort(-worth, kind="stable"):
            drawn = int(state[place, 2])
            count = min(1 + drawn // ROUND, self.limit - drawn, int(left / price[place]))
            if len(found) > len(pools) // ROUND or worth[place] <= 0 or count < 1:
                break
            found[int(place)] = count
            left -= count * price[place]
        return found

    def _paid(self, pool: Pool) -> float:
        return len(pool.samples) if self.unit == "samples" else pool.tokens

    def _worth(self, state: Floats) -> Floats:
        """Return the expected gain of each problem per sample, as far as it pays best to look."""
        if self.by == "accepted":
            accepted, _, drawn = state.T
            mean = (accepted.sum() + 1) / (drawn.sum() + 2)
            return np.asarray(np.where(accepted > 0, 0.0, 2 * mean / (drawn + 2)))
        leader, rival, drawn = state.astype(np.int64).T
        best = np.zeros(len(state))
        ahead = 1
        while ahead <= self.limit:
            upto = np.minimum(drawn + ahead, self.limit)
            gain = to_gain(leader, rival, drawn, self.limit, upto=upto)
            best = np.maximum(best, gain / np.maximum(upto - drawn, 1))
            ahead *= 2
        return np.asarray(best * counts(leader, rival, drawn))

    def _choice(self, pool: Pool) -> Choice:
        drawn = len(pool.samples)
        if self.by == "votes":
            return most_voted(*count_votes(pool, self.verifier, drawn), drawn)
        for position in range(drawn):
            if pool.accepted(position, self.verifier):
                return Choice(position, f"accepted sample {position + 1} of {drawn}")
        return Choice(None, f"none of {drawn} accepted")


def replay_together(
    policy: Index,
    rows: Sequence[tuple[Problem, Recorded]],
    orders: Sequence[Mapping[str, Sequence[int]]],
) -> list[tuple[Selection, Pool]]:
    """Run an index over all problems on recorded rows; see `flow.replay`.

    Raises:
        NotRecorded: more samples or verdicts were asked for than were recorded.
    """
    pools = [Pool() for _ in rows]
    tapes = [Tape(recorded, order) for (_, recorded), order in zip(rows, orders, strict=True)]
    plan = policy.together(len(rows))
    try:
        grants = next(plan)
        while True:
            for place, count in grants.items():
                tapes[place].answer(Draw(count, policy.model), pools[place])
                tapes[place].answer(policy.verify(pools[place], count), pools[place])
            grants = plan.send(pools)
    except StopIteration as stop:
        choices: list[Choice] = stop.value
    return [
        (selection(policy, problem, pool, choice), pool)
        for (problem, _), pool, choice in zip(rows, pools, choices, strict=True)
    ]
