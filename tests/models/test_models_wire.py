"""Reading replies: whatever a server sends gives choices, or Malformed; never another error."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.models.openai_errors import Refused, Trouble, judge, one_line, retry_after, said
from vervet.models.openai_settings import Generation, Link
from vervet.models.openai_transport import decode
from vervet.models.openai_usage import Request, completion_tokens, samples_from, shares
from vervet.models.openai_wire import (
    Choice,
    Malformed,
    Traits,
    Usage,
    clean,
    read_reply,
    read_usage,
    split,
    static_body,
)

KEYS = st.text(max_size=9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)  # fmt: skip
FIELDS = ("message", "text", "finish_reason", "logprobs", "content", "reasoning", "refusal",
          "tool_calls", "token_logprobs", "index", "reasoning_content")  # fmt: skip
ODD = st.recursive(
    JSON, lambda inner: st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5), max_leaves=20
)


def message(**fields: Any) -> Choice:
    body = {"choices": [{"message": fields, "finish_reason": "stop"}]}
    return read_reply(body, chat=True).choices[0]


@given(
    JSON | st.fixed_dictionaries({"choices": st.lists(ODD, max_size=3), "usage": JSON}),
    st.booleans(),
)
def test_any_json_is_read_or_malformed(body: Any, chat: bool) -> None:  # noqa: FBT001
    try:
        reply = read_reply(body, chat=chat)
    except Malformed:
        return
    for choice in reply.choices:
        choice.text.encode()  # it can be stored
        choice.reasoning.encode()
        assert choice.logprob is None or abs(choice.logprob) < float("inf")


HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "retry-after-ms", "Location"]), st.text(max_size=30)
)


@given(st.binary(max_size=300), st.integers(300, 599), HEADERS)
def test_any_error_body_becomes_one_printable_line(
    body: bytes, status: int, headers: dict[str, str]
) -> None:
    verdict = judge(status, body, headers)
    assert isinstance(verdict, Trouble | Refused)
    assert str(verdict).isprintable()
    assert len(str(verdict)) < 400


@given(JSON)
def test_any_json_error_is_read(body: Any) -> None:
    words = said(json.dumps({"error": body}).encode())
    words.refuses(["n", "seed"])
    assert words.message.isprintable()


@given(st.text(max_size=40))
def test_any_retry_after_is_some_seconds(given_: str) -> None:
    assert 0 <= retry_after({"Retry-After": given_}) < float("inf")


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_any_text_can_be_stored(text: str) -> None:
    assert clean(text).encode().decode() == clean(text)


@pytest.mark.parametrize(
    ("fields", "text", "reasoning", "finish"),
    [
        ({"content": "42"}, "42", "", "stop"),
        ({"content": None}, "", "", "stop"),
        ({"content": "42", "reasoning_content": "hm"}, "42", "hm", "stop"),
        ({"content": "42", "reasoning": "hm", "role": "assistant"}, "42", "hm", "stop"),
        ({"content": [{"type": "text", "text": t} for t in "42"]}, "42", "", "stop"),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                         {"type": "text", "text": "42"}]},
            "42", "hm", "stop",
        ),
        ({"content": None, "refusal": "I can't."}, "I can't.", "", "refusal"),
        ({"content": "No.", "refusal": "I can't.", "role": "a"}, "No.", "", "refusal"),
        ({"content": None, "tool_calls": [{"id": 1}]}, '[{"id": 1}]', "", "tool_calls"),
        ({"content": "x", "tool_calls": [1], "role": "a"}, "x\n[1]", "", "tool_calls"),
        ({"content": "42", "refusal": None, "tool_calls": [], "role": "a"}, "42", "", "stop"),
    ],
)  # fmt: skip
def test_a_message_is_read_in_all_its_forms(
    fields: dict[str, Any], text: str, reasoning: str, finish: str
) -> None:
    choice = message(**fields)
    assert (choice.text, choice.reasoning, choice.finish) == (text, reasoning, finish)


@pytest.mark.parametrize(
    ("said_", "kept"),
    [("stop", "stop"), ("EOS", "stop"), ("max_tokens", "length"), ("SAFETY", "content_filter"),
     ("function_call", "tool_calls"), ("moonrise", "moonrise"), (None, "unknown"), (7, "unknown")],
)  # fmt: skip
def test_the_reason_of_the_end_is_one_vocabulary(said_: Any, kept: str) -> None:
    body = {"choices": [{"text": "x", "finish_reason": said_}]}
    assert read_reply(body, chat=False).choices[0].finish == kept


def test_a_choice_the_server_aborted_is_no_sample() -> None:
    body = {"choices": [{"text": "half", "finish_reason": "abort"}, {"text": "whole"}]}
    reply = read_reply(body, chat=False)
    assert [c.text for c in reply.choices] == ["whole"]
    assert reply.notes == Counter({"choice broken by the server": 1})


def test_nan_is_json_here() -> None:
    assert decode(b'{"x": NaN}')["x"] != decode(b'{"x": NaN}')["x"]


def test_usage_reads_what_every_host_says() -> None:
    said_ = {
        "prompt_tokens": 9, "completion_tokens": 7, "cost": 0.5,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }  # fmt: skip
    assert read_usage(said_) == Usage(9, 7, 3, 4, 0.5)
    assert read_usage({"prompt_cache_hit_tokens": 5}) == Usage(cached=5)
    assert read_usage({"prompt_tokens": -1, "completion_tokens": True, "cost": "0"}) == Usage()
    assert read_usage(None) == Usage()


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**4), min_size=1, max_size=40))
def test_a_split_adds_up_and_is_fair(total: int, weights: list[int]) -> None:
    parts = split(total, weights)
    assert sum(parts) == total
    assert min(parts) >= 0
    if any(weights):
        exact = [total * w / sum(weights) for w in weights]
        assert all(abs(p - e) < 1 for p, e in zip(parts, exact, strict=True))


CHOICES = st.lists(
    st.builds(
        Choice,
        text=st.text(max_size=20),
        finish=st.sampled_from(["stop", "length"]),
        reasoning=st.text(max_size=5),
        tokens=st.none() | st.integers(1, 30),
    ),
    min_size=1,
    max_size=8,
)


@given(CHOICES, st.integers(0, 400), st.none() | st.integers(1, 60), st.integers(0, 99))
def test_samples_add_up_to_what_was_billed(
    choices: list[Choice], total: int, longest: int | None, cached: int
) -> None:
    request = Request("p", "s", range(len(choices)), 1, 0.5, longest)
    usage = Usage(prompt=100, completion=total, reasoning=total // 2, cached=cached, cost=1.0)
    samples = samples_from(request, choices, usage)
    assert sum(s.completion_tokens or 0 for s in samples) == total
    assert sum(s.reasoning_tokens or 0 for s in samples) == total // 2
    assert sum((s.prompt_tokens or 0) - (s.shared_tokens or 0) for s in samples) == 100
    assert sum(s.cached_tokens or 0 for s in samples) == cached
    assert sum(s.cost or 0 for s in samples) == pytest.approx(1.0)


def test_token_counts_are_exact_where_log_probabilities_say_them() -> None:
    choices = [Choice("a", "stop", tokens=3), Choice("long long text", "stop", tokens=1)]
    assert completion_tokens(choices, 4) == [3, 1]
    assert completion_tokens(choices, None) == [3, 1]


def test_a_truncated_choice_has_max_tokens_tokens() -> None:
    choices = [Choice("abc", "length"), Choice("abcdef", "stop"), Choice("abc", "stop")]
    tokens = completion_tokens(choices, 16, max_tokens=10)
    assert tokens[0] == 10
    assert sum(t or 0 for t in tokens) == 16


def test_what_is_not_said_stays_unknown() -> None:
    samples = samples_from(Request("p", "s", [0, 1], None, 0.1), [Choice("a", "stop")] * 2, Usage())
    for sample in samples:
        assert sample.prompt_tokens is sample.completion_tokens is sample.cost is None
        assert sample.reasoning_tokens is sample.cached_tokens is sample.seed is None
    assert shares(1.0, [None, None], 2) == [0.5, 0.5]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("Unsupported parameter: 'logprobs'", "logprobs"),
        ("n must be 1 when using greedy sampling", "n"),
        ("'n' : number must be at most 1 with this model", "n"),
        ("body -> n: extra fields not permitted (n=4)", "n"),
        ("seed is not supported", "seed"),
        ("This model's maximum context length is 4096 tokens", None),
        ("maximum number of seeds and nuts", None),
    ],
)
def test_the_refused_field_is_found_in_what_servers_say(text: str, field: str | None) -> None:
    body = json.dumps({"error": {"message": text}}).encode()
    assert said(body).refuses(["n", "seed", "logprobs"]) == field


def test_an_html_page_is_named_by_its_title() -> None:
    page = b"<!DOCTYPE html><html><title>502\nBad Gateway</title>" + b"x" * 10_000
    assert said(page).message == "an HTML page (502 Bad Gateway)"
    assert one_line("x" * 999).endswith("…")


def test_a_server_is_asked_for_less_only_of_what_was_sent() -> None:
    traits = Traits(32, logprobs=True)
    assert traits.unlearn("n", {"n": 32})
    assert traits.most == 16
    assert not traits.unlearn("n", {})
    assert traits.unlearn("top_logprobs", {"logprobs": True})
    assert not traits.logprobs
    assert not traits.unlearn(None, {"n": 2})


def test_extra_fields_win_over_our_own() -> None:
    generation = Generation(model="m", temperature=1.0, extra={"temperature": 0.5, "top_k": 3})
    body = static_body(generation, Traits(1))
    assert (body["temperature"], body["top_k"]) == (0.5, 3)


def test_an_address_keeps_its_query() -> None:
    link = Link(base_url="https://host/openai/v1/?api-version=7")
    assert link.url("chat") == "https://host/openai/v1/chat/completions?api-version=7"
