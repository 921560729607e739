"""The vectorised replay is the generic one, only faster; both know what they cannot say."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from vervet.errors import ConfigError, NotRecorded
from vervet.planning import Terms, budget, describe, plan
from vervet.planning.archive import Rows, archive
from vervet.planning.candidates import candidates
from vervet.planning.fast import pick
from vervet.planning.flows import driven
from vervet.planning.replay import Orders, outcome, replayed, vectorised
from vervet.policies.abstain import Abstain
from vervet.policies.adaptive import AdaptiveConsistency, EarlyStopping
from vervet.policies.best_of import BestOf
from vervet.policies.cascade import Cascade
from vervet.policies.certified import Certified
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.fixed import Fixed
from vervet.policies.flow import Choice, Draw, Flow, Policy, Recorded, name_of, revised_id
from vervet.policies.index import Index
from vervet.policies.majority import Majority
from vervet.policies.mixture import Mixture
from vervet.policies.pandora import Pandora
from vervet.policies.posterior import Posterior
from vervet.policies.refine import Refine
from vervet.policies.verify_then_vote import VerifyThenVote
from vervet.policies.verify_ties import VerifyTies
from vervet.policies.weighted import Weighted
from vervet.stats.votes import Ballot, majority
from vervet.types import Problem

Made = Callable[..., Rows]
POLICIES: list[Policy] = [
    Fixed("m"),
    Majority(9, "v"),
    Majority(9, "v", margin=0.5),
    Majority(2, "v", model="s"),
    Weighted(9, "v", "j"),
    Weighted(9, "v", "j", trials=3),
    BestOf(9),
    BestOf(9, "j", trials=3),
    BestOf(9, "j", threshold=0.9),
    FirstAccepted(9, "v"),
    FirstAccepted(2, "j", "s"),
    AdaptiveConsistency(12, "v"),
    AdaptiveConsistency(12, "v", confidence=0.8),
    EarlyStopping(12, "v", window=3),
    EarlyStopping(11, "v", window=3),
    Certified(12, "v", error=0.3),
    Posterior(12, "v", gain=0.02),
    VerifyThenVote(9, 3, "j", "v"),
    VerifyThenVote(9, 1, "j", "v"),
    VerifyThenVote(9, 3, "j", "v", per="answer"),
    Weighted(5, "v", "v"),
    Abstain(Majority(9, "v"), 0.6),
    Abstain(BestOf(5, "j", trials=3), 0.7),
    Abstain(Majority(5, "v"), 0.3, by="margin", verifier="v"),
    Cascade(Majority(5, "v", model="m"), Majority(3, "v", model="s"), 0.7),
    Cascade(Posterior(9, "v", gain=0.01, model="m"), Fixed("s"), 0.7),
    Cascade(Majority(3, "v", model="m"), Majority(5, "v", model="m"), 0.9),
    Mixture("m*3|s*2", "v"),
    Mixture("m*3|s*2", "v", by="accepted"),
    Mixture("s*2|m*6", "v"),
    VerifyTies(6, "v", "j", margin=0.2),
    VerifyTies(8, "v", "j", margin=0.3, each=2, trials=3),
    VerifyTies(6, "v", "v", margin=0.2),
    Pandora(8, "j", price=0.05),
    Pandora(12, "j", price=0.0, least=2, trials=3),
    Pandora(5, "v", price=0.1),
    Abstain(Pandora(8, "j", price=0.05), 0.8),
    Abstain(Abstain(Majority(9, "v"), 0.3), 0.6),
    Abstain(Certified(12, "v", error=0.3), 0.7, by="posterior", verifier="v"),
    Abstain(BestOf(4, "j"), 0.3, by="margin", verifier="v"),
    Abstain(BestOf(4, "j"), 0.8, by="posterior", verifier="v"),
    Abstain(BestOf(4, "j", trials=3), 0.3, by="margin", verifier="j"),
    Abstain(Posterior(9, "v"), 0.5, by="score", verifier="j", trials=2),
    Abstain(BestOf(3, "j", trials=3), 0.5, by="score", verifier="j", trials=2),
    Abstain(BestOf(3, "j"), 0.5, by="score", verifier="j", trials=2),
    Abstain(VerifyTies(6, "v", "j"), 0.5, by="score", verifier="j"),
    Abstain(Cascade(Majority(3, "v"), FirstAccepted(9, "j"), 0.7), 0.5),
    Abstain(Mixture("m*3|s*2", "v"), 0.5),
    Cascade(Abstain(Posterior(5, "v"), 0.6, by="margin", verifier="v"), Majority(4, "v"), 0.9),
    Cascade(Cascade(Fixed("s"), Majority(2, "v", model="s"), 2.0), BestOf(5, model="m"), 0.6),
    Cascade(Abstain(Fixed("s"), 0.5, by="score", verifier="j"), Mixture("m*4", "v"), 0.6),
    Cascade(Majority(3, "v"), Mixture("m*2|s*2", "v"), 0.9),
]


@pytest.mark.parametrize("policy", POLICIES, ids=name_of)
def test_the_fast_path_is_the_flow_in_every_order(policy: Policy, made: Made) -> None:
    kept = archive(made(12, {"m": 12, "s": 5}, trials=3), "v")
    orders = Orders.random(kept, 6, seed=3)
    fast, slow = outcome(policy, kept, orders), driven(policy, kept, orders.by_model)
    for name in ("right", "returned", "samples", "verifications"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name), err_msg=name)
    trusted, told = (np.where(each.returned, each.trust, 0.0) for each in (fast, slow))
    np.testing.assert_allclose(trusted, told, rtol=1e-12)
    for name in ("tokens", "seconds"):
        np.testing.assert_allclose(
            getattr(fast, name), getattr(slow, name), rtol=1e-12, err_msg=name
        )


def revised(rows: Rows, turns: int) -> Rows:
    """Add later turns to every sample of `m`, judged as the samples of `s` are."""
    made = []
    for problem, recorded in rows:
        samples, verdicts = dict(recorded.samples), dict(recorded.verdicts)
        for turn in range(2, turns + 1):
            name = revised_id("m@1", "v", turn)
            others = list(recorded.samples["s"])[turn:] + list(recorded.samples["s"])[:turn]
            replies = []
            for first, other in zip(recorded.samples["m"], others, strict=True):
                reply = replace(other, sampler_id=name, index=first.index)
                replies.append(reply)
                verdicts[name, first.index, "v"] = [
                    replace(told, sampler_id=name, index=first.index)
                    for told in recorded.verdicts["s@1", other.index, "v"]
                ]
            samples[f"m+v.{turn}"] = replies
        made.append((problem, Recorded(samples, verdicts)))
    return made


@pytest.mark.parametrize(
    "policy",
    [Refine(3, "v"), Refine(2, "v", limit=4), Refine(3, "v", limit=6, model="m"), Refine(1, "v")],
    ids=name_of,
)
def test_chains_of_replies_are_the_flow_in_every_order(policy: Policy, made: Made) -> None:
    kept = archive(revised(made(12, {"m": 6, "s": 6}, seed=4), 3), "v")
    assert list(kept.shelves) == ["m", "s"]
    orders = Orders.random(kept, 6, seed=3)
    fast, slow = outcome(policy, kept, orders), driven(policy, kept, orders.by_model)
    for name in ("right", "returned", "samples", "verifications"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name), err_msg=name)
    for name in ("tokens", "seconds"):
        np.testing.assert_allclose(
            getattr(fast, name), getattr(slow, name), rtol=1e-12, err_msg=name
        )
    assert vectorised(policy)


def test_a_plan_refines_as_far_as_that_was_recorded(made: Made) -> None:
    found = describe(
        archive(revised(made(12, {"m": 6, "s": 6}, holes=False), 3), "v"), usable=["v"]
    )
    tried = {p for p in candidates(found, Terms()) if isinstance(p, Refine)}
    assert {p.turns for p in tried} == {2, 3}
    assert {p.model for p in tried} == {"m"}
    chosen = plan(found, Terms(budget("2samples/problem")), orders=10)
    assert not any("refine" in name for name in chosen.skipped)
    with pytest.raises(NotRecorded, match=r"were never drawn.*vervet solve --policy refine"):
        replayed(Refine(4, "v"), found.archive, Orders.random(found.archive, 2))


def test_a_second_policy_that_is_never_asked_needs_no_samples(made: Made) -> None:
    kept = archive(made(6, {"m": 5, "s": 2}, holes=False), "v")
    for other in ("m", "s"):
        sure = Cascade(Fixed("m"), Majority(9, "v", model=other), 0.5)
        assert replayed(sure, kept, Orders.random(kept, 2)).samples == 1
        doubt = Cascade(Majority(2, "v", model="m"), Majority(4, "v", model=other), 1.1)
        with pytest.raises(NotRecorded, match="samples recorded of"):
            replayed(doubt, kept, Orders.random(kept, 2))


def test_most_built_in_policies_have_a_fast_path() -> None:
    slow = {type(p) for p in POLICIES if pick.dispatch(type(p)) is pick.dispatch(object)}
    assert slow == {Cascade, Mixture}  # several models: put together from what has one
    assert all(vectorised(p) for p in POLICIES)


def test_the_mean_over_orders_tends_to_the_closed_form(made: Made) -> None:
    rows = made(20, {"m": 15}, holes=False)
    kept = archive(rows, "v")
    found = replayed(Majority(7, "v"), kept, Orders.random(kept, 4000))
    ballots = [
        Ballot.of([s.text for s in r.samples["m"]], [s.text == "a" for s in r.samples["m"]])
        for _, r in rows
    ]
    exact = majority(ballots, k=[7]).mean()
    assert found.accuracy.value == pytest.approx(exact, abs=4 * found.chance.error)
    assert 0 < found.chance.error < 0.005


def test_what_is_returned_wrong_and_withheld_adds_up(made: Made) -> None:
    kept = archive(made(20, {"m": 15}, holes=False), "v")
    found = replayed(Abstain(Majority(7, "v"), 0.6), kept)
    parts = found.accuracy.value + found.wrong.value + found.abstained.value
    assert parts == pytest.approx(1.0)
    assert found.samples == 7
    assert found.accuracy.problems == 20


def test_costs_are_what_the_rows_say(made: Made) -> None:
    rows = made(5, {"m": 4}, holes=False)
    kept = archive(rows, "v")
    found = replayed(Majority(4, "v"), kept, Orders.random(kept, 3))
    drawn = [s for _, r in rows for s in r.samples["m"]]
    assert found.dollars == pytest.approx(sum(s.cost or 0 for s in drawn) / 5)
    assert found.tokens == pytest.approx(sum(7 + (s.completion_tokens or 0) for s in drawn) / 5)
    slowest = [max(s.seconds or 0 for s in r.samples["m"]) + 0.25 for _, r in rows]
    assert found.seconds == pytest.approx(np.mean(slowest))


def test_unknown_dollars_of_a_judge_are_not_zero(made: Made) -> None:
    kept = archive(made(3, {"m": 4}), "v")
    assert np.isnan(replayed(BestOf(2, "j"), kept).dollars)
    assert np.isfinite(replayed(BestOf(2), kept).dollars)


@pytest.mark.parametrize("policy", [Majority(6, "v"), Mixture("m*6", "v"), Posterior(50, "v", 0.0)])
def test_asking_for_more_than_was_drawn_says_what_to_draw(policy: Policy, made: Made) -> None:
    kept = archive(made(3, {"m": 5}), "v")
    with pytest.raises(NotRecorded, match=r"5 samples recorded.*vervet sample -n N"):
        replayed(policy, kept, Orders.random(kept, 5))


@pytest.mark.parametrize("policy", [BestOf(2, "j", trials=9), VerifyThenVote(2, 9, "j", "v")])
def test_asking_for_more_verdicts_says_what_to_run(policy: Policy, made: Made) -> None:
    kept = archive(made(3, {"m": 5}), "v")
    with pytest.raises(NotRecorded, match=r"'j' judged a sample 2 of 9 times.*--trials 9"):
        replayed(policy, kept)


def test_a_verifier_that_never_ran_is_named(made: Made) -> None:
    kept = archive(made(3, {"m": 5}), "v")
    with pytest.raises(NotRecorded, match="'other' judged none of these"):
        replayed(FirstAccepted(2, "other"), kept)
    with pytest.raises(ConfigError, match=r"no verdicts of 'other'.*There are: v, j"):
        archive(made(3, {"m": 5}), "other")


def test_orders_of_a_problem_do_not_depend_on_the_other_problems(made: Made) -> None:
    rows = made(4, {"m": 6})
    some, all_of = (Orders.random(archive(r, "v"), 5) for r in (rows[:2], rows))
    np.testing.assert_array_equal(some.by_model["m"], all_of.by_model["m"][:2])


def test_an_index_inside_another_policy_looks_at_one_problem_alone(made: Made) -> None:
    kept = archive(made(8, {"m": 12, "s": 9}), "v")
    orders = Orders.random(kept, 3)
    inside = Cascade(Fixed("s"), Index("v", 5, limit=9, model="m"), 2.0)
    for policy in (inside, Abstain(Index("v", 5, limit=9), 0.5), Cascade(inside, Fixed("s"), 0.7)):
        assert not vectorised(policy)
        fast, slow = outcome(policy, kept, orders), driven(policy, kept, orders.by_model)
        np.testing.assert_array_equal(fast.samples, slow.samples)
        np.testing.assert_array_equal(fast.right, slow.right)


class Contrary(Majority):
    """Returns the last sample, whatever the votes."""

    def flow(self, problem: Problem, /) -> Flow:
        del problem
        pool = yield Draw(self.n, self.model)
        return Choice(len(pool.samples) - 1, "the last")


def test_what_derives_from_a_built_in_policy_is_replayed_by_its_own_flow(made: Made) -> None:
    kept = archive(made(8, {"m": 12, "s": 9}), "v")
    orders = Orders.random(kept, 3)
    mine = Contrary(5, "v")
    for policy in (mine, Abstain(mine, 0.0), Cascade(mine, Fixed("s"), 0.5)):
        assert not vectorised(policy)
        fast, slow = outcome(policy, kept, orders), driven(policy, kept, orders.by_model)
        np.testing.assert_array_equal(fast.right, slow.right)
        np.testing.assert_array_equal(fast.verifications, slow.verifications)
    assert not driven(mine, kept, orders.by_model).verifications.any()
