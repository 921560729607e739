"""Any table of samples becomes rows, or one clear line."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import ConfigError
from vervet.transfer.table import KNOWN, TableReader, mapping
from vervet.types import Outcome, Problem


def read(*rows: dict[str, Any], **renamed: str) -> list[tuple[Any, Any]]:
    located = ((f"row {number}", row) for number, row in enumerate(rows, 1))
    return [(r.sample, r.verdict) for r in TableReader(renamed).read(located)]


def test_rows_in_order_are_numbered_by_problem_and_model() -> None:
    rows = [{"problem": p, "model": m} for p in "ab" for m in "xy" for _ in range(2)]
    samples = [s for s, _ in read(*rows)]
    assert [s.index for s in samples] == [0, 1] * 4


def test_a_second_verifier_judges_the_same_samples() -> None:
    rows = [
        {"problem": "a", "verifier": v, "correct": c}
        for v, c in [("weak", 1), ("weak", 1), ("strong", 0), ("strong", 1)]
    ]
    found = read(*rows)
    assert [s is None for s, _ in found] == [False, False, True, True]
    assert [(v.verifier_id, v.index, v.outcome) for _, v in found] == [
        ("weak", 0, Outcome.ACCEPT),
        ("weak", 1, Outcome.ACCEPT),
        ("strong", 0, Outcome.REJECT),
        ("strong", 1, Outcome.ACCEPT),
    ]


def test_an_empty_correct_is_not_a_verdict() -> None:
    ((sample, verdict),) = read({"problem": "a", "text": "hm", "correct": ""})
    assert sample.text == "hm"
    assert verdict is None


def test_columns_of_other_names_are_mapped() -> None:
    ((sample, verdict),) = read(
        {"task_id": "a", "passed": True}, problem="task_id", correct="passed"
    )
    assert (sample.problem_id, verdict.outcome) == ("a", Outcome.ACCEPT)


def test_an_unreadable_cell_names_its_row_and_value() -> None:
    with pytest.raises(ConfigError, match=r"row 2: correct is 'maybe'"):
        read({"problem": "a", "correct": 1}, {"problem": "a", "correct": "maybe"})


def test_a_table_without_problems_names_its_columns() -> None:
    with pytest.raises(ConfigError, match=r"row 1: no problem; the columns are: task, ok"):
        read({"task": "a", "ok": 1})


def test_a_mapping_to_an_unknown_column_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'prob=x' is not ours=theirs"):
        mapping(["prob=x"])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("index", 2**31),
        ("index", "1e400"),
        ("prompt_tokens", 2**40),
        ("cost", "inf"),
        ("trial", -1),
    ],
)
def test_a_number_that_cannot_be_stored_is_refused(column: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"row 1: {column} is "):
        read({"problem": "a", column: value})


def test_two_texts_or_two_outcomes_under_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"row 2: sample 7 of 'a' has another text in an earlier"):
        read(
            {"problem": "a", "index": 7, "text": "one"}, {"problem": "a", "index": 7, "text": "two"}
        )
    with pytest.raises(ConfigError, match="row 2: sample 7 of 'a' is right in one row and wrong"):
        read({"problem": "a", "index": 7, "correct": 1}, {"problem": "a", "index": 7, "correct": 0})
    same = {"problem": "a", "index": 7, "text": "one", "correct": 1}
    assert [
        sample is None for sample, _ in read(same, same, same | {"trial": 1, "correct": 0})
    ] == [
        False,
        True,
        True,
    ]


def test_lists_are_all_samples_of_a_problem() -> None:
    """As in the samples of Large Language Monkeys, of LiveCodeBench and of Weaver."""
    monkeys = {"question": "2+2?", "samples": ["4", "5", "4"], "is_corrects": [True, False, True]}
    found = read(monkeys, problem="question", text="samples", correct="is_corrects")
    assert [(s.index, s.text) for s, _ in found] == [(0, "4"), (1, "5"), (2, "4")]
    assert [v.outcome for _, v in found] == [Outcome.ACCEPT, Outcome.REJECT, Outcome.ACCEPT]


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"row 1: the lists of a row must be .* text has 2, corr"):
        read({"problem": "p", "text": ["a", "b"], "correct": [1]})


def test_a_problem_without_samples_does_not_vanish() -> None:
    with pytest.raises(ConfigError, match="row 1: its lists are empty: a problem without samples"):
        read({"problem": "p", "text": [], "correct": []})


def test_a_row_may_say_what_its_problem_is() -> None:
    reader = TableReader()
    rows: list[dict[str, Any]] = [
        {"problem": "p"},
        {"problem": "p", "prompt": "2+2?", "reference": 4.0},
        {"problem": "q", "prompt": "f", "reference": {"tests": ["f(1)"]}},
        {"problem": "p", "prompt": "2+2?", "reference": "4"},
    ]
    list(reader.read(("row", row) for row in rows))
    assert list(reader.problems.values()) == [
        Problem("p", "2+2?", {"answer": "4"}),
        Problem("q", "f", {"tests": ["f(1)"]}),
    ]


def test_two_prompts_of_one_problem_are_refused() -> None:
    with pytest.raises(ConfigError, match="row 2: 'p' has another prompt or reference"):
        read({"problem": "p", "prompt": "2+2?"}, {"problem": "p", "prompt": "2+3?"})


cells = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.lists(st.integers(0, 1), max_size=3), st.dictionaries(st.text(max_size=2), st.none()),
)  # fmt: skip


@given(st.lists(st.dictionaries(st.sampled_from(KNOWN), cells), max_size=4))
def test_any_rows_are_read_or_refused(rows: list[dict[str, Any]]) -> None:
    try:
        found = read(*rows)
    except ConfigError:
        return
    plain = [row for row in rows if not any(isinstance(cell, list) for cell in row.values())]
    assert len(found) >= len(plain)
