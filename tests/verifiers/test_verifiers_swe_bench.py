"""The official harness as a verifier: what is asked of it, and what its files mean."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.engines.bridge import run
from vervet.errors import ConfigError, MissingExtra, VerifierError
from vervet.testing import check_verifier
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.patches import official
from vervet.verifiers.patches.official import Official, identity, options, read_report

HARNESS = f"{sys.executable} {Path(__file__).parent / 'swe_bench_harness.py'}"


def patch(word: str) -> str:
    return f"--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+word-{word}\n"


PROBLEM = Problem(
    "them__it-1",
    "Repair it.",
    {
        "repo": "them/it", "FAIL_TO_PASS": '["t.py::a"]', "PASS_TO_PASS": '["t.py::b"]',
        "patch": patch("resolved"),
    },
)  # fmt: skip


def judged(verifier: Official, text: str, problem: Problem = PROBLEM) -> Verdict:
    async def ask() -> Verdict:
        return await verifier.verify(problem, Sample(problem.id, "org/model@1", 3, text), 0)

    return run(ask())


@pytest.mark.parametrize(
    ("word", "outcome", "detail", "score"),
    [
        ("resolved", Outcome.ACCEPT, "", 1.0),
        ("unresolved", Outcome.REJECT, "does not pass: t.py::a", 0.5),
        ("no-tests", Outcome.REJECT, "no usable test output no_tests_collected", None),
        ("unappliable", Outcome.REJECT, "the patch does not apply", None),
        ("late", Outcome.REJECT, "time limit: Test timed out after 1800 seconds.", None),
    ],
)
def test_what_the_harness_says_of_a_patch(
    word: str, outcome: Outcome, detail: str, score: float | None
) -> None:
    verdict = judged(Official(harness=HARNESS), patch(word))
    assert (verdict.outcome, verdict.detail, verdict.score) == (outcome, detail, score)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("no-memory", "the environment failed: out_of_memory"),
        ("no-image", "not found"),
        ("no-harness", "no report .*Error while fetching server API"),
        ("torn", "cannot be read"),
    ],
)
def test_what_the_environment_did_is_an_error(word: str, why: str) -> None:
    with pytest.raises(VerifierError, match=why):
        judged(Official(harness=HARNESS), patch(word))


def test_the_contract_holds() -> None:
    verifier = Official(harness=HARNESS)
    check_verifier(verifier, [PROBLEM])
    assert pickle.loads(pickle.dumps(verifier)).id == verifier.id  # noqa: S301 - our own object


def test_no_identity_is_used_twice_and_logs_are_kept_where_asked(tmp_path: Path) -> None:
    verifier = Official(harness=HARNESS, folder=str(tmp_path))
    for word in ("resolved", "unresolved", "resolved"):
        judged(verifier, patch(word))
    kept = sorted(folder.name for folder in tmp_path.iterdir())
    assert len(kept) == 3
    assert all(name.startswith("org-model-1-3-0-") for name in kept)
    assert len({identity(Sample("p", "m", 0, ""), 0) for _ in range(99)}) == 99


def test_a_row_with_its_own_image_needs_no_data_set(tmp_path: Path) -> None:
    own = {"image": "x", "eval_script": "x", "log_parser": "parse_log_pytest", "eval_type": "x"}
    with_image = replace(PROBLEM, reference={**PROBLEM.reference, **own})
    settings = Official(harness=HARNESS).settings
    words = options(settings, with_image, patch("resolved"), "id", tmp_path)
    assert words[1] == str(tmp_path / "instances.jsonl")
    assert json.loads(Path(words[1]).read_text())["instance_id"] == PROBLEM.id
    assert options(settings, PROBLEM, "", "id", tmp_path)[1] == official.DATASET
    assert judged(Official(harness=HARNESS), patch("resolved"), with_image).outcome == "accept"


def test_without_an_engine_or_the_harness_there_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if find_spec("swebench") is None:
        with pytest.raises(MissingExtra, match=r"pip install 'vervet\[swebench\]'"):
            judged(Official(), patch("resolved"))
    monkeypatch.setattr(official, "find_spec", lambda _: True)
    for address in (f"unix://{tmp_path}/none", "tcp://127.0.0.1:9", "tcp://nonsense"):
        monkeypatch.setenv("DOCKER_HOST", address)
        with pytest.raises(ConfigError, match=r"no Docker engine answers at .* verifier patch"):
            judged(Official(), patch("resolved"))


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="must be positive"):
        Official(seconds=0)


@pytest.mark.skipif(find_spec("swebench") is None, reason="swebench is not installed")
def test_the_options_are_those_of_the_harness(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "swebench.harness.run_evaluation", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = options(Official().settings, PROBLEM, "", "id", tmp_path)
    assert all(word in done.stdout for word in words if word.startswith("--"))


json_like: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text() | st.sampled_from(
        ["p", "resolved", "infra_failure", "tests_status", "FAIL_TO_PASS", "failure"]), inside),
    max_leaves=12,
)  # fmt: skip


@given(json_like)
def test_any_report_is_read_or_refused(held: object) -> None:
    for text in (json.dumps(held), json.dumps({"p": held}), str(held)):
        try:
            read_report(text, "p")
        except VerifierError as refused:
            assert "cannot be read" in str(refused)  # noqa: PT017 - it need not be raised
