"""Options that several commands share, each declared once."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import click

from vervet.errors import ConfigError

Command = Callable[..., Any]


def example(*lines: str) -> str:
    """Return the end of a command's help: lines that the tests run as they stand."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


RUN = click.argument("run_url", metavar="RUN")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
SEED = click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
LEVEL = click.option(
    "--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True,
    help="Nominal coverage of intervals.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """Which model, which problems, how many samples: as written on the command line."""

    model: str
    dataset: str | None
    samples: int
    limit: int | None
    path: str | None
    base_url: str | None
    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    stop: tuple[str, ...]
    seed: int | None
    max_connections: int | None
    engine: str
    dry_run: bool
    settings: dict[str, Any]


def read_settings(
    context: click.Context, option: click.Parameter, written: tuple[str, ...]
) -> dict[str, Any]:
    """Read repeated KEY=VALUE options; a value is JSON where it is JSON, else text."""
    del context, option
    from vervet.registry import parse

    found: dict[str, Any] = {}
    for pair in written:
        if "=" not in pair:
            raise ConfigError(f"--set {pair!r} is not KEY=VALUE, for example --set top_k=20.")
        key, _, value = pair.partition("=")
        found |= parse(f"x:{key}={value}")[1]
    return found


_ASKING = (
    click.option("-m", "--model", required=True, help="Model as provider/name, or marmoset."),
    click.option("--dataset", help="Problem set by name (see: vervet list datasets)."),
    click.option(
        "-n", "--samples", "--epochs", "--n-samples", "--repeats", "samples",
        type=click.IntRange(min=1), default=1, show_default=True, help="Samples per problem.",
    ),
    click.option("--limit", type=click.IntRange(min=1), help="Use the first LIMIT problems."),
    click.option("--path", help="Local file or folder of the problem set, in its upstream layout."),
    click.option("--base-url", help="Address of the endpoint."),
    click.option("--temperature", type=click.FloatRange(min=0), help="Of sampling."),
    click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), help="Nucleus."),
    click.option("--max-tokens", type=click.IntRange(min=1), help="Longest completion."),
    click.option("--stop", multiple=True, help="Stop string; may be repeated."),
    click.option("--seed", type=int, help="Seed of a new run (0 unless given)."),
    click.option("--max-connections", type=click.IntRange(min=1), help="Most requests in flight."),
    click.option("--engine", type=click.Choice(["local", "ray"]), default="local", help="Where."),
    click.option("--resume", is_flag=True, help="The default: only what is missing is drawn."),
    click.option("--dry-run", is_flag=True, help="Say what would be drawn and what it would cost."),
    click.option("--set", "settings", multiple=True, callback=read_settings, metavar="KEY=VALUE",
                 help="Any other setting of the model; may be repeated."),
)  # fmt: skip


def asking(command: Command) -> Command:
    """Give `command` the model and problem options, as one `asked` argument."""

    @functools.wraps(command)
    def wrapped(*args: Any, **chosen: Any) -> Any:  # noqa: ANN401 - click calls it
        chosen.pop("resume")
        asked = Asked(**{f.name: chosen.pop(f.name) for f in fields(Asked)})
        return command(*args, asked=asked, **chosen)

    for option in reversed(_ASKING):
        wrapped = option(wrapped)
    return wrapped
