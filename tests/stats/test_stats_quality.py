import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.stats.quality import STYLES, camel_case, commented, contrast, short_lines, snake_case

LONG = "def f():\n    return " + "1 + " * 20 + "1"


@pytest.mark.parametrize(
    ("source", "camel", "snake"),
    [
        ("def addOne(firstNumber):\n    return firstNumber", 1.0, 0.0),
        ("def add_one(first_number):\n    return first_number", 0.0, 1.0),
        ("def add(x):\n    for i, y in x:\n        z = y", 1.0, 1.0),
        ("def add(x1):\n    return x1", 0.0, 0.0),
        ("def aB2(x):\n    return x", 1.0, 0.0),
        ("print(1)", 0.0, 0.0),
        ("def broken(:", 0.0, 0.0),
        ("async def BAD(x):\n    ok = 1", 1.0, 1.0),
        ("a.b = [c for C in d]\ne = 1", 1.0, 1.0),
    ],
)
def test_names_follow_the_rules_of_race(source: str, camel: float, snake: float) -> None:
    assert (camel_case(source), snake_case(source)) == (camel, snake)


def test_lines_and_functions_have_their_limits() -> None:
    assert short_lines("def f():\n" + "    x = 1\n" * 29) == 1.0
    assert short_lines("def f():\n" + "    x = 1\n" * 30) == 0.0
    assert short_lines(LONG) == 0.0


def test_comments_are_counted_per_line_of_code() -> None:
    assert commented('def f(x):\n    """Add."""\n    # one\n    return x  # two\n') == 1.0
    assert commented("def f(x):\n    # one\n    return x\n") == 0.0
    assert commented("if (:  # a\n# b\n# c\n# d\n# e") == 1.0
    assert commented("if (:\nelse\nx") == 0.0


@given(st.text())
def test_any_text_gets_a_plain_answer(source: str) -> None:
    assert all(style(source) in {0.0, 1.0} for style in STYLES.values())


def test_an_invalid_escape_in_a_program_is_no_warning_of_ours() -> None:
    assert camel_case('def f(x):\n    return "\\d"') == 1.0


def test_a_column_is_contrasted_between_right_and_wrong_acceptances() -> None:
    rng = np.random.default_rng(0)
    right = [rng.random(20) < 0.6 for _ in range(60)]
    accepted = [fine | (rng.random(20) < 0.5) for fine in right]
    column = [np.where(fine, rng.random(20) < 0.8, rng.random(20) < 0.5) for fine in right]
    found = contrast(column, accepted, right, rng=np.random.default_rng(1))
    values = np.concatenate(column)[np.concatenate(accepted)]
    truths = np.concatenate(right)[np.concatenate(accepted)]
    assert found.accepted.value == pytest.approx(values.mean())
    assert found.right.value == pytest.approx(values[truths].mean())
    assert found.difference.low < 0.3 < found.difference.high
    assert found.difference.high - found.difference.low < 0.25


def test_a_group_without_samples_has_no_value() -> None:
    found = contrast([[1.0]], [[True]], [[True]], rng=np.random.default_rng(0))
    assert np.isnan(found.false_positive.value)
    assert found.false_positive.reason
