"""`demo`, `run`, `sample`, `verify`: what fills the tables."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vervet.cli.options import JSON, RUN, Asked, asking, example
from vervet.cli.printing import note, say
from vervet.cli.progress import watching
from vervet.errors import ConfigError

if TYPE_CHECKING:
    from vervet.costs.estimate import CostEstimate
    from vervet.engines import Engine
    from vervet.planning import PolicyFile
    from vervet.policies.flow import Policy
    from vervet.problems.problem_set import ProblemSet
    from vervet.store import Run
    from vervet.types import Sampler


def problems_of(asked: Asked, name: str | None) -> "ProblemSet":
    """Return the problem set that the command line names."""
    from vervet import doors

    wanted = name or asked.dataset
    if not wanted:
        raise ConfigError(
            "no problems: name a problem set with --dataset (see: vervet list datasets)."
        )
    return doors.dataset(wanted, path=asked.path, limit=asked.limit)


def sampler_of(asked: Asked, problems: "ProblemSet", seed: int) -> "Sampler":
    """Return the model that the command line names."""
    from vervet import doors

    return doors.sampler_for(
        problems,
        asked.model,
        base_url=asked.base_url,
        temperature=asked.temperature,
        top_p=asked.top_p,
        max_tokens=asked.max_tokens,
        stop=(*problems.stop, *asked.stop) if asked.stop else (),
        seed=seed or None,
        max_connections=asked.max_connections,
        **asked.settings,
    )


def engine_of(asked: Asked, ahead: int = 0) -> "Engine":
    """Return where the work is done."""
    if asked.engine == "ray":
        if ahead:
            raise ConfigError(f"--ahead {ahead} needs --engine local; Ray workers draw on demand.")
        from vervet.engines.ray import Ray

        return Ray()
    from vervet.engines import Local

    return Local(ahead=ahead)


@click.command(
    epilog=example(
        "vervet sample runs/words --dataset embedded --limit 8 -m marmoset -n 4",
        "vervet sample runs/words --dataset embedded --limit 8 -m marmoset -n 8 --dry-run",
    )
)
@RUN
@asking
@JSON
def sample(run_url: str, *, asked: Asked, as_json: bool) -> None:
    """Draw what is missing of N samples of every problem."""
    from vervet import sampling, store

    problems = problems_of(asked, None)
    if asked.dry_run:
        estimate = dry_run(problems, asked, run_url)
        say(asdict(estimate) if as_json else str(estimate), as_json=as_json)
        return
    run = store.open_run(run_url, seed=asked.seed)
    sampler = sampler_of(asked, problems, run.seed)
    with watching() as watch:
        drawn = sampling.sample(
            run, problems, sampler, n=asked.samples, engine=engine_of(asked), watch=watch
        )
    say(asdict(drawn) if as_json else str(drawn), as_json=as_json)


def dry_run(problems: "ProblemSet", asked: Asked, run_url: str) -> "CostEstimate":
    """Return what would be drawn and what it would cost; unknown prices stay unknown."""
    from vervet import store
    from vervet.costs.estimate import estimate_cost
    from vervet.errors import StoreError
    from vervet.models.prices import price_table
    from vervet.types import Sample

    sampler = sampler_of(asked, problems, asked.seed or 0)
    said = sampler.describe()
    try:
        run = store.open_run(run_url, create=False)
        keys = run.keys(Sample, {"sampler_id": sampler.id})
    except (ConfigError, StoreError):
        keys = {}  # a run that does not exist yet has nothing
    missing = [
        sum(
            index not in set(keys.get((problem.id, sampler.id), ()))
            for index in range(asked.samples)
        )
        for problem in problems
    ]
    price = price_table().price(
        str(said.get("host") or said.get("provider")), str(said.get("model"))
    )
    return estimate_cost([problem.prompt for problem in problems], said, missing, price=price)


@click.command(epilog=example("vervet verify runs/words --verifier gsm8k-answer"))
@RUN
@click.option("--verifier", required=True, help="A verifier by name (see: vervet list verifiers).")
@click.option("--trials", type=click.IntRange(min=1), default=1, help="Judgements of each sample.")
@click.option("--isolation", help="How candidates are isolated (see: vervet doctor).")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds of one test.")
@click.option("--all-tests", is_flag=True, default=None, help="Run on after the first failure.")
@JSON
def verify(run_url: str, *, verifier: str, trials: int, as_json: bool, **settings: object) -> None:
    """Judge every sample that is not judged yet, and those whose judging failed."""
    from vervet import doors, store, verification

    run = store.open_run(run_url, create=False)
    judge = doors.verifier(verifier, **settings)
    with watching() as watch:
        judged = verification.verify(run, judge, trials=trials, watch=watch)
    say(asdict(judged) if as_json else str(judged), as_json=as_json)


@click.command(epilog=example("vervet run embedded runs/words --limit 8 -m marmoset -n 8"))
@click.argument("dataset_name", metavar="DATASET")
@RUN
@asking
@click.option("--verifier", help="Instead of the problem set's own verifier.")
@click.option("-o", "--output", help="Where the report goes; by default report.html in the run.")
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
    """Sample, verify, analyze and report in one go, streaming."""
    from vervet import doors, sampling, store, verification

    problems = problems_of(asked, dataset_name)
    if asked.dry_run:
        estimate = dry_run(problems, asked, run_url)
        say(asdict(estimate) if as_json else str(estimate), as_json=as_json)
        return
    opened = store.open_run(run_url, seed=asked.seed)
    sampler = sampler_of(asked, problems, opened.seed)
    judge = doors.verifier(verifier or problems.verifier)
    with watching() as watch:
        judging = verification.Judging(opened, judge, watch=watch)
        drawn = sampling.sample(
            opened, problems, sampler, n=asked.samples, then=(judging,),
            engine=engine_of(asked), watch=watch,
        )  # fmt: skip
    note(str(drawn))
    note(str(drawn.then[0]))
    conclude(opened, Path(output or report_path(run_url)), as_json=as_json)


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


def report_path(run_url: str) -> str:
    """Return where the report of a run goes when nobody says: in the run, or here."""
    return "report.html" if "://" in run_url else str(Path(run_url) / "report.html")


@click.command(epilog=example("vervet demo runs/demo -n 20"))
@click.argument("run_url", metavar="[RUN]", default="runs/demo")
@click.option("-n", "--samples", type=click.IntRange(min=1), help="Samples per problem.")
@JSON
def demo(run_url: str, *, samples: int | None, as_json: bool) -> None:
    """Run the whole loop on embedded parts: a small model, its problems, a report."""
    from vervet.demo import demonstrate

    with watching() as watch:
        analysis, path = demonstrate(run_url, report_path(run_url), samples=samples, watch=watch)
    if as_json:
        say(analysis.document.to_json(), as_json=True)
        return
    from vervet.cli.printing import summary

    summary(analysis)
    note(f"report: {path}")


@click.command(
    epilog=example("vervet select runs/words --policy majority:n=8,verifier=gsm8k-answer")
)
@RUN
@click.option(
    "--policy", required=True, help="A policy by name (see: vervet list policies), or policy.toml."
)
@click.option("--seed", type=int, help="Take samples in a random order; by default by index.")
@JSON
def select(run_url: str, *, policy: str, seed: int | None, as_json: bool) -> None:
    """Replay a policy on a run and record what it selects, or where it abstains."""
    from vervet import selection, store

    run = store.open_run(run_url, create=False)
    selected = selection.select(run, policy_of(policy).policy, seed=seed)
    say(asdict(selected) if as_json else str(selected), as_json=as_json)


@click.command(
    epilog=example(
        "vervet solve runs/live --dataset embedded --limit 4 -m marmoset "
        "--policy first-accepted:limit=5,verifier=gsm8k-answer"
    )
)
@RUN
@asking
@click.option(
    "--policy", required=True, help="A policy by name (see: vervet list policies), or policy.toml."
)
@click.option("--verifier", "extra", multiple=True, help="A verifier with settings; repeatable.")
@click.option("--budget", help="What all problems share, as 8samples/problem; for --policy index.")
@click.option(
    "--ahead",
    type=click.IntRange(min=0),
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
    ahead: int,
    as_json: bool,
) -> None:
    """Drive a policy on live models and verifiers: it draws, vets, and stops when it may."""
    from vervet import doors, registry, selection, store
    from vervet.policies.names import verifiers_named

    problems = problems_of(asked, None)
    run = store.open_run(run_url, seed=asked.seed)
    file = policy_of(policy)
    if budget:
        file = replace(file, policy=shared(file.policy, budget, len(list(problems))))
    names = {**file.verifiers, **{registry.parse(spec)[0]: spec for spec in extra}}
    used = {name: names.get(name, name) for name in verifiers_named(file.policy)}
    with watching() as watch:
        solved = selection.solve(
            run, problems, file.policy, samplers_of(asked, problems, run.seed, file),
            {name: doors.verifier(spec) for name, spec in used.items()},
            engine=engine_of(asked, ahead), watch=watch,
        )  # fmt: skip
    say(asdict(solved) if as_json else str(solved), as_json=as_json)


def policy_of(written: str) -> "PolicyFile":
    """Return the policy that is written on the command line, or in the file that `plan` wrote."""
    from vervet import doors, planning

    if written.endswith(".toml"):
        return planning.read_policy(written)
    return planning.PolicyFile(doors.policy(written))


def shared(policy: "Policy", written: str, problems: int) -> "Policy":
    """Return an index with the budget that is written.

    Raises:
        ConfigError: the policy is no index, or the budget is in dollars.
    """
    from vervet import planning
    from vervet.policies.index import Index

    limits = planning.budget(written)
    amount = limits.per_problem(problems)
    if not isinstance(policy, Index):
        raise ConfigError("--budget is shared by --policy index:verifier=NAME; others have none.")
    whole = int(amount) if amount.is_integer() else amount
    return replace(policy, budget=whole, unit=limits.unit)


def samplers_of(
    asked: Asked, problems: "ProblemSet", seed: int, file: "PolicyFile"
) -> "dict[str, Sampler]":
    """Return the models a policy draws from, by the names it uses; the one of -m comes first."""
    from vervet.policies.names import models_named

    main = sampler_of(asked, problems, seed)
    own = str(main.describe().get("model", asked.model))
    found = {"": main, own: main, asked.model: main}
    for name in models_named(file.policy):
        if name not in found:
            other = replace(asked, model=file.models.get(name, name), base_url=None)
            found[name] = sampler_of(other, problems, seed)
    return found
