"""Real programs as models: shells and Python, well and badly behaved."""

import asyncio
import json
import os
import pickle
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from vervet import registry
from vervet.errors import ConfigError, ModelError
from vervet.models.command import command
from vervet.types import Problem, Sample, Sampler

PROBLEM = Problem("p1", "What is 6 × 7?", {"answer": "forty-two"})


def python(code: str, **settings: Any) -> Any:
    return command(shlex.join([sys.executable, "-c", code]), **settings)


async def drawn(sampler: Any, count: int = 1) -> list[Sample]:
    return [s async for s in sampler.draw(PROBLEM, range(count))]


async def test_the_problem_goes_in_and_the_reply_comes_out() -> None:
    sampler = command("cat")
    samples = await drawn(sampler, 3)
    assert isinstance(sampler, Sampler)
    asked = [json.loads(s.text) for s in samples]
    assert {(a["id"], a["prompt"]) for a in asked} == {("p1", "What is 6 × 7?")}
    assert sorted(a["index"] for a in asked) == sorted(s.index for s in samples) == [0, 1, 2]
    assert len({s.seed for s in samples}) == 3


async def test_the_reference_is_never_shown() -> None:
    samples = await drawn(command("cat"))
    assert "forty-two" not in samples[0].text


async def test_stderr_is_kept_as_the_trajectory() -> None:
    samples = await drawn(python("import sys; print('42', end=''); sys.stderr.write('step 1')"))
    assert (samples[0].text, samples[0].reasoning) == ("42", "step 1")


async def test_a_program_may_print_json_with_tokens_and_cost() -> None:
    reply = {"text": "diff", "finish": "length", "completion_tokens": 7, "cost": 0.25}
    samples = await drawn(python(f"print({json.dumps(json.dumps(reply))})", output="json"))
    sample = samples[0]
    assert (sample.text, sample.finish, sample.completion_tokens, sample.cost) == (
        "diff", "length", 7, 0.25,
    )  # fmt: skip


@pytest.mark.parametrize("printed", ["nonsense", "[1]", '{"text": 3}', '{"text": "a", "x": 1}'])
async def test_json_that_is_no_reply_is_an_error(printed: str) -> None:
    with pytest.raises(ModelError, match="printed no JSON reply"):
        await drawn(python(f"print({printed!r})", output="json"))


async def test_only_the_allowed_environment_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_MODE", "fast")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    code = "import os, json; print(json.dumps(dict(os.environ)))"
    seen = json.loads((await drawn(python(code, env="AGENT_MODE")))[0].text)
    assert seen["AGENT_MODE"] == "fast"
    assert "OPENAI_API_KEY" not in seen


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; sys.exit('no patch today')", "status 1: no patch today"),
        ("import os; os.kill(os.getpid(), 9)", "status -9"),
    ],
)
async def test_a_program_that_fails_gives_no_sample(code: str, why: str) -> None:
    with pytest.raises(ModelError, match=f"2 of 2 samples of 'p1' are missing: .*{why}"):
        await drawn(python(code), 2)


async def test_a_program_that_is_not_there_is_a_clear_error() -> None:
    with pytest.raises(ModelError, match=r"\./no-such-agent does not start"):
        await drawn(command("./no-such-agent"))


async def test_samples_that_came_stand() -> None:
    code = "import json, sys; i = json.load(sys.stdin)['index']; sys.exit(i == 1); print(i)"
    got = set()
    with pytest.raises(ModelError, match="1 of 3 samples"):  # noqa: PT012 - keeps what came
        async for sample in python(code).draw(PROBLEM, range(3)):
            got.add(sample.index)
    assert got == {0, 2}


async def test_a_program_that_takes_too_long_ends_with_all_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    child = f"sh -c 'while true; do touch {mark}; sleep 0.05; done' & sleep 60"
    with pytest.raises(ModelError, match=r"longer than 0\.5 s"):
        await drawn(command(shlex.join(["sh", "-c", child]), timeout=0.5))
    mark.unlink(missing_ok=True)
    await asyncio.sleep(0.3)
    assert not mark.exists()


async def test_a_program_that_ignores_being_asked_to_stop_is_killed() -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    began = time.monotonic()
    with pytest.raises(ModelError, match="longer than"):
        await drawn(python(code, timeout=0.3))
    assert time.monotonic() - began < 10


async def test_a_program_that_prints_without_end_is_stopped() -> None:
    with pytest.raises(ModelError, match="printed more than 100000 bytes"):
        await drawn(command("yes", max_output=100_000))


async def test_a_program_need_not_read_the_problem() -> None:
    long = Problem("p", "x" * 1_000_000)
    samples = [s async for s in command("echo done").draw(long, [0])]
    assert samples[0].text == "done\n"


async def test_closing_the_iterator_ends_the_programs(tmp_path: Path) -> None:
    code = f"""
import json, sys, time, pathlib
if json.load(sys.stdin)["index"]:
    while True:
        pathlib.Path({str(tmp_path / "alive")!r}).touch()
        time.sleep(0.05)
"""
    samples = python(code, max_connections=2).draw(PROBLEM, [0, 1])
    await anext(samples)
    await samples.aclose()
    (tmp_path / "alive").unlink(missing_ok=True)
    await asyncio.sleep(0.3)
    assert not (tmp_path / "alive").exists()


async def test_no_more_programs_run_at_once_than_allowed_over_all_draws(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, time
here = pathlib.Path({str(tmp_path)!r})
(here / str(os.getpid())).touch()
end = time.monotonic() + 2  # to meet another, however slowly it starts
while len(list(here.iterdir())) < 2 and time.monotonic() < end:
    time.sleep(0.02)
print(len(list(here.iterdir())))
time.sleep(0.1)
(here / str(os.getpid())).unlink()
"""
    sampler = python(code, max_connections=2)
    drawn_ = await asyncio.gather(*(drawn(sampler, 3) for _ in range(2)))
    assert max(int(s.text) for samples in drawn_ for s in samples) == 2


def test_identity_is_the_command_line_and_its_revision() -> None:
    ids = {
        command("agent --steps 20").id, command("agent --steps 30").id,
        command("agent --steps 20", revision="2").id,
    }  # fmt: skip
    assert len(ids) == 3
    assert command("agent --steps 20", timeout=3, seed=4).id in ids
    assert command("/usr/bin/agent x").id.startswith("command-agent@")


def test_a_command_travels_to_another_process() -> None:
    sampler = command("agent x")
    assert pickle.loads(pickle.dumps(sampler)).id == sampler.id  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("line", "settings"),
    [("", {}), ("agent 'unclosed", {}), ("a", {"timeout": 0}), ("a", {"output": "xml"}),
     ("a", {"retries": 3})],
)  # fmt: skip
def test_a_command_that_cannot_be_is_one_clear_line(line: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as error:
        command(line, **settings)
    assert "\n" not in str(error.value)


def test_the_command_line_finds_it_by_name() -> None:
    found = registry.find("models", "command", model=f"{os.sep}bin/cat -u")
    assert found.argv == ("/bin/cat", "-u")
