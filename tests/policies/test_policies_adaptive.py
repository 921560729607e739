"""The stopping rules: their tables, their guarantees, and what they save."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from vervet.errors import ConfigError
from vervet.policies.adaptive import ahead
from vervet.policies.certified import Certified, threshold
from vervet.policies.evidence import certificate, lead_chance, regret
from vervet.policies.flow import Policy, Recorded, replay
from vervet.policies.pandora import Pandora, worth
from vervet.policies.posterior import Posterior, returns, to_gain
from vervet.types import Outcome, Problem, Sample, Verdict

PROBLEM = Problem("p", "?")


def drawn(policy: Policy, answers: str, scores: tuple[float, ...] = ()) -> tuple[str | None, int]:
    """Replay on one letter an answer; return what was answered and how many samples were paid."""
    samples = [Sample("p", "s", i, a) for i, a in enumerate(answers or "x" * len(scores))]
    verdicts = {
        ("s", i, "v"): [
            Verdict(
                "p", "s", i, "v", 0, Outcome.ACCEPT, None if a == "-" else a,
                score=scores[i] if scores else None,
            )
        ]
        for i, a in enumerate(answers or "x" * len(scores))
    }  # fmt: skip
    chosen, pool = replay(
        policy, PROBLEM, Recorded({"s": samples}, verdicts), {"s": range(len(samples))}
    )
    said = None if chosen.index is None else samples[chosen.index].text
    return said, len(pool.samples)


def test_the_table_of_leads_is_the_exact_binomial_tail() -> None:
    table = lead_chance(40)
    exact = [[ahead(v, w) for w in range(41)] for v in range(41)]
    np.testing.assert_allclose(table, exact, atol=1e-15)


@pytest.mark.parametrize(("leader", "rival"), [(0, 0), (3, 0), (5, 4), (30, 22), (9, 12)])
def test_certificate_and_regret_are_the_integrals_they_say(leader: int, rival: int) -> None:
    bet, _ = quad(lambda q: q**leader * (1 - q) ** rival, 0.5, 1, epsabs=0)
    assert np.exp(certificate(64)[leader, rival]) == pytest.approx(
        2.0 ** (leader + rival + 1) * bet, rel=1e-9
    )
    slip, _ = quad(lambda r: (2 * r - 1) * beta.pdf(r, rival + 1, leader + 1), 0.5, 1)
    assert regret(64)[leader, rival] == pytest.approx(slip, rel=1e-7)


def test_no_first_vote_is_worth_more_than_the_certificate_allows_for() -> None:
    assert np.exp(certificate(200)[1]).max() == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("policy", "answers", "said", "paid"),
    [
        (Certified(20, "v"), "4" * 20, "4", 9),
        (Certified(20, "v", error=0.5), "4" * 20, "4", 4),
        (Certified(20, "v"), "45" * 10, "4", 20),
        (Certified(3, "v"), "---", None, 3),
        (Posterior(128, "v"), "4" * 128, "4", 6),
        (Posterior(5, "v", gain=0.0), "45454", "4", 5),
        (Posterior(4, "v"), "-455", "5", 4),
    ],
)
def test_a_rule_stops_when_it_says(
    policy: Policy, answers: str, said: str | None, paid: int
) -> None:
    assert drawn(policy, answers) == (said, paid)


def test_later_answers_need_more_evidence() -> None:
    assert threshold(3, 0.05) > threshold(2, 0.05) > threshold(1, 0.05)


def test_peeking_certifies_a_wrong_answer_no_more_often_than_allowed() -> None:
    rng = np.random.default_rng(7)
    wrong, runs, error = 0, 300, 0.2
    for _ in range(runs):
        answers = "".join(rng.choice(list("abcd"), size=100, p=[0.34, 0.32, 0.2, 0.14]))
        said, paid = drawn(Certified(100, "v", error=error), answers)
        wrong += paid < 100 and said != "a"
    assert wrong / runs <= error


def test_nothing_is_gained_at_the_limit_or_by_a_sure_leader() -> None:
    assert float(to_gain(3, 3, 6, 6)) == 0.0
    assert float(to_gain(40, 0, 40, 128)) < 1e-9
    assert float(to_gain(10, 9, 30, 128)) > 0.005


def test_a_hopelessly_spread_vote_is_given_up() -> None:
    spread = "abcdefghijklmnopqrstuvwxyz" * 5
    assert drawn(Posterior(128, "v"), spread) == ("a", 25)
    assert float(returns(2, 1, 60, 128)) < 0.1 * float(returns(30, 29, 60, 128))


def test_pandora_keeps_the_best_score_and_stops_when_the_next_is_not_worth_it() -> None:
    scores = (0.2, 0.9, 0.3, 0.1, 0.95)
    assert drawn(Pandora(5, "v", price=0.0), "", scores)[1] == 5
    assert drawn(Pandora(5, "v", price=1.0), "", scores)[1] == 3
    assert worth([0.1, 0.9, 0.2]) < worth([0.1, 0.9, 0.8, 0.95, 0.0])


def test_a_senseless_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="error must lie between 0 and 1"):
        Certified(5, "v", error=0.0)
    with pytest.raises(ConfigError, match="limit must be at least 3"):
        Pandora(2, "v", price=0.1)
