"""Four doors: each turns a name into an object. Everything else takes objects only."""

from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vervet import registry
from vervet.errors import ConfigError, boundary
from vervet.types import Problem, Sampler, Verifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vervet.analysis import Analysis
    from vervet.policies.flow import Policy
    from vervet.problems.problem_set import ProblemSet
    from vervet.store import Run


def dataset(name: str, /, **settings: Any) -> "ProblemSet":  # noqa: ANN401 - each set has its own
    """Return the problem set called `name`; `settings` are its own (split, limit, path, ...).

    What is written module:NAME may give any problems, in a list or one by one; they are judged by
    `exact` where nobody says otherwise.

    Raises:
        ConfigError: no such problem set, or it refuses a setting or holds something else.

    >>> len(dataset("embedded", limit=8))
    8
    """
    from vervet.problems.problem_set import ProblemSet  # noqa: PLC0415 - names open without it

    found = _open("datasets", name, settings)
    if isinstance(found, ProblemSet):
        return found
    problems = tuple(found)
    if not problems or not all(isinstance(problem, Problem) for problem in problems):
        raise ConfigError(f"{name} is no problem set: it holds no problems, or something else.")
    return ProblemSet(name, problems, verifier="exact")


def sampler(name: str, /, **settings: Any) -> Sampler:  # noqa: ANN401 - each model has its own
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


def sampler_for(
    problems: "ProblemSet",
    name: str,
    /,
    **settings: Any,  # noqa: ANN401 - each model has its own
) -> Sampler:
    """Return a model that samples as the problem set's authors did, where `settings` do not say.

    A setting of the set (temperature, longest completion, stop strings, chat or completion) that
    the model does not have is left out: scripted replies have no temperature.

    Raises:
        ConfigError: no such model, or it refuses one of `settings`.
    """
    provider = registry.parse(name)[0].partition("/")[0]
    entry = registry.names("models").get(provider)
    usual = {
        "temperature": problems.temperature,
        "max_tokens": problems.max_tokens,
        "stop": problems.stop,
        "endpoint": "chat" if problems.chat else "completions",
    }
    with boundary(ConfigError, provider):
        takes = set(signature(entry.load()).parameters) if entry else set()
    if "host" in takes:  # every OpenAI-compatible endpoint
        takes |= set(usual)
    defaults = {key: value for key, value in usual.items() if key in takes}
    given = {key: value for key, value in settings.items() if value not in (None, ())}
    return sampler(name, **{**defaults, **given})


def verifier(name: str, /, **settings: Any) -> Verifier:  # noqa: ANN401 - each verifier has its own
    """Return the verifier called `name`.

    Raises:
        ConfigError: no such verifier, or it refuses a setting.

    >>> verifier("gsm8k-answer").id.partition("-")[0]
    'gsm8k'
    """
    found: Verifier = _open("verifiers", name, settings)
    return found


def policy(name: str, /, **settings: Any) -> "Policy":  # noqa: ANN401 - each policy has its own
    """Return the policy called `name`, for example `majority:n=32`.

    Raises:
        ConfigError: no such policy, or it refuses a setting.
    """
    found: Policy = _open("policies", name, settings)
    return found


def report(
    run: "Run | Sequence[Run]", path: str | Path, *, analysis: "Analysis | None" = None
) -> Path:
    """Write the report of one run or several as one HTML file that works offline.

    Raises:
        ConfigError: nothing is judged yet.
    """
    from vervet.analysis import analyze  # noqa: PLC0415 - names are opened without it
    from vervet.reporting import write_report  # noqa: PLC0415 - names are opened without it
    from vervet.store import Run  # noqa: PLC0415 - names are opened without it

    runs = [run] if isinstance(run, Run) else list(run)
    write_report(runs, analysis or analyze(runs), Path(path))
    return Path(path)


def _open(kind: registry.Kind, spec: str, settings: dict[str, Any]) -> Any:  # noqa: ANN401
    name, written = registry.parse(spec)
    given = {key: value for key, value in settings.items() if value is not None}
    return registry.find(kind, name, **{**given, **written})
