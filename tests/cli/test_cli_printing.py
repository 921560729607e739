"""Tables fit the terminal: what is the same in every row is said once, and words stay whole."""

import io
import json
import re
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.analysis.schema_base import Measured
from vervet.cli.printing import aligned, plain, printed, prose, with_interval, without_constants


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


HEAD = ["model", "policy", "by", "verifier", "k", "value", "problems", "samples", "excluded"]
ROWS = [
    ["marmoset-strong", "first-accepted", "equations", "gsm8k-answer", k, "0.2", "64", "1,280", "0"]
    for k in ("1", "10", "100")
]  # fmt: skip


def test_a_table_that_fits_is_left_as_it_is() -> None:
    assert without_constants([HEAD, *ROWS], 160) == ("", [HEAD, *ROWS])
    assert without_constants([HEAD, ROWS[0]], 40) == ("", [HEAD, ROWS[0]])


def test_a_table_that_is_too_wide_says_once_what_is_the_same_and_cuts_no_word() -> None:
    rows = [*ROWS, ["marmoset", "majority", "answers", *ROWS[0][3:]]]
    said, grid = without_constants([HEAD, *rows], 60)
    assert said == "verifier gsm8k-answer, value 0.2, problems 64, samples 1,280, excluded 0"
    assert grid[0] == ["model", "policy", "by", "k"]
    lines = aligned(grid, 40)
    assert all(len(line) <= 40 for line in lines)
    words = {word for line in lines for word in line.split()}
    assert {"marmoset-", "strong", "first-", "accepted", "equations", "majority"} <= words


def test_on_a_terminal_words_stay_whole_and_elsewhere_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = "Coverage rises from 22% to 43.8% with 20, while majority vote levels off.\n  a: b c d"
    assert prose(said) == said
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "30")
    lines = prose(said, 4).splitlines()
    assert all(len(line) <= 30 for line in lines)
    assert " ".join(lines).split() == said.split()
    assert lines[1].startswith("    ")
    assert lines[-1] == "  a: b c d"


@pytest.mark.parametrize("width", [60, 80, 100])
def test_words_that_have_no_room_stand_above_their_rows_and_no_line_is_too_long(width: int) -> None:
    wide = [HEAD, *ROWS, ["marmoset", "majority", "answers", "x-answer", "1", *ROWS[0][5:]]]
    lines = printed(wide, width)
    assert all(len(line) <= width for line, _ in lines)
    words = {word for line, _ in lines for word in re.split(r"[\s,]+|(?<=-)", line)}
    assert {"strong", "accepted", "equations", "majority", "answers", "excluded"} <= words
    heads = [line for line, bold in lines if bold]
    assert heads[0].split()[-3:] == ["problems", "samples", "excluded"]


def test_what_stands_above_is_said_once_for_its_rows() -> None:
    lines = printed([HEAD, *ROWS, ["m", *ROWS[0][1:]]], 60)
    assert [bold for _, bold in lines] == [True, True, False, False, False, True, False]
    assert [lines[1][0], lines[5][0]] == [
        "marmoset-strong, first-accepted, equations",
        "m, first-accepted, equations",
    ]


def test_a_table_with_room_is_printed_row_by_row() -> None:
    assert [bold for _, bold in printed([HEAD, *ROWS], 160)] == [True, False, False, False]


def test_a_number_without_an_interval_is_shown_without_one() -> None:
    nan = float("nan")
    rest = {"level": 0.95, "method": "", "problems": 1, "samples": 10, "excluded": 0}
    assert with_interval(Measured(value=0.7, low=nan, high=nan, **rest)) == "0.700"  # type: ignore[arg-type]
    whole = Measured(value=0.7, low=0.6, high=0.8, **rest)  # type: ignore[arg-type]
    assert with_interval(whole) == "0.700 [0.600, 0.800]"


names = st.text(alphabet="abc", min_size=1, max_size=12)
cells = st.text(alphabet="ab-, 1", max_size=12)


def letters(texts: Iterable[str]) -> Counter[str]:
    """Count what is printed but white space and the commas of a list."""
    return Counter("".join("".join(texts).replace(",", "").split()))


@given(st.integers(2, 5), st.integers(10, 60), st.data())
def test_whatever_is_folded_is_printed_whole(columns: int, width: int, data: st.DataObject) -> None:
    head = data.draw(st.lists(names, min_size=columns, max_size=columns))
    rows = data.draw(st.lists(st.lists(cells, min_size=columns, max_size=columns), min_size=1))
    assert letters(aligned([head, *rows], width)) == letters(c for r in [head, *rows] for c in r)
    said, kept = without_constants([head, *rows], width)
    left_out = (
        [i for i, name in enumerate(head) if len({row[i] for row in rows}) == 1] if said else []
    )
    assert len(kept[0]) == columns - len(left_out)
    assert letters([said]) == letters(text for i in left_out for text in (head[i], rows[0][i]))


def test_what_is_printed_as_json_has_no_nan() -> None:
    told = plain({"a": float("nan"), "b": [float("inf"), 1.5], "c": ("x", None, True)})
    assert (
        json.dumps(told, allow_nan=False) == '{"a": null, "b": [null, 1.5], "c": ["x", null, true]}'
    )
