"""Comparators: what the benchmarks call right."""

import math
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.types import Problem
from vervet.verifiers.code.comparators import EvalPlus, exact, lines, listed, text, tokens, within
from vervet.verifiers.code.suites import Calls, suite_of
from vervet.verifiers.sandbox.wire import Malformed, Opaque, decode, encode

HUGE = "7" * 5_000


@pytest.mark.parametrize(
    ("output", "expected", "right"),
    [
        ("YES\n", "yes", True),
        ("1 2\n3", "1 2 3", True),
        ("0.33333", "0.333333333", True),
        ("0.3334", "0.333333333", False),
        ("nan", "NaN", True),
        ("inf", "Infinity", True),
        ("inf", "-inf", False),
        (HUGE, HUGE, True),
        (HUGE[:-1] + "8", HUGE, False),
        ("1000000000000000001", "1000000000000000000", False),
        ("007", "7", True),
        ("-0", "0", True),
        ("5.0", "5", True),
        ("5.1", "5", False),
        ("1e9", "1000000000", True),
        ("123456789.0", "123456789.1", True),
        ("1_0", "10", False),
        ("", "", True),
        ("", "0", False),
        ("0 0", "0", False),
        ("abc", "abd", False),
    ],
)
def test_code_contests_compares_tokens_by_value(output: str, expected: str, *, right: bool) -> None:
    assert tokens()(output, expected) is right


@given(st.text(max_size=40))
def test_every_output_is_right_against_itself(output: str) -> None:
    assert tokens()(output, output)
    assert text(output, output)
    assert lines(output, output)


def test_live_code_bench_compares_lines() -> None:
    assert lines("1 2\n3\n", "1.0 2\n3")
    assert not lines("1 2 3", "1 2\n3")
    assert listed([], (1, [2, (3,)]), [1, [2, [3]]])


def test_evalplus_tolerances() -> None:
    assert EvalPlus("humaneval", "f", 1e-6)([], 1.0 + 1e-9, 1.0)
    assert not EvalPlus("humaneval", "f", 1e-6)([], 1.001, 1.0)
    assert not EvalPlus("humaneval", "f", 1e-6)([], 1, 1.0 + 1e-9)
    assert not EvalPlus("humaneval", "f", 0)([], 1.0 + 1e-9, 1.0)
    assert not EvalPlus("humaneval", "f", 0)([], 2, 3)
    assert EvalPlus("humaneval", "f", 1e-3)([], [1.0001, 2.0], [1.0, 2.0])
    assert not EvalPlus("humaneval", "f", 1e-3)([], (1.0, 2.0), [1.0, 2.1])


def test_evalplus_tolerance_begins_with_the_first_floats_of_a_suite() -> None:
    problem = Problem(
        "cubes",
        "",
        {
            "entry_point": "f",
            "inputs": {"base": [[1], [2]], "plus": [[3], [4]]},
            "expected": {"base": [[1, 2.5], [2.5]], "plus": [[1, 2.5], 7.5]},
            "oracle": "mbpp",
        },
    )
    suite = suite_of(problem, "plus")
    assert isinstance(suite, Calls)
    assert suite.expected is not None
    near = [[1, 2.5 + 1e-9], [2.5 + 1e-9], [1, 2.5 + 1e-9], 7.5 + 1e-9]
    judges = [suite.judge(at, suite.expected) for at in range(4)]
    found = [j([], o, e) for j, o, e in zip(judges, near, suite.expected, strict=True)]
    assert found == [False, True, False, True]


def test_evalplus_oracles() -> None:
    assert EvalPlus("mbpp", "similar_elements", 0)([], (5, 4), [4, 5])
    assert EvalPlus("mbpp", "check_str", 0)([], "match", True)  # noqa: FBT003 - an expected value
    assert not EvalPlus("mbpp", "check_str", 0)([], None, True)  # noqa: FBT003 - as above
    assert EvalPlus("humaneval", "find_zero", 1e-4)([[1, 2]], -0.5, None)
    assert not EvalPlus("humaneval", "find_zero", 1e-4)([[1, 2]], -0.6, None)
    assert not EvalPlus("humaneval", "find_zero", 1e-4)([[1, 2]], "zero", None)


def test_tolerance_goes_through_structures() -> None:
    judge = within(1e-6)
    assert judge([], {"a": [1.0000001, (2,)]}, {"a": [1, (2,)]})
    assert not judge([], {"a": [1.1]}, {"a": [1]})
    assert judge([], math.nan, math.nan)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
        | st.frozensets(st.integers() | st.text(), max_size=4)
        | st.sets(st.integers(), max_size=4)
    ),
    max_leaves=20,
)


@given(PLAIN)
def test_plain_values_cross_the_wire_unchanged(value: Any) -> None:
    found = decode(encode(value))
    assert exact([], found, value)
    assert type(found) is type(value)


def test_iterators_equal_nothing_and_can_be_gone_through() -> None:
    found = [
        decode(encode(value)) for value in (iter([4, 5]), {5: 0, 4: 0}.keys(), map(abs, [5, 4]))
    ]
    assert [exact([], value, [4, 5]) for value in found] == [False] * 3
    assert [EvalPlus("mbpp", "similar_elements", 0)([], v, (4, 5)) for v in found] == [True] * 3
    assert type(decode(encode(count()))) is Opaque


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_line_is_a_value_or_malformed(line: str | bytes) -> None:
    try:
        decode(line)
    except Malformed as error:
        assert str(error)  # noqa: PT017 - both ways are right


@pytest.mark.parametrize(
    "line",
    [
        '{"s":[[1]]}',
        '{"d":[[1]]}',
        '{"z":1}',
        '{"t":1}',
        '{"i":"x"}',
        '{"a":1,"b":2}',
        '{"c":["x",1]}',
        "[" * 5000,
        '{"n":["float64","x"]}',
        '{"F":[1,0]}',
    ],
)
def test_a_dishonest_line_is_malformed(line: str) -> None:
    with pytest.raises(Malformed):
        decode(line)


def test_keys_made_to_collide_are_refused() -> None:
    with pytest.raises(Malformed, match="collide"):
        decode(encode({i * (2**61 - 1): 1 for i in range(1000)}))


def test_what_is_not_plain_equals_nothing() -> None:
    class Anything:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]  # the point of it

    class Liar(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    for value in (Anything(), Liar(3), object(), iter([1])):
        found = decode(encode(value))
        assert isinstance(found, Opaque)
        assert found != value
        assert not exact([], found, 3)
