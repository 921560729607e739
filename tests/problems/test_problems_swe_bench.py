"""SWE-bench as a problem set: the upstream layout, your own rows, what never reaches a prompt."""

import json
from pathlib import Path
from typing import Any

import pytest

from vervet.errors import ConfigError
from vervet.problems.swe_bench import FLAKY, swe_bench
from vervet.registry import find

ROW = {
    "instance_id": "them__it-1",
    "repo": "them/it",
    "base_commit": "c0ffee",
    "problem_statement": "It does not work.",
    "hints_text": "look at x.py",
    "patch": "GOLD",
    "test_patch": "TESTS",
    "FAIL_TO_PASS": '["t.py::a"]',
    "PASS_TO_PASS": "[]",
    "created_at": None,
}


def file_of(folder: Path, **more: Any) -> Path:
    path = folder / "SWE-bench_Lite-test.jsonl"
    path.write_text(json.dumps({**ROW, **more}) + "\n")
    return path


def test_a_row_is_a_problem_and_the_prompt_tells_no_secret(tmp_path: Path) -> None:
    problems = swe_bench(path=file_of(tmp_path))
    (problem,) = problems
    assert (problem.id, problems.verifier, len(problems)) == ("them__it-1", "swe-bench", 1)
    assert problem.reference["FAIL_TO_PASS"] == ROW["FAIL_TO_PASS"]
    assert "hints_text" not in problem.reference
    for told in ("them/it", "c0ffee", "It does not work."):
        assert told in problem.prompt
    for secret in ("GOLD", "TESTS", "t.py", "look at x.py"):
        assert secret not in problem.prompt
    (bare,) = swe_bench(path=tmp_path, prompt="issue")
    assert bare.prompt == "It does not work."


def test_rows_with_their_own_repository_are_for_the_verifier_patch(tmp_path: Path) -> None:
    assert swe_bench(path=file_of(tmp_path, repository="/here")).verifier == "patch"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"FAIL_TO_PASS": ""}, "FAIL_TO_PASS is empty"),
        ({"base_commit": None}, "base_commit is empty"),
        ({"problem_statement": ""}, "the question is empty"),
    ],
)
def test_a_row_that_lacks_something_is_refused(
    tmp_path: Path, more: dict[str, Any], why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        swe_bench(path=file_of(tmp_path, **more))


def test_a_subset_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is: monkeys-266"):
        swe_bench(path=file_of(tmp_path), subset="easy")
    with pytest.raises(ConfigError, match="no split 'x'"):
        swe_bench(path=file_of(tmp_path), split="x")


def test_the_papers_subset_has_no_flaky_problem(tmp_path: Path) -> None:
    flaky = min(FLAKY)
    path = tmp_path / "test.jsonl"
    path.write_text("\n".join(json.dumps(ROW | {"instance_id": i}) for i in (flaky, "steady-1")))
    assert [problem.id for problem in swe_bench(path=path)] == [flaky, "steady-1"]
    assert [problem.id for problem in swe_bench(path=path, subset="monkeys-266")] == ["steady-1"]


def test_the_editions_are_known_by_name(tmp_path: Path) -> None:
    for name in ("swe-bench", "swe-bench-full", "swe-bench-verified"):
        assert find("datasets", name, path=file_of(tmp_path)).name == name


def test_every_problem_of_lite_is_read(shared_data: Path) -> None:
    problems = swe_bench(path=shared_data / "data" / "swebench" / "SWE-bench_Lite-test.json")
    assert len(problems) == 300
    assert all(p.reference["patch"] not in p.prompt for p in problems)
