"""Built-in policies on a hundred thousand orders at once, equal to the generic replay.

`pick` has one short function for each policy that draws from one model; a policy that has none is
replayed by its flow. Nothing here may decide differently from the flow: a test compares them on
the same orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vervet.errors import NotRecorded
from vervet.planning.archive import Floats, Heard, Ints, Shelf
from vervet.planning.votes import (
    certain,
    consistent,
    differ,
    finest,
    idle,
    most_voted,
    race,
    times,
    top_two,
    unanimous,
    votes_of,
)
from vervet.policies.abstain import Abstain
from vervet.policies.adaptive import AdaptiveConsistency, EarlyStopping
from vervet.policies.best_of import BY_LOGPROB, BestOf
from vervet.policies.certified import Certified
from vervet.policies.evidence import lead_chance
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.fixed import Fixed
from vervet.policies.majority import Majority
from vervet.policies.mixture import Mixture, parts
from vervet.policies.pandora import Pandora, worths
from vervet.policies.posterior import Posterior
from vervet.policies.verify_then_vote import VerifyThenVote
from vervet.policies.verify_ties import VerifyTies
from vervet.policies.weighted import Weighted

Asked = tuple[tuple[str, int], ...]
"""Verifiers and trials that every drawn sample is given to."""


@dataclass(frozen=True, slots=True)
class View:
    """Some problems of one model, each in many orders; rows are (problem, order)."""

    shelf: Shelf
    problem: Ints
    """Of each row."""
    order: Ints
    """Shape (rows, samples): recorded places in the order of drawing; −1 is not there."""
    places: dict[int, Ints] = field(default_factory=dict)
    """What `take` has looked up: the places in a flat column, by the limit."""

    def take(self, column: NDArray[Any], limit: int) -> NDArray[Any]:
        """Return a column of the shelf in the order of drawing, the first `limit` samples."""
        if limit not in self.places:
            self.places[limit] = self._flat(limit, column.shape[1])
        return np.asarray(np.take(column.reshape(-1), self.places[limit]))

    def _flat(self, limit: int, width: int) -> Ints:
        missing = limit - self.order.shape[1]
        order = self.order[:, :limit]
        if missing > 0:
            order = np.pad(order, ((0, 0), (0, missing)), constant_values=-1)
        return np.asarray(self.problem[:, None] * width + order + (order < 0) * width)

    def full(self, count: int) -> Ints:
        """Return a draw of `count` samples in every row."""
        return np.full(len(self.problem), count)

    def heard(self, verifier: str) -> Heard:
        """Return what a verifier said.

        Raises:
            NotRecorded: it said nothing.
        """
        if verifier not in self.shelf.heard:
            raise NotRecorded(
                f"{verifier!r} judged none of these samples. "
                f"Run `vervet verify --verifier {verifier}`."
            )
        return self.shelf.heard[verifier]


@dataclass(frozen=True, slots=True)
class Some:
    """A verifier that is asked about some of the samples, at once."""

    verifier: str
    trials: int
    about: NDArray[np.bool_]
    """Shape (rows, samples)."""


@dataclass(frozen=True, slots=True)
class Picked:
    """What a policy does in every row."""

    place: Ints
    """Chosen place in the order of drawing, −1 where it abstains."""
    drawn: Ints
    asked: Asked = ()
    trust: Floats | None = None
    """The policy's confidence; None where it has none."""
    window: int = 0
    """Samples asked for at once; 0 is all."""
    some: Some | None = None
    """Who is asked about some samples only, when all are drawn."""


@singledispatch
def pick(policy: object, view: View) -> Picked | None:
    """Return what `policy` does in every row, or None where only its flow can say."""
    del policy, view
    return None


@pick.register
def _(policy: Fixed, view: View) -> Picked:
    del policy
    return Picked(np.zeros(len(view.problem), dtype=np.int64), view.full(1))


@pick.register
def _(policy: Majority, view: View) -> Picked:
    found = _voted(view, policy.verifier, policy.n, view.full(policy.n))
    if found.trust is None:
        return found
    kept = found.trust >= policy.margin
    return _only(found, kept)


@pick.register
def _(policy: AdaptiveConsistency, view: View) -> Picked:
    codes = view.take(view.heard(policy.verifier).answer, policy.limit)
    drawn = race(codes, consistent(policy.confidence, policy.limit))
    return _voted(view, policy.verifier, policy.limit, drawn, window=1)


@pick.register
def _(policy: Certified, view: View) -> Picked:
    codes = view.take(view.heard(policy.verifier).answer, policy.limit)
    drawn = race(codes, certain(policy.error, policy.limit))
    return _voted(view, policy.verifier, policy.limit, drawn, window=1)


@pick.register
def _(policy: Posterior, view: View) -> Picked:
    codes = view.take(view.heard(policy.verifier).answer, policy.limit)
    drawn = race(codes, idle(policy.gain, policy.limit))
    return _voted(view, policy.verifier, policy.limit, drawn, window=1)


@pick.register
def _(policy: EarlyStopping, view: View) -> Picked:
    drawn = unanimous(view.take(view.heard(policy.verifier).answer, policy.limit), policy.window)
    return _voted(view, policy.verifier, policy.limit, drawn, window=policy.window)


@pick.register
def _(policy: Weighted, view: View) -> Picked | None:
    if policy.judge == policy.verifier:
        return None
    return _weighed(view, policy.verifier, policy.judge, policy.n, policy.trials)


@pick.register
def _(policy: VerifyThenVote, view: View) -> Picked | None:
    if policy.judge == policy.verifier:
        return None
    if policy.per == "answer":
        return _weighed(view, policy.verifier, policy.judge, policy.n, policy.trials)
    codes = view.take(view.heard(policy.verifier).answer, policy.n)
    scores = view.take(view.heard(policy.judge).mean_score(policy.trials), policy.n)
    scored = np.isfinite(scores)
    votes = votes_of(np.where(scored, codes, -1))
    best = np.where(scored, scores, -np.inf).max(axis=1)
    level = scored & (scores == best[:, None])
    most = np.where(level, votes, -1).max(axis=1)
    place = (level & (votes == most[:, None])).argmax(axis=1)
    asked = ((policy.verifier, 1), (policy.judge, policy.trials))
    any_scored = scored.any(axis=1)
    trust = np.where(any_scored, best, 0.0)
    return Picked(np.where(any_scored, place, -1), view.full(policy.n), asked, trust)


@pick.register
def _(policy: VerifyTies, view: View) -> Picked | None:
    if policy.judge == policy.verifier:
        return None
    codes = view.take(view.heard(policy.verifier).answer, policy.n)
    votes = votes_of(codes)
    level = (codes >= 0) & (votes >= votes.max(axis=1)[:, None] - policy.margin * policy.n)
    several = level & differ(codes, level)[:, None]
    about = several & (times(codes) < policy.each)
    scores = view.take(view.heard(policy.judge).mean_score(policy.trials), policy.n)
    place, found = finest(codes, votes, np.where(about, scores, np.nan))
    plain, _ = most_voted(codes, view.full(policy.n))
    place = np.where(found, place, plain)
    share = votes[np.arange(len(place)), np.maximum(place, 0)] / policy.n
    some = Some(policy.judge, policy.trials, about)
    trust = np.where(place >= 0, share, 0.0)
    return Picked(place, view.full(policy.n), ((policy.verifier, 1),), trust, some=some)


@pick.register
def _(policy: Pandora, view: View) -> Picked:
    scores = view.take(view.heard(policy.verifier).mean_score(policy.trials), policy.limit)
    idle = worths(scores) <= policy.price
    idle[:, : policy.least - 1] = False
    drawn = np.where(idle.any(axis=1), idle.argmax(axis=1) + 1, policy.limit)
    there = np.isfinite(scores) & (np.arange(policy.limit) < drawn[:, None])
    known = np.where(there, scores, -np.inf)
    found = Picked(known.argmax(axis=1), drawn, ((policy.verifier, policy.trials),),
                   known.max(axis=1), window=1)  # fmt: skip
    return _only(found, there.any(axis=1))


@pick.register
def _(policy: BestOf, view: View) -> Picked:
    asked: Asked = ()
    if policy.verifier == BY_LOGPROB:
        scores = view.take(view.shelf.logprob, policy.n)
    else:
        scores = view.take(view.heard(policy.verifier).mean_score(policy.trials), policy.n)
        asked = ((policy.verifier, policy.trials),)
    known = np.where(np.isfinite(scores), scores, -np.inf)
    best = known.max(axis=1)
    found = Picked(known.argmax(axis=1), view.full(policy.n), asked, best)
    least = -np.inf if policy.threshold is None else policy.threshold
    return _only(found, np.isfinite(best) & (best >= least))


@pick.register
def _(policy: FirstAccepted, view: View) -> Picked:
    accepted = view.take(view.heard(policy.verifier).accepted(1), policy.limit)
    ever = accepted.any(axis=1)
    first = accepted.argmax(axis=1)
    drawn = np.where(ever, first + 1, policy.limit)
    return Picked(np.where(ever, first, -1), drawn, ((policy.verifier, 1),), window=1)


@pick.register
def _(policy: Abstain, view: View) -> Picked | None:
    found = pick(policy.policy, view)
    if found is None or policy.by == "confidence":
        return found if found is None else _only(found, _trusted(found.trust, policy.below))
    trials = dict(found.asked).get(policy.verifier, 0)
    most = 1 if policy.by != "score" else policy.trials  # answers are coded by their first trial
    if found.some is not None or 0 < trials < policy.trials or max(trials, policy.trials) > most:
        return None
    upto = np.arange(int(found.drawn.max(initial=0)))
    about = (found.place >= 0)[:, None] & (
        upto == found.place[:, None] if policy.by == "score" else upto < found.drawn[:, None]
    )
    kept = _only(found, _judged(policy, found, view) >= policy.below)
    return kept if trials else replace(kept, some=Some(policy.verifier, policy.trials, about))


def _judged(policy: Abstain, found: Picked, view: View) -> Floats:
    """Return how far the choice of every row is trusted, by the verifier that `policy` asks."""
    heard, limit = view.heard(policy.verifier), int(found.drawn.max(initial=0))
    if policy.by == "score":
        trials = max(policy.trials, dict(found.asked).get(policy.verifier, 0))
        scores = view.take(heard.mean_score(trials), limit)
        chosen = scores[np.arange(len(scores)), np.maximum(found.place, 0)]
        return np.asarray(np.nan_to_num(chosen))
    leader, rival = top_two(view.take(heard.answer, limit), found.drawn)
    if policy.by == "posterior":
        return np.asarray(lead_chance(limit)[leader, rival])
    return np.asarray((leader - rival) / found.drawn)


def _trusted(trust: Floats | None, below: float) -> NDArray[np.bool_]:
    """Tell what is trusted enough; what has no confidence counts as 0."""
    return np.asarray((0.0 if trust is None else trust) >= np.float64(below))


def mix(policy: Mixture, views: Sequence[View]) -> list[Picked]:
    """Return what a mixture does with each of its models, every row of which is the same order."""
    counts = [count for _, count in parts(policy.models)]
    asked: Asked = ((policy.verifier, 1),)
    picked = []
    if policy.by == "accepted":
        for view, count in zip(views, counts, strict=True):
            good = view.take(view.heard(policy.verifier).accepted(1), count)
            place = np.where(good.any(axis=1), good.argmax(axis=1), -1)
            picked.append(Picked(place, view.full(count), asked))
        return picked
    codes = [view.take(view.heard(policy.verifier).answer, n)
             for view, n in zip(views, counts, strict=True)]  # fmt: skip
    place, votes = most_voted(np.hstack(codes), views[0].full(sum(counts)))
    start = 0
    for view, count in zip(views, counts, strict=True):
        own = (place >= start) & (place < start + count)
        trust = np.where(own, votes / sum(counts), 0.0)
        picked.append(Picked(np.where(own, place - start, -1), view.full(count), asked, trust))
        start += count
    return picked


def _only(found: Picked, kept: NDArray[np.bool_]) -> Picked:
    place = np.where(kept, found.place, -1)
    return replace(found, place=place)


def _voted(view: View, verifier: str, limit: int, drawn: Ints, *, window: int = 0) -> Picked:
    codes = view.take(view.heard(verifier).answer, limit)
    place, votes = most_voted(codes, drawn)
    return Picked(place, drawn, ((verifier, 1),), votes / drawn, window)


def _weighed(view: View, verifier: str, judge: str, n: int, trials: int) -> Picked:
    codes = view.take(view.heard(verifier).answer, n)
    scores = view.take(view.heard(judge).mean_score(trials), n)
    place, weight = most_voted(codes, view.full(n), scores)
    total = _total_by_answer(codes, scores)
    with np.errstate(invalid="ignore", divide="ignore"):
        trust = np.where(total > 0, weight / total, 0.0)
    return Picked(place, view.full(n), ((verifier, 1), (judge, trials)), trust)


def _total_by_answer(codes: Ints, scores: Floats) -> Floats:
    return np.asarray(np.where((codes >= 0) & np.isfinite(scores), scores, 0.0).sum(axis=1))


def all_there(drawn: Ints, asked: Asked, view: View) -> None:
    """Refuse to say anything about samples or verdicts that were not recorded.

    Raises:
        NotRecorded: some of the `drawn` samples, or of the verdicts on them, are not there.
    """
    width = view.order.shape[1]
    last = np.minimum(drawn, width) - 1
    if ((drawn > width) | (view.order[np.arange(len(drawn)), last] < 0)).any():
        have, least = int((view.order >= 0).sum(axis=1).min()), int(drawn.max())
        raise NotRecorded(
            f"the policy draws more than the {have} samples recorded of "
            f"{view.shelf.model!r}: at least {least} of a problem. "
            f"Draw more with `vervet sample -n N`, N = {least} or more."
        )
    limit = int(drawn.max(initial=0))
    there = np.arange(limit) < drawn[:, None]
    recorded = np.arange(view.shelf.right.shape[1]) < view.shelf.size[:, None]
    for verifier, trials in asked:
        told = view.heard(verifier).told
        if (told[recorded] >= trials).all():
            continue
        told = view.take(told, limit)
        if (there & (told < trials)).any():
            raise not_judged(verifier, int(told[there].min()), trials)


def not_judged(verifier: str, told: int, trials: int) -> NotRecorded:
    """Return the error of a sample that was judged less often than asked for."""
    return NotRecorded(
        f"{verifier!r} judged a sample {told} of {trials} times. "
        f"Run `vervet verify --verifier {verifier} --trials {trials}`."
    )
