"""A model that says what it was told to: for tests, tutorials and populations of known truth.

    scripted/replies.jsonl                  replies from a file, cycled
    scripted:problems=128,a=0.4,seed=1      a simulated population (`models.population`)

A line of the file is {"problem": ID, "replies": [...]}; a reply is a text or an object with the
fields of a sample (text, finish, reasoning, logprob, completion_tokens). Problem "*" answers
every problem that has no line of its own.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from hashlib import blake2b
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import numpy as np

from vervet.errors import ConfigError, ModelError
from vervet.models.identity import sampler_id, seed_for
from vervet.models.population import Population, uniforms
from vervet.types import Problem, Sample

ANYONE = "*"
BATCH = 4096
Reply = Mapping[str, Any]
REPLY_FIELDS = {"text", "finish", "reasoning", "logprob", "completion_tokens", "reasoning_tokens"}


class Script(Protocol):
    """Says what is replied to a problem."""

    def identity(self) -> Mapping[str, Any]:
        """Return what the sampler's name hashes, as plain JSON data."""
        ...

    def replies(self, problem: Problem, indices: Sequence[int]) -> Iterator[Reply]:
        """Yield one reply per index; the same index always gets the same reply."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Given replies: cycled in order, or drawn at random from the seed."""

    given: Mapping[str, tuple[Reply, ...]]
    random: bool = False
    seed: int = 0

    def identity(self) -> Mapping[str, Any]:
        """Return a hash of the replies, and how they are used."""
        text = json.dumps({k: [dict(r) for r in v] for k, v in self.given.items()}, sort_keys=True)
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        return {"replies": digest} | ({"random": True, "seed": self.seed} if self.random else {})

    def replies(self, problem: Problem, indices: Sequence[int]) -> Iterator[Reply]:
        """Yield the reply at each index."""
        known = self.given.get(problem.id) or self.given.get(ANYONE)
        if not known:
            raise ModelError(f"the script has no reply to problem {problem.id!r}, and none to '*'")
        if not self.random:
            return (known[i % len(known)] for i in indices)
        key = seed_for(self.seed, problem.id, 0)
        chosen = uniforms(key, np.asarray(indices, dtype=np.uint64), 0) * len(known)
        return (known[i] for i in chosen.astype(int).tolist())


@dataclass(frozen=True, slots=True)
class Simulated:
    """Replies of a population: an answer line as GSM8K has it, tokens and log-probability."""

    population: Population
    numbers: Mapping[str, int] = field(default_factory=dict)

    def identity(self) -> Mapping[str, Any]:
        """Return the population's parameters."""
        return asdict(self.population)

    def replies(self, problem: Problem, indices: Sequence[int]) -> Iterator[Reply]:
        """Yield what the population answers at each index."""
        number = self._number(problem)
        spread = np.cumsum(self.population.answers(number))
        places = np.asarray(indices, dtype=np.uint64)
        key = seed_for(self.population.seed, problem.id, 0)
        chosen = np.searchsorted(spread, uniforms(key, places, 0) * spread[-1], side="right")
        lengths = (20 + 60 * uniforms(key, places, 1)).astype(int)
        logprobs = -0.02 * lengths - (chosen > 0) * uniforms(key, places, 2)
        answers = [f"Adding up.\n#### {1000 + number + wrong}" for wrong in range(len(spread))]
        return (
            {"text": answers[a], "completion_tokens": length, "logprob": logprob}
            for a, length, logprob in zip(
                chosen.tolist(), lengths.tolist(), logprobs.tolist(), strict=True
            )
        )

    def _number(self, problem: Problem) -> int:
        head, _, tail = problem.id.rpartition("-")
        whole = f"simulated-{self.population.seed}"
        if head == whole and tail.isdecimal() and int(tail) < self.population.problems:
            return int(tail)
        raise ModelError(f"problem {problem.id!r} is not one of this population ({whole}-0 ...)")


class Scripted:
    """A sampler that follows a script, slowly or unreliably where asked to."""

    def __init__(self, script: Script, *, latency: float = 0.0, failures: float = 0.0) -> None:
        self.script = script
        self.latency = latency
        """Seconds that each draw takes before its first sample."""
        self.failures = failures
        """Probability that a draw breaks off half way with ModelError; another try may succeed."""
        self.id = sampler_id("scripted", **script.identity())
        self._draws = 0

    def describe(self) -> Mapping[str, Any]:
        """Return the script's parameters, as plain JSON data."""
        return {"provider": "scripted", "model": "scripted", **self.script.identity()}

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncGenerator[Sample]:
        """Yield the scripted sample of each index.

        Raises:
            ModelError: the script has nothing to say, or a failure was asked for.
        """
        began = monotonic()
        await asyncio.sleep(self.latency)
        stop = self._breaks_off_after(problem, len(indices))
        tokens = 1 + len(problem.prompt) // 4
        for start in range(0, len(indices), BATCH):
            batch = indices[start : start + BATCH]
            seconds = monotonic() - began
            for index, reply in zip(batch, self.script.replies(problem, batch), strict=True):
                if stop == 0:
                    raise ModelError(f"a scripted failure at sample {index} of {problem.id!r}")
                stop -= 1
                yield Sample(
                    problem.id, self.id, index, prompt_tokens=tokens, shared_tokens=0,
                    seconds=seconds, **reply,
                )  # fmt: skip
            await asyncio.sleep(0)

    def _breaks_off_after(self, problem: Problem, wanted: int) -> int:
        """Return how many samples this draw yields before it fails; −1 for no failure."""
        self._draws += 1
        if not self.failures:
            return -1
        key = seed_for(self._draws, problem.id, 0)
        fails, where = uniforms(key, np.arange(2, dtype=np.uint64), 3)
        return int(where * wanted) if fails < self.failures else -1


def scripted(
    model: str = "",
    *,
    replies: Mapping[str, Sequence[str | Reply]] | None = None,
    random: bool = False,
    latency: float = 0.0,
    failures: float = 0.0,
    **population: Any,  # noqa: ANN401 - the fields of Population
) -> Scripted:
    """Return a model that says what it was told to: replies of a file, or a population's.

    Raises:
        ConfigError: the file cannot be read, or a setting cannot be.

    >>> scripted(replies={"*": ["yes", "no"]}).describe()["provider"]
    'scripted'
    """
    if model or replies is not None:
        given = read_replies(Path(model)) if model else _read_all(replies or {})
        if unknown := set(population) - {"seed"}:
            raise ConfigError(f"scripted replies have no setting {min(unknown)!r}.")
        seed = int(population.get("seed", 0))
        return Scripted(Lines(given, random, seed), latency=latency, failures=failures)
    known = {f.name for f in fields(Population)}
    for name, value in population.items():
        if name not in known:
            raise ConfigError(
                f"scripted has no setting {name!r}. Known: {', '.join(sorted(known))}."
            )
        if not isinstance(value, int | float):
            raise ConfigError(f"scripted: {name}={value!r} is not a number.")
    return Scripted(Simulated(Population(**population)), latency=latency, failures=failures)


def read_replies(path: Path) -> dict[str, tuple[Reply, ...]]:
    """Read a file of scripted replies.

    Raises:
        ConfigError: the file is not there, or a line of it is not as described above.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"scripted replies {str(path)!r} cannot be read: {error}") from error
    given: dict[str, list[str | Reply]] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip():
            problem, replies = _line(line, f"{path}, line {number}")
            given.setdefault(problem, []).extend(replies)
    return _read_all(given)


def _line(line: str, where: str) -> tuple[str, list[str | Reply]]:
    try:
        row = json.loads(line)
        return str(row["problem"]), list(row["replies"] if "replies" in row else [row["text"]])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            f'{where}: not {{"problem": ID, "replies": [...]}}: {line[:80]!r}'
        ) from error


def _read_all(given: Mapping[str, Sequence[str | Reply]]) -> dict[str, tuple[Reply, ...]]:
    return {str(k): tuple(_reply(r, str(k)) for r in v) for k, v in given.items()}


def _reply(reply: str | Reply, problem: str) -> Reply:
    if isinstance(reply, str):
        return {"text": reply}
    if isinstance(reply, Mapping) and isinstance(reply.get("text"), str):
        if not set(reply) - REPLY_FIELDS:
            return dict(reply)
        unknown = min(set(reply) - REPLY_FIELDS)
        raise ConfigError(f"a reply to {problem!r} has the unknown field {unknown!r}.")
    raise ConfigError(f"a reply to {problem!r} is neither a text nor an object: {reply!r:.80}.")
