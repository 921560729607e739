"""`serve`: a policy as an OpenAI-compatible endpoint."""

import os
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vervet.cli.options import _settings, example
from vervet.cli.printing import note
from vervet.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from vervet.policies.flow import Policy
    from vervet.serving import Accounts, Menu
    from vervet.types import Verifier

KEY = "VERVET_SERVE_KEY"
READERS = ("exact", "json", "gsm8k-answer", "math-answer", "choice")
"""Verifiers that any request's policy may vote with: they cost nothing and need no setting."""


@click.command(
    epilog=example(
        "vervet serve --policy majority:n=8,verifier=gsm8k-answer -m marmoset",
        "vervet serve policy.toml -m openai/llama-3.1-8b --base-url http://localhost:8001/v1",
    )
)
@click.argument("policy_file", metavar="[POLICY.TOML]", required=False)
@click.option("--policy", help="A policy by name (see: vervet list policies), not a file.")
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    required=True,
    help="Model as provider/name, or marmoset; repeatable, the first is the default.",
)
@click.option("--base-url", help="Address of the endpoint.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    callback=_settings,
    metavar="KEY=VALUE",
    help="A setting of the models where a request says nothing; may be repeated.",
)
@click.option("--verifier", "extra", multiple=True, help="A verifier with settings; repeatable.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Others need a key.")
@click.option("--port", default=8000, show_default=True, help="0 takes a free one.")
@click.option("--keys", help=f"TOML file of [[key]] name, key, usd, tokens; or one key in {KEY}.")
@click.option("--record", help="Run that the traffic is recorded to.")
@click.option("--max-requests", default=256, show_default=True, help="Most requests in flight.")
@click.option("--max-samples", default=64, show_default=True, help="Most samples of a request.")
@click.option("--max-body", default=16 * 2**20, show_default=True, help="Bytes of a request.")
@click.option("--timeout", default=600.0, show_default=True, help="Seconds for an answer.")
@click.option("--grace", default=30.0, show_default=True, help="Seconds to finish when ended.")
@click.option("--telemetry", is_flag=True, help="OpenTelemetry traces to an OTLP endpoint.")
def serve(policy_file: str | None, **chosen: Any) -> None:  # noqa: ANN401 - click calls it
    """Serve a policy as an OpenAI-compatible endpoint: it draws, vets, selects or abstains."""
    from vervet import serving, store
    from vervet.serving.telemetry import Traces, exporting

    limits = serving.Limits(
        chosen["max_requests"], chosen["max_body"], chosen["timeout"], chosen["grace"]
    )
    record = chosen["record"]
    service = serving.Service(
        menu(policy_file, chosen),
        accounts(chosen["keys"]),
        limits,
        store.open_run(record) if record else None,
        exporting() if chosen["telemetry"] else Traces(),
        chosen["host"],
        chosen["port"],
    )
    serving.serve(service, say=note)


def menu(policy_file: str | None, chosen: dict[str, Any]) -> "Menu":
    """Return what the command line puts on the menu."""
    from vervet import doors, registry, serving

    policy = doors.policy(spec(policy_file, chosen["policy"]))
    written = {registry.parse(text)[0]: text for text in chosen["extra"]}
    verifiers = {name: doors.verifier(text) for name, text in written.items()}
    for name in used(policy):
        if name not in verifiers:
            verifiers[name] = doors.verifier(name)
    for name in READERS:
        if name not in verifiers and (reader := usable(name)):
            verifiers[name] = reader
    most = chosen["settings"].get("max_connections", chosen["max_requests"])
    models: dict[str, serving.Model] = {}
    for text in chosen["models"]:
        sampler = doors.sampler(text, base_url=chosen["base_url"], **chosen["settings"])
        name = str(sampler.describe().get("model") or text)
        models[name] = serving.model_of(name, sampler, most)
    default = next(iter(used(policy)), "exact")
    return serving.Menu(models, policy, verifiers, default, chosen["max_samples"])


def spec(policy_file: str | None, written: str | None) -> str:
    """Return the policy that a file or an option names.

    Raises:
        ConfigError: neither or both are given, or the file does not say one.
    """
    if (policy_file is None) == (written is None):
        raise ConfigError("say which policy: a policy.toml, or --policy majority:n=8,verifier=V.")
    if written is not None or policy_file is None:
        return written or ""
    try:
        table = tomllib.loads(Path(policy_file).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{policy_file} cannot be read: {error}") from error
    found = table.get("policy")
    if not isinstance(found, str):
        raise ConfigError(f'{policy_file}: write policy = "majority:n=8,verifier=gsm8k-answer".')
    return found


def used(policy: "Policy | Any") -> list[str]:  # noqa: ANN401 - any setting of a policy
    """Return the verifiers that a policy names, those of the policies inside it included."""
    from vervet.policies.best_of import BY_LOGPROB

    found: list[str] = []
    for field in fields(policy) if is_dataclass(policy) else ():
        value = getattr(policy, field.name)
        if field.name in {"verifier", "judge"} and isinstance(value, str):
            found.append(value)
        found += used(value)
    return [name for name in dict.fromkeys(found) if name and name != BY_LOGPROB]


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
