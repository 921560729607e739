"""Votes where there is no reference: what a reply answers is read, and right or wrong left open."""

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from vervet.types import Outcome, Problem, Sample, Verdict, Verifier
from vervet.verifiers.answer import NO_ANSWER, NO_REFERENCE, TRUNCATED, reject, verdict
from vervet.verifiers.identity import verifier_id
from vervet.verifiers.json_value import canonical, value_of

VERSION = "votes-2"


@dataclass(frozen=True, slots=True)
class Votes:
    """Accepts a reply in which an answer can be read, and votes for that answer.

    Keeps the name of the verifier it reads with, under a version of its own: a policy that names
    `gsm8k-answer` is served, recorded and replayed under that name. Tool calls vote by what they
    call with which arguments; replies to a request for JSON vote by their value. That is one
    verifier: how it reads follows from the request, whose settings name the sampler.
    """

    inside: Verifier
    structured: bool = False
    """The request asked for JSON (`response_format`)."""

    @property
    def id(self) -> str:
        """Name of the verifier inside, and a version that says that it only votes."""
        return _votes_of(self.inside.id)

    def describe(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {"votes_of": self.inside.id}

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Read the answer; ACCEPT says that there is one, never that it is right."""
        if sample.finish == "tool_calls":
            return self._read(sample, trial, calls_of(sample.text), NO_ANSWER)
        if self.structured:
            cut = sample.finish == "length"
            answer = None if cut else value_of(sample.text)
            return self._read(sample, trial, answer, TRUNCATED if cut else NO_ANSWER)
        found = await self.inside.verify(problem, sample, trial)
        if found.outcome is Outcome.ERROR and found.detail == NO_REFERENCE:
            found = replace(found, outcome=Outcome.ACCEPT, detail="")
        return replace(found, verifier_id=self.id)

    def _read(self, sample: Sample, trial: int, answer: str | None, why_not: str) -> Verdict:
        if answer is None:
            return reject(self.id, sample, trial, why_not)
        return verdict(self.id, sample, trial, Outcome.ACCEPT, answer)


@cache
def _votes_of(inside: str) -> str:
    return verifier_id(inside.partition("@")[0], VERSION, {"of": inside})


def calls_of(text: str) -> str | None:
    r"""Return the canonical form of the tool calls that end a reply: names and arguments.

    >>> calls_of('[{"id": "c1", "function": {"name": "f", "arguments": "{\\"b\\": 1.0}"}}]')
    '[["f",{"b":1}]]'
    """
    try:
        calls = json.loads(text.rpartition("\n")[2])
    except (ValueError, RecursionError):
        return None
    listed = calls if isinstance(calls, list) else [calls]
    functions = [c.get("function", c) for c in listed if isinstance(c, dict)]
    return canonical([_call(f) for f in functions if isinstance(f, dict)]) if functions else None


def _call(function: dict[str, Any]) -> list[Any]:
    arguments = function.get("arguments")
    try:
        read = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        read = arguments
    return [function.get("name"), read]
