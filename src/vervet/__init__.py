"""Sample many, vet all: draw, verify, select, measure, forecast, plan and serve.

    import vervet

    run = vervet.open("runs/words")
    problems = vervet.dataset("embedded", limit=32)
    vervet.sample(run, problems, vervet.sampler("marmoset"), n=16)
    vervet.verify(run, vervet.verifier("gsm8k-answer"))
    print(vervet.analyze(run).coverage(k=[1, 16]))

A name is imported when it is first used, so `import vervet` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vervet.analysis import Analysis, analyze
    from vervet.doors import dataset, policy, report, sampler, sampler_for, verifier
    from vervet.errors import (
        ConfigError,
        MissingExtra,
        ModelError,
        NotRecorded,
        SandboxError,
        StoreError,
        VerifierError,
        VervetError,
    )
    from vervet.policies.adaptive import AdaptiveConsistency, EarlyStopping
    from vervet.policies.best_of import BestOf
    from vervet.policies.first_accepted import FirstAccepted
    from vervet.policies.majority import Majority
    from vervet.policies.weighted import Weighted
    from vervet.problems.problem_set import ProblemSet
    from vervet.sampling import sample
    from vervet.selection import select, solve
    from vervet.store import Run
    from vervet.store import open_run as open  # noqa: A004 - vervet.open(...) reads as it should
    from vervet.transfer.importing import import_table
    from vervet.types import Outcome, Problem, Sample, Sampler, Selection, Verdict, Verifier
    from vervet.verification import verify

_HOMES = {
    "AdaptiveConsistency": "vervet.policies.adaptive",
    "Analysis": "vervet.analysis",
    "BestOf": "vervet.policies.best_of",
    "ConfigError": "vervet.errors",
    "EarlyStopping": "vervet.policies.adaptive",
    "FirstAccepted": "vervet.policies.first_accepted",
    "Majority": "vervet.policies.majority",
    "MissingExtra": "vervet.errors",
    "ModelError": "vervet.errors",
    "NotRecorded": "vervet.errors",
    "Outcome": "vervet.types",
    "Problem": "vervet.types",
    "ProblemSet": "vervet.problems.problem_set",
    "Run": "vervet.store",
    "Sample": "vervet.types",
    "Sampler": "vervet.types",
    "SandboxError": "vervet.errors",
    "Selection": "vervet.types",
    "StoreError": "vervet.errors",
    "Verdict": "vervet.types",
    "Verifier": "vervet.types",
    "VerifierError": "vervet.errors",
    "VervetError": "vervet.errors",
    "Weighted": "vervet.policies.weighted",
    "analyze": "vervet.analysis",
    "dataset": "vervet.doors",
    "import_table": "vervet.transfer.importing",
    "open": "vervet.store:open_run",
    "policy": "vervet.doors",
    "report": "vervet.doors",
    "sample": "vervet.sampling",
    "sampler": "vervet.doors",
    "sampler_for": "vervet.doors",
    "select": "vervet.selection",
    "solve": "vervet.selection",
    "verifier": "vervet.doors",
    "verify": "vervet.verification",
}

__all__ = [
    "AdaptiveConsistency",
    "Analysis",
    "BestOf",
    "ConfigError",
    "EarlyStopping",
    "FirstAccepted",
    "Majority",
    "MissingExtra",
    "ModelError",
    "NotRecorded",
    "Outcome",
    "Problem",
    "ProblemSet",
    "Run",
    "Sample",
    "Sampler",
    "SandboxError",
    "Selection",
    "StoreError",
    "Verdict",
    "Verifier",
    "VerifierError",
    "VervetError",
    "Weighted",
    "analyze",
    "dataset",
    "import_table",
    "open",
    "policy",
    "report",
    "sample",
    "sampler",
    "sampler_for",
    "select",
    "solve",
    "verifier",
    "verify",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module 'vervet' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    found = getattr(import_module(module), attribute or name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
