"""`import` and `export`: other tools' files into a run, and a run into theirs."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from vervet.cli.options import JSON, RUN, example
from vervet.cli.printing import say
from vervet.errors import ConfigError, boundary

if TYPE_CHECKING:
    from vervet.types import Problem

IMPORTS = ("table", "swe-bench-predictions", "swe-bench-reports")
EXPORTS = {
    "genrm-sft": ("vervet.transfer.genrm", "export_genrm"),
    "swe-bench-predictions": ("vervet.transfer.swe_bench", "export_predictions"),
    "swe-bench-reports": ("vervet.transfer.swe_bench", "export_reports"),
}


@click.command(
    "import",
    epilog=example(
        "vervet export runs/words table words.jsonl",
        "vervet import table words.jsonl runs/again --map text=text",
        "vervet import table words.jsonl runs/named --dataset embedded",
    ),
)
@click.argument("file_format", metavar="FORMAT")
@click.argument("path")
@RUN
@click.option("--map", "pairs", multiple=True, metavar="OURS=THEIRS", help="Rename a column.")
@click.option("--problems", help="A file of prompts and references, one row per problem.")
@click.option("--dataset", help="Or the problem set by name, NAME or NAME:path=FOLDER.")
@JSON
def import_(file_format: str, path: str, run_url: str, **asked: Any) -> None:  # noqa: ANN401 - options of the command line
    """Import a table with one row per sample (CSV, JSONL, Parquet), or SWE-bench's own files.

    table: columns problem, index, model, text, answer, correct (true/false/1/0, empty for not
    judged), score, verifier, trial, prompt_tokens, completion_tokens, cost. Only problem is needed.

    swe-bench-predictions, swe-bench-reports: a file, or a folder with one for each sample.
    """
    from vervet import store
    from vervet.transfer import swe_bench
    from vervet.transfer.importing import import_table
    from vervet.transfer.table import mapping

    if file_format not in IMPORTS:
        raise ConfigError(f"no format called {file_format!r}; there are: {', '.join(IMPORTS)}.")
    run, as_json = store.open_run(run_url), asked["as_json"]
    known = problems_of(asked["dataset"]) if asked["dataset"] else asked["problems"]
    if file_format == "table":
        brought = import_table(path, run, renamed=mapping(asked["pairs"]), problems=known)
    elif file_format == "swe-bench-predictions":
        brought = swe_bench.import_predictions(path, run, problems=known)
    else:
        brought = swe_bench.import_reports(path, run, problems=known)
    say(asdict(brought) if as_json else str(brought), as_json=as_json)


def problems_of(dataset: str) -> "list[Problem]":
    """Return the problems of `NAME` or `NAME:path=FOLDER`."""
    from vervet import registry

    name, settings = registry.parse(dataset)
    return list(registry.find("datasets", name, **settings))


@click.command(
    epilog=example(
        "vervet export runs/words table words.csv",
        "vervet verify runs/words --verifier judge:model=marmoset-verifier --trials 2",
        "vervet export runs/words genrm-sft:judge=judge,against=gsm8k-answer,agreement=0 "
        "lessons.jsonl",
    )
)
@RUN
@click.argument("file_format", metavar="FORMAT")
@click.argument("path")
@JSON
def export(run_url: str, file_format: str, path: str, *, as_json: bool) -> None:
    """Export a run: `table`, one row per verdict, `genrm-sft`, lessons for a verifier, or patches.

    table is what `vervet import table` reads. genrm-sft is chat JSONL for TRL and LLaMA-Factory: a
    judge's words where they agree with the truth (settings judge, against, template, per_problem,
    agreement), as many Yes as No of each problem. swe-bench-predictions and swe-bench-reports
    (setting verifier) write what the harness of SWE-bench reads and writes, into a folder.
    """
    from importlib import import_module

    from vervet import registry, store
    from vervet.transfer.exporting import export_table

    name, settings = registry.parse(file_format)
    run = store.open_run(run_url, create=False)
    if file_format == "table":
        rows = export_table(run, path)
        say(
            {"rows": rows, "path": path} if as_json else f"{rows:,} rows in {path}", as_json=as_json
        )
        return
    if name not in EXPORTS:
        known = ", ".join(["table", *EXPORTS])
        raise ConfigError(f"no format called {file_format!r}; there are: {known}.")
    module, function = EXPORTS[name]
    with boundary(ConfigError, name):
        written = getattr(import_module(module), function)(run, path, **settings)
    say(asdict(written) if as_json else str(written), as_json=as_json)
