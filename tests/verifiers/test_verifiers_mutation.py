"""Inputs made from inputs: same types, valid for the solution, able to catch a wrong program."""

import asyncio
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import VerifierError
from vervet.types import Problem, Sample
from vervet.verifiers.code.mutation import candidates, mutate, newly_rejected, strengthen
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


def test_a_weak_suite_is_strengthened_and_says_by_how_much() -> None:
    solution = "def f(a):\n    assert len(a) > 0\n    return max(a)\n"
    problem = Problem("p", "", {"entry_point": "f", "inputs": [[[1, 2, 3]]], "solution": solution})
    samples = [
        Sample("p", "m", 0, "def f(a):\n    return max(a)\n"),
        Sample("p", "m", 1, "def f(a):\n    return a[-1]\n"),
        Sample("p", "m", 2, "def f(a):\n    return 0\n"),
    ]

    async def go() -> tuple[Problem, tuple[int, int]]:
        weak, strong = unit_tests(suite="base", workers=1), unit_tests(workers=1)
        stronger = await strengthen(strong, problem, count=20)
        counts = await newly_rejected(weak, strong, stronger, samples)
        await weak.aclose()
        await strong.aclose()
        return stronger, counts

    stronger, counts = asyncio.run(go())
    assert counts == (2, 1)
    assert [] not in [given[0] for given in stronger.reference["inputs"]["plus"]]


def test_a_problem_without_solution_cannot_be_strengthened() -> None:
    problem = Problem("p", "", {"entry_point": "f", "inputs": [[1]], "expected": [1]})
    with pytest.raises(VerifierError, match="reference solution"):
        asyncio.run(strengthen(unit_tests(workers=1), problem, count=3))
