"""`analyze`, `report`, `view`, `show`: what reads the tables."""

import json
from pathlib import Path
from typing import Any

import click

from vervet.cli.measuring import listed, measured, questions
from vervet.cli.opening import opened, report_path
from vervet.cli.options import JSON, RUN, example
from vervet.cli.printing import note, prose, say
from vervet.cli.printing import show as show_table

RUNS = click.argument("run_urls", metavar="RUN...", nargs=-1, required=True)


@click.command(
    epilog=example(
        "vervet analyze runs/words --k 1,2,8",
        "vervet analyze runs/words --verifier gsm8k-answer --json",
        "vervet analyze runs/words --forecast 1000 --forecast-width 0.6",
        "vervet analyze runs/words --show reliability,strata",
        "vervet analyze runs/demo --against gsm8k-answer --quality completion_tokens",
        "vervet analyze runs/demo --verifier equations --audit gsm8k-answer",
        "vervet analyze runs/demo --verifier gsm8k-answer --mixture 4,8samples",
        "vervet analyze runs/words --forecast 1000 --sibling runs/demo",
    )
)
@RUNS
@questions
@click.option(
    "--show",
    "parts",
    callback=listed,
    metavar="PART,...",
    help="Print just these parts of the document, complete; all for every one.",
)
@JSON
def analyze(
    run_urls: tuple[str, ...], *, as_json: bool, asked: dict[str, Any], parts: list[str]
) -> None:
    """Measure coverage, selection, scaling, verifiers and cost.

    Every number has its interval. What is long is left out at first; --show prints it.
    """
    analysis = measured(run_urls, asked)
    if as_json:
        click.echo(analysis.to_json())
        return
    for table in analysis.tables(parts):
        show_table(table)
        click.echo()
    for sentence in analysis.document.notes:
        click.echo(prose(sentence))
    if not parts and (more := analysis.aside()):
        click.echo(prose(f"also measured (--show NAME,...): {', '.join(more)}"))


@click.command(epilog=example("vervet report runs/words -o words.html"))
@RUNS
@click.option("-o", "--output", metavar="FILE", help="By default report.html in the (first) run.")
@click.option(
    "--problems", "shown", multiple=True, metavar="ID", help="Show this problem; may be repeated."
)
@click.option(
    "--width",
    type=click.Choice(["column", "page"]),
    default="column",
    show_default=True,
    help="Of the figures, as proceedings have them.",
)
@click.option("--png", "kinds", flag_value="png", multiple=True, help="Also each figure as PNG.")
@click.option("--svg", "kinds", flag_value="svg", multiple=True, help="Also each figure as SVG.")
@click.option("--pdf", "kinds", flag_value="pdf", multiple=True, help="Also each figure as PDF.")
@questions
@JSON
def report(
    run_urls: tuple[str, ...],
    *,
    output: str | None,
    shown: tuple[str, ...],
    width: str,
    kinds: tuple[str, ...],
    asked: dict[str, Any],
    as_json: bool,
) -> None:
    """Write one HTML file that works offline.

    Curves, selection, forecasts, verifiers, cost, exclusions, and samples to read.
    """
    from vervet.reporting import write_figures, write_report

    runs = opened(run_urls)
    analysis = measured(run_urls, asked)
    path = Path(output or report_path(run_urls[0]))
    write_report(runs, analysis, path, problems=shown)
    figures = write_figures(analysis, path, kinds, width=width) if kinds else []
    if as_json:
        click.echo(json.dumps({"report": str(path), "figures": [str(at) for at in figures]}))
        return
    for written in (path, *figures):
        click.echo(written)


@click.command(epilog=example("vervet view runs/words"))
@RUN
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=8765,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes a free one.",
)
def view(run_url: str, *, port: int) -> None:  # fmt: skip
    """Browse a run in the browser: report, problems, every sample."""
    from vervet.viewing import serve

    serve(opened((run_url,))[0], port=port, say=note)


@click.command(epilog=example("vervet show runs/words"))
@RUN
@JSON
def show(run_url: str, *, as_json: bool) -> None:
    """Say what is in a run, what is missing, what failed and why."""
    from vervet.analysis.contents import contents

    found = contents(opened((run_url,))[0])
    if as_json:
        say(found, as_json=True)
        return
    for line in found["lines"]:
        click.echo(prose(line, len(line) - len(line.lstrip()) + 2))
