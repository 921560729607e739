"""A simulated population of problems whose truth is known: who solves what, how often.

Problem i is solved with probability p_i, drawn from a beta distribution (a share of problems may
be impossible); a wrong reply takes one of several wrong answers, the first the most likely
(Zipf). So coverage, majority vote and every fit have a truth to be compared with. Everything
follows from the seed; sample j of problem i depends on (seed, i, j) only, whoever draws it when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vervet.errors import ConfigError
from vervet.models.splitmix import GOLDEN, mixed
from vervet.types import Problem

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """The distribution of difficulty and of wrong answers.

    >>> easy = Population(problems=4, a=8.0, b=2.0)
    >>> easy.problem(0).reference["answer"]
    '1000'
    """

    problems: int = 128
    a: float = 0.4
    """Success rates are Beta(a, b): the smaller a, the more problems are nearly impossible."""
    b: float = 1.6
    impossible: float = 0.0
    """Share of problems that are never solved."""
    wrong_answers: int = 8
    """How many different wrong answers a problem has."""
    skew: float = 1.0
    """Zipf exponent of the wrong answers: 0 is uniform, large is one popular mistake."""
    seed: int = 0

    def __post_init__(self) -> None:
        checks = {
            "problems": self.problems >= 1,
            "a": self.a > 0,
            "b": self.b > 0,
            "impossible": 0 <= self.impossible <= 1,
            "wrong_answers": self.wrong_answers >= 1,
            "skew": self.skew >= 0,
        }
        for name, good in checks.items():
            if not good:
                raise ConfigError(f"a population cannot have {name}={getattr(self, name)!r}.")

    @cached_property
    def rates(self) -> Floats:
        """Probability that one reply is correct, per problem; shape (problems,)."""
        rng = np.random.default_rng([self.seed, 0])
        rates = rng.beta(self.a, self.b, self.problems)
        rates[rng.permutation(self.problems) < round(self.impossible * self.problems)] = 0.0
        return rates

    @cached_property
    def wrong(self) -> Floats:
        """Probability of each wrong answer, given that the reply is wrong; sums to 1."""
        weights = np.arange(1.0, self.wrong_answers + 1) ** -self.skew
        return np.asarray(weights / weights.sum())

    def answers(self, number: int) -> Floats:
        """Return the probability of every answer of problem `number`, the correct one first."""
        rate = self.rates[number]
        return np.concatenate([[rate], (1 - rate) * self.wrong])

    def coverage(self, k: int | Sequence[int]) -> Floats:
        """Return the true coverage at k: mean over problems of 1 − (1 − p_i)^k."""
        attempts = np.atleast_1d(np.asarray(k, dtype=np.float64))
        with np.errstate(divide="ignore"):  # a problem that is always solved: log 0, coverage 1
            return np.asarray(-np.expm1(attempts[:, None] * np.log1p(-self.rates)).mean(axis=1))

    def plateau(self) -> float:
        """Return the limit of majority vote: the share of problems whose top answer is right."""
        return float(np.mean(self.rates > (1 - self.rates) * self.wrong[0]))

    def problem(self, number: int) -> Problem:
        """Return problem `number`, with its answer in the reference, as in GSM8K."""
        prompt = f"Problem {number} of a simulated population: what is {number} + 1000?"
        return Problem(self.problem_id(number), prompt, {"answer": str(1000 + number)})

    def problem_id(self, number: int) -> str:
        """Return the id of problem `number`."""
        return f"simulated-{self.seed}-{number}"

    def problem_set(self) -> list[Problem]:
        """Return every problem."""
        return [self.problem(i) for i in range(self.problems)]


def uniforms(key: int, indices: NDArray[np.uint64], stream: int) -> Floats:
    """Return one uniform number in [0, 1) per index, from SplitMix64 of (key, stream, index).

    A counter needs no state: sample 9,999 costs no more than sample 0.
    """
    start = np.uint64((key + stream * GOLDEN) & 0xFFFFFFFFFFFFFFFF)
    z = mixed(np.full(1, start))[0] + (indices + np.uint64(1)) * np.uint64(GOLDEN)
    return np.asarray((mixed(z) >> np.uint64(11)) * 2.0**-53)
