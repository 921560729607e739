"""Recorded rows as arrays: what a policy can be replayed on a hundred thousand times."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vervet.costs.dollars import Price, token_dollars
from vervet.errors import ConfigError
from vervet.policies.flow import Recorded, score_of, turn_of
from vervet.types import Outcome, Problem, Sample, Verdict

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = Sequence[tuple[Problem, Recorded]]
NO_PRICES: Mapping[str, Price] = {}
Reading = Callable[[Sample], float | None]
Codes = Mapping[str, Sequence[dict[str, int]]]
"""By verifier and problem, the code of each answer: the same for all models."""
Drawn = Sequence[Sequence[Sample | None]]
"""Samples by problem; None where one is not there."""
Told = Sequence[Sequence[Sequence[Verdict]]]
"""Verdicts by problem, sample and trial."""
VALUE = {Outcome.ACCEPT: 1, Outcome.REJECT: -1, Outcome.ERROR: 0}


@dataclass(frozen=True, slots=True)
class Heard:
    """What one verifier said of one model's samples; (problems, samples + 1[, trials]).

    The last column stands for a sample that is not there.
    """

    told: Ints
    """Trials recorded."""
    answer: Ints
    """Code of the answer among those of the problem, the same for all models; −1 where none."""
    outcome: NDArray[np.int8]
    """1 accepts, −1 rejects, 0 error or not there; by trial."""
    score: Floats
    """As `Pool.score` counts it, NaN where there is none; by trial."""
    tokens: Floats
    dollars: Floats
    seconds: Floats

    def accepted(self, trials: int) -> NDArray[np.bool_]:
        """Return what the majority of the first trials accepts."""
        return np.asarray(self.outcome[:, :, :trials].sum(axis=2, dtype=np.int64) > 0)

    def mean_score(self, trials: int) -> Floats:
        """Return the mean score over the first trials, NaN where all failed."""
        total, count = np.zeros(self.told.shape), np.zeros(self.told.shape)
        for trial in range(min(trials, self.score.shape[2])):  # in order, as the flow adds them
            known = np.isfinite(self.score[:, :, trial])
            total += np.where(known, self.score[:, :, trial], 0.0)
            count += known
        with np.errstate(invalid="ignore"):
            return np.asarray(total / count)


@dataclass(frozen=True, slots=True)
class Shelf:
    """One model's samples of every problem; arrays of shape (problems, samples + 1)."""

    model: str
    size: Ints
    """Samples recorded of each problem."""
    right: Floats
    """1 right, 0 wrong, NaN where the truth is not known."""
    logprob: Floats
    tokens: Floats
    dollars: Floats
    seconds: Floats
    heard: dict[str, Heard]
    turns: Mapping[tuple[str, int], "Shelf"] = field(default_factory=dict)
    """Replies to what a verifier said, by its name and the turn, each at the place of its first."""


@dataclass(frozen=True, slots=True)
class Archive:
    """Everything recorded about some problems, as arrays and as rows."""

    rows: Rows
    truth: str
    """The verifier whose verdict says what is right."""
    shelves: dict[str, Shelf]

    @property
    def problems(self) -> int:
        """Number of problems."""
        return len(self.rows)


def archive(rows: Rows, truth: str, *, prices: Mapping[str, Price] = NO_PRICES) -> Archive:
    """Turn recorded rows into arrays.

    Args:
        rows: the problems with everything recorded about them; all have the same models. Later
            turns (`flow.revised_id`) are kept with the samples that they revise.
        truth: the verifier whose verdict says what is right.
        prices: of the verifiers that are models, by their names.

    Raises:
        ConfigError: there are no problems, or no verdicts of `truth`.
    """
    if not rows:
        raise ConfigError("no problem has samples of every model. Give runs of the same problems.")
    codes: Codes = {name: [{} for _ in rows] for name in verifiers_in(rows)}
    turns = [_turns(recorded) for _, recorded in rows]
    later = {model for found in turns for model in found}
    shelves = {}
    for model in (m for m in rows[0][1].samples if m not in later):
        drawn = [recorded.samples[model] for _, recorded in rows]
        made = _Making(rows, codes, truth, prices)
        first = _shelf(model, drawn, made)
        shelves[model] = replace(first, turns=_later(model, drawn, turns, made))
    if not any(np.isfinite(shelf.right).any() for shelf in shelves.values()):
        known = ", ".join(verifiers_in(rows)) or "none"
        raise ConfigError(f"no verdicts of {truth!r}, so nothing is right. There are: {known}.")
    return Archive(rows, truth, shelves)


def verifiers_in(rows: Rows) -> list[str]:
    """Return the names of all verifiers that said anything."""
    found: dict[str, None] = {}
    for _, recorded in rows:
        for _, _, verifier in recorded.verdicts:
            found.setdefault(verifier)
    return list(found)


@dataclass(frozen=True, slots=True)
class _Making:
    """What every shelf is made with."""

    rows: Rows
    codes: Codes
    truth: str
    prices: Mapping[str, Price]


def _turns(recorded: Recorded) -> dict[str, Sequence[Sample]]:
    """Return the samples of each model that are later turns of another's."""
    ids = {drawn[0].sampler_id for drawn in recorded.samples.values() if drawn}
    return {
        model: drawn
        for model, drawn in recorded.samples.items()
        if drawn and any(turn_of(drawn[0].sampler_id, first) for first in ids)
    }


def _later(
    model: str, drawn: Drawn, turns: Sequence[Mapping[str, Sequence[Sample]]], made: _Making
) -> dict[tuple[str, int], Shelf]:
    """Return the later turns of a model's samples, each at the place of its first turn."""
    found: dict[tuple[str, int], list[dict[int, Sample]]] = {}
    for p, (samples, every) in enumerate(zip(drawn, turns, strict=True)):
        for replies in every.values():
            key = turn_of(replies[0].sampler_id, next(s.sampler_id for s in samples if s))
            if key is not None:
                places = found.setdefault(key, [{} for _ in drawn])
                places[p] = {reply.index: reply for reply in replies}
    return {
        key: _shelf(
            f"{model}+{key[0]}.{key[1]}",
            [[by.get(s.index) if s else None for s in first]
             for by, first in zip(places, drawn, strict=True)],
            made,
        )
        for key, places in found.items()
    }  # fmt: skip


def _shelf(model: str, drawn: Drawn, made: _Making) -> Shelf:
    rows, truth = made.rows, made.truth
    width = max(map(len, drawn)) + 1
    heard = {
        name: _heard(_told(drawn, rows, name), seen, width, made.prices.get(name))
        for name, seen in made.codes.items()
    }
    right = np.full((len(rows), width), np.nan)
    if truth in heard:
        told = heard[truth]
        votes = told.outcome.sum(axis=2, dtype=np.int64)
        judged = (told.outcome != 0).any(axis=2)
        right = np.where(judged, (votes > 0).astype(np.float64), np.nan)
    return Shelf(
        model,
        np.array([len(samples) for samples in drawn]),
        right,
        _column(drawn, width, lambda s: s.logprob),
        _column(drawn, width, _tokens),
        _column(drawn, width, lambda s: s.cost),
        _column(drawn, width, lambda s: s.seconds),
        heard,
    )


def _tokens(sample: Sample) -> float | None:
    if sample.completion_tokens is None:
        return None
    prompt = (sample.prompt_tokens or 0) - (sample.shared_tokens or 0)
    return prompt + sample.completion_tokens


def _column(drawn: Drawn, width: int, of: Reading) -> Floats:
    column = np.full((len(drawn), width), np.nan)
    for place, samples in enumerate(drawn):
        values = [None if sample is None else of(sample) for sample in samples]
        column[place, : len(values)] = [np.nan if v is None else v for v in values]
    return column


def _told(drawn: Drawn, rows: Rows, name: str) -> Told:
    return [
        [recorded.verdicts.get((s.sampler_id, s.index, name), ()) if s else () for s in samples]
        for samples, (_, recorded) in zip(drawn, rows, strict=True)
    ]


def _heard(told: Told, codes: Sequence[dict[str, int]], width: int, price: Price | None) -> Heard:
    trials = max((len(v) for problem in told for v in problem), default=0)
    shape = (len(told), width, max(trials, 1))
    outcome = np.zeros(shape, dtype=np.int8)
    score, prompt, reply = np.full(shape, np.nan), np.zeros(shape), np.zeros(shape)
    seconds = np.zeros(shape)
    answer, count = np.full(shape[:2], -1), np.zeros(shape[:2], dtype=np.int64)
    for p, problem in enumerate(told):
        for i, verdicts in enumerate(problem):
            count[p, i] = len(verdicts)
            answer[p, i] = _code(verdicts, codes[p])
            for t, verdict in enumerate(verdicts):
                outcome[p, i, t] = VALUE[verdict.outcome]
                if verdict.outcome is not Outcome.ERROR:
                    score[p, i, t] = score_of(verdict)
                prompt[p, i, t] = verdict.prompt_tokens or 0
                reply[p, i, t] = verdict.completion_tokens or 0
                seconds[p, i, t] = verdict.seconds or 0.0
    dollars = token_dollars(price, prompt, reply).total
    return Heard(count, answer, outcome, score, prompt + reply, dollars, seconds)


def _code(verdicts: Sequence[Verdict], codes: dict[str, int]) -> int:
    """Return the code of the answer of the first trial, which is the one that policies read."""
    if not verdicts or verdicts[0].outcome is Outcome.ERROR or verdicts[0].answer is None:
        return -1
    return codes.setdefault(verdicts[0].answer, len(codes))
