"""The report as one HTML file: no request ever leaves it, and nothing a model wrote can run in it.

Scripts are allowed by their hash only (Content-Security-Policy), charts are interpreted without
`eval`, and every text from outside is escaped by the template.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vervet.reporting.agreement import measures
from vervet.reporting.charts import figures
from vervet.reporting.comparisons import crossing_table, difference_table
from vervet.reporting.costs import unknown_costs
from vervet.reporting.coverage import law_table
from vervet.reporting.curves import Pair, Row, coverage_of, pairs, policies_of
from vervet.reporting.difficulty import Link
from vervet.reporting.findings import forecast_tables, verifier_tables
from vervet.reporting.marks import Chart
from vervet.reporting.methods import methods
from vervet.reporting.reading import (
    Choice,
    Reading,
    cut,
    in_order,
    outcome_words,
    reference_text,
    visible,
)
from vervet.reporting.theme import DARK, LIGHT, config, paint
from vervet.reporting.words import count, headline, interval, known, percent, support

FIRST_ROWS = 12
"""Samples of a problem that are listed before a reader asks for more."""
HERE = Path(__file__).parent
FONTS = {
    "SERIF": "source-serif-4-latin-wght-normal.woff2",
    "SANS": "inter-latin-wght-normal.woff2",
}
LIBRARIES = ("vega.min.js", "vega-lite.min.js", "vega-embed.min.js")


@dataclass(frozen=True, slots=True)
class Tile:
    """A number worth seeing first."""

    value: str
    label: str
    interval: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """A problem to read, why it was chosen, and where it stands on the page."""

    anchor: str
    why: str
    reading: Reading


@cache
def text_of(name: str) -> str:
    """Return a file of this package."""
    return (HERE / name).read_text(encoding="utf-8")


@cache
def library(name: str) -> str:
    """Return a vendored script, without the comment that points at its source map."""
    lines = text_of(f"vendor/{name}").splitlines()
    return "\n".join(line for line in lines if not line.startswith("//# sourceMappingURL"))


def scripts() -> list[str]:
    """Return the scripts of a report, in the order they run."""
    return [*(library(name) for name in LIBRARIES), text_of("script.js")]


def policy(inline: Iterable[str]) -> str:
    """Return the Content-Security-Policy that lets exactly these inline scripts run."""
    hashes = " ".join(f"'sha256-{b64encode(sha256(s.encode()).digest()).decode()}'" for s in inline)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data:; font-src data:; base-uri 'none'; form-action 'self'"
    )


def json_in_html(value: Any) -> Markup:  # noqa: ANN401 - JSON
    r"""Return JSON that cannot end the script element it stands in.

    >>> print(json_in_html("</script>&"))
    "\u003c/script\u003e\u0026"
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - JSON without <, > and &


@cache
def templates() -> Environment:
    """Return the templates, escaping everything that is not marked as markup."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "visible": visible,
        "cut": cut,
        "percent": percent,
        "count": count,
        "reference": reference_text,
        "outcome": outcome_words,
        "in_order": in_order,
    }
    return environment


def render(
    document: Row,
    readings: Sequence[tuple[Choice, Reading]] = (),
    *,
    title: str = "",
    link: Link | None = None,
) -> str:
    """Return the report as HTML.

    Args:
        document: an analysis, `vervet.analysis/1`.
        readings: the problems whose samples are shown, each with why it was chosen.
        title: what the run is called; its path where empty.
        link: where a problem is read; the place on this page where None.
    """
    chosen = [Chosen(f"problem-{i}", c.why, r) for i, (c, r) in enumerate(readings, 1)]
    anchors = {one.reading.problem.id: f"#{one.anchor}" for one in chosen}
    charts = figures(document, link or (lambda _, problem: anchors.get(problem, "")))
    return (
        templates()
        .get_template("page.html")
        .render(
            document=document,
            title=title or run_title(document),
            headline=headline(document),
            support=list(support(document)),
            tiles=tiles(document),
            charts=charts,
            specs=json_in_html(_painted(charts)),
            laws=law_table(document),
            differences=difference_table(document),
            crossings=crossing_table(document),
            unknown=unknown_costs(document),
            measures=[(r, measures(r)) for r in document.get("verifiers", ())],
            judging=verifier_tables(document),
            beyond=forecast_tables(document),
            chosen=chosen,
            first_rows=FIRST_ROWS,
            browsing=link is not None,
            methods=methods(document),
            **frame(scripts()),
        )
    )


def frame(code: Sequence[str]) -> dict[str, Any]:
    """Return what every page needs: style, scripts, and the policy that lets just them run."""
    return {
        "style": Markup(style()),  # noqa: S704 - our own file
        "scripts": [Markup(script) for script in code],  # noqa: S704 - our own and vendored files
        "policy": policy(code),
    }


def _painted(charts: dict[str, list[Chart]]) -> dict[str, Any]:
    every = [chart for section in charts.values() for chart in section]
    return {
        "config": paint(config()),
        "paper": LIGHT,
        "specs": {chart.id: paint(chart.spec) for chart in every},
    }


def style() -> str:
    """Return the style sheet with the colours of both themes."""
    light, dark = (
        ";".join(f"--{name}:{value}" for name, value in colours.items())
        for colours in (LIGHT, DARK)
    )
    parts = {"/*LIGHT*/": light, "/*DARK*/": dark} | {f"/*{n}*/": font(f) for n, f in FONTS.items()}
    sheet = text_of("style.css")
    for mark, part in parts.items():
        sheet = sheet.replace(mark, part)
    return sheet


@cache
def font(name: str) -> str:
    """Return a vendored font as base64."""
    return b64encode((HERE / "vendor" / name).read_bytes()).decode()


def run_title(document: Row) -> str:
    """Return what the runs are called: the last part of their paths."""
    names = [str(run["path"]).rstrip("/").rsplit("/", 1)[-1] for run in document["runs"]]
    return ", ".join(names) or "vervet"


def tiles(document: Row) -> list[Tile]:
    """Return the numbers of the first pair that a reader should see first."""
    for pair in pairs(document):
        return _tiles(document, pair)
    return []


def _tiles(document: Row, pair: Pair) -> list[Tile]:
    curve = coverage_of(document, pair)
    ends = [("coverage", curve[0]), ("coverage", curve[-1])]
    found = ((name, rows[-1]) for name, rows in policies_of(document, pair).items())
    picked = [(name, row) for name, row in found if known(row["value"])]
    picked.sort(key=lambda one: (one[0] != "majority vote", -one[1]["value"]))
    return [
        Tile(percent(row["value"]), _tile_label(name, row["k"]), interval(row))
        for name, row in (*ends, *picked[:2])
        if known(row["value"])
    ]


def _tile_label(name: str, k: int) -> str:
    return f"{name}, {k:,} sample{'' if k == 1 else 's'}"
