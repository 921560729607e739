"""The nouns of vervet: problems, samples, verdicts, selections, and who makes them.

Every type is frozen. A sample is named by (problem, sampler, index) and a verdict by
(sample, verifier, trial), so a run resumes by asking which names are missing. `None` means
"not known"; it is never written as zero.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable


class Outcome(StrEnum):
    """What a verifier says about one sample.

    `ERROR` says nothing about the sample: estimators exclude it and report how many.
    """

    ACCEPT = "accept"
    REJECT = "reject"
    ERROR = "error"


NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Problem:
    """One task: what the model is shown and what a verifier needs to judge a reply."""

    id: str
    prompt: str
    """The text shown to the model; in a conversation, its last user turn."""
    reference: Mapping[str, Any] = field(default_factory=dict)
    """Plain JSON data for verifiers: an answer, tests, a theorem, a repository. Never shown."""
    messages: tuple[Mapping[str, Any], ...] = ()
    """The whole conversation in the OpenAI chat form, where the problem is one."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One reply of one sampler to one problem."""

    problem_id: str
    sampler_id: str
    index: int
    text: str
    finish: str = "stop"
    """Why it ended: stop, length, content_filter, refusal, tool_calls."""
    reasoning: str = ""
    """What came before `text`: a model's thoughts where returned, an agent's trajectory."""
    logprob: float | None = None
    """Sum of the log-probabilities of the completion's tokens (nats), as sampled."""
    prompt_tokens: int | None = None
    """Length of the prompt."""
    completion_tokens: int | None = None
    """Length of the completion, reasoning included."""
    reasoning_tokens: int | None = None
    """The part of completion_tokens spent on reasoning."""
    cached_tokens: int | None = None
    """The part of prompt_tokens billed at the cache rate."""
    shared_tokens: int | None = None
    """The part of prompt_tokens billed once for the request, with another sample."""
    cost: float | None = None
    """US dollars as the endpoint charged them; None where it does not say."""
    seconds: float | None = None
    """Wall time of the request that brought it."""
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judgement of one sample by one verifier."""

    problem_id: str
    sampler_id: str
    index: int
    verifier_id: str
    trial: int
    outcome: Outcome
    answer: str | None = None
    """The equivalence class the sample votes for: equal answers are equal strings."""
    score: float | None = None
    """Larger is better: p(Yes) of a judge, a reward, a share of tests passed."""
    detail: str = ""
    """One line for people: why."""
    evidence: str = ""
    """JSON for machines: per-test results, a judge's words, limits and load; may be empty."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """What a policy hands back for one problem: the chosen sample, or None when it abstains."""

    problem_id: str
    policy_id: str
    index: int | None
    reason: str
    sampler_id: str | None = None
    """Whose sample `index` is; None when abstaining."""
    samples_paid: int = 0
    verifications_paid: int = 0
    tokens_paid: int = 0


@runtime_checkable
class Sampler(Protocol):
    """A model with its prompt template and decoding parameters."""

    @property
    def id(self) -> str:
        """Name and a hash of model, revision, prompt template and decoding parameters."""
        ...

    def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncIterator[Sample]:
        """Yield one sample for each of `indices`, in any order, as they come.

        Ends early with ModelError where the endpoint cannot be had; what was yielded stands.
        """
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return plain JSON data: provider, model, parameters, URL (never a key)."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a reply, with the likeliest alternatives at its place (nats)."""

    text: str
    logprob: float | None
    alternatives: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered to one prompt, with its tokens where the endpoint lists them."""

    text: str
    tokens: tuple[Token, ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish: str = "stop"


@runtime_checkable
class Asks(Protocol):
    """Whoever can answer a prompt: the thin protocol a judge needs of a model."""

    @property
    def id(self) -> str:
        """Model and decoding parameters, as one stable string."""
        ...

    async def ask(self, prompt: str, seed: int, /) -> Reply:
        """Answer one prompt; equal seeds may give equal replies.

        Raises ModelError where the endpoint cannot be had.
        """
        ...


@runtime_checkable
class Verifier(Protocol):
    """Judges one sample. A judge that is itself a model holds one that `Asks`."""

    @property
    def id(self) -> str:
        """Name, version and a hash of the parameters, as one stable string."""
        ...

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Return the verdict; raise VerifierError or SandboxError only when it failed itself."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long command is; sent to whoever watches, at most a few times a second."""

    verb: str
    done: int
    total: int
    failed: int = 0
    tokens: int = 0
    dollars: float | None = None
    note: str = ""


class Watcher(Protocol):
    """Something that is told about progress: a bar, a log, a test."""

    def __call__(self, progress: Progress, /) -> None:
        """Take note."""
        ...


def silent(progress: Progress, /) -> None:
    """Watch nothing."""
    del progress
