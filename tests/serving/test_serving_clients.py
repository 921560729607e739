"""The official client unchanged, hostile bodies, the OpenAPI document held to its word."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from socket import AF_INET6, create_server
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vervet.policies.flow import Policy
from vervet.policies.majority import Majority
from vervet.serving.answers import votes
from vervet.serving.asking import Asked, read, read_body
from vervet.serving.menu import Menu
from vervet.serving.openapi import document
from vervet.serving.refusals import Refusal
from vervet.serving.telemetry import Traces
from vervet.serving.votes import calls_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = [
    "model", "messages", "prompt", "stream", "stream_options", "n", "best_of", "vervet", "seed",
    "temperature", "top_p", "max_tokens", "stop", "response_format", "tools", "logprobs",
]  # fmt: skip
TURNS = st.lists(st.dictionaries(st.sampled_from(["role", "content"]), JSON | st.just("user")))
SPECS = st.text() | st.sampled_from(["majority:n=2", "m:majority:n=-1", "fixed", "m:", "m::", "m"])
OURS = st.fixed_dictionaries({}, optional={"policy": SPECS, "details": JSON, "on_abstain": JSON})
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "model": SPECS,
    "messages": st.just([{"role": "user", "content": "6 * 7?"}]) | TURNS,
    "vervet": OURS,
}
BODIES = st.fixed_dictionaries(
    {}, optional={name: GOOD.get(name, JSON) | JSON for name in FIELDS}
) | st.fixed_dictionaries(GOOD, optional={name: JSON for name in FIELDS if name not in GOOD})


def attempt(work: Callable[[], Any]) -> Any:
    """Return what `work` gives, or the status of its refusal; anything else is a failure."""
    try:
        return work()
    except Refusal as refusal:
        return refusal.status


@settings(max_examples=300, deadline=None)
@given(BODIES, st.sampled_from(["chat", "completions"]))
def test_any_body_is_read_or_refused(body: Any, endpoint: Any) -> None:
    found = attempt(lambda: read(read_body(json.dumps(body).encode()), endpoint))
    assert isinstance(found, Asked) or found == 400


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    found = attempt(lambda: read_body(data))
    assert isinstance(found, dict) or found == 400


@given(st.text())
def test_any_policy_is_read_or_refused(spec: str) -> None:
    menu = Menu({}, Majority(2, "exact"), {})
    found = attempt(lambda: menu.read(spec))
    assert isinstance(found, Policy) or found == 400


@given(JSON)
def test_any_tool_call_is_a_vote_or_none(value: Any) -> None:
    vote = calls_of(json.dumps(value))
    assert vote is None or isinstance(json.loads(vote), list)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"a": NaN}', "NaN is no number in JSON"),
        (b'{"a": [-Infinity]}', "-Infinity is no number"),
        (b'{"a": 1e999}', "'1e999' is too large"),
        (b'{"a": "\xed\xa0\x80"}', "can't decode"),
        ('{"a": "\\ud800"}'.encode("utf-16"), "can't decode"),
        (b'{"a": "\\ud800"}', "half a character"),
    ],
)
def test_what_json_cannot_say_is_not_passed_on(body: bytes, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        read_body(body)


def test_no_votes_are_no_table() -> None:
    assert votes([]) == {}


@pytest.mark.slow
async def test_a_thousand_malformed_bodies_bring_no_failure_of_ours(lab: Any) -> None:
    """Bodies go over the wire; the model server refuses nothing, so every 5xx would be ours."""
    found: list[int] = []
    async with lab.house(lab.says(["A: 1"]), policy=Majority(2, "exact")) as (_, client):
        loop = asyncio.get_running_loop()

        @settings(
            max_examples=1000, deadline=None, database=None,
            suppress_health_check=[HealthCheck.too_slow],
        )  # fmt: skip
        @given(BODIES | JSON, st.sampled_from(["/v1/chat/completions", "/v1/completions"]))
        def ask(body: Any, path: str) -> None:
            async def post() -> int:
                json_type = {"Content-Type": "application/json"}
                url, data = client.base + path, json.dumps(body).encode()
                async with client.session.post(url, data=data, headers=json_type) as response:
                    await response.read()
                    return int(response.status)

            status = asyncio.run_coroutine_threadsafe(post(), loop).result(10)
            found.append(status)
            assert status in {200, 400, 404}

        await asyncio.to_thread(ask)
    assert len(found) >= 1000
    assert {200, 400, 404} <= set(found)


async def test_the_official_client_works_unchanged(lab: Any) -> None:
    openai = pytest.importorskip("openai", reason="pip install openai")
    async with (
        lab.house(lab.says(["A: 42", "A: 41", "A: 42"])) as (_, client),
        openai.AsyncOpenAI(base_url=f"{client.base}/v1", api_key="none") as api,
    ):
        models = [m.id async for m in api.models.list()]
        assert (await api.models.retrieve("m:majority:n=3")).id == "m:majority:n=3"
        with pytest.raises(openai.NotFoundError, match="no model 'x'"):
            await api.models.retrieve("x")
        with pytest.raises(openai.NotFoundError, match="POST /v1/responses: Not Found"):
            await api.responses.create(model="m", input="6 * 7?")
        made = await api.chat.completions.create(
            **lab.ASKED, extra_body={"vervet": {"policy": "majority:n=3", "details": True}}
        )
        stream = await api.chat.completions.create(
            **lab.ASKED, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        plain = await api.completions.create(model="m", prompt="6 * 7?")
        with pytest.raises(openai.BadRequestError, match="the policy decides"):
            await api.chat.completions.create(**lab.ASKED, n=3)
        with pytest.raises(openai.NotFoundError, match="no model 'x'"):
            await api.chat.completions.create(**lab.ASKED | {"model": "x"})
    assert models == ["m", "vervet"]
    assert made.choices[0].message.content == "A: 42"
    assert made.vervet["votes"] == {"gsm8k-answer": {"42": 2, "41": 1}}
    assert made.usage.total_tokens == 25
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "A: 42"
    assert chunks[-1].usage.total_tokens == 35
    assert plain.choices[0].text == "A: 42"


@pytest.mark.slow
async def test_the_openapi_document_is_true(lab: Any, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="pip install schemathesis")
    async with lab.house(lab.says(["A: 1", "A: 2"]), policy=Majority(2, "exact")) as (_, client):
        done = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("schemathesis")), "run",
            f"{client.base}/openapi.json", "--max-examples", "100", "--seed", "1",
            "--exclude-checks", "positive_data_acceptance", "--suppress-health-check", "all",
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said = (await done.communicate())[0].decode()
    assert done.returncode == 0, said[-6000:]
    cases = re.search(r"([\d,]+) generated", said)
    assert cases is not None, said[-6000:]
    assert int(cases[1].replace(",", "")) >= 1000


def test_the_openapi_document_names_every_route_and_refers_to_what_is_there() -> None:
    described = document(1)
    endpoints = {"/v1/chat/completions", "/v1/completions", "/v1/models", "/v1/models/{model}"}
    assert set(described["paths"]) == endpoints | {"/healthz", "/metrics", "/openapi.json"}
    written = json.dumps(described)
    for kind, table in described["components"].items():
        for name in table if kind != "securitySchemes" else ():
            assert f'"#/components/{kind}/{name}"' in written, f"{kind} {name} is not used"


async def test_traces_follow_the_conventions_for_generative_models(lab: Any) -> None:
    trace = pytest.importorskip("opentelemetry.sdk.trace", reason="pip install 'vervet[telemetry]'")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    kept, provider = memory.InMemorySpanExporter(), trace.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(kept))
    parent = {"Traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    async with lab.house(lab.says(["A: 1"]), traces=Traces(provider)) as (server, client):
        await client.post(lab.ASKED, headers=parent)
        await client.stream(lab.ASKED)
    spans = [s for s in kept.get_finished_spans() if s.name == "chat m"]
    assert len(spans) == 2
    assert f"{spans[0].context.trace_id:032x}" == "ab" * 16
    told = [f"00-{s.context.trace_id:032x}-{s.context.span_id:016x}" for s in spans]
    assert [h["traceparent"][:-3] for h in server.headers] == told, "the model's server goes on"
    assert {span.kind.name for span in spans} == {"SERVER"}
    for span in spans:
        assert span.attributes["gen_ai.usage.output_tokens"] == 25
        assert span.attributes["vervet.samples"] == 5


def speaks_ipv6() -> bool:
    try:
        create_server(("::1", 0), family=AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path, host: str) -> None:
    if ":" in host and not speaks_ipv6():
        pytest.skip("this machine has no IPv6")
    policy = tmp_path / "policy.toml"
    policy.write_text('schema = "vervet.policy/1"\npolicy = "majority:n=2,verifier=exact"\n')
    words = [
        "serve",
        str(policy),
        "-m",
        "marmoset",
        "--set",
        "max_tokens=8",
        "--host",
        host,
        "--port",
        "0",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "vervet", *words],
        stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=os.environ | {"VERVET_SERVE_KEY": ""},
    ) as process:  # fmt: skip
        assert process.stderr is not None
        address = process.stderr.readline().split()[0]
        body = '{"model": "marmoset", "messages": [{"role": "user", "content": "hi"}]}'
        asked = subprocess.run(
            ["curl", "-sg", f"{address}/chat/completions", "-H", "Content-Type: application/json",
             "-d", body], capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
    assert json.loads(asked.stdout)["usage"]["completion_tokens"] > 0
    assert process.returncode == 0
    assert rest == "ending; requests in flight are finished first (again ends them)\n"
