"""Inputs made from inputs: same types, valid for the solution, able to catch a wrong program."""

import asyncio
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import VerifierError
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.code.mutation import candidates, mutate
from vervet.verifiers.unit_tests import unit_tests

VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES, st.integers(0, 1000))
def test_a_mutation_keeps_the_type(value: Any, seed: int) -> None:
    assert type(mutate(value, np.random.default_rng(seed))) is type(value)


def test_new_inputs_are_new_and_distinct_and_repeatable() -> None:
    seeds = [[[1, 2, 3], 2], [[5], 0]]
    found = list(candidates(seeds, 50, np.random.default_rng(1)))
    assert len({repr(given) for given in found}) == len(found) == 50
    assert not any(given in seeds for given in found)
    assert found == list(candidates(seeds, 50, np.random.default_rng(1)))


SOLUTION = "def f(a):\n    return max(a)\n"
WEAK: dict[str, Any] = {"entry_point": "f", "inputs": [[[1, 2, 3]]], "solution": SOLUTION}
LAST = "def f(a):\n    return a[-1]\n"


def judged(reference: dict[str, Any], code: str, **settings: Any) -> Verdict:
    async def go() -> Verdict:
        verifier = unit_tests(workers=1, **settings)
        try:
            return await verifier.verify(Problem("p", "", reference), Sample("p", "m", 0, code), 0)
        finally:
            await verifier.aclose()

    return asyncio.run(go())


def test_mutated_tests_reject_what_a_weak_suite_let_through() -> None:
    assert judged(WEAK, LAST).outcome is Outcome.ACCEPT
    assert judged(WEAK, LAST, mutated=20).outcome is Outcome.REJECT
    right = judged(WEAK, "def f(a):\n    return sorted(a)[-1]\n", mutated=20)
    assert (right.outcome, right.detail) == (Outcome.ACCEPT, "21 tests passed")
    assert right.verifier_id.startswith("unit-tests-mutated@")


def test_an_input_that_breaks_the_contract_or_the_solution_is_no_test() -> None:
    reference = {
        **WEAK,
        "contract": "    assert len(a) == 3 and min(a) > 0",
        "inputs": [[[5, 4, 3]]],
    }
    only_three = (
        "def f(a):\n    b, c, d = a\n    assert min(b, c, d) > 0\n    return max(b, c, d)\n"
    )
    assert judged(reference, only_three, mutated=10).outcome is Outcome.ACCEPT
    assert (
        judged({**WEAK, "inputs": [[[5, 4, 3]]]}, only_three, mutated=10).outcome is Outcome.REJECT
    )


def test_an_input_on_which_the_solution_loops_is_given_up_and_the_others_are_kept() -> None:
    solution = "def f(n):\n    while n == 4: pass\n    return n\n"
    reference = {"entry_point": "f", "inputs": [[3], [5]], "solution": solution}
    found = judged(reference, "def f(n): return n", mutated=4)
    assert (found.outcome, found.detail) == (Outcome.ACCEPT, "6 tests passed")


def test_assertions_are_strengthened_by_the_solution_and_keep_their_own_judge() -> None:
    test = "def check(candidate):\n    assert abs(candidate(2.0) - 1.41) < 0.01\n"
    solution = "def f(x):\n    return x ** 0.5\n"
    reference = {"entry_point": "f", "test": test, "solution": solution}
    close = "def f(x):\n    return 1.414 if x == 2.0 else x ** 0.5 + 1e-9\n"
    far = "def f(x):\n    return x ** 0.5 + 1e-3\n"
    assert judged(reference, close, mutated=5).outcome is Outcome.ACCEPT
    assert judged(reference, far).outcome is Outcome.ACCEPT
    assert judged(reference, far, mutated=5).outcome is Outcome.REJECT


def test_a_suite_to_which_nothing_could_be_added_does_not_pass_for_a_stronger_one() -> None:
    reference = {**WEAK, "contract": "    assert a == [1, 2, 3]"}
    with pytest.raises(VerifierError, match="answers none of 20 mutated inputs"):
        judged(reference, SOLUTION, mutated=10)


def test_a_problem_without_solution_cannot_be_strengthened() -> None:
    reference = {"entry_point": "f", "inputs": [[1]], "expected": [1]}
    with pytest.raises(VerifierError, match="reference solution"):
        judged(reference, "def f(n): return n", mutated=3)
