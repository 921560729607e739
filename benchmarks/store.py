"""What storing and reading cost, against SQLite, PyArrow's Parquet and Delta Lake where installed.

    python benchmarks/store.py [--batches 200] [--rows 1000] [--verdicts 10000000]

The same rows for all: problem, index, text of about 400 bytes, log-probability, tokens. Each append
is durable (synced) when it returns. CPU milliseconds are of this process; wall times on a busy
machine say little. Must reach: at most 0.015 CPU-ms a sample in batches of 1,000 or more, and ten
million verdicts scanned as columns in seconds within 2 GB.
"""

import argparse
import contextlib
import importlib
import os
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vervet.store import open_run
from vervet.types import Outcome, Sample, Verdict

WORDS = ("so", "the", "total", "of", "apples", "is", "first", "add", "then", "times", "12", "gives")
PROSE = " ".join(np.random.default_rng(0).choice(WORDS, 200_000))

Append = Callable[[list[Sample]], None]
Count = Callable[[], int]


def batches(count: int, rows: int) -> list[list[Sample]]:
    """Return the rows that everyone stores."""
    starts = np.random.default_rng(1).integers(0, len(PROSE) - 400, count * rows).tolist()
    samples = [
        Sample(
            f"p{i % 128}", "model", i // 128, PROSE[start : start + 400],
            logprob=-0.01 * start, prompt_tokens=90, completion_tokens=100, seconds=1.5,
        )
        for i, start in enumerate(starts)
    ]  # fmt: skip
    return [samples[i : i + rows] for i in range(0, len(samples), rows)]


def vervet_store(folder: Path) -> tuple[Append, Count]:
    """Parquet shards as a set union: write, sync, rename, sync the folder."""
    run = open_run(folder / "run")
    return run.append, lambda: len(run.scan(Sample, ("index", "completion_tokens")))


def sqlite(folder: Path) -> tuple[Append, Count]:
    """SQLite with a write-ahead log, synced at each commit."""
    database = sqlite3.connect(folder / "run.sqlite")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(
        "CREATE TABLE samples (problem, sampler, number INTEGER, text, logprob REAL, "
        "prompt_tokens, completion_tokens, seconds, PRIMARY KEY (problem, sampler, number))"
    )

    def append(rows: list[Sample]) -> None:
        with database:
            database.executemany(
                "INSERT OR IGNORE INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        r.problem_id, r.sampler_id, r.index, r.text, r.logprob,
                        r.prompt_tokens, r.completion_tokens, r.seconds,
                    )
                    for r in rows
                ],
            )  # fmt: skip

    def count() -> int:
        columns = "SELECT number, completion_tokens FROM samples"
        return len(database.execute(columns).fetchall())

    return append, count


def _columns(rows: list[Sample]) -> dict[str, list[Any]]:
    names = ("problem_id", "index", "text", "logprob", "prompt_tokens", "completion_tokens")
    return {name: [getattr(row, name) for row in rows] for name in names}


def pyarrow(folder: Path) -> tuple[Append, Count]:
    """PyArrow's Parquet files with zstd, synced and renamed as ours."""
    arrow = importlib.import_module("pyarrow")
    parquet = importlib.import_module("pyarrow.parquet")
    numbers = iter(range(10**9))

    def append(rows: list[Sample]) -> None:
        path = folder / f"{next(numbers):09}.parquet"
        parquet.write_table(arrow.table(_columns(rows)), f"{path}.tmp", compression="zstd")
        for name in (f"{path}.tmp", str(folder)):
            descriptor = os.open(name, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        Path(f"{path}.tmp").rename(path)

    def count() -> int:
        table = parquet.read_table(folder, columns=["index", "completion_tokens"])
        return int(table.num_rows)

    return append, count


def delta(folder: Path) -> tuple[Append, Count]:
    """Delta Lake: a log of commits over Parquet files."""
    lake = importlib.import_module("deltalake")
    arrow = importlib.import_module("pyarrow")
    url = str(folder / "lake")

    def append(rows: list[Sample]) -> None:
        lake.write_deltalake(url, arrow.table(_columns(rows)), mode="append")

    def count() -> int:
        table = lake.DeltaTable(url).to_pyarrow_table(columns=["index", "completion_tokens"])
        return int(table.num_rows)

    return append, count


PEERS = {"vervet": vervet_store, "sqlite": sqlite, "pyarrow": pyarrow, "deltalake": delta}


def measure(name: str, work: list[list[Sample]]) -> None:
    """Append everything, read two columns back, and print what both took."""
    with tempfile.TemporaryDirectory() as temporary:
        try:
            append, count = PEERS[name](Path(temporary))
        except ModuleNotFoundError as error:
            print(f"{name:10} not installed: pip install pyarrow deltalake ({error.name})")
            return
        append(work[0])
        walls, began = [], time.process_time()
        for rows in work[1:]:
            start = time.perf_counter()
            append(rows)
            walls.append(1e3 * (time.perf_counter() - start))
        rows_appended = sum(map(len, work[1:]))
        cpu = 1e3 * (time.process_time() - began)
        start = time.perf_counter()
        found = count()
        scan = 1e3 * (time.perf_counter() - start)
        size = sum(p.stat().st_size for p in Path(temporary).rglob("*") if p.is_file())
        median, slow = statistics.median(walls), np.quantile(walls, 0.99)
        print(
            f"{name:10} {cpu / rows_appended:.4f} CPU-ms a row   append {median:6.1f} ms median, "
            f"{slow:6.1f} at 99 %   {size / found:5.0f} bytes a row   "
            f"two columns of {found:,} rows {scan:6.0f} ms"
        )


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    """Print what a block took."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{what}: {time.perf_counter() - wall:.1f} s, {time.process_time() - cpu:.1f} CPU-s, "
        f"peak {peak:.2f} GB"
    )


def verdicts(total: int) -> None:
    """Store many verdicts and scan the columns that analysis reads."""
    with tempfile.TemporaryDirectory() as temporary:
        run = open_run(temporary)
        rng = np.random.default_rng(2)
        with timed(f"{total:,} verdicts appended"):
            for start in range(0, total, 50_000):
                answers = rng.geometric(0.05, 50_000).tolist()
                run.append(
                    [
                        Verdict(
                            f"p{i % 128}", "model", i // 128, "exact", 0,
                            Outcome.ACCEPT if answer == 1 else Outcome.REJECT,
                            str(answer), answer / 100,
                        )
                        for i, answer in enumerate(answers, start)
                    ]
                )  # fmt: skip
        with timed(f"{total:,} verdicts scanned: problem, index, outcome, answer, score"):
            found = run.scan(Verdict, ("problem_id", "index", "outcome", "answer", "score"))
        print(f"{len(found):,} rows, {len(found.categories['answer'])} answers")


def main() -> None:
    """Compare appends, then scan many verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--verdicts", type=int, default=10_000_000)
    asked = parser.parse_args()
    work = batches(asked.batches, asked.rows)
    for name in PEERS:
        measure(name, work)
    if asked.verdicts:
        verdicts(asked.verdicts)


if __name__ == "__main__":
    main()
