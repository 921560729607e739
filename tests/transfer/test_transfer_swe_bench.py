"""SWE-bench's own files, in and out: nothing is lost, nothing is invented."""

import json
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vervet.errors import ConfigError
from vervet.problems.swe_bench import FLAKY, swe_bench
from vervet.store import Run, open_run
from vervet.transfer.swe_bench import (
    export_predictions,
    export_reports,
    import_predictions,
    import_reports,
    predictions,
    run_report,
)
from vervet.types import Outcome, Problem, Sample, Verdict

PATCH = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"


def row(name: str, patch: str | None = PATCH, model: str = "org/m") -> dict[str, object]:
    return {"instance_id": name, "model_name_or_path": model, "model_patch": patch}


def outcomes(run: Run) -> dict[tuple[str, str, int], Outcome]:
    rows = [verdict for batch in run.read(Verdict) for verdict in batch]
    return {(v.problem_id, v.sampler_id, v.index): v.outcome for v in rows}


def samples(run: Run) -> dict[tuple[str, int], str]:
    return {(s.problem_id, s.index): s.text for batch in run.read(Sample) for s in batch}


def test_the_three_forms_of_predictions_say_the_same(tmp_path: Path) -> None:
    rows = [row("a"), row("b", None)]
    (tmp_path / "lines.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    (tmp_path / "list.json").write_text(json.dumps(rows))
    (tmp_path / "object.json").write_text(json.dumps({r["instance_id"]: r for r in rows}))
    for file in tmp_path.iterdir():
        assert predictions(file) == rows
        run = open_run(tmp_path / f"run-{file.name}")
        assert import_predictions(file, run).samples == 2
        assert samples(run) == {("a", 0): PATCH, ("b", 0): ""}


def test_k_files_are_k_samples_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for index in range(12):
        (tmp_path / "predictions").mkdir(exist_ok=True)
        text = json.dumps(row("a", f"{PATCH}#{index}"))
        (tmp_path / "predictions" / f"m.{index}.jsonl").write_text(text)
    run = open_run(tmp_path / "run")
    for _ in range(2):  # importing again changes nothing
        import_predictions(tmp_path / "predictions", run)
        assert samples(run) == {("a", i): f"{PATCH}#{i}" for i in range(12)}


def test_predictions_and_reports_come_back_as_they_went(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run")
    run.append([Problem("a", "?"), Problem("b", "?")])
    said = [Outcome.ACCEPT, Outcome.REJECT, Outcome.ERROR]
    run.append([Sample(p, "s@1", i, f"Here:\n```diff\n{PATCH}```") for p in "ab" for i in range(3)])
    run.append([Verdict(p, "s@1", i, "patch@1", 0, said[i]) for p in "ab" for i in range(3)])
    run.describe("samplers", "s@1", {"model": "org/model.x"})
    written = export_predictions(run, tmp_path / "predictions")
    assert (written.files, written.rows) == (3, 6)
    assert (tmp_path / "predictions" / "org__model.x.2.jsonl").is_file()
    export_reports(run, tmp_path / "reports")
    again = open_run(tmp_path / "again")
    import_predictions(tmp_path / "predictions", again)
    brought = import_reports(tmp_path / "reports", again)
    assert (brought.samples, brought.verdicts) == (0, 6)
    assert samples(again) == {(p, i): PATCH for p in "ab" for i in range(3)}
    assert outcomes(again) == {
        (p, "org/model.x@imported", i): said[i] for p in "ab" for i in range(3)
    }


def test_one_file_holds_one_patch_for_a_problem(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run")
    run.append([Problem("a", "?")])
    run.append([Sample("a", "s", 0, PATCH)])
    assert export_predictions(run, tmp_path / "one.jsonl").rows == 1
    run.append([Sample("a", "s", 1, PATCH)])
    with pytest.raises(ConfigError, match="give a folder"):
        export_predictions(run, tmp_path / "two.jsonl")


def test_which_verifier_is_asked_where_there_are_several(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run")
    run.append([Problem("a", "?")])
    for name in ("x@1", "y@1"):
        run.append([Verdict("a", "s", 0, name, 0, Outcome.ACCEPT)])
    with pytest.raises(ConfigError, match="which verifier"):
        export_reports(run, tmp_path / "reports")
    assert export_reports(run, tmp_path / "reports", verifier="x").rows == 1


def test_the_harnesss_failures_are_no_rejections(tmp_path: Path) -> None:
    report = run_report({"a": Outcome.ACCEPT, "b": Outcome.REJECT}, 6) | {
        "error_ids": ["c", "d"], "infra_failure_ids": ["d"], "empty_patch_ids": ["e"],
        "failure_reasons": {"d": "out_of_memory"},
    }  # fmt: skip
    (tmp_path / "m-1.2.run-1.json").write_text(json.dumps(report))
    run = open_run(tmp_path / "run")
    brought = import_reports(tmp_path, run)
    assert brought.models == ("m-1.2",)
    found = {name: outcome for (name, _, _), outcome in outcomes(run).items()}
    assert found == {
        "a": Outcome.ACCEPT, "b": Outcome.REJECT, "c": Outcome.REJECT, "d": Outcome.ERROR,
        "e": Outcome.REJECT,
    }  # fmt: skip
    del report["infra_failure_ids"]  # schema version 1 does not say whose fault it was
    (tmp_path / "m-1.2.run-1.json").write_text(json.dumps(report))
    older = open_run(tmp_path / "older")
    import_reports(tmp_path / "m-1.2.run-1.json", older)
    assert outcomes(older)["c", "m-1.2@imported", 0] is Outcome.ERROR


def test_a_folder_of_logs_is_read_report_by_report(tmp_path: Path) -> None:
    for at, resolved in enumerate((True, False)):
        place = tmp_path / "logs" / "run_evaluation" / f"run-{at}" / "org__m" / "a__a-1"
        place.mkdir(parents=True)
        said = {"a__a-1": {"patch_exists": True, "resolved": resolved, "infra_failure": False}}
        (place / "report.json").write_text(json.dumps(said))
        (place.parent.parent / "run.json").write_text('{"dataset": "x", "split": "test"}')
    (tmp_path / "p.jsonl").write_text(json.dumps(row("a__a-1")))
    run = open_run(tmp_path / "run")
    import_predictions(tmp_path / "p.jsonl", run)
    import_reports(tmp_path / "logs", run)
    assert outcomes(run) == {
        ("a__a-1", "org/m@imported", 0): Outcome.ACCEPT,
        ("a__a-1", "org/m@imported", 1): Outcome.REJECT,
    }
    assert samples(run) == {("a__a-1", 0): PATCH, ("a__a-1", 1): ""}


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("p.json", "{", "is not JSON"),
        ("p.jsonl", '["a"]', "row 1 is no prediction"),
        ("p.json", '"text"', "row 1 is no prediction"),
        ("p.jsonl", '{"instance_id": "a", "model_patch": 3}', "model_patch is not text"),
        ("p.jsonl", "", "holds no predictions"),
    ],
)
def test_what_is_no_predictions_file_is_refused(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=why):
        import_predictions(tmp_path / name, open_run(tmp_path / "run"))


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ConfigError, match="holds no report"):
        import_reports(tmp_path / "x.json", run)
    (tmp_path / "results.json").write_text('{"resolved": []}')
    with pytest.raises(ConfigError, match="Give the problems"):
        import_reports(tmp_path / "results.json", run)


anything: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(
        st.sampled_from(["instance_id", "model_patch", "resolved_ids", "resolved", "error_ids"])
        | st.text(), inside),
    max_leaves=9,
)  # fmt: skip


@settings(max_examples=40)
@given(anything)
def test_any_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, held: object
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name in ("p.json", "p.jsonl", "report.json"):
        file = folder / name
        file.write_text(json.dumps(held))
        for bring in (import_predictions, import_reports):
            try:
                bring(file, open_run(folder / f"{bring.__name__}-{name}"))
            except ConfigError as refused:
                assert str(file) in str(refused)  # noqa: PT017 - it need not be raised


def test_real_submissions_give_the_papers_single_attempts(
    shared_data: Path, tmp_path: Path
) -> None:
    """Brown et al. 2024, figure 2: Moatless with GPT-4o solves 24.67 %, with Claude 26.67 %."""
    folder = shared_data / "data" / "swebench"
    held = json.loads((folder / "resolved_submissions.json").read_text())
    problems = swe_bench(path=folder / "SWE-bench_Lite-test.json")
    solved = defaultdict(set)
    for name, said in held.items():
        for submission in set(said["resolved_submissions"]):
            solved[submission].add(name)
    models = ("20240617_moatless_gpt4o", "20240623_moatless_claude35sonnet")
    for model in models:
        place = tmp_path / "lite" / model / "results"
        place.mkdir(parents=True)
        (place / "results.json").write_text(json.dumps({"resolved": sorted(solved[model])}))
    run = open_run(tmp_path / "run")
    brought = import_reports(tmp_path / "lite", run, problems=problems.problems)
    assert (brought.problems, brought.verdicts) == (300, 600)
    accepted: dict[str, int] = defaultdict(int)
    for (_, sampler, _), outcome in outcomes(run).items():
        accepted[sampler] += outcome is Outcome.ACCEPT
    assert [round(accepted[f"{m}@imported"] / 300, 4) for m in models] == [0.2467, 0.2667]


def test_the_flaky_problems_can_be_left_out(shared_data: Path) -> None:
    path = shared_data / "data" / "swebench" / "SWE-bench_Lite-test.json"
    assert len(swe_bench(path=path)) == 300
    steady = swe_bench(path=path, subset="monkeys-266")
    assert len(steady) == 266
    tables = json.loads((shared_data / "data" / "papers" / "monkeys_tables.json").read_text())
    assert set(tables["table3_flaky_swebench_lite"]) == FLAKY
