"""A plan: it keeps its promises, stays in its budget, and gives the papers' advice."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betaln
from scipy.stats import beta

from vervet.errors import ConfigError
from vervet.planning import (
    Budget,
    Found,
    Orders,
    Plan,
    Terms,
    archive,
    budget,
    describe,
    plan,
    replayed,
)
from vervet.planning.archive import Rows
from vervet.planning.beyond import beyond
from vervet.planning.candidates import candidates
from vervet.planning.promise import choose, spent
from vervet.planning.words import document, recommendation
from vervet.policies.cascade import Cascade
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.fixed import Fixed
from vervet.policies.flow import Recorded
from vervet.policies.index import Index
from vervet.policies.majority import Majority
from vervet.policies.names import models_named, verifiers_named
from vervet.types import Outcome, Problem, Sample, Verdict

Made = Callable[..., Rows]
Floats = NDArray[np.float64]


def judged(sample: Sample, verifier: str, trial: int, *, good: bool, **more: object) -> Verdict:
    outcome = Outcome.ACCEPT if good else Outcome.REJECT
    key = (sample.problem_id, sample.sampler_id, sample.index, verifier, trial, outcome)
    return Verdict(*key, **more)  # type: ignore[arg-type]  # the tests name the fields


def with_tests(
    rates: Mapping[str, Floats], sizes: Mapping[str, int], costs: Mapping[str, float], seed: int
) -> Rows:
    """Models that solve each problem at its own rate, and tests that tell."""
    rng = np.random.default_rng(seed)
    rows = []
    for p in range(len(next(iter(rates.values())))):
        samples: dict[str, list[Sample]] = {}
        verdicts: dict[tuple[str, int, str], list[Verdict]] = {}
        for model, n in sizes.items():
            samples[model] = [Sample(f"p{p}", model, i, "", cost=costs[model]) for i in range(n)]
            for i, sample in enumerate(samples[model]):
                good = bool(rng.random() < rates[model][p])
                verdicts[model, i, "tests"] = [judged(sample, "tests", 0, good=good)]
        rows.append((Problem(f"p{p}", ""), Recorded(samples, verdicts)))
    return rows


def voters(problems: int, n: int, *, seed: int, trials: int = 0, width: float = 1.0) -> Rows:
    """A model with its own answers to every problem, and a judge that costs three solutions."""
    rng = np.random.default_rng(seed)
    rows = []
    for p in range(problems):
        right = rng.beta(1.5 * width, 1.5 * width)
        shares = [right, *((1 - right) * rng.dirichlet([0.7] * 5))]
        samples, verdicts = [], {}
        for i, answer in enumerate(rng.choice(6, size=n, p=shares)):
            sample = Sample(f"p{p}", "m", i, "", prompt_tokens=0, completion_tokens=100)
            good = bool(answer == 0)
            verdicts["m", i, "key"] = [judged(sample, "key", 0, good=good, answer=str(answer))]
            accepts = rng.beta(3, 2) if good else rng.beta(2, 3)  # its trials agree in error
            verdicts["m", i, "judge"] = [
                judged(sample, "judge", t, good=bool(rng.random() < accepts),
                       prompt_tokens=150, completion_tokens=150)
                for t in range(trials)
            ]  # fmt: skip
            samples.append(sample)
        kept = {key: told for key, told in verdicts.items() if told}
        rows.append((Problem(f"p{p}", ""), Recorded({"m": samples}, kept)))
    return rows


def found(rows: Rows, truth: str, *usable: str) -> Found:
    return describe(archive(rows, truth), usable=usable)


def test_five_cheap_samples_beat_one_dear_one_at_a_third_of_the_cost(shared_data: Path) -> None:
    """Large Language Monkeys, table 1: SWE-bench Lite, 300 issues."""
    tables = json.loads((shared_data / "data/papers/monkeys_tables.json").read_text())
    cheap, dear, _ = tables["table1_v3"]
    once, five = 0.1587, cheap["solved_pct"] / 100  # coverage at 1 (figure 2) and at 5 attempts

    def at_five(a: float) -> float:  # of Beta(a, b) rates with that coverage at 1
        b = a * (1 - once) / once
        return 1 - float(np.exp(betaln(a, b + 5) - betaln(a, b)))

    a = brentq(lambda a: at_five(a) - five, 1e-3, 10)
    rates = beta.ppf((np.arange(300) + 0.5) / 300, a, a * (1 - once) / once)
    solved = np.arange(300) >= 300 * (1 - dear["solved_pct"] / 100)
    rows = with_tests(
        {"deepseek": rates, "gpt-4o": solved.astype(float)},
        {"deepseek": 5, "gpt-4o": 1},
        {"deepseek": cheap["usd_per_attempt"], "gpt-4o": dear["usd_per_attempt"]},
        seed=2,
    )
    kept = archive(rows, "tests")
    strong = replayed(Fixed("gpt-4o"), kept)
    weak = replayed(FirstAccepted(5, "tests", "deepseek"), kept)
    assert weak.accuracy.value > strong.accuracy.value
    assert weak.dollars < strong.dollars / 3
    made = plan(describe(kept), Terms(Budget(strong.dollars / 3, "dollars")))
    assert models_named(made.chosen.policy) == ["deepseek"]
    assert made.promise.accuracy.value > strong.accuracy.value
    assert made.promise.cost.high < strong.dollars / 3
    said = recommendation(made)
    assert "Use first-accepted:limit=5,verifier=tests,model=deepseek." in said
    assert re.search(
        r"of gpt-4o is right 24\.0% \[[\d.]+%, [\d.]+%\] of the time, for 4\.\d times the cost",
        said,
    )


def test_few_attempts_are_best_where_a_false_positive_costs_four(shared_data: Path) -> None:
    """Limits of resampling: Llama 3.1 8B on HumanEval+, accepted by weak tests."""
    theory = json.loads((shared_data / "data/papers/flaws_theory_model.json").read_text())
    model = theory["llama_3_1_8b"]
    rng = np.random.default_rng(3)
    rows = []
    for p in range(150):
        kind = int(p >= 84)
        right, wrong = model["p_correct"][kind], model["p_false_positive"][kind]
        samples = [Sample(f"p{p}", "m", i, "") for i in range(64)]
        verdicts = {}
        for i, sample in enumerate(samples):
            drawn = rng.random()
            verdicts["m", i, "plus"] = [judged(sample, "plus", 0, good=drawn < right)]
            verdicts["m", i, "base"] = [judged(sample, "base", 0, good=drawn < right + wrong)]
        rows.append((Problem(f"p{p}", ""), Recorded({"m": samples}, verdicts)))
    limits = {}
    paper = dict(zip(model["cost_ratios"], model["k_opt_prior_weighted_survival"], strict=True))
    for cost in (0.0, 1.0, 2.0, 4.0):
        made = plan(found(rows, "plus", "base"), Terms(false_positive_cost=cost))
        assert isinstance(made.chosen.policy, FirstAccepted)
        limits[cost] = made.chosen.policy.limit
    assert all(limits[cost] <= paper[cost] + 1 for cost in (1.0, 2.0, 4.0))
    assert limits[0.0] >= 16
    ruin = plan(found(rows, "plus", "base"), Terms(false_positive_cost=10.0))
    assert "Answering nothing at all would be worth more" in recommendation(ruin)


def test_votes_come_before_verification_at_small_budgets() -> None:
    """When To Solve, When To Verify: self-consistency first, a judge when there is plenty."""
    rows = voters(120, 32, seed=4, trials=8)
    chosen = {}
    for tokens in (800, 200_000):
        made = plan(found(rows, "key"), Terms(Budget(tokens, "tokens")), orders=40)
        chosen[tokens] = verifiers_named(made.chosen.policy)
    assert chosen[800] == ["key"]
    assert chosen[200_000] == ["key", "judge"]


@pytest.mark.slow
def test_what_is_promised_is_kept_on_other_problems() -> None:
    optimism, naive, held = [], [], []
    for split in range(40):
        rows = voters(128, 16, seed=100 + split, trials=2)
        made = plan(found(rows[:64], "key"), Terms(), orders=20, seed=split, forecast=False)
        rest = plan_value(rows[64:], made)
        optimism.append(made.promise.accuracy.value - rest)
        naive.append(made.chosen.replayed.accuracy.value - rest)
        held.append(made.promise.accuracy.low <= rest <= made.promise.accuracy.high)
    assert abs(np.mean(optimism)) <= 0.01 + 2 * np.std(optimism) / np.sqrt(len(optimism))
    assert np.mean(optimism) < np.mean(naive)
    assert np.mean(held) >= 0.85


def plan_value(rows: Rows, made: Plan) -> float:
    kept = archive(rows, "key")
    return replayed(made.chosen.policy, kept, Orders.random(kept, 20)).accuracy.value


def test_more_samples_than_were_recorded_are_forecast_and_marked(made: Made) -> None:
    rows = made(40, {"m": 10}, holes=False)
    kept = plan(found(rows, "v", "v"), Terms(budget("9samples/problem")), orders=10)
    ahead = {each.name: each for each in kept.beyond}
    accepted = [ahead[f"first-accepted:limit={k},verifier=v"] for k in (20, 40, 100)]
    values = [each.accuracy.value for each in accepted]
    assert values == sorted(values)
    assert values[0] >= np.mean([any(s.text == "a" for s in r.samples["m"]) for _, r in rows])
    assert all(each.accuracy.low < each.accuracy.high for each in accepted)
    assert all("forecast" in each.accuracy.method for each in kept.beyond)
    assert 1 < accepted[0].samples < accepted[2].samples < 100
    assert not ahead["majority:n=20,verifier=v"].affordable
    assert kept.chosen.name not in ahead
    told = document(kept)["forecasts"]
    assert [row["draw"] for row in told] == [20, 40, 100, 20, 40, 100]


def test_a_forecast_that_is_worth_more_says_what_to_draw() -> None:
    rates = {"m": np.linspace(0.005, 0.2, 60)}
    made = plan(found(with_tests(rates, {"m": 16}, {"m": 0.1}, 5), "tests"), Terms(), orders=10)
    best = max(made.beyond, key=lambda each: each.value)
    assert best.value > made.promise.value
    assert f"`vervet sample -n {best.draw}`" in recommendation(made)
    dear = plan(
        found(with_tests(rates, {"m": 16}, {"m": 0.1}, 5), "tests"),
        Terms(Budget(0.5, "dollars")),
        orders=10,
    )
    assert not any(each.affordable for each in dear.beyond)
    assert "Forecast" not in recommendation(dear)


def test_a_forecast_first_accepted_draws_as_many_samples_as_it_takes() -> None:
    """Σ unsolved(j) over j < k: with a rate of one half everywhere, two samples in the mean."""
    rows = with_tests({"m": np.full(200, 0.5)}, {"m": 8}, {"m": 0.1}, 1)
    kept = plan(found(rows, "tests"), Terms(), orders=40)
    for each in kept.beyond:
        assert each.samples == pytest.approx(2, abs=0.15)
    measured = next(o for o in kept.frontier if o.name == "first-accepted:limit=8,verifier=tests")
    assert kept.beyond[0].samples > measured.replayed.samples - 0.05


def test_a_forecast_vote_is_as_good_as_the_vote_that_is_drawn() -> None:
    """Votes drawn from the shares of eight answers would be right 6.7 points less often."""
    gaps = []
    for seed in range(8):
        rows = voters(150, 16, seed=seed)
        drawn = archive(rows, "key")
        right = replayed(Majority(16, "key"), drawn, Orders.random(drawn, 20)).accuracy.value
        few = [
            (problem, Recorded({"m": recorded.samples["m"][:8]}, recorded.verdicts))
            for problem, recorded in rows
        ]
        ahead = {b.name: b for b in beyond(found(few, "key"), Terms(), "samples")}
        gaps.append(ahead["majority:n=16,verifier=key"].accuracy.value - right)
    assert abs(np.mean(gaps)) <= 0.025


def test_a_forecast_is_not_advised_for_less_than_is_measured_on_the_same_problems() -> None:
    """The promise is corrected and a forecast is not: they do not compare."""
    made = plan(found(voters(30, 16, seed=9), "key"), Terms(), orders=20)
    assert made.promise.value < made.chosen.value - 0.005
    for value, advised in ((made.chosen.value - 0.004, False), (made.chosen.value + 0.004, True)):
        ahead = replace(made.beyond[0], value=value, affordable=True)
        assert ("Forecast" in recommendation(replace(made, beyond=(ahead,)))) == advised


def test_what_all_problems_share_is_spent_whatever_they_are() -> None:
    kept = found(voters(40, 20, seed=6), "key")
    together = plan(kept, Terms(budget("6samples/problem"), together=True), orders=10)
    assert isinstance(together.chosen.policy, Index)
    assert (together.promise.cost.low, together.promise.cost.high) == (6, 6)
    assert "more than the budget" not in recommendation(together)


def test_a_cost_that_may_pass_the_budget_on_other_problems_is_said() -> None:
    rates = {"m": np.linspace(0.02, 0.5, 40)}
    rows = with_tests(rates, {"m": 16}, {"m": 0.1}, 5)
    dear = plan(found(rows, "tests"), Terms(), orders=10).promise.cost
    tight, loose = (
        plan(found(rows, "tests"), Terms(Budget(limit, "dollars")), orders=10)
        for limit in (1.02 * dear.value, 1.02 * dear.high)
    )
    assert tight.chosen.cost <= 1.02 * dear.value < tight.promise.cost.high
    assert "more than the budget of" in recommendation(tight)
    assert "more than the budget of" not in recommendation(loose)
    told = document(tight)["promise"]["cost"]
    assert told["low"] < told["value"] < told["high"]


def test_a_budget_holds_what_costs_just_as_much_whatever_the_rounding() -> None:
    rows = with_tests({"m": np.full(9, 0.01)}, {"m": 3}, {"m": 0.1}, 4)
    made = plan(found(rows, "tests"), Terms(budget("0.3usd/problem")), orders=5)
    dearest = max(made.frontier, key=lambda o: o.cost)
    assert dearest.affordable
    just = replace(made, promise=replace(made.promise, cost=spent(np.full(9, 0.1 + 0.2))))
    assert "more than the budget" not in recommendation(just)
    costs = np.array([[0.1 + 0.2], [0.1]])
    assert choose(np.array([[1.0], [0.0]]), costs, costs, (0.3, np.inf)) == 0


def test_a_policy_whose_cost_is_not_known_is_counted_out_and_said() -> None:
    priced = with_tests({"m": np.full(9, 0.5)}, {"m": 4}, {"m": 0.1}, 1)
    other = with_tests({"s": np.full(9, 0.5)}, {"s": 4}, {"s": np.nan}, 2)
    rows = [
        (problem, Recorded({**one.samples, **two.samples}, {**one.verdicts, **two.verdicts}))
        for (problem, one), (_, two) in zip(priced, other, strict=True)
    ]
    made = plan(found(rows, "tests"), Terms(Budget(1, "dollars")), orders=5)
    assert "fixed:model=s" in made.unknown
    assert models_named(made.chosen.policy) == ["m"]
    assert re.search(
        r"\d+ policies were left out, as \S+: what they take is not", recommendation(made)
    )
    assert document(made)["unknown"] == list(made.unknown)
    assert plan(found(rows, "tests"), Terms(), orders=5).unknown == ()


def once(solved: Mapping[str, int], prices: Mapping[str, float]) -> Rows:
    """One sample of each model on 200 problems, of which it solves the first."""
    rows = []
    for p in range(200):
        samples = {m: [Sample(f"p{p}", m, 0, "", cost=price)] for m, price in prices.items()}
        verdicts = {
            (m, 0, "key"): [
                judged(drawn[0], "key", 0, good=p < solved[m], answer=str(p < solved[m]))
            ]
            for m, drawn in samples.items()
        }
        rows.append((Problem(f"p{p}", ""), Recorded(samples, verdicts)))
    return rows


@pytest.mark.parametrize(
    ("cheap", "price", "named"), [(99, 1, True), (97, 1, False), (99, 6, False)]
)
def test_a_policy_at_half_the_cost_that_is_worth_almost_as_much_is_named(
    cheap: int, price: float, *, named: bool
) -> None:
    rows = once({"dear": 100, "cheap": cheap}, {"dear": 10, "cheap": price})
    made = plan(found(rows, "key"), Terms(), orders=2)
    assert made.chosen.name == "fixed:model=dear"
    assert (made.thrifty is not None) == named
    assert (document(made)["thrifty"] is not None) == named
    assert (
        "fixed:model=cheap costs 0.1 times as much, and is worth 0.5 points ["
        in recommendation(made)
    ) == named
    if made.thrifty:
        option, loss = made.thrifty
        assert option.name == "fixed:model=cheap"
        assert loss.value == pytest.approx(0.005)
        assert loss.low <= loss.value <= loss.high


def test_a_problem_with_fewer_samples_than_the_others_is_said() -> None:
    rows = voters(9, 6, seed=2)
    problem, recorded = rows[4]
    rows = [*rows[:4], (problem, Recorded({"m": recorded.samples["m"][:1]}, recorded.verdicts)),
            *rows[5:]]  # fmt: skip
    made = plan(found(rows, "key"), Terms(), orders=5)
    assert made.compared == 1
    said = recommendation(made)
    assert "p4 has only 1 sample of m and others up to 6, so no policy that draws more" in said
    assert "`vervet sample -n 6`" in said


def test_a_verifier_that_judged_only_some_samples_is_said() -> None:
    rows = voters(9, 4, seed=2, trials=1)
    first = rows[0][1].verdicts
    assert isinstance(first, dict)
    del first["m", 3, "judge"]
    made = plan(found(rows, "key"), Terms(), orders=5)
    assert not any("judge" in option.name for option in made.frontier)
    said = recommendation(made)
    assert "judge judged 35 of 36 samples" in said
    assert "Run `vervet verify --verifier judge`." in said
    assert "key judged" not in said


@pytest.mark.parametrize(
    ("rate", "says"), [(0.0, "No sample is right, so"), (1.0, "Every sample is right, so")]
)
def test_problems_that_tell_nothing_are_said(rate: float, says: str) -> None:
    rows = with_tests({"m": np.full(9, rate)}, {"m": 4}, {"m": 0.1}, 1)
    made = plan(found(rows, "tests"), Terms(), orders=5)
    assert says in recommendation(made)
    assert isinstance(made.chosen.policy, Fixed)
    assert made.promise.accuracy.low < made.promise.accuracy.high


def test_every_kind_of_policy_is_compared(made: Made) -> None:
    rows = made(6, {"large": 12, "small": 16}, holes=False)
    kinds = {type(p).__name__ for p in candidates(found(rows, "v"), Terms(None, 1.0))}
    assert kinds == {
        "Abstain", "BestOf", "Cascade", "Certified", "FirstAccepted", "Fixed", "Majority",
        "Mixture", "Pandora", "Posterior", "VerifyThenVote", "VerifyTies", "Weighted",
    }  # fmt: skip


def test_problems_that_come_together_may_share_a_budget() -> None:
    kept = found(voters(100, 40, seed=6), "key")
    alone = plan(kept, Terms(budget("6samples/problem")), orders=20)
    together = plan(kept, Terms(budget("6samples/problem"), together=True), orders=20)
    assert not isinstance(alone.chosen.policy, Index)
    assert together.chosen.policy == Index("key", 6, 40)
    assert together.chosen.replayed.samples <= 6
    assert together.promise.value > alone.promise.value


def test_the_budget_and_the_latency_are_kept(made: Made) -> None:
    rows = made(20, {"m": 10}, holes=False)
    options = plan(found(rows, "v", "v"), Terms(budget("3samples/problem")), orders=20)
    assert options.chosen.replayed.samples <= 3
    quick = plan(found(rows, "v", "v"), Terms(max_latency=0.8), orders=20)
    assert quick.chosen.replayed.seconds <= 0.8
    costs = [o.cost for o in options.frontier]
    values = [o.value for o in options.frontier]
    assert costs == sorted(costs)
    assert values == sorted(values)


def test_a_budget_below_everything_says_what_the_cheapest_takes(made: Made) -> None:
    rows = made(5, {"m": 3}, holes=False)
    with pytest.raises(ConfigError, match=r"0.0001 dollars a problem, and the cheapest"):
        plan(found(rows, "v"), Terms(Budget(0.0001, "dollars")), orders=5)


def test_the_answer_key_is_read_but_not_asked(made: Made) -> None:
    rows = made(8, {"m": 6}, holes=False)
    asked = {type(p) for p in candidates(found(rows, "v"), Terms())}
    assert FirstAccepted in asked  # of the judge
    assert not any(
        isinstance(p, FirstAccepted) and p.verifier == "v"
        for p in candidates(found(rows, "v"), Terms())
    )
    assert any(
        isinstance(p, FirstAccepted) and p.verifier == "v"
        for p in candidates(found(rows, "v", "v"), Terms())
    )
    assert "--verifier v" in recommendation(plan(found(rows, "v"), Terms(), orders=5))


def test_two_models_are_also_tried_one_after_the_other(made: Made) -> None:
    rows = made(6, {"large": 4, "small": 6}, holes=False)
    tried = candidates(found(rows, "v"), Terms())
    assert any(isinstance(p, Cascade) for p in tried)
    assert {m for p in tried for m in models_named(p)} == {"large", "small"}
