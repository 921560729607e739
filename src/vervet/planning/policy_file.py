"""`policy.toml`: what `plan` writes and `select`, `solve` and `serve` read."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vervet import registry
from vervet.errors import ConfigError
from vervet.planning.search import Plan
from vervet.planning.words import known, recommendation
from vervet.policies.flow import Policy
from vervet.policies.names import models_named, verifiers_named

SCHEMA = "vervet.policy/1"


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy with the models and verifiers it names."""

    policy: Policy
    models: Mapping[str, str] = field(default_factory=dict)
    """provider/name by the name the policy uses."""
    verifiers: Mapping[str, str] = field(default_factory=dict)
    """The verifier as written on the command line, by the name the policy uses."""
    expected: Mapping[str, Any] = field(default_factory=dict)
    """Accuracy with its interval, and costs a problem, as they were promised."""
    decoding: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """At which temperature and top_p each model was measured, by the name the policy uses."""

    def measured(self, written: str) -> Mapping[str, Any]:
        """Return how a model was sampled when it was measured, by its name or as it is written."""
        for name, spec in self.models.items():
            if written in {name, spec}:
                return self.decoding.get(name, {})
        return {}


def write_policy(plan: Plan, path: str | Path) -> None:
    """Write the chosen policy.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        Path(path).write_text(policy_toml(plan), "utf-8")
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be written: {error}") from error


def policy_toml(plan: Plan) -> str:
    """Return the chosen policy as TOML."""
    promised, used = plan.promise.accuracy, plan.chosen.replayed
    expected = {
        "accuracy": promised.value, "low": promised.low, "high": promised.high,
        "level": promised.level, "method": promised.method, "problems": promised.problems,
        "wrong": plan.promise.wrong.value, "abstained": plan.promise.abstained.value,
        "precision": plan.promise.precision.value,
        "samples": used.samples, "verifications": used.verifications, "tokens": used.tokens,
        "dollars": used.dollars, "seconds": used.seconds,
        f"{plan.unit}_low": plan.promise.cost.low, f"{plan.unit}_high": plan.promise.cost.high,
    }  # fmt: skip
    limits = plan.terms.budget
    named = models_named(plan.chosen.policy) or list(plan.found.archive.shelves)
    tables: dict[str, dict[str, Any]] = {
        "models": {name: plan.found.models.get(name, name) for name in named},
        **{
            f"decoding.{json.dumps(name)}": dict(plan.found.decoding.get(name, {}))
            for name in named
        },
        "verifiers": {name: name for name in verifiers_named(plan.chosen.policy)},
        "budget": {"amount": limits.amount, "unit": limits.unit, "per_problem": limits.each}
        if limits
        else {},
        "terms": {
            "false_positive_cost": plan.terms.false_positive_cost,
            "abstain_cost": plan.terms.abstain_cost,
            "max_latency": plan.terms.max_latency,
        },
        "expected": expected,
    }
    said = "".join(f"# {line}\n" for line in recommendation(plan).splitlines())
    head = f'schema = "{SCHEMA}"\npolicy = {json.dumps(plan.chosen.name)}\n'
    return said + head + "".join(_table(name, rows) for name, rows in tables.items() if rows)


def _table(name: str, rows: Mapping[str, Any]) -> str:
    lines = [f"{json.dumps(key)} = {_value(v)}" for key, v in rows.items() if _said(v)]
    return f"\n[{name}]\n" + "".join(f"{line}\n" for line in lines)


def _said(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and known(value) is None)


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def read_policy(path: str | Path) -> PolicyFile:
    """Read a policy file.

    Raises:
        ConfigError: it cannot be read, is of another kind, or names no policy that there is.
    """
    where = str(path)
    try:
        document = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"policy {where!r} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"policy {where!r} is not TOML: {error}") from error
    if document.get("schema") != SCHEMA:
        raise ConfigError(
            f"policy {where!r} has schema {document.get('schema')!r}; this vervet reads {SCHEMA!r}."
        )
    name, settings = registry.parse(_text(document, "policy", where))
    policy: Policy = registry.find("policies", name, **settings)
    models, verifiers = (_names(document, kind, where) for kind in ("models", "verifiers"))
    expected, decoding = (
        table if isinstance(table := document.get(key, {}), dict) else {}
        for key in ("expected", "decoding")
    )
    if not all(isinstance(told, dict) for told in decoding.values()):
        raise ConfigError(f"policy {where!r}: [decoding.NAME] must be tables.")
    return PolicyFile(policy, models, verifiers, expected, decoding)


def _text(document: Mapping[str, Any], key: str, where: str) -> str:
    value = document.get(key)
    if not isinstance(value, str):
        raise ConfigError(f'policy {where!r}: {key} is missing; write {key} = "...".')
    return value


def _names(document: Mapping[str, Any], kind: str, where: str) -> dict[str, str]:
    table = document.get(kind, {})
    if not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
        raise ConfigError(f'policy {where!r}: [{kind}] must hold NAME = "..." lines.')
    return table
