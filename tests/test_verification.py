"""Verification judges what is not judged, streams, and never turns an error into an answer."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from vervet import waits
from vervet.engines import Local
from vervet.errors import AccessError, ConfigError, ModelError, SandboxError, VerifierError
from vervet.sampling import sample
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Progress, Sample, Verdict
from vervet.verification import Judging, verify
from vervet.verifiers.combine import all_of

PROBLEMS = [Problem(f"p{i}", "?", {"answer": str(i)}) for i in range(3)]
FAST = Local(concurrency=4, batch_rows=50, batch_seconds=0.05)


class Model:
    """Answers with its index."""

    batch = 8

    def __init__(self, name: str = "model-1") -> None:
        self.id = name

    def describe(self) -> Mapping[str, Any]:
        return {}

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        await asyncio.sleep(0)
        for index in indices:
            yield Sample(problem.id, self.id, index, str(index % 10))


class Exact:
    """Accepts a text equal to the reference answer; raises `error` where there is one."""

    id = "exact-1"

    def __init__(self, errors: Mapping[int, Exception] | None = None) -> None:
        self.errors = errors or {}
        self.judged: list[tuple[str, int, int]] = []

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        self.judged.append((sample.problem_id, sample.index, trial))
        if sample.index in self.errors:
            raise self.errors[sample.index]
        right = sample.text == problem.reference["answer"]
        outcome = Outcome.ACCEPT if right else Outcome.REJECT
        return Verdict(
            problem.id, sample.sampler_id, sample.index, self.id, trial, outcome, sample.text
        )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = open_run(tmp_path / "run")
    sample(run, PROBLEMS, Model(), n=20, engine=FAST)
    return run


def test_every_sample_is_judged_once(run: Run) -> None:
    exact = Exact()
    judged = verify(run, exact, engine=FAST)
    assert (judged.wanted, judged.present, judged.accepted, judged.rejected) == (60, 0, 6, 54)
    assert len(exact.judged) == len(set(exact.judged)) == 60
    assert len(run.scan(Verdict, ("index",))) == 60
    assert set(run.descriptions("verifiers")) == {"exact-1"}
    again = Exact()
    assert verify(run, again, engine=FAST).present == 60
    assert again.judged == []


def test_new_samples_and_new_trials_are_judged_and_nothing_else(run: Run) -> None:
    verify(run, Exact())
    sample(run, PROBLEMS, Model(), n=22, engine=FAST)
    exact = Exact()
    verify(run, exact, engine=FAST)
    assert set(exact.judged) == {(p.id, i, 0) for p in PROBLEMS for i in (20, 21)}
    exact = Exact()
    judged = verify(run, exact, trials=3, engine=FAST)
    assert judged.present == 66
    assert set(exact.judged) == {(p.id, i, t) for p in PROBLEMS for i in range(22) for t in (1, 2)}


def test_another_verifier_makes_other_rows(run: Run) -> None:
    verify(run, Exact())
    other = Exact()
    other.id = "exact-2"
    assert verify(run, other).accepted == 6
    assert len(run.scan(Verdict, ("index",))) == 120


def test_samplers_limit_what_is_judged(run: Run) -> None:
    sample(run, PROBLEMS, Model("model-2"), n=5)
    exact = Exact()
    assert verify(run, exact, samplers=["model-2"]).wanted == 15


def test_a_failing_verifier_makes_error_rows_which_the_next_call_retries(run: Run) -> None:
    broken = Exact({3: RuntimeError("no such\nfile"), 4: SandboxError("bubblewrap: cannot start")})
    judged = verify(run, broken, engine=FAST)
    assert (judged.accepted + judged.rejected, judged.errors) == (54, 6)
    assert judged.reasons == {
        "exact-1: RuntimeError: no such file": 3,
        "bubblewrap: cannot start": 3,
    }
    assert "failed to judge 6" in str(judged)
    errors = [v for batch in run.read(Verdict, {"outcome": "error"}) for v in batch]
    assert {(v.index, v.answer) for v in errors} == {(3, None), (4, None)}
    exact = Exact()
    again = verify(run, exact, engine=FAST)
    assert (again.present, again.retried, again.errors) == (54, 6, 0)
    assert {index for _, index, _ in exact.judged} == {3, 4}
    assert not list(run.read(Verdict, {"outcome": "error"}))
    assert len(run.scan(Verdict, ("index",))) == 60


def test_a_verdict_about_something_else_is_an_error(run: Run) -> None:
    class Confused(Exact):
        async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
            del problem
            return Verdict("p0", sample.sampler_id, 0, self.id, trial, Outcome.ACCEPT)

    judged = verify(run, Confused())
    assert (judged.accepted, judged.errors) == (1, 59)
    assert judged.reasons == {"exact-1 answered about something else": 59}


def test_a_sample_of_an_unknown_problem_is_an_error(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    run.append([Sample("nowhere", "model-1", 0, "1")])
    assert verify(run, Exact()).reasons == {"the run has no problem of this name": 1}


def test_a_wrong_setting_stops_at_once(run: Run) -> None:
    with pytest.raises(ConfigError, match="no key"):
        verify(run, Exact({5: ConfigError("no key for the judge")}))
    with pytest.raises(ConfigError, match="trials = 0"):
        verify(run, Exact(), trials=0)


def test_a_key_that_is_refused_stops_at_once(run: Run) -> None:
    exact = Exact({5: AccessError("http://judge: HTTP 401: wrong key")})
    with pytest.raises(ConfigError, match=r"HTTP 401: wrong key\. Check the key"):
        verify(run, exact, engine=FAST)
    assert len(exact.judged) < 60


class Distant(Exact):
    """Asks an address that answers so often and then is dead; some failures are no one's fault."""

    def __init__(self, answers: int, silent: Collection[int] = ()) -> None:
        super().__init__()
        self.left = answers
        self.silent = silent

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        await asyncio.sleep(0)
        if sample.index in self.silent:
            raise VerifierError("the judge said neither Yes nor No")
        self.left -= 1
        if self.left < 0:
            waits.failed("http://judge")
            raise ModelError("http://judge: HTTP 503 (after 8 tries)")
        waits.answered("http://judge")
        return await super().verify(problem, sample, trial)


def test_an_endpoint_that_died_is_given_up_and_what_finished_is_kept(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    sample(run, PROBLEMS, Model(), n=200, engine=FAST)
    judged = verify(run, Distant(100), engine=FAST)
    assert judged.accepted + judged.rejected == 100
    assert 2 * FAST.concurrency <= judged.errors < 4 * FAST.concurrency
    assert judged.untried == 600 - 100 - judged.errors
    assert judged.wanted == 600
    assert f"left {judged.untried} untried" in str(judged)
    again = verify(run, Exact(), engine=FAST)
    assert (again.present, again.retried) == (100, judged.errors)
    assert (again.accepted + again.rejected, again.untried) == (500, 0)


def test_failures_that_are_not_the_endpoints_end_nothing(run: Run) -> None:
    judged = verify(run, Distant(1_000, silent=range(1, 20)), engine=FAST)
    assert (judged.errors, judged.untried) == (57, 0)


def test_a_dead_judge_ends_nothing_where_other_parts_decide(run: Run) -> None:
    judged = verify(run, all_of((Exact(), Distant(0))), engine=FAST)
    assert (judged.rejected, judged.errors, judged.untried) == (54, 6, 0)


def test_sampling_goes_on_when_its_judge_is_given_up(run: Run) -> None:
    drawn = sample(run, PROBLEMS, Model(), n=200, then=[Judging(run, Distant(50))], engine=FAST)
    (judged,) = drawn.then
    assert drawn.drawn == 540
    assert judged.accepted + judged.rejected == 50
    assert judged.untried > 0
    assert verify(run, Exact()).untried == 0


HOLDER = """
import asyncio, sys
from vervet.store import open_run
from vervet.types import Outcome, Verdict
from vervet.verification import verify

class Exact:
    id = "exact-1"
    async def verify(self, problem, sample, trial, /):
        print("judging", flush=True)
        await asyncio.sleep(60)

verify(open_run(sys.argv[1]), Exact())
"""


@pytest.fixture
def holder(run: Run) -> Iterator[subprocess.Popen[str]]:
    """Another process that judges `run` with the same verifier, and is not done yet."""
    command = [sys.executable, "-c", HOLDER, run.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "judging\n"
        yield process
        process.kill()


def test_two_processes_never_judge_the_same(run: Run, holder: subprocess.Popen[str]) -> None:
    exact = Exact()
    with pytest.raises(ConfigError, match=r"another process judges .* with exact-1 now"):
        verify(run, exact)
    assert exact.judged == []
    other = Exact()
    other.id = "exact-2"
    assert verify(run, other).accepted == 6
    drawn = sample(run, PROBLEMS, Model(), n=22, then=[Judging(run, exact)], engine=FAST)
    (judged,) = drawn.then
    assert {index for _, index, _ in exact.judged} == {20, 21}
    assert (judged.wanted, judged.accepted + judged.rejected, judged.elsewhere) == (6, 6, 60)
    assert "left 60 to another process" in str(judged)
    holder.kill()
    holder.wait()
    assert verify(run, exact).present == 6
    assert len(exact.judged) == len(set(exact.judged)) == 66


def test_a_verifier_that_cannot_begin_claims_nothing(run: Run) -> None:
    class Broken(Exact):
        def describe(self) -> Mapping[str, Any]:
            raise ConfigError("no model")

    with pytest.raises(ConfigError, match="no model"):
        verify(run, Broken())
    taken = "from vervet.store import open_run; import sys; run = open_run(sys.argv[1]);"
    taken += "sys.exit(not run.claim('verify exact-1 all', range(1)))"
    assert subprocess.run([sys.executable, "-c", taken, run.url], check=False).returncode == 0


def test_the_verifier_says_how_much_at_once_and_is_closed(run: Run) -> None:
    class Narrow(Exact):
        concurrency = 2
        now = most = 0
        closed = False

        async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.001)
            self.now -= 1
            return await super().verify(problem, sample, trial)

        async def aclose(self) -> None:
            self.closed = True

    narrow = Narrow()
    verify(run, narrow)
    assert narrow.most == 2
    assert narrow.closed


def test_sampling_and_verification_stream_at_the_same_time(run: Run) -> None:
    order: list[str] = []

    class Slow(Model):
        async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
            order.append("draw")
            await asyncio.sleep(0.02)
            async for row in super().draw(problem, indices):
                yield row

    class Watched(Exact):
        async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
            order.append("verify")
            return await super().verify(problem, sample, trial)

    exact = Watched({7: RuntimeError("x")})
    judging = Judging(run, exact, engine=FAST)
    drawn = sample(run, PROBLEMS, Slow(), n=200, then=[judging], engine=Local(2, 20, 0.02))
    (judged,) = drawn.then
    assert drawn.drawn == 540
    assert judged.wanted == 600
    assert judged.errors == 3
    assert len(exact.judged) == len(set(exact.judged)) == 600
    assert order.index("verify") < len(order) - 1 - order[::-1].index("draw")


def test_several_verifiers_can_follow_one_sampling(run: Run) -> None:
    other = Exact()
    other.id = "exact-2"
    stages = [Judging(run, Exact()), Judging(run, other, trials=2)]
    drawn = sample(run, PROBLEMS, Model(), n=30, then=stages)
    assert [judged.wanted for judged in drawn.then] == [90, 180]
    assert len(run.scan(Verdict, ("index",))) == 270


def test_a_failing_stage_ends_the_sampling_with_its_error(run: Run) -> None:
    stage = Judging(run, Exact({25: ConfigError("no key for the judge")}))
    with pytest.raises(ConfigError, match="no key"):
        sample(run, PROBLEMS, Model(), n=5000, then=[stage], engine=FAST)
    assert len(run.scan(Sample, ("index",))) >= 60


def test_progress_counts_what_is_judged_of_all(run: Run) -> None:
    told: list[Progress] = []
    verify(run, Exact({0: RuntimeError("x")}), engine=FAST, watch=told.append)
    assert (told[-1].done, told[-1].total, told[-1].failed) == (57, 60, 3)
