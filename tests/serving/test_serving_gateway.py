"""What a client sees: answers, votes, abstention, totals, refusals; and what it cannot do."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from vervet.costs.dollars import Price
from vervet.errors import ConfigError
from vervet.models.marmoset import Marmoset
from vervet.policies.adaptive import AdaptiveConsistency
from vervet.policies.best_of import BestOf
from vervet.policies.majority import Majority
from vervet.policies.mixture import Mixture
from vervet.policies.refine import Refine
from vervet.serving import Limits, Service, model_of, one_key, upstream
from vervet.store import open_run
from vervet.types import Outcome, Problem, Sample, Verdict

FIVE = ["A: 42", "A: 41", "it is 42.", "A: 7", "A: 42.0"]
DETAILS = {"vervet": {"details": True}}


async def test_the_majority_is_returned_with_the_true_totals(lab: Any) -> None:
    async with lab.house(lab.says(FIVE)) as (server, client):
        status, body, _ = await client.post(lab.ASKED | DETAILS)
    assert status == 200
    assert body["choices"][0]["message"]["content"] == "A: 42"
    assert body["choices"][0]["finish_reason"] == "stop"
    usage = body["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (10, 25)
    assert usage["total_tokens"] == body["vervet"]["tokens"] == 35
    assert len(usage) == 3, "what was cached or thought is not known, which is not zero"
    assert body["vervet"]["votes"] == {"gsm8k-answer": {"42": 3, "41": 1, "7": 1}}
    assert body["vervet"]["confidence"] == 0.6
    assert len(body["vervet"]["verdicts"]) == 5
    assert server.asked[0]["n"] == 5
    assert server.asked[0]["messages"] == lab.ASKED["messages"]


async def test_what_was_cached_and_thought_is_part_of_the_totals(lab: Any) -> None:
    async def thinks(body: Any) -> Any:
        answer = lab.reply(["A: 1"] * body["n"])
        answer["usage"]["prompt_tokens_details"] = {"cached_tokens": 8}
        answer["usage"]["completion_tokens_details"] = {"reasoning_tokens": 20}
        return answer

    async with lab.house(thinks) as (_, client):
        _, body, _ = await client.post(lab.ASKED)
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 8}
    assert body["usage"]["completion_tokens_details"] == {"reasoning_tokens": 20}


async def test_without_being_asked_the_response_is_plain_openai(lab: Any) -> None:
    async with lab.house(lab.says(FIVE)) as (_, client):
        _, body, _ = await client.post(lab.ASKED)
    assert set(body) == {"id", "object", "created", "model", "choices", "usage"}


async def test_what_the_gateway_does_not_know_is_passed_on(lab: Any) -> None:
    more = {"temperature": 0.3, "tool_choice": "auto", "tools": [{"type": "function"}], "top_k": 4}
    async with lab.house(lab.says(FIVE)) as (server, client):
        await client.post(lab.ASKED | more | DETAILS | {"seed": 7})
        await client.post(lab.ASKED | {"seed": 7})
    sent = server.asked[0]
    assert {k: sent[k] for k in more} == more
    assert sent["seed"] == server.asked[1]["seed"] == 7
    assert "vervet" not in sent
    assert "stream" not in sent


async def test_tool_calls_vote_by_their_arguments_and_come_back_as_they_are(lab: Any) -> None:
    def call(number: int, arguments: str) -> dict[str, Any]:
        function = {"name": "add", "arguments": arguments}
        made = {"id": f"call_{number}", "type": "function", "function": function}
        message = {"role": "assistant", "content": None, "tool_calls": [made]}
        return {"index": number, "message": message, "finish_reason": "tool_calls"}

    async def answer(_body: Any) -> Any:
        written = ['{"a": 1}', '{"a":2, "b":3}', '{"b": 3.0, "a": 2}']
        return {"choices": [call(i, w) for i, w in enumerate(written)]}

    async with lab.house(answer, policy=Majority(3, "exact")) as (_, client):
        _, body, _ = await client.post(lab.ASKED | DETAILS)
        events = await client.stream(lab.ASKED)
    choice = body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["id"] == "call_1"
    assert max(body["vervet"]["votes"]["exact"].values()) == 2
    assert "usage" not in body  # the endpoint did not say; unknown is never zero
    assert events[0]["choices"][0]["delta"]["tool_calls"][0]["index"] == 0
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_structured_outputs_vote_on_parsed_json(lab: Any) -> None:
    texts = ['{"x": 2}', '{"a": 1, "x": 1.0}', '{"x":1,"a":1}', "no JSON"]
    wanted = {"response_format": {"type": "json_object"}}
    async with lab.house(lab.says(texts), policy=Majority(4, "exact")) as (server, client):
        _, body, _ = await client.post(lab.ASKED | wanted | DETAILS)
    assert body["choices"][0]["message"]["content"] == texts[1]
    assert body["vervet"]["votes"] == {"exact": {'{"a":1,"x":1}': 2, '{"x":2}': 1}}
    assert server.asked[0]["response_format"] == wanted["response_format"]


async def test_plain_completions_answer_a_text(lab: Any) -> None:
    asked = {"model": "m", "prompt": "Q: 6 times 7?"}
    async with lab.house(lab.says(FIVE)) as (server, client):
        _, body, _ = await client.post(asked, "/v1/completions")
        events = await client.stream(asked, "/v1/completions")
    assert server.asked[0]["prompt"] == "Q: 6 times 7?"
    assert body["object"] == "text_completion"
    assert body["choices"][0]["text"] == "A: 42"
    assert events[0]["choices"][0]["text"] == "A: 42"


async def test_a_stream_says_the_same_and_ends_with_the_usage(lab: Any) -> None:
    async with lab.house(lab.says(FIVE)) as (_, client):
        asked = lab.ASKED | {"stream_options": {"include_usage": True}} | DETAILS
        first, last, usage = await client.stream(asked)
    assert first["choices"][0]["delta"]["content"] == "A: 42"
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["vervet"]["samples"] == 5
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 35)
    assert {e["object"] for e in (first, last, usage)} == {"chat.completion.chunk"}


async def test_a_slow_stream_shows_that_work_goes_on(lab: Any) -> None:
    async def slow(body: Any) -> Any:
        await asyncio.sleep(0.2)
        return lab.reply(["A: 1"] * body["n"])

    async with lab.house(slow, limits=Limits(silence=0.05)) as (_, client):
        events = await client.stream(lab.ASKED)
    assert events[0] == ": at work"
    assert next(e for e in events if not isinstance(e, str))["choices"]


async def test_abstention_is_an_empty_reply_that_says_so(lab: Any) -> None:
    asked = lab.ASKED | {"vervet": {"policy": "majority:n=5,margin=0.9"}}
    async with lab.house(lab.says(FIVE)) as (_, client):
        status, body, _ = await client.post(asked)
        strict = {"vervet": asked["vervet"] | {"on_abstain": "error"}}
        refused, error, _ = await client.post(asked | strict)
        metrics = client.gateway.metrics.text()
    assert (status, body["choices"][0]["finish_reason"]) == (200, "stop")
    message = body["choices"][0]["message"]
    assert message["content"] == ""
    assert message["refusal"] == "abstained: the winner has 60% of the votes"
    assert body["vervet"] == {"abstained": True, "reason": "the winner has 60% of the votes"}
    assert body["usage"]["completion_tokens"] == 25  # abstaining is not free
    assert (refused, error["error"]["code"]) == (422, "abstained")
    assert 'vervet_selections_total{policy="majority",abstained="true"} 2' in metrics


async def test_the_model_name_may_end_in_a_policy(lab: Any) -> None:
    async with lab.house(lab.says(FIVE)) as (server, client):
        _, body, _ = await client.post(lab.ASKED | {"model": "m:majority:n=2"} | DETAILS)
        _, other, _ = await client.post(lab.ASKED | {"model": "vervet"} | DETAILS)
    assert server.asked[0]["n"] == 2
    assert body["vervet"]["policy"] == "majority:n=2,verifier=gsm8k-answer"
    assert other["vervet"]["samples"] == 5


async def test_adaptive_policies_stop_when_the_vote_is_decided(lab: Any) -> None:
    policy = AdaptiveConsistency(20, "gsm8k-answer")
    async with lab.house(lab.says(["A: 5"]), policy=policy) as (server, client):
        _, body, _ = await client.post(lab.ASKED | DETAILS)
    assert body["vervet"]["samples"] == len(server.asked) == 4
    assert body["usage"]["completion_tokens"] == 20


class Counting:
    """A judge that prefers long replies, and says what it used."""

    id = "judge@1"

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        names = (problem.id, sample.sampler_id, sample.index, self.id, trial)
        score = float(len(sample.text))
        return Verdict(*names, Outcome.ACCEPT, score=score, prompt_tokens=100, completion_tokens=3)


async def test_what_a_judge_used_is_part_of_the_totals(lab: Any) -> None:
    settings = {"policy": BestOf(3, "judge"), "verifiers": {"judge": Counting()}}
    async with lab.house(lab.says(["a", "abc", "ab"]), **settings) as (_, client):
        _, body, _ = await client.post(lab.ASKED | DETAILS)
    assert body["choices"][0]["message"]["content"] == "abc"
    assert body["usage"]["prompt_tokens"] == 10 + 3 * 100
    assert body["usage"]["completion_tokens"] == 3 * 5 + 3 * 3
    assert body["vervet"]["tokens"] == body["usage"]["total_tokens"]


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"model": "other"}, 404, "no model 'other'; there is: m, vervet"),
        ({"model": 3}, 400, "model"),
        ({"messages": []}, 400, "0 messages"),
        ({"messages": [{"content": "x"}]}, 400, "role"),
        ({"messages": "hello"}, 400, "list"),
        ({"n": 2}, 400, "the policy decides"),
        ({"n": True}, 400, "the policy decides"),
        ({"temperature": -1}, 400, "temperature"),
        ({"temperature": True}, 400, "temperature must be a number, not True"),
        ({"max_tokens": 1.5}, 400, "max_tokens must be a whole number, not 1.5"),
        ({"stream": "yes"}, 400, "stream"),
        ({"stream_options": {"include_usage": 1}}, 400, "include_usage must be a boolean"),
        ({"vervet": {"detail": True}}, 400, "known: policy"),
        ({"vervet": {"policy": "majority:n=65"}}, 400, "more than 64"),
        ({"vervet": {"policy": "majority:n=1e9"}}, 400, "more than 64"),
        ({"vervet": {"policy": "majority:n=Infinity"}}, 400, "more than 64"),
        ({"vervet": {"policy": "majority:n=2.5"}}, 400, "n=2.5 is not a whole number"),
        ({"vervet": {"policy": "majority:n=five"}}, 400, "majority"),
        ({"vervet": {"policy": "majority:n=2,verifier=unit-tests"}}, 400, "there is: exact"),
        ({"vervet": {"policy": "os:getcwd"}}, 400, "no policy"),
        ({"vervet": {"policy": "abstain:policy=os:getcwd,below=0.5"}}, 400, "no policy"),
        ({"model": "m:os:system:command=true"}, 400, "no policy"),
    ],
    ids=str,
)
async def test_a_wrong_request_is_told_what_is_wrong(
    lab: Any, change: dict[str, Any], status: int, word: str
) -> None:
    async with lab.house(lab.says(FIVE)) as (server, client):
        found, body, _ = await client.post(lab.ASKED | change)
    assert (found, word in body["error"]["message"]) == (status, True), body
    assert server.asked == []  # and nothing was paid for it


async def test_an_endpoint_that_refuses_the_request_is_quoted(lab: Any) -> None:
    async def refuse(_body: Any) -> web.Response:
        error = {"error": {"message": "tools must be a list", "param": "tools"}}
        return web.json_response(error, status=400)

    async with lab.house(refuse) as (_, client):
        status, body, _ = await client.post(lab.ASKED | {"tools": 3})
    assert (status, body["error"]["code"]) == (400, "upstream_refused")
    assert "tools must be a list" in body["error"]["message"]


@pytest.mark.parametrize("more", [{"logprobs": True}, {"logprobs": True, "top_logprobs": 2}])
async def test_what_a_client_needs_is_not_asked_for_again_and_again(
    lab: Any, more: dict[str, Any]
) -> None:
    async def refuse(_body: Any) -> web.Response:
        error = {"message": "this model gives no logprobs", "param": list(more)[-1]}
        return web.json_response({"error": error}, status=400)

    async with lab.house(refuse) as (server, client):
        status, body, _ = await client.post(lab.ASKED | more)
    assert (status, body["error"]["code"]) == (400, "upstream_refused")
    assert len(server.asked) <= 2


async def test_an_endpoint_that_fails_is_a_502_without_its_key(lab: Any) -> None:
    async def fail(_body: Any) -> web.Response:
        return web.Response(status=500, text="broken: sk-upstream-secret")

    async with lab.house(fail) as (_, client):
        status, body, _ = await client.post(lab.ASKED)
    assert (status, body["error"]["code"]) == (502, "upstream_failed")
    assert "secret" not in json.dumps(body)


async def test_a_model_that_is_no_endpoint_answers_too(lab: Any) -> None:
    model = model_of("marmoset", Marmoset(max_tokens=24, workers=1))
    async with lab.serving(lab.menu(model, policy=Majority(4, "exact"))) as client:
        status, body, _ = await client.post(lab.ASKED | {"model": "marmoset"} | DETAILS)
        refused, error, _ = await client.post(lab.ASKED | {"model": "marmoset", "tools": []})
        endless = [{"role": "user", "content": "1 " * 300}]
        long, told, _ = await client.post(lab.ASKED | {"model": "marmoset", "messages": endless})
    assert (long, told["error"]["code"]) == (400, "context_length_exceeded")
    assert status == 200
    assert body["vervet"]["samples"] == 4
    assert body["usage"]["completion_tokens"] > 0
    assert (refused, error["error"]["message"]) == (400, "marmoset takes no tools")


async def test_a_request_does_not_need_what_its_policy_does_not_draw_from(lab: Any) -> None:
    tools = {"tools": [{"type": "function"}]}
    async with lab.model_server(lab.says(["A: 1"])) as server:
        models = model_of("m", lab.sampler(server)), model_of("marmoset", Marmoset(max_tokens=4))
        async with lab.serving(lab.menu(*models)) as client:
            alone, _, _ = await client.post(lab.ASKED | tools)
            both = "mixture:models=m*1|marmoset*1"
            mixed, error, _ = await client.post(lab.ASKED | tools | {"vervet": {"policy": both}})
            lost, said, _ = await client.post(lab.ASKED | {"model": "m:mixture:models=m*1|x*1"})
    assert alone == 200
    assert (mixed, error["error"]["message"]) == (400, "marmoset takes no tools")
    assert (lost, "the model 'x'; there is: m, marmoset" in said["error"]["message"]) == (400, True)


async def test_a_later_turn_is_returned_and_counted_as_its_models(lab: Any) -> None:
    texts = ["no answer", "A: 1"]
    async with lab.house(lab.says(texts), policy=Refine(2, "gsm8k-answer")) as (server, client):
        status, body, _ = await client.post(lab.ASKED | DETAILS)
        metrics = client.gateway.metrics.text()
    assert (status, body["choices"][0]["message"]["content"]) == (200, "A: 1")
    assert (len(server.asked), body["vervet"]["samples"]) == (2, 2)
    assert 'vervet_samples_total{model="m"} 2' in metrics


async def test_samples_count_for_the_model_they_are_drawn_from(lab: Any) -> None:
    policy = Mixture("a*2|b*1", "exact")
    async with lab.model_server(lab.says(["A: 1"])) as server:
        models = [model_of(name, lab.sampler(server, name)) for name in ("a", "b")]
        models[1].price = Price(input=1.0, output=1.0)
        async with lab.serving(lab.menu(*models, policy=policy)) as client:
            await client.post(lab.ASKED | {"model": "a"})
            metrics = client.gateway.metrics.text().splitlines()
    assert 'vervet_samples_total{model="a"} 2' in metrics
    assert 'vervet_samples_total{model="b"} 1' in metrics
    assert "vervet_dollars_total 1.5e-05" in metrics


async def test_what_one_request_taught_does_not_hold_for_ever(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes n=1 only where the temperature is 0, as vLLM does."""

    async def greedy(body: Any) -> Any:
        if body.get("temperature") == 0 and body.get("n", 1) > 1:
            said = {"message": "n must be 1 when using greedy sampling", "param": "n"}
            return web.json_response({"error": said}, status=400)
        return lab.reply(["A: 1"] * body.get("n", 1))

    async with lab.house(greedy, policy=Majority(4, "exact")) as (server, client):
        await client.post(lab.ASKED | {"temperature": 0})
        await client.post(lab.ASKED)
        assert server.asked[-1].get("n") is None, "for a while, others ask no more than it took"
        monkeypatch.setattr(upstream, "LEARNED_SECONDS", 0.0)
        client.gateway.menu.models["m"].learned.clear()
        await client.post(lab.ASKED | {"temperature": 0})
        await client.post(lab.ASKED)
    assert server.asked[-1]["n"] == 4


async def test_who_asks_is_passed_on_and_names_no_sampler(lab: Any, tmp_path: Path) -> None:
    run = open_run(tmp_path / "run")
    async with lab.house(lab.says(["A: 1"]), record=run) as (server, client):
        for user in ("ann", "bob"):
            await client.post(lab.ASKED | {"user": user, "metadata": {"team": user}})
    assert [body["user"] for body in server.asked] == ["ann", "bob"]
    assert server.asked[1]["metadata"] == {"team": "bob"}
    assert len({s.sampler_id for rows in run.read(Sample) for s in rows}) == 1
    assert "ann" not in str(run.descriptions("samplers"))


async def test_log_probabilities_and_function_calls_come_back_as_json(lab: Any) -> None:
    async def answer(body: Any) -> web.Response:
        logprobs = {"content": [{"token": "A", "logprob": float("-inf")}]}
        call = {"name": "add", "arguments": "{}"}
        message = {"role": "assistant", "content": None, "function_call": call}
        chat = {"message": message, "finish_reason": "function_call"}
        said = chat if "messages" in body else {"text": "A: 1", "finish_reason": "stop"}
        return web.json_response({"choices": [{**said, "logprobs": logprobs}] * body["n"]})

    async with lab.house(answer, policy=Majority(2, "exact")) as (_, client):
        async with client.session.post(
            client.base + lab.CHAT, json=lab.ASKED | {"logprobs": True}
        ) as response:
            text = await response.text()
        plain = {"model": "m", "prompt": "6 * 7?", "logprobs": 0}
        _, body, _ = await client.post(plain, "/v1/completions")
    choice = json.loads(text, parse_constant=pytest.fail)["choices"][0]
    assert choice["logprobs"]["content"][0]["logprob"] is None
    assert choice["finish_reason"] == "function_call"
    assert body["choices"][0]["logprobs"] is not None


async def test_null_is_as_good_as_nothing(lab: Any) -> None:
    nothing = {"stream_options": {"include_usage": None}, "n": None, "vervet": {"policy": None}}
    async with lab.house(lab.says(["A: 1"])) as (_, client):
        status, _, _ = await client.post(lab.ASKED | nothing)
    assert status == 200


def test_beyond_this_machine_a_key_is_needed(lab: Any) -> None:
    menu = lab.menu(model_of("m", Marmoset()))
    with pytest.raises(ConfigError, match=r"--host 192\.0\.2\.1 .* VERVET_SERVE_KEY"):
        Service(menu, host="192.0.2.1")
    assert Service(menu, one_key("k" * 16), host="192.0.2.1").accounts
