"""The cluster engine: the same rows, also when a node is killed in the middle.

Skipped where Ray is not installed: pip install 'vervet[ray]'.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from vervet.engines.ray import Ray
from vervet.errors import ConfigError, ModelError
from vervet.sampling import sample
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verification import Judging, verify

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'vervet[ray]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray's own warnings

PROBLEMS = [Problem(f"p{i}", "?") for i in range(8)]
NODE = {"num_cpus": 2, "object_store_memory": 80 * 2**20}


class Model:
    """Answers with the process that drew it."""

    id = "model-1"
    batch = 10

    def describe(self) -> Mapping[str, Any]:
        return {}

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        for index in indices:
            await asyncio.sleep(0.002)
            yield Sample(problem.id, self.id, index, str(os.getpid()))
        if problem.id == "p7" and 0 in indices:
            raise ModelError("broke off")


class Even:
    """Accepts even samples; fails at index 5."""

    id = "even-1"

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        if sample.index == 5:
            raise RuntimeError("boom")
        outcome = Outcome.REJECT if sample.index % 2 else Outcome.ACCEPT
        return Verdict(problem.id, sample.sampler_id, sample.index, self.id, trial, outcome)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - only where Ray is installed

    checks = {"health_check_period_ms": 500, "health_check_failure_threshold": 3}
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "_system_config": checks})
    cluster.add_node(**NODE)
    ray.init(address=cluster.address, log_to_driver=False)
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # nodes lack this file
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return open_run(tmp_path / "run")


def workers(run: Run) -> set[str]:
    return set(run.scan(Sample, ("text",))["text"].tolist())


@pytest.mark.usefixtures("cluster")
def test_samples_and_verdicts_come_back_from_several_processes(run: Run) -> None:
    engine = Ray(concurrency=8)
    judging = Judging(run, Even(), engine=engine)
    drawn = sample(
        run, PROBLEMS, Model(), n=40, engine=Ray(actors=2, concurrency=8), then=[judging]
    )
    assert (drawn.drawn, drawn.missing) == (320, 0)
    (judged,) = drawn.then
    assert (judged.accepted, judged.errors) == (160, 8)
    assert judged.reasons == {"even-1: RuntimeError: boom": 8}
    assert str(os.getpid()) not in workers(run)
    assert verify(run, Even(), engine=engine).retried == 8


@pytest.mark.usefixtures("cluster")
def test_a_worker_that_cannot_start_is_one_clear_error(run: Run) -> None:
    class Absent(Model):
        def __reduce__(self) -> tuple[Any, ...]:
            return __import__, ("no_such_module_on_the_nodes",)

    with pytest.raises(ConfigError, match=r"no Ray worker can start: .*no_such_module"):
        sample(run, PROBLEMS, Absent(), n=1, engine=Ray(actors=1))


def test_a_killed_node_loses_nothing(run: Run, cluster: Any) -> None:
    node = cluster.add_node(**NODE)
    killed: list[int] = []

    def watch(progress: Any) -> None:
        if not killed and len(workers(run)) >= 5:  # two on each of three nodes
            killed.append(progress.done)
            cluster.remove_node(node, allow_graceful=False)

    engine = Ray(concurrency=24, batch_rows=64, batch_seconds=0.2)
    drawn = sample(run, PROBLEMS, Model(), n=2000, engine=engine, watch=watch)
    assert 0 < killed[0] < 15_000
    assert (drawn.drawn, drawn.missing) == (16_000, 0)
    assert sum(map(len, run.keys(Sample).values())) == 16_000
