"""Sampling draws what is missing, once, and loses nothing that it reported."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vervet.engines import Local
from vervet.errors import ConfigError, ModelError, StoreError
from vervet.sampling import sample
from vervet.store import Run, open_run
from vervet.types import Problem, Progress, Sample

PROBLEMS = [Problem(f"p{i}", f"{i}+1?", {"answer": i + 1}) for i in range(4)]
FAST = Local(concurrency=4, batch_rows=50, batch_seconds=0.05)


class Model:
    """Answers with the index; fails where told to."""

    id = "model-1"
    batch = 8

    def __init__(self, fails: Callable[[str, int], bool] = lambda _problem, _index: False) -> None:
        self.fails = fails
        self.asked: list[tuple[str, int]] = []

    def describe(self) -> Mapping[str, Any]:
        return {"provider": "test"}

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        self.asked += [(problem.id, index) for index in indices]
        await asyncio.sleep(0)
        for index in indices:
            if self.fails(problem.id, index):
                raise ModelError("503 from the endpoint")
            yield Sample(
                problem.id,
                self.id,
                index,
                f"reply {index}",
                prompt_tokens=10,
                shared_tokens=0 if index == indices[0] else 10,
                completion_tokens=2,
                cost=0.5,
            )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return open_run(tmp_path / "run")


def recorded(run: Run) -> dict[str, list[int]]:
    return {name: indices.tolist() for (name, _), indices in run.keys(Sample).items()}


def test_all_wanted_samples_are_drawn_once(run: Run) -> None:
    model = Model()
    drawn = sample(run, PROBLEMS, model, n=20, engine=FAST)
    assert (drawn.wanted, drawn.present, drawn.drawn, drawn.missing) == (80, 0, 80, 0)
    assert recorded(run) == {p.id: list(range(20)) for p in PROBLEMS}
    assert len(model.asked) == len(set(model.asked)) == 80
    assert run.problems() == PROBLEMS
    assert run.descriptions("samplers") == {"model-1": {"provider": "test"}}


def test_problems_take_turns_but_the_last_requests_come_by_length_of_the_prompt(run: Run) -> None:
    problems = [Problem(str(length), "x" * length) for length in (1, 3, 2)]
    model = Model()
    sample(run, problems, model, n=24, engine=Local(concurrency=4))
    first_of_each = [name for name, index in model.asked if index % model.batch == 0]
    assert first_of_each == ["1", "3", "2", "1", "3", "3", "2", "2", "1"]
    assert recorded(run) == {name: list(range(24)) for name in ("1", "2", "3")}


def test_as_few_requests_as_may_be_are_about_equally_large(run: Run) -> None:
    model = Model()
    sample(run, PROBLEMS[:1], model, n=10, engine=FAST)
    sample(run, PROBLEMS[:2], model, n=12, engine=FAST)
    assert {index for _, index in model.asked} == set(range(12))
    drawn = run.scan(Sample, ("problem_id", "index", "shared_tokens"))
    firsts = drawn.keep(drawn["shared_tokens"] == 0)
    assert sorted(firsts["index"].tolist()) == [0, 0, 5, 6, 10]  # of 8 at most


def test_the_accounts_add_up(run: Run) -> None:
    drawn = sample(run, PROBLEMS, Model(), n=16, engine=FAST)
    assert drawn.completion_tokens == 4 * 16 * 2
    assert drawn.prompt_tokens == 4 * 2 * 10  # two requests a problem, each prompt billed once
    assert drawn.dollars == pytest.approx(32.0)


def test_an_unknown_price_is_unknown(run: Run) -> None:
    class Silent(Model):
        async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
            for index in indices:
                yield Sample(problem.id, self.id, index, "")

    assert sample(run, PROBLEMS, Silent(), n=2).dollars is None


def test_the_same_call_again_draws_nothing_and_a_larger_one_the_rest(run: Run) -> None:
    sample(run, PROBLEMS, Model(), n=10, engine=FAST)
    again = Model()
    assert sample(run, PROBLEMS, again, n=10, engine=FAST).present == 40
    assert again.asked == []
    assert sample(run, PROBLEMS, again, n=12, engine=FAST).drawn == 8
    assert set(again.asked) == {(p.id, i) for p in PROBLEMS for i in (10, 11)}


def test_what_failed_is_counted_with_its_reason_logged_and_drawn_by_the_next_call(run: Run) -> None:
    broken = Model(fails=lambda problem, index: problem == "p1" and index == 5)
    drawn = sample(run, PROBLEMS, broken, n=16, engine=FAST)
    assert drawn.missing == 3  # 5, and 6 and 7 which the request would have brought after it
    assert drawn.reasons == {"503 from the endpoint": 3}
    (event,) = run.events()
    assert event["problem_id"] == "p1"
    assert event["missing"] == 3
    assert "missing 3" in str(drawn)
    assert repr(drawn) == str(drawn)  # as a notebook shows it
    assert sample(run, PROBLEMS, Model(), n=16, engine=FAST).drawn == 3
    assert recorded(run) == {p.id: list(range(16)) for p in PROBLEMS}


def test_a_foreign_exception_of_a_model_fails_its_request_only(run: Run) -> None:
    def bug(problem: str, index: int) -> bool:
        if problem == "p2":
            raise KeyError(index)
        return False

    drawn = sample(run, PROBLEMS, Model(fails=bug), n=4, engine=FAST)
    assert drawn.reasons == {"model-1: KeyError: 0": 4}
    assert drawn.drawn == 12


def test_an_endpoint_that_is_down_is_given_up(run: Run) -> None:
    model = Model(fails=lambda _problem, _index: True)
    drawn = sample(run, PROBLEMS, model, n=8000, engine=FAST)
    assert drawn.drawn == 0
    assert drawn.missing == 32_000 == sum(drawn.reasons.values())
    assert len(model.asked) < 500
    assert "not tried: every request had failed for some time" in drawn.reasons


def test_samples_nobody_asked_for_are_dropped_and_those_not_given_are_missing(run: Run) -> None:
    class Odd(Model):
        async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
            for index in [*indices[1:], *indices[1:], 99]:
                yield Sample(problem.id, self.id, index, "x")

    drawn = sample(run, PROBLEMS, Odd(), n=4)
    assert (drawn.drawn, drawn.missing) == (12, 4)
    assert drawn.reasons == {"the endpoint returned fewer samples than asked for": 4}
    assert recorded(run) == {p.id: [1, 2, 3] for p in PROBLEMS}


def test_no_samples_cannot_be_asked_for(run: Run) -> None:
    with pytest.raises(ConfigError, match="n = 0"):
        sample(run, PROBLEMS, Model(), n=0)


def test_a_changed_data_set_stops_before_anything_is_drawn(run: Run) -> None:
    sample(run, PROBLEMS, Model(), n=1)
    model = Model()
    with pytest.raises(ConfigError, match="'p0'"):
        sample(run, [Problem("p0", "other")], model, n=2)
    assert model.asked == []


def test_a_wrong_setting_stops_at_once_and_keeps_what_came(run: Run) -> None:
    class Refused(Model):
        async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
            if problem.id == "p3":
                await asyncio.sleep(0.02)
                raise ConfigError("401: wrong key")
            async for row in super().draw(problem, indices):
                yield row

    with pytest.raises(ConfigError, match="wrong key"):
        sample(run, PROBLEMS, Refused(), n=8, engine=FAST)
    assert {name for name, _ in run.keys(Sample)} == {"p0", "p1", "p2"}


def test_a_batch_that_cannot_be_stored_is_one_clear_error(tmp_path: Path) -> None:
    class Full(Run):
        def append(self, rows: Sequence[object], *, new: bool = False) -> None:
            if rows and isinstance(rows[0], Sample) and rows[0].index >= 8:
                raise StoreError("the disk is full")
            super().append(rows, new=new)

    plain = open_run(tmp_path / "run")
    run = Full(plain.place, plain.seed)
    with pytest.raises(StoreError, match="the disk is full"):
        sample(run, PROBLEMS[:1], Model(), n=1000, engine=Local(1, 8, 0.05))
    assert recorded(run)["p0"][:8] == list(range(8))


def test_progress_never_reports_more_than_is_stored(run: Run) -> None:
    told: list[tuple[int, int]] = []

    def watch(progress: Progress) -> None:
        told.append((progress.done, len(run.scan(Sample, ("index",)))))

    sample(run, PROBLEMS, Model(), n=200, engine=FAST, watch=watch)
    assert told[-1] == (800, 800)
    assert all(done <= stored for done, stored in told)


async def test_it_works_where_an_event_loop_is_running(run: Run) -> None:
    assert sample(run, PROBLEMS, Model(), n=3).drawn == 12


def test_the_sampler_is_closed(run: Run) -> None:
    class Connected(Model):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    model = Connected()
    sample(run, PROBLEMS, model, n=1)
    assert model.closed


FILLER = """
import asyncio, sys
from vervet.engines import Local
from vervet.sampling import sample
from vervet.store import open_run
from vervet.types import Problem, Progress, Sample

class Model:
    id = "model-1"
    batch = 8
    asked = 0
    def describe(self): return {}
    async def draw(self, problem, indices):
        Model.asked += len(indices)
        await asyncio.sleep(0.004)
        for index in indices:
            yield Sample(problem.id, self.id, index, f"reply {index} " * 20)

def watch(progress):
    print("stored", progress.done, flush=True)

run = open_run(sys.argv[1])
problems = [Problem(f"p{i}", "?") for i in range(5)]
engine = Local(concurrency=4, batch_rows=40, batch_seconds=0.05)
print("ready", flush=True)
if len(sys.argv) > 3:
    sys.stdin.readline()
drawn = sample(run, problems, Model(), n=int(sys.argv[2]), engine=engine, watch=watch)
print("asked", Model.asked, flush=True)
"""


def filler(run: Path, n: int, *waiting: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FILLER, str(run), str(n), *waiting]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def together(processes: list[subprocess.Popen[str]]) -> None:
    """Let processes begin when all of them are ready."""
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def output(process: subprocess.Popen[str]) -> list[str]:
    out, _ = process.communicate(timeout=60)
    return out.splitlines()


def reported(lines: list[str]) -> int:
    return max((int(line.split()[1]) for line in lines if line.startswith("stored")), default=0)


@pytest.mark.slow
def test_killed_at_any_moment_it_loses_nothing_it_reported_and_completes(tmp_path: Path) -> None:
    rng = np.random.default_rng(2026)
    folder, n, most = tmp_path / "run", 400, 0
    for _ in range(6):
        process = filler(folder, n)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)
        most = max(most, reported(output(process)))
        assert len(open_run(folder).scan(Sample, ("index",))) >= most
    assert reported(output(filler(folder, n))) == 5 * n
    run = open_run(folder)
    rows = [(row.problem_id, row.index) for batch in run.read(Sample) for row in batch]
    assert sorted(rows) == [(f"p{i}", j) for i in range(5) for j in range(n)]


@pytest.mark.slow
def test_two_processes_fill_one_run_and_ask_for_nothing_twice(tmp_path: Path) -> None:
    processes = [filler(tmp_path / "run", 400, "wait") for _ in range(2)]
    together(processes)
    asked = [int(output(process)[-1].split()[1]) for process in processes]
    assert sum(asked) == 5 * 400
    assert min(asked) > 0
    run = open_run(tmp_path / "run")
    assert recorded(run) == {f"p{i}": list(range(400)) for i in range(5)}


@pytest.mark.slow
def test_what_a_killed_process_had_claimed_is_drawn_by_the_other(tmp_path: Path) -> None:
    first, second = filler(tmp_path / "run", 400), filler(tmp_path / "run", 400)
    assert first.stdout is not None
    assert first.stdout.readline() == "ready\n"
    time.sleep(0.3)
    first.kill()
    output(first)
    assert reported(output(second)) == 2000


@pytest.mark.slow
def test_an_interrupt_keeps_what_finished(tmp_path: Path) -> None:
    process = filler(tmp_path / "run", 4000)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("stored"):
        pass
    process.send_signal(signal.SIGINT)
    lines = output(process)
    assert process.returncode not in {0, -signal.SIGKILL}
    stored = len(open_run(tmp_path / "run").scan(Sample, ("index",)))
    assert max(reported(lines), 1) <= stored < 20_000
