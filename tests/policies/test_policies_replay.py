"""Every policy, replayed on recorded rows, against what the words of its docstring say."""

from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from vervet.errors import ConfigError, NotRecorded
from vervet.policies.adaptive import AdaptiveConsistency, EarlyStopping, ahead
from vervet.policies.best_of import BestOf
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.flow import Policy, Pool, Recorded, name_of, replay
from vervet.policies.majority import Majority
from vervet.policies.weighted import Weighted
from vervet.types import Outcome, Problem, Sample, Selection, Verdict

PROBLEM = Problem("p", "2+2?")
ACCEPT, REJECT, ERROR = Outcome.ACCEPT, Outcome.REJECT, Outcome.ERROR


def recorded(answers: str, scores: str = "") -> Recorded:
    """One character an answer; `-` gave none, `!` could not be judged; a digit a judge's score."""
    samples = [
        Sample("p", "s", i, a, logprob=-float(i), prompt_tokens=3, completion_tokens=2)
        for i, a in enumerate(answers)
    ]
    verdicts: dict[tuple[str, int, str], list[Verdict]] = {}
    for i, a in enumerate(answers):
        outcome = ERROR if a == "!" else ACCEPT if a == "4" else REJECT
        answer = None if a in "-!" else a
        verdicts["s", i, "v"] = [Verdict("p", "s", i, "v", 0, outcome, answer)]
    for i, s in enumerate(scores):
        verdicts["s", i, "j"] = [Verdict("p", "s", i, "j", 0, ACCEPT, score=float(s))]
    return Recorded({"s": samples}, verdicts)


def run(policy: Policy, answers: str, scores: str = "") -> tuple[Selection, Pool]:
    return replay(policy, PROBLEM, recorded(answers, scores), {"s": range(len(answers))})


@pytest.mark.parametrize(
    ("policy", "answers", "scores", "index", "paid"),
    [
        (Majority(5, "v"), "45454", "", 0, 5),
        (Majority(3, "v"), "554", "", 0, 3),
        (Majority(2, "v"), "54", "", 0, 2),  # a tie goes to the earlier answer
        (Majority(3, "v"), "---", "", None, 3),
        (Majority(3, "v"), "!!4", "", 2, 3),
        (Majority(3, "v", margin=0.5), "456", "", None, 3),
        (Weighted(3, "v", "j"), "455", "922", 0, 3),
        (Weighted(3, "v", "j"), "455", "988", 1, 3),
        (BestOf(3, "j"), "455", "133", 1, 3),
        (BestOf(3), "455", "", 0, 3),
        (BestOf(2, "j", threshold=5), "45", "12", None, 2),
        (FirstAccepted(5, "v"), "55454", "", 2, 3),
        (FirstAccepted(3, "v"), "!54", "", 2, 3),
        (FirstAccepted(3, "v"), "555", "", None, 3),
        (EarlyStopping(6, "v", window=2), "454466", "", 0, 4),
        (EarlyStopping(4, "v", window=2), "--44", "", 2, 4),
        (AdaptiveConsistency(9, "v"), "444444444", "", 0, 4),
    ],
)
def test_a_policy_does_what_it_says(
    policy: Policy, answers: str, scores: str, index: int | None, paid: int
) -> None:
    selected, pool = run(policy, answers, scores)
    assert (selected.index, selected.samples_paid) == (index, paid)
    assert selected.tokens_paid == 5 * paid
    assert selected.sampler_id == (None if index is None else "s")
    assert len(pool.samples) == paid


@given(st.text("45-!", min_size=1, max_size=12))
def test_majority_is_the_plurality_of_what_was_answered(answers: str) -> None:
    selected, _ = run(Majority(len(answers), "v"), answers)
    votes = Counter(a for a in answers if a not in "-!")
    if selected.index is None:
        assert not votes
    else:
        assert votes[answers[selected.index]] == max(votes.values())


@pytest.mark.parametrize("policy", [Majority(5, "v"), FirstAccepted(5, "v"), BestOf(5)])
def test_the_expected_choice_does_not_depend_on_how_rows_were_stored(policy: Policy) -> None:
    answers = "44556"
    chosen = Counter(
        answers[s.index]
        for order in permutations(range(5))
        if (s := replay(policy, PROBLEM, recorded(answers), {"s": order})[0]).index is not None
    )
    backwards = Counter(
        answers[::-1][s.index]
        for order in permutations(range(5))
        if (s := replay(policy, PROBLEM, recorded(answers[::-1]), {"s": order})[0]).index
        is not None
    )
    if not isinstance(policy, BestOf):  # its scores are stored with the rows
        assert chosen == backwards


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_stopping_rule_is_the_beta_tail(leader: int, runner_up: int) -> None:
    assert ahead(leader, runner_up) == pytest.approx(
        beta.sf(0.5, leader + 1, runner_up + 1), abs=1e-12
    )


def test_a_replay_that_asks_for_too_much_says_how_to_get_it() -> None:
    with pytest.raises(NotRecorded, match=r"3 samples recorded.*vervet sample -n N"):
        run(Majority(9, "v"), "444")


def test_a_verifier_that_never_ran_is_named() -> None:
    with pytest.raises(NotRecorded, match=r"'other' judged this sample 0 of 1 times"):
        run(FirstAccepted(1, "other"), "4")


def test_a_policy_is_named_as_it_is_written() -> None:
    assert name_of(Majority(32, "v")) == "majority:n=32,verifier=v"
    assert name_of(BestOf(8, "j", trials=4)) == "best-of:n=8,verifier=j,trials=4"


def test_a_senseless_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="n must be at least 1, not 0"):
        Majority(0, "v")
