"""Four doors: each turns a name into an object. Everything else takes objects only."""

from typing import TYPE_CHECKING, Any

from vervet import registry
from vervet.errors import ConfigError
from vervet.types import Problem, Sampler, Verifier

if TYPE_CHECKING:
    from vervet.policies.flow import Policy
    from vervet.problems.problem_set import ProblemSet


def dataset(name: str, **settings: Any) -> "ProblemSet":  # noqa: ANN401 - each set has its own
    """Return the problem set called `name`; `settings` are its own (split, limit, path, ...).

    Raises:
        ConfigError: no such problem set, or it refuses a setting.

    >>> len(dataset("embedded", limit=8))
    8
    """
    found: ProblemSet = _open("datasets", name, settings)
    return found


def sampler(name: str, **settings: Any) -> Sampler:  # noqa: ANN401 - each model has its own
    """Return the model called `provider/name`, or a provider that needs no name.

    Raises:
        ConfigError: no such provider, or it refuses a setting.

    >>> sampler("marmoset", temperature=1.0).describe()["model"]
    'marmoset'
    """
    provider, slash, model = name.partition("/")
    if slash and provider in registry.names("models"):
        settings = {"model": model, **settings}
        name = provider
    elif slash and ":" not in provider:
        known = ", ".join(sorted(registry.names("models")))
        raise ConfigError(
            f"no model provider called {provider!r}. Write provider/name with one of: {known}."
        )
    found: Sampler = _open("models", name, settings)
    return found


def verifier(name: str, **settings: Any) -> Verifier:  # noqa: ANN401 - each verifier has its own
    """Return the verifier called `name`.

    Raises:
        ConfigError: no such verifier, or it refuses a setting.

    >>> verifier("gsm8k-answer").id.partition("-")[0]
    'gsm8k'
    """
    found: Verifier = _open("verifiers", name, settings)
    return found


def policy(name: str, **settings: Any) -> "Policy":  # noqa: ANN401 - each policy has its own
    """Return the policy called `name`, for example `majority:n=32`.

    Raises:
        ConfigError: no such policy, or it refuses a setting.
    """
    found: Policy = _open("policies", name, settings)
    return found


def _open(kind: registry.Kind, spec: str, settings: dict[str, Any]) -> Any:  # noqa: ANN401
    name, written = registry.parse(spec)
    given = {key: value for key, value in settings.items() if value is not None}
    return registry.find(kind, name, **{**given, **written})


__all__ = ["Problem", "dataset", "policy", "sampler", "verifier"]
