"""Arithmetic word problems told from a seed: the training data and the exam of `marmoset`.

A story follows one amount through one to six equations, in one of three sizes of numbers, with
sentences in between that do not matter. Its solution is a chain of equations and an answer line,
the shape of GSM8K. Stories fall into two halves by a hash of their text, so nothing told for
training can be told in the exam.

The draws use raw output of the bit generator, whose stream numpy promises never to change
(NEP 19); so a seed tells the same story for ever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal, TypeVar

import numpy as np

Split = Literal["train", "test"]
T = TypeVar("T")

NAMES = ("Tom", "Ann", "Sam", "Eva", "Ben", "Mia", "Max", "Zoe", "Leo", "Ida")
ITEMS = ("apples", "cards", "books", "coins", "eggs", "pens", "shells", "stamps")
LARGEST = 99_999
"""Totals beyond this are told again."""
HELD_OUT = 16
"""Stories whose hash begins with a byte below this (of 256) belong to the exam."""


@dataclass(frozen=True, slots=True)
class Size:
    """The ranges numbers are drawn from, both ends included."""

    name: str
    amount: tuple[int, int]
    groups: tuple[int, int]


SIZES = (
    Size("small", (2, 12), (2, 5)),
    Size("medium", (11, 60), (3, 12)),
    Size("large", (61, 300), (6, 20)),
)
STEPS = (1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6)
"""Drawn from uniformly: short chains are more common than long ones."""


@dataclass(frozen=True, slots=True)
class Story:
    """One word problem with its worked solution.

    >>> story = tell(np.random.default_rng(4))
    >>> story.solution.endswith(f"A: {story.answer}")
    True
    """

    prompt: str
    equations: tuple[str, ...]
    answer: int
    size: str

    @property
    def solution(self) -> str:
        """The equations, one a line, then the answer line."""
        return "\n".join((*self.equations, f"A: {self.answer}"))

    @property
    def split(self) -> Split:
        """The half this story belongs to, by a hash of its text."""
        first = blake2b(self.prompt.encode(), digest_size=1).digest()[0]
        return "test" if first < HELD_OUT else "train"


@dataclass(slots=True)
class Teller:
    """A story while it is being told: the running total and what was said so far."""

    rng: np.random.Generator
    size: Size
    total: int = 0
    largest: int = 0
    sentences: list[str] = field(default_factory=list)
    equations: list[str] = field(default_factory=list)
    who: str = ""
    friend: str = ""
    items: str = ""

    def story(self) -> Story:
        """What was told, as one problem."""
        prompt = " ".join(self.sentences) + "\n"
        return Story(prompt, tuple(self.equations), self.total, self.size.name)

    def tell(self, steps: int) -> None:
        """Tell a whole story of `steps` equations."""
        self.who, self.friend = self.two(NAMES)
        self.items, other = self.two(ITEMS)
        self.begin(steps)
        comparing = steps - len(self.equations) >= 2 and self.below(4) == 0  # noqa: PLR2004
        while (left := steps - len(self.equations) - 2 * comparing) > 0:
            self.distract(other)
            self.turn(left)
        self.distract(other)
        self.compare() if comparing else self.say(f"How many {self.items} does {self.who} have?")

    def begin(self, steps: int) -> None:
        """Say what there is at first: loose things, or groups of them to be multiplied."""
        if steps > 1 and self.below(3):
            self.total = self.amount()
            self.say(f"{self.who} has {self.total} {self.items}.")
            return
        groups, each = self.groups(), self.amount()
        self.total = self.equate(groups, "*", each)
        self.say(f"{self.who} has {groups} boxes of {each} {self.items}.")

    def turn(self, left: int) -> None:
        """Change the total by one sentence, which costs at most `left` equations."""
        turns: tuple[Callable[[], bool], ...] = (
            self.gain, self.gain, self.lose, self.lose, self.multiply, self.divide,
            *((self.gain_groups, self.gain_groups, self.lose_groups) if left > 1 else ()),
        )  # fmt: skip
        while not turns[self.below(len(turns))]():
            pass

    def gain(self) -> bool:
        """Add an amount."""
        n = self.amount()
        self.say(
            self.pick(
                (
                    f"{self.who} buys {n} more.",
                    f"{self.friend} gives {self.who} {n} {self.items}.",
                    f"Then {self.who} finds {n} {self.items}.",
                )
            )
        )
        self.total = self.equate(self.total, "+", n)
        return True

    def lose(self) -> bool:
        """Take an amount away, where there is enough."""
        n = self.amount()
        if n >= self.total:
            return False
        self.say(
            self.pick(
                (
                    f"{self.who} gives {n} to {self.friend}.",
                    f"{self.who} sells {n} {self.items}.",
                    f"Then {self.who} loses {n}.",
                )
            )
        )
        self.total = self.equate(self.total, "-", n)
        return True

    def gain_groups(self) -> bool:
        """Add groups of equal amounts: two equations."""
        groups, each = self.groups(), self.amount()
        self.say(f"{self.who} buys {groups} bags of {each}.")
        self.total = self.equate(self.total, "+", self.equate(groups, "*", each))
        return True

    def lose_groups(self) -> bool:
        """Take groups of equal amounts away, where there is enough: two equations."""
        groups, each = self.groups(), self.amount()
        if groups * each >= self.total:
            return False
        self.say(f"{self.who} sells {groups} bags of {each}.")
        self.total = self.equate(self.total, "-", self.equate(groups, "*", each))
        return True

    def multiply(self) -> bool:
        """Make the total several times as large."""
        times = 2 + self.below(2) if self.size.name == "small" else self.groups()
        if self.total * times > LARGEST:
            return False
        self.say(f"Then {self.who} gets {times} times as many.")
        self.total = self.equate(self.total, "*", times)
        return True

    def divide(self) -> bool:
        """Keep one of several equal parts, where the total divides evenly."""
        parts = 2 + self.below(8)
        if self.total % parts or self.total == parts:
            return False
        self.say(f"{self.who} fills {parts} equal bags and keeps one.")
        self.total = self.equate(self.total, "/", parts)
        return True

    def compare(self) -> None:
        """Ask for the sum with a friend who has more: two equations."""
        n = self.amount()
        self.say(f"{self.friend} has {n} more than {self.who}.")
        self.say(f"How many {self.items} do they have together?")
        self.total = self.equate(self.total, "+", self.equate(self.total, "+", n))

    def distract(self, other: str) -> None:
        """Now and then, say something with a number that does not matter."""
        if self.below(5) == 0:
            n = self.amount()
            self.say(
                self.pick(
                    (
                        f"{self.friend} has {n} {other}.",
                        f"{self.who} also has {n} {other}.",
                        f"{self.friend} is {n} years old.",
                        f"The walk takes {n} minutes.",
                    )
                )
            )

    def equate(self, left: int, sign: str, right: int) -> int:
        """Write one equation down and return its result."""
        result = {
            "+": left + right, "-": left - right, "*": left * right, "/": left // right,
        }[sign]  # fmt: skip
        self.equations.append(f"{left}{sign}{right}={result}")
        self.largest = max(self.largest, result)
        return result

    def say(self, sentence: str) -> None:
        """Add a sentence."""
        self.sentences.append(sentence)

    def amount(self) -> int:
        """Draw a number of things."""
        return self.between(*self.size.amount)

    def groups(self) -> int:
        """Draw a number of groups."""
        return self.between(*self.size.groups)

    def between(self, low: int, high: int) -> int:
        """Draw from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def below(self, bound: int) -> int:
        """Draw from 0 to bound − 1, from 64 raw bits."""
        return (int(self.rng.bit_generator.random_raw()) * bound) >> 64

    def pick(self, choices: Sequence[T]) -> T:
        """Draw one of `choices`."""
        return choices[self.below(len(choices))]

    def two(self, choices: Sequence[str]) -> tuple[str, str]:
        """Draw two different ones of `choices`."""
        first, second = self.below(len(choices)), self.below(len(choices) - 1)
        return choices[first], choices[second + (second >= first)]


def tell(rng: np.random.Generator, split: Split = "train") -> Story:
    """Tell a story that belongs to `split`.

    >>> tell(np.random.default_rng(1), "test").split
    'test'
    """
    while True:
        size = SIZES[(int(rng.bit_generator.random_raw()) * len(SIZES)) >> 64]
        teller = Teller(rng, size)
        teller.tell(teller.pick(STEPS))
        story = teller.story()
        if teller.largest <= LARGEST and story.split == split:
            return story
