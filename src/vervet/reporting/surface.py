"""Solutions against verifications: the success surface, and what it costs to climb it."""

from collections.abc import Iterator
from typing import NamedTuple

from vervet.reporting.curves import Row, Rows, short
from vervet.reporting.marks import (
    Chart,
    Table,
    base,
    category,
    ceiling,
    coloured,
    line,
    log_axis,
    logarithmic,
    quantity,
    share,
    tips,
)
from vervet.reporting.theme import RAMP, Spec
from vervet.reporting.words import estimate, known, percent

CELL_HEIGHT = 44
MOST_LABELLED = 12
"""A heat map with more columns than this shows its numbers under the pointer only."""


class Judged(NamedTuple):
    """One surface: a model, the truth, and the judge that was asked V times."""

    model: str
    verifier: str
    judge: str


def surfaces(document: Row) -> dict[Judged, list[Row]]:
    """Return the cells of each surface."""
    found: dict[Judged, list[Row]] = {}
    for row in document.get("success", ()):
        if known(row.get("value")):
            found.setdefault(Judged(row["model"], row["verifier"], row["judge"]), []).append(row)
    return found


def surface_charts(document: Row) -> list[Chart]:
    """Return, for each surface, its heat map and its success against cost."""
    return [
        chart
        for i, (who, rows) in enumerate(surfaces(document).items())
        for chart in _two(who, rows, i)
    ]


def _two(who: Judged, rows: Rows, position: int) -> Iterator[Chart]:
    name = f"{short(who.model)}, judged by {short(who.judge)}"
    best = max(rows, key=lambda r: (float(r["value"]), -float(r["cost"])))
    peak = (
        f"Best: {estimate(best)} with {best['solutions']:,} solutions and "
        f"{best['verifications']:,} verifications of each, at a cost of "
        f"{best['cost']:,.4g} solutions."
    )
    yield Chart(
        f"surface-{position}", f"{name}: success in percent", _heat(rows), _table(rows), peak
    )
    method = f"Cost C = S (1 + λV), in solutions; truth is {who.verifier}."
    yield Chart(
        f"climb-{position}", f"{name}: success against cost", _climb(rows), _table(rows), method
    )


def _heat(rows: Rows) -> Spec:
    cells = [_cell(row) for row in rows]
    axis = {"labelAngle": 0, "grid": False, "domain": False, "ticks": False}
    x = category("solutions", type="ordinal", axis={**axis, "title": "solutions, S"})
    y_axis = {**axis, "title": "verifications of each, V"}
    y = category("verifications", type="ordinal", sort="descending", axis=y_axis)
    values = [c["value"] for c in cells]
    low, high = min(values), max(values)
    labelled = len({c["solutions"] for c in cells}) <= MOST_LABELLED
    legend = {"orient": "top", "title": "success", "format": ".0%", "gradientLength": 160}
    ramp = {"domain": [low, high], "range": list(RAMP)}
    shade = quantity("value", scale=ramp, legend=None if labelled else legend)
    rect = {"type": "rect", "cornerRadius": 2, "stroke": "@paper", "strokeWidth": 1.5}
    layers = [{"mark": rect, "encoding": {"x": x, "y": y, "color": shade, "tooltip": _tips()}}]
    if labelled:
        layers.append(_numbers({"x": x, "y": y}, (low + high) / 2))
    height = max(3, len({c["verifications"] for c in cells})) * CELL_HEIGHT
    return base(layers) | {"data": {"values": cells}, "height": height}


def _tips() -> list[Spec]:
    return tips(("solutions", "S"), ("verifications", "V"), ("said", "success"), ("cost", "cost"))


def _numbers(encoding: Spec, middle: float) -> Spec:
    colour = {"condition": {"test": f"datum.value > {middle}", "value": "#fff"}, "value": "#1b1d22"}
    text = category("short")
    mark = {"type": "text", "fontSize": 11}
    return {"mark": mark, "encoding": {**encoding, "text": text, "color": colour}}


def _cell(row: Row) -> Spec:
    kept = {key: row[key] for key in ("solutions", "verifications", "value", "cost")}
    return {**kept, "said": estimate(row), "short": f"{100 * row['value']:.0f}"}


def _climb(rows: Rows) -> Spec:
    points = [_cell(row) | {"series": f"V = {row['verifications']:,}"} for row in rows]
    series = [f"V = {v:,}" for v in sorted({row["verifications"] for row in rows})]
    low, high = (end(float(p["cost"]) for p in points) for end in (min, max))
    high = high if high > low else 10 * low
    axis = log_axis("cost per problem, in solutions", low, high, form="~s")
    x = quantity("cost", axis=axis, scale=logarithmic(low, high))
    y = share("value", ceiling(rows))
    legend = {"orient": "top", "title": None, "columns": 4, "symbolType": "stroke"}
    palette = {name: f"@c{i % 8}" for i, name in enumerate(series)}
    colour = coloured("series", palette, sort=series, legend=legend)
    drawn = line(points, x, y, colour)
    said = {**drawn["encoding"], "tooltip": _tips()}
    dots = {"type": "point", "filled": True, "size": 40, "opacity": 1}
    return base([drawn, {"data": drawn["data"], "mark": dots, "encoding": said}])


def _table(rows: Rows) -> Table:
    ordered = sorted(rows, key=lambda r: (r["verifications"], r["solutions"]))
    cells = tuple(
        (f"{r['solutions']:,}", f"{r['verifications']:,}", f"{r['cost']:,.4g}", percent(r["value"]))
        for r in ordered
    )
    return Table(("solutions", "verifications", "cost", "success"), cells)
