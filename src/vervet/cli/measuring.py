"""What `analyze` and `report` can be asked, declared once."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from vervet.cli.opening import opened
from vervet.cli.options import LEVEL, SEED, Number
from vervet.errors import ConfigError

if TYPE_CHECKING:
    from vervet.analysis import Analysis

Command = Callable[..., Any]
LARGEST = 10**15
"""Attempts: a number of which floats hold every digit."""


def whole_numbers(context: click.Context, option: click.Parameter, text: str | None) -> list[int]:
    """Read `1,10,100`."""
    del context
    try:
        found = [int(float(part)) for part in (text or "").split(",") if part.strip()]
    except (ValueError, OverflowError):
        found = [0]
    if not all(1 <= number <= LARGEST for number in found):
        raise ConfigError(
            f"--{option.name} {text!r} is not a list of whole numbers from 1 to {LARGEST:,}, as "
            "1,10."
        )
    return found


def listed(context: click.Context, option: click.Parameter, texts: Any) -> list[str]:  # noqa: ANN401 - one text or several
    """Read `a,b`, given once or several times."""
    del context, option
    every = texts if isinstance(texts, tuple) else (texts or "",)
    return [part.strip() for text in every for part in text.split(",") if part.strip()]


_QUESTIONS = (
    click.option(
        "--k", "k", metavar="K,...", callback=whole_numbers,
        help="Attempts to report, as 1,10,100.",
    ),
    click.option("--verifier", metavar="NAME", help="Use the verdicts of this verifier only."),
    click.option("--against", metavar="NAME", help="Take this verifier's verdicts as the truth."),
    click.option(
        "--audit", metavar="NAME",
        help="It judged only some samples: correct the others' accuracy by it.",
    ),
    click.option(
        "--quality", multiple=True, callback=listed, metavar="NAME",
        help="Compare right with wrong acceptances: style, a number such as completion_tokens, "
        "a verifier, or a file of your columns; needs --against.",
    ),
    click.option(
        "--forecast", metavar="K,...", callback=whole_numbers, help="Forecast coverage there."
    ),
    click.option("--sibling", metavar="RUN", help="Borrow the forecast's curve of a deeper run."),
    click.option(
        "--forecast-width", type=float, metavar="W", help="Plan runs with forecasts this narrow."
    ),
    click.option(
        "--mixture", multiple=True, callback=listed, metavar="BUDGET",
        help="Split it over the models for coverage, as 100, 20000tokens or 0.05usd a problem.",
    ),
    click.option(
        "--false-positive-cost", type=Number(min=0), metavar="C", default=1.0, show_default=True,
        help="What returning a wrong answer costs, a right one being worth 1.",
    ),
    click.option(
        "--lambda", "cost_ratio", metavar="NUMBER|tokens|cached|generated",
        help="Cost of one verification in solutions; measured from tokens by default, with "
        "prompts read once (cached), or from what was generated only.",
    ),
    click.option(
        "--whole-surface", is_flag=True,
        help="Success at every S and V of a judge, not only at powers of two.",
    ),
    LEVEL,
    SEED,
)  # fmt: skip


def questions(command: Command) -> Command:
    """Give `command` the questions of an analysis, as one `asked` argument."""
    names = (
        "k", "verifier", "against", "audit", "quality", "forecast", "sibling", "forecast_width",
        "mixture", "false_positive_cost", "cost_ratio", "whole_surface", "level", "seed",
    )  # fmt: skip

    @functools.wraps(command)
    def wrapped(*args: Any, **chosen: Any) -> Any:  # noqa: ANN401 - click calls it
        return command(*args, asked={name: chosen.pop(name) for name in names}, **chosen)

    for option in reversed(_QUESTIONS):
        wrapped = option(wrapped)
    return wrapped


def measured(urls: tuple[str, ...], asked: dict[str, Any]) -> "Analysis":
    """Analyze runs."""
    from vervet.analysis import analyze

    sibling = opened((asked["sibling"],))[0] if asked["sibling"] else None
    return analyze(opened(urls), **asked | {"sibling": sibling})
