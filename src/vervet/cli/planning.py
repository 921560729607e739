"""`plan`: which policy to use under a budget."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vervet.cli.opening import opened
from vervet.cli.options import JSON, SEED, Number, example
from vervet.cli.printing import note, prose, say
from vervet.cli.reading import RUNS

if TYPE_CHECKING:
    from vervet.planning import Plan


@click.command(
    epilog=example(
        "vervet plan runs/words --budget 4samples/problem",
        "vervet plan runs/words --budget 4samples/problem --false-positive-cost 4 -o policy.toml",
    )
)
@RUNS
@click.option(
    "--budget",
    metavar="AMOUNT",
    help="As 0.05usd/problem, 2000tokens/problem, 8samples/problem, 5usd.",
)
@click.option(
    "--false-positive-cost",
    type=Number(min=0),
    metavar="C",
    default=0.0,
    show_default=True,
    help="What returning a wrong answer costs, a right one being worth 1.",
)
@click.option(
    "--abstain-cost",
    type=Number(min=0),
    metavar="C",
    default=0.0,
    show_default=True,
    help="What returning nothing costs.",
)
@click.option(
    "--max-latency", metavar="TIME", help="Mean time a problem may take, as 30s or 500ms."
)
@click.option(
    "--together",
    is_flag=True,
    help="All problems come at once, so that they may share one budget.",
)
@click.option("--against", metavar="NAME", default="", help="The verifier that says what is right.")
@click.option(
    "--verifier",
    multiple=True,
    metavar="NAME",
    help="A policy may ask this verifier; may be repeated.",
)
@click.option(
    "--orders",
    type=click.IntRange(min=2),
    metavar="N",
    default=100,
    show_default=True,
    help="Random orders in which each problem is replayed.",
)
@click.option(
    "-o", "--output", metavar="FILE", help="Write the policy here, for select, solve and serve."
)
@SEED
@JSON
def plan(
    run_urls: tuple[str, ...], *, budget: str | None, output: str | None, as_json: bool,
    **asked: Any,  # noqa: ANN401 - options of the command line
) -> None:  # fmt: skip
    """Recommend a model, a policy and its size under a budget.

    Searches on what was measured; the promise is what the choice is worth on problems left out.
    """
    from vervet import planning

    terms = planning.Terms(
        planning.budget(budget) if budget else None,
        asked["false_positive_cost"],
        asked["abstain_cost"],
        planning.latency(asked["max_latency"]) if asked["max_latency"] else None,
        together=asked["together"],
    )
    found = planning.read(opened(run_urls), truth=asked["against"], usable=asked["verifier"])
    made = planning.plan(found, terms, orders=asked["orders"], seed=asked["seed"])
    tell(made, as_json=as_json)
    if output:
        before = Path(output).exists()
        planning.write_policy(made, output)
        note(f"policy: {output}{' (written over)' if before else ''}")


def tell(made: "Plan", *, as_json: bool) -> None:
    """Print the frontier and the recommendation."""
    from vervet.cli.printing import show
    from vervet.planning.words import amount, document, recommendation

    if as_json:
        say(document(made), as_json=True)
        return
    from vervet.analysis.table import Table

    def paid(cost: float, samples: float) -> dict[str, str]:
        drawn = {} if made.unit == "samples" else {"samples": amount(samples)}
        return {f"{made.unit}/problem": amount(cost), **drawn}

    rows = tuple(
        {
            "policy": option.name,
            **paid(option.cost, option.replayed.samples),
            "accuracy": str(option.replayed.accuracy),
            "wrong": f"{option.replayed.wrong.value:.3f}",
            "abstained": f"{option.replayed.abstained.value:.3f}",
            "within": "yes" if option.affordable else "no",
        }
        for option in made.frontier
    )
    show(Table("worth more than everything cheaper, as measured here", rows, tuple(rows[0])))
    if made.beyond:
        ahead = tuple(
            {
                "policy": each.name,
                **paid(each.cost, each.samples),
                "accuracy": str(each.accuracy),
                "within": "yes" if each.affordable else "no",
            }
            for each in made.beyond
        )
        show(Table("forecast: more samples than were recorded", ahead, tuple(ahead[0])))
    click.echo()
    click.echo(prose(recommendation(made)))
