r"""Answers of competition mathematics, compared by what they mean.

Cheap and exact first: the same spelling, the same number, the same value of a formula at 120
digits (`equivalence`). Only what our own grammar does not read goes to the Math-Verify library,
in worker processes that can be killed; each distinct answer of a problem is judged once. A check
that is late or fails is an ERROR: it says nothing about the sample.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError, MissingExtra, VerifierError
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers import math_worker
from vervet.verifiers.answer import NO_REFERENCE, Traits, find_answer, named, reject, verdict
from vervet.verifiers.canonical import math_class
from vervet.verifiers.equivalence import same
from vervet.verifiers.extract import after_marker, last_boxed, last_line
from vervet.verifiers.latex import COMMAND, LONGEST, tidy
from vervet.verifiers.number import first_number, last_number
from vervet.verifiers.workers import Limits, Workers

VERSION = "1"
MINERVA = re.compile(
    r"Final Answer: The final answer is(.{1,1000}?)\. I hope it is correct\.", re.DOTALL
)
"""Lewkowycz et al. 2022 (arXiv:2206.14858), appendix D.1: the first match."""
INLINE = re.compile(r"\$([^$\n]+)\$|\\\((.+?)\\\)")
SENTENCE_END = re.compile(r"\.\s|,? (?:because|since|as|so|which|where)\b")
SUBJECT = re.compile(
    r"[A-Za-z][^$]{0,200}\$[^$\n]+\$[^$.]{0,100}?\b(?:is|are|equals)\b:?\s*(?=[-$\\(\[0-9])"
)
"""`The largest $n$ is`: the formula is what is asked about, not the answer."""
BEYOND = re.compile(r"[^$.]{0,100}?\b(?:is|are|equals)\s+(?=-?[0-9])")
CONCLUSION = re.compile(r"(?:Therefore|Thus|Hence|So)\b[^$\n.]*[0-9][^$\n]*?(?:\.\s|\.?$)")
AND = re.compile(r"(?:\s|\bor\b|\band\b|,|;)+")
LONGEST_LINE = 2_000
SENTENCE = 4
"""Words from which a clause is a sentence; its only number is then the answer."""
LONGEST_NAME = 60
NAME = re.compile(r"\\text\s*\{[^{}]*\}|[A-Za-z]+(?: [A-Za-z]+)?\.?")
"""A reply that is nothing but one or two words."""
WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
"""Words, but not LaTeX commands."""
WORD = re.compile("[A-Za-z]{4,}")
REMEMBERED = 65_536

TRAITS = Traits(
    cost="0.1 ms for each distinct answer; a few ms where Math-Verify is asked",
    deterministic=True,
    fooled_by="a right answer behind wrong reasoning; a unit may be left out, and a value is "
    "accepted in any form, simplified or not",
)


class MathAnswer:
    """Accepts a reply whose final answer means what the reference means."""

    traits = TRAITS

    def __init__(
        self,
        *,
        style: str = "any",
        seconds: float = 10.0,
        megabytes: int = 2_048,
        workers: int = 2,
    ) -> None:
        r"""Make the verifier.

        Args:
            style: `any` reads a `\boxed{}`, Minerva's closing sentence, `The answer is ...`, or
                the last formula or number of the last line; `boxed` reads a box only; `paper`
                reads Minerva's closing sentence only.
            seconds: wall time of one equivalence check before it is an ERROR.
            megabytes: address space of a worker process.
            workers: worker processes, started when they are first needed.

        Raises:
            ConfigError: no such style, or a limit is not positive.
            MissingExtra: Math-Verify is not installed.
        """
        if style not in EXTRACTORS:
            raise ConfigError(f"math-answer: style {style!r} is none of {', '.join(EXTRACTORS)}.")
        if min(seconds, megabytes, workers) <= 0:
            raise ConfigError("math-answer: seconds, megabytes and workers must be positive.")
        try:
            library = version("math-verify")
        except PackageNotFoundError:
            raise MissingExtra("math-answer", "math") from None
        self.id = named("math-answer", VERSION, style=style, library=library)
        self.settings = {
            "style": style, "seconds": seconds, "megabytes": megabytes, "workers": workers,
        }  # fmt: skip
        self.extract = EXTRACTORS[style]
        self.known: OrderedDict[tuple[str, str], bool] = OrderedDict()
        script = str(Path(math_worker.__file__).resolve())
        self.workers = Workers(script, "equivalence check", Limits(seconds, megabytes, workers))

    def __reduce__(self) -> tuple[Callable[..., "MathAnswer"], tuple[type["MathAnswer"], Any]]:
        """Go to another process as settings; worker processes stay here."""
        return _remade, (type(self), self.settings)

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Accept if the sample's answer equals the reference; equal answers are equal strings."""
        candidate, why_not = find_answer(sample, self.extract)
        if candidate is None:
            return reject(self.id, sample, trial, why_not)
        reference = problem.reference.get("answer")
        if reference is None or not str(reference).strip():
            answer = math_class(candidate)
            return verdict(self.id, sample, trial, Outcome.ERROR, answer, NO_REFERENCE)
        return await self.compare(str(reference), candidate, sample, trial)

    def reference_replies(self, problem: Problem) -> dict[str, str]:
        """Return replies that must be accepted: the reference, its solution if that has a box."""
        answer = str(problem.reference.get("answer") or "")
        solution = str(problem.reference.get("solution") or "")
        stated = (
            f"Final Answer: The final answer is ${answer}$. I hope it is correct."
            if self.extract is papers_answer
            else f"\\boxed{{{answer}}}"
        )
        boxed = self.extract is not papers_answer and last_boxed(solution) is not None
        return {"answer": stated, **({"solution": solution} if boxed else {})}

    async def compare(self, reference: str, candidate: str, sample: Sample, trial: int) -> Verdict:
        """Return the verdict on a candidate answer."""
        try:
            equal = await self.equal(reference, candidate)
        except VerifierError as cause:
            answer = math_class(candidate)
            return verdict(self.id, sample, trial, Outcome.ERROR, answer, str(cause))
        if equal:
            return verdict(self.id, sample, trial, Outcome.ACCEPT, math_class(reference))
        answer = math_class(candidate)
        if answer == math_class(reference):  # in another unit, or of another variable
            answer = " ".join(candidate.split())
        return verdict(self.id, sample, trial, Outcome.REJECT, answer)

    async def equal(self, reference: str, candidate: str) -> bool:
        """Return whether two answers are equal.

        Raises:
            VerifierError: the check failed; nothing is known about the answer.
        """
        decided = same(reference, candidate)
        if decided is not None:
            return decided
        if not worth_asking(reference) or not worth_asking(candidate):
            return False
        key = (reference, candidate)
        if key not in self.known:
            reply = await self.workers.ask({"reference": reference, "answer": candidate})
            self.known[key] = bool(reply["equal"])
            if len(self.known) > REMEMBERED:
                self.known.popitem(last=False)
        return self.known[key]


def _remade(kind: type[MathAnswer], settings: Mapping[str, Any]) -> MathAnswer:
    return kind(**settings)


def worth_asking(answer: str) -> bool:
    r"""Whether it may be mathematics that our grammar does not read, rather than a sentence.

    >>> [worth_asking(text) for text in (r"\sum_{k=1}^{3} k", "the left one", "2 or more")]
    [True, False, False]
    """
    if len(answer) > LONGEST or not any(sign in answer for sign in "\\^_=0123456789"):
        return False
    return WORD.search(COMMAND.sub(" ", tidy(answer))) is None


def any_answer(text: str) -> str | None:
    r"""Return what a reply gives as its answer, by the clearest mark it has.

    >>> any_answer(r"Then $x = 3$. The final answer is $\frac{1}{2}$.")
    '\\frac{1}{2}'
    """
    if (found := papers_answer(text)) is not None:
        return found
    if "\\" in text and (box := last_boxed(text)):
        return box
    if rest := after_marker(text):
        return statement(rest)
    return closing(text)


def closing(text: str) -> str | None:
    r"""Return what a reply without any mark ends with: a formula, a bare answer, a number.

    >>> [closing(text) for text in ("so $x=2$ or $3$", r"\[ y = \frac{1}{2} \]", "East", "is 7.")]
    ['3', '\\frac{1}{2}', 'East', '7']
    """
    line = last_line(text).removesuffix("\\]").removesuffix("$$").strip()
    if not line:
        line = last_line(text.rstrip().removesuffix("\\]").removesuffix("$$"))
    if not line or len(line) > LONGEST_LINE:
        return None
    if formulas := list(INLINE.finditer(line)):
        return beyond(line[formulas[-1].end() :]) or formulas[-1][1] or formulas[-1][2]
    bare = line.replace("$", "").replace("\\[", "").strip()
    if not WORDS.search(bare) and not bare.isdigit():
        return bare.rpartition("=")[2].strip() or None
    if len(text) <= LONGEST_NAME and NAME.fullmatch(text.strip()):
        return text.strip()
    return last_number(line)


def beyond(tail: str) -> str | None:
    """Return the number that a text states behind its last formula.

    >>> beyond(" is 120."), beyond(". Therefore, there are 12 of them. Good luck!"), beyond(" m.")
    ('120', '12', None)
    """
    if named := BEYOND.match(tail):
        return first_number(tail[named.end() :])
    concluded = CONCLUSION.search(tail)
    return last_number(concluded[0]) if concluded else None


def statement(rest: str) -> str | None:
    r"""Return the answer that follows `the answer is`: its first formulas, or its first clause.

    >>> statement(r"$\pi$ (since 2 < 3)."), statement("**42** because of that.")
    ('\\pi', '42')
    >>> statement("The largest $n$ is 34."), statement("$12$ and $13$.")
    ('34', '12,13')
    >>> statement("Jane started to grow it 3 hours ago. I hope it is correct.")
    '3'
    """
    line = rest[:LONGEST_LINE]
    if asked := SUBJECT.match(line):
        line = line[asked.end() :]
    if formulas := list(INLINE.finditer(line)):
        listed = [formulas[0]]
        for before, after in pairwise(formulas):
            if not AND.fullmatch(line, before.end(), after.start()):
                break
            listed.append(after)
        return ",".join(formula[1] or formula[2] for formula in listed)
    clause = SENTENCE_END.split(line.replace("**", ""), maxsplit=1)[0]
    if len(WORDS.findall(clause)) >= SENTENCE and (number := first_number(clause)):
        return number if number == last_number(clause) else clause.strip(" .:*_")
    return clause.strip(" .:*_") or None


def papers_answer(text: str) -> str | None:
    """Return what Minerva's closing sentence states; the first one counts.

    >>> papers_answer("Final Answer: The final answer is $[2,5)$. I hope it is correct.")
    '$[2,5)$'
    """
    if "I hope it is correct" not in text:
        return None
    match = MINERVA.search(text)
    return match[1].strip() or None if match else None


EXTRACTORS = {"any": any_answer, "boxed": last_boxed, "paper": papers_answer}
