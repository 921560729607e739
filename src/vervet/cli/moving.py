"""`import` and `export`: other tools' files into a run, and a run into theirs."""

from dataclasses import asdict

import click

from vervet.cli.options import JSON, RUN, example
from vervet.cli.printing import say
from vervet.errors import ConfigError, boundary


@click.command(
    "import",
    epilog=example(
        "vervet export runs/words table words.jsonl",
        "vervet import table words.jsonl runs/again --map text=text",
    ),
)
@click.argument("file_format", metavar="FORMAT")
@click.argument("path")
@RUN
@click.option("--map", "pairs", multiple=True, metavar="OURS=THEIRS", help="Rename a column.")
@click.option("--problems", help="A file of prompts and references, one row per problem.")
@JSON
def import_(
    file_format: str,
    path: str,
    run_url: str,
    *,
    pairs: tuple[str, ...],
    problems: str | None,
    as_json: bool,
) -> None:
    """Import a table with one row per sample (CSV, JSONL, Parquet) into a run.

    Columns: problem, index, model, text, answer, correct (true/false/1/0, empty for not judged),
    score, verifier, trial, prompt_tokens, completion_tokens, cost. Only problem is needed.
    """
    from vervet import store
    from vervet.transfer.importing import import_table
    from vervet.transfer.table import mapping

    if file_format != "table":
        raise ConfigError(f"no format called {file_format!r}; there is: table.")
    brought = import_table(path, store.open_run(run_url), renamed=mapping(pairs), problems=problems)
    say(asdict(brought) if as_json else str(brought), as_json=as_json)


@click.command(
    epilog=example(
        "vervet export runs/words table words.csv",
        "vervet export runs/words genrm-sft:judge=judge,against=gsm8k-answer lessons.jsonl",
    )
)
@RUN
@click.argument("file_format", metavar="FORMAT")
@click.argument("path")
@JSON
def export(run_url: str, file_format: str, path: str, *, as_json: bool) -> None:
    """Export a run: `table`, one row per verdict, or `genrm-sft`, lessons for a verifier.

    table is what `vervet import table` reads. genrm-sft is chat JSONL for TRL and LLaMA-Factory: a
    judge's words where they agree with the truth (settings judge, against, template, per_problem,
    agreement), as many Yes as No of each problem.
    """
    from vervet import registry, store
    from vervet.transfer.exporting import export_table

    name, settings = registry.parse(file_format)
    if name == "genrm-sft":
        from vervet.transfer.genrm import export_genrm

        with boundary(ConfigError, name):
            lessons = export_genrm(store.open_run(run_url, create=False), path, **settings)
        say(asdict(lessons) if as_json else str(lessons), as_json=as_json)
        return
    if file_format != "table":
        raise ConfigError(f"no format called {file_format!r}; there are: table, genrm-sft.")
    rows = export_table(store.open_run(run_url, create=False), path)
    say({"rows": rows, "path": path} if as_json else f"{rows:,} rows in {path}", as_json=as_json)
