"""Reading a request: what is ours is taken out, everything else is passed on to the model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, NoReturn
from uuid import uuid4

from vervet.models.openai_settings import Kind
from vervet.serving.refusals import Refusal
from vervet.types import Problem

Json = Any
"""A parsed JSON value: whatever a client sent."""
OnAbstain = Literal["empty", "error"]
OURS = ("model", "messages", "prompt", "stream", "stream_options", "n", "vervet", "seed")
"""Body fields that are not passed on as they are."""
OVERRIDES = {"policy": str, "details": bool, "on_abstain": str}
PREFIX: dict[Kind, str] = {"chat": "chatcmpl", "completions": "cmpl"}
MOST_MESSAGES = 10_000
DEEPEST = 100
LARGEST_SEED = 2**62


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, read."""

    endpoint: Kind
    model: str
    problem: Problem
    """The conversation as a problem without a reference; its id is that of the response."""
    passed: Mapping[str, Any]
    """Body fields for the model: temperature, tools, response_format, ..."""
    seed: int | None = None
    stream: bool = False
    include_usage: bool = False
    policy: str = ""
    """The policy instead of the configured one; empty for that."""
    details: bool = False
    on_abstain: OnAbstain = "empty"


def read_body(data: bytes) -> dict[str, Json]:
    """Parse a body.

    Raises:
        Refusal: it is no JSON object.
    """
    try:
        text = data.decode("utf-8-sig")
        body = DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be a JSON object")
    if text.count("[") + text.count("{") > DEEPEST and _depth(body) > DEEPEST:
        raise Refusal(400, f"the body is nested deeper than {DEEPEST}")
    if "\\u" in text and not _encodable(body):
        raise Refusal(400, "the body has half a character: a surrogate without its other half")
    return body


def _number(written: str) -> float:
    """Read a number that JSON can say again: 1e999 is infinite, and cannot be passed on."""
    value = float(written)
    if not isfinite(value):
        raise ValueError(f"{_shown(written)} is too large a number")
    return value


def _no_number(written: str) -> NoReturn:
    raise ValueError(f"{written} is no number in JSON")


DECODER = json.JSONDecoder(parse_float=_number, parse_constant=_no_number)


def _depth(body: Json) -> int:
    """Return how deep a value is nested, level by level."""
    level, depth = [body], 0
    while level:
        depth += 1
        tables = [v.values() if isinstance(v, dict) else v for v in level]
        level = [i for inner in tables for i in inner if isinstance(i, dict | list)]
    return depth


def _encodable(body: Json) -> bool:
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def read(body: Mapping[str, Json], endpoint: Kind) -> Asked:
    """Return what a body asks for.

    Raises:
        Refusal: a field cannot be, or asks for what the gateway does not do.
    """
    given = _without_nulls(body)
    number = f"{PREFIX[endpoint]}-{uuid4().hex}"
    shown = _conversation(given) if endpoint == "chat" else {"prompt": _prompt(given)}
    options = _without_nulls(_typed(given, "stream_options", dict, {}))
    _check_stop(given)
    _check_numbers(given)
    return Asked(
        endpoint,
        _model(given),
        Problem(number, **shown),
        {key: value for key, value in given.items() if key not in OURS},
        seed=_seed(given),
        stream=_typed(given, "stream", bool, default=False),
        include_usage=_typed(options, "include_usage", bool, default=False),
        **_overrides(given),
    )


def _without_nulls(table: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out what is null: clients write it for what they do not say."""
    return {key: value for key, value in table.items() if value is not None}


def _typed(given: Mapping[str, Json], name: str, kind: type, default: Json) -> Json:
    value = given.get(name, default)
    if not isinstance(value, kind):
        raise Refusal(400, f"{name} must be a {_words(kind)}, not {_shown(value)}", param=name)
    return value


def _words(kind: type) -> str:
    return {dict: "table", list: "list", str: "string", bool: "boolean"}[kind]


def _shown(value: Json) -> str:
    written = repr(value)
    return written if len(written) <= 80 else f"{written[:80]}…"  # noqa: PLR2004 - a line


def _model(given: Mapping[str, Json]) -> str:
    name: str = _typed(given, "model", str, None)
    _one(given)
    return name


def _check_stop(given: Mapping[str, Json]) -> None:
    stops = given.get("stop", [])
    listed = [stops] if isinstance(stops, str) else stops
    if not isinstance(listed, list) or not all(isinstance(stop, str) for stop in listed):
        raise Refusal(400, f"stop must be strings, not {_shown(stops)}", param="stop")


def _check_numbers(given: Mapping[str, Json]) -> None:
    """Refuse what is no number; whether it is in range, the model's settings say."""
    for name in ("temperature", "top_p", "max_tokens"):
        value = given.get(name, 1)
        kind = "whole number" if name == "max_tokens" else "number"
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or (kind == "whole number" and value != int(value)):
            raise Refusal(400, f"{name} must be a {kind}, not {_shown(value)}", param=name)


def _one(given: Mapping[str, Json]) -> None:
    """Refuse more than one answer: how many samples are drawn is the policy's matter."""
    for name in ("n", "best_of"):
        value = given.get(name, 1)
        if value != 1 or isinstance(value, bool):
            raise Refusal(
                400,
                f"{name} must be 1, not {_shown(value)}: the policy decides how many samples are "
                'drawn, and one is returned. Say how many with "vervet": {"policy": "majority:n=8"}'
                " or with the model name, MODEL:majority:n=8",
                param=name,
            )


def _seed(given: Mapping[str, Json]) -> int | None:
    value = given.get("seed")
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (whole and abs(value) <= LARGEST_SEED):
        raise Refusal(400, f"seed must be a whole number, not {_shown(value)}", param="seed")
    return value


def _conversation(given: Mapping[str, Json]) -> dict[str, Any]:
    """Return a conversation as the fields of a problem: its last user turn is the prompt."""
    messages = _typed(given, "messages", list, None)
    if not 0 < len(messages) <= MOST_MESSAGES:
        limit = f"1 to {MOST_MESSAGES:,} messages are read"
        raise Refusal(400, f"{len(messages)} messages; {limit}", param="messages")
    for place, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise Refusal(400, "a message is a table with a role", param=f"messages.{place}")
        content = message.get("content")
        if not isinstance(content, str | list | None):
            param = f"messages.{place}.content"
            raise Refusal(400, "content must be a string or a list of parts", param=param)
    asked = [text_of(m.get("content")) for m in messages if m["role"] == "user"]
    return {"prompt": asked[-1] if asked else "", "messages": tuple(messages)}


def text_of(content: Json) -> str:
    """Return the text of a message: a string, or the text parts of a list.

    >>> text_of([{"type": "text", "text": "What is"}, {"type": "image_url"}])
    'What is'
    """
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _prompt(given: Mapping[str, Json]) -> str:
    value = given.get("prompt")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise Refusal(400, "prompt must be one string, not tokens or several", param="prompt")
    return value


def _overrides(given: Mapping[str, Json]) -> dict[str, Any]:
    chosen = _without_nulls(_typed(given, "vervet", dict, {}))
    for name, value in chosen.items():
        if name not in OVERRIDES:
            known = ", ".join(OVERRIDES)
            raise Refusal(
                400, f"vervet has no setting {_shown(name)}; known: {known}", param="vervet"
            )
        if not isinstance(value, OVERRIDES[name]):
            kind = _words(OVERRIDES[name])
            raise Refusal(400, f"{name} must be a {kind}, not {_shown(value)}", param="vervet")
    if chosen.get("on_abstain", "empty") not in {"empty", "error"}:
        raise Refusal(400, 'on_abstain is "empty" or "error"', param="vervet")
    return chosen
