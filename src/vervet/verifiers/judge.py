"""A model that judges: it reads the problem and the solution, reasons, and says Yes or No.

Each trial is a reply of its own, so V verifications of a solution are trials 0..V-1 and every
(S, V) cell of the success surface is a replay. A judge that says neither is an ERROR: its silence
says nothing about the solution.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from vervet.errors import ConfigError
from vervet.types import Asks, Outcome, Problem, Reply, Sample, Sampler, Token, Verdict
from vervet.verifiers.answer import TRUNCATED, Traits, named
from vervet.verifiers.judging.asking import Sampled, model_of
from vervet.verifiers.judging.prompts import Thoughts, fill, shown, template_of
from vervet.verifiers.judging.words import Said, read

VERSION = "2"
SEED_BITS = 31
SCORES = ("hybrid", "logprob", "binary")
THOUGHTS = ("cut", "keep")

TRAITS = Traits(
    cost="one reply of a model; see prompt_tokens and completion_tokens",
    deterministic=False,
    fooled_by="solutions that sound right: repeats agree with each other far more than with the "
    "truth (a third of wrong GPQA solutions were accepted by all of 32 calls)",
)

Reads = Callable[[str, Sequence[Token]], "Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a reply says of a solution."""

    outcome: Outcome
    score: float | None
    detail: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judge:
    """Asks a model about one solution."""

    id: str
    model: Asks
    template: str
    reads: Reads
    thoughts: Thoughts = "cut"
    traits: Traits = field(default=TRAITS)

    @property
    def concurrency(self) -> int | None:
        """How many verdicts to ask for at a time; None where the model does not say."""
        return getattr(self.model, "asked_at_once", None)

    def describe(self) -> Mapping[str, Any]:
        """Return what the model says of itself, and the template."""
        return described(self.model) | {"template": self.template}

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Ask once; the seed depends on the sample and the trial.

        Raises:
            ModelError: the model could not be had.
            VerifierError: the problem lacks what the template needs.
        """
        if empty := nothing_to_judge(sample, self.thoughts):
            return verdict_of(self.id, sample, trial, empty)
        parts = {"solution": shown(sample, self.thoughts)}
        prompt = fill(self.template, problem, parts)
        reply = await self.model.ask(prompt, seed_of(sample, trial))
        return verdict_of(self.id, sample, trial, self.reads(reply.text, reply.tokens), reply)

    async def aclose(self) -> None:
        """Close what the model holds."""
        await close(self.model)


def described(model: Asks) -> dict[str, Any]:
    """Return what a model says of itself; nothing where it says nothing."""
    describe: Callable[[], Mapping[str, Any]] = getattr(model, "describe", dict)
    return dict(describe())


async def close(model: Asks) -> None:
    """Close what a model holds: a sampler's workers too."""
    held = model.sampler if isinstance(model, Sampled) else model
    end = getattr(held, "aclose", None)
    if end is not None:
        await end()


def nothing_to_judge(sample: Sample, thoughts: Thoughts) -> Finding | None:
    """Return the rejection of a reply that is no solution; None where there is one."""
    if sample.finish == "length":
        return Finding(Outcome.REJECT, None, TRUNCATED)
    if not shown(sample, thoughts):
        return Finding(Outcome.REJECT, None, "an empty reply")
    return None


def verdict_of(
    verifier: str, sample: Sample, trial: int, found: Finding, *replies: Reply
) -> Verdict:
    """Return a finding as a verdict on `sample`, with the words and the tokens of all replies."""
    words = [reply.text for reply in replies]
    cut = any(reply.finish == "length" for reply in replies)
    late = " before it was cut off" if cut and found.outcome is Outcome.ERROR else ""
    evidence = {"text": words[0] if len(words) == 1 else words, **found.evidence}
    return Verdict(
        sample.problem_id,
        sample.sampler_id,
        sample.index,
        verifier,
        trial,
        found.outcome,
        score=found.score,
        detail=found.detail + late,
        evidence=json.dumps(evidence) if replies else "",
        prompt_tokens=total([reply.prompt_tokens for reply in replies]),
        completion_tokens=total([reply.completion_tokens for reply in replies]),
    )


def total(counts: Sequence[int | None]) -> int | None:
    """Add token counts; None where one is not known, or there are none.

    >>> total([3, 4]), total([3, None]), total([])
    (7, None, None)
    """
    known = [count for count in counts if count is not None]
    return sum(known) if counts and len(known) == len(counts) else None


def yes_or_no(score: str) -> Reads:
    """Return the reader of `Is the answer correct (Yes/No)? Yes`."""

    def reads(text: str, tokens: Sequence[Token]) -> Finding:
        said = read(text, tokens)
        evidence = {"p_yes": said.p_yes, "p_no": said.p_no}
        if said.yes is None:
            return Finding(Outcome.ERROR, None, "the judge said neither Yes nor No", evidence)
        outcome = Outcome.ACCEPT if said.yes else Outcome.REJECT
        return Finding(outcome, score_of(said, score), "", evidence)

    return reads


def score_of(said: Said, score: str) -> float | None:
    """Return p(Yes), or the word as 1 or 0, as chosen.

    >>> score_of(Said(True, 0.0, None), "hybrid"), score_of(Said(True, None, None), "hybrid")
    (0.0, 1.0)
    """
    if score != "binary" and said.score is not None:
        return said.score
    return None if score == "logprob" else float(bool(said.yes))


def seed_of(sample: Sample, trial: int, of: str = "") -> int:
    """Return the seed of one verification: another for each sample and trial."""
    key = f"{sample.problem_id}\0{sample.sampler_id}\0{sample.index}\0{trial}{of}"
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) >> (64 - SEED_BITS)


def judge(
    model: str | Sampler | Asks,
    *,
    template: str = "",
    score: str = "hybrid",
    thoughts: Thoughts = "cut",
    **asking: Any,  # noqa: ANN401 - as model_of has them
) -> Judge:
    """Return a verifier that asks a model.

    Args:
        model: an installed model (`marmoset-verifier`), `provider/name`, the name of a model at an
            OpenAI-compatible endpoint, a `Sampler`, or anything with `ask`.
        template: `zero-shot`, `few-shot`, `fine-tuned`, `reference`, `worked`, or a text with
            {problem} and {solution}, and {reference} or {worked} if wanted. By default the one
            the model was trained with, else `zero-shot`.
        score: `logprob` is p(Yes) or nothing, `binary` the word, `hybrid` p(Yes) else the word.
        thoughts: of the solution: `cut`, or `keep` to show them to the judge.
        asking: how a named model is asked (`judging.asking.model_of`): `base_url`, `chat`,
            `temperature` (0.7), `top_p` (0.95), `max_tokens` (1024).

    Raises:
        ConfigError: no such model, template, score or setting, or no address.
    """
    one_of("score", score, SCORES)
    one_of("thoughts", thoughts, THOUGHTS)
    asked = model_of(model, **asking)
    text = template_of(template or getattr(asked, "judged_by", "") or "zero-shot")
    identity = named(
        "judge", VERSION, model=asked.id, template=text, score=score, thoughts=thoughts
    )
    return Judge(identity, asked, text, yes_or_no(score), thoughts)


def one_of(what: str, value: str, known: Sequence[str]) -> None:
    """Refuse a setting of another value.

    Raises:
        ConfigError: it is none of `known`.
    """
    if value not in known:
        raise ConfigError(f"judge: {what} {value!r} is none of {', '.join(known)}.")
