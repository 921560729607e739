"""Figures for papers: the report's charts as PDF, SVG or PNG, at the width of a printed column.

Type is 8 pt, lines are vectors, colours are told apart by the colour-blind, the ground is white.
Nothing is fetched: data are in the specs and `vl-convert` carries its own libraries and fonts.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from vervet.analysis.result import Analysis
from vervet.analysis.schema import Document
from vervet.errors import ConfigError, MissingExtra
from vervet.reporting.charts import as_document, figures
from vervet.reporting.curves import Row
from vervet.reporting.marks import Chart
from vervet.reporting.theme import LIGHT, PAPER_SANS, Spec, config, paint

FORMS = ("pdf", "svg", "png")
WIDTHS = {"column": 3.25, "page": 6.75}
"""Inches, as two-column proceedings have them."""
POINTS = 72
PRINTED_SIZE, DRAWN_SIZE = 8, 12
"""Charts are laid out with 12-pixel type and scaled until it is 8 pt."""
NARROW = 520
TALLEST = 0.66
"""Height of a figure without labels beside its curves, as a share of its width."""
PIXELS_PER_INCH = 300


def write_figures(
    analysis: Analysis | Document | Row,
    path: str | os.PathLike[str],
    forms: Sequence[str] = ("pdf",),
    *,
    width: str = "column",
) -> list[Path]:
    """Write every chart of an analysis as a file of each form and return the paths.

    Args:
        analysis: what `analyze` returned, or its document.
        path: a folder for `coverage-0.pdf` and the others, made when absent; or a report's file
            name, and they lie beside it as `report-coverage-0.pdf`.
        forms: any of pdf, svg, png (300 pixels per inch).
        width: `column` (3.25 in) or `page` (6.75 in).

    Raises:
        MissingExtra: `vl-convert-python` is not installed.
        ConfigError: an unknown form or width.
    """
    if width not in WIDTHS:
        raise ConfigError(f"width {width!r} is not known; choose one of {', '.join(WIDTHS)}")
    if wrong := [form for form in forms if form not in FORMS]:
        raise ConfigError(f"form {wrong[0]!r} is not known; choose from {', '.join(FORMS)}")
    convert = _converter()
    folder, prefix = _place(Path(path))
    folder.mkdir(parents=True, exist_ok=True)
    sections = figures(as_document(analysis), lambda _pair, _problem: "")
    written = []
    for chart in (chart for section in sections.values() for chart in section):
        drawn = convert.vegalite_to_svg(printed(chart, WIDTHS[width]), allowed_base_urls=[])
        for form in forms:
            written.append(folder / f"{prefix}{chart.id}.{form}")
            written[-1].write_bytes(_as(form, drawn, convert))
    return written


def _place(path: Path) -> tuple[Path, str]:
    return (path.parent, f"{path.stem}-") if path.suffix else (path, "")


def _converter() -> ModuleType:
    try:
        import vl_convert  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtra("a figure as a file", "figures") from None
    module: ModuleType = vl_convert
    return module


def printed(chart: Chart, inches: float) -> Spec:
    """Return a chart's spec for paper: fixed size and colours, with a legend if it is narrow."""
    width = inches * POINTS * DRAWN_SIZE / PRINTED_SIZE
    look = config(PAPER_SANS, DRAWN_SIZE) | {"background": "#ffffff"}
    spec = chart.spec | {"width": width, "config": look}
    labelled = any(layer.get("name") == "labels" for layer in spec["layer"])
    if width < NARROW or not labelled:
        layers = [part for part in spec["layer"] if part.get("name") not in {"labels", "hover"}]
        spec |= {"layer": [with_legend(part, width) for part in layers]}
        spec["padding"] = {**spec["padding"], "right": 14}
        spec["height"] = min(spec["height"], round(TALLEST * width))
    fixed: Spec = paint(spec, LIGHT)
    return fixed


def with_legend(layer: Spec, width: float) -> Spec:
    """Return a layer whose colours are explained above the chart."""
    colour = layer.get("encoding", {}).get("color", {})
    if colour.get("type") != "nominal" or colour["legend"] is not None:
        return layer
    columns = 1 if width < NARROW else 3
    legend = {"orient": "top", "title": None, "columns": columns, "labelLimit": 300}
    encoding = layer["encoding"] | {"color": colour | {"legend": legend | {"symbolOpacity": 1}}}
    if dash := encoding.get("strokeDash"):
        wide = {"columns": max(columns - 1, 1)}  # names of methods are longer than of models
        encoding["strokeDash"] = dash | {"legend": dash["legend"] | wide}
    return layer | {"encoding": encoding}


def _as(form: str, drawn: str, convert: ModuleType) -> bytes:
    scale = PRINTED_SIZE / DRAWN_SIZE
    if form == "svg":
        return sized(drawn, scale).encode()
    if form == "pdf":
        return bytes(convert.svg_to_pdf(sized(drawn, scale, unit="")))
    return bytes(convert.svg_to_png(drawn, scale=scale, ppi=PIXELS_PER_INCH))


def sized(svg: str, scale: float, unit: str = "pt") -> str:
    """Return an SVG whose printed size is `scale` points for each of its units.

    >>> sized('<svg width="300" height="150" viewBox="0 0 300 150">', 0.5)
    '<svg width="150.00pt" height="75.00pt" viewBox="0 0 300 150">'
    """

    def points(found: re.Match[str]) -> str:
        return f'{found[1]}="{float(found[2]) * scale:.2f}{unit}"'

    head, bracket, rest = svg.partition(">")
    return re.sub(r'\b(width|height)="([\d.]+)"', points, head) + bracket + rest
