"""miniF2F: every statement is read, and no prompt tells its name."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import ConfigError
from vervet.problems.benchmark import Benchmark
from vervet.problems.minif2f import minif2f, minif2f_rocq, read_lean, read_rocq

SETS = ((minif2f, "lean4"), (minif2f_rocq, "rocq"))


@pytest.mark.parametrize(("dataset", "folder"), SETS)
@pytest.mark.parametrize("split", ["test", "valid"])
@pytest.mark.parametrize("prompt", ["chat", "paper"])
def test_every_statement_is_read_and_none_tells_its_name(
    shared_data: Path, dataset: Benchmark, folder: str, split: str, prompt: str
) -> None:
    path = shared_data / "data" / "minif2f" / folder
    problems = dataset(path=path, split=split, prompt=prompt)
    assert len(problems) == 244
    for problem in problems:
        shown = problem.prompt + str(problem.reference)
        assert problem.id not in shown
        assert problem.reference["statement"].split()[1].startswith("theorem6")
        assert "sorry" not in str(problem.reference)
        assert "Admitted" not in str(problem.reference)


@pytest.mark.parametrize(("dataset", "folder"), SETS)
def test_the_papers_subset_has_130_statements(
    shared_data: Path, dataset: Benchmark, folder: str
) -> None:
    path = shared_data / "data" / "minif2f" / folder
    problems = dataset(path=path, subset="monkeys-130", prompt="paper")
    assert len(problems) == 130
    assert all(problem.id.startswith("mathd") for problem in problems)
    assert problems.temperature == 0.5


def test_the_papers_prompt_has_five_examples_and_ends_where_the_proof_begins(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "Test"
    folder.mkdir()
    text = "import Mathlib\n\ntheorem imo_9 (x : ℕ) :\n  x = x := by sorry"
    (folder / "imo_9.lean").write_text(text, encoding="utf-8")
    (problem,) = minif2f(path=tmp_path, prompt="paper")
    assert problem.prompt.count("Write a lean4 proof") == 6
    assert problem.prompt.endswith("theorem theorem6 (x : ℕ) :\n  x = x := by\n")


def test_a_table_of_statements_is_read_as_files_are_and_a_wrong_name_is_told(
    tmp_path: Path,
) -> None:
    rows = [
        {"id": "imo_9", "split": "test", "formal_statement": "theorem imo_9 : 1 = 1 := by sorry"},
        {"id": "imo_8", "split": "valid", "formal_statement": "theorem imo_8 : 2 = 2 := by sorry"},
    ]
    table = tmp_path / "all.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)))
    assert [p.id for p in minif2f(path=table)] == ["imo_9"]
    assert [p.id for p in minif2f(path=tmp_path, split="valid")] == ["imo_8"]
    table.write_text(json.dumps(rows[0] | {"id": "imo_7"}))
    with pytest.raises(ConfigError, match=r"no theorem of that name.*all\.jsonl"):
        minif2f(path=table)


def test_a_name_is_hidden_in_definitions_and_comments_too() -> None:
    text = (
        "(* imo_9, easy *)\nDefinition imo_9_f := 1.\n"
        "Theorem imo_9 : imo_9_f = 1.\nProof.\nAdmitted."
    )
    found = read_rocq("imo_9", text)
    assert "imo_9" not in found.header + found.text
    assert found.text == "Theorem theorem6 : theorem6_f = 1."


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"split": "train"}, "no split 'train'"),
        ({"prompt": "poem"}, "no prompt 'poem'"),
        ({"subset": "half"}, "no subset 'half'"),
        ({}, "holds no test"),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Path, options: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        minif2f(path=tmp_path, **options)  # type: ignore[arg-type]  # of every type, on purpose


@given(st.text(max_size=200))
def test_any_file_is_read_or_refused(text: str) -> None:
    for read in (read_rocq, read_lean):
        try:
            assert read("imo_9", text).name == "imo_9"
        except ValueError as cause:
            assert str(cause) == "no theorem of that name"  # noqa: PT017 - both ways are right
