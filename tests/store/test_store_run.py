"""A run returns what was appended, once for each key, whatever happens to its files."""

import dataclasses
import itertools
import logging
import os
import stat
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vervet.errors import ConfigError, StoreError
from vervet.store import Run, open_run
from vervet.store.places import LocalFolder
from vervet.types import Outcome, Problem, Sample, Selection, Verdict


@pytest.fixture(params=["folder", "memory"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    return open_run(tmp_path / "run" if request.param == "folder" else f"memory://{uuid4().hex}")


def samples(count: int, *, problems: int = 3, sampler: str = "model") -> list[Sample]:
    return [
        Sample(
            f"p{i % problems}",
            sampler,
            i // problems,
            f"reply {i} ✓",
            logprob=None if i % 3 else -1.5 * i,
            prompt_tokens=i if i % 2 else None,
            seed=2**62 + i,
        )
        for i in range(count)
    ]


def verdict(index: int, outcome: Outcome, **more: object) -> Verdict:
    return Verdict("p0", "model", index, "exact", 0, outcome, **more)  # type: ignore[arg-type]


def rows(run: Run, kind: type, where: dict[str, object] | None = None) -> list[object]:
    return list(itertools.chain.from_iterable(run.read(kind, where)))


def test_every_field_of_every_row_comes_back(run: Run) -> None:
    given_rows = samples(100)
    run.append(given_rows)
    assert rows(run, Sample) == given_rows


def test_a_verdict_comes_back(run: Run) -> None:
    given_rows = [
        verdict(0, Outcome.ACCEPT, answer="18", score=0.25, evidence='{"a": 1}', seconds=0.5),
        verdict(1, Outcome.ERROR, detail="sandbox: no memory"),
    ]
    run.append(given_rows)
    assert rows(run, Verdict) == given_rows


def test_problems_come_back_in_their_order_with_references_and_conversations(run: Run) -> None:
    given_rows = [
        Problem("z", "1+1?", {"answer": 2, "tests": [{"in": "a", "out": None}]}),
        Problem("a", "and then?", {}, ({"role": "user", "content": "and then?"},)),
    ]
    run.append(given_rows)
    run.append([*given_rows, Problem("m", "new")])
    assert run.problems() == [*given_rows, Problem("m", "new")]


def test_a_problem_whose_content_changed_is_refused_by_name(run: Run) -> None:
    run.append([Problem("p", "1+1?", {"answer": 2})])
    with pytest.raises(ConfigError, match=r"data set changed under the run: problem 'p'"):
        run.append([Problem("p", "1+1?", {"answer": 3})])


def test_a_reference_that_is_not_json_is_a_user_error(run: Run) -> None:
    with pytest.raises(ConfigError, match="must be plain JSON data: set"):
        run.append([Problem("p", "?", {"answers": {1, 2}})])


def test_a_repeated_row_is_one_row_and_the_first_stands(run: Run) -> None:
    run.append([Sample("p", "model", 0, "first")])
    run.append([Sample("p", "model", 0, "second"), Sample("p", "model", 1, "other")])
    assert [row.text for row in rows(run, Sample)] == ["first", "other"]  # type: ignore[attr-defined]
    assert run.scan(Sample, ("text",))["text"].tolist() == ["first", "other"]


def test_a_later_judgement_replaces_an_error_but_never_the_reverse(run: Run) -> None:
    run.append([verdict(0, Outcome.ERROR), verdict(1, Outcome.REJECT)])
    run.append([verdict(0, Outcome.ACCEPT), verdict(1, Outcome.ERROR)])
    found = run.scan(Verdict, ("index", "outcome"))
    outcomes = dict(zip(found["index"].tolist(), found["outcome"].tolist(), strict=True))
    assert outcomes == {0: 0, 1: 1}
    assert found.categories["outcome"] == ("accept", "reject", "error")
    assert {row.index: row.outcome for row in rows(run, Verdict)} == {  # type: ignore[attr-defined]
        0: Outcome.ACCEPT,
        1: Outcome.REJECT,
    }


def test_conditions_hold_after_repeated_rows_are_one_row(run: Run) -> None:
    run.append([verdict(0, Outcome.ERROR), verdict(1, Outcome.ERROR)])
    run.append([verdict(0, Outcome.ACCEPT)])
    assert run.scan(Verdict, ("index",), {"outcome": "error"})["index"].tolist() == [1]
    assert [row.index for row in rows(run, Verdict, {"outcome": Outcome.ERROR})] == [1]  # type: ignore[attr-defined]


def test_the_last_selection_stands(run: Run) -> None:
    run.append([Selection("p", "majority", 3, "5 of 9 votes", "model")])
    run.append([Selection("p", "majority", None, "tie")])
    assert rows(run, Selection) == [Selection("p", "majority", None, "tie")]
    assert np.isnan(run.scan(Selection, ("index",))["index"]).tolist() == [True]


def test_unknown_numbers_are_nan_and_unknown_names_are_minus_one(run: Run) -> None:
    run.append([verdict(0, Outcome.REJECT), verdict(1, Outcome.ACCEPT, answer="7", score=0.5)])
    found = run.scan(Verdict, ("answer", "score", "prompt_tokens"))
    assert found["answer"].tolist() == [-1, 0]
    assert found.categories["answer"] == ("7",)
    assert np.isnan(found["score"]).tolist() == [True, False]
    assert np.isnan(found["prompt_tokens"]).all()


def test_an_empty_table_scans_to_empty_columns(run: Run) -> None:
    found = run.scan(Verdict, ("index", "outcome", "score"))
    assert len(found) == 0
    assert run.keys(Sample) == {}
    assert rows(run, Sample) == []


def test_keys_are_sorted_indices_for_each_problem_and_sampler(run: Run) -> None:
    run.append(samples(9)[::-1])
    run.append(samples(3, sampler="other"))
    keys = run.keys(Sample)
    assert keys["p1", "model"].tolist() == [0, 1, 2]
    assert keys["p1", "other"].tolist() == [0]
    assert set(run.keys(Sample, {"sampler_id": "other"})) == {(f"p{i}", "other") for i in range(3)}


def test_rows_can_be_asked_for_by_value_or_by_list(run: Run) -> None:
    run.append(samples(9))
    assert {row.problem_id for row in rows(run, Sample, {"problem_id": "p1"})} == {"p1"}  # type: ignore[attr-defined]
    assert len(run.scan(Sample, ("index",), {"problem_id": ["p0", "p2"], "index": 1})) == 2


def test_a_column_that_is_not_there_is_named_with_those_that_are(run: Run) -> None:
    with pytest.raises(StoreError, match=r"no column 'txt' in samples; it has problem_id"):
        run.scan(Sample, ("txt",))
    with pytest.raises(StoreError, match="no column 'problem' in samples"):
        list(run.read(Sample, {"problem": "p"}))


def test_text_that_is_not_utf8_is_stored_with_replacements(run: Run) -> None:
    run.append([Sample("p", "model", 0, "half \ud83d and \ud83d\ude00 and \0")])
    assert rows(run, Sample)[0].text == "half \ufffd and 😀 and \0"  # type: ignore[attr-defined]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(texts, st.integers(0, 5), texts, st.floats(allow_nan=False)), max_size=8))
def test_any_text_survives(cells: list[tuple[str, int, str, float]]) -> None:
    run = open_run(f"memory://{uuid4().hex}")
    wanted: dict[tuple[str, int], Sample] = {}
    for name, index, text, number in cells:
        row = Sample(name, "model", index, text, reasoning=text, seconds=number)
        wanted.setdefault((name, index), row)
        run.append([row])
    found = [row for batch in run.read(Sample) for row in batch]
    assert {(row.problem_id, row.index): row for row in found} == wanted
    assert len(run.scan(Sample, ("index",))) == len(wanted)


def test_settings_are_kept_by_id_and_the_last_stand(run: Run) -> None:
    run.describe("samplers", "openai/gpt:0f3a", {"url": "http://a", "temperature": 0.6})
    run.describe("samplers", "x" * 400, {})
    run.describe("samplers", "openai/gpt:0f3a", {"url": "http://b", "temperature": 0.6})
    found = run.descriptions("samplers")
    assert found["openai/gpt:0f3a"] == {"url": "http://b", "temperature": 0.6}
    assert set(found) == {"openai/gpt:0f3a", "x" * 400}


def test_events_come_back_in_order(run: Run) -> None:
    run.log([{"event": "a"}, {"event": "b"}])
    run.log([])
    run.log([{"event": "c"}])
    assert [event["event"] for event in run.events()] == ["a", "b", "c"]


def test_a_run_is_opened_again_with_its_seed(tmp_path: Path) -> None:
    assert open_run(tmp_path / "run", seed=7).seed == 7
    assert open_run(tmp_path / "run").seed == 7
    with pytest.raises(ConfigError, match="has seed 7, not 8"):
        open_run(tmp_path / "run", seed=8)


def test_a_run_that_is_not_there_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run at"):
        open_run(tmp_path / "nothing", create=False)
    assert not (tmp_path / "nothing").exists()


def test_a_run_that_gets_nothing_leaves_nothing(tmp_path: Path) -> None:
    run = open_run(tmp_path / "new" / "run")
    run.append([])
    run.log([])
    assert run.problems() == []
    assert not (tmp_path / "new").exists()
    run.append([Problem("p", "?")])
    assert open_run(tmp_path / "new" / "run", create=False).problems() == [Problem("p", "?")]


def test_a_run_that_another_made_meanwhile_keeps_its_seed(tmp_path: Path) -> None:
    late = open_run(tmp_path / "run")
    open_run(tmp_path / "run", seed=7)
    with pytest.raises(ConfigError, match="has seed 7, not 0"):
        late.append([Problem("p", "?")])
    assert open_run(tmp_path / "run").problems() == []


def test_a_file_is_not_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="file"):
        open_run(tmp_path / "file")


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"format": 99, "seed": 0}')
    with pytest.raises(StoreError, match="format 99"):
        open_run(tmp_path)


def test_a_torn_shard_is_set_aside_with_a_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = open_run(tmp_path)
    run.append(samples(30))
    run.append([Sample("torn", "model", 0, "lost")])
    shard = tmp_path / "samples" / run.shards(Sample)[-1]
    shard.write_bytes(shard.read_bytes()[:-100])
    with caplog.at_level(logging.WARNING, "vervet"):
        assert len(run.scan(Sample, ("index",))) == 30
    assert f"{shard.name} is torn: set aside" in caplog.text
    assert shard.with_name(f"{shard.name}.torn").exists()
    assert [event["event"] for event in run.events()] == ["torn"]
    assert rows(open_run(tmp_path), Sample) == samples(30)


@pytest.mark.parametrize("damage", ["empty", "half", "flipped"])
def test_every_kind_of_damage_is_survived_while_reading_rows(tmp_path: Path, damage: str) -> None:
    run = open_run(tmp_path)
    run.append(samples(30))
    run.append(
        [Sample("torn", "model", i, np.random.default_rng(i).bytes(200).hex()) for i in range(99)]
    )
    shard = tmp_path / "samples" / run.shards(Sample)[-1]
    whole = bytearray(shard.read_bytes())
    middle = len(whole) // 2
    if damage == "flipped":
        whole[middle : middle + 2000] = bytes(byte ^ 0xFF for byte in whole[middle : middle + 2000])
    shard.write_bytes(bytes({"empty": b"", "half": whole[:middle], "flipped": whole}[damage]))
    assert [r for r in rows(run, Sample) if r.problem_id != "torn"] == samples(30)  # type: ignore[attr-defined]


def test_a_shard_that_may_not_be_read_is_an_error_and_stays(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    run.append(samples(3))
    shard = tmp_path / "samples" / run.shards(Sample)[0]
    shard.rename(shard.with_suffix(".kept"))
    shard.mkdir()  # cannot be opened, whoever asks, root included
    with pytest.raises(StoreError, match="cannot read samples"):
        run.scan(Sample, ("index",))
    assert shard.exists()


def test_what_writers_left_behind_is_swept_when_old(tmp_path: Path) -> None:
    open_run(tmp_path).append(samples(3))
    old, new = tmp_path / "tmp" / "old.parquet", tmp_path / "tmp" / "new.parquet"
    old.write_bytes(b"half a shard")
    new.write_bytes(b"being written")
    os.utime(old, (0, 0))
    assert rows(open_run(tmp_path), Sample) == samples(3)
    assert not old.exists()
    assert new.exists()


def test_a_read_only_run_can_be_read(tmp_path: Path) -> None:
    open_run(tmp_path).append(samples(3))
    for path in [*tmp_path.rglob("*"), tmp_path]:
        path.chmod(stat.S_IRUSR | (stat.S_IXUSR if path.is_dir() else 0))
    try:
        assert rows(open_run(tmp_path), Sample) == samples(3)
    finally:
        for path in [tmp_path, *tmp_path.rglob("*")]:
            path.chmod(stat.S_IRWXU)


def test_nothing_but_rows_of_the_four_tables_can_be_appended(run: Run) -> None:
    with pytest.raises(StoreError, match="no table of str; it has Problem, Sample"):
        run.append(["a"])


def test_rows_are_plain_dataclasses_after_reading(run: Run) -> None:
    run.append(samples(1))
    assert dataclasses.asdict(rows(run, Sample)[0]) == dataclasses.asdict(samples(1)[0])  # type: ignore[call-overload]


@pytest.mark.parametrize("content", ["", '{"id": tru', "[]", '{"id": "a"}', "3"])
def test_torn_settings_are_set_aside_and_written_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    run = open_run(tmp_path / "run")
    for name in ("model", "other"):
        run.describe("samplers", name, {"model": name})
    card = next(tmp_path.glob("run/samplers/model*"))
    card.write_text(content)
    assert run.descriptions("samplers") == {"other": {"model": "other"}}
    assert f"{card.name} is torn: set aside" in caplog.text
    assert card.with_name(f"{card.name}.torn").exists()
    card.write_text(content)
    run.describe("samplers", "model", {"model": "model"})
    assert run.descriptions("samplers")["model"] == {"model": "model"}


def test_a_line_of_the_log_that_is_none_is_left_out(run: Run) -> None:
    run.log([{"event": "one"}])
    run.log([{"event": "two"}])
    if isinstance(run.place, LocalFolder):
        first = run.place.root / "log" / run.place.names("log")[0]
        first.write_bytes(b'x{\n[]\n\xff\n{"event": "three"}\n')
        assert [event["event"] for event in run.events()] == ["three", "two"]
    else:
        assert [event["event"] for event in run.events()] == ["one", "two"]
