"""A run in which everything that an analysis can be asked has data."""

import numpy as np
import pytest

from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Verdict

PROBLEMS, SAMPLES, TRIALS = 24, 24, 6
MODELS = {"small": 0.3, "large": 0.6}


def outcome(*, ok: bool) -> Outcome:
    return Outcome.ACCEPT if ok else Outcome.REJECT


def draw(run: Run, model: str, skill: float, rng: np.random.Generator) -> None:
    """Record a model's samples with the key's verdicts, a judge's, a cheap one's and an audit's."""
    sampler = f"{model}@1"
    run.describe("samplers", sampler, {"model": model})
    samples, verdicts = [], []
    for at in range(PROBLEMS):
        problem = f"p{at:02}"
        rate = float(np.clip(rng.beta(skill, 1 - skill), 0.02, 0.98))
        for index in range(SAMPLES):
            right = bool(rng.random() < rate)
            answer = "42" if right else str(rng.integers(3))
            text = f"def f{index}(x):\n    return {answer}\n"
            cost = {"prompt_tokens": 100, "completion_tokens": 50 + index}
            samples.append(Sample(problem, sampler, index, text, **cost))  # type: ignore[arg-type]
            key = (problem, sampler, index)
            verdicts.append(Verdict(*key, "key@1", 0, outcome(ok=right), answer=answer))
            cheap = right or rng.random() < 0.25
            verdicts.append(Verdict(*key, "cheap@1", 0, outcome(ok=cheap), score=float(cheap)))
            grade = float(np.round(rng.beta(4, 2) if right else rng.beta(2, 4), 2))
            verdicts.append(Verdict(*key, "graded@1", 0, outcome(ok=grade > 0.5), score=grade))
            chance = rng.beta(6, 2) if right else rng.beta(2, 5)
            verdicts += [
                Verdict(
                    *key, "judge@1", trial, outcome(ok=bool(rng.random() < chance)),
                    prompt_tokens=300, completion_tokens=100,
                )
                for trial in range(TRIALS)
            ]  # fmt: skip
            if index < 3:
                verdicts.append(Verdict(*key, "expert@1", 0, outcome(ok=right)))
    run.append(samples)
    run.append(verdicts)


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = open_run(str(tmp_path_factory.mktemp("rich") / "run"))
    run.append([Problem(f"p{at:02}", "?") for at in range(PROBLEMS)])
    rng = np.random.default_rng(5)
    for model, skill in MODELS.items():
        draw(run, model, skill, rng)
    return run
