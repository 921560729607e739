"""Other tools' logs become the same samples and verdicts, or one clear line."""

import gzip
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vervet.errors import ConfigError, MissingExtra
from vervet.store import Run, open_run
from vervet.transfer.importing import Brought
from vervet.transfer.inspect_logs import ZSTANDARD, import_inspect
from vervet.transfer.lm_eval import import_lm_eval
from vervet.transfer.logs import natural
from vervet.transfer.monkeys import import_monkeys
from vervet.transfer.nemo_skills import import_nemo_skills
from vervet.transfer.programs import import_evalplus, import_human_eval
from vervet.types import Outcome, Problem, Sample, Verdict

ACCEPT, REJECT = Outcome.ACCEPT, Outcome.REJECT
Log = dict[str, Any]
Importer = Callable[[Path, Run], Brought]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return open_run(str(tmp_path / "run"))


def samples(run: Run) -> list[Sample]:
    return sorted((s for b in run.read(Sample) for s in b), key=lambda s: (s.problem_id, s.index))


def verdicts(run: Run) -> dict[tuple[str, int, str, int], Outcome]:
    rows = (v for batch in run.read(Verdict) for v in batch)
    return {(v.problem_id, v.index, v.verifier_id, v.trial): v.outcome for v in rows}


def write(file: Path, rows: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "".join(f"{json.dumps(row)}\n" for row in rows)
        if isinstance(rows, list) and file.suffix == ".jsonl"
        else json.dumps(rows)
    )
    return file


# Inspect


def epoch(name: int | str, number: int, text: str, **scores: Any) -> Log:
    """A sample as Inspect 0.3.285 writes it, less its events."""
    return {
        "id": name,
        "epoch": number,
        "uuid": f"{name}-{number}",
        "input": "2+2?",
        "target": "4",
        "output": {
            "model": "m",
            "choices": [{"message": {"role": "assistant", "content": text}, "stop_reason": "stop"}],
            "completion": text,
            "usage": {"input_tokens": 20, "output_tokens": 15, "total_tokens": 35},
            "time": 1.2,
        },
        "scores": {name: {"value": value, "answer": text} for name, value in scores.items()},
        "model_usage": {"api/m": {"input_tokens": 20, "output_tokens": 15,
                                  "input_tokens_cache_read": 5, "total_cost": 0.25}},
        "working_time": 1.5,
        "attachments": {},
    }  # fmt: skip


def inspect_log(*drawn: Log) -> Log:
    return {
        "version": 2,
        "status": "success",
        "eval": {"task": "toy", "model": "api/m"},
        "samples": list(drawn),
    }


def test_epochs_of_inspect_are_samples_and_its_scorers_verifiers(tmp_path: Path, run: Run) -> None:
    log = inspect_log(
        epoch(7, 1, "4", match="C", model_graded="P"), epoch(7, 2, "5", match="I", model_graded="I")
    )
    brought = import_inspect(write(tmp_path / "log.json", log), run)
    assert (brought.problems, brought.samples, brought.verdicts) == (1, 2, 4)
    assert brought.models == ("api/m",)
    first = samples(run)[0]
    assert (first.problem_id, first.text, first.finish) == ("toy/7", "4", "stop")
    assert (first.prompt_tokens, first.completion_tokens, first.cost) == (25, 15, 0.25)
    assert first.seconds == 1.5
    assert verdicts(run) == {
        ("toy/7", 0, "match", 0): ACCEPT,
        ("toy/7", 0, "model_graded", 0): REJECT,
        ("toy/7", 1, "match", 0): REJECT,
        ("toy/7", 1, "model_graded", 0): REJECT,
    }
    assert run.problems() == [Problem("toy/7", "2+2?", {"answer": "4"})]


def test_a_partial_answer_is_right_where_that_is_asked(tmp_path: Path, run: Run) -> None:
    log = inspect_log(epoch(1, 1, "4", a="P", b=0.4, c=True, d={"x": 1, "y": 0.0}, e="great"))
    import_inspect(write(tmp_path / "log.json", log), run, accept=0.5)
    said = {verifier: outcome for (_, _, verifier, _), outcome in verdicts(run).items()}
    assert said == {"a": ACCEPT, "b": REJECT, "c": ACCEPT, "d.x": ACCEPT, "d.y": REJECT}


def test_a_log_that_was_tried_again_brings_each_sample_once(tmp_path: Path, run: Run) -> None:
    done, failed = epoch(1, 1, "4", match="C"), {**epoch(2, 1, ""), "error": {"message": "down"}}
    gone = {**epoch(3, 1, ""), "scores": {}, "error": {"message": "down"}}
    write(tmp_path / "logs" / "a.json", inspect_log(done, failed, gone))
    write(tmp_path / "logs" / "b.json", inspect_log(done, epoch(2, 1, "5", match="I")))
    write(tmp_path / "logs" / "other.json", {"not": "a log"})
    brought = import_inspect(tmp_path / "logs", run)
    assert brought.failed == 1  # the other one was tried again
    assert str(brought).endswith("left out: samples that had failed there, 1")
    assert [(s.problem_id, s.index, s.text) for s in samples(run)] == [
        ("toy/1", 0, "4"),
        ("toy/2", 0, "5"),
    ]


def test_conversations_attachments_and_cut_replies_of_inspect_are_read(
    tmp_path: Path, run: Run
) -> None:
    drawn = epoch("a", 1, "attachment://abc", match="N")
    turns = [{"role": "system", "content": "Be brief."},
             {"role": "user", "content": [{"type": "text", "text": "2+2?"},
                                          {"type": "image", "image": "x.png"}]}]  # fmt: skip
    drawn |= {"input": turns, "target": ["4", "four"], "attachments": {"abc": "so long"}}
    drawn["output"]["choices"][0]["stop_reason"] = "max_tokens"
    import_inspect(write(tmp_path / "log.json", inspect_log(drawn)), run)
    (only,) = samples(run)
    assert (only.text, only.finish) == ("so long", "length")
    assert run.problems()[0] == Problem(
        "toy/a", "2+2?", {"answer": "4", "answers": ["4", "four"]},
        ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}),
    )  # fmt: skip


def archive(file: Path, log: Log, kind: int, opened: Callable[..., Any] = zipfile.ZipFile) -> Path:
    with opened(file, "w", compression=kind) as members:
        members.writestr("_journal/start.json", json.dumps({"version": 2, "eval": log["eval"]}))
        for drawn in log["samples"]:
            name = f"samples/{drawn['id']}_epoch_{drawn['epoch']}.json"
            members.writestr(name, json.dumps(drawn))
    return file


def zstd() -> Callable[..., Any]:
    module = pytest.importorskip("backports.zstd.zipfile", reason="zstd needs vervet[inspect]")
    return module.ZipFile  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, ZSTANDARD])
def test_an_eval_file_says_what_the_json_says(tmp_path: Path, run: Run, kind: int) -> None:
    log = inspect_log(*(epoch(1, n, str(n), match="I") for n in range(1, 12)))
    opened = zstd() if kind == ZSTANDARD else zipfile.ZipFile
    import_inspect(archive(tmp_path / "log.eval", log, kind, opened), run)
    assert [s.text for s in samples(run)] == [str(n) for n in range(1, 12)]


def test_without_the_extra_a_zstd_log_names_it(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = archive(tmp_path / "log.eval", inspect_log(epoch(1, 1, "4")), ZSTANDARD, zstd())
    monkeypatch.setitem(__import__("sys").modules, "backports.zstd", None)
    with pytest.raises(MissingExtra, match=r"vervet\[inspect\]"):
        import_inspect(file, run)


# lm-evaluation-harness


def doc(number: int, *replies: str, kind: str = "none", **points: float) -> Log:
    """A row as lm-evaluation-harness 0.4.13 writes it."""
    chat = json.dumps([{"role": "user", "content": "2+2?"}])
    return {
        "doc_id": number,
        "doc": {"id": f"own/{number}", "question": "2+2?"},
        "target": "He has 2 + 2.#### 4",
        "arguments": {"gen_args_0": {"arg_0": [chat], "arg_1": {"until": ["\n"]}}},
        "resps": [list(replies)],
        "filtered_resps": [replies[0]],
        "filter": kind,
        "metrics": list(points),
        **points,
    }


TIME = "2026-11-21T20-35-09.263416"


def harness(folder: Path, rows: Sequence[Log], time: str = TIME) -> Path:
    write(folder / f"results_{time}.json", {"model_name": "org/m"})
    return write(folder / f"samples_gsm8k_{time}.jsonl", list(rows))


def test_repeats_of_lm_eval_are_samples_without_verdicts(tmp_path: Path, run: Run) -> None:
    rows = [doc(n, "4", "5", kind=k, exact_match=1.0) for k in ("strict", "maj") for n in (0, 1)]
    harness(tmp_path / "org__m", rows)
    brought = import_lm_eval(tmp_path, run)
    assert (brought.samples, brought.verdicts, brought.models) == (4, 0, ("org/m",))
    assert [(s.problem_id, s.index, s.text) for s in samples(run)][:2] == [
        ("gsm8k/0", 0, "4"),
        ("gsm8k/0", 1, "5"),
    ]
    assert run.problems()[0] == Problem("gsm8k/0", "2+2?", {"answer": "4"})


def test_metrics_of_lm_eval_judge_a_single_reply_by_filter(tmp_path: Path, run: Run) -> None:
    rows = [doc(0, "4", kind=k, exact_match=p) for k, p in (("strict", 0.0), ("flexible", 1.0))]
    import_lm_eval(harness(tmp_path, rows), run)
    assert verdicts(run) == {
        ("gsm8k/0", 0, "exact_match.strict", 0): REJECT,
        ("gsm8k/0", 0, "exact_match.flexible", 0): ACCEPT,
    }


def test_two_evaluations_of_one_task_are_more_samples(tmp_path: Path, run: Run) -> None:
    harness(tmp_path, [doc(0, "4", exact_match=1.0)])
    harness(tmp_path, [doc(0, "5", exact_match=0.0)], time="2026-11-22T20-35-09.263416")
    import_lm_eval(tmp_path, run)
    assert [(s.index, s.text) for s in samples(run)] == [(0, "4"), (1, "5")]


def test_likelihoods_are_no_samples(tmp_path: Path, run: Run) -> None:
    row = doc(0, "4") | {"resps": [[[-1.5, False]], [[-2.5, False]]]}
    with pytest.raises(ConfigError, match="line 1: has no replies: a task of multiple choice"):
        import_lm_eval(harness(tmp_path, [row]), run)


def test_known_problems_keep_their_names(tmp_path: Path, run: Run) -> None:
    known = [Problem("own/0", "prompt", {"answer": "4"})]
    import_lm_eval(harness(tmp_path, [doc(0, "4", exact_match=1.0)]), run, problems=known)
    assert run.problems() == known
    assert samples(run)[0].problem_id == "own/0"


# Programs


def test_programs_of_human_eval_come_with_their_results(tmp_path: Path, run: Run) -> None:
    rows = [
        {"task_id": "HumanEval/0", "completion": "  return 1", "passed": True, "result": "passed"},
        {"task_id": "HumanEval/0", "solution": "def f(): ...", "passed": False},
        {"task_id": "HumanEval/1", "completion": "  return 2"},
    ]
    file = tmp_path / "samples.jsonl.gz"
    file.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    import_human_eval(file, run, model="codegen")
    assert [s.text for s in samples(run)] == ["  return 1", "def f(): ...", "  return 2"]
    assert list(verdicts(run).values()) == [ACCEPT, REJECT]


def test_base_and_plus_tests_are_two_verifiers(tmp_path: Path, run: Run) -> None:
    tried = [("pass", "pass"), ("pass", "fail"), ("timeout", "timeout"), ("fail", None)]
    held = [
        {"task_id": "HumanEval/0", "solution": str(n), "base_status": base, "plus_status": plus}
        for n, (base, plus) in enumerate(tried)
    ]
    file = write(tmp_path / "m_temp_0.8.eval_results.json", {"eval": {"HumanEval/0": held}})
    assert import_evalplus(file, run).models == ("m_temp_0.8",)
    said = verdicts(run)
    assert [said["HumanEval/0", n, "base", 0] for n in range(4)] == [ACCEPT, ACCEPT, REJECT, REJECT]
    assert [said.get(("HumanEval/0", n, "plus", 0)) for n in range(4)] == [
        ACCEPT, REJECT, REJECT, None,
    ]  # fmt: skip


def test_an_unknown_status_is_refused(tmp_path: Path, run: Run) -> None:
    held = [{"solution": "", "base_status": "maybe", "plus_status": None}]
    file = write(tmp_path / "x_eval_results.json", {"eval": {"HumanEval/0": held}})
    with pytest.raises(ConfigError, match="HumanEval/0: the status is 'maybe'; known: pass, fail"):
        import_evalplus(file, run)


# NeMo-Skills


def test_each_output_of_nemo_skills_is_one_sample_of_each_problem(tmp_path: Path, run: Run) -> None:
    for seed in (0, 1, 10):
        rows = [
            {"problem": f"{n}+{n}?", "expected_answer": 2 * n, "generation": f"{seed}",
             "predicted_answer": "4", "num_generated_tokens": 9,
             "symbolic_correct": seed == 0, "judgement": "Reasoning.\nJudgement: Yes"}
            for n in range(2)
        ]  # fmt: skip
        write(tmp_path / f"output-rs{seed}.jsonl", rows)
    brought = import_nemo_skills(tmp_path, run, model="qwen")
    assert (brought.problems, brought.samples, brought.models) == (2, 6, ("qwen",))
    assert [s.text for s in samples(run)][:3] == ["0", "1", "10"]
    said = verdicts(run)
    assert [said["1", n, "symbolic", 0] for n in range(3)] == [ACCEPT, REJECT, REJECT]
    assert said["0", 2, "judgement", 0] is ACCEPT
    assert run.problems()[1] == Problem("1", "1+1?", {"answer": "2"})


def test_a_row_that_failed_is_left_out_and_counted(tmp_path: Path, run: Run) -> None:
    rows = [{"id": "a", "generation": "4"}, {"id": "b", "generation": "", "error": "timed out"}]
    brought = import_nemo_skills(write(tmp_path / "output.jsonl", rows), run)
    assert (brought.samples, brought.failed) == (1, 1)


# Large Language Monkeys, and When To Solve, When To Verify


def monkeys(folder: Path, name: str, **held: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(held))


def test_monkeys_bring_answers_tests_and_verdicts(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "samples"
    monkeys(folder, "2", prompt="p", samples=["a", "b"], gt_answer=r"so \boxed{\frac12}.",
            is_corrects=[True, False])  # fmt: skip
    monkeys(folder, "10", question="q", samples=["c"], test_cases={"input": ["1"], "output": ["2"]})
    brought = import_monkeys(folder, run, model="llama")
    assert (brought.problems, brought.samples, brought.verdicts) == (2, 3, 2)
    assert run.problems() == [
        Problem("2", "p", {"answer": r"\frac12"}),
        Problem("10", "q", {"cases": [{"input": "1", "output": "2"}]}),
    ]


def test_verifications_are_trials_and_what_was_not_found_is_none(tmp_path: Path, run: Run) -> None:
    monkeys(tmp_path / "samples", "0", prompt="p", samples=["a", "b"], gt_answer="4")
    said = [
        {"verification": "", "p(yes)": 0.75, "p(no)": 0.2},
        {"verification": "", "p(yes)": -1, "p(no)": 0.9},
        {"verification": "hm", "p(yes)": -1, "p(no)": -1},
        {"verification": "Is the answer correct (Yes/No)? Yes", "p(yes)": -1, "p(no)": -1},
    ]
    monkeys(tmp_path / "told" / "problem_0", "solution_1", prompt="v", verifications=said)
    import_monkeys(tmp_path / "samples", run, verifications=tmp_path / "told")
    scores = {v.trial: v.score for batch in run.read(Verdict) for v in batch}
    assert scores == pytest.approx({0: 0.75, 1: 0.1, 3: 1.0})
    assert set(verdicts(run).values()) == {ACCEPT, REJECT}
    with pytest.raises(ConfigError, match="there is no such folder"):
        import_monkeys(tmp_path / "samples", run, verifications=tmp_path / "nowhere")


# All of them


def test_numbers_in_names_are_numbers() -> None:
    outputs = ["output-rs10.jsonl", "output-rs2.jsonl"]
    assert sorted(outputs, key=natural) == outputs[::-1]
    epochs = ["7_epoch_10.json", "7_epoch_9.json"]
    assert sorted(epochs, key=natural) == epochs[::-1]


def refusal(bring: Importer, file: Path, run: Run) -> str:
    try:
        bring(file, run)
    except ConfigError as refused:
        return str(refused)
    return ""


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from places(item, (*path, at))


def changed(value: Any, path: tuple[Any, ...], to: Any) -> Any:
    if not path:
        return to
    copy = deepcopy(value)
    inside = copy
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = to
    return copy


EVALPLUS = {"eval": {"HumanEval/0": [{"solution": "", "base_status": "pass", "plus_status": None}]}}
MONKEY = {"prompt": "p", "samples": ["a"], "gt_answer": "4", "is_corrects": [True]}
LOGS: dict[str, tuple[str, Any, Importer]] = {
    "inspect": ("log.json", inspect_log(epoch(1, 1, "4", match="C")), import_inspect),
    "lm-eval": ("samples_t.jsonl", [doc(0, "4", exact_match=1.0)], import_lm_eval),
    "human-eval": ("s.jsonl", [{"task_id": "a", "completion": "x"}], import_human_eval),
    "evalplus": ("eval_results.json", EVALPLUS, import_evalplus),
    "nemo-skills": (
        "output.jsonl",
        [{"generation": "x", "expected_answer": 1}],
        import_nemo_skills,
    ),
    "monkeys": ("1.yaml", MONKEY, import_monkeys),
}


@pytest.mark.parametrize("kind", LOGS)
def test_a_log_imported_twice_is_one(tmp_path: Path, run: Run, kind: str) -> None:
    name, log, bring = LOGS[kind]
    file = write(tmp_path / name, log)
    bring(file, run)
    assert bring(file, run).present == 1
    assert len(samples(run)) == 1


@pytest.mark.parametrize("kind", LOGS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_damaged_log_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    name, log, bring = LOGS[kind]
    folder = tmp_path_factory.mktemp(kind)
    path = data.draw(st.sampled_from(list(places(log))))
    to = data.draw(st.sampled_from([None, 3, -1.5, "x", [], {}, [1], {"a": 1}, True, float("nan")]))
    file = write(folder / name, changed(log, path, to))
    assert "\n" not in refusal(bring, file, open_run(str(folder / "run")))
