"""Reward models, behind HTTP or in this process: a number for a solution, or for each step.

An outcome model gives one score; a process model gives several, or an outcome model is asked about
the solution up to each of its steps. They are reduced to one by their last, least, product or mean.
The score is the verdict's; the outcome says whether it reaches a threshold.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, prod
from statistics import fmean
from typing import Any, Protocol

from vervet.errors import ConfigError, VerifierError
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.answer import TRUNCATED, Traits, named, without_thoughts
from vervet.verifiers.endpoint import Endpoint, endpoint
from vervet.verifiers.in_process import InProcess

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


IN_PROCESS = "in-process"
LIMITS: Mapping[str, float] = {"seconds": 60.0, "tries": 5}


class Posts(Protocol):
    """Whoever answers a JSON body: a server, or a model in this process."""

    async def post(self, path: str, body: Mapping[str, Any], /) -> Any:  # noqa: ANN401 - any JSON
        """Return the reply."""
        ...


@dataclass(frozen=True, slots=True)
class Form:
    """How a server is asked, and where in its reply the score is."""

    path: str
    body: Any
    """JSON in which {model}, {problem} and {solution} stand for themselves."""
    scores: str
    """Keys and positions that lead to the score, or to a list of them: `data.0.score`.

    A star stands for every item of a list: `data.0.data.*.-1`.
    """


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
    where: Posts
    model: str
    form: Form
    reduce: str
    threshold: float
    steps: str = ""
    """What stands between steps that are scored one after another; none by default."""
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
        scores: list[float] = []
        for part in prefixes(solution, self.steps):
            scores += await self._scores(problem, part)
        return self._verdict(sample, trial, REDUCERS[self.reduce](scores), scores, "")

    async def _scores(self, problem: Problem, solution: str) -> tuple[float, ...]:
        words = dict(zip(PLACES, (self.model, problem.prompt, solution), strict=True))
        reply = await self.where.post(self.form.path, filled(self.form.body, words))
        return numbers(found(reply, self.form.scores), self.form.scores)

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


def prefixes(solution: str, steps: str) -> list[str]:
    r"""Return the solution up to each of its steps; the solution alone where nothing parts them.

    >>> prefixes("3+4=7\n\n7*2=14\nA: 14", "\n")
    ['3+4=7', '3+4=7\n\n7*2=14', '3+4=7\n\n7*2=14\nA: 14']
    """
    if not steps:
        return [solution]
    parts = solution.split(steps)
    return [steps.join(parts[: end + 1]) for end, part in enumerate(parts) if part.strip()]


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
    >>> found({"data": [[0.2, 0.8], [0.4, 0.6]]}, "data.*.-1")
    [0.8, 0.6]

    Raises:
        VerifierError: nothing stands there.
    """
    here = reply
    before, star, rest = path.partition("*")
    if star:
        items = found(reply, before)
        return [found(item, rest) for item in items] if isinstance(items, list) else items
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
    steps: str = "",
    **limits: Any,  # noqa: ANN401 - as Endpoint has them
) -> Reward:
    """Return a verifier that asks a reward model.

    Args:
        model: its name at the server; in process its folder, or its name on the hub.
        base_url: the server, OPENAI_BASE_URL by default; or `in-process` for a
            sequence-classification model of transformers, loaded here (`vervet[torch]`).
        form: `score`, `pooling`, `classify`, `tei`, or a `Form` for any JSON endpoint.
        scores: where the score is in the reply, instead of the form's own place.
        reduce: of a process model's scores: `last`, `min`, `product`, `mean`.
        threshold: the least score that is accepted.
        steps: what stands between the steps of a solution, such as a new line, to score the
            solution up to each of them; by default it is scored once.
        limits: of a server: `seconds` of one try (60), and `tries` (5).

    Raises:
        ConfigError: no such form or reduction, or no address.
        MissingExtra: `in-process` is asked for and torch is not installed.
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
        **({"steps": steps} if steps else {}),
    )
    where: Posts = InProcess(model) if base_url == IN_PROCESS else _server(base_url, limits)
    return Reward(identity, where, model, asked, reduce, threshold, steps)


def _server(base_url: str, limits: Mapping[str, Any]) -> Endpoint:
    unknown = set(limits) - set(LIMITS)
    if unknown:
        raise ConfigError(f"reward: no setting {', '.join(sorted(unknown))}.")
    return endpoint("reward", base_url, **{**LIMITS, **limits})
