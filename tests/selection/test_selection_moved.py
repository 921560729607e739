"""A run that was moved to a table and back, shuffled or compacted is replayed as it was solved."""

from pathlib import Path

import duckdb
import pytest

from vervet import doors
from vervet.policies.cascade import Cascade
from vervet.policies.flow import Policy, name_of
from vervet.policies.index import Index
from vervet.policies.majority import Majority
from vervet.selection import select, solve
from vervet.store import Run, open_run
from vervet.transfer.exporting import export_table
from vervet.transfer.importing import import_table
from vervet.types import Problem, Sample, Selection, Verdict

KEY = "gsm8k-answer"
POLICIES: list[Policy] = [
    Cascade(Majority(3, KEY), Majority(2, KEY, model="marmoset-strong"), 0.9),
    Index(KEY, 40, limit=9, unit="tokens"),
]


@pytest.fixture(params=POLICIES, ids=name_of)
def solved(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Run, Policy]:
    policy: Policy = request.param
    run = open_run(str(tmp_path / "run"))
    models = {name: doors.sampler(name) for name in ("marmoset", "marmoset-strong")}
    solve(run, doors.dataset("embedded", limit=12), policy, models, {KEY: doors.verifier(KEY)})
    return run, policy


def told(run: Run) -> dict[str, tuple[object, ...]]:
    """Return what was selected, whatever the samplers are called."""
    return {
        row.problem_id: (
            row.index, row.reason, row.samples_paid, row.verifications_paid, row.tokens_paid
        )
        for rows in run.read(Selection) for row in rows
    }  # fmt: skip


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_table_of_a_run_is_replayed_as_the_run(
    solved: tuple[Run, Policy], ending: str, tmp_path: Path
) -> None:
    run, policy = solved
    export_table(run, tmp_path / f"table.{ending}")
    again = open_run(str(tmp_path / "again"))
    import_table(tmp_path / f"table.{ending}", again)
    select(again, policy)
    assert told(again) == told(run)
    assert len(told(run)) == 12


def test_a_run_is_replayed_alike_however_its_rows_are_stored(
    solved: tuple[Run, Policy], tmp_path: Path
) -> None:
    run, policy = solved
    live = told(run)
    for file in (tmp_path / "run").glob("*/*.parquet"):
        mixed = file.with_suffix(".mixed")
        duckdb.read_parquet(str(file)).order("random()").write_parquet(str(mixed))
        mixed.rename(file)
    select(run, policy)
    assert told(run) == live
    for kind in (Problem, Sample, Verdict, Selection):
        run.compact(kind)
    select(run, policy)
    assert told(run) == live
