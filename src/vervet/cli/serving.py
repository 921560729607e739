"""`serve`: a policy as an OpenAI-compatible endpoint."""

import os
from typing import TYPE_CHECKING, Any

import click

from vervet.cli.opening import policy_of
from vervet.cli.options import Number, example, read_settings
from vervet.cli.printing import note
from vervet.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from vervet.planning import PolicyFile
    from vervet.serving import Accounts, Menu, Model
    from vervet.types import Verifier

KEY = "VERVET_SERVE_KEY"
POSITIVE = click.IntRange(min=1)
READERS = ("exact", "json", "gsm8k-answer", "math-answer", "choice")
"""Verifiers that any request's policy may vote with: they cost nothing and need no setting."""


@click.command(
    epilog=example(
        "vervet serve --policy majority:n=8,verifier=gsm8k-answer -m marmoset",
        "vervet serve policy.toml -m openai/llama-3.1-8b --base-url http://localhost:8001/v1",
    )
)
@click.argument("policy_file", metavar="[POLICY.TOML]", required=False)
@click.option(
    "--policy", metavar="POLICY", help="A policy by name (see: vervet list policies), not a file."
)
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="[NAME=]PROVIDER/NAME",
    help="A model, and what clients call it; may be repeated, the first is the default.",
)
@click.option(
    "--base-url",
    multiple=True,
    metavar="[NAME=]URL",
    help="Address of the endpoint, or of the one model that clients call NAME; may be repeated.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    callback=read_settings,
    metavar="KEY=VALUE",
    help="A setting of the models where a request says nothing; may be repeated.",
)
@click.option(
    "--verifier",
    "extra",
    multiple=True,
    metavar="NAME:KEY=VALUE",
    help="A verifier with settings; may be repeated.",
)
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Others need a key."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=8000,
    show_default=True,
    help="0 takes a free one.",
)
@click.option(
    "--keys",
    metavar="FILE",
    help=f"TOML file of [[key]] name, key, usd, tokens; or one key in {KEY}.",
)
@click.option(
    "--spending", metavar="FILE", help="File that keeps what every key has spent, over restarts."
)
@click.option("--record", metavar="RUN", help="Run that the traffic is recorded to.")
@click.option(
    "--max-requests",
    type=POSITIVE,
    metavar="N",
    default=256,
    show_default=True,
    help="Most requests in flight.",
)
@click.option(
    "--max-samples",
    type=POSITIVE,
    metavar="N",
    default=64,
    show_default=True,
    help="Most samples of a request.",
)
@click.option(
    "--max-body",
    type=POSITIVE,
    metavar="BYTES",
    default=16 * 2**20,
    show_default=True,
    help="Longest request.",
)
@click.option(
    "--timeout",
    type=Number(min=0, min_open=True),
    metavar="SECONDS",
    default=600.0,
    show_default=True,
    help="For one answer.",
)
@click.option(
    "--grace",
    type=Number(min=0),
    metavar="SECONDS",
    default=30.0,
    show_default=True,
    help="To finish what is under way when ended.",
)
@click.option("--telemetry", is_flag=True, help="OpenTelemetry traces to an OTLP endpoint.")
def serve(policy_file: str | None, **chosen: Any) -> None:  # noqa: ANN401 - click calls it
    """Serve a policy as an OpenAI-compatible endpoint.

    Each request is drawn several times, vetted, and answered with one reply, or none.
    """
    from vervet import serving, store
    from vervet.serving.telemetry import Traces, exporting

    limits = serving.Limits(
        chosen["max_requests"], chosen["max_body"], chosen["timeout"], chosen["grace"]
    )
    record, spending = chosen["record"], chosen["spending"]
    keys = accounts(chosen["keys"])
    service = serving.Service(
        menu(policy_file, chosen),
        keys,
        limits,
        store.open_run(record) if record else None,
        serving.Ledger(spending, keys.all) if spending else None,
        exporting() if chosen["telemetry"] else Traces(),
        chosen["host"],
        chosen["port"],
    )
    serving.serve(service, say=note)


def menu(path: str | None, chosen: dict[str, Any]) -> "Menu":
    """Return what the command line puts on the menu.

    Raises:
        ConfigError: there is no policy or several, no model, or not the one the policy draws from.
    """
    from vervet import doors, registry, serving
    from vervet.planning import read_policy
    from vervet.policies.names import models_named, verifiers_named

    if (path is None) is (chosen["policy"] is None):
        raise ConfigError("say which policy: a policy.toml, or --policy majority:n=8,verifier=V.")
    file = read_policy(path) if path else policy_of(chosen["policy"])
    written = {registry.parse(text)[0]: text for text in chosen["extra"]}
    wanted = {n: file.verifiers.get(n, n) for n in verifiers_named(file.policy)} | written
    verifiers = {name: doors.verifier(text) for name, text in wanted.items()}
    for name in READERS:
        if name not in verifiers and (reader := usable(name)):
            verifiers[name] = reader
    models = models_of(chosen, file)
    if missing := set(models_named(file.policy)) - set(models):
        known = ", ".join(models) or "none"
        raise ConfigError(
            f"the policy draws from {min(missing)!r}; there is: {known}. "
            f"Name it: -m {min(missing)}=provider/name"
        )
    if not models:
        raise ConfigError("no model. Name one: -m provider/name")
    default = next(iter(verifiers_named(file.policy)), "exact")
    return serving.Menu(models, file.policy, verifiers, default, chosen["max_samples"])


def models_of(chosen: dict[str, Any], file: "PolicyFile") -> "dict[str, Model]":
    """Return the models by name: those of the command line, else those of the policy file.

    They are sampled as they were measured, where the command line does not say otherwise.
    """
    from vervet import doors, serving

    most = chosen["settings"].get("max_connections", chosen["max_requests"])
    pairs = [_named(text) for text in chosen["models"]] or list(file.models.items())
    addresses = dict(map(_named, chosen["base_url"]))
    models: dict[str, Model] = {}
    for name, text in pairs:
        address = addresses.get(name or text.partition("/")[2]) or addresses.get("")
        measured = file.measured(name or text)
        sampler = doors.sampler(text, **{"base_url": address, **measured, **chosen["settings"]})
        public = name or str(sampler.describe().get("model") or text)
        models[public] = serving.model_of(public, sampler, most)
    if lost := set(addresses) - set(models) - {""}:
        raise ConfigError(
            f"--base-url {min(lost)}=...: no such model; there is: {', '.join(models)}."
        )
    return models


def _named(text: str) -> tuple[str, str]:
    """Split NAME=provider/name or NAME=URL; a setting, name:key=value, is no name.

    >>> _named("small=openai/llama"), _named("scripted:answer=4"), _named("http://h/v1?a=b")
    (('small', 'openai/llama'), ('', 'scripted:answer=4'), ('', 'http://h/v1?a=b'))
    """
    name, equals, rest = text.partition("=")
    return (name, rest) if equals and ":" not in name else ("", text)


def usable(name: str) -> "Verifier | None":
    """Return a verifier, or None where an optional part of it is not installed."""
    from vervet import doors

    try:
        return doors.verifier(name)
    except MissingExtra:
        return None


def accounts(keys: str | None) -> "Accounts":
    """Return who may ask: the keys of a file, the key of the environment, or everybody here."""
    from vervet.serving import Accounts, one_key, read_accounts

    if keys:
        return read_accounts(keys)
    key = os.environ.get(KEY, "")
    return one_key(key) if key else Accounts()
