"""`calibrate`: how much each judge's word counts."""

from dataclasses import asdict
from pathlib import Path

import click

from vervet.cli.options import JSON, RUN, Number, example
from vervet.cli.printing import note, say


@click.command(
    epilog=example(
        "vervet verify runs/words --verifier equations",
        "vervet calibrate runs/words --judge judge --judge equations --audit gsm8k-answer "
        "-o ensemble.toml",
    )
)
@RUN
@click.option(
    "--judge",
    "judges",
    multiple=True,
    required=True,
    metavar="NAME",
    help="A judge of the run; name two or more.",
)
@click.option(
    "--audit",
    required=True,
    metavar="NAME",
    help="The verifier taken as the truth, on some samples.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Learn from so many audited samples."
)
@click.option(
    "--threshold",
    type=Number(0, 1),
    metavar="P",
    default=0.5,
    show_default=True,
    help="The least chance of being right that the ensemble accepts.",
)
@click.option(
    "-o", "--output", metavar="FILE", help="Write the weights here, for ensemble:file=..."
)
@JSON
def calibrate(
    run_url: str,
    *,
    judges: tuple[str, ...],
    audit: str,
    limit: int | None,
    threshold: float,
    output: str | None,
    as_json: bool,
) -> None:
    """Learn from a small audit how much each judge counts.

    What is recorded is weighed by it: every judged sample gets a verdict of the ensemble.
    """
    from vervet import store
    from vervet.calibration import calibrate as learn

    run = store.open_run(run_url, create=False)
    found = learn(run, judges, audit, limit=limit, threshold=threshold)
    if output:
        Path(output).write_text(found.to_toml(), "utf-8")
        note(f"weights: {output}")
    if as_json:
        parts = [asdict(part) for part in found.ensemble.parts]
        learned = {
            name: getattr(found.found, name)
            for name in ("intercept", "penalty", "loss", "base_loss", "votes_right", "votes_wrong")
        }
        say(
            {
                "verifier_id": found.ensemble.id, "judges": parts, **learned,
                "audited": found.audited, "problems": found.found.problems,
                "weighed": found.weighed,
            },
            as_json=True,
        )  # fmt: skip
        return
    say(found, as_json=False)
