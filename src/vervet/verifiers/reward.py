"""Reward models behind HTTP: a number for a solution, or one for each of its steps.

An outcome model gives one score; a process model gives several, which are reduced to one by
their last, least, product or mean. The score is the verdict's; the outcome says whether it
reaches a threshold.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, prod
from statistics import fmean
from typing import Any

from vervet.errors import ConfigError, VerifierError
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.answer import TRUNCATED, Traits, named, without_thoughts
from vervet.verifiers.endpoint import Endpoint, endpoint

VERSION = "1"
REDUCERS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "last": lambda scores: scores[-1],
    "min": min,
    "product": prod,
    "mean": fmean,
}
PLACES = ("{model}", "{problem}", "{solution}")
TRAITS = Traits(
    cost="one forward pass of the reward model",
    deterministic=True,
    fooled_by="solutions that look good: best-of-n by a reward peaks at 5 to 50 samples and falls "
    "after that in 3 of 4 settings (arXiv:2407.21787 figure 7)",
)


@dataclass(frozen=True, slots=True)
class Form:
    """How a server is asked, and where in its reply the score is."""

    path: str
    body: Any
    """JSON in which {model}, {problem} and {solution} stand for themselves."""
    scores: str
    """Keys and positions that lead to the score, or to a list of them: `data.0.score`."""


TALK = [
    {"role": "user", "content": "{problem}"},
    {"role": "assistant", "content": "{solution}"},
]
PAIR = "{problem}\n\n{solution}"
FORMS: Mapping[str, Form] = {
    "score": Form(
        "score",
        {"model": "{model}", "text_1": "{problem}", "text_2": "{solution}"},
        "data.0.score",
    ),
    "pooling": Form("pooling", {"model": "{model}", "messages": TALK}, "data.0.data"),
    "classify": Form("classify", {"model": "{model}", "input": PAIR}, "data.0.probs.-1"),
    "tei": Form("predict", {"inputs": [["{problem}", "{solution}"]]}, "0.0.score"),
}
"""vLLM's three ways (/score, /pooling, /classify: its last class) and text-embeddings-inference."""


@dataclass(frozen=True, slots=True)
class Reward:
    """Scores a solution by a reward model."""

    id: str
    where: Endpoint
    model: str
    form: Form
    reduce: str
    threshold: float
    traits: Traits = field(default=TRAITS)

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Ask for the score.

        Raises:
            VerifierError: the server failed, or its reply has no number where it should be.
        """
        solution = without_thoughts(sample.text).strip()
        if not solution or sample.finish == "length":
            detail = TRUNCATED if sample.finish == "length" else "an empty reply"
            return self._verdict(sample, trial, None, (), detail)
        words = dict(zip(PLACES, (self.model, problem.prompt, solution), strict=True))
        reply = await self.where.post(self.form.path, filled(self.form.body, words))
        scores = numbers(found(reply, self.form.scores), self.form.scores)
        return self._verdict(sample, trial, REDUCERS[self.reduce](scores), scores, "")

    def _verdict(
        self,
        sample: Sample,
        trial: int,
        score: float | None,
        scores: Sequence[float],
        detail: str,
    ) -> Verdict:
        accept = score is not None and score >= self.threshold
        return Verdict(
            sample.problem_id,
            sample.sampler_id,
            sample.index,
            self.id,
            trial,
            Outcome.ACCEPT if accept else Outcome.REJECT,
            score=score,
            detail=detail,
            evidence=json.dumps({"scores": list(scores)}) if len(scores) > 1 else "",
        )


def filled(body: Any, words: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    """Put the words in their places, everywhere in a JSON value, once.

    >>> filled({"q": ["{problem}"]}, {"{problem}": "1 + 1 {solution}", "{solution}": "2"})
    {'q': ['1 + 1 {solution}']}
    """
    if isinstance(body, str):
        return "".join(words.get(part, part) for part in _parts(body))
    if isinstance(body, Mapping):
        return {key: filled(value, words) for key, value in body.items()}
    if isinstance(body, Sequence):
        return [filled(value, words) for value in body]
    return body


def _parts(text: str) -> list[str]:
    parts = [text]
    for place in PLACES:
        parts = [
            piece
            for part in parts
            for piece in ([part] if part in PLACES else _between(part.split(place), place))
        ]
    return parts


def _between(pieces: list[str], place: str) -> list[str]:
    return [word for piece in pieces for word in (place, piece)][1:]


def found(reply: Any, path: str) -> Any:  # noqa: ANN401 - any JSON
    """Return what stands at `path`: keys and positions with dots between.

    >>> found({"data": [{"score": 0.5}]}, "data.0.score")
    0.5

    Raises:
        VerifierError: nothing stands there.
    """
    here = reply
    for step in filter(None, path.split(".")):
        try:
            here = here[int(step)] if isinstance(here, list) else here[step]
        except (LookupError, TypeError, ValueError):
            said = json.dumps(reply, default=str)[:200]
            raise VerifierError(f"the reward server's reply has no {path}: {said}") from None
    return here


def numbers(value: Any, path: str) -> tuple[float, ...]:  # noqa: ANN401 - any JSON
    """Return one number, or a list of them however nested, as a flat tuple.

    >>> numbers([[0.25], [0.5]], "data")
    (0.25, 0.5)

    Raises:
        VerifierError: there is none, or one is no finite number.
    """
    if isinstance(value, list):
        flat = tuple(number for item in value for number in numbers(item, path))
        if flat:
            return flat
    elif isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return (float(value),)
    raise VerifierError(f"the reward server's {path} is no number: {str(value)[:100]!r}")


def reward(
    model: str = "",
    *,
    base_url: str = "",
    form: str | Form = "score",
    scores: str = "",
    reduce: str = "last",
    threshold: float = 0.5,
    seconds: float = 60.0,
) -> Reward:
    """Return a verifier that asks a reward model over HTTP.

    Args:
        model: its name at the server.
        base_url: the server; OPENAI_BASE_URL by default.
        form: `score`, `pooling`, `classify`, `tei`, or a `Form` for any JSON endpoint.
        scores: where the score is in the reply, instead of the form's own place.
        reduce: of a process model's scores: `last`, `min`, `product`, `mean`.
        threshold: the least score that is accepted.
        seconds: wall time of one try.

    Raises:
        ConfigError: no such form or reduction, or no address.
    """
    if isinstance(form, str) and form not in FORMS:
        raise ConfigError(f"reward: form {form!r} is none of {', '.join(FORMS)}.")
    if reduce not in REDUCERS:
        raise ConfigError(f"reward: reduce {reduce!r} is none of {', '.join(REDUCERS)}.")
    if not isfinite(threshold):
        raise ConfigError(f"reward: threshold {threshold} is not a number.")
    asked = FORMS[form] if isinstance(form, str) else form
    if scores:
        asked = Form(asked.path, asked.body, scores)
    identity = named(
        "reward",
        VERSION,
        model=model,
        body=asked.body,
        scores=asked.scores,
        reduce=reduce,
        threshold=threshold,
    )
    where = endpoint("reward", base_url, seconds=seconds)
    return Reward(identity, where, model, asked, reduce, threshold)
