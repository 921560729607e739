"""Single answers with their tokens, as judges need them: the fields to send, the lists to read."""

from collections.abc import Mapping
from typing import Any

from vervet.models.openai_settings import Kind
from vervet.models.openai_wire import Json, read_reply
from vervet.types import Reply, Token

MOST_ALTERNATIVES = 20
"""The most that OpenAI and vLLM give at each token."""
FEWER = (20, 5, 1)
"""What a server that refuses more is asked for in turn, before none."""
ROUNDING = 1e-3
LISTING = ("top_logprobs", "logprobs")


def wanted(endpoint: Kind, alternatives: int) -> dict[str, Any]:
    """Return the body fields that ask for tokens with so many alternatives.

    >>> wanted("chat", 5), wanted("completions", 20), wanted("chat", 0)
    ({'logprobs': True, 'top_logprobs': 5}, {'logprobs': 5}, {})
    """
    if not alternatives:
        return {}
    if endpoint == "completions":
        return {"logprobs": min(alternatives, FEWER[1])}
    return {"logprobs": True, "top_logprobs": alternatives}


def answered(endpoint: Kind, body: Json) -> Reply:
    """Read what a 200 brought as one answer; tokens that cannot be read are left out, all of them.

    Raises:
        Malformed: nothing in it is a choice.
    """
    read = read_reply(body, chat=endpoint == "chat")
    choice = read.choices[0]
    try:
        listed = body["choices"][0].get("logprobs") or {}
        tokens = _chat(listed) if endpoint == "chat" else _plain(listed)
    except (KeyError, TypeError, ValueError, AttributeError):
        tokens = ()
    return Reply(choice.text, tokens, read.usage.prompt, read.usage.completion, choice.finish)


def _chat(listed: Mapping[str, Json]) -> tuple[Token, ...]:
    return tuple(
        Token(
            token["token"],
            _known(token.get("logprob")),
            _table((other["token"], other["logprob"]) for other in token.get("top_logprobs") or ()),
        )
        for token in listed.get("content") or ()
    )


def _plain(listed: Mapping[str, Json]) -> tuple[Token, ...]:
    texts = listed.get("tokens") or []
    values = listed.get("token_logprobs") or [None] * len(texts)
    tops = listed.get("top_logprobs") or [None] * len(texts)
    return tuple(
        Token(text, _known(value), _table((top or {}).items()))
        for text, value, top in zip(texts, values, tops, strict=True)
    )


def _table(pairs: Any) -> dict[str, float]:  # noqa: ANN401 - pairs as they came
    return {text: value for text, given in pairs if (value := _known(given)) is not None}


def _known(value: Json) -> float | None:
    """Return a log-probability, one above 0 by rounding as 0; None for what is none."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return min(float(value), 0.0) if good and value < ROUNDING else None
