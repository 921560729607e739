"""A model that compares: is this solution better than that one of the same problem?

Trial t meets one rival: sample t of the same model (t + 1 where that would be the sample itself),
or the problem's worked solution. Each pair is shown in both orders, for judges favour a place. The
score is the chance of winning, a tie counting half, so its mean over trials is the win rate
against the same rivals for every sample, and best-of-n by it picks the solution that wins most.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp
from typing import Any

from vervet.errors import VerifierError
from vervet.types import Asks, Outcome, Problem, Reply, Sample, Sampler, Token, Verdict
from vervet.verifiers.answer import Traits, named
from vervet.verifiers.judge import (
    THOUGHTS,
    Finding,
    close,
    described,
    nothing_to_judge,
    one_of,
    seed_of,
    verdict_of,
)
from vervet.verifiers.judging.asking import model_of
from vervet.verifiers.judging.prompts import COMPARE, Thoughts, fill, shown, template_of
from vervet.verifiers.judging.words import last

VERSION = "1"
BETTER = re.compile(r"\bbetter\b[^:\n]*:[\s*_\"'`(]*(a|b|tie)\b", re.IGNORECASE)
WORTH: Mapping[str, float] = {"a": 1.0, "tie": 0.5, "b": 0.0}
RIVALS = ("samples", "reference")
EVEN = 0.5

TRAITS = Traits(
    cost="two replies of a model, one for each order; see prompt_tokens and completion_tokens",
    deterministic=False,
    fooled_by="the longer and the more confident of two; and where all candidates are wrong, one "
    "of them still wins",
)


@dataclass(frozen=True, slots=True)
class Pairwise:
    """Compares a solution with a rival."""

    id: str
    model: Asks
    template: str
    rivals: str
    thoughts: Thoughts = "cut"
    traits: Traits = field(default=TRAITS)
    met: dict[tuple[str, str], dict[int, Sample]] = field(default_factory=dict, compare=False)
    """Samples by problem and model, then index."""

    @property
    def concurrency(self) -> int | None:
        """How many verdicts to ask for at a time; None where the model does not say."""
        return getattr(self.model, "asked_at_once", None)

    def describe(self) -> Mapping[str, object]:
        """Return what the model says of itself, and the template."""
        return described(self.model) | {"template": self.template, "rivals": self.rivals}

    def meet(self, samples: Iterable[Sample]) -> None:
        """Learn the samples that others are compared with."""
        for sample in samples:
            self.met.setdefault((sample.problem_id, sample.sampler_id), {})[sample.index] = sample

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Ask twice, the solution first and second; a rival that is no solution is beaten.

        Raises:
            ModelError: the model could not be had.
            VerifierError: there is no rival, or the problem lacks what the template needs.
        """
        if empty := nothing_to_judge(sample, self.thoughts):
            return verdict_of(self.id, sample, trial, empty)
        name, rival = self._rival(problem, sample, trial)
        mine = shown(sample, self.thoughts)
        if not rival or rival == mine:
            score = EVEN if rival else 1.0
            return verdict_of(self.id, sample, trial, finding([score], name))
        replies = [
            await self._ask(problem, (mine, rival), seed_of(sample, trial)),
            await self._ask(problem, (rival, mine), seed_of(sample, trial, "/second")),
        ]
        first, second = (chance_of_first(reply.text, reply.tokens) for reply in replies)
        chances = [first, None if second is None else 1.0 - second]
        return verdict_of(self.id, sample, trial, finding(chances, name), *replies)

    async def aclose(self) -> None:
        """Close what the model holds."""
        await close(self.model)

    async def _ask(self, problem: Problem, pair: tuple[str, str], seed: int) -> Reply:
        parts = {"first": pair[0], "second": pair[1]}
        return await self.model.ask(fill(self.template, problem, parts), seed)

    def _rival(self, problem: Problem, sample: Sample, trial: int) -> tuple[str, str]:
        """Return the rival's name, and its solution; no solution where it was cut off."""
        if self.rivals == "reference":
            worked = str(problem.reference.get("solution") or "").strip()
            if not worked:
                raise VerifierError(f"{problem.id}: no worked solution to compare with")
            return "reference", worked
        index = trial + (trial >= sample.index)
        rival = self.met.get((problem.id, sample.sampler_id), {}).get(index)
        if rival is None:
            raise VerifierError(
                f"no sample {index} to compare with yet; verify again once there are more than "
                "--trials samples"
            )
        cut = nothing_to_judge(rival, self.thoughts) is not None
        return f"sample {index}", "" if cut else shown(rival, self.thoughts)


def finding(chances: Sequence[float | None], rival: str) -> Finding:
    """Return what the chances of winning, one for each order, say of a solution.

    >>> finding([0.9, 0.3], "sample 1").score
    0.6
    """
    evidence = {"rival": rival, "chances": list(chances)}
    known = [chance for chance in chances if chance is not None]
    if len(known) < len(chances):
        return Finding(Outcome.ERROR, None, "the judge named no better one", evidence)
    score = sum(known) / len(known)
    outcome = Outcome.ACCEPT if score >= EVEN else Outcome.REJECT
    won = "beats" if score > EVEN else "equals" if score == EVEN else "loses to"
    return Finding(outcome, score, f"{won} {rival}", evidence)


def chance_of_first(text: str, tokens: Sequence[Token] = ()) -> float | None:
    """Return the chance that the first solution is the better one; None where none is named.

    >>> chance_of_first("Both are right. Better (A/B/Tie): Tie")
    0.5
    """
    found, token = last(BETTER, text, tokens)
    if found is None:
        return None
    word = found[1].lower()
    own = None if token is None else token.alternatives.get(token.text, token.logprob)
    if token is None or own is None or token.text.strip(" (*_\"'`").lower() != word:
        return WORTH[word]
    listed = {**token.alternatives, token.text: own}
    before = token.text[: len(token.text) - len(token.text.lstrip(" (*_\"'`"))]
    spelled = {"a": ("A", "a"), "b": ("B", "b"), "tie": ("Tie", "tie", "T")}
    chances = {
        name: sum(exp(listed[before + form]) for form in forms if before + form in listed)
        for name, forms in spelled.items()
    }
    mass = sum(chances.values())
    return sum(WORTH[name] * p for name, p in chances.items()) / mass if mass else WORTH[word]


def pairwise(
    model: str | Sampler | Asks,
    *,
    rivals: str = "samples",
    template: str = COMPARE,
    thoughts: Thoughts = "cut",
    **asking: Any,  # noqa: ANN401 - as model_of has them
) -> Pairwise:
    """Return a verifier that asks a model which of two solutions is better.

    Args:
        model: as for `judge`.
        rivals: `samples` of the same model, one for each trial, or the `reference` solution.
        template: a text with {problem}, {first} and {second}, and {reference} if wanted.
        thoughts: of the solutions: `cut`, or `keep` to show them to the judge.
        asking: how a named model is asked, as for `judge`.

    Raises:
        ConfigError: no such model, template or rivals.
    """
    one_of("rivals", rivals, RIVALS)
    one_of("thoughts", thoughts, THOUGHTS)
    text = template_of(template, {}, ("problem", "first", "second"))
    asked = model_of(model, **asking)
    identity = named(
        "pairwise", VERSION, model=asked.id, template=text, rivals=rivals, thoughts=thoughts
    )
    return Pairwise(identity, asked, text, rivals, thoughts)
