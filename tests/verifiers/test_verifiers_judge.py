"""Judges: the word, the probability at that word, and what happens when there is none."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from math import exp, log
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import ConfigError, ModelError, VerifierError
from vervet.models.openai_answers import answered
from vervet.models.openai_wire import Malformed
from vervet.types import Outcome, Problem, Reply, Sample, Token
from vervet.verifiers.endpoint import Endpoint
from vervet.verifiers.judge import Judge, judge, seed_of
from vervet.verifiers.judging.prompts import fill
from vervet.verifiers.judging.words import read

PROBLEM = Problem("p", "What is 1 + 1?", {"answer": "2"})
SAMPLE = Sample("p", "m", 3, "<think>hm</think>It is 2. Use {problem}.")
LAST = "Verification: Is the answer correct (Yes/No)?"
Handler = Callable[[web.Request], Awaitable[web.Response]]


def spelled(words: Sequence[str], **alternatives: float) -> list[dict[str, Any]]:
    """Tokens as a chat endpoint lists them; the last has the alternatives."""
    tokens: list[dict[str, Any]] = [
        {"token": word, "logprob": -0.1, "top_logprobs": [{"token": word, "logprob": -0.1}]}
        for word in words
    ]
    tokens[-1]["top_logprobs"] = [
        {"token": text.replace("_", " "), "logprob": log(p) if p else -9999.0}
        for text, p in alternatives.items()
    ]
    return tokens


def completion(tokens: list[dict[str, Any]]) -> dict[str, Any]:
    text = "".join(token["token"] for token in tokens)
    return {
        "choices": [{"message": {"content": text}, "logprobs": {"content": tokens}}],
        "usage": {"prompt_tokens": 70, "completion_tokens": len(tokens)},
    }


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_post("/v1/{rest:.*}", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        return f"http://127.0.0.1:{port}/v1"

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_p_yes_is_the_servers_probability_at_the_verdict_wherever_it_stands(
    serve: Callable[[Handler], Awaitable[str]],
) -> None:
    asked: list[dict[str, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(await request.json())
        tokens = spelled(["Right. ", LAST, " Yes"], _Yes=0.83, _No=0.15, Yes=0.01, _Yesterday=0.005)
        tokens += spelled(["\n", "\n"], _No=0.5)
        return web.json_response(completion(tokens))

    verifier = judge("m", base_url=await serve(handler))
    first = await verifier.verify(PROBLEM, SAMPLE, 0)
    second = await verifier.verify(PROBLEM, SAMPLE, 1)
    assert first.outcome is Outcome.ACCEPT
    assert first.score == pytest.approx(0.83, abs=1e-9)
    assert json.loads(first.evidence)["p_no"] == pytest.approx(0.15)
    assert (first.prompt_tokens, first.completion_tokens, first.trial) == (70, 5, 0)
    assert (second.trial, asked[0]["seed"] != asked[1]["seed"]) == (1, True)
    shown = asked[0]["messages"][0]["content"]
    assert "Solution: It is 2. Use {problem}." in shown
    assert "hm" not in shown.partition("Problem: What")[2]


async def test_a_completions_endpoint_is_read_as_well(
    serve: Callable[[Handler], Awaitable[str]],
) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.path.endswith("/v1/completions")
        logprobs = {
            "tokens": [LAST, " No"],
            "token_logprobs": [-1.0, log(0.9)],
            "top_logprobs": [{LAST: -1.0}, {" No": log(0.9), " Yes": log(0.1)}],
        }
        return web.json_response({"choices": [{"text": LAST + " No", "logprobs": logprobs}]})

    verifier = judge("m", base_url=await serve(handler), template="fine-tuned", chat=False)
    verdict = await verifier.verify(PROBLEM, SAMPLE, 0)
    assert verdict.outcome is Outcome.REJECT
    assert verdict.score == pytest.approx(0.1, abs=1e-9)


async def test_a_busy_server_is_asked_again_and_a_refusal_is_told(
    serve: Callable[[Handler], Awaitable[str]],
) -> None:
    replies = [
        web.Response(status=429, headers={"Retry-After": "0"}),
        web.Response(status=503, headers={"Retry-After": "0"}),
        web.json_response(completion(spelled([LAST, " Yes"], _Yes=1.0))),
        web.Response(status=404, text="no model\ncalled m"),
    ]

    async def handler(request: web.Request) -> web.Response:
        del request
        return replies.pop(0)

    verifier = judge("m", base_url=await serve(handler))
    assert (await verifier.verify(PROBLEM, SAMPLE, 0)).outcome is Outcome.ACCEPT
    with pytest.raises(ModelError, match="HTTP 404: no model called m"):
        await verifier.verify(PROBLEM, SAMPLE, 1)


async def test_an_endpoint_that_is_not_there_is_our_error() -> None:
    asked = Endpoint("http://127.0.0.1:9/v1", tries=1, seconds=5)
    with pytest.raises(VerifierError, match="1 tries failed, the last: no connection: "):
        await asked.post("completions", {})


class Answers:
    """Answers what it was told to."""

    id = "answers"

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.prompts: list[str] = []

    async def ask(self, prompt: str, seed: int, /) -> Reply:
        assert 0 <= seed < 2**31
        self.prompts.append(prompt)
        return self.reply


async def test_a_judge_that_says_neither_is_an_error_that_keeps_its_words_and_tokens() -> None:
    reply = Reply("I am not sure.", (), 50, 9, "length")
    verdict = await judge(Answers(reply)).verify(PROBLEM, SAMPLE, 0)
    assert verdict.outcome is Outcome.ERROR
    assert verdict.detail == "the judge said neither Yes nor No before it was cut off"
    assert (verdict.score, verdict.completion_tokens) == (None, 9)
    assert "not sure" in verdict.evidence


@pytest.mark.parametrize(
    ("text", "finish"), [("", "stop"), ("It is", "length"), ("<think>", "stop")]
)
async def test_a_reply_without_a_solution_is_rejected_without_asking(
    text: str, finish: str
) -> None:
    asked = Answers(Reply("unused"))
    verdict = await judge(asked).verify(PROBLEM, Sample("p", "m", 0, text, finish), 0)
    assert verdict.outcome is Outcome.REJECT
    assert not asked.prompts


TOKENS = (Token(LAST, -0.1, {}), Token(" Yes", log(0.25), {" Yes": log(0.25)}))


@pytest.mark.parametrize(
    ("score", "tokens", "expected"),
    [
        ("hybrid", TOKENS, 0.25), ("hybrid", (), 1.0), ("logprob", TOKENS, 0.25),
        ("logprob", (), None), ("binary", TOKENS, 1.0),
    ],
)  # fmt: skip
async def test_the_score_is_what_was_chosen(
    score: str, tokens: tuple[Token, ...], expected: float | None
) -> None:
    verifier = judge(Answers(Reply(f"{LAST} Yes", tokens)), score=score)
    verdict = await verifier.verify(PROBLEM, SAMPLE, 0)
    assert verdict.score == (None if expected is None else pytest.approx(expected))


class Draws:
    """A sampler that repeats one text."""

    id = "draws@1"

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def describe(self) -> dict[str, Any]:
        return {}

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        for index, text in zip(indices, self.texts, strict=False):
            yield Sample(problem.id, self.id, index, text, prompt_tokens=4, completion_tokens=2)


async def test_any_sampler_can_judge_by_its_words() -> None:
    verdict = await judge(Draws(f"{LAST} No")).verify(PROBLEM, SAMPLE, 0)
    assert (verdict.outcome, verdict.score, verdict.prompt_tokens) == (Outcome.REJECT, 0.0, 4)
    with pytest.raises(VerifierError, match="gave no reply"):
        await judge(Draws()).verify(PROBLEM, SAMPLE, 0)


WORDS = [
    (f"{LAST} Yes", True), (f"{LAST} **No**", False), (f"{LAST}\nNo.\n\nNote: well done", False),
    ("Is the solution correct? yes", True), ("Verdict: No", False),
    ("Is this answer correct? Not", None),
    (f"{LAST} Yes\nOn reflection:\n{LAST} No", False), ("Yes", None), ("", None),
    (f"{LAST} Yesterday", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "yes"), WORDS)
def test_the_last_verdict_in_words_counts(text: str, yes: bool | None) -> None:  # noqa: FBT001
    assert read(text).yes is yes


def test_zero_is_a_probability_and_missing_is_not() -> None:
    tokens = (Token(f"{LAST} ", -0.1, {}), Token("Yes", None, {"Yes": -9999.0, "No": 0.0}))
    assert read("", tokens).score == 0.0
    assert read("", (tokens[0], Token("Yes", None, {"No": log(0.4)}))).score == pytest.approx(0.6)
    assert read("", (tokens[0], Token("Yes", None, {}))).score is None


def test_a_word_in_pieces_is_weighed_by_its_first_piece() -> None:
    tokens = (Token(LAST, -0.1, {}), Token(" Y", log(0.7), {" N": log(0.2)}), Token("es", 0.0, {}))
    said = read("", tokens)
    assert said.p_yes == pytest.approx(0.7)
    assert said.p_no == pytest.approx(0.2)


@given(st.lists(st.tuples(st.text(max_size=8), st.floats(-50, 0)), max_size=12))
def test_no_tokens_make_the_reader_raise_or_leave_zero_to_one(
    pieces: list[tuple[str, float]],
) -> None:
    tokens = [Token(text, value, {text: value}) for text, value in pieces]
    tokens += [Token(LAST, -0.1, {}), Token(" Yes", -0.5, {" Yes": -0.5})]
    score = read("", tokens).score
    assert score == pytest.approx(exp(-0.5))


@pytest.mark.parametrize(
    "reply",
    [{}, [], None, {"choices": []}, {"choices": [{}]}, {"choices": [{"message": None}]}, "text"],
)
def test_a_malformed_reply_is_our_error(reply: Any) -> None:
    with pytest.raises(Malformed):
        answered("chat", reply)


@pytest.mark.parametrize(
    "logprobs",
    [
        None, [], "none", {"content": [{}]}, {"content": [{"token": "x", "top_logprobs": 3}]},
        {"content": [{"token": "x", "logprob": 1, "top_logprobs": [{}]}]},
    ],
)  # fmt: skip
def test_tokens_that_cannot_be_read_leave_the_words(logprobs: Any) -> None:
    choice = {"message": {"content": f"{LAST} Yes"}, "logprobs": logprobs}
    reply = answered("chat", {"choices": [choice]})
    assert (reply.text, reply.tokens) == (f"{LAST} Yes", ())


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (-1.5, -1.5),
        (0, 0.0),
        (1e-7, 0.0),
        (None, None),
        (float("nan"), None),
        (True, None),
        (3, None),
    ],
)
def test_a_log_probability_is_kept_as_it_came_and_nonsense_is_none(
    given: Any, kept: float | None
) -> None:
    listed = {"content": [{"token": "x", "logprob": given}]}
    choice = {"message": {"content": "x"}, "logprobs": listed}
    assert answered("chat", {"choices": [choice]}).tokens[0].logprob == kept


async def test_a_server_that_gives_fewer_alternatives_or_none_is_asked_for_what_it_has(
    serve: Callable[[Handler], Awaitable[str]],
) -> None:
    asked: list[dict[str, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.json()
        asked.append(body)
        for field, most in (("seed", None), ("top_logprobs", 5)):
            if field in body and (most is None or body[field] > most):
                said = {"error": {"message": f"'{field}' is too much", "param": field}}
                return web.json_response(said, status=400)
        return web.json_response(completion(spelled([LAST, " Yes"], _Yes=0.5, _No=0.5)))

    verifier = judge("m", base_url=await serve(handler))
    verdict = await verifier.verify(PROBLEM, SAMPLE, 0)
    assert verdict.score == pytest.approx(0.5)
    assert len(asked) == 3
    assert (asked[-1]["top_logprobs"], "seed" in asked[-1]) == (5, False)
    await verifier.verify(PROBLEM, SAMPLE, 1)
    assert len(asked) == 4


def test_templates_are_filled_once_and_may_want_the_reference() -> None:
    said = {"solution": "{problem}{x}"}
    assert fill("{problem}|{solution}", PROBLEM, said) == "What is 1 + 1?|{problem}{x}"
    assert fill("{problem}{reference}", PROBLEM, {}) == "What is 1 + 1?2"
    with pytest.raises(VerifierError, match="p: the judge's template needs a reference answer"):
        fill("{problem}{solution}{reference}", Problem("p", "?"), said)
    with pytest.raises(VerifierError, match="needs a reference solution"):
        fill("{worked}", PROBLEM, {})


def test_identity_depends_on_model_template_decoding_and_score_not_on_the_address() -> None:
    def made(**settings: Any) -> Judge:
        return judge("m", **{"base_url": "http://a/v1", **settings})

    assert made().id == made(base_url="http://b/v1").id
    others: list[dict[str, Any]] = [
        {"template": "few-shot"},
        {"temperature": 0.0},
        {"score": "binary"},
        {"chat": False},
    ]
    assert len({made().id, *(made(**other).id for other in others)}) == 5


def test_seeds_differ_by_sample_and_trial() -> None:
    assert len({seed_of(Sample("p", "m", i, ""), t) for i in range(50) for t in range(32)}) == 1600


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"template": "Is it right?"}, "no text with {problem}"),
        ({"score": "votes"}, "score 'votes' is none of"),
        ({"base_url": "localhost:8000"}, "is not an address like http"),
        ({"thoughts": "some"}, "thoughts 'some' is none of cut, keep"),
    ],
)
def test_bad_settings_are_one_clear_line(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint.replace("{", r"\{")):
        judge("m", **{"base_url": "http://a", **settings})  # type: ignore[arg-type]  # bad on purpose


def test_without_an_address_the_message_says_where_to_put_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ConfigError, match="say base_url= or set OPENAI_BASE_URL"):
        judge("m")
