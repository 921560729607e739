"""A verifier that believes every true sum."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.types import Outcome, Problem, Sample
from vervet.verifiers.equations import Equations, equations


def outcome(text: str) -> Outcome:
    verify = Equations().verify(Problem("p", ""), Sample("p", "s", 0, text), 0)
    return asyncio.run(verify).outcome


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("4 + 5 = 9\nA: 9", True),
        ("<<16-3-4=9>>9 and 9 * 2 = $18", True),
        ("9 × 2 = 18.", True),
        ("1,000 / 8 = 125", True),
        ("0.5 * 3 = 1.5", True),
        ("4 + 5 = 8", False),
        ("4 + 5 = 9 and 9 - 1 = 7", False),
        ("1 / 3 = 0.33", False),
        ("The answer is 9", False),
        ("1 / 0 = 0", False),
        ("-3 + 5 = 2", True),
    ],
)
def test_a_reply_stands_if_all_its_equations_do(text: str, *, accepted: bool) -> None:
    assert (outcome(text) is Outcome.ACCEPT) is accepted


def test_the_score_is_the_share_of_true_equations() -> None:
    sample = Sample("p", "s", 0, "1 + 1 = 2, 2 + 2 = 5")
    verdict = asyncio.run(Equations().verify(Problem("p", ""), sample, 0))
    assert (verdict.score, verdict.detail) == (0.5, "false: 2 + 2 = 5")


@given(st.text("0123456789.,+-*/×x()= $A:\n", max_size=80))
def test_any_text_is_judged(text: str) -> None:
    assert outcome(text) in {Outcome.ACCEPT, Outcome.REJECT}


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from("+-*"))
def test_every_true_sum_is_true(a: int, b: int, sign: str) -> None:
    right = {"+": a + b, "-": a - b, "*": a * b}[sign]
    assert list(equations(f"{a} {sign} {b} = {right}")) == [(f"{a} {sign} {b} = {right}", True)]


def test_a_huge_number_costs_nothing() -> None:
    assert outcome("9" * 5000 + " + 1 = 2") is Outcome.REJECT
