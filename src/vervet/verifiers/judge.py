"""A model that judges: it reads the problem and the solution, reasons, and says Yes or No.

Each trial is a reply of its own, so V verifications of a solution are trials 0..V-1 and every
(S, V) cell of the success surface is a replay. A judge that says neither is an ERROR: its silence
says nothing about the solution.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

from vervet.errors import ConfigError, VerifierError
from vervet.types import Outcome, Problem, Sample, Sampler, Verdict
from vervet.verifiers.answer import TRUNCATED, Traits, named, without_thoughts
from vervet.verifiers.endpoint import Endpoint, endpoint
from vervet.verifiers.verdicts import Said, Token, read

VERSION = "1"
TOP = 20
"""Alternatives asked for at each token; more is refused by common servers."""
SEED_BITS = 31

GRADE = (
    "You are a teacher who grades solutions. Check the solution below step by step, then end with "
    "one line of the form\nVerification: Is the answer correct (Yes/No)? X\nwhere X is Yes or No."
)
EXAMPLES = """
Problem: What is 7 * 8 - 5?
Solution: 7 * 8 = 54, and 54 - 5 = 49. The final answer is 49.
Check: 7 * 8 is 56, not 54. So 56 - 5 = 51, and the final answer is wrong.
Verification: Is the answer correct (Yes/No)? No

Problem: A shirt costs $20 and is reduced by 25 %. What does it cost now?
Solution: 25 % of 20 is 5, so it costs 20 - 5 = 15 dollars. The final answer is 15.
Check: 25 % of 20 is 5, which is right. 20 - 5 = 15, which is right and what was asked.
Verification: Is the answer correct (Yes/No)? Yes
"""
ASK = "\nProblem: {problem}\n\nSolution: {solution}\n"
TEMPLATES: Mapping[str, str] = {
    "zero-shot": GRADE + ASK,
    "few-shot": GRADE + EXAMPLES + ASK + "Check:",
    "fine-tuned": "Problem: {problem}\nSolution: {solution}\nVerification:",
    "reference": GRADE + ASK + "\nThe correct final answer is: {reference}\n",
}
"""GenRM-Base without and with examples, GenRM-FT as it was trained, and reference-guided."""
PLACES = re.compile(r"\{(problem|solution|reference)\}")
SCORES = ("hybrid", "logprob", "binary")

TRAITS = Traits(
    cost="one reply of a model; see prompt_tokens and completion_tokens",
    deterministic=False,
    fooled_by="solutions that sound right: repeats agree with each other far more than with the "
    "truth (a third of wrong GPQA solutions were accepted by all of 32 calls)",
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge answered, with its tokens where the server lists them."""

    text: str
    tokens: tuple[Token, ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish: str = "stop"


class Asks(Protocol):
    """Whoever can answer a prompt: the thin protocol a judge needs."""

    @property
    def id(self) -> str:
        """Model and decoding parameters, as one stable string."""
        ...

    async def ask(self, prompt: str, seed: int, /) -> Reply:
        """Answer one prompt; equal seeds may give equal replies."""
        ...


@dataclass(frozen=True, slots=True)
class Judge:
    """Asks a model whether a solution is right."""

    id: str
    model: Asks
    template: str
    score: str = "hybrid"
    traits: Traits = field(default=TRAITS)

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Ask once; the seed depends on the sample and the trial.

        Raises:
            VerifierError: the model could not be had, or gave no verdict.
        """
        solution = without_thoughts(sample.text).strip()
        if not solution or sample.finish == "length":
            why = TRUNCATED if sample.finish == "length" else "an empty reply"
            return self._verdict(sample, trial, Outcome.REJECT, Reply(""), why)
        reply = await self.model.ask(fill(self.template, problem, solution), seed_of(sample, trial))
        said = read(reply.text, reply.tokens)
        if said.yes is None:
            cut = " before it was cut off" if reply.finish == "length" else ""
            return self._verdict(
                sample, trial, Outcome.ERROR, reply, f"the judge said neither Yes nor No{cut}"
            )
        outcome = Outcome.ACCEPT if said.yes else Outcome.REJECT
        return self._verdict(sample, trial, outcome, reply, "", said)

    def _verdict(
        self,
        sample: Sample,
        trial: int,
        outcome: Outcome,
        reply: Reply,
        detail: str,
        said: Said | None = None,
    ) -> Verdict:
        evidence = {"text": reply.text, "p_yes": said and said.p_yes, "p_no": said and said.p_no}
        return Verdict(
            sample.problem_id,
            sample.sampler_id,
            sample.index,
            self.id,
            trial,
            outcome,
            score=None if said is None else self._score(said),
            detail=detail,
            evidence=json.dumps(evidence) if reply.text else "",
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
        )

    def _score(self, said: Said) -> float | None:
        if self.score != "binary" and said.score is not None:
            return said.score
        return None if self.score == "logprob" else float(bool(said.yes))


def fill(template: str, problem: Problem, solution: str) -> str:
    """Put problem, solution and reference in their places, once: text stays text.

    Raises:
        VerifierError: the template wants a reference and the problem has none.
    """
    if "{reference}" in template and not problem.reference.get("answer"):
        raise VerifierError(f"{problem.id}: the judge's template needs a reference answer")
    parts = {
        "problem": problem.prompt,
        "solution": solution,
        "reference": str(problem.reference.get("answer", "")),
    }
    return PLACES.sub(lambda match: parts[match[1]], template)


def seed_of(sample: Sample, trial: int) -> int:
    """Return the seed of one verification: another for each sample and trial."""
    key = f"{sample.problem_id}\0{sample.sampler_id}\0{sample.index}\0{trial}"
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) >> (64 - SEED_BITS)


@dataclass(frozen=True, slots=True)
class Remote:
    """A model behind an OpenAI-compatible endpoint, asked for its tokens' log-probabilities."""

    where: Endpoint
    model: str
    chat: bool = True
    temperature: float = 0.7
    top_p: float = 0.95
    max_tokens: int = 1024

    @property
    def id(self) -> str:
        """Model and decoding parameters; not the address."""
        return (
            f"{self.model}/chat={self.chat},t={self.temperature},p={self.top_p},m={self.max_tokens}"
        )

    async def ask(self, prompt: str, seed: int, /) -> Reply:
        """Answer one prompt.

        Raises:
            VerifierError: the endpoint failed or sent something else.
        """
        body: dict[str, Any] = {
            "model": self.model,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "seed": seed,
        }
        if self.chat:
            body |= {"messages": [{"role": "user", "content": prompt}]}
            body |= {"logprobs": True, "top_logprobs": TOP}
            return parsed(await self.where.post("chat/completions", body))
        body |= {"prompt": prompt, "logprobs": 5}
        return parsed(await self.where.post("completions", body))


def parsed(reply: Any) -> Reply:  # noqa: ANN401 - whatever the server sent
    """Read a reply of either endpoint.

    Raises:
        VerifierError: it is not of that form.
    """
    try:
        choice, usage = reply["choices"][0], reply.get("usage") or {}
        message = choice.get("message")
        text = choice["text"] if message is None else message.get("content") or ""
        listed = choice.get("logprobs") or {}
        tokens = _chat_tokens(listed) if "content" in listed else _plain_tokens(listed)
        return Reply(
            str(text),
            tuple(tokens),
            usage.get("prompt_tokens"),
            usage.get("completion_tokens"),
            choice.get("finish_reason") or "stop",
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as cause:
        raise VerifierError(f"the judge's endpoint sent no completion: {cause!r}") from cause


def _chat_tokens(listed: Mapping[str, Any]) -> list[Token]:
    return [
        Token(
            token["token"],
            _known(token.get("logprob")),
            {other["token"]: float(other["logprob"]) for other in token.get("top_logprobs") or ()},
        )
        for token in listed.get("content") or ()
    ]


def _plain_tokens(listed: Mapping[str, Any]) -> list[Token]:
    texts = listed.get("tokens") or []
    values = listed.get("token_logprobs") or [None] * len(texts)
    tops = listed.get("top_logprobs") or [None] * len(texts)
    return [
        Token(text, _known(value), {k: float(v) for k, v in (top or {}).items()})
        for text, value, top in zip(texts, values, tops, strict=True)
    ]


def _known(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value <= 0 else None


@dataclass(frozen=True, slots=True)
class Sampled:
    """Any `Sampler` as a judge: its words count; it gives no log-probabilities of tokens."""

    sampler: Sampler

    @property
    def id(self) -> str:
        """The sampler's."""
        return self.sampler.id

    async def ask(self, prompt: str, seed: int, /) -> Reply:
        """Draw one sample of the prompt.

        Raises:
            VerifierError: the sampler gave none.
        """
        drawn: AsyncIterator[Sample] = self.sampler.draw(Problem(f"judge/{seed}", prompt), [seed])
        async for reply in drawn:
            return Reply(
                reply.text,
                (),
                reply.prompt_tokens,
                reply.completion_tokens,
                reply.finish,
            )
        raise VerifierError("the judge's model gave no reply")


def judge(
    model: str | Sampler | Asks,
    *,
    base_url: str = "",
    template: str = "zero-shot",
    chat: bool = True,
    temperature: float = 0.7,
    max_tokens: int = 1024,
    score: str = "hybrid",
) -> Judge:
    """Return a verifier that asks a model.

    Args:
        model: the name of a model at an OpenAI-compatible endpoint, a `Sampler`, or anything
            with `ask`.
        base_url: the endpoint; OPENAI_BASE_URL by default.
        template: `zero-shot`, `few-shot`, `fine-tuned`, `reference`, or a text with {problem} and
            {solution}, and {reference} if wanted.
        chat: whether the template is a user's turn or the beginning of a completion.
        temperature: of the verification; the papers use 0.7 with top-p 0.95.
        max_tokens: of the verification.
        score: `logprob` is p(Yes) or nothing, `binary` the word, `hybrid` p(Yes) else the word.

    Raises:
        ConfigError: no such template or score, or no address.
    """
    text = TEMPLATES.get(template, template)
    if not {"problem", "solution"} <= set(PLACES.findall(text)):
        raise ConfigError(
            f"judge: template {template!r} is none of {', '.join(TEMPLATES)}, and no text with "
            "{problem} and {solution}."
        )
    if score not in SCORES:
        raise ConfigError(f"judge: score {score!r} is none of {', '.join(SCORES)}.")
    asked = _asks(model, base_url, (chat, temperature, max_tokens))
    identity = named("judge", VERSION, model=asked.id, template=text, score=score)
    return Judge(identity, asked, text, score)


def _asks(model: str | Sampler | Asks, base_url: str, how: tuple[bool, float, int]) -> Asks:
    if isinstance(model, str):
        chat, temperature, most = how
        return Remote(
            endpoint("judge", base_url), model, chat, temperature=temperature, max_tokens=most
        )
    return Sampled(model) if isinstance(model, Sampler) else model


__all__: Sequence[str] = ["Asks", "Judge", "Remote", "Reply", "Sampled", "judge"]
