"""Merging, other processes and full disks: a run is whole at every moment."""

import itertools
import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from vervet.errors import StoreError
from vervet.store import Run, open_run
from vervet.store import shards as shards_module
from vervet.store.database import Database
from vervet.types import Outcome, Problem, Sample, Verdict


def small_shards(run: Run, count: int, rows: int = 5) -> list[Sample]:
    whole = []
    for number in range(count):
        batch = [Sample(f"p{i}", "model", number, f"reply {number}") for i in range(rows)]
        run.append(batch)
        whole += batch
    return whole


def rows_of(run: Run, kind: type = Sample) -> list[object]:
    return sorted(itertools.chain.from_iterable(run.read(kind)), key=repr)


def test_compaction_leaves_one_shard_that_says_the_same(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    whole = small_shards(run, 12)
    run.append(whole[:7])  # repeated rows
    assert run.compact(Sample) == 12
    assert len(run.shards(Sample)) == 1
    assert rows_of(run) == sorted(whole, key=repr)
    assert run.compact(Sample) == 0


def test_compaction_keeps_the_verdict_that_is_not_an_error(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    outcomes = [Outcome.ERROR, Outcome.REJECT, Outcome.ERROR, Outcome.ACCEPT]
    for outcome in outcomes:
        run.append([Verdict("p", "model", 0, "exact", 0, outcome)])
    run.compact(Verdict)
    assert [row.outcome for row in rows_of(run, Verdict)] == [Outcome.REJECT]  # type: ignore[attr-defined]


def test_compaction_keeps_the_first_of_two_samples_and_the_order_of_problems(
    tmp_path: Path,
) -> None:
    run = open_run(tmp_path)
    problems = [Problem(name, "?") for name in "zab"]
    for problem in problems:
        run.append([problem])
    for text in ("first", "second", "third"):
        run.append([Sample("p", "model", 0, text)])
    run.compact(Sample)
    run.compact(Problem)
    run.append([Sample("p", "model", 0, "fourth")])
    assert [row.text for row in rows_of(run)] == ["first"]  # type: ignore[attr-defined]
    assert len(run.shards(Problem)) == 1
    assert run.problems() == problems


def test_many_small_shards_are_merged_as_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards_module, "MANY_SHARDS", 8)
    run = open_run(tmp_path)
    for number in range(30):
        run.append([Sample("p", "model", number, "x")])
        run.tidy(Sample)
        assert len(run.shards(Sample)) < 8
    assert run.keys(Sample)["p", "model"].tolist() == list(range(30))


def test_a_compaction_that_died_half_way_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(tmp_path)
    whole = small_shards(run, 4)
    removed: list[str] = []

    def die(names: Sequence[str]) -> None:
        os.unlink(tmp_path / names[0])  # noqa: PTH108 - one of four, then the end
        removed.extend(names)
        raise KeyboardInterrupt

    monkeypatch.setattr(run.place, "remove", die)
    with pytest.raises(KeyboardInterrupt):
        run.compact(Sample)
    assert len(removed) == len(run.shards(Sample)) == 4  # three old ones and the merged one
    again = open_run(tmp_path)
    assert rows_of(again) == sorted(whole, key=repr)
    again.compact(Sample)
    assert rows_of(again) == sorted(whole, key=repr)


def test_readers_see_every_row_while_shards_are_merged(tmp_path: Path) -> None:
    writer, reader = open_run(tmp_path), open_run(tmp_path)
    whole = sorted(small_shards(writer, 40), key=repr)
    done = threading.Event()

    def churn() -> None:
        for number in range(12):
            writer.append([Sample("more", "model", number, "x")])
            writer.compact(Sample)
        done.set()

    thread = threading.Thread(target=churn)
    thread.start()
    rounds = 0
    while not done.is_set() or rounds < 3:
        seen = [row for row in rows_of(reader) if row.problem_id != "more"]  # type: ignore[attr-defined]
        assert seen == whole
        assert (
            len(reader.scan(Sample, ("index",), {"problem_id": [f"p{i}" for i in range(5)]})) == 200
        )
        rounds += 1
    thread.join()


def test_two_processes_may_compact_at_once(tmp_path: Path) -> None:
    whole = sorted(small_shards(open_run(tmp_path), 40), key=repr)
    script = (
        "import sys; from vervet.store import open_run; from vervet.types import Sample; "
        "open_run(sys.argv[1]).compact(Sample)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script, tmp_path]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    run = open_run(tmp_path)
    assert rows_of(run) == whole
    run.compact(Sample)
    assert len(run.shards(Sample)) == 1


def bulky(start: int, count: int) -> list[Sample]:
    rng = np.random.default_rng(start)
    return [Sample("p", "model", start + i, rng.bytes(400).hex()) for i in range(count)]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_a_clear_error_that_loses_nothing(tiny_disk: Path) -> None:
    run = open_run(tiny_disk / "run")
    run.append(bulky(0, 100))
    with pytest.raises(StoreError, match=r"the disk is full: 4,000 samples not written to .*/run"):
        run.append(bulky(100, 4000))
    assert run.keys(Sample)["p", "model"].tolist() == list(range(100))
    assert list((tiny_disk / "run" / "tmp").iterdir()) == []
    run.append(bulky(100, 50))  # what fits still fits
    assert len(run.scan(Sample, ("index",))) == 150


LIMITED = """
import resource, signal, sys
import numpy as np
from vervet.errors import StoreError
from vervet.store import open_run
from vervet.types import Sample

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = open_run(sys.argv[1])
rng = np.random.default_rng(0)
rows = [Sample("p", "model", i, rng.bytes(400).hex()) for i in range(2100)]
run.append(rows[:100])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    run.append(rows[100:])
except StoreError as error:
    print(error)
"""


def test_a_file_size_limit_is_a_clear_error_that_loses_nothing(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.startswith("the disk is full: 2,000 samples not written")
    assert out.count("\n") == 1
    run = open_run(tmp_path)
    assert len(run.scan(Sample, ("index",))) == 100
    assert list((tmp_path / "tmp").iterdir()) == []


KILLED = """
import sys
from vervet.store import open_run
from vervet.types import Sample
run = open_run(sys.argv[1])
start = 1 + max((int(x[-1]) for x in run.keys(Sample).values()), default=-1)
for number in range(start, 10**6):
    run.append([Sample("p", "model", number, "reply " * 50)])
    print(number, flush=True)
    if number % 10 == 0:
        run.compact(Sample)
"""


@pytest.mark.slow
def test_appending_and_compacting_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    last = -1
    for _ in range(5):
        command = [sys.executable, "-c", KILLED, str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        threading.Event().wait(rng.uniform(0.02, 0.4))
        process.kill()
        lines = process.communicate()[0].splitlines()
        last = max([last, *(int(line) for line in lines)])
        indices = open_run(tmp_path).keys(Sample)["p", "model"].tolist()
        assert indices == list(range(len(indices)))
        assert len(indices) > last
    assert last > 20


def test_a_query_that_is_interrupted_is_an_interrupt_and_no_torn_shard() -> None:
    numbers = "SELECT sum(hash(a.range * b.range)) FROM range(100000) a, range(1000000) b"

    def asked() -> None:
        with Database()._cursor() as cursor:
            threading.Timer(0.2, cursor.interrupt).start()
            cursor.execute(numbers)

    with pytest.raises(KeyboardInterrupt):
        asked()
