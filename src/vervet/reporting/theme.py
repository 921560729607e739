"""Colours, type and sizes of charts: one look on the page, another on paper.

Specs name colours by token (`@c0`, `@ink`); `paint` turns tokens into CSS variables for the page,
which follow light and dark, or into fixed colours for files. The eight data colours are Okabe and
Ito's (colour-blind safe), darkened or lightened until text in them is legible on its ground; the
two blues are far from each other, so that few charts have both.
"""

from collections.abc import Mapping
from typing import Any

Spec = dict[str, Any]

SANS = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
PAPER_SANS = "Liberation Sans, Arial, Helvetica, sans-serif"

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b1d22",
    "muted": "#5d636f",
    "line": "#e3e5ea",
    "c0": "#0067a8",
    "c1": "#c44e00",
    "c2": "#00795a",
    "c3": "#a8447f",
    "c4": "#8f6500",
    "c5": "#6b5bd2",
    "c6": "#2f7fb8",
    "c7": "#5d636f",
}
DARK = {
    "paper": "#15171c",
    "ink": "#e9eaee",
    "muted": "#a0a6b3",
    "line": "#2c3038",
    "c0": "#5bb2f0",
    "c1": "#f5914a",
    "c2": "#3cc9a0",
    "c3": "#e394c2",
    "c4": "#e3bd45",
    "c5": "#aaa0ff",
    "c6": "#8fd0ff",
    "c7": "#a0a6b3",
}
RAMP = ("#edf3f8", "#a9cbe3", "#5a9dcb", "#1f6ca8", "#0a3d6b")
"""From little to much, for heat maps; read on either ground because cells carry numbers."""


def paint(value: Any, palette: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
    """Replace colour tokens: by `palette`, or by CSS variables when there is none.

    >>> paint({"color": ["@c0", "plain"]}), paint("@ink", LIGHT)
    ({'color': ['var(--c0)', 'plain']}, '#1b1d22')
    """
    if isinstance(value, dict):
        return {key: paint(part, palette) for key, part in value.items() if key != "data"} | (
            {"data": value["data"]} if "data" in value else {}
        )
    if isinstance(value, list | tuple):
        return [paint(part, palette) for part in value]
    if isinstance(value, str) and value.startswith("@") and value[1:] in LIGHT:
        return palette[value[1:]] if palette else f"var(--{value[1:]})"
    return value


def config(font: str = SANS, size: int = 12) -> Spec:
    """Return the Vega-Lite config every chart shares: quiet axes, no frame, type of one size."""
    text = {"font": font, "fontSize": size, "color": "@muted"}
    return {
        "background": None,
        "font": font,
        "view": {"stroke": None},
        "axis": {
            "labelFlush": False,
            "domainColor": "@line",
            "gridColor": "@line",
            "tickColor": "@line",
            "labelColor": "@muted",
            "titleColor": "@muted",
            "labelFont": font,
            "titleFont": font,
            "labelFontSize": size,
            "titleFontSize": size,
            "titleFontWeight": "normal",
            "labelPadding": 6,
            "titlePadding": 10,
            "tickSize": 4,
        },
        "axisY": {"domain": False, "ticks": False},
        "axisX": {"grid": False},
        "legend": {
            "labelColor": "@ink",
            "titleColor": "@muted",
            "labelFont": font,
            "titleFont": font,
            "labelFontSize": size,
            "titleFontSize": size,
            "titleFontWeight": "normal",
            "symbolSize": 80,
        },
        "header": {"labelColor": "@ink", "labelFont": font, "labelFontSize": size},
        "text": text,
        "title": {"color": "@ink", "font": font, "fontSize": size + 2, "anchor": "start"},
    }
