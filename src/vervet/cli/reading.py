"""`analyze`, `report`, `view`, `show`: what reads the tables."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vervet.cli.options import JSON, LEVEL, RUN, SEED, example
from vervet.cli.printing import note, say
from vervet.cli.printing import show as show_table
from vervet.errors import ConfigError

if TYPE_CHECKING:
    from vervet.analysis import Analysis
    from vervet.store import Run

RUNS = click.argument("run_urls", metavar="RUN...", nargs=-1, required=True)


def whole_numbers(context: click.Context, option: click.Parameter, text: str | None) -> list[int]:
    """Read `1,10,100`."""
    del context
    try:
        found = [int(float(part)) for part in (text or "").split(",") if part.strip()]
    except ValueError:
        found = [0]
    if any(number < 1 for number in found):
        raise ConfigError(
            f"--{option.name} {text!r} is not a list of whole numbers from 1, as 1,10."
        )
    return found


def opened(urls: tuple[str, ...]) -> "list[Run]":
    """Open runs that exist."""
    from vervet import store

    return [store.open_run(url, create=False) for url in urls]


@click.command(
    epilog=example(
        "vervet analyze runs/words --k 1,2,8",
        "vervet analyze runs/words --verifier gsm8k-answer --json",
    )
)
@RUNS
@click.option("--k", "k", callback=whole_numbers, help="Attempts to report, as 1,10,100.")
@click.option("--verifier", help="Use the verdicts of this verifier only.")
@click.option("--against", help="Take this verifier's verdicts as the truth.")
@click.option("--forecast", callback=whole_numbers, help="Forecast coverage at these k.")
@click.option(
    "--false-positive-cost",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="What returning a wrong answer costs, a right one being worth 1.",
)
@click.option(
    "--lambda",
    "cost_ratio",
    type=click.FloatRange(min=0),
    help="Cost of one verification in solutions; measured from tokens by default.",
)
@LEVEL
@SEED
@JSON
def analyze(run_urls: tuple[str, ...], *, as_json: bool, **asked: object) -> None:  # fmt: skip
    """Measure coverage, selection, scaling laws, verifier quality and cost, with intervals."""
    analysis = measured(run_urls, **asked)
    if as_json:
        click.echo(analysis.to_json())
        return
    for table in analysis.tables():
        show_table(table)
        click.echo()


def measured(urls: tuple[str, ...], **asked: object) -> "Analysis":
    """Analyze runs."""
    from vervet.analysis import analyze as measure

    return measure(opened(urls), **asked)  # type: ignore[arg-type]  # click has checked them


@click.command(epilog=example("vervet report runs/words -o words.html"))
@RUNS
@click.option("-o", "--output", help="Where it goes; by default report.html in the (first) run.")
@click.option("--verifier", help="Use the verdicts of this verifier only.")
@click.option("--against", help="Take this verifier's verdicts as the truth.")
@click.option("--problems", "shown", multiple=True, help="Show this problem; may be repeated.")
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
@LEVEL
@SEED
def report(
    run_urls: tuple[str, ...],
    *,
    output: str | None,
    shown: tuple[str, ...],
    width: str,
    kinds: tuple[str, ...],
    **asked: object,
) -> None:
    """Write one HTML file that works offline: curves, cost, difficulty, exclusions, samples."""
    from vervet.reporting import write_figures, write_report

    runs = opened(run_urls)
    analysis = measured(run_urls, **asked)
    path = Path(output or default_path(run_urls[0]))
    write_report(runs, analysis, path, problems=shown)
    click.echo(path)
    for figure in write_figures(analysis, path, kinds, width=width) if kinds else ():
        click.echo(figure)


def default_path(run_url: str) -> Path:
    """Return where the report of a run goes when nobody says: in the run, or here."""
    return Path("report.html") if "://" in run_url else Path(run_url) / "report.html"


@click.command(epilog=example("vervet view runs/words"))
@RUN
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes a free one.",
)
def view(run_url: str, *, port: int) -> None:  # fmt: skip
    """Browse a run in the browser: the report, and every problem and sample."""
    from vervet.viewing import serve

    serve(opened((run_url,))[0], port=port, say=note)


@click.command(epilog=example("vervet show runs/words"))
@RUN
@JSON
def show(run_url: str, *, as_json: bool) -> None:
    """Say what is in a run, what is missing, and what failed and why."""
    from vervet.analysis.contents import contents

    found = contents(opened((run_url,))[0])
    if as_json:
        say(found, as_json=True)
        return
    for line in found["lines"]:
        click.echo(line)
