"""Your own files: every format, field mappings, and what is refused in one clear line."""

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import ConfigError
from vervet.problems.files import files
from vervet.problems.rows import read_rows

ROWS = [
    {"question": "Capital of Peru?", "gold": "Lima", "level": 1},
    {"question": "Capital of Chad?", "gold": "N'Djamena", "level": 2},
]
FIELDS = {"prompt": "question", "answer": "gold"}


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def in_every_format(folder: Path) -> list[Path]:
    paths = [
        folder / f"p.{kind}" for kind in ("jsonl", "json", "csv", "tsv", "jsonl.gz", "parquet")
    ]
    paths[0].write_text(lines(ROWS) + "\n")
    paths[1].write_text(json.dumps(ROWS))
    paths[2].write_text('\ufeffquestion,gold,level\n"Capital of Peru?",Lima,1\n'
                        "Capital of Chad?,N'Djamena,2\n")  # fmt: skip
    paths[3].write_text("question\tgold\tlevel\nCapital of Peru?\tLima\t1\n"
                        "Capital of Chad?\tN'Djamena\t2\n")  # fmt: skip
    with gzip.open(paths[4], "wt") as file:
        file.write(lines(ROWS))
    duckdb.sql(f"COPY (FROM '{paths[0]}') TO '{paths[5]}' (FORMAT parquet)")
    return paths


def test_every_format_gives_the_same_problems(tmp_path: Path) -> None:
    for path in in_every_format(tmp_path):
        problems = files(path, fields=FIELDS)
        assert [(p.id, p.prompt, p.reference["answer"]) for p in problems] == [
            ("0", "Capital of Peru?", "Lima"), ("1", "Capital of Chad?", "N'Djamena"),
        ], path  # fmt: skip
        assert problems.source == str(path)


def test_common_field_names_need_no_mapping(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(lines([{"id": 7, "problem": "1 + 1?", "target": 2.0}]))
    problem = files(path).problems[0]
    assert (problem.id, problem.prompt, problem.reference) == ("7", "1 + 1?", {"answer": "2"})


def test_other_fields_are_kept_for_verifiers_as_plain_data(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    tests = {"inputs": [[1, 2.5]], "strict": True}
    path.write_text(lines([{"q": "add", "t": tests}]))
    problem = files(path, fields={"prompt": "q", "tests": "t"}, verifier="unit-tests").problems[0]
    assert problem.reference == {"tests": tests}


def test_a_template_frames_the_prompt(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(lines([{"prompt": "{1} + 1?", "answer": "2"}]))
    assert files(path, template="Q: {prompt}\nA:").problems[0].prompt == "Q: {1} + 1?\nA:"
    with pytest.raises(ConfigError, match="does not contain"):
        files(path, template="no place")


def test_conversations_keep_their_messages(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}]
    path.write_text(lines([{"messages": talk, "answer": "2"}]))
    problem = files(path, fields={"messages": "messages", "answer": "answer"}).problems[0]
    assert problem.messages == tuple(talk)
    assert problem.prompt == "1 + 1?"


def test_choosing_by_id_limit_and_seed(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(lines([{"prompt": f"{i}?", "answer": i} for i in range(9)]))
    assert [p.id for p in files(path, ids=["3", "1"])] == ["3", "1"]
    assert len(files(path, limit=4, seed=2)) == 4


REFUSED = [
    ([{"prompt": "a", "answer": ""}], {}, "row 1 has an empty answer"),
    ([{"prompt": " ", "answer": "x"}], {}, "row 1 has an empty prompt"),
    ([{"prompt": "a", "answer": None}], {}, "row 1 has no 'answer'"),
    ([{"prompt": "a", "answer": "x"}, {"prompt": "b"}], {}, "row 2 has no 'answer'"),
    ([{"id": "k", "prompt": "a"}, {"id": "k", "prompt": "b"}], {}, "the id 'k' names 2 problems"),
    ([{"text": "a"}], {}, "which field is the prompt\\? The file has: text"),
    ([{"prompt": "a"}], {"fields": {"prompt": "qq"}}, "no field 'qq' for prompt; the file has"),
    ([{"prompt": "a"}], {"limit": -1}, "limit -1 leaves no problems"),
    ([], {}, "holds no rows"),
    ([{"messages": "hi"}], {"fields": {"messages": "messages"}}, "messages must be a list"),
]


@pytest.mark.parametrize(("rows", "options", "complaint"), REFUSED)
def test_what_cannot_be_used_is_one_clear_line(
    rows: list[dict[str, Any]], options: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(lines(rows))
    with pytest.raises(ConfigError, match=complaint) as caught:
        files(path, **options)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


BROKEN = [
    ("p.jsonl", b'{"prompt": "a"}\n{"prompt"', "line 2 is not JSON"),
    ("p.jsonl", b"[1, 2]\n", "line 1 is list, not an object"),
    ("p.json", b"nonsense", "the file is not JSON"),
    ("p.csv", b"a,b\n1,2,3\n", "row 1 has more cells than the header"),
    ("p.csv", b'a,b\n"1,2\n', "unexpected end of data"),
    ("p.csv", b"a;b\n1;2\n", "its cells are separated by ';', not by ','"),
    ("p.jsonl", b"\xff\xfe", "codec can't decode"),
    ("p.parquet", b"not parquet", "(?i)parquet|magic|too small"),
    ("p.jsonl.gz", b"not gzip", "gzip"),
    ("p.txt", b"x", "cannot read .txt"),
    ("p", b"x", "cannot read a file without a suffix"),
]


@pytest.mark.parametrize(("name", "content", "complaint"), BROKEN)
def test_a_broken_file_is_one_clear_line(
    name: str, content: bytes, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=complaint) as caught:
        read_rows(path)
    assert "\n" not in str(caught.value)


def test_the_usual_names_of_an_answer_key_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "key.csv"
    path.write_text("qid,question,gold\nq7,2+2?,4\n")
    (problem,) = files(path)
    assert (problem.id, problem.prompt, problem.reference) == ("q7", "2+2?", {"answer": "4"})


def test_a_problem_set_is_shown_by_name_and_number(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(lines([{"prompt": "x" * 10_000, "answer": str(i)} for i in range(3)]))
    assert repr(files(path)) == "ProblemSet('p': 3 problems, verifier exact)"


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder, not a file"):
        files(tmp_path)
    with pytest.raises(ConfigError, match="there is no such file"):
        files(tmp_path / "absent.jsonl")


@given(
    content=st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))
    ),
    kind=st.sampled_from(["jsonl", "json", "csv", "tsv", "parquet", "jsonl.gz"]),
)
def test_any_bytes_are_read_or_refused(
    content: bytes, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / f"p.{kind}"
    path.write_bytes(content)
    try:
        rows = read_rows(path)
    except ConfigError as refused:
        assert str(path) in str(refused)  # noqa: PT017 - either outcome is fine
    else:
        assert all(isinstance(row, dict) for row in rows)


def test_what_the_code_verifier_reads_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "code.jsonl"
    path.write_text('{"prompt": "Add.", "test": "def check(f): ...", "entry_point": "add"}\n')
    (problem,) = files(path)
    assert problem.reference == {"test": "def check(f): ...", "entry_point": "add"}


def test_a_cell_may_be_longer_than_csv_allows_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("prompt,answer\n" + "x" * 300_000 + ",1\n")
    (problem,) = files(path)
    assert len(problem.prompt) == 300_000


def test_problems_may_carry_tests_of_different_shapes(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    shapes: list[dict[str, Any]] = [
        {"entry_point": "f", "test": "assert f(1) == 2", "solution": "def f(n): return n + 1"},
        {"entry_point": "f", "inputs": [[1]], "expected": [2], "atol": 1e-6},
        {"stdin": ["1\n"], "stdout": ["2\n"], "comparator": "lines", "time_limit": 2},
        {
            "cases": [{"input": "1", "output": "2"}],
            "language": "cpp",
            "checker": "def check(*a): ...",
        },
        {"pytest": "from solution import f"},
    ]
    path.write_text(lines([{"id": i, "prompt": "Do it.", **row} for i, row in enumerate(shapes)]))
    problems = files(path)
    assert [problem.reference for problem in problems] == shapes
    assert problems.verifier == "unit-tests"
    assert files(path, verifier="judge").verifier == "judge"
