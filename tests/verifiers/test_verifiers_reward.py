"""Reward models over HTTP: four known forms, any other by mapping, process scores reduced."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from vervet import waits
from vervet.errors import AccessError, ConfigError, VerifierError
from vervet.types import Outcome, Problem, Sample
from vervet.verifiers.reward import Form, filled, numbers, reward

PROBLEM = Problem("p", "What is {solution}?", {"answer": "2"})
SAMPLE = Sample("p", "m", 3, "<think>hm</think>It is 2.")
Serve = Callable[[Any], Awaitable[tuple[str, list[tuple[str, Any]]]]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server that gives one reply and keeps what it was asked."""
    runners: list[web.AppRunner] = []

    async def start(reply: Any) -> tuple[str, list[tuple[str, Any]]]:
        asked: list[tuple[str, Any]] = []

        async def handler(request: web.Request) -> web.Response:
            asked.append((request.path, await request.json()))
            return web.json_response(reply)

        app = web.Application()
        app.router.add_post("/{rest:.*}", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}", asked

    yield start
    for runner in runners:
        await runner.cleanup()


KNOWN = [
    ("score", {"data": [{"index": 0, "score": 0.73}]}, "/score", "text_2", "It is 2."),
    ("pooling", {"data": [{"data": [0.73]}]}, "/pooling", "model", "rm"),
    ("classify", {"data": [{"probs": [0.27, 0.73]}]}, "/classify", "model", "rm"),
    ("tei", [[{"label": "r", "score": 0.73}]], "/predict", "inputs",
     [["What is {solution}?", "It is 2."]]),
]  # fmt: skip


@pytest.mark.parametrize(("form", "reply", "path", "key", "value"), KNOWN)
async def test_known_servers_are_asked_and_read_in_their_own_form(
    form: str, reply: Any, path: str, key: str, value: Any, serve: Serve
) -> None:
    url, asked = await serve(reply)
    verdict = await reward("rm", base_url=url, form=form).verify(PROBLEM, SAMPLE, 1)
    assert (verdict.outcome, verdict.trial, verdict.index) == (Outcome.ACCEPT, 1, 3)
    assert verdict.score == pytest.approx(0.73, abs=1e-12)
    assert asked[0][0] == path
    assert asked[0][1][key] == value


@pytest.mark.parametrize(
    ("reduce", "expected"), [("last", 0.5), ("min", 0.2), ("product", 0.08), ("mean", 0.5)]
)
async def test_process_scores_are_reduced_as_chosen_and_kept(
    reduce: str, expected: float, serve: Serve
) -> None:
    url, _ = await serve({"data": [{"data": [[0.8], [0.2], [0.5]]}]})
    verifier = reward("prm", base_url=url, form="pooling", reduce=reduce)
    verdict = await verifier.verify(PROBLEM, SAMPLE, 0)
    assert verdict.score == pytest.approx(expected)
    assert json.loads(verdict.evidence)["scores"] == [0.8, 0.2, 0.5]
    assert (verdict.outcome is Outcome.ACCEPT) is (expected >= 0.5)


async def test_any_json_endpoint_by_mapping(serve: Serve) -> None:
    url, asked = await serve({"out": {"r": -3}})
    form = Form("judge/v2", {"q": "{problem}", "deep": [{"a": "A: {solution}"}], "k": 1}, "out.r")
    verdict = await reward(base_url=url, form=form, threshold=-5).verify(PROBLEM, SAMPLE, 0)
    assert (verdict.score, verdict.outcome) == (-3.0, Outcome.ACCEPT)
    body = {"q": "What is {solution}?", "deep": [{"a": "A: It is 2."}], "k": 1}
    assert asked == [("/judge/v2", body)]


@pytest.mark.parametrize("reply", [{}, {"data": []}, [], {"data": [{"score": None}]},
                                   {"data": [{"score": "high"}]}, {"data": [{"score": True}]},
                                   {"data": [{"score": []}]}])  # fmt: skip
async def test_a_reply_without_a_number_is_our_error(reply: Any, serve: Serve) -> None:
    url, _ = await serve(reply)
    with pytest.raises(VerifierError, match="the reward server's"):
        await reward("rm", base_url=url).verify(PROBLEM, SAMPLE, 0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_scores_are_finite(value: float) -> None:
    with pytest.raises(VerifierError, match="no number"):
        numbers(value, "data")


@pytest.mark.parametrize(("text", "finish"), [("", "stop"), ("half", "length")])
async def test_what_is_no_solution_is_rejected_without_asking(
    text: str, finish: str, serve: Serve
) -> None:
    url, asked = await serve({})
    sample = Sample("p", "m", 0, text, finish)
    verdict = await reward("rm", base_url=url).verify(PROBLEM, sample, 0)
    assert (verdict.outcome, verdict.score, asked) == (Outcome.REJECT, None, [])


def test_words_are_put_in_once() -> None:
    words = {"{model}": "{problem}", "{problem}": "{solution}", "{solution}": "{model}"}
    assert filled("{model}-{problem}-{solution}", words) == "{problem}-{solution}-{model}"


def test_identity_depends_on_what_the_score_means_not_on_the_address() -> None:
    def made(**settings: Any) -> str:
        return reward("rm", **{"base_url": "http://a", **settings}).id

    assert made() == made(base_url="http://b") == made(seconds=3)
    others: list[dict[str, Any]] = [
        {"form": "tei"}, {"reduce": "min"}, {"threshold": 0.0}, {"scores": "x"},
    ]  # fmt: skip
    assert len({made(), *(made(**other) for other in others)}) == 5


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"form": "guess"}, "form 'guess' is none of score"),
        ({"reduce": "max"}, "reduce 'max' is none of last"),
        ({"threshold": float("nan")}, "is not a number"),
        ({"base_url": "nowhere"}, "does not begin with http"),
    ],
)
def test_bad_settings_are_one_clear_line(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        reward("rm", **{"base_url": "http://a", **settings})


async def test_an_address_with_secrets_is_asked_whole_and_shown_without() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return web.Response(status=418, text="you sent token=t0ken")

    app = web.Application()
    app.router.add_post("/{rest:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://me:passw0rd@127.0.0.1:{runner.addresses[0][1]}/v1?token=t0ken"
    verifier = reward("rm", base_url=url)
    with pytest.raises(VerifierError) as refused:
        await verifier.verify(PROBLEM, SAMPLE, 0)
    await runner.cleanup()
    assert asked == ["/v1/score?token=t0ken"]
    assert "HTTP 418: you sent ***" in str(refused.value)
    for text in (str(refused.value), repr(verifier)):
        assert "passw0rd" not in text
        assert "t0ken" not in text


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_key_that_is_refused_ends_it_all(status: int) -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=status, text="no such key")

    app = web.Application()
    app.router.add_post("/{rest:.*}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    verifier = reward("rm", base_url=f"http://127.0.0.1:{runner.addresses[0][1]}")
    with pytest.raises(AccessError, match=f"HTTP {status}: no such key"):
        await verifier.verify(PROBLEM, SAMPLE, 0)
    await runner.cleanup()


async def test_a_server_that_is_not_there_is_told_of_and_said_in_plain_words() -> None:
    here = waits.opened()
    verifier = reward("rm", base_url="http://127.0.0.1:9", tries=1)
    with pytest.raises(VerifierError, match="no connection: Connection refused"):
        await verifier.verify(PROBLEM, SAMPLE, 0)
    assert list(here.failures.values()) == [1]


async def test_a_reply_without_end_is_refused(
    monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    monkeypatch.setattr("vervet.verifiers.endpoint.LONGEST_REPLY", 1_000)
    url, _ = await serve({"data": "x" * 2_000})
    with pytest.raises(VerifierError, match="a reply of more than 1,000 bytes"):
        await reward("rm", base_url=url).verify(PROBLEM, SAMPLE, 0)
