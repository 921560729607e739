"""Samples to read: which problems are shown, how many of their samples, and made safe to look at.

What a model wrote is hostile: it is shown as text and never as markup, and characters that hide
or reorder text (controls, direction overrides) are made visible.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from vervet.reporting.curves import Pair, Row, pairs
from vervet.reporting.difficulty import ranked, status
from vervet.types import Outcome, Problem, Sample, Verdict

MOST_CHARACTERS = 8_000
"""Longer texts are cut in a report, with the number of characters left out; `view` shows all."""
MOST_ANSWERS = 8
HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
    "|[\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class Heading:
    """What is known of a sample without its text."""

    run: int
    problem_id: str
    sampler_id: str
    index: int
    outcome: str
    answer: str | None

    @property
    def key(self) -> tuple[str, str, int]:
        """Return what names the sample within its run."""
        return self.problem_id, self.sampler_id, self.index


@dataclass(frozen=True, slots=True)
class Judged:
    """A sample and what verifiers said of it."""

    sample: Sample
    outcome: str = "unjudged"
    answer: str | None = None
    verdicts: tuple[Verdict, ...] = ()
    alike: int = 1
    """How many samples of this model read the same and were judged the same."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many samples gave one answer."""

    answer: str
    outcome: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A problem with the samples that are shown of it, and what all of them answered."""

    problem: Problem
    shown: tuple[Judged, ...]
    read: int
    """Samples that `shown` stands for."""
    total: int
    tallies: tuple[Tally, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """A problem worth reading, and why."""

    problem_id: str
    why: str


def visible(text: str) -> str:
    r"""Make characters that hide or reorder text visible; line ends and tabs stay.

    >>> print(visible("a\x00b\u202ec"))
    a⟨U+0000⟩b⟨U+202E⟩c
    """
    text = text.replace("\r\n", "\n")
    return HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def cut(text: str, most: int = MOST_CHARACTERS) -> tuple[str, int]:
    """Return the text as shown, and how many characters were left out."""
    return visible(text[:most]), max(0, len(text) - most)


def reference_text(problem: Problem) -> str:
    """Return what verifiers compare with, as indented JSON."""
    plain = dict(problem.reference)
    return json.dumps(plain, indent=2, ensure_ascii=False, default=str) if plain else ""


Shown = TypeVar("Shown", Heading, Judged)


def telling(rows: Sequence[Shown], most: int) -> list[Shown]:
    """Choose at most `most` samples: of each outcome alike, from the first on, in order.

    >>> rows = [Heading(0, "p", "m", i, "accept" if i == 9 else "reject", None) for i in range(10)]
    >>> [row.index for row in telling(rows, 4)]
    [0, 1, 2, 9]
    """
    shelves: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        shelves.setdefault(row.outcome, []).append(place)
    taken: list[int] = []
    ordered = sorted(shelves.values(), key=len)
    for position, shelf in enumerate(ordered):
        part = -(-(most - len(taken)) // (len(ordered) - position))
        taken.extend(shelf[:part])
    return [rows[place] for place in sorted(taken)]


def merged(judged: Iterable[Judged]) -> list[Judged]:
    """Put samples that read the same, of one model and one outcome, into one.

    >>> same = [Judged(Sample("p", "m", i, "text"), "accept") for i in range(3)]
    >>> [(one.sample.index, one.alike) for one in merged(same)]
    [(0, 3)]
    """
    found: dict[tuple[str, ...], Judged] = {}
    for one in judged:
        sample = one.sample
        key = (sample.sampler_id, one.outcome, sample.finish, sample.text, sample.reasoning)
        first = found.get(key)
        found[key] = replace(first, alike=first.alike + one.alike) if first else one
    return list(found.values())


def tally(headings: Sequence[Heading]) -> tuple[Tally, ...]:
    """Count the answers, most frequent first."""
    answers = Counter((h.answer or "", h.outcome) for h in headings)
    counted = [
        Tally(answer or "no answer", outcome, count, count / len(headings))
        for (answer, outcome), count in answers.most_common(MOST_ANSWERS)
    ]
    rest = len(headings) - sum(t.count for t in counted)
    if rest:
        others = f"{len(answers) - MOST_ANSWERS:,} other answers"
        counted.append(Tally(others, "", rest, rest / len(headings)))
    return tuple(counted)


def choose(document: Row, asked: Sequence[str] = ()) -> list[Choice]:
    """Return the problems to read: those asked for, else one of each kind that says most."""
    if asked:
        return [Choice(problem, "asked for") for problem in dict.fromkeys(asked)]
    for pair in pairs(document):
        return _telling(document, pair)
    return []


def _telling(document: Row, pair: Pair) -> list[Choice]:
    rows = ranked(document, pair)
    solved = [row for row in rows if row["rate"]]
    missed = [row for row in solved if status(row) == "solved, but a vote misses it"]
    never = [row for row in rows if not row["rate"]]
    found = [
        *((row, "easiest") for row in solved[:1]),
        *((row, "median of those solved") for row in solved[len(solved) // 2 :][:1]),
        *((row, "most often solved of those a vote misses") for row in missed[:1]),
        *((row, "hardest that was solved") for row in solved[-1:]),
        *((row, "never solved") for row in never[:1]),
    ]
    reasons: dict[str, str] = {}
    for row, why in found:
        reasons.setdefault(str(row["problem_id"]), why)
    return [Choice(problem, why) for problem, why in reasons.items()]


def outcome_words(outcome: str) -> str:
    """Return an outcome as readers see it.

    >>> outcome_words("accept"), outcome_words("unjudged")
    ('accepted', 'not judged')
    """
    words = {Outcome.ACCEPT: "accepted", Outcome.REJECT: "rejected", Outcome.ERROR: "error"}
    return words[Outcome(outcome)] if outcome in set(Outcome) else "not judged"


def in_order(outcomes: Iterable[str]) -> list[str]:
    """Return each outcome once, in the order in which readers look for them.

    >>> in_order(["unjudged", "reject", "accept", "reject"])
    ['accept', 'reject', 'unjudged']
    """
    place = {str(outcome): at for at, outcome in enumerate(Outcome)}
    return sorted(dict.fromkeys(outcomes), key=lambda said: place.get(said, len(place)))
