"""What a benchmark is to vervet: problems, and how its authors sampled and graded them."""

from collections.abc import Iterator
from dataclasses import dataclass

from vervet.types import Problem


@dataclass(frozen=True, slots=True)
class ProblemSet:
    """Problems in a fixed order, with the verifier and decoding parameters that go with them.

    >>> from vervet.types import Problem
    >>> sums = ProblemSet("sums", (Problem("1", "1 + 1 = ?", {"answer": "2"}),), verifier="exact")
    >>> len(sums), [problem.id for problem in sums]
    (1, ['1'])
    """

    name: str
    problems: tuple[Problem, ...]
    verifier: str
    """The registry's name of the verifier that reads these references."""
    stop: tuple[str, ...] = ()
    """Strings that end a completion; the few-shot prompts need them."""
    max_tokens: int = 1024
    temperature: float = 0.6
    chat: bool = True
    """Whether prompts are meant for a chat endpoint or for plain completion."""
    source: str = ""
    """Where the problems came from: a hub name with its revision, or a path."""

    def __repr__(self) -> str:
        """Name it and count it: references may be megabytes."""
        return f"ProblemSet({self.name!r}: {len(self):,} problems, verifier {self.verifier})"

    def __len__(self) -> int:
        return len(self.problems)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)
