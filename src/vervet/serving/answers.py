"""What a client gets: the reply that was chosen, the usage of everything that was paid.

Abstention is a reply: an empty text, `refusal` saying why, finish_reason "stop", and
`vervet.abstained`. A client that knows nothing of it reads an empty answer and does not crash.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from time import time
from typing import Any

from vervet.policies.flow import Choice, Policy, name_of
from vervet.serving.asking import Asked
from vervet.types import Outcome, Sample, Selection, Verdict

FINISHES = {"stop", "length", "content_filter", "tool_calls"}
DONE = b"data: [DONE]\n\n"
Body = dict[str, Any]


@dataclass(slots=True)
class Paid:
    """Everything that one request drew and judged so far."""

    samples: list[Sample] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    dollars: float | None = 0.0
    """None where the price of something is not known."""

    def add(self, dollars: float | None) -> None:
        """Add what something cost; once something is not known, the sum is not."""
        known = self.dollars is not None and dollars is not None
        self.dollars = (self.dollars or 0.0) + (dollars or 0.0) if known else None

    def usage(self) -> Body | None:
        """Return the totals as OpenAI writes them: all samples, and what the judges used.

        A prompt that several samples share is counted once. None where nothing is known.
        """
        prompt = [_billed(s) for s in self.samples] + [v.prompt_tokens for v in self.verdicts]
        completion = [s.completion_tokens for s in self.samples]
        completion += [v.completion_tokens for v in self.verdicts]
        if all(n is None for n in (*prompt, *completion)):
            return None
        read, written = _sum(prompt), _sum(completion)
        totals = {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        }
        cached = [s.cached_tokens for s in self.samples if not s.shared_tokens]
        thought = [s.reasoning_tokens for s in self.samples]
        return (
            totals
            | _known("prompt_tokens_details", "cached_tokens", cached)
            | _known("completion_tokens_details", "reasoning_tokens", thought)
        )


def _known(table: str, name: str, values: Sequence[int | None]) -> Body:
    """Return a detail of the totals, or nothing where no sample says it."""
    return {} if all(n is None for n in values) else {table: {name: _sum(values)}}


def _billed(sample: Sample) -> int | None:
    known = sample.prompt_tokens
    return None if known is None else known - (sample.shared_tokens or 0)


def _sum(values: Iterable[int | None]) -> int:
    return sum(value or 0 for value in values)


@dataclass(frozen=True, slots=True)
class Answer:
    """One request, answered."""

    asked: Asked
    policy: Policy
    selection: Selection
    choice: Choice
    paid: Paid
    chosen: Sample | None
    reply: Mapping[str, Any]
    """The chosen reply as the endpoint wrote it; empty where it was no endpoint."""

    @property
    def abstained(self) -> bool:
        """Whether the policy returned nothing."""
        return self.chosen is None

    def details(self) -> Body:
        """Return what happened: votes, verdicts, confidence, cost."""
        paid = self.paid
        return {
            "policy": name_of(self.policy),
            "abstained": self.abstained,
            "reason": self.selection.reason,
            "confidence": self.choice.confidence,
            "selected": None if self.chosen is None else place_of(paid.samples, self.chosen),
            "samples": len(paid.samples),
            "verifications": len(paid.verdicts),
            "tokens": self.selection.tokens_paid,
            "usd": paid.dollars,
            "votes": votes(paid.verdicts),
            "verdicts": [_verdict(v, paid.samples) for v in paid.verdicts],
        }

    def extra(self) -> Body:
        """Return the response's field `vervet`: on request, and where the policy abstained."""
        if self.asked.details:
            return {"vervet": self.details()}
        if self.abstained:
            return {"vervet": {"abstained": True, "reason": self.selection.reason}}
        return {}

    def body(self) -> Body:
        """Return the response in one piece."""
        chat = self.asked.endpoint == "chat"
        said = {"message": self._message()} if chat else {"text": self._text()}
        choice = {
            "index": 0, **said, "logprobs": self._logprobs(), "finish_reason": self._finish(),
        }  # fmt: skip
        head = self._head("chat.completion" if chat else "text_completion")
        usage = self.paid.usage()
        return {
            **head,
            "choices": [choice],
            **({"usage": usage} if usage else {}),
            **self.extra(),
        }

    def events(self) -> Iterator[bytes]:
        """Yield the response as server-sent events: what is said, the end, usage if asked."""
        chat = self.asked.endpoint == "chat"
        head = self._head("chat.completion.chunk" if chat else "text_completion")
        said = {"delta": _delta(self._message())} if chat else {"text": self._text()}
        nothing: Body = {"delta": {}} if chat else {"text": ""}
        more = {"usage": None} if self.asked.include_usage else {}
        first = {"index": 0, **said, "logprobs": self._logprobs(), "finish_reason": None}
        last = {"index": 0, **nothing, "logprobs": None, "finish_reason": self._finish()}
        yield event({**head, "choices": [first], **more})
        yield event({**head, "choices": [last], **more, **self.extra()})
        if self.asked.include_usage:
            yield event({**head, "choices": [], "usage": self.paid.usage()})
        yield DONE

    def _head(self, kind: str) -> Body:
        problem, model = self.asked.problem, self.asked.model
        return {"id": problem.id, "object": kind, "created": int(time()), "model": model}

    def _text(self) -> str:
        return "" if self.chosen is None else self.chosen.text

    def _message(self) -> Body:
        if self.chosen is None:
            refusal = f"abstained: {self.selection.reason}"
            return {"role": "assistant", "content": "", "refusal": refusal}
        written = self.reply.get("message")
        if isinstance(written, dict):
            return {"role": "assistant", "refusal": None, **written}
        thoughts = {"reasoning_content": self.chosen.reasoning} if self.chosen.reasoning else {}
        return {"role": "assistant", "content": self.chosen.text, "refusal": None, **thoughts}

    def _logprobs(self) -> Any:  # noqa: ANN401 - as the endpoint wrote them
        wanted = self.asked.passed.get("logprobs")  # 0 asks for those of the text itself
        return None if wanted is None or wanted is False else self.reply.get("logprobs")

    def _finish(self) -> str:
        said = self.chosen.finish if self.chosen else "stop"
        if said == "tool_calls" and self.reply.get("finish_reason") == "function_call":
            return "function_call"
        return said if said in FINISHES else "stop"


def _delta(message: Body) -> Body:
    """Return a message as one piece of a stream: its tool calls are numbered there."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    numbered = [{"index": i, **call} for i, call in enumerate(calls) if isinstance(call, dict)]
    return {**message, "tool_calls": numbered}


def event(body: Mapping[str, Any]) -> bytes:
    """Return a server-sent event."""
    return b"data: %s\n\n" % as_json(body).encode()


def as_json(body: Mapping[str, Any]) -> str:
    """Write JSON. What is not finite is null: endpoints send such log-probabilities, JSON has none.

    >>> as_json({"logprob": float("-inf")})
    '{"logprob": null}'
    """
    try:
        return json.dumps(body, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(body))


def _finite(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def votes(verdicts: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    """Return how many samples gave each answer, by verifier; most votes first."""
    found: dict[str, Counter[str]] = {}
    for v in verdicts:
        if v.answer is not None and v.outcome is not Outcome.ERROR and v.trial == 0:
            found.setdefault(v.verifier_id.partition("@")[0], Counter())[v.answer] += 1
    return {name: dict(counts.most_common()) for name, counts in found.items()}


def _verdict(verdict: Verdict, samples: Sequence[Sample]) -> Body:
    judged = next(s for s in samples if _same(s, verdict))
    return {
        "sample": place_of(samples, judged),
        "verifier": verdict.verifier_id,
        "trial": verdict.trial,
        "outcome": verdict.outcome.value,
        "answer": verdict.answer,
        "score": verdict.score,
        "detail": verdict.detail,
    }


def _same(sample: Sample, row: Verdict | Sample) -> bool:
    return (sample.sampler_id, sample.index) == (row.sampler_id, row.index)


def place_of(samples: Sequence[Sample], sample: Sample) -> int:
    """Return the place of a sample in the order in which they were asked for."""
    return next(i for i, s in enumerate(samples) if _same(s, sample))
