"""Published problem sets in their upstream layouts, real where the real data is at hand."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet import registry
from vervet.errors import ConfigError, MissingExtra
from vervet.problems import hub
from vervet.problems.benchmark import Benchmark
from vervet.problems.competition import aime24, aime25, amc23, boxed, math, math500
from vervet.problems.gpqa import RIGHT, WRONG, gpqa_diamond
from vervet.problems.gsm8k import gsm8k
from vervet.problems.monkeys import MATH_128


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def sums(count: int) -> list[dict[str, Any]]:
    return [{"question": f"{i} + 1 = ?", "answer": f"{i} + 1\n#### {i + 1}"} for i in range(count)]


REAL = [
    (gsm8k, "gsm8k", 1319), (math500, "math500", 500), (aime24, "aime", 30), (aime25, "aime", 30),
    (amc23, "aime", 40),
]  # fmt: skip


@pytest.mark.parametrize(
    ("benchmark", "folder", "count"), REAL, ids=lambda v: getattr(v, "name", v)
)
def test_real_sets_have_their_known_size_distinct_ids_and_answers(
    benchmark: Benchmark, folder: str, count: int, shared_data: Path
) -> None:
    problems = benchmark(path=shared_data / "data" / folder)
    assert len(problems) == len({p.id for p in problems}) == count
    assert all(p.prompt.strip() and str(p.reference["answer"]).strip() for p in problems)
    assert problems.verifier in registry.names("verifiers")
    assert problems.chat


def test_an_instruction_that_one_copy_of_math500_prepends_is_not_asked_twice(
    shared_data: Path,
) -> None:
    problems = math500(path=shared_data / "data" / "math500")
    assert not any("Return your final response" in p.prompt for p in problems)
    assert problems.problems[0].id == "test/precalculus/807.json"


def test_amc_answers_are_whole_numbers_written_as_such(shared_data: Path) -> None:
    answers = [p.reference["answer"] for p in amc23(path=shared_data / "data" / "aime")]
    assert answers[:2] == ["27", "36"]


def test_the_papers_gsm8k_prompt_has_five_training_examples_and_ends_at_the_answer(
    shared_data: Path,
) -> None:
    problems = gsm8k(path=shared_data / "data" / "gsm8k", prompt="paper", limit=3)
    first, second = problems.problems[0].prompt, problems.problems[1].prompt
    assert first.count("Question: ") == 6
    assert first.endswith("\nAnswer:")
    assert first.count("#### ") == 5
    assert first.partition("Question: Janet")[0] != second.partition("Question: A robe")[0]
    assert (problems.stop, problems.max_tokens, problems.temperature, problems.chat) == (
        ("Q:", "Question:"), 512, 0.6, False,
    )  # fmt: skip


def test_the_papers_examples_are_the_same_every_time(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", sums(50))
    write(tmp_path / "test.jsonl", sums(5))
    once = [p.prompt for p in gsm8k(path=tmp_path, prompt="paper")]
    assert once == [p.prompt for p in gsm8k(path=tmp_path / "test.jsonl", prompt="paper")]


def test_the_papers_math_prompt_is_minervas(tmp_path: Path) -> None:
    row = {"problem": "What is 1 + 1?", "solution": "It is $\\boxed{2}$.", "level": "Level 1"}
    problems = math(path=write(tmp_path / "test.jsonl", [row]), prompt="paper")
    prompt = problems.problems[0].prompt
    assert prompt.count("I hope it is correct.") == 4
    assert prompt.endswith("Problem:\nWhat is 1 + 1?\n\nSolution:")
    assert problems.stop == ("Problem:",)
    assert problems.problems[0].reference["answer"] == "2"


def test_math_is_read_from_the_original_archive_with_its_own_names(tmp_path: Path) -> None:
    for subject, number in (("algebra", 10), ("algebra", 9), ("geometry", 1)):
        file = tmp_path / "MATH" / "test" / subject / f"{number}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        row = {"problem": f"{subject} {number}", "solution": f"\\boxed{{{number}}}"}
        file.write_text(json.dumps(row))
    ids = [problem.id for problem in math(path=tmp_path / "MATH")]
    assert ids == ["test/algebra/9.json", "test/algebra/10.json", "test/geometry/1.json"]


def test_the_monkeys_subset_is_128_positions_of_the_test_split(tmp_path: Path) -> None:
    rows = [{"problem": f"P{i}", "solution": f"\\boxed{{{i}}}"} for i in range(5000)]
    problems = math(path=write(tmp_path / "test.jsonl", rows), subset="monkeys-128")
    assert len(problems) == len(set(MATH_128)) == 128
    assert [p.reference["answer"] for p in problems] == [str(i) for i in MATH_128]
    small = write(tmp_path / "small" / "test.jsonl", rows[:100])
    with pytest.raises(ConfigError, match="has only 100 rows"):
        math(path=small, subset="monkeys-128")


def test_parquet_of_the_hub_layout_is_read(tmp_path: Path) -> None:
    (tmp_path / "main").mkdir()
    file = tmp_path / "main" / "test-00000-of-00001.parquet"
    source = write(tmp_path / "rows.jsonl", sums(3))
    duckdb.sql(f"COPY (FROM '{source}') TO '{file}' (FORMAT parquet)")
    assert [p.reference["answer"] for p in gsm8k(path=tmp_path)] == ["1", "2", "3"]


def science(number: int) -> dict[str, Any]:
    wrong = dict(zip(WRONG, (f"x{number}", f"y{number}", f"z{number}"), strict=True))
    return {"Question": f"Q{number}", RIGHT: f"right{number}", "Record ID": f"rec{number}", **wrong}


def test_gpqa_shuffles_choices_by_question_and_keeps_the_right_letter(tmp_path: Path) -> None:
    rows = [science(i) for i in range(40)]
    file = tmp_path / "gpqa_diamond.csv"
    header = ",".join(rows[0])
    file.write_text("\n".join([header, *(",".join(map(str, row.values())) for row in rows)]))
    problems = gpqa_diamond(path=tmp_path)
    for number, problem in enumerate(problems):
        assert f"{problem.reference['answer']}) right{number}" in problem.prompt
    assert {p.reference["answer"] for p in problems} == set("ABCD")
    assert problems.problems[0].id == "gpqa-diamond/rec0"


def test_limit_seed_and_ids_choose_problems(tmp_path: Path) -> None:
    path = write(tmp_path / "test.jsonl", sums(20))
    shuffled = gsm8k(path=path, seed=1, limit=5)
    assert [p.id for p in shuffled] == [p.id for p in gsm8k(path=path, seed=1, limit=5)]
    assert [p.id for p in shuffled] != [p.id for p in gsm8k(path=path, limit=5)]
    assert [p.id for p in gsm8k(path=path, ids=["gsm8k/test/7", "gsm8k/test/2"])] == [
        "gsm8k/test/7", "gsm8k/test/2",
    ]  # fmt: skip
    assert gsm8k(path=path, ids=["gsm8k/test/7"]).problems[0].prompt == (
        gsm8k(path=path).problems[7].prompt
    )


BAD = [
    ({"split": "dev"}, "no split 'dev'; there is: test, train"),
    ({"prompt": "poem"}, "no prompt 'poem'; there is: chat, paper"),
    ({"subset": "half"}, "no subset 'half'; there is: none"),
    ({"limit": 0}, "limit 0 leaves no problems"),
    ({"ids": ["nope"]}, "no problem 'nope'; ids look like 'gsm8k/test/0'"),
]


@pytest.mark.parametrize(("options", "complaint"), BAD)
def test_a_wrong_option_is_one_clear_line(
    options: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "test.jsonl", sums(3))
    with pytest.raises(ConfigError, match=complaint) as caught:
        gsm8k(path=path, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"question": "1 + 1?"}, "row 0 is not as upstream has it"),
        ({"question": "1 + 1?", "answer": "two"}, "does not end in ####"),
        ({"question": " ", "answer": "#### 2"}, "the question is empty"),
    ],
)
def test_a_row_that_is_not_as_upstream_has_it_is_one_clear_line(
    row: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "test.jsonl", [row])
    with pytest.raises(ConfigError, match=complaint):
        gsm8k(path=path)


def test_a_folder_without_the_files_says_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no test\.jsonl or main/test-\*\.parquet"):
        gsm8k(path=tmp_path)


def test_two_files_of_one_name_are_not_mixed(tmp_path: Path) -> None:
    write(tmp_path / "gsm8k" / "test.jsonl", sums(2))
    write(tmp_path / "other" / "test.jsonl", sums(3))
    with pytest.raises(ConfigError, match=r"holds 2 files called test\.jsonl"):
        gsm8k(path=tmp_path)


def test_without_the_hub_library_the_message_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(hub, "import_module", absent)
    with pytest.raises(MissingExtra, match=r"vervet\[hub\]"):
        gsm8k()


class Hub:
    """Stands for huggingface_hub: a folder served as a repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def HfApi(self) -> "Hub":  # noqa: N802 - the library's name
        return self

    def list_repo_files(self, repository: str, **_: str) -> list[str]:
        if repository != "openai/gsm8k":
            raise OSError("no route to host\nsecond line")
        return ["README.md", "main/test-00000-of-00001.parquet", "socratic/test-0.parquet"]

    def hf_hub_download(self, _: str, name: str, **__: str) -> str:
        return str(self.folder / name)


def test_the_hub_is_asked_for_the_files_of_the_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "rows.jsonl", sums(3))
    (tmp_path / "main").mkdir()
    file = tmp_path / "main" / "test-00000-of-00001.parquet"
    duckdb.sql(f"COPY (FROM '{source}') TO '{file}' (FORMAT parquet)")
    monkeypatch.setattr(hub, "import_module", lambda _: Hub(tmp_path))
    problems = gsm8k(limit=2)
    assert [p.id for p in problems] == ["gsm8k/test/0", "gsm8k/test/1"]
    assert problems.source == "https://huggingface.co/datasets/openai/gsm8k"
    with pytest.raises(ConfigError, match=r"no route to host\)\. Without a network") as caught:
        math500()
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="\\boxed{}123 fx", max_size=60))
def test_reading_a_box_never_raises_anything_but_value_error(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(boxed(text), str)
