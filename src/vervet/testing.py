"""Whether a verifier and a problem set can be trusted: before a run, and in your own tests.

A reference answer that its own verifier rejects makes a problem unverifiable: no sample of it can
be told right from wrong. `check_references` finds those. `check_verifier` holds a verifier to
what every part of vervet relies on.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from vervet.engines.bridge import run
from vervet.errors import ConfigError, VervetError
from vervet.types import Outcome, Problem, Sample, Verdict, Verifier

AT_ONCE = 8
"""Checks in flight, for a verifier that does not say how many it takes."""
HOSTILE_SECONDS = 30.0
HOSTILE = (
    "\0", "\ud800", "\\boxed{" * 200, "9" * 5_000, "9^{9^{9^{9}}}", "(" * 1_000, "NaN", "1e999999",
    "####", "The answer is", "```python\nwhile True: pass\n```" * 3, "<think>" * 50, "\\" * 999,
    "\u0667" * 9, "\N{ZERO WIDTH SPACE}" * 100, "import os; os._exit(0)", "A" * 100_000,
)  # fmt: skip
"""Replies that must cost nothing but a rejection."""


@runtime_checkable
class SaysReplies(Protocol):
    """A verifier that knows which replies a reference must accept."""

    def reference_replies(self, problem: Problem) -> Mapping[str, str]:
        """Return part of the reference to a reply that gives it."""
        ...


@runtime_checkable
class SaysWrongReplies(Protocol):
    """A verifier that knows replies which it must run and reject: its controls."""

    def wrong_replies(self, problem: Problem) -> Mapping[str, str]:
        """Return what a reply is to one that must be rejected."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """A reference that its verifier did not accept, or a control it did not reject, every time."""

    problem_id: str
    part: str
    """Which part of the reference was tried: answer, solution."""
    outcome: str
    detail: str
    expected: str
    answer: str | None
    """What the verifier read in it."""

    def __repr__(self) -> str:
        read = "nothing" if self.answer is None else repr(self.answer)
        line = f"{self.problem_id}: {self.part} {self.expected!r}: {self.outcome}, read {read}"
        return f"{line} ({self.detail})" if self.detail else line


@dataclass(frozen=True, slots=True)
class References:
    """What checking the references of a problem set found."""

    verifier_id: str
    problems: int
    checked: int
    """Parts of references that were run: answers, solutions, controls."""
    unchecked: int
    """Problems whose reference says nothing that can be run."""
    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        accepted = self.checked - len(self.findings)
        first = f"{accepted:,} of {self.checked:,} references accepted by {self.verifier_id}"
        if self.unchecked:
            first += f"; {self.unchecked:,} problems have none that can be run"
        return "\n".join([first, *map(str, self.findings)])


def check_references(
    problems: Iterable[Problem], verifier: Verifier, *, repeats: int = 1
) -> References:
    """Run every reference answer, and reference solution, through its verifier; close it then.

    Where a verifier has controls (a patch that repairs nothing), these must be rejected. With
    `repeats` above one, a part that is not judged so every time is a finding too: flaky.

    Raises:
        ConfigError: the verifier cannot judge anything as it is set up.

    >>> from vervet.verifiers.gsm8k import gsm8k_answer
    >>> reference = {"answer": "18", "solution": "9 * 2 = 16 #### 16"}
    >>> print(check_references([Problem("p", "?", reference)], gsm8k_answer()).findings[0])
    p: solution '9 * 2 = 16 #### 16': reject, read '16'
    """
    problems = list(problems)
    parts = [
        Part(problem, part, text, outcome)
        for problem in problems
        for outcome, known in (
            (Outcome.ACCEPT, replies(verifier, problem)),
            (Outcome.REJECT, controls(verifier, problem)),
        )
        for part, text in known.items()
    ]
    findings = run(_all(verifier, parts, repeats))
    return References(
        verifier.id,
        len(problems),
        len(parts),
        len(problems) - len({part.problem.id for part in parts}),
        tuple(finding for finding in findings if finding is not None),
    )


def replies(verifier: Verifier, problem: Problem) -> Mapping[str, str]:
    """Return the replies that a problem's reference must accept, by part."""
    if isinstance(verifier, SaysReplies):
        return verifier.reference_replies(problem)
    known = ((part, problem.reference.get(part)) for part in ("solution", "answer"))
    return next(({part: str(text)} for part, text in known if text), {})


def controls(verifier: Verifier, problem: Problem) -> Mapping[str, str]:
    """Return the replies that must be rejected, by what they are."""
    return verifier.wrong_replies(problem) if isinstance(verifier, SaysWrongReplies) else {}


@dataclass(frozen=True, slots=True)
class Part:
    """One reply that is run, and what must become of it."""

    problem: Problem
    name: str
    text: str
    wanted: Outcome


async def _all(verifier: Verifier, parts: Sequence[Part], repeats: int) -> list[Finding | None]:
    gate = asyncio.Semaphore(int(getattr(verifier, "concurrency", None) or AT_ONCE))

    async def one(part: Part) -> Finding | None:
        async with gate:
            verdicts = [await told(verifier, part, trial) for trial in range(repeats)]
        return _finding(part, verdicts)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(part)) for part in parts]
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
    finally:
        if close := getattr(verifier, "aclose", None):
            await close()
    return [task.result() for task in tasks]


async def told(verifier: Verifier, part: Part, trial: int) -> Verdict:
    """Return the verdict on a part; a verifier that crashes gives an ERROR."""
    try:
        return await judged(verifier, part.problem, part.text, trial)
    except ConfigError:
        raise
    except Exception as crash:  # noqa: BLE001 - a verifier's crash is its verdict: ERROR
        said = f"{verifier.id}: {type(crash).__name__}: {crash}"
        return Verdict(part.problem.id, "check", 0, verifier.id, trial, Outcome.ERROR, detail=said)


def _finding(part: Part, verdicts: Sequence[Verdict]) -> Finding | None:
    failed = [verdict for verdict in verdicts if verdict.outcome is not part.wanted]
    if not failed:
        return None
    flaky = f"flaky: {len(failed)} of {len(verdicts)} not {part.wanted}ed"
    detail = flaky if len(failed) < len(verdicts) else failed[0].detail
    expected = str(part.problem.reference.get(part.name, part.text))
    shown = expected if len(expected) <= LONGEST_SHOWN else f"…{expected[-LONGEST_SHOWN:]}"
    outcome = failed[0].outcome.value
    return Finding(part.problem.id, part.name, outcome, detail, shown, failed[0].answer)


LONGEST_SHOWN = 80


async def judged(verifier: Verifier, problem: Problem, text: str, trial: int = 0) -> Verdict:
    """Return the verdict on a reply of `text`; a verifier that fails gives an ERROR.

    Raises:
        ConfigError: it cannot judge anything as it is set up.
    """
    sample = Sample(problem.id, "check", 0, text)
    try:
        return await verifier.verify(problem, sample, trial)
    except ConfigError:
        raise
    except VervetError as cause:
        return Verdict(problem.id, "check", 0, verifier.id, trial, Outcome.ERROR, detail=str(cause))


def check_verifier(verifier: Verifier, problems: Iterable[Problem]) -> None:
    """Hold a verifier to its contract, on problems whose references it reads.

    Its id is stable; it accepts what the references say; an empty reply is rejected and votes for
    nothing; hostile text is never accepted, never crashes it and never holds it up; a reference
    that it cannot read is an ERROR and not a rejection; a verdict is named as its sample is.

    Raises:
        AssertionError: listing every complaint.

    >>> from vervet.verifiers.exact import exact
    >>> check_verifier(exact(), [Problem("p", "Capital of Peru?", {"answer": "Lima"})])
    """
    complaints = run(_complaints(verifier, list(problems)))
    if complaints:
        raise AssertionError("\n".join([f"{verifier.id} breaks its contract:", *complaints]))


async def _complaints(verifier: Verifier, problems: Sequence[Problem]) -> list[str]:
    found = [] if problems else ["there are no problems to check it on"]
    before = verifier.id
    for problem in problems:
        found += await _accepts_references(verifier, problem)
        found += await _rejects_nothing(verifier, problem)
    for problem in problems[:1]:
        found += await _survives(verifier, problem)
        found += await _blames_itself(verifier, problem)
    if verifier.id != before or not before:
        found.append(f"its id changed from {before!r} to {verifier.id!r}")
    return found


async def _accepts_references(verifier: Verifier, problem: Problem) -> list[str]:
    found = []
    for part, text in replies(verifier, problem).items():
        first = await judged(verifier, problem, text)
        if first.outcome is not Outcome.ACCEPT:
            found.append(f"{problem.id}: {first.outcome} for its reference {part} ({first.detail})")
        named = (first.problem_id, first.sampler_id, first.index, first.verifier_id, first.trial)
        if named != (problem.id, "check", 0, verifier.id, 0):
            found.append(f"{problem.id}: the verdict is named {named}, unlike its sample")
    return found


async def _rejects_nothing(verifier: Verifier, problem: Problem) -> list[str]:
    verdict = await judged(verifier, problem, "")
    if verdict.outcome is Outcome.REJECT and verdict.answer is None:
        return []
    return [f"{problem.id}: {verdict.outcome} with {verdict.answer!r} for an empty reply"]


async def _survives(verifier: Verifier, problem: Problem) -> list[str]:
    found = []
    for text in HOSTILE:
        try:
            verdict = await asyncio.wait_for(judged(verifier, problem, text), HOSTILE_SECONDS)
        except Exception as cause:  # noqa: BLE001 - whatever comes out is the complaint
            found.append(f"{text[:20]!r}: {type(cause).__name__}: {str(cause)[:80]}")
            continue
        if verdict.outcome is Outcome.ACCEPT:
            found.append(f"{text[:20]!r} is accepted")
    return found


async def _blames_itself(verifier: Verifier, problem: Problem) -> list[str]:
    """A reply is not wrong because the problem says nothing to compare it with."""
    text = next(iter(replies(verifier, problem).values()), None)
    if text is None:
        return []
    verdict = await judged(verifier, replace(problem, reference={}), text)
    if verdict.outcome is Outcome.ERROR:
        return []
    return [f"{problem.id}: {verdict.outcome} where there is no reference to compare with"]
