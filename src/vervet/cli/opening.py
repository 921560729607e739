"""What the words of a command line name: runs, problems, models, policies."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vervet.cli.options import Asked
from vervet.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vervet.engines import Engine
    from vervet.planning import PolicyFile
    from vervet.policies.flow import Policy
    from vervet.policies.index import Index
    from vervet.problems.problem_set import ProblemSet
    from vervet.store import Run
    from vervet.types import Sampler


def opened(urls: "Sequence[str]") -> "list[Run]":
    """Open runs that exist.

    Raises:
        ConfigError: there is no such run, or one is named twice.
    """
    from vervet import store

    return store.distinct([store.open_run(url, create=False) for url in urls])


def report_path(run_url: str) -> Path:
    """Return where the report of a run goes when nobody says: in the run, or here."""
    return Path("report.html") if "://" in run_url else Path(run_url) / "report.html"


def problems_of(asked: Asked, name: str | None = None) -> "ProblemSet":
    """Return the problem set that the command line names."""
    from vervet import doors

    wanted = name or asked.dataset
    if not wanted:
        raise ConfigError(
            "no problems: name a problem set with --dataset (see: vervet list datasets)."
        )
    if Path(wanted).is_file():
        raise ConfigError(f"{wanted} is a file; the problem set is files: files --path {wanted}.")
    return doors.dataset(wanted, path=asked.path, limit=asked.limit)


def sampler_of(asked: Asked, problems: "ProblemSet", seed: int) -> "Sampler":
    """Return the model that the command line names, with its settings and the seed of the run.

    Raises:
        ConfigError: no such model, it refuses a setting, or one is given twice.
    """
    from vervet import doors

    named = {
        "base_url": asked.base_url,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "max_tokens": asked.max_tokens,
        "stop": (*problems.stop, *asked.stop) if asked.stop else None,
        "max_connections": asked.max_connections,
    }
    given = {name: value for name, value in named.items() if value is not None}
    for name in asked.settings:
        if name == "seed":
            raise ConfigError("--set seed: the seed is the run's; give --seed to a new run.")
        if name in given:
            raise ConfigError(f"--set {name} and --{name.replace('_', '-')}: say it once.")
    own = {"seed": seed} if seed else {}
    return doors.sampler_for(problems, asked.model, **given, **asked.settings, **own)


def samplers_of(
    asked: Asked, problems: "ProblemSet", seed: int, file: "PolicyFile"
) -> "dict[str, Sampler]":
    """Return the models a policy draws from, by the names it uses; the one of -m comes first.

    Without -m they are those of the policy file. They are sampled as they were measured, where the
    command line does not say otherwise.
    """
    from vervet.policies.names import models_named

    first = asked.model or next(iter(file.models.values()), "")
    if not first:
        raise ConfigError("no model. Name one: -m provider/name")
    main = sampler_of(_measured(replace(asked, model=first), file), problems, seed)
    own = str(main.describe().get("model", first))
    found = {"": main, own: main, first: main, main.id: main}
    for name in models_named(file.policy):
        if name not in found:
            other = replace(asked, model=file.models.get(name, name), base_url=None)
            found[name] = sampler_of(_measured(other, file), problems, seed)
    return found


def _measured(asked: Asked, file: "PolicyFile") -> Asked:
    """Fill in how a model was sampled when it was measured, where nothing is asked for."""
    told = file.measured(asked.model)
    missing = {
        name: told[name]
        for name in ("temperature", "top_p")
        if name in told and getattr(asked, name) is None and name not in asked.settings
    }
    return replace(asked, **missing)


def engine_of(asked: Asked, ahead: int = 0) -> "Engine":
    """Return where the work is done."""
    if asked.engine == "ray":
        if ahead:
            raise ConfigError(f"--ahead {ahead} needs --engine local; Ray workers draw on demand.")
        from vervet.engines.ray import Ray

        return Ray()
    from vervet.engines import Local

    return Local(ahead=ahead)


def policy_of(written: str) -> "PolicyFile":
    """Return the policy that is written on the command line, or in the file that `plan` wrote."""
    from vervet import doors, planning

    if written.endswith(".toml"):
        return planning.read_policy(written)
    return planning.PolicyFile(doors.policy(written))


def shared(
    policy: "Policy", written: str, problems: int, samplers: "Mapping[str, Sampler]"
) -> "Policy":
    """Return an index with the budget that is written.

    Raises:
        ConfigError: the policy is no index, or the budget is in dollars and the model's price is
            not known.
    """
    from vervet import planning
    from vervet.policies.index import Index

    limits = planning.budget(written)
    amount = limits.per_problem(problems)
    if not isinstance(policy, Index):
        raise ConfigError("--budget is shared by --policy index:verifier=NAME; others have none.")
    whole = int(amount) if amount.is_integer() else amount
    if limits.unit == "dollars" and policy.prompt_price is None:
        policy = _priced(policy, samplers[policy.model])
    return replace(policy, budget=whole, unit=limits.unit)


def _priced(policy: "Index", sampler: "Sampler") -> "Index":
    """Return an index that knows what the model's tokens cost, for endpoints that do not say."""
    from vervet.models.prices import price_table

    said = sampler.describe()
    host, model = str(said.get("host") or said.get("provider")), str(said.get("model"))
    price = price_table().price(host, model)
    if price is None or price.input is None or price.output is None:
        raise ConfigError(
            f"the price of {host}/{model} is not known (docs/costs.md). Write it in the policy: "
            "index:verifier=NAME,prompt_price=0.1,completion_price=0.4, in USD per million tokens."
        )
    return replace(policy, prompt_price=price.input, completion_price=price.output)
