"""Results on stdout, everything else on stderr."""

import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from math import isfinite
from textwrap import fill
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from vervet.analysis.result import Analysis
    from vervet.analysis.schema_base import Measured
    from vervet.analysis.table import Table


def say(result: Any, *, as_json: bool) -> None:  # noqa: ANN401 - whatever a command returns
    """Print a result: one JSON document, or what it says of itself."""
    click.echo(json.dumps(plain(result), ensure_ascii=False) if as_json else result)


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a command returns
    """Return a result as JSON has it: what is not known is null, a number of numpy's a number.

    >>> plain({"loss": float("nan"), "k": (1, 2.5)})
    {'loss': None, 'k': [1, 2.5]}
    """
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else str(value)


def prose(text: str, indent: int = 0) -> str:
    """Return `text` with its words whole on a terminal; as it is where there is none."""
    if not sys.stdout.isatty():
        return text
    columns, margin = shutil.get_terminal_size().columns, " " * indent
    return "\n".join(
        fill(line, columns, subsequent_indent=margin, break_long_words=False,
             break_on_hyphens=False, replace_whitespace=False)
        for line in text.split("\n")
    )  # fmt: skip


def note(message: str) -> None:
    """Say something that is not the result."""
    click.echo(message, err=True)


WIDE = 160
"""Characters of a line that does not go to a terminal."""
NARROWEST = 6
GAP = 2
"""Spaces between columns."""
BREAK = re.compile(r"(?<=[A-Za-z]-)|(?<=[\s=:])|(?<=,)(?=[^\d\s])")
"""Where a cell is folded before any word is cut."""
WIDEST = 12
"""Columns beyond which a table is turned on its side, one column for each row."""
MOST_ABOVE = 4
"""Columns whose words stand above rows where there is no room beside them."""
MOST_TURNED = 3
"""Rows of a table that is turned because its words would be cut otherwise."""


def show(table: "Table") -> None:
    """Print a table; columns without any value are left out."""
    shown = table.cells()
    columns = [
        (i, name)
        for i, name in enumerate(table.columns)
        if any(cells[i] not in {"–", ""} for cells in shown)
    ]
    grid: Sequence[Sequence[str]] = [
        [name for _, name in columns], *([cells[i] for i, _ in columns] for cells in shown)
    ]  # fmt: skip
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    few = len(shown) <= MOST_TURNED and sum(longest_words(grid)) + GAP * len(columns) > width
    turned = len(columns) > WIDEST or few
    if turned:
        grid = [list(column) for column in zip(*grid, strict=True)]
    same, grid = without_constants(grid, width)
    if table.title:
        click.secho(prose(table.title), bold=True)
    if same:
        click.secho(prose(f" all rows: {same}", 2), dim=True)
    for line, bold in printed(grid, width, most_above=0 if turned else MOST_ABOVE):
        click.secho(line, bold=bold or None)


def printed(
    grid: Sequence[Sequence[str]], width: int, *, most_above: int = MOST_ABOVE
) -> list[tuple[str, bool]]:
    """Return the lines of a table, and whether each is a head.

    Where words would be cut, what the first columns say stands in a line above its rows.

    >>> rows = [["model", "policy", "k"], ["llama", "majority", "1"], ["llama", "majority", "10"]]
    >>> [line for line, _ in printed(rows, 16)]
    [' policy     k ', 'llama', ' majority   1 ', ' majority  10 ']
    """
    above = _above(grid, width, most_above)
    rows = _rows([row[above:] for row in grid], width)
    lines = [(line, True) for line in rows[0]]
    said: Sequence[str] = grid[0][:above]
    for row, folded in zip(grid[1:], rows[1:], strict=True):
        if row[:above] != said:
            said = row[:above]
            lines += [(line, True) for line in fold(", ".join(said), width)]
        lines += [(line, False) for line in folded]
    return lines


def _above(grid: Sequence[Sequence[str]], width: int, most: int) -> int:
    """Return how many columns to take out so that no word of the others is cut; 0 if none helps."""
    words = longest_words(grid)
    return next((n for n in range(most + 1) if sum(words[n:]) + GAP * len(words[n:]) <= width), 0)


def without_constants(
    grid: Sequence[Sequence[str]], width: int
) -> tuple[str, Sequence[Sequence[str]]]:
    """Take columns that say the same in every row out of a table that is too wide.

    >>> without_constants([["model", "k", "value"], ["m", "1", "0.2"], ["m", "9", "0.3"]], 12)
    ('model m', [['k', 'value'], ['1', '0.2'], ['9', '0.3']])
    """
    columns = list(zip(*grid, strict=True))
    fits = sum(max(map(len, column)) + GAP for column in columns) <= width
    if fits or len(grid) <= 2:  # noqa: PLR2004 - a head and one row: everything is constant
        return "", grid
    same = [len(set(column[1:])) == 1 for column in columns]
    if all(same):
        return "", grid
    said = ", ".join(f"{c[0]} {c[1]}" for c, alike in zip(columns, same, strict=True) if alike)
    kept = [column for column, alike in zip(columns, same, strict=True) if not alike]
    return said, [list(row) for row in zip(*kept, strict=True)]


def longest_words(grid: Sequence[Sequence[str]]) -> list[int]:
    """Return the length of the longest word of each column, which is better not cut.

    >>> longest_words([["name", "n"], ["first-accepted", "12"]])
    [8, 2]
    """
    columns = zip(*grid, strict=True)
    return [max(len(word) for cell in column for word in BREAK.split(cell)) for column in columns]


def aligned(grid: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the lines of a table whose first row is its head; wide cells are folded.

    >>> aligned([["name", "n"], ["a long name", "12"]], 12)
    [' name     n ', ' a long  12 ', ' name       ']
    """
    return [line for row in _rows(grid, width) for line in row]


def _rows(grid: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """Return the lines of each row."""
    columns = list(zip(*grid, strict=True))
    widths = [max(map(len, column)) for column in columns]
    words = longest_words(grid)
    while sum(widths) + GAP * len(widths) > width and max(widths) > NARROWEST:
        whole = [at for at, wide in enumerate(widths) if wide > max(words[at], NARROWEST)]
        widths[max(whole or range(len(widths)), key=widths.__getitem__)] -= 1
    numbers = [all(map(_is_number, column[1:])) for column in columns]
    return [_folded(row, widths, numbers) for row in grid]


def fold(cell: str, width: int) -> list[str]:
    """Return the lines of a cell: broken between words, or in a word that is longer than a line.

    >>> fold("posterior:limit=8,verifier=gsm8k-answer", 18), fold("abcdef", 4)
    (['posterior:limit=8,', 'verifier=gsm8k-', 'answer'], ['abcd', 'ef'])
    """
    lines = [""]
    for word in BREAK.split(cell):
        rest = word
        if len((lines[-1] + rest).rstrip()) > width:
            lines.append("")
        while len(rest.rstrip()) > width:
            lines[-1], rest = rest[:width], rest[width:]
            lines.append("")
        lines[-1] += rest
    return [line.strip() for line in lines if line.strip()] or [""]


def _folded(row: Sequence[str], widths: Sequence[int], numbers: Sequence[bool]) -> list[str]:
    """Return the lines that one row takes: numbers to the right, words to the left."""
    folded = [fold(cell, wide) for cell, wide in zip(row, widths, strict=True)]
    lines = []
    for turn in range(max(map(len, folded), default=0)):
        parts = [cell[turn] if turn < len(cell) else "" for cell in folded]
        padded = [
            part.rjust(wide) if number else part.ljust(wide)
            for part, wide, number in zip(parts, widths, numbers, strict=True)
        ]
        lines.append(f" {'  '.join(padded)} ")
    return lines


def _is_number(cell: str) -> bool:
    return cell == "–" or not cell.strip("0123456789.,-+e")


def summary(analysis: "Analysis") -> None:
    """Print what a reader wants first: the finding, coverage beside selection, what was lost."""
    from vervet.reporting.charts import as_document
    from vervet.reporting.words import headline as finding

    click.secho(prose(finding(as_document(analysis))), bold=True)
    click.echo()
    for table in headline(analysis):
        show(table)
        click.echo()


def with_interval(row: "Measured") -> str:
    """Return a number with its interval; rounded first, so that equal numbers look equal."""
    value, low, high = (round(number, 9) for number in (row.value, row.low, row.high))
    return f"{value:.3f} [{low:.3f}, {high:.3f}]" if isfinite(low) else f"{value:.3f}"


MOST_WAYS = 3
"""Ways of selecting that fit on a line beside coverage; `analyze` shows all."""


def _place(way: str) -> int:
    """Return where a way of selecting stands: the vote, what was accepted, then the others."""
    return next((at for at, kind in enumerate(("majority", "first")) if way.startswith(kind)), 2)


def headline(analysis: "Analysis") -> list["Table"]:
    """Return coverage and selection side by side at k = 1, 10, 100, ... and the exclusions."""
    from vervet.analysis.table import Table

    document = analysis.document
    truths = {row.against for row in document.verifiers}
    rows: dict[tuple[str, str, int], dict[str, Any]] = {}
    for row in document.coverage:
        if truths and row.verifier not in truths:
            continue
        key = (row.model, row.verifier, row.k)
        rows[key] = {"model": row.model, "verifier": row.verifier, "k": row.k}
        rows[key]["coverage"] = with_interval(row)
    columns: dict[str, None] = {}
    for picked in document.selection:
        name = f"{picked.policy} ({picked.by})" if picked.policy != "majority" else "majority"
        columns.setdefault(name)
        key = (picked.model, picked.verifier, picked.k)
        if key in rows:
            rows[key][name] = with_interval(picked)
    largest = max((k for _, _, k in rows), default=0)
    kept = [r for (_, _, k), r in rows.items() if k == largest or str(k).strip("0") == "1"]
    names = ("model", "verifier", "k", "coverage", *sorted(columns, key=_place)[:MOST_WAYS])
    level = document.coverage[0].level if document.coverage else 0.95
    title = f"accuracy with k samples, {level:.0%} intervals over problems"
    accuracy = [Table(title, tuple(kept), names)] if kept else []
    return accuracy + ([analysis.excluded()] if document.excluded else [])
