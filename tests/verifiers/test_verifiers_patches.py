"""Patches on real repositories: the solution is accepted, nothing else is, nothing leaks out."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vervet.engines.bridge import run
from vervet.errors import ConfigError, VerifierError
from vervet.testing import check_references, check_verifier
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.patches.patch import NO_CHANGE, Patch

if TYPE_CHECKING:
    from tests.verifiers.conftest import Repository


def judged(verifier: Patch, problem: Problem, text: str, finish: str = "stop") -> Verdict:
    async def ask() -> Verdict:
        return await verifier.verify(problem, Sample(problem.id, "s", 0, text, finish), 0)

    return run(ask())


def state(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_solution_is_accepted_and_the_repository_is_not_touched(
    patch: Patch, repository: "Repository"
) -> None:
    before = state(repository.folder)
    verdict = judged(patch, repository.problem, repository.gold)
    assert (verdict.outcome, verdict.detail, verdict.score) == (Outcome.ACCEPT, "", 1.0)
    assert state(repository.folder) == before
    told = json.loads(verdict.evidence)
    assert told["applied"] == "git apply --verbose"
    assert not told["FAIL_TO_PASS"]["failure"]


def test_a_patch_that_repairs_nothing_is_rejected_by_the_tests(
    patch: Patch, repository: "Repository"
) -> None:
    verdict = judged(patch, repository.problem, NO_CHANGE)
    assert verdict.outcome is Outcome.REJECT
    assert "1 of" in verdict.detail
    assert 0.0 < (verdict.score or 0.0) < 1.0


def test_the_contract_holds_and_both_controls_are_checked(
    patch: Patch, repository: "Repository"
) -> None:
    check_verifier(patch, [repository.problem])
    assert not check_references([repository.problem], patch).findings


def test_a_patch_that_breaks_another_test_is_rejected(patch: Patch, wrapping: "Repository") -> None:
    text = (wrapping.folder / "wrapping.py").read_text()
    verdict = judged(
        patch, wrapping.problem, wrapping.diff({"wrapping.py": text + "\nwrap = None\n"})
    )
    assert verdict.outcome is Outcome.REJECT
    assert "2 of 2" in verdict.detail


def test_equal_patches_have_equal_answers(patch: Patch, wrapping: "Repository") -> None:
    plain = judged(patch, wrapping.problem, wrapping.gold)
    wide = judged(
        patch, wrapping.problem, f"I see.\n```diff\n{wrapping.gold.replace('index ', 'index 1')}```"
    )
    assert wide.outcome is Outcome.ACCEPT
    assert plain.answer == wide.answer is not None


def test_a_patch_with_shifted_lines_is_applied_as_the_harness_applies_it(
    patch: Patch, wrapping: "Repository"
) -> None:
    shifted = wrapping.gold.replace(" is the very beginning of", " is the beginning of")
    assert shifted != wrapping.gold
    verdict = judged(patch, wrapping.problem, shifted)
    assert verdict.outcome is Outcome.ACCEPT
    assert json.loads(verdict.evidence)["applied"] != "git apply --verbose"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no patch"),
        ("I give up.", "no patch"),
        ("--- a/nothing.py\n+++ b/nothing.py\n@@ -1 +1 @@\n-a\n+b\n", "does not apply"),
        ("diff --git a/x b/x\ngarbage\n", "does not apply"),
        ("--- a/x\n+++ b/../../../tmp/evil\n@@ -0,0 +1 @@\n+b\n", "outside the repository"),
        ("--- /dev/null\n+++ /etc/evil\n@@ -0,0 +1 @@\n+b\n", "outside the repository"),
        ("diff --git a/setup.cfg b/.git/hooks/x\nrename from setup.cfg\nrename to .git/hooks/x\n",
         "belongs to git"),
        ("diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n",
         "makes a link"),
    ],
)  # fmt: skip
def test_what_is_no_patch_of_this_repository_is_rejected(
    patch: Patch, wrapping: "Repository", text: str, why: str
) -> None:
    verdict = judged(patch, wrapping.problem, text)
    assert verdict.outcome is Outcome.REJECT
    assert why in verdict.detail


def test_a_reply_that_was_cut_off_is_rejected(patch: Patch, wrapping: "Repository") -> None:
    verdict = judged(patch, wrapping.problem, wrapping.gold, finish="length")
    assert (verdict.outcome, verdict.detail) == (Outcome.REJECT, "cut off at max_tokens")


def changed(problem: Problem, **reference: Any) -> Problem:
    return replace(problem, reference={**problem.reference, **reference})


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ({"repository": "/nowhere"}, "no such folder"),
        ({"repository": "file:///nowhere/at/all"}, "cannot be had"),
        ({"base_commit": "0" * 40}, "cannot be had"),
        ({"environment": "/nowhere"}, "no such folder or interpreter"),
        ({"test_command": "no-such-runner {tests}"}, "no test runner was started"),
        ({"test_command": "python -m pytest -k keeps {tests}"}, "control tests were not run"),
        ({"test_patch": "--- a/none\n+++ b/none\n@@ -1 +1 @@\n-a\n+b\n"}, "test patch does not"),
        ({"FAIL_TO_PASS": []}, "no tests that must pass"),
        ({"FAIL_TO_PASS": "nonsense"}, "not a list"),
    ],
)  # fmt: skip
def test_what_is_not_the_candidates_fault_is_an_error(
    patch: Patch, wrapping: "Repository", reference: dict[str, Any], why: str
) -> None:
    with pytest.raises(VerifierError, match=why):
        judged(patch, changed(wrapping.problem, **reference), wrapping.gold)


NOTHING_RAN = (
    "2 of 2 tests that must pass do not: "
    "tests/test_wrapping.py::test_keeps_white_space did not pass"
)


def test_a_command_that_the_patch_has_broken_is_the_patchs_fault(
    patch: Patch, wrapping: "Repository"
) -> None:
    problem = changed(wrapping.problem, test_command="sh ./wrapping.sh")
    with pytest.raises(VerifierError, match="no test runner"):
        judged(patch, problem, wrapping.gold)
    problem = changed(
        wrapping.problem,
        test_command="test -f setup.cfg && test ! -f x && "
        + str(wrapping.problem.reference["test_command"]),
    )
    verdict = judged(patch, problem, wrapping.gold + wrapping.diff({"x": "x"}))
    assert (verdict.outcome, verdict.detail) == (Outcome.REJECT, NOTHING_RAN)


def test_a_junit_file_or_a_log_can_be_what_is_read(patch: Patch, quoting: "Repository") -> None:
    log = changed(
        quoting.problem,
        results=r"log:^(?P<id>test_\w+ \(.*?\)).* \.\.\. (?P<status>\w+)$",
        FAIL_TO_PASS=["test_nothing (tests.test_quoting.QuoteTest.test_nothing)"]
        if sys.version_info >= (3, 11)
        else ["test_nothing (tests.test_quoting.QuoteTest)"],
        PASS_TO_PASS=[],
    )
    assert judged(patch, log, quoting.gold).outcome is Outcome.ACCEPT
    assert judged(patch, log, NO_CHANGE).outcome is Outcome.REJECT
    junit = changed(
        quoting.problem,
        results="junit:report.xml",
        test_command="python -m pytest -q -p no:cacheprovider --junitxml=report.xml tests",
        FAIL_TO_PASS=["tests.test_quoting.QuoteTest.test_nothing"],
        PASS_TO_PASS=["test_plain"],
    )
    assert judged(patch, junit, quoting.gold).outcome is Outcome.ACCEPT
    assert judged(patch, junit, NO_CHANGE).outcome is Outcome.REJECT


MORE = """
import pytest

@pytest.mark.xfail
def test_x():
    assert 0

def test_s():
    pytest.skip()
"""


def test_an_expected_failure_passes_and_a_skipped_test_does_not_repair(
    patch: Patch, wrapping: "Repository"
) -> None:
    tests = wrapping.diff({"tests/test_more.py": MORE})
    names = [f"tests/test_more.py::{name}" for name in ("test_x", "test_s")]
    kept = changed(
        wrapping.problem, test_patch=tests, FAIL_TO_PASS=names[:1], PASS_TO_PASS=names[1:]
    )
    assert judged(patch, kept, NO_CHANGE).outcome is Outcome.ACCEPT
    verdict = judged(patch, changed(kept, FAIL_TO_PASS=names), NO_CHANGE)
    assert "test_s skipped" in verdict.detail


def test_a_repository_is_found_by_name_and_cloned_by_address(
    wrapping: "Repository", tmp_path: Path
) -> None:
    (tmp_path / "them__wrapping").symlink_to(wrapping.folder)
    verifier = Patch(repositories=str(tmp_path), seconds=120)
    named = changed(wrapping.problem, repository="", repo="them/wrapping")
    assert judged(verifier, named, wrapping.gold).outcome is Outcome.ACCEPT
    cloned = changed(wrapping.problem, repository=f"file://{wrapping.folder}")
    assert judged(verifier, cloned, wrapping.gold).outcome is Outcome.ACCEPT
    run(verifier.aclose())


def test_several_patches_are_tried_at_once_and_a_cancelled_one_is_ended(
    wrapping: "Repository",
) -> None:
    verifier = Patch(seconds=120, workers=3)
    text = (wrapping.folder / "wrapping.py").read_text()
    slow = wrapping.diff({"wrapping.py": text + "\nimport time; time.sleep(600)\n"})

    async def several() -> list[Outcome]:
        waiting = asyncio.create_task(
            verifier.verify(wrapping.problem, Sample(wrapping.problem.id, "s", 9, slow), 0)
        )
        replies = (wrapping.gold, NO_CHANGE, wrapping.gold)
        samples = [Sample(wrapping.problem.id, "s", i, text) for i, text in enumerate(replies)]
        found = await asyncio.gather(*(verifier.verify(wrapping.problem, s, 0) for s in samples))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return [verdict.outcome for verdict in found]

    assert run(several()) == [Outcome.ACCEPT, Outcome.REJECT, Outcome.ACCEPT]
    run(verifier.aclose())


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="must be positive"):
        Patch(seconds=0)
    with pytest.raises(ConfigError, match="is no folder"):
        Patch(repositories="/nowhere")


def test_what_a_verdict_depends_on_is_in_the_id() -> None:
    assert Patch().id != Patch(seconds=1).id
    assert Patch(workers=3).id == Patch().id
