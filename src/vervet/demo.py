"""The whole loop on embedded parts: what `vervet demo` does, in the order of the tables."""

from pathlib import Path

from vervet import doors, sampling, store, verification
from vervet.analysis import Analysis, analyze
from vervet.reporting import write_report
from vervet.types import Watcher, silent

PROBLEMS, LIMIT = "embedded", 64
MODELS = (("marmoset", 1.0), ("marmoset-strong", 0.1))
"""Each model, and the share of the samples that it draws: the strong one needs fewer."""
SAMPLES = 1000
KEY, CHEAP = "gsm8k-answer", "equations"
"""The answer key, taken as truth, and a cheap verifier that it shows to be imperfect."""


def demonstrate(
    run_url: str, report: str | Path, *, samples: int = SAMPLES, watch: Watcher = silent
) -> tuple[Analysis, Path]:
    """Sample two embedded models, judge every sample twice, analyze and report.

    An interrupted demo goes on where it stopped.
    """
    run = store.open_run(run_url)
    problems = doors.dataset(PROBLEMS, limit=LIMIT)
    for model, share in MODELS:
        sampler = doors.sampler_for(problems, model, seed=run.seed)
        judges = [verification.Judging(run, doors.verifier(v), watch=watch) for v in (KEY, CHEAP)]
        n = max(1, round(samples * share))
        sampling.sample(run, problems, sampler, n=n, then=judges, watch=watch)
    analysis = analyze(run, against=KEY)
    return analysis, write_report(run, analysis, report)
