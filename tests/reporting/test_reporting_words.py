"""What a report says holds for any document: small, empty, unknown, hostile."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vervet.analysis.schema import SCHEMA
from vervet.errors import ConfigError
from vervet.reporting.charts import as_document, figures
from vervet.reporting.comparisons import crossing_table, difference_table
from vervet.reporting.coverage import coverage_charts, law_table
from vervet.reporting.curves import colours, model_names, pairs
from vervet.reporting.html import json_in_html, render
from vervet.reporting.marks import spread
from vervet.reporting.reading import Heading, choose, telling, visible
from vervet.reporting.words import count, headline, percent, support

EMPTY: dict[str, Any] = {"schema": SCHEMA}


def row(k: int, value: float | None, **more: Any) -> dict[str, Any]:
    return {"model": "m", "verifier": "v", "k": k, "value": value, "low": None, "high": None,
            "level": 0.95, "method": "", "problems": 4, "samples": 40, "excluded": 0,
            **more}  # fmt: skip


def test_the_headline_says_what_was_found(document: dict[str, Any]) -> None:
    said = headline(document)
    first, last = document["coverage"][0], document["coverage"][12]
    assert f"from {percent(first['value'])} with 1 sample" in said
    assert f"to {percent(last['value'])} with 1,000" in said
    assert "majority vote levels off at" in said
    under = " ".join(support(document))
    assert "96,000 samples of 96 problems" in under
    assert "95% intervals" in under
    assert "small: coverage rises" in under


def test_a_vote_that_still_rises_does_not_level_off() -> None:
    votes = [row(k, v, policy="majority", by="") for k, v in ((1, 0.1), (10, 0.3), (100, 0.5))]
    rising = EMPTY | {"coverage": [row(1, 0.1), row(100, 0.9)], "selection": votes}
    assert headline(as_document(rising)).endswith("while majority vote reaches 50.0%.")


def test_a_flat_curve_is_not_said_to_rise() -> None:
    flat = as_document(EMPTY | {"coverage": [row(1, 0.25), row(10, 0.25)]})
    assert headline(flat) == "Coverage stays at 25.0% from 1 sample to 10."


@pytest.mark.parametrize(
    "document",
    [
        EMPTY,
        EMPTY | {"coverage": [row(1, 0.5)]},
        EMPTY | {"coverage": [row(1, None), row(10, None)]},
        EMPTY | {"coverage": [row(1, 0.0), row(10, 0.0)], "notes": ["careful"]},
        EMPTY
        | {
            "coverage": [row(1, 1.0), row(10, 1.0)],
            "fits": [{"model": "m", "verifier": "v", "law": "power", "a": None, "b": None,
                      "base": 10.0, "loss": "coverage", "error": None}],
            "costs": [{"model": "m", "k": 1, "tokens": None, "usd": None, "flops": None,
                       "source": ""}],
        },
    ],
)  # fmt: skip
def test_little_or_nothing_known_still_makes_a_report(document: dict[str, Any]) -> None:
    page = render(as_document(document))
    assert "<h1>" in page
    assert "nan" not in re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL).lower()


def test_other_data_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"vervet\.analysis/1"):
        as_document({"schema": "something/9"})


def test_every_chart_carries_its_numbers(document: dict[str, Any]) -> None:
    charts = [c for part in figures(document, lambda _p, _q: "").values() for c in part]
    assert len(charts) == 11
    assert len({chart.id for chart in charts}) == len(charts)
    for chart in charts:
        assert chart.table.rows
        assert all(len(line) == len(chart.table.columns) for line in chart.table.rows)
        assert json.loads(json.dumps(chart.spec, allow_nan=False)) == chart.spec


def test_coverage_numbers_in_the_table_are_those_of_the_document(document: dict[str, Any]) -> None:
    table = figures(document, lambda _p, _q: "")["coverage"][0].table
    assert table.columns[:3] == ("samples", "coverage", "majority vote")
    at_100 = next(line for line in table.rows if line[0] == "100")
    measured = next(r for r in document["coverage"] if r["k"] == 100)
    assert at_100[1].startswith(percent(measured["value"]))
    assert table.rows[-1][0] == "10,000"  # the forecast
    assert table.rows[-1][1] == ""


def test_scaling_laws_show_their_back_tests(document: dict[str, Any]) -> None:
    table = law_table(document)
    assert len(table.rows) == 2
    assert table.rows[0][4:6] == ("100", "1,000")


def test_models_and_rules_are_compared_in_tables() -> None:
    who = {"model": "m", "verifier": "v", "low": -0.02, "high": 0.1, "problems": 8, "level": 0.95,
           "method": "paired bootstrap"}  # fmt: skip
    more = {
        "differences": [{**who, "other": "n", "k": 10, "value": 0.04}],
        "crossings": [{**who, "judge": "j", "rule": "best vote", "cost_ratio": 1.0, "value": None,
                       "never": 0.25},
                      {**who, "judge": "j", "rule": "any", "cost_ratio": 0.5, "value": 8.0,
                       "low": 4.0, "high": 16.0, "never": 0.0}],
    }  # fmt: skip
    document = as_document(EMPTY | {"coverage": [row(1, 0.5), row(1, 0.4, model="n")]} | more)
    (line,) = difference_table(document).rows
    assert line == ("m − n", "coverage", "v", "10", "+4.0 [−2.0, +10.0]", "8")
    never, eight = crossing_table(document).rows
    assert never[-2:] == ("not with what was recorded", "25.0%")
    assert eight[-2:] == ("8× [4, 16]", "0%")
    assert "verifiers compared on the same problems" in render(document)


def test_unknown_prices_are_shown_as_unknown(document: dict[str, Any]) -> None:
    page = render(document)
    assert "Not known: US dollars of small." in page
    usd = next(c for c in figures(document, lambda _p, _q: "")["cost"] if c.id == "cost-usd")
    assert {line[0] for line in usd.table.rows} == {"large"}
    assert all("$" in line[2] and line[2] != "$0" for line in usd.table.rows)


def test_problems_to_read_are_those_that_say_most(document: dict[str, Any]) -> None:
    chosen = choose(document)
    assert [c.why for c in chosen] == [
        "easiest", "median of those solved", "most often solved of those a vote misses",
        "hardest that was solved", "never solved",
    ]  # fmt: skip
    assert [c.problem_id for c in choose(document, ["a", "b", "a"])] == ["a", "b"]


def test_models_keep_apart() -> None:
    rows = [row(1, 0.5, model=m) for m in ("a/llama@1f", "b/llama@2f", "c/qwen@3f")]
    names = model_names(as_document(EMPTY | {"coverage": rows}))
    assert len(set(names.values())) == 3


@given(st.lists(st.text(max_size=20), unique=True, min_size=1, max_size=9))
def test_curves_never_share_a_colour_unless_there_are_more_than_eight(names: list[str]) -> None:
    given_colours = colours(["coverage", *(n for n in names if n != "coverage")])
    assert given_colours["coverage"] == "@c0"
    if len(given_colours) <= 4:
        assert len(set(given_colours.values())) == len(given_colours)


@given(st.dictionaries(st.text(max_size=5), st.floats(0, 1), min_size=1, max_size=8))
def test_labels_keep_apart_and_inside(positions: dict[str, float]) -> None:
    placed = sorted(spread(positions, 0.05, 1.0).values())
    assert placed[-1] <= 1.0
    assert all(b - a >= 0.05 - 1e-9 for a, b in pairwise(placed))


@given(st.text() | st.text(alphabet="</script>&\u2028\ud800\x00'\""))
def test_json_cannot_end_its_element(text: str) -> None:
    encoded = str(json_in_html({"text": text}))
    assert not set("<>&") & set(encoded)
    assert json.loads(encoded) == {"text": text}


@given(st.text(alphabet=st.characters()))
def test_visible_text_hides_nothing_and_can_be_written(text: str) -> None:
    shown = visible(text)
    assert shown.encode("utf-8") is not None
    assert not re.search("[\x00-\x08\x0e-\x1f\u202a-\u202e\u2066-\u2069]", shown)
    assert visible(shown) == shown


@settings(max_examples=20, deadline=None)
@given(st.text(alphabet="<>&\"'`{}%[].\\/ab\x00\u202e", min_size=1, max_size=30))
def test_no_name_breaks_a_report(name: str) -> None:
    where = {"model": name, "verifier": name}
    problem = {**where, "problem_id": name, "samples": 2, "accepted": 1, "rejected": 1,
               "errors": 0, "rate": 0.5, "modal_answer": name, "modal_share": 0.5,
               "modal_correct": 1.0, "mean_tokens": None}  # fmt: skip
    excluded = {**where, "reason": name, "count": 1, "total": 2, "detail": name}
    votes = [row(k, 0.3, policy=name, by=name, **where) for k in (1, 10)]
    page = render(
        as_document(
            EMPTY
            | {"coverage": [row(k, 0.5, **where) for k in (1, 10)], "selection": votes,
               "problems": [problem], "excluded": [excluded], "notes": [name]}
        ),
        title=name,
    )  # fmt: skip
    assert page.count("<script") - page.count("<script>") == 1  # the data; ours have no attributes
    assert page.count("\u202e") == page.count("\x00") == 0


@given(st.lists(st.sampled_from(["accept", "reject", "error"]), max_size=60), st.integers(1, 30))
def test_every_outcome_is_among_the_samples_shown(outcomes: list[str], most: int) -> None:
    rows = [Heading(0, "p", "m", i, outcome, None) for i, outcome in enumerate(outcomes)]
    shown = telling(rows, most)
    assert len(shown) == min(most, len(rows))
    if most >= 3:
        assert {h.outcome for h in shown} == set(outcomes)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0004999, "0.050%"),
        (0.99999, "99.9990%"),
        (0.999, "99.9%"),
        (1e-9, "<0.0001%"),
        (1 - 1e-9, ">99.9999%"),
    ],
)
def test_shares_close_to_the_ends_keep_their_digits(value: float, said: str) -> None:
    assert percent(value) == said


def test_counts_are_short() -> None:
    assert [count(v) for v in (0, 999, 12_345, 1.5e6, 2e9)] == [
        "0", "999", "12,345", "1.5 million", "2 billion",
    ]  # fmt: skip


def test_a_report_begins_with_the_verifier_that_is_taken_as_truth() -> None:
    curves = [row(1, 0.5, verifier=name) for name in ("a-judge", "b-vote", "c-truth")]
    votes = [row(1, 0.5, verifier="b-vote", policy="majority", by="")]
    some = as_document(EMPTY | {"coverage": curves, "selection": votes})
    assert [pair.verifier for pair in pairs(some)] == ["b-vote", "a-judge", "c-truth"]
    against = dict(some) | {"verifiers": [{"verifier": "a-judge", "against": "c-truth"}]}
    assert [pair.verifier for pair in pairs(against)] == ["c-truth", "a-judge", "b-vote"]


def test_ten_thousand_real_samples_a_problem_are_told_right(shared_data: Path) -> None:
    counts = shared_data / "data/monkeys/large_language_monkeys_original_pass_at_k.parquet"
    model, verifier = "Pythia 70M", "math"
    where = f"FROM '{counts}' WHERE Model = '{model}' AND Benchmark = 'MATH'"
    with duckdb.connect() as connection:
        curve = connection.execute(
            f'SELECT "Scaling Parameter", avg(Score) {where} GROUP BY 1 ORDER BY 1'
        ).fetchall()
        solved = connection.execute(
            f'SELECT DISTINCT "Problem Idx", "Num. Samples Correct" {where}'
        ).fetchall()
    who = {"model": model, "verifier": verifier}
    problems = [
        {**who, "problem_id": str(i), "samples": 10_000, "accepted": int(c), "errors": 0,
         "rejected": 10_000 - int(c), "rate": c / 10_000, "modal_answer": None,
         "modal_share": None, "modal_correct": None, "mean_tokens": None}
        for i, c in solved
    ]  # fmt: skip
    coverage = [row(int(k), value, **who) for k, value in curve]
    document = as_document(EMPTY | {"coverage": coverage, "problems": problems})
    (chart,) = figures(document, lambda _p, _q: "")["difficulty"]
    never = sum(not c for _, c in solved)
    assert len(solved) == 128
    assert chart.note.startswith(f"{never} of 128 problems were never solved.")
    assert len(chart.spec["layer"][0]["data"]["values"]) == 128
    assert f"to {percent(curve[-1][1])} with 10,000" in headline(document)
    assert curve[-1][1] == pytest.approx(1 - never / 128)
    assert "<h1>" in render(document)


def test_a_chart_of_an_imperfect_verifier_says_whose_word_it_is() -> None:
    judged = [row(k, 0.5, verifier=v) for v in ("key@1", "weak@1") for k in (1, 10)]
    told = EMPTY | {"coverage": judged, "verifiers": [{"verifier": "weak@1", "against": "key@1"}]}
    key, weak = coverage_charts(as_document(told))
    assert "Right is what weak accepts, which key does not always bear out." in weak.note
    assert "Right is" not in key.note
    alone = coverage_charts(as_document(EMPTY | {"coverage": judged}))
    assert all("Right is" not in chart.note for chart in alone)
