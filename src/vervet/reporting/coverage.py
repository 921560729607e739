"""Coverage against samples, with what selection makes of it, the fitted law and the forecasts."""

from collections.abc import Mapping
from math import e, isclose
from typing import Any

from vervet.reporting.curves import (
    COVERAGE,
    Pair,
    Row,
    Rows,
    brief,
    colours,
    coverage_of,
    curves_of,
    display,
    of,
    pairs,
    short,
)
from vervet.reporting.marks import (
    LABEL_GAP,
    Chart,
    Table,
    band,
    base,
    category,
    ceiling,
    coloured,
    curve_table,
    line,
    log_axis,
    logarithmic,
    measured,
    path,
    pointed,
    quantity,
    share,
    spread,
    tips,
)
from vervet.reporting.theme import Spec
from vervet.reporting.words import estimate, known, percent

TESTED = ("backtest_fitted_to", "backtest_k")
OUTCOME = ("backtest_predicted", "backtest_observed")
BAND = ("band_low", "band_high")
CURVE_POINTS = 60
SHADED = (COVERAGE, "majority vote")
"""Whose intervals are drawn; all of them together would hide the curves, and stand in the table."""


def coverage_charts(document: Row) -> list[Chart]:
    """Return one chart for each (model, verifier): coverage and selection against samples."""
    return [_coverage(document, pair, i) for i, pair in enumerate(pairs(document))]


def _coverage(document: Row, pair: Pair, position: int) -> Chart:
    found = {name: measured(rows) for name, rows in curves_of(document, pair).items()}
    curves = {name: rows for name, rows in found.items() if rows}
    forecasts = sorted(measured(of(document.get("forecasts", ()), pair)), key=lambda r: int(r["k"]))
    fits = of(document.get("fits", ()), pair)
    palette = colours(list(curves))
    return Chart(
        id=f"coverage-{position}",
        title=display(document, pair),
        spec=base(_layers(curves, forecasts, fits, palette)),
        table=curve_table(curves, forecasts),
        note=_note(document, pair, fits, curves),
        legend=palette,
    )


def _layers(
    curves: Mapping[str, Rows], forecasts: Rows, fits: Rows, palette: Mapping[str, str]
) -> list[Spec]:
    end = _end(curves, forecasts)
    top = ceiling(row for rows in (*curves.values(), forecasts) for row in rows)
    axis = log_axis("samples per problem, k", 1, end)
    x = quantity("k", axis=axis, scale=logarithmic(1, end))
    y = share("value", top)
    colour = coloured("series", palette)
    points = [
        {
            "series": name,
            **{key: row[key] for key in ("k", "value", "low", "high")},
            **_ends_of(row),
        }
        for name, rows in curves.items()
        for row in rows
    ]
    shaded = [point for point in points if point["series"] in SHADED]
    return [
        band(shaded, x, y, colour, ends=BAND),
        band(shaded, x, y, colour),
        *_law(fits, end, x, y),
        line(points, x, y, colour),
        *_forecast(forecasts, x, y),
        _labels(_ends(curves, forecasts, end), top) | {"encoding": _label_encoding(x, y, colour)},
        _hover(curves, forecasts, x),
    ]


def _ends_of(row: Row) -> dict[str, float | None]:
    """Return the simultaneous band, cut to what a share can be."""
    low, high = (row.get(end) for end in BAND)
    if not (known(low) and known(high)):
        return dict.fromkeys(BAND)
    return {BAND[0]: max(float(low or 0), 0.0), BAND[1]: min(float(high or 0), 1.0)}


def log_spaced(end: float) -> list[float]:
    """Return k from 1 to `end`, evenly apart on a logarithmic axis."""
    return [float(end) ** (i / (CURVE_POINTS - 1)) for i in range(CURVE_POINTS)]


def law_at(fit: Row, k: float) -> float:
    """Return the fitted coverage base^(a k^b)."""
    return float(fit["base"] ** (fit["a"] * k ** fit["b"]))


def _law(fits: Rows, end: float, x: Spec, y: Spec) -> list[Spec]:
    usable = [f for f in fits if all(known(f.get(key)) for key in ("a", "b", "base"))]
    values = [
        {"law": f"{i}", "k": k, "value": min(1.0, law_at(fit, k))}
        for i, fit in enumerate(usable)
        for k in log_spaced(end)
    ]
    mark = {"type": "line", "strokeDash": [2, 4], "strokeWidth": 1.5, "color": "@ink", "clip": True}
    encoding = {"x": x, "y": y, "detail": category("law")}
    return [{"data": {"values": values}, "mark": mark, "encoding": encoding}] if values else []


def _forecast(forecasts: Rows, x: Spec, y: Spec) -> list[Spec]:
    if not forecasts:
        return []
    data = {"values": [dict(f) for f in forecasts]}
    whisker = {"type": "rule", "color": "@c0", "strokeWidth": 1.5}
    dot = {"type": "point", "shape": "circle", "fill": "@paper", "stroke": "@c0", "size": 60}
    ends = {"y": {**y, "field": "low"}, "y2": {"field": "high"}}
    return [
        {"data": data, "mark": whisker, "encoding": {"x": x, **ends}},
        {"data": data, "mark": {**dot, "opacity": 1}, "encoding": {"x": x, "y": y}},
    ]


def _ends(
    curves: Mapping[str, Rows], forecasts: Rows, end: float
) -> dict[str, tuple[float, float]]:
    ends = {name: (float(rows[-1]["k"]), float(rows[-1]["value"])) for name, rows in curves.items()}
    if forecasts and COVERAGE in ends:
        ends[COVERAGE] = (float(end), float(forecasts[-1]["value"]))
    return ends


def _end(curves: Mapping[str, Rows], forecasts: Rows) -> float:
    drawn = max((rows[-1]["k"] for rows in curves.values()), default=1)
    return float(max([drawn, 2, *(f["k"] for f in forecasts)]))


def _labels(ends: Mapping[str, tuple[float, float]], top: float) -> Spec:
    names = brief(list(ends))
    placed = spread({name: y for name, (_, y) in ends.items()}, LABEL_GAP * top, top)
    values = [
        {"series": n, "k": k, "value": placed[n], "text": names[n]} for n, (k, _) in ends.items()
    ]
    mark = {"type": "text", "align": "left", "baseline": "middle", "dx": 9, "fontWeight": 500}
    return {"name": "labels", "data": {"values": values}, "mark": mark}


def _label_encoding(x: Spec, y: Spec, colour: Spec) -> Spec:
    return {"x": x, "y": y, "color": colour, "text": category("text")}


def _hover(curves: Mapping[str, Rows], forecasts: Rows, x: Spec) -> Spec:
    said: dict[int, dict[str, Any]] = {}
    for name, rows in [*curves.items(), ("forecast", forecasts)]:
        for row in rows:
            said.setdefault(row["k"], {"k": row["k"]})[name] = estimate(row)
    names = [*curves, *(["forecast"] if forecasts else [])]
    lines = [quantity("k", title="samples", format=",")]
    lines += tips(*((path(name), name) for name in names))
    values = [{key: row.get(key, "–") for key in ("k", *names)} for row in said.values()]
    return pointed(values, x, lines)


def _note(document: Row, pair: Pair, fits: Rows, curves: Mapping[str, Rows]) -> str:
    row = coverage_of(document, pair)[-1]
    level = f"{100 * row['level']:g}%"
    shaded = " and ".join(name for name in SHADED if name in curves)
    what = f"Bands: {level} intervals of {shaded}, {row.get('method')}."
    said = [_doubt(document, pair), what if row.get("method") else ""]
    said += [
        "Fainter: where the whole curve lies at that level." if known(row.get(BAND[0])) else ""
    ]
    laws = [law_words(fit) for fit in fits if known(fit.get("a"))]
    said += [f"Dotted: {' and '.join(laws)}, fitted to coverage."] if laws else []
    if of(document.get("forecasts", ()), pair):
        said.append(f"Open circles: forecasts with {_forecast_level(document)} intervals.")
    return " ".join(s for s in said if s)


def _doubt(document: Row, pair: Pair) -> str:
    """Say that a chart is of what an imperfect verifier accepts, or nothing."""
    truths = {row["against"] for row in document.get("verifiers", ())}
    if not truths or pair.verifier in truths:
        return ""
    truth = " and ".join(sorted(map(short, truths)))
    return f"Right is what {short(pair.verifier)} accepts, which {truth} does not always bear out."


def _forecast_level(document: Row) -> str:
    return f"{100 * document['forecasts'][0]['level']:g}%"


def law_words(fit: Row) -> str:
    r"""Write a fitted law out.

    >>> law_words({"a": -1.5, "b": -0.4, "base": 10})
    '10^(−1.5\xa0k^−0.4)'
    """
    root = "e" if isclose(fit["base"], e) else f"{fit['base']:g}"
    said = f"{root}^({fit['a']:.3g} k^{fit['b']:.3g})"
    return said.replace("-", "−").replace(" k^", "\u00a0k^")


def law_table(document: Row) -> Table:
    """Return every fitted law, its error, and what it predicted where it was tested."""
    columns = ("model", "law", "least squares on", "mean error", "fitted up to k", "asked for k",
               "predicted", "observed")  # fmt: skip
    rows = (
        (
            display(document, Pair(fit["model"], fit["verifier"])),
            law_words(fit) if known(fit.get("a")) else "could not be fitted",
            str(fit["loss"]),
            percent(fit.get("error")),
            *(f"{fit[key]:,}" if fit.get(key) else "" for key in TESTED),
            *(percent(fit[key]) if known(fit.get(key)) else "" for key in OUTCOME),
        )
        for fit in document.get("fits", ())
    )
    return Table(columns, tuple(rows))
