"""Two processes that solve in one run draw nothing twice, and replay as they selected."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from vervet.policies.index import Index
from vervet.policies.majority import Majority
from vervet.selection import select
from vervet.store import open_run
from vervet.types import Problem, Sample, Selection

SOLVER = """
import asyncio, os, sys
import numpy as np
from vervet.engines import Local
from vervet.policies.index import Index
from vervet.policies.majority import Majority
from vervet.selection import solve
from vervet.store import open_run
from vervet.types import Outcome, Problem, Sample, Verdict

class Moody:
    id = "moody@1"
    def describe(self):
        return {{"model": "moody"}}
    async def draw(self, problem, indices, /):
        for index in indices:
            await asyncio.sleep(float(np.random.default_rng().random()) / 4)
            text = str(np.random.default_rng().integers(3))
            yield Sample(problem.id, self.id, index, text, completion_tokens=os.getpid())

class Key:
    id = "key@1"
    async def verify(self, problem, sample, trial, /):
        names = (problem.id, sample.sampler_id, sample.index, self.id, trial)
        if np.random.default_rng().random() < 0.1:
            raise RuntimeError("lost")
        return Verdict(*names, Outcome.ACCEPT, answer=sample.text)

problems = [Problem(f"p{{i}}", "?") for i in range(90)]
policy = {policy}
print("ready", flush=True)
sys.stdin.readline()
solve(open_run({url!r}), problems, policy, {{"": Moody()}}, {{"key": Key()}}, engine=Local(20))
"""


def started(url: str, *policies: str) -> list[subprocess.Popen[str]]:
    """Start processes that solve in one run, all at the same moment."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SOLVER.format(policy=policy, url=url)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for policy in policies
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


def ended(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0


def test_two_processes_draw_nothing_twice_and_replay_alike(tmp_path: Path) -> None:
    url = str(tmp_path / "run")
    ended(started(url, "Majority(3, 'key')", "Majority(3, 'key')", "Majority(5, 'key')"))
    run = open_run(url)
    live = [row for rows in run.read(Selection) for row in rows]
    for policy in (Majority(3, "key"), Majority(5, "key")):
        select(run, policy)
    key = lambda row: (row.problem_id, row.policy_id)  # noqa: E731
    again = [row for rows in run.read(Selection) for row in rows]
    assert sorted(again, key=key) == sorted(live, key=key)
    assert len(live) == 180
    stored = run.scan(Sample, ("completion_tokens",))
    assert len(stored) == 5 * 90
    assert len(Counter(stored["completion_tokens"].tolist())) > 1, "one process did it all"
    written = sum(int(name.split("-")[1]) for name in run.shards(Sample))
    assert written == 5 * 90


def test_an_index_waits_until_all_its_problems_are_free(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "run"))
    run.append([Problem(f"p{i}", "?") for i in range(90)])
    assert run.claim("moody@1 p7", range(2))
    processes = started(str(tmp_path / "run"), "Index('key', 4, limit=9)")
    time.sleep(1)
    assert run.shards(Sample) == []
    run.release("moody@1 p7", range(2))
    ended(processes)
    live = {row.problem_id: row for rows in run.read(Selection) for row in rows}
    select(run, Index("key", 4, limit=9))
    assert {row.problem_id: row for rows in run.read(Selection) for row in rows} == live
    assert len(live) == 90
