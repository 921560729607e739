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
    from vervet.cli.progress import watching
    from vervet.deciding import compare, plan
    from vervet.doors import dataset, policy, report, sampler, sampler_for, verifier
    from vervet.errors import (
        AccessError,
        ConfigError,
        MissingExtra,
        ModelError,
        NotRecorded,
        SandboxError,
        StoreError,
        VerifierError,
        VervetError,
    )
    from vervet.planning import read_policy, write_policy
    from vervet.policies.abstain import Abstain
    from vervet.policies.adaptive import AdaptiveConsistency, EarlyStopping
    from vervet.policies.best_of import BestOf
    from vervet.policies.cascade import Cascade
    from vervet.policies.certified import Certified
    from vervet.policies.first_accepted import FirstAccepted
    from vervet.policies.fixed import Fixed
    from vervet.policies.index import Index
    from vervet.policies.majority import Majority
    from vervet.policies.mixture import Mixture
    from vervet.policies.pandora import Pandora
    from vervet.policies.posterior import Posterior
    from vervet.policies.refine import Refine
    from vervet.policies.verify_then_vote import VerifyThenVote
    from vervet.policies.verify_ties import VerifyTies
    from vervet.policies.weighted import Weighted
    from vervet.problems.problem_set import ProblemSet
    from vervet.sampling import sample
    from vervet.selection import select, solve
    from vervet.store import Run
    from vervet.store import open_run as open  # noqa: A004 - vervet.open(...) reads as it should
    from vervet.transfer.importing import import_table
    from vervet.transfer.inspect_logs import import_inspect
    from vervet.transfer.lm_eval import import_lm_eval
    from vervet.transfer.monkeys import import_monkeys
    from vervet.transfer.nemo_skills import import_nemo_skills
    from vervet.transfer.programs import import_evalplus, import_human_eval
    from vervet.types import Outcome, Problem, Sample, Sampler, Selection, Verdict, Verifier
    from vervet.verification import verify

_HOMES = {
    "Abstain": "vervet.policies.abstain",
    "AccessError": "vervet.errors",
    "AdaptiveConsistency": "vervet.policies.adaptive",
    "Analysis": "vervet.analysis",
    "BestOf": "vervet.policies.best_of",
    "Cascade": "vervet.policies.cascade",
    "Certified": "vervet.policies.certified",
    "ConfigError": "vervet.errors",
    "EarlyStopping": "vervet.policies.adaptive",
    "FirstAccepted": "vervet.policies.first_accepted",
    "Fixed": "vervet.policies.fixed",
    "Index": "vervet.policies.index",
    "Majority": "vervet.policies.majority",
    "MissingExtra": "vervet.errors",
    "Mixture": "vervet.policies.mixture",
    "ModelError": "vervet.errors",
    "NotRecorded": "vervet.errors",
    "Outcome": "vervet.types",
    "Pandora": "vervet.policies.pandora",
    "Posterior": "vervet.policies.posterior",
    "Problem": "vervet.types",
    "ProblemSet": "vervet.problems.problem_set",
    "Refine": "vervet.policies.refine",
    "Run": "vervet.store",
    "Sample": "vervet.types",
    "Sampler": "vervet.types",
    "SandboxError": "vervet.errors",
    "Selection": "vervet.types",
    "StoreError": "vervet.errors",
    "Verdict": "vervet.types",
    "Verifier": "vervet.types",
    "VerifierError": "vervet.errors",
    "VerifyThenVote": "vervet.policies.verify_then_vote",
    "VerifyTies": "vervet.policies.verify_ties",
    "VervetError": "vervet.errors",
    "Weighted": "vervet.policies.weighted",
    "analyze": "vervet.analysis",
    "compare": "vervet.deciding",
    "dataset": "vervet.doors",
    "import_evalplus": "vervet.transfer.programs",
    "import_human_eval": "vervet.transfer.programs",
    "import_inspect": "vervet.transfer.inspect_logs",
    "import_lm_eval": "vervet.transfer.lm_eval",
    "import_monkeys": "vervet.transfer.monkeys",
    "import_nemo_skills": "vervet.transfer.nemo_skills",
    "import_table": "vervet.transfer.importing",
    "open": "vervet.store:open_run",
    "plan": "vervet.deciding",
    "policy": "vervet.doors",
    "read_policy": "vervet.planning",
    "report": "vervet.doors",
    "sample": "vervet.sampling",
    "sampler": "vervet.doors",
    "sampler_for": "vervet.doors",
    "select": "vervet.selection",
    "solve": "vervet.selection",
    "verifier": "vervet.doors",
    "verify": "vervet.verification",
    "watching": "vervet.cli.progress",
    "write_policy": "vervet.planning",
}

__all__ = [
    "Abstain",
    "AccessError",
    "AdaptiveConsistency",
    "Analysis",
    "BestOf",
    "Cascade",
    "Certified",
    "ConfigError",
    "EarlyStopping",
    "FirstAccepted",
    "Fixed",
    "Index",
    "Majority",
    "MissingExtra",
    "Mixture",
    "ModelError",
    "NotRecorded",
    "Outcome",
    "Pandora",
    "Posterior",
    "Problem",
    "ProblemSet",
    "Refine",
    "Run",
    "Sample",
    "Sampler",
    "SandboxError",
    "Selection",
    "StoreError",
    "Verdict",
    "Verifier",
    "VerifierError",
    "VerifyThenVote",
    "VerifyTies",
    "VervetError",
    "Weighted",
    "analyze",
    "compare",
    "dataset",
    "import_evalplus",
    "import_human_eval",
    "import_inspect",
    "import_lm_eval",
    "import_monkeys",
    "import_nemo_skills",
    "import_table",
    "open",
    "plan",
    "policy",
    "read_policy",
    "report",
    "sample",
    "sampler",
    "sampler_for",
    "select",
    "solve",
    "verifier",
    "verify",
    "watching",
    "write_policy",
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
