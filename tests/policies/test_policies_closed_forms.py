"""The mean over all orders of a policy's own flow is the closed form."""

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest

from vervet.policies.best_of import BestOf
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.fixed import Fixed
from vervet.policies.flow import Policy, Recorded, replay
from vervet.policies.majority import Majority
from vervet.policies.verify_then_vote import VerifyThenVote
from vervet.policies.weighted import Weighted
from vervet.stats.best_of import best_of
from vervet.stats.first_accepted import first_accepted
from vervet.stats.votes import Ballot, majority
from vervet.stats.weighted import weighted_majority
from vervet.types import Outcome, Problem, Sample, Selection, Verdict

Read = Callable[[Selection], float]


class Drawn:
    """Up to six samples of one problem, with answers, acceptances and scores at random."""

    def __init__(self, seed: int, *, level: bool) -> None:
        rng = np.random.default_rng(seed)
        self.n = int(rng.integers(1, 7))
        self.k = int(rng.integers(1, self.n + 1))
        self.codes = rng.integers(-1, 3, size=self.n).tolist()
        truth = [True, bool(rng.random() < 0.5), False, False]
        self.right = [truth[code] for code in self.codes]
        scores = rng.choice([0.0, 0.25, 0.5, 1.0], size=self.n) if level else rng.integers(
            1, 64, size=self.n) / 64  # fmt: skip
        self.scores = scores.tolist()
        self.good = (rng.random(self.n) < 0.5).tolist()

    def recorded(self) -> Recorded:
        samples = [Sample("p", "m", i, str(i)) for i in range(self.n)]
        verdicts = {}
        for i, code in enumerate(self.codes):
            names = "p", "m", i
            told = Outcome.ACCEPT if self.right[i] else Outcome.REJECT
            verdicts["m", i, "v"] = [Verdict(*names, "v", 0, told, None if code < 0 else str(code))]
            judged = Outcome.ACCEPT if self.good[i] else Outcome.REJECT
            verdicts["m", i, "j"] = [Verdict(*names, "j", 0, judged, score=self.scores[i])]
        return Recorded({"m": samples}, verdicts)

    def mean(self, policy: Policy, read: Read) -> float:
        recorded, problem = self.recorded(), Problem("p", "?")
        return float(
            np.mean(
                [
                    read(replay(policy, problem, recorded, {"m": order})[0])
                    for order in permutations(range(self.n))
                ]
            )
        )

    def correct(self, selected: Selection) -> float:
        return float(selected.index is not None and self.right[selected.index])


@pytest.mark.parametrize("seed", range(25))
def test_votes_scores_and_acceptances(seed: int) -> None:
    drawn = Drawn(seed, level=True)
    k, right = drawn.k, drawn.right
    answers = [None if code < 0 else code for code in drawn.codes]
    loop = first_accepted(
        [sum(r and g for r, g in zip(right, drawn.good, strict=True))], [sum(drawn.good)],
        drawn.n, k=[k],
    )  # fmt: skip
    first = FirstAccepted(k, "j")
    found: list[tuple[Policy, Read, float]] = [
        (Fixed(), drawn.correct, float(np.mean(right))),
        (Majority(k, "v"), drawn.correct, majority([Ballot.of(answers, right)], k=[k])[0, 0]),
        (BestOf(k, "j"), drawn.correct, best_of([drawn.scores], [right], k=[k])[0, 0]),
        (first, drawn.correct, loop.true_positive[0, 0]),
        (first, lambda s: float(s.index is None), loop.abstain[0, 0]),
        (first, lambda s: float(s.samples_paid), loop.samples[0, 0]),
    ]
    for policy, read, exact in found:
        assert drawn.mean(policy, read) == pytest.approx(exact, abs=1e-12), policy


@pytest.mark.parametrize("seed", range(25))
def test_weighted_votes_without_level_sums(seed: int) -> None:
    drawn = Drawn(seed, level=False)
    k = drawn.k
    exact = weighted_majority([drawn.codes], [drawn.scores], [drawn.right], k=[k]).value[0, 0]
    for policy in (Weighted(k, "v", "j"), VerifyThenVote(k, 1, "j", "v", per="answer")):
        assert drawn.mean(policy, drawn.correct) == pytest.approx(exact, abs=1e-12)
