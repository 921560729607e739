"""Replies that are JSON, compared by value: structured outputs vote for what they mean."""

import json
from typing import Any

from vervet.verifiers.answer import AnswerVerifier, Traits, named, without_thoughts

VERSION = "1"
TRAITS = Traits(
    cost="microseconds",
    deterministic=True,
    fooled_by="nothing that is not the reference; a right value under another key is rejected",
)


def json_value(*, field: str = "answer") -> AnswerVerifier:
    """Return the verifier that wants the reply to be the same JSON value as the reference.

    >>> from vervet.types import Problem, Sample
    >>> problem = Problem("p", "As JSON?", {"answer": '{"a": 1}'})
    >>> json_value().judge(problem, Sample("p", "m", 0, '{ "a": 1.0 }')).outcome.value
    'accept'
    """
    return AnswerVerifier(named("json", VERSION, field=field), value_of, str, TRAITS, field)


def value_of(text: str) -> str | None:
    r"""Return the canonical JSON of a reply, a code fence around it aside; None if it is none.

    >>> value_of('```json\n{"b": 1, "a": 2.0}\n```'), value_of("four")
    ('{"a":2,"b":1}', None)
    """
    text = without_thoughts(text).strip()
    if text.startswith("```") and text.endswith("```"):
        text = text[3:-3].removeprefix("json").strip()
    return read(text)


def read(text: str) -> str | None:
    """Return JSON in the one way to write it; None where it is none, or nested beyond reading."""
    try:
        return canonical(json.loads(text))
    except (ValueError, RecursionError):
        return None


def canonical(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the one way to write a JSON value: sorted keys, no spaces, 1.0 as 1.

    >>> canonical({"b": [1.0, True], "a": "x"})
    '{"a":"x","b":[1,true]}'
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
