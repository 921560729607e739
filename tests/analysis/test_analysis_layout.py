"""Tables for reading: every part has columns, long ones are shortened, and --show gives all."""

from dataclasses import fields

import pytest

from vervet.analysis import Analysis, analyze
from vervet.analysis.layout import COLUMNS
from vervet.analysis.schema import Document
from vervet.errors import ConfigError
from vervet.store import Run

NOT_TABLES = {"runs", "notes"}


@pytest.fixture(scope="module")
def found(rich: Run) -> Analysis:
    return analyze(rich, against="key", audit="expert", mixture=[4], quality=["completion_tokens"])


def test_every_part_of_the_document_has_a_table() -> None:
    assert set(COLUMNS) == {f.name for f in fields(Document)} - NOT_TABLES


def test_every_column_is_a_field(found: Analysis) -> None:
    for name, columns in COLUMNS.items():
        rows = getattr(found.document, name)
        if rows:
            absent = set(columns) - {f.name for f in fields(rows[0])} - {"gain"}
            assert not absent, name


def test_a_part_is_a_method_of_its_name(found: Analysis) -> None:
    for name in COLUMNS:
        assert getattr(found, name)().columns == COLUMNS[name]


def test_what_is_printed_first_stays_readable(found: Analysis) -> None:
    shown = found.tables()
    assert max(map(len, shown)) <= 50  # of two models under four verifiers
    assert not any(part.title.startswith(("strata", "roc", "differences")) for part in shown)
    assert {"strata", "roc", "differences", "fits"} <= set(found.aside())
    assert any(part.title.startswith("success of large by judge") for part in shown)


def test_show_prints_just_those_parts_complete(found: Analysis) -> None:
    (coverage, points) = found.tables(["coverage", "false_positives"])
    assert len(coverage) == len(found.document.coverage)
    assert len(points) == len(found.document.false_positives)
    assert len(found.tables(["all"])) >= 20


def test_an_unknown_part_is_refused_with_the_known_ones(found: Analysis) -> None:
    with pytest.raises(ConfigError, match=r"no part 'curves'; there are coverage,.*and all"):
        found.tables(["curves"])


def test_limits_of_one_field_stand_beside_it(found: Analysis) -> None:
    (row, *_) = found.audits().cells()
    at = COLUMNS["audits"].index("completeness")
    assert row[at].count("[") == 1
    assert row[at].endswith("]")


def test_an_endless_limit_is_written_as_such(found: Analysis) -> None:
    (limits,) = found.tables(["limits"])
    assert "∞" in {cells[2] for cells in limits.cells()}
