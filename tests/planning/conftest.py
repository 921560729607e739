"""Recorded rows of known make: simulated models, judges and prices."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from vervet.planning.archive import Rows
from vervet.policies.flow import Recorded
from vervet.types import Outcome, Problem, Sample, Verdict

Made = Callable[..., Rows]


def verdict(sample: Sample, verifier: str, trial: int, outcome: Outcome, **more: object) -> Verdict:
    key = (sample.problem_id, sample.sampler_id, sample.index, verifier, trial, outcome)
    return Verdict(*key, **more)  # type: ignore[arg-type]  # the tests name the fields


def problem_rows(
    number: int, models: Mapping[str, int], *, rng: np.random.Generator, trials: int, holes: bool
) -> tuple[Problem, Recorded]:
    """One problem: some answers with random shares, a judge that is noisy, some errors."""
    shares = rng.dirichlet([0.6] * 4)
    samples: dict[str, list[Sample]] = {}
    verdicts: dict[tuple[str, int, str], list[Verdict]] = {}
    for model, n in models.items():
        samples[model] = []
        for i in range(n):
            answer = "abcd"[rng.choice(4, p=shares)]
            silent, failed = holes and rng.random() < 0.1, holes and rng.random() < 0.1
            sample = Sample(
                f"p{number}", f"{model}@1", i, answer, logprob=float(rng.normal()),
                prompt_tokens=7, completion_tokens=int(rng.integers(1, 9)),
                cost=float(rng.random()), seconds=float(rng.random()),
            )  # fmt: skip
            good = answer == "a" and not silent
            outcome = Outcome.ERROR if failed else Outcome.ACCEPT if good else Outcome.REJECT
            key = (f"{model}@1", i)
            verdicts[*key, "v"] = [
                verdict(sample, "v", 0, outcome, answer=None if silent else answer, seconds=0.25)
            ]
            verdicts[*key, "j"] = [
                verdict(
                    sample, "j", t,
                    Outcome.ERROR if holes and rng.random() < 0.2
                    else Outcome.ACCEPT if rng.random() < (0.7 if good else 0.4)
                    else Outcome.REJECT,
                    score=None if t % 2 else float(rng.integers(0, 4)) / 4,
                    completion_tokens=5, seconds=float(rng.random()),
                )
                for t in range(trials)
            ]  # fmt: skip
            samples[model].append(sample)
    return Problem(f"p{number}", "?"), Recorded(samples, verdicts)


@pytest.fixture
def made() -> Made:
    """Make rows: made(problems, {"model": n}, trials=, seed=, holes=)."""

    def make(
        problems: int, models: Mapping[str, int], *, trials: int = 2, seed: int = 0,
        holes: bool = True,
    ) -> Rows:  # fmt: skip
        rng = np.random.default_rng(seed)
        return [
            problem_rows(i, models, rng=rng, trials=trials, holes=holes) for i in range(problems)
        ]

    return make
