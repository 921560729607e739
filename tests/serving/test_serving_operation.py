"""Running it: keys, caps, bounded bodies, backpressure, clients that leave, the end, the record."""

import asyncio
import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from vervet.costs.dollars import Price
from vervet.errors import ConfigError
from vervet.policies.adaptive import AdaptiveConsistency
from vervet.policies.majority import Majority
from vervet.serving import Ledger, Limits, Service, model_of, read_accounts

KEYS = """
[[key]]
name = "ann"
key = "sk-ann-0123456789"
tokens = 60

[[key]]
name = "bob"
key = "sk-bob-0123456789"
"""


def bearer(key: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {key}"}}


def keys(folder: Path, text: str = KEYS) -> Path:
    path = folder / "keys.toml"
    path.write_text(text)
    return path


async def never(_body: Any) -> Any:
    await asyncio.sleep(60)


async def until(true: Any) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def test_a_key_is_needed_and_its_cap_holds(lab: Any, tmp_path: Path) -> None:
    accounts = read_accounts(keys(tmp_path))
    async with lab.house(lab.says(["A: 1"]), accounts=accounts) as (_, client):
        nobody, error, _ = await client.post(lab.ASKED)
        wrong, _, _ = await client.post(lab.ASKED, **bearer("sk-ann-012345678"))
        anns = [(await client.post(lab.ASKED, **bearer("sk-ann-0123456789")))[0] for _ in range(3)]
        _, spent, headers = await client.post(lab.ASKED, **bearer("sk-ann-0123456789"))
        bobs, _, _ = await client.post(lab.ASKED, **bearer("sk-bob-0123456789"))
        async with client.session.get(f"{client.base}/v1/models") as response:
            models = response.status
    assert (nobody, wrong, error["error"]["code"]) == (401, 401, "invalid_api_key")
    assert anns == [200, 200, 429]  # 35 tokens each; 60 are reached after two
    assert spent["error"]["code"] == "insufficient_quota"
    assert "Retry-After" not in headers  # waiting does not help
    assert bobs == 200
    assert models == 401


async def test_a_cap_stops_a_flow_between_two_draws(lab: Any, tmp_path: Path) -> None:
    accounts = read_accounts(keys(tmp_path))
    texts = [f"A: {i}" for i in range(20)]
    policy = AdaptiveConsistency(20, "gsm8k-answer")
    async with lab.house(lab.says(texts), accounts=accounts, policy=policy) as (server, client):
        status, _, _ = await client.post(lab.ASKED, **bearer("sk-ann-0123456789"))
    assert status == 429
    assert len(server.asked) == 4  # 15 tokens each


async def test_a_cap_holds_for_many_at_once(lab: Any, tmp_path: Path) -> None:
    """What is in flight counts as what samples of this key cost so far: 35 tokens a time."""
    accounts = read_accounts(keys(tmp_path, KEYS.replace("tokens = 60", "tokens = 350")))
    ann, gate = bearer("sk-ann-0123456789"), asyncio.Event()

    async def answer(body: Any) -> Any:
        await gate.wait()
        return lab.reply(["A: 1"] * body["n"])

    async with lab.house(answer, accounts=accounts) as (server, client):
        gate.set()
        await client.post(lab.ASKED, **ann)
        gate.clear()
        many = [asyncio.create_task(client.post(lab.ASKED, **ann)) for _ in range(40)]
        await until(lambda: sum(task.done() for task in many) == 31)
        gate.set()
        found = [await task for task in many]
        spent, _, _ = await client.post(lab.ASKED, **ann)
    held = [
        (error["error"]["code"], headers["Retry-After"]) for s, error, headers in found if s != 200
    ]
    assert held == [("rate_limit_exceeded", "1")] * 31
    assert (len(server.asked), spent) == (10, 429)
    account = next(a for a in accounts.all if a.name == "ann")
    assert (account.spent_tokens, account.under_way) == (350, 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"write \[\[key\]\] tables"),
        ('[[key]]\nname = "a"', "key of key 'a' is missing"),
        ('[[key]]\nname = "a"\nkey = "short"', "shorter than 16"),
        ('[[key]]\nname = "a"\nkey = "0123456789abcdef"\nlimit = 3', "no field 'limit'"),
        ("[[key", "cannot be read"),
        ("key = [1, 2]", r"write \[\[key\]\] tables"),
        *(
            (f'[[key]]\nname = "a"\nkey = "0123456789abcdef"\n{cap}', f"{words}, no amount")
            for cap, words in [
                ("usd = nan", "usd of key 'a' is nan"),
                ("usd = inf", "usd of key 'a' is inf"),
                ("usd = -1.0", "usd of key 'a' is -1.0"),
                ("usd = true", "usd of key 'a' is True"),
                ("tokens = -5", "tokens of key 'a' is -5"),
            ]
        ),
        (KEYS.replace('"bob"', '"ann"'), "two keys are named 'ann'"),
    ],
)
def test_a_wrong_key_file_is_told_what_is_wrong(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        read_accounts(keys(tmp_path, text))


async def test_what_was_spent_outlives_the_gateway(lab: Any, tmp_path: Path) -> None:
    file, ann, bob = tmp_path / "spent.json", bearer("sk-ann-0123456789"), "sk-bob-0123456789"
    file.write_text('{"zoe": {"usd": 1.5, "tokens": 7}}')
    for expected in (200, 200, 429):  # 35 tokens each; 60 are reached after two
        accounts = read_accounts(keys(tmp_path))
        ledger = Ledger(file, accounts.all)
        async with lab.house(lab.says(["A: 1"]), accounts=accounts, ledger=ledger) as (_, client):
            assert (await client.post(lab.ASKED, **ann))[0] == expected
            assert (await client.post(lab.ASKED, **bearer(bob)))[0] == 200
    spent = json.loads(file.read_text())
    assert (spent["ann"]["tokens"], spent["bob"]["tokens"]) == (70, 105)
    assert spent["zoe"] == {"usd": 1.5, "tokens": 7}, "a key that is not served now"


async def test_spending_is_written_while_the_gateway_runs(lab: Any, tmp_path: Path) -> None:
    file, accounts = tmp_path / "spent.json", read_accounts(keys(tmp_path))
    ledger = Ledger(file, accounts.all)
    async with lab.house(lab.says(["A: 1"]), accounts=accounts, ledger=ledger) as (_, client):
        await client.post(lab.ASKED, **bearer("sk-ann-0123456789"))
        await until(lambda: json.loads(file.read_text())["ann"]["tokens"] == 35)


@pytest.mark.parametrize("text", ["[]", "{", '{"ann": 3}', '{"ann": {"usd": -1, "tokens": 2}}'])
def test_a_file_of_something_else_is_not_overwritten(text: str, tmp_path: Path) -> None:
    file = tmp_path / "spent.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match="spending"):
        Ledger(file, ())
    assert file.read_text() == text


def test_spending_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        Ledger(tmp_path / "nowhere" / "spent.json", ())


async def test_a_cap_in_dollars_needs_a_price_and_holds(lab: Any, tmp_path: Path) -> None:
    accounts = read_accounts(keys(tmp_path, KEYS.replace("tokens = 60", "usd = 0.00005")))
    async with lab.model_server(lab.says(["A: 1"])) as server:
        model = model_of("m", lab.sampler(server))
        with pytest.raises(ConfigError, match="the price of 'm' is not known"):
            Service(lab.menu(model), accounts)
        model.price = Price(input=1.0, output=1.0)
        asked = lab.ASKED | {"vervet": {"details": True}}
        async with lab.serving(lab.menu(model), accounts=accounts) as client:
            _, first, _ = await client.post(asked, **bearer("sk-ann-0123456789"))
            await client.post(asked, **bearer("sk-ann-0123456789"))
            third, _, _ = await client.post(asked, **bearer("sk-ann-0123456789"))
    assert first["vervet"]["usd"] == pytest.approx(35e-6)
    assert third == 429


async def test_bodies_are_bounded_and_must_say_they_are_json(lab: Any) -> None:
    async with lab.house(lab.says(["A: 1"]), limits=Limits(body=1000)) as (_, client):
        large, error, _ = await client.post(lab.ASKED | {"user": "x" * 2000})
        url = client.base + lab.CHAT
        async with client.session.post(url, data=json.dumps(lab.ASKED)) as response:
            plain = response.status
        deep = b'{"model": ' + b"[" * 400 + b"]" * 400 + b"}"
        json_type = {"headers": {"Content-Type": "application/json"}}
        async with client.session.post(url, data=deep, **json_type) as response:
            nested, said = response.status, await response.json()
        async with client.session.get(url) as response:
            method, allow = response.status, response.headers["Allow"]
        async with client.session.get(client.base + "/v2") as response:
            absent = await response.json()
    assert (large, error["error"]["type"]) == (413, "invalid_request_error")
    assert (plain, nested, method, allow) == (415, 400, 405, "POST")
    assert "nested deeper than 100" in said["error"]["message"]
    assert absent["error"]["type"] == "not_found_error"


async def test_a_page_elsewhere_cannot_reach_it_by_its_own_name(lab: Any) -> None:
    async with lab.house(lab.says(["A: 1"])) as (server, client):
        status, body, _ = await client.post(lab.ASKED, headers={"Host": "evil.example"})
    assert (status, body["error"]["type"]) == (403, "permission_error")
    assert server.asked == []


async def test_too_many_requests_are_told_when_to_come_back(lab: Any) -> None:
    gate = asyncio.Event()

    async def slow(body: Any) -> Any:
        await gate.wait()
        return lab.reply(["A: 1"] * body["n"])

    async with lab.house(slow, limits=Limits(requests=2)) as (server, client):
        waiting = [asyncio.create_task(client.post(lab.ASKED)) for _ in range(2)]
        await until(lambda: len(server.asked) == 2)
        status, body, headers = await client.post(lab.ASKED)
        gate.set()
        served = [(await task)[0] for task in waiting]
        after, _, _ = await client.post(lab.ASKED)
    assert (status, body["error"]["code"]) == (429, "rate_limit_exceeded")
    assert int(headers["Retry-After"]) >= 1
    assert served == [200, 200]
    assert after == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_ends_the_work_for_it(lab: Any, stream: bool) -> None:  # noqa: FBT001 - a case
    async with lab.house(never, limits=Limits(silence=0.02)) as (server, client):
        asked = lab.ASKED | {"stream": stream}
        with pytest.raises(TimeoutError):
            await client.post(asked, timeout=aiohttp.ClientTimeout(total=0.15))
        await until(lambda: server.left == len(server.asked) == 1)
        await until(lambda: client.gateway.metrics.in_flight == 0)
        count = client.gateway.metrics.text()
    assert stream or 'vervet_requests_total{path="/v1/chat/completions",status="499"} 1' in count


async def test_an_answer_that_takes_too_long_is_given_up(lab: Any) -> None:
    async with lab.house(never, limits=Limits(seconds=0.1)) as (server, client):
        status, body, _ = await client.post(lab.ASKED)
        await until(lambda: server.left == 1)
    assert (status, body["error"]["message"]) == (504, "no answer after 0.1 s")


def test_two_gateways_never_keep_one_file(tmp_path: Path) -> None:
    file = tmp_path / "spent.json"
    code = "import sys, time; from vervet.serving import Ledger; Ledger(sys.argv[1], ());"
    code += "print('kept', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", code, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "kept\n"
        with pytest.raises(ConfigError, match="is kept by another gateway"):
            Ledger(file, ())
        other.kill()
    Ledger(file, ())


async def test_metrics_are_prometheus_text(lab: Any) -> None:
    async with lab.house(lab.says(["A: 1"])) as (_, client):
        await client.post(lab.ASKED)
        async with client.session.get(f"{client.base}/metrics") as response:
            kind, text = response.headers["Content-Type"], await response.text()
        async with client.session.get(f"{client.base}/healthz") as response:
            health = await response.json()
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    assert 'vervet_samples_total{model="m"} 5' in text.splitlines()
    assert "vervet_request_seconds_count 1" in text.splitlines()
    for line in text.splitlines():
        assert line.startswith("# ") or float(line.rpartition(" ")[2]) >= 0
    assert health == {"status": "ok"}


async def test_a_thousand_requests_leave_nothing_behind(lab: Any) -> None:
    async with lab.house(lab.says(["A: 1"]), policy=Majority(2, "exact")) as (server, client):

        async def some(count: int) -> int:
            for _ in range(count):
                await client.post(lab.ASKED)
            server.asked.clear()
            gc.collect()
            return len(gc.get_objects())

        before = await some(100)
        after = await some(900)
    assert after - before < 450  # half an object for each request
