"""Import and export on the command line: whole or nothing, there and back."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Called = Callable[..., tuple[int, str, str]]


BAD_TABLES = {
    "cell.csv": ("problem,correct\na,1\na,maybe\n", "cell.csv: line 3: correct is 'maybe'"),
    "brace.jsonl": ('{"problem": "a"}\n\n{"prob', "brace.jsonl: line 3 is not JSON"),
    "list.jsonl": ('{"problem": "a"}\n[1]\n', "list.jsonl: line 2 is list, not an object"),
    "cells.csv": ("problem,correct\na,1\nb,1,2\n", "row 2 has more cells than the header"),
    "lines.csv": ('problem,text\n"a","x\ny"\n"","z"\n', "lines.csv: line 4: no problem"),
    "item.json": ('[{"problem": "a"}, {"problem": ""}]', "item.json: item 2: no problem"),
    "empty.jsonl": ("", "holds no rows"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_file_is_imported_whole_or_not_at_all(
    call: Called, table: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vervet.transfer.importing.ROWS_AT_ONCE", 1)
    content, says = BAD_TABLES[name]
    Path(name).write_text(content)
    code, out, err = call("import", "table", name, "new/run")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err
    assert not Path("new").exists()
    call("import", "table", str(table), "r")
    before = {path: path.read_bytes() for path in tmp_path.glob("r/**/*") if path.is_file()}
    assert call("import", "table", name, "r")[0] == 2
    assert before == {p: p.read_bytes() for p in tmp_path.glob("r/**/*") if p.is_file()}


def test_patches_that_cannot_be_read_make_no_run(call: Called) -> None:
    Path("p").mkdir()
    Path("p/m.0.jsonl").write_text('{"instance_id": "a", "model_patch": ""}\n')
    Path("p/m.1.jsonl").write_text('{"instance_id": 1}\n')
    code, _, err = call("import", "swe-bench-predictions", "p", "r")
    assert (code, "m.1.jsonl: row 1 is no prediction" in err) == (2, True)
    assert not Path("r").exists()


def test_a_second_file_must_not_say_something_else_of_the_same_samples(call: Called) -> None:
    Path("a.csv").write_text("problem,text,correct\np,4,1\np,5,0\n")
    Path("b.csv").write_text("problem,text,correct\np,4,1\np,6,0\n")
    Path("c.csv").write_text("problem,text,correct\np,4,0\np,5,0\n")
    assert "2 samples of imported" in call("import", "table", "a.csv", "r")[1]
    assert "2 samples (2 were there)" in call("import", "table", "a.csv", "r")[1]
    code, _, err = call("import", "table", "b.csv", "r")
    assert (code, "sample 1 of 'p' is in r with another text. Name the" in err) == (2, True)
    code, _, err = call("import", "table", "c.csv", "r")
    assert (code, "sample 0 of 'p' is in r with another verdict of 'recorded'" in err) == (2, True)
    assert call("import", "table", "b.csv", "r", "--model", "b")[0] == 0
    assert call("import", "table", "c.csv", "r", "--verifier", "strict")[0] == 0
    document = json.loads(call("analyze", "r", "--json", "--k", "1")[1])
    rows = {(row["model"], row["verifier"]): row["value"] for row in document["coverage"]}
    assert rows == {
        ("imported", "recorded"): 0.5, ("b", "recorded"): 0.5, ("imported", "strict"): 0.0
    }  # fmt: skip


def test_problems_of_another_set_are_refused_and_a_few_are_told(call: Called) -> None:
    Path("t.csv").write_text("problem,text,n\nq1,4,0\nq2,5,1\n")
    Path("key.csv").write_text("id,question,answer\nq1,2+2?,4\n")
    asked = ("import", "table", "t.csv", "r", "--problems", "key.csv")
    code, _, err = call(*asked, "--map", "problem=n")
    assert code == 2
    assert "none of its problems is in the problem set, which has 'q1' and not '0'" in err
    assert not Path("r").exists()
    code, out, _ = call(*asked)
    assert (code, "1 of these problems are not in the problem set: q2" in out) == (0, True)


def test_scores_that_are_no_verdicts_are_told(call: Called) -> None:
    Path("t.csv").write_text("problem,correct,score\np,1,0.9\np,,0.4\np,,\n")
    code, out, _ = call("import", "table", "t.csv", "r")
    assert (code, "left out 1 scores: their rows do not say correct" in out) == (0, True)


def test_importing_twice_changes_nothing(call: Called, table: Path) -> None:
    for _ in range(2):
        call("import", "table", str(table), "r")
    document = json.loads(call("analyze", "r", "--json")[1])
    assert document["runs"][0]["samples"] == 24


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_an_export_is_imported_again_as_it_was(call: Called, table: Path, ending: str) -> None:
    call("import", "table", str(table), "r")
    assert call("export", "r", "table", f"out.{ending}")[0] == 0
    assert call("import", "table", f"out.{ending}", "again")[0] == 0
    first, second = (json.loads(call("analyze", r, "--json")[1]) for r in ("r", "again"))
    assert first["coverage"] == second["coverage"]
    assert first["selection"] == second["selection"]


def test_columns_of_other_names_are_mapped(call: Called, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"task": "a", "ok": true}\n{"task": "a", "ok": false}\n')
    assert (
        call("import", "table", "t.jsonl", "r", "--map", "problem=task", "--map", "correct=ok")[0]
        == 0
    )
    document = json.loads(call("analyze", "r", "--json", "--k", "1")[1])
    assert document["coverage"][0]["value"] == 0.5


def test_a_column_that_is_not_there_is_refused_before_anything_is_stored(
    call: Called, table: Path
) -> None:
    code, out, err = call("import", "table", str(table), "r", "--map", "correct=passed")
    assert (code, out) == (2, "")
    assert "no column 'passed' for correct; it has: problem, model, text, answer, correct." in err


def test_a_run_of_several_parts_is_exported_as_one_of_one(
    call: Called, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("import", "table", str(table), "r")
    call("export", "r", "table", "whole.csv")
    monkeypatch.setattr("vervet.transfer.parts.SAMPLES_AT_ONCE", 5)
    call("export", "r", "table", "parts.csv")
    assert (tmp_path / "parts.csv").read_text() == (tmp_path / "whole.csv").read_text()


def test_formats_are_listed_for_both_ways_with_what_each_is_for(call: Called) -> None:
    rows = json.loads(call("list", "formats", "--json")[1])
    ways = {(row["command"].split()[1], row["name"]) for row in rows}
    assert {("import", "table"), ("export", "table"), ("export", "genrm-sft")} <= ways
    said = call("list", "formats")[1]
    brought, written = said.split("vervet export RUN FORMAT PATH")
    assert brought.startswith("vervet import FORMAT PATH RUN")
    assert "genrm-sft" in written
    assert "genrm-sft" not in brought


def test_a_path_that_cannot_be_written_is_one_line(call: Called, table: Path) -> None:
    call("import", "table", str(table), "r")
    code, out, err = call("export", "r", "table", "nowhere/out.csv")
    assert (code, out) == (1, "")
    assert err == "vervet: nowhere/out.csv: No such file or directory\n"
