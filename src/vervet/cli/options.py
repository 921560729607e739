"""Options that several commands share, each declared once."""

import functools
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Any

import click

from vervet.errors import ConfigError

Command = Callable[..., Any]


def example(*lines: str) -> str:
    """Return the end of a command's help: lines that the tests run as they stand."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


class Number(click.FloatRange):
    """A finite number in a range; click's own lets `nan` and `inf` pass."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - as click declares it
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Read a number.

        Raises:
            BadParameter: it is none, not finite, or outside the range.
        """
        found = float(super().convert(value, param, ctx))
        if not isfinite(found):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return found


RUN = click.argument("run_url", metavar="RUN")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
WHOLE = click.IntRange(min=0)
SEED = click.option(
    "--seed", type=WHOLE, metavar="N", default=0, show_default=True, help="Seed of the bootstrap."
)
LEVEL = click.option(
    "--level", type=Number(0.5, 0.999), metavar="P", default=0.95, show_default=True,
    help="Nominal coverage of intervals.",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which model, which problems, how many samples: as written on the command line."""

    model: str = ""
    dataset: str | None = None
    samples: int = 1
    limit: int | None = None
    path: str | None = None
    base_url: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    max_connections: int | None = None
    engine: str = "local"
    dry_run: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


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


def configured(context: click.Context, argument: click.Parameter, written: str) -> str:
    """Return the problem set: as written, or from a TOML file that says the options as well.

    The file's keys are the long options, `set` a table; the command line goes before it.

    Raises:
        ConfigError: the file cannot be read, names no problem set, or something that is no option.
    """
    del argument
    if not written.endswith(".toml"):
        return written
    try:
        told = tomllib.loads(Path(written).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{written}: {error.strerror}. It would be a TOML file with dataset, model and other "
            "options of run; a problem set goes by its name (see: vervet list datasets)."
        ) from error
    except ValueError as error:
        raise ConfigError(f"{written} cannot be read as TOML: {error}") from error
    known = {
        word.lstrip("-").replace("-", "_"): option.name
        for option in context.command.params
        if isinstance(option, click.Option)
        for word in option.opts
        if word.startswith("--")
    }
    dataset = told.pop("dataset", None)
    if not isinstance(dataset, str):
        raise ConfigError(f'{written}: which problem set? Add dataset = "gsm8k", for example.')
    for key in told:
        if key.replace("-", "_") not in known:
            raise ConfigError(
                f"{written}: {key!r} is no option of run. There is {', '.join(known)}."
            )
    context.default_map = {
        str(known[key.replace("-", "_")]): as_written(value) for key, value in told.items()
    }
    return dataset


def as_written(value: Any) -> Any:  # noqa: ANN401 - what TOML holds
    """Return a value of a TOML file as the command line would have it: a table as KEY=VALUE."""
    if isinstance(value, Mapping):
        return [f"{key}={json.dumps(item)}" for key, item in value.items()]
    return value


_ASKING: dict[str, Callable[[Command], Command]] = {
    "model": click.option(
        "-m", "--model", required=True, metavar="PROVIDER/NAME",
        help="The model (see: vervet list models); marmoset is one that is always there.",
    ),
    "dataset": click.option(
        "--dataset", metavar="NAME", help="Problem set (see: vervet list datasets)."
    ),
    "samples": click.option(
        "-n", "--samples", "--epochs", "--n-samples", "--repeats", "samples", metavar="N",
        type=click.IntRange(min=1), default=1, show_default=True,
        help="Samples per problem.",
    ),
    "limit": click.option(
        "--limit", type=click.IntRange(min=1), metavar="N", help="Take the first N problems."
    ),
    "path": click.option(
        "--path", metavar="PATH",
        help="File or folder of the problem set, in its upstream layout; else the hub.",
    ),
    "base_url": click.option(
        "--base-url", metavar="URL", help="Address of an OpenAI-compatible endpoint."
    ),
    "temperature": click.option(
        "--temperature", type=Number(min=0), metavar="T",
        help="Of sampling; by default the problem set's own.",
    ),
    "top_p": click.option(
        "--top-p", type=Number(0, 1, min_open=True), metavar="P",
        help="Draw from the likeliest tokens that hold this probability.",
    ),
    "max_tokens": click.option(
        "--max-tokens", type=click.IntRange(min=1), metavar="N",
        help="Longest completion; by default the problem set's own.",
    ),
    "stop": click.option(
        "--stop", multiple=True, metavar="TEXT", help="Stop string; may be repeated."
    ),
    "seed": click.option(
        "--seed", type=WHOLE, metavar="N", help="Seed of a new run (0 unless given)."
    ),
    "max_connections": click.option(
        "--max-connections", type=click.IntRange(min=1), metavar="N",
        help="Most requests in flight.",
    ),
    "engine": click.option(
        "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
        help="Where the work is done.",
    ),
    "resume": click.option(
        "--resume", is_flag=True, help="The default: only what is missing is drawn."
    ),
    "dry_run": click.option(
        "--dry-run", is_flag=True, help="Say what would be drawn and what it would cost."
    ),
    "settings": click.option(
        "--set", "settings", multiple=True, callback=read_settings, metavar="KEY=VALUE",
        help="Any other setting of the model; may be repeated.",
    ),
}  # fmt: skip


def asking(*without: str) -> Callable[[Command], Command]:
    """Give a command the model and problem options but `without`, as one `asked` argument."""

    def given(command: Command) -> Command:
        @functools.wraps(command)
        def wrapped(*args: Any, **chosen: Any) -> Any:  # noqa: ANN401 - click calls it
            chosen.pop("resume")
            names = [f.name for f in fields(Asked) if f.name not in without]
            asked = Asked(**{name: chosen.pop(name) for name in names})
            return command(*args, asked=asked, **chosen)

        asks: Command = wrapped
        for name in reversed(_ASKING):
            asks = asks if name in without else _ASKING[name](asks)
        return asks

    return given
