"""Which models and verifiers a policy names in its settings, those inside it included."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from vervet.policies.best_of import BY_LOGPROB
from vervet.policies.flow import Policy
from vervet.policies.mixture import Mixture, parts


def verifiers_named(policy: object) -> list[str]:
    """Return the verifiers a policy uses: its settings that name one.

    >>> from vervet.policies.weighted import Weighted
    >>> verifiers_named(Weighted(4, "answers", "judge"))
    ['answers', 'judge']
    """
    found = (getattr(each, name, "") for each in within(policy) for name in ("verifier", "judge"))
    return [name for name in dict.fromkeys(found) if name and name != BY_LOGPROB]


def models_named(policy: object) -> list[str]:
    """Return the models a policy draws from by name; empty where it takes the only one.

    >>> models_named(Mixture("small*2|large*1", "v"))
    ['small', 'large']
    """
    found: dict[str, None] = {}
    for each in within(policy):
        if isinstance(each, Mixture):
            found.update(dict.fromkeys(model for model, _ in parts(each.models)))
        elif name := getattr(each, "model", ""):
            found.setdefault(str(name))
    return list(found)


def within(policy: object) -> Iterator[object]:
    """Yield a policy and all policies inside it."""
    yield policy
    if is_dataclass(policy):
        for field in fields(policy):
            inside = getattr(policy, field.name)
            if isinstance(inside, Policy):
                yield from within(inside)
