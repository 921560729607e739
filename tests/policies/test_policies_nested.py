"""Policies made of policies, and those over several models or with a judge."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet import registry
from vervet.errors import ConfigError
from vervet.policies.abstain import Abstain, abstain
from vervet.policies.cascade import Cascade
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.fixed import Fixed
from vervet.policies.flow import Policy, Pool, Recorded, name_of, replay
from vervet.policies.majority import Majority
from vervet.policies.mixture import Mixture, parts
from vervet.policies.nesting import inner
from vervet.policies.posterior import Posterior
from vervet.policies.verify_then_vote import VerifyThenVote
from vervet.policies.verify_ties import VerifyTies
from vervet.types import Outcome, Problem, Sample, Selection, Verdict

PROBLEM = Problem("p", "2+2?")


def rows(model: str, answers: str, judged: str = "") -> Recorded:
    """One letter an answer (4 is right); `judged` has a digit for each judge's score of it."""
    samples = [Sample("p", model, i, a) for i, a in enumerate(answers)]
    verdicts: dict[tuple[str, int, str], list[Verdict]] = {}
    for i, a in enumerate(answers):
        outcome = Outcome.ACCEPT if a == "4" else Outcome.REJECT
        verdicts[model, i, "v"] = [Verdict("p", model, i, "v", 0, outcome, a)]
    for i, digit in enumerate(judged):
        outcome = Outcome.ERROR if digit == "!" else Outcome.ACCEPT
        score = None if digit == "!" else float(digit)
        verdicts[model, i, "j"] = [
            Verdict("p", model, i, "j", t, outcome, score=score) for t in (0, 1)
        ]
    return Recorded({model: samples}, verdicts)


def both(small: str, large: str, judged: str = "") -> Recorded:
    one, two = rows("small", small, judged), rows("large", large)
    return Recorded({**one.samples, **two.samples}, {**one.verdicts, **two.verdicts})


def run(policy: Policy, recorded: Recorded) -> tuple[Selection, Pool]:
    order = {model: range(len(s)) for model, s in recorded.samples.items()}
    return replay(policy, PROBLEM, recorded, order)


SMALL, SURE = Majority(3, "v", model="small"), 0.6


@pytest.mark.parametrize(
    ("policy", "small", "large", "chosen", "paid"),
    [
        (Fixed("large"), "5", "4", ("large", 0), 1),
        (Cascade(SMALL, Fixed("large"), SURE), "455", "46", ("small", 1), 3),
        (Cascade(SMALL, Fixed("large"), SURE), "456", "46", ("large", 0), 4),
        (Cascade(SMALL, Majority(2, "v", model="large"), SURE), "456", "64", ("large", 0), 5),
        (Cascade(SMALL, Majority(3, "v", model="large"), SURE), "456", "644", ("large", 1), 6),
        (Cascade(FirstAccepted(2, "v", "small"), Fixed("large"), 0), "56", "4", ("large", 0), 3),
        (Cascade(FirstAccepted(2, "v", "small"), Fixed("large"), 0), "54", "4", ("small", 1), 2),
        (Abstain(SMALL, 0.9), "455", "4", None, 3),
        (Abstain(SMALL, 0.6), "455", "4", ("small", 1), 3),
        (Abstain(SMALL, 0.3, by="margin", verifier="v"), "455", "4", ("small", 1), 3),
        (Abstain(SMALL, 0.4, by="margin", verifier="v"), "455", "4", None, 3),
        (Abstain(SMALL, 0.5, by="score", verifier="v"), "455", "4", None, 3),
        (Abstain(SMALL, 0.5, by="score", verifier="v"), "445", "4", ("small", 0), 3),
        (Abstain(Cascade(SMALL, Fixed("large"), SURE), 0.9), "456", "4", None, 4),
        (Mixture("small*3|large*2", "v"), "556", "66", ("small", 2), 5),
        (Mixture("small*2|large*2", "v", by="accepted"), "54", "44", ("small", 1), 2),
        (Mixture("small*2|large*2", "v", by="accepted"), "55", "64", ("large", 1), 4),
        (Mixture("small*1|large*1", "v", by="accepted"), "5", "6", None, 2),
    ],
)
def test_policies_over_models_do_what_they_say(
    policy: Policy, small: str, large: str, chosen: tuple[str, int] | None, paid: int
) -> None:
    selected, pool = run(policy, both(small, large))
    assert selected.index == (None if chosen is None else chosen[1])
    assert selected.sampler_id == (None if chosen is None else chosen[0])
    assert len(pool.samples) == paid


@pytest.mark.parametrize(
    ("policy", "answers", "judged", "index"),
    [
        (VerifyThenVote(3, 2, "j", "v"), "455", "977", 0),
        (VerifyThenVote(3, 2, "j", "v", per="answer"), "455", "977", 1),
        (VerifyThenVote(3, 2, "j", "v"), "455", "777", 1),  # level scores: more votes
        (VerifyThenVote(3, 2, "j", "v"), "455", "!!5", 2),
        (VerifyThenVote(2, 2, "j", "v"), "45", "!!", None),
        (VerifyTies(4, "v", "j"), "4455", "1192", 2),
        (VerifyTies(4, "v", "j", each=2, trials=2), "4455", "8191", 2),
        (VerifyTies(3, "v", "j"), "455", "911", 1),
        (VerifyTies(3, "v", "j", margin=0.4), "455", "911", 0),
        (VerifyTies(2, "v", "j"), "45", "!!", 0),
    ],
)
def test_policies_with_a_judge_do_what_they_say(
    policy: Policy, answers: str, judged: str, index: int | None
) -> None:
    assert run(policy, rows("s", answers, judged))[0].index == index


def test_only_ties_are_paid_for() -> None:
    recorded = rows("s", "4455", "1192")
    assert run(VerifyTies(4, "v", "j"), recorded)[1].verifications == 4 + 2
    assert run(VerifyTies(3, "v", "j"), recorded)[1].verifications == 3


@pytest.mark.parametrize(
    "policy",
    [
        Abstain(Cascade(SMALL, Posterior(9, "v", model="large"), 0.5), 0.25, "score", "v"),
        Cascade(Mixture("a*2|b*1", "v"), Fixed(), 0.7),
        VerifyThenVote(8, 4, "j", "v", per="answer"),
        VerifyTies(8, "v", "j", margin=0.1),
    ],
)
def test_a_nested_policy_is_written_so_that_it_can_be_read(policy: Policy) -> None:
    name, settings = registry.parse(name_of(policy))
    assert registry.find("policies", name, **settings) == policy


def test_a_break_even_precision_follows_from_the_cost_of_a_false_positive() -> None:
    assert abstain(SMALL, false_positive_cost=3).below == 0.75


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("abstain:policy=majority(n=8,verifier=v)", "give one of below=0.5"),
        ("abstain:policy=majority(n=8,verifier=v,below=1", "a parenthesis is open"),
        ("abstain:policy=majority(8),below=0.5", "'8' is not key=value"),
        ("abstain:policy=fixed,below=0.5,by=luck", "by='luck'"),
        ("abstain:policy=fixed,below=0.5,by=margin", "by=margin needs a verifier"),
        ("mixture:models=a5,verifier=v", "'a5' is not MODEL"),
        ("mixture:models=a*5,verifier=v,by=luck", "by='luck'"),
        ("verify-then-vote:n=2,trials=1,judge=j,verifier=v,per=vote", "per='vote'"),
    ],
)
def test_a_senseless_setting_is_refused_in_one_line(spec: str, says: str) -> None:
    name, settings = registry.parse(spec)
    with pytest.raises(ConfigError, match=says.replace("(", r"\(")):
        registry.find("policies", name, **settings)


def refusal(reads: Callable[[str], object], text: str) -> str:
    """Return why a text is refused; nothing where it is not. Any other error passes."""
    try:
        reads(text)
    except ConfigError as refused:
        return str(refused)
    return ""


@given(st.text("majority(n=8,verifier=v) *|:,x", max_size=40))
def test_whatever_is_written_is_a_policy_or_a_mistake(text: str) -> None:
    assert "\n" not in refusal(inner, text) + refusal(parts, text)


def test_a_verifier_from_a_file_may_stand_inside() -> None:
    assert inner("majority(n=8, verifier=mine:Yes)") == Majority(8, "mine:Yes")
