"""Several judges as one: learned from an audit, written down, replayed and asked again."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vervet import doors
from vervet.analysis import analyze
from vervet.calibration import calibrate
from vervet.cli import app
from vervet.errors import ConfigError
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.ensemble import Part, ensemble, made, toml

PROBLEMS, EACH, TRIALS = 40, 6, 3


def spoken(verifier: str, problem: int, index: int, trial: int, chance: float | None) -> Verdict:
    """A verdict of a judge that says how likely the sample is right, or fails."""
    outcome = (
        Outcome.ERROR if chance is None else Outcome.ACCEPT if chance > 0.5 else Outcome.REJECT
    )
    return Verdict(
        f"p{problem}", "m@1", index, verifier, trial, outcome, score=chance,
        prompt_tokens=5, completion_tokens=2,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A sharp judge, a dull one, a copy of the dull one; every tenth sample fails the sharp one."""
    run = open_run(tmp_path_factory.mktemp("judged") / "run")
    rng = np.random.default_rng(0)
    rows: list[Verdict] = []
    run.append([Problem(f"p{p}", "?") for p in range(PROBLEMS)])
    for p in range(PROBLEMS):
        run.append([Sample(f"p{p}", "m@1", i, str(i)) for i in range(EACH)])
        for i in range(EACH):
            right = rng.random() < 0.4
            gold = Outcome.ACCEPT if right else Outcome.REJECT
            rows.append(Verdict(f"p{p}", "m@1", i, "gold@1", 0, gold))
            dull = float(np.clip(0.5 + 0.1 * (right - 0.5) + rng.normal(0, 0.2), 0, 1))
            for t in range(TRIALS):
                sharp = float(np.clip(0.5 + 0.4 * (right - 0.5) + rng.normal(0, 0.2), 0, 1))
                failed = (p * EACH + i) % 10 == 0
                rows.append(spoken("sharp@1", p, i, t, None if failed else sharp))
                rows += [spoken(name, p, i, t, dull) for name in ("dull@1", "copy@1")]
    run.append(rows)
    return run


def test_the_sharp_judge_counts_most_and_copies_share(run: Run) -> None:
    found = calibrate(run, ["sharp", "dull", "copy"], "gold")
    sharp, dull, copy = (part.weight for part in found.ensemble.parts)
    assert sharp > dull + copy
    assert dull == pytest.approx(copy)
    assert found.found.loss < min(found.found.alone) + 0.01 < found.found.base_loss
    assert 1.0 < found.found.votes_wrong < 2.3
    assert (found.audited, found.weighed) == (240, 240)
    assert f"effective judges of 3: {found.found.votes_right:.1f}" in str(found)


def test_the_same_audit_gives_the_same_file_and_a_smaller_one_another(run: Run) -> None:
    judges = ["sharp", "dull"]
    first = calibrate(run, judges, "gold").to_toml()
    assert first == calibrate(run, judges, "gold").to_toml()
    small = calibrate(run, judges, "gold", limit=60)
    assert small.audited == 60
    assert small.to_toml() != first


def test_what_was_recorded_is_weighed_and_analyzed_like_any_verifier(run: Run) -> None:
    found = calibrate(run, ["sharp", "dull"], "gold")
    rows = [v for b in run.read(Verdict, {"verifier_id": found.ensemble.id}) for v in b]
    assert len(rows) == PROBLEMS * EACH
    row = next(v for v in rows if (v.problem_id, v.index) == ("p3", 4))
    told = [
        [
            v
            for b in run.read(Verdict, {"verifier_id": i, "problem_id": "p3", "index": 4})
            for v in b
        ]
        for i in ("sharp@1", "dull@1")
    ]
    odds = found.ensemble.intercept
    for part, verdicts in zip(found.ensemble.parts, told, strict=True):
        odds += part.weight * (float(np.mean([v.score or 0.0 for v in verdicts])) - part.center)
    assert row.score == pytest.approx(1 / (1 + math.exp(-odds)))
    assert (row.prompt_tokens, row.completion_tokens) == (30, 12)
    document = analyze(run, against="gold").document
    assert "ensemble" in str(document.to_json())


class Says:
    """A judge that says one number."""

    def __init__(self, identity: str, score: float | None) -> None:
        self.id, self.score = identity, score
        self.trials: list[int] = []

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        del problem, sample
        self.trials.append(trial)
        return spoken(self.id, 0, 0, trial, self.score)


def sharp() -> Says:
    return Says("sharp@1", 0.9)


def other() -> Says:
    return Says("other@1", 0.9)


def silent() -> Says:
    return Says("silent@1", None)


def written(folder: Path, *names: str) -> Path:
    parts = [Part(f"{name}@1", f"{__name__}:{name}", 2, 3.0, 0.5) for name in names]
    file = folder / "ensemble.toml"
    file.write_text(toml(made(parts, -0.2), ["what a reader should know"]))
    return file


SAMPLE = Sample("p0", "m@1", 0, "x")


async def test_a_file_asks_its_judges_as_often_as_the_audit_did(tmp_path: Path) -> None:
    whole = ensemble(written(tmp_path, "sharp", "other"))
    verdict = await whole.verify(Problem("p0", "?"), SAMPLE, 1)
    assert verdict.score == pytest.approx(1 / (1 + math.exp(0.2 - 6 * 0.4)))
    assert (verdict.outcome, verdict.trial) == (Outcome.ACCEPT, 1)
    assert whole.judges[0].trials == [2, 3]  # type: ignore[attr-defined]  # the test's judge
    assert whole.id == doors.verifier(f"ensemble:file={tmp_path}/ensemble.toml").id


async def test_where_a_judge_with_weight_fails_the_chance_is_not_known(tmp_path: Path) -> None:
    whole = ensemble(written(tmp_path, "sharp", "silent"))
    verdict = await whole.verify(Problem("p0", "?"), SAMPLE, 0)
    assert (verdict.outcome, verdict.score) == (Outcome.ERROR, None)
    assert verdict.detail == "1 of 2 judges failed: silent@1"
    assert json.loads(verdict.evidence) == {"sharp@1": 0.9, "silent@1": None}


async def test_a_judge_without_weight_may_fail(tmp_path: Path) -> None:
    whole = ensemble(written(tmp_path, "sharp", "silent"))
    parts = (whole.parts[0], replace(whole.parts[1], weight=0.0))
    verdict = await replace(whole, parts=parts).verify(Problem("p0", "?"), SAMPLE, 0)
    assert verdict.outcome is Outcome.ACCEPT


async def test_where_all_judges_fail_so_does_the_ensemble(tmp_path: Path) -> None:
    verdict = await ensemble(written(tmp_path, "silent")).verify(Problem("p0", "?"), SAMPLE, 0)
    assert (verdict.outcome, verdict.score) == (Outcome.ERROR, None)


def test_a_judge_that_changed_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "sharp")
    file.write_text(file.read_text().replace(":sharp", ":other"))
    with pytest.raises(ConfigError, match="Calibrate again"):
        ensemble(file)


@pytest.mark.parametrize("text", ["", "intercept = 'x'", "[[judge]]\nspec = 1", "intercept = = 1"])
def test_a_file_that_is_none_is_one_clear_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "ensemble.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="ensemble"):
        ensemble(file)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"judges": ["sharp"]}, "two judges or more"),
        ({"judges": ["sharp", "sharp"]}, "each once"),
        ({"judges": ["sharp", "nobody"]}, "'nobody' is none of the run's"),
        ({"audit": "nothing"}, "'nothing' is none of"),
        ({"threshold": 2.0}, "not between 0 and 1"),
        ({"limit": 1}, "at least two problems"),
    ],
)
def test_bad_settings_are_one_clear_line(
    run: Run, settings: dict[str, Any], complaint: str
) -> None:
    given = {"judges": ["sharp", "dull"], "audit": "gold", **settings}
    with pytest.raises(ConfigError, match=complaint):
        calibrate(run, **given)


def test_the_command_line_calibrates_and_writes_the_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "ensemble.toml"
    words = ["calibrate", run.url, "--judge", "sharp", "--judge", "dull", "--audit", "gold"]
    assert (
        app.main([*words, "--limit", "100", "-o", str(file), "--json"], standalone_mode=False)
        is None
    )
    assert file.read_text().startswith("# 100 audited samples of 40 problems")
