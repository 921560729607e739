"""The OpenAI wire format, without I/O: bodies to send, replies to read.

Rules: what came is counted, never assumed; choices are taken in the order they come (their
`index` is not trusted); whatever is missing or not finite is None.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from vervet.models.openai_settings import Generation
from vervet.types import Problem

FINISHES = {
    "stop": "stop", "eos": "stop", "eos_token": "stop", "stop_sequence": "stop", "end_turn": "stop",
    "length": "length", "max_tokens": "length", "model_length": "length",
    "content_filter": "content_filter", "safety": "content_filter", "recitation": "content_filter",
    "refusal": "refusal", "tool_calls": "tool_calls", "function_call": "tool_calls",
    "tool_use": "tool_calls",
}  # fmt: skip
Json = Any
"""A parsed JSON value: whatever a server sent."""
BROKEN = {"abort", "aborted", "error", "cancelled", "load", "unload"}
"""Finish reasons that speak about the server: such a choice is not a sample."""


class Malformed(ValueError):  # noqa: N818 - says what the reply is
    """The reply is not one: no JSON, or none of its choices can be read."""


@dataclass(slots=True)
class Traits:
    """What a server was found to take. Starts optimistic, learns from refusals and shortfalls."""

    most: int
    """Choices in one request."""
    seed: str | None = "seed"
    """The body's name for the seed; None where the server refuses one."""
    logprobs: bool = False
    max_tokens: str = "max_tokens"

    def unlearn(self, refused: str | None, sent: Mapping[str, Any]) -> bool:
        """Learn from the refusal of a field of `sent`; say whether to ask again with less."""
        if refused not in sent:
            return refused == "top_logprobs" and self.unlearn("logprobs", sent)
        if refused == "n":
            self.most = min(self.most, sent["n"] // 2)
        elif refused == "logprobs":
            self.logprobs = False
        elif refused == "max_tokens":
            self.max_tokens = "max_completion_tokens"
        else:
            self.seed = None
        return True


@dataclass(frozen=True, slots=True)
class Choice:
    """One reply text as it came."""

    text: str
    finish: str
    reasoning: str = ""
    logprob: float | None = None
    tokens: int | None = None
    """How many tokens carried a log-probability; None without log-probabilities."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the endpoint says one request used. None is not said."""

    prompt: int | None = None
    completion: int | None = None
    reasoning: int | None = None
    cached: int | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Everything one request brought."""

    choices: tuple[Choice, ...]
    usage: Usage
    notes: Counter[str] = field(default_factory=Counter)
    """What was odd, and how often."""


def static_body(generation: Generation, traits: Traits) -> dict[str, Any]:
    """Return the part of the request body that does not depend on the problem."""
    body: dict[str, Any] = {"model": generation.model}
    chosen = {
        "temperature": generation.temperature,
        "top_p": generation.top_p,
        traits.max_tokens: generation.max_tokens,
        "stop": list(generation.stop) or None,
    }
    body |= {key: value for key, value in chosen.items() if value is not None}
    if traits.logprobs:
        body["logprobs"] = True if generation.endpoint == "chat" else 1
    return body | dict(generation.extra)


def prompt_body(generation: Generation, problem: Problem) -> dict[str, Any]:
    """Return the part of the request body that shows the problem."""
    text = generation.template.replace("{prompt}", problem.prompt)
    if generation.endpoint == "completions":
        return {"prompt": generation.system + text}
    messages: list[Mapping[str, Any]] = [dict(m) for m in problem.messages]
    messages = messages or [{"role": "user", "content": text}]
    instructed = any(m.get("role") in {"system", "developer"} for m in messages)
    if generation.system and not instructed:
        messages.insert(0, {"role": "system", "content": generation.system})
    return {"messages": messages}


def read_reply(body: Json, *, chat: bool) -> Reply:
    """Read what a 200 brought.

    Raises:
        Malformed: nothing in it is a choice.
    """
    raw = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(raw, list) or not raw:
        raise Malformed("a reply without choices")
    notes: Counter[str] = Counter()
    read = _chat_choice if chat else _plain_choice
    choices = tuple(c for c in (_guarded(read, item, notes) for item in raw) if c is not None)
    if not choices:
        raise Malformed(f"a reply whose choices cannot be read ({', '.join(notes)})")
    return Reply(choices, read_usage(body.get("usage")), notes)


def _guarded(read: Json, item: Json, notes: Counter[str]) -> Choice | None:
    if not isinstance(item, dict):
        notes["choice that is not an object"] += 1
        return None
    choice: Choice | None = read(item, notes)
    return choice


def _finish(item: dict[str, Any]) -> str:
    said = item.get("finish_reason")
    if not isinstance(said, str) or not said:
        return "unknown"
    said = said.lower()
    return FINISHES.get(said, said)


def _plain_choice(item: dict[str, Any], notes: Counter[str]) -> Choice | None:
    text, finish = item.get("text"), _finish(item)
    if not isinstance(text, str) or finish in BROKEN:
        notes["choice broken by the server"] += 1
        return None
    logprobs = item.get("logprobs")
    values = logprobs.get("token_logprobs") if isinstance(logprobs, dict) else None
    logprob, tokens = _total(values, notes)
    return Choice(clean(text), finish, "", logprob, tokens)


def _chat_choice(item: dict[str, Any], notes: Counter[str]) -> Choice | None:
    message, finish = item.get("message"), _finish(item)
    if not isinstance(message, dict) or finish in BROKEN:
        notes["choice broken by the server"] += 1
        return None
    content = message.get("content")
    thoughts = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(content, str) and not thoughts and len(message) <= 2:  # noqa: PLR2004 - role, content
        text, reasoning = content, ""
    else:
        text, reasoning, finish = _full_message(message, content, thoughts, finish)
    logprobs = item.get("logprobs")
    logprob: float | None = None
    tokens: int | None = None
    if isinstance(logprobs, dict) and isinstance(listed := logprobs.get("content"), list):
        values = [t.get("logprob") if isinstance(t, dict) else None for t in listed]
        logprob, tokens = _total(values, notes)
    return Choice(clean(text), finish, clean(reasoning), logprob, tokens)


def _full_message(
    message: dict[str, Any],
    content: Json,
    thoughts: Json,
    finish: str,
) -> tuple[str, str, str]:
    """Read content parts, thoughts, refusals and tool calls."""
    text, inner = _parts(content)
    reasoning = (thoughts if isinstance(thoughts, str) else "") or inner
    if refusal := message.get("refusal"):
        return text or str(refusal), reasoning, "refusal"
    if calls := message.get("tool_calls") or message.get("function_call"):
        written = json.dumps(calls, ensure_ascii=False)
        return f"{text}\n{written}" if text else written, reasoning, "tool_calls"
    return text, reasoning, finish


def _parts(content: Json) -> tuple[str, str]:
    """Return text and thoughts of content that is a string, null, or a list of parts."""
    if isinstance(content, str):
        return content, ""
    texts, thoughts = [], []
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, dict):
            continue
        if part.get("type") == "thinking":
            thoughts.append(_parts(part.get("thinking"))[0])
        else:
            texts.append(str(part.get("text") or part.get("refusal") or ""))
    return "".join(texts), "".join(thoughts)


def _total(values: Json, notes: Counter[str]) -> tuple[float | None, int | None]:
    """Return the sum of finite log-probabilities and their number; (None, None) without any."""
    if not isinstance(values, list) or not values:
        return None, None
    try:
        total = float(sum(values))
    except TypeError:
        notes["token without log-probability"] += 1
        return None, len(values)
    if not isfinite(total):
        notes["log-probability not finite"] += 1
        return None, len(values)
    return total, len(values)


def clean(text: str) -> str:
    """Return `text` with lone surrogates replaced: they are not UTF-8 and cannot be stored."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode() if _surrogate(text) else text


def _surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def read_usage(usage: Json) -> Usage:
    """Read token counts and cost; what is missing, negative or no number is None."""
    if not isinstance(usage, dict):
        return Usage()
    prompt = usage.get("prompt_tokens_details")
    completion = usage.get("completion_tokens_details")
    cached = _count(prompt, "cached_tokens")
    return Usage(
        prompt=_count(usage, "prompt_tokens"),
        completion=_count(usage, "completion_tokens"),
        reasoning=_count(completion, "reasoning_tokens"),
        cached=_count(usage, "prompt_cache_hit_tokens") if cached is None else cached,
        cost=_amount(usage.get("cost")),
    )


def _count(table: Json, key: str) -> int | None:
    value = table.get(key) if isinstance(table, dict) else None
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if good else None


def _amount(value: Json) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if good and isfinite(value) and value >= 0 else None


def split(total: int, weights: Sequence[float]) -> list[int]:
    """Split `total` into whole parts in proportion to `weights`, adding up exactly.

    >>> split(10, [1, 1, 1])
    [4, 3, 3]
    """
    whole = sum(weights) or 1.0
    shares = [total * w / whole for w in weights] if any(weights) else [0.0] * len(weights)
    parts = [int(s) for s in shares]
    order = sorted(range(len(parts)), key=lambda i: parts[i] - shares[i])
    for i in range(total - sum(parts)):
        parts[order[i % len(parts)]] += 1
    return parts
