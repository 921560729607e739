"""Problem sets of programs, in their upstream layouts."""
# Rows read best on one line.
# ruff: noqa: E501

import base64
import json
import pickle
import zlib
from pathlib import Path

import pytest

from vervet.problems.code_contests import code_contests
from vervet.problems.humaneval import humaneval, humaneval_plus
from vervet.problems.live_code_bench import live_code_bench, unpacked
from vervet.problems.mbpp import mbpp, mbpp_plus
from vervet.verifiers.code.suites import Calls, suite_of


@pytest.mark.parametrize(
    ("benchmark", "file", "count"),
    [
        (humaneval, "humaneval/HumanEval.jsonl", 164),
        (humaneval_plus, "humaneval_plus/HumanEvalPlus.jsonl.gz", 164),
        (mbpp, "mbpp/mbpp.jsonl", 974),
        (mbpp_plus, "mbpp_plus/MbppPlus.jsonl.gz", 378),
        (code_contests, "papers/codecontests_test_139_problems_with_tests.jsonl.gz", 139),
    ],
)
def test_upstream_files_are_read_whole(
    benchmark: object, file: str, count: int, shared_data: Path
) -> None:
    found = benchmark(path=shared_data / "data" / file)  # type: ignore[operator]  # each is a Benchmark
    assert len(found) == count
    assert found.verifier == "unit-tests"
    assert all(suite_of(problem) for problem in found)


def test_most_of_humaneval_is_read_as_calls(shared_data: Path) -> None:
    found = humaneval(path=shared_data / "data" / "humaneval" / "HumanEval.jsonl")
    read = [p.id for p in found if isinstance(suite_of(p), Calls)]
    assert len(read) >= 150


def test_humaneval_has_two_suites(shared_data: Path) -> None:
    found = humaneval_plus(
        path=shared_data / "data" / "humaneval_plus" / "HumanEvalPlus.jsonl.gz", limit=1
    )
    (problem,) = found
    base, plus = suite_of(problem, "base"), suite_of(problem, "plus")
    assert isinstance(base, Calls)
    assert isinstance(plus, Calls)
    assert plus.inputs[: len(base.inputs)] == base.inputs
    assert len(plus.inputs) > 100 * len(base.inputs)


def test_mbpp_inputs_get_their_types_back(shared_data: Path) -> None:
    found = mbpp_plus(path=shared_data / "data" / "mbpp_plus" / "MbppPlus.jsonl.gz", ids=["Mbpp/2"])
    suite = suite_of(found.problems[0])
    assert isinstance(suite, Calls)
    assert suite.inputs[0] == [(3, 4, 5, 6), (5, 7, 4, 10)]


def rows(tmp_path: Path, *found: dict[str, object]) -> Path:
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return path


def test_live_code_bench_has_programs_and_methods(tmp_path: Path) -> None:
    hidden = [{"input": "[1, 2]\n3", "output": "6", "testtype": "functional"}]
    packed = base64.b64encode(zlib.compress(pickle.dumps(json.dumps(hidden)))).decode()
    path = rows(
        tmp_path,
        {"question_id": "a", "question_content": "Add.", "public_test_cases": '[{"input": "1", "output": "2", "testtype": "stdin"}]', "private_test_cases": "[]", "starter_code": ""},
        {"question_id": "b", "question_content": "Sum.", "public_test_cases": "[]", "private_test_cases": packed, "starter_code": "class Solution:", "metadata": '{"func_name": "total"}'},
    )  # fmt: skip
    first, second = live_code_bench(path=path)
    assert first.reference["cases"] == [{"input": "1", "output": "2"}]
    assert second.reference["inputs"] == [[[1, 2], 3]]
    assert second.reference["entry_point"] == "Solution.total"


def test_a_pickle_of_more_than_text_is_refused() -> None:
    packed = base64.b64encode(zlib.compress(pickle.dumps(Path("x")))).decode()
    with pytest.raises(pickle.UnpicklingError):
        unpacked(packed)


def test_code_contests_in_the_hub_layout(tmp_path: Path) -> None:
    tests = {"input": ["1\n"], "output": ["2\n"]}
    empty: dict[str, list[str]] = {"input": [], "output": []}
    path = rows(
        tmp_path,
        {"name": "x", "description": "Add one.", "public_tests": tests, "private_tests": empty, "generated_tests": tests,
         "time_limit": {"seconds": 2, "nanos": 500_000_000}, "memory_limit_bytes": 1 << 28,
         "solutions": {"language": [2, 3], "solution": ["int main(){}", "print(int(input()) + 1)"]}},
    )  # fmt: skip
    (problem,) = code_contests(path=path)
    assert len(problem.reference["cases"]) == 2
    assert problem.reference["time_limit"] == 2.5
    assert problem.reference["solution"] == "print(int(input()) + 1)"
