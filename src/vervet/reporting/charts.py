"""Every chart of an analysis, by the section of the report it stands in."""

from collections.abc import Mapping

from vervet.analysis.result import Analysis
from vervet.analysis.schema import SCHEMA, Document
from vervet.errors import ConfigError
from vervet.reporting.agreement import confusion_charts
from vervet.reporting.budgets import frontier_charts, mixture_charts
from vervet.reporting.costs import cost_charts
from vervet.reporting.coverage import coverage_charts
from vervet.reporting.curves import Row
from vervet.reporting.difficulty import Link, difficulty_charts
from vervet.reporting.marks import Chart
from vervet.reporting.mistakes import mistake_charts
from vervet.reporting.surface import surface_charts


def figures(document: Row, link: Link) -> dict[str, list[Chart]]:
    """Return the charts of each section; `link` says where a problem is read."""
    return {
        "coverage": coverage_charts(document),
        "cost": list(cost_charts(document).values()),
        "difficulty": difficulty_charts(document, link),
        "agreement": confusion_charts(document),
        "mistakes": mistake_charts(document),
        "surface": [*surface_charts(document), *frontier_charts(document)],
        "mixtures": mixture_charts(document),
    }


def as_document(analysis: Analysis | Document | Row) -> Row:
    """Return the plain JSON data of an analysis, every table present.

    Raises:
        ConfigError: data of another schema.
    """
    if isinstance(analysis, Analysis):
        analysis = analysis.document
    if isinstance(analysis, Document):
        return analysis.to_json()
    if not isinstance(analysis, Mapping) or analysis.get("schema") != SCHEMA:
        found = analysis.get("schema") if isinstance(analysis, Mapping) else type(analysis).__name__
        raise ConfigError(f"a report needs an analysis, {SCHEMA!r}; this is {found!r}")
    return Document(runs=()).to_json() | dict(analysis)
