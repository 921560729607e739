"""The report of a run as a file."""

import os
from collections.abc import Sequence
from pathlib import Path

from vervet.analysis.result import Analysis
from vervet.analysis.schema import Document
from vervet.errors import ConfigError, StoreError, boundary
from vervet.reporting.charts import as_document
from vervet.reporting.curves import Row
from vervet.reporting.html import render
from vervet.reporting.reading import choose
from vervet.reporting.recorded import recorded
from vervet.store import Run

MOST_SAMPLES = 100
"""Samples of one problem that a report shows; `view` shows all."""


def write_report(
    runs: Run | Sequence[Run],
    analysis: Analysis | Document | Row,
    path: str | os.PathLike[str],
    *,
    problems: Sequence[str] = (),
    title: str = "",
) -> Path:
    """Write the report of one or several runs as one HTML file that needs no network.

    Args:
        runs: where the samples to read come from.
        analysis: what `analyze` returned for these runs, or its document.
        path: the file; its folder is made when absent, an older file is replaced.
        problems: ids of the problems whose samples are shown; by default the easiest, the median,
            one that a vote misses, the hardest and one never solved.
        title: what the report is called; the run's name by default.

    Raises:
        ConfigError: a problem that no run has.
        StoreError: the file cannot be written.
    """
    document = as_document(analysis)
    source = recorded([runs] if isinstance(runs, Run) else runs, document)
    if missing := [p for p in problems if p not in source.problems(problems)]:
        where = ", ".join(run.url for run in source.runs)
        raise ConfigError(f"no problem {missing[0]!r} in {where}; `vervet show RUN` lists them")
    chosen = choose(document, problems)
    readings = source.readings([choice.problem_id for choice in chosen], MOST_SAMPLES)
    page = render(document, list(zip(chosen, readings, strict=True)), title=title)
    target = Path(path)
    with boundary(StoreError, f"the report could not be written to {target}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page, encoding="utf-8")
    return target
