"""What charts are made of: axes, bands, lines, labels that keep apart, a rule under the pointer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10
from typing import Any

from vervet.reporting.curves import Row, Rows
from vervet.reporting.theme import Spec
from vervet.reporting.words import estimate, known

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
HEIGHT = 320
LABEL_GAP = 0.055
"""Smallest distance of two labels, as a share of the chart's height."""


@dataclass(frozen=True, slots=True)
class Table:
    """What a chart shows, as numbers: the first column names the row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure: what it is called, how it is drawn, what it says and its numbers."""

    id: str
    title: str
    spec: Spec
    table: Table
    note: str = ""
    legend: Mapping[str, str] = field(default_factory=dict)
    """Names and colour tokens, for where there is no room to label the curves."""


def quantity(field: str, **settings: Any) -> Spec:  # noqa: ANN401 - JSON
    """Return an encoding of a number.

    >>> quantity("k", title="samples")
    {'field': 'k', 'type': 'quantitative', 'title': 'samples'}
    """
    return {"field": field, "type": "quantitative", **settings}


def category(field: str, **settings: Any) -> Spec:  # noqa: ANN401 - JSON
    """Return an encoding of a name."""
    return {"field": field, "type": "nominal"} | settings


def coloured(
    field: str,
    palette: Mapping[str, str],
    **settings: Any,  # noqa: ANN401 - JSON
) -> Spec:
    """Return an encoding of a name by its colour token (or any other fixed look)."""
    scale = {"domain": list(palette), "range": list(palette.values())}
    return category(field, scale=scale, **{"legend": None, **settings})


def logarithmic(low: float, high: float) -> Spec:
    """Return a logarithmic scale that ends where the data end."""
    return {"type": "log", "domain": [low, high], "nice": False}


def tips(*fields: tuple[str, str]) -> list[Spec]:
    """Return the lines of a tooltip: fields and what they are called."""
    return [category(field, title=title) for field, title in fields]


def share(field: str, top: float) -> Spec:
    """Return a y encoding in percent from 0 to `top`."""
    return quantity(field, axis=share_axis(top), scale={"domain": [0, top]})


def share_axis(top: float) -> Spec:
    """Return a y axis in percent."""
    digits = "%" if top > 0.05 else ".1%"  # noqa: PLR2004 - below 5 % the ticks need a decimal
    return {"format": digits, "tickCount": 5, "title": None}


def log_axis(title: str, low: float, high: float, *, form: str = ",d") -> Spec:
    """Return a logarithmic axis labelled at powers of ten.

    >>> log_axis("samples", 1, 1000)["values"]
    [1, 10, 100, 1000]
    """
    powers = range(ceil(log10(low) - 1e-9), floor(log10(high) + 1e-9) + 1)
    values = [10**p if p >= 0 else 10.0**p for p in powers]
    return {"title": title, "values": values, "format": form, "labelOverlap": "greedy"}


def ceiling(rows: Iterable[Row]) -> float:
    """Return where a share axis ends: 1, or less where everything is small."""
    top = max((float(r.get("high") or r["value"] or 0) for r in rows), default=1.0)
    return next((end for end in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if top <= end), 1.0)


def spread(positions: Mapping[str, float], gap: float, top: float) -> dict[str, float]:
    """Move labels apart until none covers another, keeping their order and staying below `top`.

    >>> spread({"a": 0.50, "b": 0.51}, gap=0.1, top=1.0)
    {'a': 0.5, 'b': 0.6}
    """
    names = sorted(positions, key=lambda name: positions[name])
    placed: dict[str, float] = {}
    lowest = 0.0
    for name in names:
        placed[name] = max(positions[name], lowest)
        lowest = placed[name] + gap
    roof = top
    for name in reversed(names):
        placed[name] = min(placed[name], roof)
        roof = placed[name] - gap
    return placed


def base(layers: Sequence[Spec]) -> Spec:
    """Return a layered chart that fills its column; labels beyond the plot make it narrower."""
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": HEIGHT,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "padding": {"left": 4, "top": 10, "right": 16, "bottom": 4},
        "layer": list(layers),
    }


def measured(rows: Rows) -> list[Row]:
    """Return the rows whose value is known."""
    return [row for row in rows if known(row.get("value"))]


def band(
    points: list[Spec], x: Spec, y: Spec, colour: Spec, *, ends: tuple[str, str] = ("low", "high")
) -> Spec:
    """Return the intervals of curves as shaded bands; those of whole curves are fainter."""
    low, high = ends
    faint = 0.07 if low.startswith("band") else 0.15
    return {
        "data": {"values": [p for p in points if known(p.get(low)) and known(p.get(high))]},
        "mark": {"type": "area", "opacity": faint, "tooltip": None},
        "encoding": {"x": x, "y": {**y, "field": low}, "y2": {"field": high}, "color": colour},
    }


def line(points: list[Spec], x: Spec, y: Spec, colour: Spec) -> Spec:
    """Return curves as lines."""
    return {
        "data": {"values": points},
        "mark": {"type": "line", "strokeWidth": 2.25, "strokeJoin": "round", "strokeCap": "round"},
        "encoding": {"x": x, "y": y, "color": colour},
    }


def path(name: str) -> str:
    """Escape a field name: Vega-Lite reads dots and brackets as paths."""
    return name.replace("\\", "\\\\").replace(".", "\\.").replace("[", "\\[").replace("]", "\\]")


def pointed(values: list[Spec], x: Spec, lines: list[Spec]) -> Spec:
    """Return a layer that shows a rule, and what is known there, where the pointer is."""
    select = {
        "type": "point",
        "on": "pointerover",
        "nearest": True,
        "encodings": ["x"],
        "clear": "pointerout",
    }
    seen = {"condition": {"param": "hover", "empty": False, "value": 0.5}, "value": 0}
    return {
        "name": "hover",
        "data": {"values": values},
        "params": [{"name": "hover", "select": select}],
        "mark": {"type": "rule", "color": "@muted", "strokeWidth": 1},
        "encoding": {"x": x, "opacity": seen, "tooltip": lines},
    }


def curve_table(curves: Mapping[str, Rows], forecasts: Rows = ()) -> Table:
    """Return the numbers of a set of curves: one row for each k."""
    columns = {**curves, **({"forecast": forecasts} if forecasts else {})}
    by_k = {name: {row["k"]: estimate(row) for row in rows} for name, rows in columns.items()}
    every = sorted({k for found in by_k.values() for k in found})
    rows = tuple((f"{k:,}", *(by_k[name].get(k, "") for name in columns)) for k in every)
    return Table(("samples", *columns), rows)
