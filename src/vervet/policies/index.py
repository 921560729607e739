"""Price-aware index: one budget for many problems, spent where a sample gains most."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

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
    billed,
    selection,
)
from vervet.policies.posterior import counts, to_gain
from vervet.policies.voting import count_votes, most_voted, top_two
from vervet.types import Problem, Sample, Selection

BY = ("votes", "accepted")
UNITS = ("samples", "tokens", "dollars")
BUDGET = 8.0
LEAST_PRICE = {"samples": 1.0, "tokens": 1.0, "dollars": 1e-9}
"""Of a sample: what nothing is known of is not drawn for ever."""
GAIN = 0.001
"""Accuracy that `limit` samples must bring to be drawn; see docs/policies.md."""
START = 3
"""Samples of every problem before any two are compared."""
ROUND = 8
"""One in so many problems draws in a round, and each draws a part 1/ROUND of what it has."""

Ints = npt.NDArray[np.int64]
Grants: TypeAlias = Mapping[int, int]
"""How many samples more, by the place of the problem."""
Allocation: TypeAlias = Generator[Grants, Sequence[Pool], list[Choice]]


@dataclass(frozen=True, slots=True)
class Index:
    """Share `budget` a problem among all problems; sample next where the gain per price is largest.

    `by="votes"` returns the most frequent answer. The index of a problem is the largest expected
    gain in accuracy per unit spent, over the next 1, 2, 4, ... samples (`posterior.to_gain`, the
    gap between the leaders counting as in `posterior`). `by="accepted"` returns the first accepted
    sample: the index is the expected success rate given the failures so far. `unit="tokens"` and
    `unit="dollars"` price a sample at the mean of its problem: tokens with those of its verdict;
    dollars as charged, else at `prompt_price` and `completion_price` (USD per million tokens).

    `gain` leaves a part of the budget where it would buy too little: as in `posterior`, `limit`
    samples must be expected to bring that much accuracy, each its part of it; 0 spends all.

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
    prompt_price: float | None = None
    completion_price: float | None = None
    gain: float = GAIN

    def __post_init__(self) -> None:
        at_least(self.budget, 0 if self.unit == "dollars" else 1, "index: budget")
        at_least(self.limit, 1, "index: limit")
        at_least(self.gain, 0, "index: gain")
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
        shape = (problems, 1)
        worth, drawn, paid = np.zeros(shape), np.zeros(shape, dtype=np.int64), np.zeros(shape)
        wanted = np.full(shape, self.start)
        while wanted.any():
            grants = {int(place): int(wanted[place, 0]) for place in np.nonzero(wanted[:, 0])[0]}
            pools = yield grants
            for place in grants:
                drawn[place], paid[place] = len(pools[place].samples), self._paid(pools[place])
                worth[place] = self.worth(*self._votes(pools[place]), drawn[place])
            wanted = self.grants(worth, drawn, paid)
        return [self._choice(pool) for pool in pools]

    @property
    def start(self) -> int:
        """Samples of every problem in the first round."""
        return int(min(START, self.limit, self.budget if self.unit == "samples" else START))

    def _votes(self, pool: Pool) -> tuple[int, int]:
        """Return the votes of the two leaders; or how many are accepted, and 0."""
        drawn = len(pool.samples)
        if self.by == "accepted":
            return sum(pool.accepted(i, self.verifier) for i in range(drawn)), 0
        return top_two(count_votes(pool, self.verifier, drawn)[0])

    def _paid(self, pool: Pool) -> float:
        if self.unit == "dollars":
            return sum(map(self._dollars, pool.samples))
        return len(pool.samples) if self.unit == "samples" else pool.tokens

    def _dollars(self, sample: Sample) -> float:
        """Return what a sample costs.

        Raises:
            ConfigError: neither the endpoint nor the policy says so.
        """
        if sample.cost is not None:
            return sample.cost
        if self.prompt_price is None or self.completion_price is None:
            raise ConfigError(
                f"index: what a sample of {sample.sampler_id} costs is not known. Give "
                "prompt_price= and completion_price=, in USD per million tokens."
            )
        completion = sample.completion_tokens or 0
        prompt = billed(sample) - completion
        return (prompt * self.prompt_price + completion * self.completion_price) / 1e6

    def grants(self, worth: Floats, drawn: Ints, paid: Floats) -> Ints:
        """Return how many samples each problem draws next; none where the budget is spent.

        Arrays have shape (problems, orders), and each order is a budget of its own: what a sample
        of each problem is `worth`, how many are `drawn`, and what has been `paid` for them.
        """
        problems, orders = paid.shape
        left = self.budget * problems - paid.sum(axis=0)
        price = np.maximum(paid / drawn, LEAST_PRICE[self.unit])
        wanted = (drawn < self.limit) & (worth > self.gain / self.limit)
        worth = np.where(wanted, worth / price, 0.0)
        given, opened = np.zeros((problems, orders), dtype=np.int64), np.ones(orders, dtype=bool)
        for places in np.argsort(-worth, axis=0, kind="stable")[: problems // ROUND + 1]:
            cell = (places, np.arange(orders))
            most = np.minimum(1 + drawn[cell] // ROUND, self.limit - drawn[cell])
            count = np.minimum(most, left // price[cell])
            opened &= (worth[cell] > 0) & (count >= 1)
            given[cell] = np.where(opened, count, 0)
            left -= given[cell] * price[cell]
        return given

    def worth(self, leader: npt.ArrayLike, rival: npt.ArrayLike, drawn: Ints) -> Floats:
        """Return what a further sample is worth, up to a factor that all problems share.

        By votes: the expected gain per sample, as far ahead as it pays best to look. By acceptance:
        the mean of the success rate after failures only; a prior mean would be the same for all.
        """
        ahead, behind = np.asarray(leader), np.asarray(rival)
        if self.by == "accepted":
            return np.asarray(np.where(ahead > 0, 0.0, 1 / (drawn + 2)))
        best, look = np.zeros(drawn.shape), 1
        while look <= self.limit:
            upto = np.minimum(drawn + look, self.limit)
            gain = to_gain(ahead, behind, drawn, self.limit, upto=upto)
            best = np.maximum(best, gain / np.maximum(upto - drawn, 1))
            look *= 2
        return np.asarray(best * counts(ahead, behind, drawn))

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
