"""The declared tables are the types, and the page is generated from them."""

import dataclasses
import typing
from pathlib import Path

import pytest

from vervet.store.format import markdown
from vervet.store.schema import PROBLEMS, TABLES, Table
from vervet.types import Outcome, Problem

ROOT = Path(__file__).parents[2]
TYPES = {str: "VARCHAR", Outcome: "VARCHAR", float: "DOUBLE"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_columns_are_the_fields_of_the_type(table: Table) -> None:
    fields = [field.name for field in dataclasses.fields(table.row)]
    derived = ["content"] if table is PROBLEMS else []
    assert list(table.names) == fields + derived


@pytest.mark.parametrize("table", [t for t in TABLES if t.row is not Problem], ids=lambda t: t.name)
def test_columns_have_the_types_of_the_fields(table: Table) -> None:
    hints = typing.get_type_hints(table.row)
    for column in table.columns:
        kinds = set(typing.get_args(hints[column.name]) or (hints[column.name],))
        assert column.null == (type(None) in kinds), column.name
        (kind,) = kinds - {type(None)}
        if kind is int:
            assert column.type in {"INTEGER", "BIGINT"}
        else:
            assert column.type == TYPES[kind]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_key_columns_are_never_null(table: Table) -> None:
    assert not any(table.column(name).null for name in table.key)


def test_the_page_of_the_format_is_generated() -> None:
    assert (ROOT / "docs" / "format.md").read_text() == markdown(), (
        "run: python -m vervet.store.format > docs/format.md"
    )
