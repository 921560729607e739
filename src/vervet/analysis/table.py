"""Rows of one kind as the table a reader would want: in a terminal, a notebook, or polars."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from math import isfinite
from typing import TYPE_CHECKING, Any

from vervet.analysis.plot import Plot, plot
from vervet.errors import MissingExtra

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with named columns; `columns` are shown, all fields are kept.

    >>> print(Table("coverage", ({"k": 1, "value": 0.25}, {"k": 10, "value": 0.5}), ("k", "value")))
     k  value
     1   0.25
    10    0.5
    """

    title: str
    rows: tuple[Mapping[str, Any], ...]
    columns: tuple[str, ...]

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def cells(self) -> list[list[str]]:
        """Return what is shown, as text, without the header."""
        return [[_cell(row, column) for column in self.columns] for row in self.rows]

    def written(self, **columns: Callable[[Mapping[str, Any]], Any]) -> "Table":
        """Return the table with some columns said otherwise."""
        rows = tuple(
            {**row, **{name: said(row) for name, said in columns.items()}} for row in self.rows
        )
        return Table(self.title, rows, self.columns)

    def __repr__(self) -> str:
        """Show aligned columns."""
        lines = [list(self.columns), *self.cells()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        )

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(c)}</th>" for c in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(c)}</td>" for c in line) + "</tr>"
            for line in self.cells()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def plot(self) -> Plot:
        """Return a chart: curves over k with their intervals, or policies over their samples.

        Raises:
            ConfigError: the rows have neither.
        """
        return plot(self.title, self.rows)

    def to_polars(self) -> "pl.DataFrame":
        """Return a polars data frame with every field.

        Raises:
            MissingExtra: polars is not installed.
        """
        try:
            import polars as pl  # noqa: PLC0415 - an extra
        except ImportError:
            raise MissingExtra("to_polars", "polars") from None
        return pl.DataFrame([dict(row) for row in self.rows], infer_schema_length=None)


def table(title: str, rows: Sequence[Any], columns: tuple[str, ...]) -> Table:
    """Make a table of dataclass rows."""
    return Table(title, tuple(asdict(row) for row in rows), columns)


def _cell(row: Mapping[str, Any], column: str) -> str:
    """Return a cell's text; a column with limits of its own carries them."""
    text = shown(row.get(column))
    ends = [shown(row.get(f"{column}_{end}")) for end in ("low", "high")]
    return text if "–" in ends else f"{text} [{', '.join(ends)}]"


def shown(value: Any) -> str:  # noqa: ANN401 - a cell
    """Return a cell's text: four significant digits, thousands apart, nothing for unknown.

    >>> [shown(v) for v in (0.123456, 12345.678, 1234567, None, float("nan"), 1.2e16, True)]
    ['0.1235', '12,346', '1,234,567', '–', '–', '1.2e+16', 'yes']
    """
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {shown(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    if value and not 1e-4 <= abs(value) < 1e9:  # noqa: PLR2004 - where digits stop helping
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004
