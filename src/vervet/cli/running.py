"""`demo`, `run`, `sample`, `verify`, `select`, `solve`: what fills the tables."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vervet.cli.opening import (
    engine_of,
    policy_of,
    problems_of,
    report_path,
    sampler_of,
    samplers_of,
    shared,
)
from vervet.cli.options import JSON, RUN, WHOLE, Asked, Number, asking, configured, example
from vervet.cli.printing import note, say
from vervet.cli.progress import watching
from vervet.errors import ConfigError, VervetError

if TYPE_CHECKING:
    from vervet.costs.estimate import CostEstimate
    from vervet.problems.problem_set import ProblemSet
    from vervet.sampling import Drawn
    from vervet.store import Run
    from vervet.types import Problem
    from vervet.verification import Judged


@click.command(
    epilog=example(
        "vervet sample runs/words --dataset embedded --limit 8 -m marmoset -n 4",
        "vervet sample runs/words --dataset embedded --limit 8 -m marmoset -n 8 --dry-run",
    )
)
@RUN
@asking()
@JSON
def sample(run_url: str, *, asked: Asked, as_json: bool) -> None:
    """Draw what is missing of N samples of every problem."""
    from vervet import sampling, store

    problems = problems_of(asked)
    if asked.dry_run:
        estimate = dry_run(problems, asked, run_url)
        say(estimate, as_json=as_json)
        return
    sampler_of(asked, problems, asked.seed or 0)  # what cannot be is refused before a run is made
    run = store.open_run(run_url, seed=asked.seed)
    sampler = sampler_of(asked, problems, run.seed)
    with watching() as watch:
        drawn = sampling.sample(
            run, problems, sampler, n=asked.samples, engine=engine_of(asked), watch=watch
        )
    say(drawn, as_json=as_json)
    refuse_nothing(drawn)


def refuse_nothing(did: "Drawn | Judged") -> None:
    """Leave with a failure where all that was tried failed, or the endpoint was given up.

    Raises:
        VervetError: not one sample came, or not one verdict; or some were not tried.
    """
    from vervet.sampling.drawing import NOT_TRIED, Drawn

    if isinstance(did, Drawn):
        done, failed, what = did.drawn, did.missing, "samples came"
    else:
        done = did.accepted + did.rejected
        failed, what = did.errors + did.untried, "samples could be judged"
    reason = next((why for why in did.reasons if why != NOT_TRIED), "no reason")
    if failed and not done:
        raise VervetError(f"none of {failed:,} {what}: {reason}")
    if did.untried:
        raise VervetError(f"given up with {did.untried:,} untried; run it again later: {reason}")


def dry_run(problems: "ProblemSet", asked: Asked, run_url: str) -> "CostEstimate":
    """Return what would be drawn and what it would cost; unknown prices stay unknown."""
    from vervet import store
    from vervet.costs.estimate import estimate_cost
    from vervet.models.prices import price_table
    from vervet.types import Sample

    sampler = sampler_of(asked, problems, asked.seed or 0)
    said = sampler.describe()
    try:
        run = store.open_run(run_url, create=False)
        recorded = run.keys(Sample, {"sampler_id": sampler.id})
    except ConfigError:
        recorded = {}  # a run that does not exist yet has nothing
    there = [recorded.get((problem.id, sampler.id), ()) for problem in problems]
    missing = [asked.samples - sum(bool(i < asked.samples) for i in found) for found in there]
    price = price_table().price(
        str(said.get("host") or said.get("provider")), str(said.get("model"))
    )
    return estimate_cost([_shown(problem) for problem in problems], said, missing, price=price)


def _shown(problem: "Problem") -> str:
    """Return all that a model is shown of a problem: its prompt, or its conversation."""
    said = [str(message.get("content") or "") for message in problem.messages]
    return "\n".join(said) or problem.prompt


@click.command(epilog=example("vervet verify runs/words --verifier gsm8k-answer"))
@RUN
@click.option(
    "--verifier", required=True, metavar="NAME", help="Who judges (see: vervet list verifiers)."
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    metavar="V",
    default=1,
    show_default=True,
    help="Judgements of each sample.",
)
@click.option("--isolation", metavar="NAME", help="How programs are isolated (see: vervet doctor).")
@click.option(
    "--timeout", type=Number(min=0, min_open=True), metavar="SECONDS", help="Of one unit test."
)
@click.option(
    "--all-tests", is_flag=True, default=None, help="Run unit tests on after the first failure."
)
@JSON
def verify(
    run_url: str, *, verifier: str, trials: int, as_json: bool, **settings: object
) -> None:  # fmt: skip
    """Judge what is not judged yet, and what failed to be judged."""
    from vervet import doors, store, verification

    run = store.open_run(run_url, create=False)
    judge = doors.verifier(verifier, **settings)
    with watching() as watch:
        judged = verification.verify(run, judge, trials=trials, watch=watch)
    say(judged, as_json=as_json)
    refuse_nothing(judged)


@click.command(epilog=example("vervet run embedded runs/words --limit 8 -m marmoset -n 8"))
@click.argument("dataset_name", metavar="DATASET|CONFIG.toml", is_eager=True, callback=configured)
@RUN
@asking("dataset")
@click.option("--verifier", metavar="NAME", help="Instead of the problem set's own verifier.")
@click.option(
    "-o", "--output", metavar="FILE", help="The report; by default report.html in the run."
)
@JSON
def run(
    dataset_name: str,
    run_url: str,
    *,
    asked: Asked,
    verifier: str | None,
    output: str | None,
    as_json: bool,
) -> None:
    """Sample, verify, analyze and report in one go, streaming.

    CONFIG.toml says dataset, model, samples and any other option by its long name, what --set takes
    as a table [set]; the command line goes before it.
    """
    from vervet import doors, sampling, store, verification

    problems = problems_of(asked, dataset_name)
    if asked.dry_run:
        estimate = dry_run(problems, asked, run_url)
        say(estimate, as_json=as_json)
        return
    judge = doors.verifier(verifier or problems.verifier)
    sampler_of(asked, problems, asked.seed or 0)  # what cannot be is refused before a run is made
    opened = store.open_run(run_url, seed=asked.seed)
    sampler = sampler_of(asked, problems, opened.seed)
    with watching() as watch:
        judging = verification.Judging(opened, judge, watch=watch)
        drawn = sampling.sample(
            opened, problems, sampler, n=asked.samples, then=(judging,),
            engine=engine_of(asked), watch=watch,
        )  # fmt: skip
    judged = drawn.then[0]
    note(str(drawn))
    note(str(judged))
    if judged.present + judged.accepted + judged.rejected:
        conclude(opened, Path(output or report_path(run_url)), as_json=as_json)
        if not drawn.untried + judged.untried:
            return
    refuse_nothing(drawn)
    refuse_nothing(judged)


def conclude(opened: "Run", path: Path, *, as_json: bool) -> None:
    """Analyze a run, say what it shows, and write its report."""
    from vervet.analysis import analyze
    from vervet.cli.printing import summary
    from vervet.reporting import write_report

    analysis = analyze(opened)
    write_report(opened, analysis, path)
    if as_json:
        say(analysis.document.to_json(), as_json=True)
    else:
        summary(analysis)
    note(f"report: {path}")


@click.command(epilog=example("vervet demo runs/demo -n 20"))
@click.argument("run_url", metavar="[RUN]", default="runs/demo")
@click.option(
    "-n",
    "--samples",
    type=click.IntRange(min=1),
    metavar="N",
    default=1000,
    show_default=True,
    help="Samples per problem of the small model; a tenth of the strong one.",
)
@JSON
def demo(run_url: str, *, samples: int, as_json: bool) -> None:
    """See the whole loop at work, offline, in a minute or two.

    Two small models that come with vervet, their problems, an answer key and a verifier that is
    often wrong: what Large Language Monkeys and Inference Scaling fLaws measured, and a report.
    """
    from vervet.demo import demonstrate

    with watching() as watch:
        analysis, path = demonstrate(run_url, report_path(run_url), samples=samples, watch=watch)
    if as_json:
        say(analysis.document.to_json(), as_json=True)
        return
    from vervet.cli.printing import summary

    summary(analysis)
    note(f"report: {path}")
    note(
        "next, on the same samples:\n"
        f"  vervet plan {run_url} --against gsm8k-answer --budget 20samples/problem\n"
        f"  vervet view {run_url}\n"
        "and your own model (pip install 'vervet[hub]' brings the problems):\n"
        "  vervet run gsm8k runs/mine -m openai/NAME --base-url URL -n 100 --limit 50"
    )


@click.command(
    epilog=example("vervet select runs/words --policy majority:n=8,verifier=gsm8k-answer")
)
@RUN
@click.option(
    "--policy",
    required=True,
    metavar="POLICY",
    help="By name (see: vervet list policies), or a policy.toml that `plan` wrote.",
)
@click.option(
    "--seed", type=WHOLE, metavar="N", help="Take samples in a random order; else by index."
)
@JSON
def select(run_url: str, *, policy: str, seed: int | None, as_json: bool) -> None:
    """Replay a policy on a run and record what it selects.

    It takes the recorded samples as if they were drawn now, and pays for what it looks at.
    """
    from vervet import selection, store

    run = store.open_run(run_url, create=False)
    selected = selection.select(run, policy_of(policy).policy, seed=seed)
    say(selected, as_json=as_json)


@click.command(
    epilog=example(
        "vervet solve runs/live --dataset embedded --limit 4 -m marmoset "
        "--policy first-accepted:limit=5,verifier=gsm8k-answer"
    )
)
@RUN
@click.option(
    "-m", "--model", default="", metavar="PROVIDER/NAME",
    help="The model (see: vervet list models); by default those of policy.toml.",
)  # fmt: skip
@asking("model", "samples", "dry_run")
@click.option(
    "--policy",
    required=True,
    metavar="POLICY",
    help="By name (see: vervet list policies), or a policy.toml that `plan` wrote.",
)
@click.option(
    "--verifier",
    "extra",
    multiple=True,
    metavar="NAME:KEY=VALUE",
    help="A verifier that the policy asks, with settings; may be repeated.",
)
@click.option(
    "--budget",
    metavar="AMOUNT",
    help="What all problems share, as 8samples/problem; for --policy index.",
)
@click.option(
    "--ahead",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="Samples to ask for before the policy wants them: less waiting, more of them unused.",
)
@JSON
def solve(
    run_url: str,
    *,
    asked: Asked,
    policy: str,
    extra: tuple[str, ...],
    budget: str | None,
    as_json: bool,
    **chosen: Any,  # noqa: ANN401 - options of the command line
) -> None:
    """Drive a policy live: it draws, vets, and stops when it may."""
    from vervet import doors, registry, selection, store
    from vervet.policies.names import verifiers_named

    problems = problems_of(asked)
    run = store.open_run(run_url, seed=asked.seed)
    file = policy_of(policy)
    samplers = samplers_of(replace(asked, model=chosen["model"]), problems, run.seed, file)
    if budget:
        file = replace(file, policy=shared(file.policy, budget, len(list(problems)), samplers))
    names = {**file.verifiers, **{registry.parse(spec)[0]: spec for spec in extra}}
    used = {name: names.get(name, name) for name in verifiers_named(file.policy)}
    with watching() as watch:
        solved = selection.solve(
            run, problems, file.policy, samplers,
            {name: doors.verifier(spec) for name, spec in used.items()},
            engine=engine_of(asked, chosen["ahead"]), watch=watch,
        )  # fmt: skip
    say(solved, as_json=as_json)
