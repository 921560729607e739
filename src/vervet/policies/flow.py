"""A policy decides, for one problem, what to draw, what to verify and what to return.

Policies do no I/O. `flow` is a generator: it yields a `Draw`, a `Verify` or a `Revise`, is sent the
`Pool` as it stands afterwards, and returns a `Choice`. `replay` drives a flow over recorded rows;
`vervet.selection.solve` drives the same flow against live models. Samples are numbered in the
order in which they were asked for, never in which they arrived, so both drivers decide alike.

Rule: a policy never changes the pool, and never treats an ERROR verdict as an answer.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from math import isfinite
from typing import Protocol, TypeAlias, runtime_checkable

from vervet.errors import ConfigError, NotRecorded
from vervet.types import Outcome, Problem, Sample, Selection, Verdict


@dataclass(frozen=True, slots=True)
class Draw:
    """Ask for `count` more samples, of the model called `model` (empty: the only one)."""

    count: int
    model: str = ""


@dataclass(frozen=True, slots=True)
class Verify:
    """Ask `verifier` to judge each of `positions` (places in the pool) `trials` times."""

    positions: Sequence[int]
    verifier: str
    trials: int = 1


@dataclass(frozen=True, slots=True)
class Revise:
    """Ask for the sample at `position` again, its model being shown what `verifier` said of it.

    The reply is turn t + 1 of the same sample: it has its index, and `revised_id` as its sampler,
    so that a model's own samples stay independent draws. A sample is revised once.
    """

    position: int
    verifier: str


Request: TypeAlias = Draw | Verify | Revise


@dataclass(frozen=True, slots=True)
class Choice:
    """What a flow returns: a place in the pool, or None when it abstains, and why."""

    position: int | None
    reason: str
    confidence: float | None = None
    """The policy's own 0..1 estimate that the choice is right, where it has one."""


class Pool:
    """Everything known about one problem so far; read it, never change it."""

    __slots__ = ("_parents", "_verdicts", "samples")

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._parents: dict[int, int] = {}
        self._verdicts: dict[tuple[int, str], tuple[Verdict, ...]] = {}

    def about(self, position: int, verifier: str) -> tuple[Verdict, ...]:
        """Return what `verifier` said of the sample at `position`, by trial."""
        return self._verdicts.get((position, verifier), ())

    def judged(self, position: int, verifier: str) -> Verdict | None:
        """Return the first verdict that is not an ERROR."""
        verdicts = self.about(position, verifier)
        return next((v for v in verdicts if v.outcome is not Outcome.ERROR), None)

    def answer(self, position: int, verifier: str) -> str | None:
        """Return the answer that `verifier` read in the sample, or None."""
        verdict = self.judged(position, verifier)
        return verdict.answer if verdict else None

    def accepted(self, position: int, verifier: str) -> bool:
        """Return whether `verifier` accepts the sample: the majority of its trials, none lost."""
        outcomes = [v.outcome for v in self.about(position, verifier)]
        return outcomes.count(Outcome.ACCEPT) > outcomes.count(Outcome.REJECT)

    def score(self, position: int, verifier: str) -> float | None:
        """Return the mean score over trials, an ERROR left out; None where there is no other."""
        judged = [v for v in self.about(position, verifier) if v.outcome is not Outcome.ERROR]
        return sum(map(score_of, judged)) / len(judged) if judged else None

    def turns(self, position: int) -> list[int]:
        """Return the places of a sample and of all that it revises, the first turn first."""
        found = [position]
        while (parent := self._parents.get(found[0])) is not None:
            found.insert(0, parent)
        return found

    def next_turn(self, request: Revise) -> tuple[str, int]:
        """Return what names the sample that a request asks for: (sampler_id, index)."""
        turns = self.turns(request.position)
        first = self.samples[turns[0]]
        return revised_id(first.sampler_id, request.verifier, len(turns) + 1), first.index

    def revised(self, position: int, sample: Sample) -> None:
        """Take in the next turn of the sample at `position`; for drivers only."""
        self._parents[len(self.samples)] = position
        self.samples.append(sample)

    def drawn(self, samples: Sequence[Sample]) -> None:
        """Take in samples; for drivers only."""
        self.samples.extend(samples)

    def verified(self, position: int, verifier: str, verdicts: Sequence[Verdict]) -> None:
        """Take in the verdicts of all trials so far; for drivers only."""
        self._verdicts[position, verifier] = tuple(verdicts)

    @property
    def verifications(self) -> int:
        """Number of verdicts asked for and had."""
        return sum(len(v) for v in self._verdicts.values())

    @property
    def tokens(self) -> int:
        """Tokens paid: completions, prompts as billed, and what the verifiers used."""
        drawn = sum(billed(s) for s in self.samples)
        judged = sum(
            (v.prompt_tokens or 0) + (v.completion_tokens or 0)
            for verdicts in self._verdicts.values()
            for v in verdicts
        )
        return drawn + judged


def score_of(verdict: Verdict) -> float:
    """Return the score of a verdict; where there is none, or no finite one, accepted counts one."""
    if verdict.score is not None and isfinite(verdict.score):
        return verdict.score
    return float(verdict.outcome is Outcome.ACCEPT)


def billed(sample: Sample) -> int:
    """Return the tokens paid for a sample: its completion, and its prompt where not shared."""
    prompt = (sample.prompt_tokens or 0) - (sample.shared_tokens or 0)
    return prompt + (sample.completion_tokens or 0)


def revised_id(sampler_id: str, verifier: str, turn: int) -> str:
    """Return whose sample turn `turn` is: the model that was shown what `verifier` said.

    >>> revised_id("llama@1f", "unit-tests", 2)
    'llama@1f+unit-tests.2'
    """
    return f"{sampler_id}+{verifier}.{turn}"


def turn_of(sampler_id: str, first: str) -> tuple[str, int] | None:
    """Return the verifier and the turn where a sample revises one of `first`, else None.

    >>> turn_of("llama@1f+unit-tests.2", "llama@1f"), turn_of("llama@1f", "llama@1f")
    (('unit-tests', 2), None)
    """
    base, plus, rest = sampler_id.partition(f"{first}+")
    verifier, dot, turn = rest.rpartition(".")
    return (verifier, int(turn)) if plus and not base and dot and turn.isdigit() else None


Flow: TypeAlias = Generator[Request, Pool, Choice]


@runtime_checkable
class Policy(Protocol):
    """Anything with a `flow`; the built-in ones are frozen dataclasses."""

    def flow(self, problem: Problem, /) -> Flow:
        """Yield requests, receive the pool, return the choice."""
        ...


def name_of(policy: Policy) -> str:
    """Return the policy's settings as they would be written: its identity in the tables.

    A policy inside another is written `name(key=value,key=value)`.

    >>> from vervet.policies.majority import Majority
    >>> name_of(Majority(n=32, verifier="gsm8k-answer"))
    'majority:n=32,verifier=gsm8k-answer'
    """
    name, settings = _settings(policy)
    return f"{name}:{','.join(settings)}" if settings else name


def _settings(policy: Policy) -> tuple[str, list[str]]:
    words = "".join(f"-{c.lower()}" if c.isupper() else c for c in type(policy).__name__)
    given = [
        (f.name, value)
        for f in fields(policy)  # type: ignore[arg-type]  # a protocol cannot ask for a dataclass
        if (value := getattr(policy, f.name)) != f.default
    ]
    return words.removeprefix("-"), [f"{key}={_written(value)}" for key, value in given]


def _written(value: object) -> str:
    if not isinstance(value, Policy):
        return str(value)
    name, settings = _settings(value)
    return f"{name}({','.join(settings)})"


def at_least(value: float, least: float, what: str) -> None:
    """Refuse a setting that makes no sense.

    Raises:
        ConfigError: `value` is below `least`.
    """
    if not value >= least:
        raise ConfigError(f"{what} must be at least {least:g}, not {value!r}.")


@dataclass(frozen=True, slots=True)
class Recorded:
    """All recorded samples of one problem by model, and all verdicts by sample and verifier."""

    samples: Mapping[str, Sequence[Sample]]
    verdicts: Mapping[tuple[str, int, str], Sequence[Verdict]]
    """By (sampler_id, index, verifier), ordered by trial."""
    models: Mapping[str, str] = field(default_factory=dict)
    """By what a policy calls a model, the name it has in `samples`, where that is another."""


def replay(
    policy: Policy, problem: Problem, recorded: Recorded, order: Mapping[str, Sequence[int]]
) -> tuple[Selection, Pool]:
    """Run `policy` on recorded rows, without calling any model.

    This is the definition of a policy's accuracy and cost; closed forms in `stats` are its speed.

    Args:
        policy: the policy to try.
        problem: the problem the recorded samples answer.
        recorded: all samples and verdicts of that problem.
        order: for each model, the order in which its recorded samples are drawn.

    Returns:
        The selection, and the pool the policy paid for.

    Raises:
        NotRecorded: the policy asked for more samples or verdicts than were recorded.
    """
    pool, flow, tape = Pool(), policy.flow(problem), Tape(recorded, order)
    try:
        request = next(flow)
        while True:
            tape.answer(request, pool)
            request = flow.send(pool)
    except StopIteration as stop:
        return selection(policy, problem, pool, stop.value), pool


class Tape:
    """Recorded rows of one problem, played in an order: it answers requests in place of models."""

    def __init__(self, recorded: Recorded, order: Mapping[str, Sequence[int]]) -> None:
        self.recorded = recorded
        self.supply = {model: iter(places) for model, places in order.items()}

    def answer(self, request: Request, pool: Pool) -> None:
        """Put what is asked for into the pool.

        Raises:
            NotRecorded: it was not recorded.
        """
        if isinstance(request, Draw):
            pool.drawn(_recorded_samples(request, self.recorded, self.supply))
        elif isinstance(request, Revise):
            pool.revised(request.position, _recorded_turn(request, pool, self.recorded))
        else:
            _recall(request, pool, self.recorded)


def selection(policy: Policy, problem: Problem, pool: Pool, choice: Choice) -> Selection:
    """Turn a flow's choice into the row that is recorded, with what was paid."""
    chosen = None if choice.position is None else pool.samples[choice.position]
    return Selection(
        problem.id,
        name_of(policy),
        chosen.index if chosen else None,
        choice.reason,
        sampler_id=chosen.sampler_id if chosen else None,
        samples_paid=len(pool.samples),
        verifications_paid=pool.verifications,
        tokens_paid=pool.tokens,
    )


def _recorded_samples(
    request: Draw, recorded: Recorded, supply: Mapping[str, Iterator[int]]
) -> list[Sample]:
    model = recorded.models.get(request.model, request.model) or next(iter(recorded.samples), "")
    if model not in recorded.samples:
        raise NotRecorded(
            f"the policy draws from {model!r}; there are samples of: {_list(recorded.samples)}."
        )
    taken = list(islice(supply[model], request.count))
    if len(taken) < request.count:
        have = len(recorded.samples[model])
        least = have + request.count - len(taken)
        raise NotRecorded(
            f"the policy draws more than the {have} samples recorded of {model!r}: at least "
            f"{least} of a problem. Draw more with `vervet sample -n N`, N = {least} or more."
        )
    return [recorded.samples[model][place] for place in taken]


def _recorded_turn(request: Revise, pool: Pool, recorded: Recorded) -> Sample:
    name, index = pool.next_turn(request)
    for samples in recorded.samples.values():
        for sample in samples:
            if (sample.sampler_id, sample.index) == (name, index):
                return sample
    turn = name.rpartition(".")[2]
    raise NotRecorded(
        f"turn {turn} of sample {index} was never drawn: a reply to what {request.verifier!r} said "
        "of it cannot be replayed. Draw it with `vervet solve --policy refine:...`."
    )


def _recall(request: Verify, pool: Pool, recorded: Recorded) -> None:
    for position in request.positions:
        sample = pool.samples[position]
        known = recorded.verdicts.get((sample.sampler_id, sample.index, request.verifier), ())
        if len(known) < request.trials:
            raise NotRecorded(
                f"{request.verifier!r} judged this sample {len(known)} of {request.trials} times. "
                f"Run `vervet verify --verifier {request.verifier} --trials {request.trials}`."
                + _others(request.verifier, recorded)
            )
        pool.verified(position, request.verifier, known[: request.trials])


def _others(verifier: str, recorded: Recorded) -> str:
    """Say whose verdicts there are, where there are none of `verifier`."""
    names = dict.fromkeys(name for _, _, name in recorded.verdicts)
    plain = [name for name in names if "@" not in name or name.partition("@")[0] not in names]
    return "" if verifier in names or not names else f" There are verdicts of: {_list(plain)}."


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
