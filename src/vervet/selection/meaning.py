"""What the names in a policy meant when it was solved: a replay must mean the same.

`majority:n=8,verifier=tests` draws from whatever model it is given, and a run may have several of
them, or two verifiers of one name. So a run keeps, for every policy that was solved in it, which
samplers and verifiers took part, and which problems shared a budget.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from vervet.errors import ConfigError
from vervet.policies.flow import turn_of
from vervet.store import Run
from vervet.types import Sampler, Selection


@dataclass(frozen=True, slots=True)
class Meaning:
    """Who takes part, by the names that a policy uses."""

    models: Mapping[str, str] = field(default_factory=dict)
    """Samplers by name; the empty name is the one that is drawn from where none is named."""
    verifiers: Mapping[str, str] = field(default_factory=dict)
    problems: Collection[str] = ()
    """Those that shared one budget, where the policy has one."""


def recall(run: Run, policy_id: str) -> Meaning | None:
    """Return what the names of a policy meant when it was solved, None where it never was."""
    said = run.descriptions("policies").get(policy_id)
    return None if said is None else Meaning(**said)


def remember(run: Run, policy_id: str, meaning: Meaning) -> None:
    """Record what the names of a policy mean."""
    run.describe("policies", policy_id, asdict(meaning))


def turn_settings(sampler_id: str, samplers: Iterable[Sampler]) -> dict[str, Any] | None:
    """Return what a later turn is of: the model's settings, verifier and turn; None for another."""
    for sampler in samplers:
        base, plus, turn = sampler_id.partition(f"{sampler.id}+")
        if plus and not base:
            settings = dict(sampler.describe())
            model = f"{settings.get('model', sampler.id)}+{turn}"
            return {**settings, "model": model, "revises": sampler.id}
    return None


def refuse_another(
    run: Run, policy_id: str, meaning: Meaning, solved: Collection[Selection]
) -> None:
    """Refuse to go on with other models or verifiers than those that `solved` some problems.

    Raises:
        ConfigError: what was meant then, what is meant now, and how to tell them apart.
    """
    if not solved:
        return
    before = recall(run, policy_id) or Meaning(_stranger(meaning, solved))
    for what, then, now, apart in (
        ("model", before.models, meaning.models, "Write model={} in the policy"),
        ("verifier", before.verifiers, meaning.verifiers, "Take the verifier as it was"),
    ):
        for name in then.keys() & now.keys():
            if then[name] != now[name]:
                raise ConfigError(
                    f"{run.url} has selections of {policy_id} by the {what} {then[name]}; now it "
                    f"is {now[name]}. {apart.format(now[name])}, or use another run."
                )


def _stranger(meaning: Meaning, solved: Collection[Selection]) -> dict[str, str]:
    """Return a sampler of which something was selected, and that does not take part now."""
    known = set(meaning.models.values())
    chosen = sorted({row.sampler_id for row in solved if row.sampler_id} - known)
    others = [i for i in chosen if not any(turn_of(i, first) for first in known)]
    return {"": others[0]} if others else {}
