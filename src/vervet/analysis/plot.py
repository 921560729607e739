"""A table as a chart: what grows with k as curves with bands, what differs as points."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError, MissingExtra

Row = Mapping[str, Any]
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
MIME = "application/vnd.vegalite.v5+json"
BESIDE = {"method", "reason", "source", "law", "best_note"}
"""Text columns that name no series."""
CURVES = ("value", "usd", "tokens", "flops")
"""What is drawn over k, the first that a table has."""
SAID = {"value": "share of problems", "usd": "US dollars a problem", "tokens": "tokens a problem"}
WIDTH, HEIGHT = 480, 300
LEGEND = {"orient": "bottom", "columns": 1, "labelLimit": 600, "symbolOpacity": 1}
LOOK = {"view": {"stroke": None}, "axis": {"gridColor": "#e6e6e6", "domain": False}}


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart as a Vega-Lite specification: a notebook shows it, `save` writes it.

    >>> Plot({"mark": "line"}).spec["mark"]
    'line'
    """

    spec: Mapping[str, Any]

    def save(self, path: str | Path) -> Path:
        """Write the chart as .svg or .png, or its specification as .json.

        Raises:
            ConfigError: another ending.
            MissingExtra: pictures need `vervet[figures]`.
        """
        file, text = Path(path), json.dumps(self.spec)
        if file.suffix == ".json":
            file.write_text(text, encoding="utf-8")
            return file
        if file.suffix not in {".svg", ".png"}:
            raise ConfigError(f"{path}: the ending must be .svg, .png or .json.")
        try:
            import vl_convert  # noqa: PLC0415 - an extra
        except ImportError as cause:
            raise MissingExtra("a chart as a picture", "figures") from cause
        if file.suffix == ".svg":
            file.write_text(vl_convert.vegalite_to_svg(text), encoding="utf-8")
        else:
            file.write_bytes(vl_convert.vegalite_to_png(text, scale=2))
        return file

    def _repr_mimebundle_(self, **_asked: object) -> dict[str, Any]:
        return {MIME: self.spec, "text/plain": "a chart; .save('chart.svg') writes it"}


def plot(title: str, rows: Sequence[Row]) -> Plot:
    """Return the chart of a table's rows.

    Rows with `k` are curves over it, with the interval as a band; rows of policies are points over
    the samples that they take.

    Raises:
        ConfigError: there are no such rows.
    """
    if rows and "accuracy" in rows[0]:
        kept = [_plain({**row, "series": row["policy"]}) for row in rows]
        return Plot(_points(title, kept))
    column = next((c for c in CURVES if any(row.get(c) is not None for row in rows)), "")
    if not column or not all("k" in row for row in rows):
        raise ConfigError(f"{title}: nothing to plot; tables over k and of policies have charts.")
    names = _series(rows)
    kept = [_plain({**row, "series": name}) for row, name in zip(rows, names, strict=True)]
    return Plot(_curves(title, kept, column))


def _series(rows: Sequence[Row]) -> list[str]:
    """Name each row by the text columns in which rows differ."""
    said = [
        {c: v for c, v in row.items() if isinstance(v, str) and c not in BESIDE} for row in rows
    ]
    differ = [c for c in said[0] if len({each.get(c) for each in said}) > 1]
    return [" · ".join(each.get(c, "") for c in differ) for each in said]


def _plain(row: Row) -> dict[str, Any]:
    """Leave out what JSON has no word for."""
    return {c: v for c, v in row.items() if not isinstance(v, float) or isfinite(v)}


def _curves(title: str, rows: Sequence[Row], column: str) -> dict[str, Any]:
    over = {"field": "k", "type": "quantitative", "scale": {"type": "log"}, "title": "attempts k"}
    share = {"axis": {"format": "%"}} if column == "value" else {}
    of = {"type": "quantitative", "title": SAID.get(column, column), **share}
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "line", "point": True},
         "encoding": {"y": {"field": column, **of}}},
    ]  # fmt: skip
    if any("low" in row for row in rows):
        ends = {"y": {"field": "low", **of}, "y2": {"field": "high"}}
        layers.insert(0, {"mark": {"type": "area", "opacity": 0.12}, "encoding": ends})
    return _spec(title, rows, over, layers)


def _points(title: str, rows: Sequence[Row]) -> dict[str, Any]:
    over = {"field": "samples", "type": "quantitative", "title": "samples a problem"}
    scale = {"scale": {"zero": False}, "axis": {"format": "%"}}
    of = {"type": "quantitative", "title": "accuracy", **scale}
    ends = {"y": {"field": "accuracy_low", **of}, "y2": {"field": "accuracy_high"}}
    layers: list[dict[str, Any]] = [
        {"mark": "rule", "encoding": ends},
        {"mark": {"type": "point", "filled": True, "size": 70},
         "encoding": {"y": {"field": "accuracy", **of}}},
    ]  # fmt: skip
    return _spec(title, rows, over, layers)


def _spec(
    title: str, rows: Sequence[Row], over: Row, layers: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    colour = {"field": "series", "type": "nominal", "title": None, "legend": LEGEND}
    several = len({row["series"] for row in rows}) > 1
    return {
        "$schema": SCHEMA,
        "title": title,
        "config": LOOK,
        "width": WIDTH,
        "height": HEIGHT,
        "data": {"values": list(rows)},
        "encoding": {"x": over, **({"color": colour} if several else {})},
        "layer": list(layers),
    }
