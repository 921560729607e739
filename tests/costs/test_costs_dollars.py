"""Dollars, seconds and the price of a correct answer; unknown stays unknown."""

import json
from math import inf, isnan, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.costs.correct import attempts_cost, cost_ratio, first_accepted_cost
from vervet.costs.dollars import Price, attempts_dollars, token_dollars
from vervet.costs.estimate import estimate_cost
from vervet.costs.latency import finish_times, seconds_to_samples
from vervet.errors import ConfigError

GPT = Price(input=2.5, output=10.0, cached_input=1.25, batch=0.5)


def test_table_1_of_the_monkeys_paper(shared_data: Path) -> None:
    tables = json.loads((shared_data / "data/papers/monkeys_tables.json").read_text())
    for version in ("table1_v1", "table1_v3"):
        rows = tables[version]
        totals = [attempts_dollars(300, r["attempts"], r["usd_per_attempt"]) for r in rows]
        assert totals == pytest.approx([r["total_usd"] for r in rows])
        relative = [t / totals[0] for t in totals]
        assert relative == pytest.approx([r["rel"] for r in rows], abs=0.05)


def test_each_kind_of_token_has_its_rate() -> None:
    bill = token_dollars(GPT, 1000, 200, cached_tokens=300, shared_tokens=100)
    assert float(bill.input) == pytest.approx(600 * 2.5e-6)
    assert float(bill.cached) == pytest.approx(300 * 1.25e-6)
    assert float(bill.output) == pytest.approx(200 * 10e-6)


def test_the_samples_of_one_request_cost_what_the_request_cost() -> None:
    prompt, shared = np.full(4, 500), np.array([0, 500, 500, 500])
    samples = token_dollars(GPT, prompt, [10, 20, 30, 40], shared_tokens=shared).total.sum()
    assert samples == pytest.approx(float(token_dollars(GPT, 500, 100).total))


@pytest.mark.parametrize(
    ("price", "prompt", "completion", "cached"),
    [
        (None, 1, 1, 0), (Price(), 1, 1, 0), (Price(input=1.0), 1, 1, 0), (GPT, nan, 1, 0),
        (GPT, 1, nan, 0), (Price(input=1.0, output=1.0), 10, 1, 5),
    ],
)  # fmt: skip
def test_what_is_not_known_is_nan_never_zero(
    price: Price | None, prompt: float, completion: float, cached: float
) -> None:
    assert isnan(float(token_dollars(price, prompt, completion, cached).total))


def test_an_unknown_batch_price_is_unknown_and_nothing_costs_nothing() -> None:
    plain = Price(input=1.0, output=1.0)
    assert isnan(float(token_dollars(plain, 1, 1, batch=True).total))
    assert float(token_dollars(plain, 0, 0, batch=True).total) == 0.0


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=30), st.integers(1, 8))
def test_finish_times_keep_every_connection_busy(seconds: list[float], connections: int) -> None:
    ends = finish_times(seconds, connections)
    last, whole = max(ends), sum(seconds)
    assert last >= max(whole / connections, *seconds) - 1e-9
    assert last <= whole / connections + max(seconds) + 1e-9  # Graham's bound for list scheduling


def test_equal_requests_finish_in_rounds() -> None:
    for samples in (1, 7, 40):
        ends = finish_times([2.0] * -(-samples // 4), 3)
        assert max(ends) == seconds_to_samples(samples, 2.0, connections=3, samples_per_request=4)
    with pytest.raises(ConfigError, match="connections"):
        seconds_to_samples(1, 1.0, connections=0)


@given(
    st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1, max_size=6),
    st.integers(0, 30),
)
def test_first_accepted_is_the_sum_over_attempts(
    rates: list[tuple[float, float]], limit: int
) -> None:
    right, wrong = np.array(rates).T
    attempts = correct = false = 0.0
    for t, f in rates:
        for k in range(limit):
            still = (1 - t - f) ** k
            attempts += still
            correct += still * t
            false += still * f
    cost = first_accepted_cost(
        right, wrong, limit, sample_cost=2.0, verify_cost=1.0, false_positive_cost=7.0
    )
    n = len(rates)
    assert cost.attempts == pytest.approx(attempts / n, abs=1e-9)
    assert cost.correct == pytest.approx(correct / n, abs=1e-9)
    assert cost.wrong == pytest.approx(false / n, abs=1e-9)
    assert cost.spend == pytest.approx(3 * attempts / n, abs=1e-9)
    assert cost.loss == pytest.approx(7 * false / n, abs=1e-9)
    assert cost.abstained == pytest.approx(1 - (correct + false) / n, abs=1e-9)


def test_sampling_for_ever_pays_one_over_the_rate() -> None:
    cost = first_accepted_cost([0.25, 1.0], [0.25, 0.0], inf, sample_cost=1.0)
    assert (cost.attempts, cost.correct, cost.wrong) == (1.5, 0.75, 0.25)
    never = first_accepted_cost([0.5, 0.0], [0.0, 0.0], inf, sample_cost=1.0)
    assert never.attempts == never.cost_per_correct == inf
    assert never.correct == 0.5


def test_nothing_correct_costs_infinitely_much() -> None:
    assert first_accepted_cost([0.0], [0.5], 10, sample_cost=1.0).cost_per_correct == inf


@pytest.mark.parametrize(("right", "wrong"), [([1.2], [0.0]), ([0.6], [0.6]), ([-0.1], [0.0])])
def test_rates_that_cannot_be_are_refused(right: list[float], wrong: list[float]) -> None:
    with pytest.raises(ConfigError, match=r"0\.\.1"):
        first_accepted_cost(right, wrong, 3, sample_cost=1.0)


def test_self_consistency_and_verification_on_one_scale() -> None:
    grid = attempts_cost([[1], [8]], [0, 4], cost_ratio=2.0)
    assert grid.tolist() == [[1, 9], [8, 72]]
    assert isnan(cost_ratio([nan], [1.0]))
    assert cost_ratio([1.0, nan], [3.0]) == 3.0


def test_a_dry_run_knows_tokens_and_dollars() -> None:
    said = {"max_tokens": 512, "samples_per_request": 32}
    estimate = estimate_cost(["x" * 4000] * 10, said, 100, price=GPT)
    assert (estimate.samples, estimate.requests) == (1000, 40)
    assert (estimate.prompt_tokens, estimate.completion_tokens) == (40_000, 512_000)
    assert estimate.usd == pytest.approx(0.1 + 5.12)
    assert "at most $5.22" in str(estimate)


@pytest.mark.parametrize(
    ("said", "price"),
    [({"max_tokens": 5}, None), ({}, GPT), ({"max_tokens": 5}, Price(input=1.0))],
)
def test_a_dry_run_without_price_or_bound_says_unknown(
    said: dict[str, int], price: Price | None
) -> None:
    estimate = estimate_cost(["x"], said, 1, price=price)
    assert estimate.usd is None
    assert "unknown" in str(estimate)


def test_a_dry_run_counts_only_what_is_missing() -> None:
    estimate = estimate_cost(["x" * 40, "y" * 40], {"samples_per_request": 4}, [0, 9])
    assert (estimate.samples, estimate.requests, estimate.prompt_tokens) == (9, 3, 30)
