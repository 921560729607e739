"""`import` and `export`: other tools' files into a run, and a run into theirs."""

from inspect import signature
from typing import Any

import click

from vervet.cli.options import JSON, RUN, example
from vervet.cli.printing import say
from vervet.errors import ConfigError

OPTIONS = {"pairs": "renamed", "model": "model", "verifier": "verifier"}
"""What the command line calls it, and what a format does."""


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
@click.option("--model", metavar="NAME", help="Whose samples they are, where rows do not say.")
@click.option("--verifier", metavar="NAME", help="Who judged them, where rows do not say.")
@click.option("--problems", metavar="FILE", help="Prompts and references, one row per problem.")
@click.option(
    "--dataset", metavar="NAME", help="Or the problem set by name, NAME or NAME:path=FOLDER."
)
@JSON
def import_(file_format: str, path: str, run_url: str, **asked: Any) -> None:  # noqa: ANN401 - options of the command line
    """Import samples of another tool: all of a file, or nothing.

    FORMAT is one of `vervet list formats`: logs of Inspect and lm-eval, results of EvalPlus, and
    others. table takes what has none of its own: CSV, JSONL or Parquet with one row per sample, or
    per problem with lists, and the columns problem, index, model, text, answer, correct
    (true/false/1/0, empty for not judged), score, verifier, trial, prompt_tokens,
    completion_tokens, cost, finish, logprob, seconds, prompt, messages, reference. Only problem is
    needed; other names are mapped.
    """
    from vervet import doors, registry, store
    from vervet.transfer.table import mapping

    name, settings = registry.parse(file_format)
    given = ("path", "run", "problems", *OPTIONS.values())
    bring = registry.function("imports", name, *given, **settings)
    if asked["dataset"] and asked["problems"]:
        raise ConfigError("--dataset and --problems: say the problems once.")
    chosen: dict[str, Any] = {
        ours: asked[option] for option, ours in OPTIONS.items() if asked[option]
    }
    for option in chosen:
        if option not in signature(bring).parameters:
            said = "--map" if option == "renamed" else f"--{option}"
            raise ConfigError(f"{said} is not for {name}, whose files say it themselves.")
    if "renamed" in chosen:
        chosen["renamed"] = mapping(chosen["renamed"])
    known = list(doors.dataset(asked["dataset"])) if asked["dataset"] else asked["problems"]
    brought = bring(path, store.open_run(run_url), problems=known, **chosen)
    say(brought, as_json=asked["as_json"])


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
    from vervet import registry, store

    name, settings = registry.parse(file_format)
    write = registry.function("exports", name, "run", "path", **settings)
    say(write(store.open_run(run_url, create=False), path), as_json=as_json)
