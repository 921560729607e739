"""`import` and `export`: other tools' files into a run, and a run into theirs."""

from typing import Any

import click

from vervet.cli.options import JSON, RUN, example
from vervet.cli.printing import say
from vervet.errors import ConfigError, boundary

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
        "vervet import table words.jsonl runs/again --map text=answer",
        "vervet import table words.jsonl runs/named --dataset embedded",
    ),
)
@click.argument("file_format", metavar="FORMAT")
@click.argument("path")
@RUN
@click.option("--map", "pairs", multiple=True, metavar="OURS=THEIRS", help="Rename a column.")
@click.option("--problems", metavar="FILE", help="Prompts and references, one row per problem.")
@click.option(
    "--dataset", metavar="NAME", help="Or the problem set by name, NAME or NAME:path=FOLDER."
)
@JSON
def import_(file_format: str, path: str, run_url: str, **asked: Any) -> None:  # noqa: ANN401 - options of the command line
    """Import samples: a table (CSV, JSONL, Parquet), or SWE-bench.

    table: one row per sample, with the columns problem, index, model, text, answer, correct
    (true/false/1/0, empty for not judged), score, verifier, trial, prompt_tokens,
    completion_tokens, cost. Only problem is needed; other names are mapped.

    swe-bench-predictions, swe-bench-reports: a file, or a folder with one for each sample.
    """
    from vervet import doors, store
    from vervet.transfer import swe_bench
    from vervet.transfer.importing import import_table
    from vervet.transfer.table import mapping

    if file_format not in IMPORTS:
        raise ConfigError(f"no format called {file_format!r}; there are: {', '.join(IMPORTS)}.")
    if asked["dataset"] and asked["problems"]:
        raise ConfigError("--dataset and --problems: say the problems once.")
    known = list(doors.dataset(asked["dataset"])) if asked["dataset"] else asked["problems"]
    run, as_json = store.open_run(run_url), asked["as_json"]
    if file_format == "table":
        brought = import_table(path, run, renamed=mapping(asked["pairs"]), problems=known)
    elif file_format == "swe-bench-predictions":
        brought = swe_bench.import_predictions(path, run, problems=known)
    else:
        brought = swe_bench.import_reports(path, run, problems=known)
    say(brought, as_json=as_json)


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
    """Export a run as a table, lessons for a verifier, or patches.

    table, one row per verdict, is what `vervet import table` reads. genrm-sft is chat JSONL for TRL
    and LLaMA-Factory: a judge's words where they agree with the truth (settings judge, against,
    template, per_problem, agreement), as many Yes as No of each problem. swe-bench-predictions and
    swe-bench-reports (setting verifier) are what the harness of SWE-bench reads and writes, in a
    folder.
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
    say(written, as_json=as_json)
