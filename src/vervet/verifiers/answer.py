"""The one design of every answer verifier: extract, make canonical, compare.

    text ──extract──▶ candidate ──canonical──▶ class ──compare──▶ verdict

`extract` finds what a reply gives as its answer, or None. `canonical` maps a candidate to a
string that all equal answers share, whichever comes first, so that votes are votes for values.
Both are pure functions of text which neither raise nor hang. A reply is accepted when its class
is that of the reference.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.identity import verifier_id

Extract = Callable[[str], str | None]
Canonical = Callable[[str], str]

NO_ANSWER = "no answer found"
TRUNCATED = "cut off at max_tokens"
NO_REFERENCE = "the problem has no reference answer"
THINK_OPENS, THINK_CLOSES = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class Traits:
    """What someone who chooses a verifier wants to know before paying for it."""

    cost: str
    """What one verdict costs, in words: microseconds, one request, a container."""
    deterministic: bool
    """Whether a repeat gives the same verdict."""
    fooled_by: str
    """What it accepts though it is wrong, or rejects though it is right."""


@dataclass(frozen=True, slots=True)
class AnswerVerifier:
    """Compares the answer a reply gives with the problem's reference, class by class."""

    id: str
    extract: Extract
    canonical: Canonical
    traits: Traits
    field: str = "answer"
    """The key of `Problem.reference` that holds the right answer."""

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Accept if the sample's answer is in the class of the reference; None votes for none."""
        return self.judge(problem, sample, trial)

    def judge(self, problem: Problem, sample: Sample, trial: int = 0) -> Verdict:
        """Do what `verify` does, without a coroutine."""
        candidate, why_not = find_answer(sample, self.extract)
        if candidate is None:
            return reject(self.id, sample, trial, why_not)
        answer = self.canonical(candidate)
        expected = reference_class(self, problem.reference.get(self.field))
        if expected is None:
            return verdict(self.id, sample, trial, Outcome.ERROR, answer, NO_REFERENCE)
        outcome = Outcome.ACCEPT if answer == expected else Outcome.REJECT
        return verdict(self.id, sample, trial, outcome, answer)

    def reference_replies(self, problem: Problem) -> dict[str, str]:
        """Return replies that must be accepted: the reference itself, and its worked solution."""
        return {
            part: text
            for part in (self.field, "solution")
            if (text := str(problem.reference.get(part) or "")) and self.extract(text) is not None
        }


def reference_class(verifier: AnswerVerifier, reference: object) -> str | None:
    """Return the class of a reference, which may be a number or a whole worked solution."""
    if reference is None or reference == "":
        return None
    return _class_of(verifier.extract, verifier.canonical, str(reference))


@lru_cache(maxsize=65_536)
def _class_of(extract: Extract, canonical: Canonical, reference: str) -> str:
    """Read a reference: alone first, as a worked solution where that finds an answer."""
    return canonical(extract(reference) or reference)


def find_answer(sample: Sample, extract: Extract) -> tuple[str | None, str]:
    """Return (candidate, "") or (None, why there is none).

    A reply that was cut off did not give its answer, whatever stands in it (docs/graders.md).
    """
    if sample.finish == "length":
        return None, TRUNCATED
    candidate = extract(without_thoughts(sample.text))
    return candidate, "" if candidate is not None else NO_ANSWER


def without_thoughts(text: str) -> str:
    """Return what follows the reasoning part; nothing where the reasoning never ended.

    >>> without_thoughts("<think>maybe 3</think>It is 4.")
    'It is 4.'
    >>> without_thoughts("<think>maybe 3")
    ''
    """
    closed = text.rfind(THINK_CLOSES)
    if closed >= 0:
        return text[closed + len(THINK_CLOSES) :]
    return "" if text.lstrip().startswith(THINK_OPENS) else text


def reject(verifier: str, sample: Sample, trial: int, detail: str) -> Verdict:
    """Return the verdict on a reply without an answer: wrong, and a vote for nothing."""
    return verdict(verifier, sample, trial, Outcome.REJECT, None, detail)


def verdict(
    verifier: str,
    sample: Sample,
    trial: int,
    outcome: Outcome,
    answer: str | None,
    detail: str = "",
) -> Verdict:
    """Return a verdict on `sample`, named as it is."""
    return Verdict(
        sample.problem_id,
        sample.sampler_id,
        sample.index,
        verifier,
        trial,
        outcome,
        None if answer is None else storable(answer),
        detail=detail,
    )


def storable(answer: str) -> str:
    """Return `answer` as UTF-8 can hold it: hostile text has lone surrogates and NULs."""
    if answer.isascii() and "\0" not in answer:
        return answer
    return answer.encode("utf-8", "replace").decode().replace("\0", "?")


def named(name: str, version: str, **parameters: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the id of a verifier with these parameters."""
    return verifier_id(name, version, parameters)
