"""Plots of several curves that share a look: lines with bands over a logarithmic or plain axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vervet.reporting.marks import (
    band,
    base,
    category,
    coloured,
    line,
    log_axis,
    logarithmic,
    quantity,
    tips,
)
from vervet.reporting.theme import Spec


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: what it shows, from where to where."""

    field: str
    title: str | None
    low: float
    high: float
    log: bool = False
    form: str = "~s"

    def encoding(self) -> Spec:
        """Return the encoding of a position on it."""
        if self.log:
            high = self.high if self.high > self.low else 10 * self.low
            axis = log_axis(self.title or "", self.low, high, form=self.form)
            return quantity(self.field, axis=axis, scale=logarithmic(self.low, high))
        axis = {"title": self.title, "format": self.form, "tickCount": 5}
        scale = {"domain": [self.low, self.high], "nice": False}
        return quantity(self.field, axis=axis, scale=scale)


def curves(
    points: list[Spec], x: Axis, y: Axis, palette: Mapping[str, str], *, said: Mapping[str, str]
) -> list[Spec]:
    """Return bands, lines and points to ask: rows have `series`, the axes' fields, `low`, `high`.

    Args:
        points: one row for each point of each curve.
        x: the horizontal axis.
        y: the vertical axis.
        palette: colour token of each series.
        said: fields of a tooltip, and what they are called.
    """
    across, up, colour = x.encoding(), y.encoding(), coloured("series", palette)
    tooltip = tips(("series", ""), *said.items())
    spots = {"type": "point", "filled": True, "size": 90, "opacity": 0}
    encoding = {"x": across, "y": up, "color": colour, "tooltip": tooltip}
    return [
        band(points, across, up, colour),
        line(points, across, up, colour),
        {"data": {"values": points}, "mark": spots, "encoding": encoding},
    ]


def upright(at: float, x: Axis, y: Axis, text: str) -> list[Spec]:
    """Return a vertical rule with words at its head."""
    data = {"values": [{x.field: at, "text": text, y.field: y.high}]}
    across, up = x.encoding(), y.encoding()
    rule = {"type": "rule", "color": "@muted", "strokeDash": [3, 3]}
    word = {"type": "text", "align": "left", "baseline": "top", "dx": 5, "color": "@muted"}
    return [
        {"data": data, "mark": rule, "encoding": {"x": across}},
        {"data": data, "mark": word, "encoding": {"x": across, "y": up, "text": category("text")}},
    ]


def chart(layers: Sequence[Spec], *, height: int = 280) -> Spec:
    """Return a chart of layers that fills its column."""
    return base(layers) | {"height": height}
