"""A model that grades by a rubric: a rating of each solution, as a number from 0 to 1.

Where the server gives log-probabilities, the score is the mean rating under the model's own
distribution at the token that says it (Liu et al. 2023, G-Eval, arXiv:2303.16634), which tells
more than the one rating that was drawn.
"""

import re
from collections.abc import Mapping, Sequence
from math import exp
from typing import Any

from vervet.errors import ConfigError
from vervet.types import Asks, Outcome, Sampler, Token
from vervet.verifiers.answer import named
from vervet.verifiers.judge import THOUGHTS, TRAITS, Finding, Judge, Reads, one_of
from vervet.verifiers.judging.asking import model_of
from vervet.verifiers.judging.prompts import ANSWER, ASK, CRITERIA, RUBRIC, WORKED, Thoughts
from vervet.verifiers.judging.words import last

VERSION = "1"
RATED = re.compile(r"\brating\b[^:\n]*:[\s*_\"'`]*(\d+)\b(?!\.\d)", re.IGNORECASE)
GUIDES: Mapping[str, str] = {"none": "", "reference": ANSWER, "worked": WORKED}


def ratings(low: int, high: int, threshold: float) -> Reads:
    """Return the reader of `Rating (1-5): 4`."""

    def reads(text: str, tokens: Sequence[Token]) -> Finding:
        found, token = last(RATED, text, tokens)
        rating = int(found[1]) if found is not None else None
        if rating is None or not low <= rating <= high:
            said = "no rating" if rating is None else f"{rating}, outside {low}-{high}"
            return Finding(Outcome.ERROR, None, f"the judge said {said}")
        mean = mean_rating(token, rating, range(low, high + 1))
        score = (mean - low) / (high - low)
        outcome = Outcome.ACCEPT if score >= threshold else Outcome.REJECT
        return Finding(outcome, score, "", {"rating": rating, "mean": mean})

    return reads


def mean_rating(token: Token | None, rating: int, allowed: range) -> float:
    """Return the mean of the ratings that could have stood at this token, by their chances.

    The rating itself where there are no chances, or where a token is not the whole number.

    >>> mean_rating(Token("4", -0.7, {"4": -0.693147, "2": -0.693147, "x": -9.0}), 4, range(1, 6))
    3.0
    """
    if token is None or token.text.strip() != str(rating) or token.logprob is None:
        return float(rating)
    listed = {**token.alternatives}
    listed.setdefault(token.text, token.logprob)
    before = token.text.removesuffix(str(rating))
    chances = {grade: listed.get(f"{before}{grade}") for grade in allowed}
    known = {grade: exp(value) for grade, value in chances.items() if value is not None}
    mass = sum(known.values())
    return sum(grade * p for grade, p in known.items()) / mass if mass > 0 else float(rating)


def rubric(
    model: str | Sampler | Asks,
    *,
    criteria: str = CRITERIA,
    low: int = 1,
    high: int = 5,
    threshold: float = 0.75,
    guide: str = "none",
    thoughts: Thoughts = "cut",
    **asking: Any,  # noqa: ANN401 - as model_of has them
) -> Judge:
    """Return a verifier that asks a model for a rating by `criteria`.

    Args:
        model: as for `judge`.
        criteria: what makes a solution good, in words; by default that it is right throughout.
        low: the rating of a solution that meets none of them.
        high: the rating of one that meets all.
        threshold: the least score that is accepted, 0..1: 0.75 is a 4 of 1 to 5.
        guide: `none`, or whether the judge is shown the `reference` answer or a `worked` solution.
        thoughts: of the solution: `cut`, or `keep` to show them to the judge.
        asking: how a named model is asked, as for `judge`.

    Raises:
        ConfigError: no such model, guide or range.
    """
    one_of("guide", guide, tuple(GUIDES))
    one_of("thoughts", thoughts, THOUGHTS)
    if not (0 <= low < high and 0 <= threshold <= 1):
        raise ConfigError(
            f"rubric: low {low} must be below high {high}, and threshold {threshold} from 0 to 1."
        )
    asked = model_of(model, **asking)
    words = {"{rubric}": criteria, "{low}": str(low), "{high}": str(high)}
    head = RUBRIC
    for place, text in words.items():
        head = head.replace(place, text)
    template = head + ASK + GUIDES[guide]
    identity = named(
        "rubric", VERSION, model=asked.id, template=template, threshold=threshold,
        low=low, high=high, thoughts=thoughts,
    )  # fmt: skip
    return Judge(identity, asked, template, ratings(low, high, threshold), thoughts, TRAITS)
