"""One shape for every published benchmark: where its rows are, and how a row becomes a problem."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vervet.errors import ConfigError
from vervet.problems.choose import choose, refuse_repeats
from vervet.problems.hub import fetch
from vervet.problems.problem_set import ProblemSet
from vervet.problems.rows import Row, read_rows
from vervet.types import Problem

Prompt = Callable[[Row, int, Sequence[Row]], str]
"""Makes the prompt from a row, its position in the file and the training rows."""
Subset = Callable[[Sequence[Problem]], Sequence[Problem]]
"""A published selection of a split's problems; ValueError where it is of other problems."""


def of_row(prompt: Callable[[Row], str]) -> Prompt:
    """Return the prompt that is made from the row alone.

    >>> of_row(lambda row: row["question"])({"question": "1 + 1?"}, 7, [])
    '1 + 1?'
    """
    return lambda row, _at, _shots: prompt(row)


def at_positions(positions: Sequence[int]) -> Subset:
    """Return the selection of the problems at these positions in the upstream order."""

    def chosen(problems: Sequence[Problem]) -> Sequence[Problem]:
        if max(positions) >= len(problems):
            raise ValueError(f"row {max(positions)}; the split has only {len(problems)} rows")
        return [problems[at] for at in positions]

    return chosen


def every_row(file: Path, split: str) -> list[Row]:
    """Return the rows of a file that holds one split."""
    del split
    return read_rows(file)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a split is: a hub repository, and the files that hold it there or in a local copy."""

    repository: str
    splits: Mapping[str, tuple[str, ...]]
    """Split to file patterns; the first pattern that matches any file counts."""


@dataclass(frozen=True, slots=True)
class Style:
    """One way to ask: the prompt with the decoding parameters that go with it."""

    prompt: Prompt
    chat: bool = True
    stop: tuple[str, ...] = ()
    max_tokens: int = 2048
    temperature: float = 0.6
    shots_from: str = ""
    """The split that few-shot examples are drawn from; empty for none."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A published problem set; calling it returns its problems."""

    name: str
    about: str
    """One line for lists."""
    upstream: Upstream
    verifier: str
    read: Callable[[Row, str], tuple[str, Mapping[str, Any]]]
    """Turns (row, its split and position) into (id, reference)."""
    styles: Mapping[str, Style]
    split: str = "test"
    subsets: Mapping[str, Subset] = field(default_factory=lambda: MappingProxyType({}))
    """Published selections, by name."""
    rows: Callable[[Path, str], list[Row]] = every_row
    """Reads the rows of a split from one of its files."""
    verifier_for: Callable[[Sequence[Problem]], str] | None = None
    """Says who judges these problems, where that depends on them."""

    def __call__(
        self,
        *,
        split: str = "",
        path: str | Path | None = None,
        prompt: str = "chat",
        subset: str = "",
        ids: Sequence[str] | None = None,
        limit: int | None = None,
        seed: int | None = None,
    ) -> ProblemSet:
        """Return the problems.

        Args:
            split: the upstream split; empty for the one that is reported.
            path: a file or folder in the upstream layout; without it, the Hugging Face hub.
            prompt: `chat`, or `paper` for the few-shot prompt and decoding of the papers.
            subset: the name of a published selection, such as `monkeys-128`.
            ids: these problems, in this order.
            limit: the first so many.
            seed: shuffle by this seed before `limit` cuts; None keeps the upstream order.

        Raises:
            ConfigError: an option has no such value, or the rows cannot be had or read.
        """
        split = split or self.split
        self._known("split", split, self.upstream.splits)
        self._known("prompt", prompt, self.styles)
        if subset:
            self._known("subset", subset, self.subsets)
        style = self.styles[prompt]
        rows, source = self._rows(split, path)
        shots = self._rows(style.shots_from, _folder(path))[0] if style.shots_from else []
        every = [self._problem(row, at, split, (style, shots)) for at, row in enumerate(rows)]
        refuse_repeats(self.name, every)
        kept = self._subset(subset, every) if subset else every
        return ProblemSet(
            self.name,
            choose(self.name, kept, ids=ids, limit=limit, seed=seed),
            verifier=self.verifier_for(kept) if self.verifier_for else self.verifier,
            stop=style.stop,
            max_tokens=style.max_tokens,
            temperature=style.temperature,
            chat=style.chat,
            source=source,
        )

    def _known(self, what: str, value: str, allowed: Mapping[str, Any]) -> None:
        if value not in allowed:
            options = ", ".join(sorted(allowed)) or "none"
            raise ConfigError(f"{self.name}: no {what} {value!r}; there is: {options}.")

    def _rows(self, split: str, path: str | Path | None) -> tuple[list[Row], str]:
        patterns = self.upstream.splits[split]
        if path is None:
            files = fetch(self.upstream.repository, patterns)
            source = f"https://huggingface.co/datasets/{self.upstream.repository}"
        else:
            files = local_files(self.name, Path(path), patterns)
            source = str(path)
        return [_marked(row, file) for file in files for row in self.rows(file, split)], source

    def _subset(self, name: str, problems: Sequence[Problem]) -> Sequence[Problem]:
        try:
            return self.subsets[name](problems)
        except ValueError as cause:
            raise ConfigError(f"{self.name}: subset {name!r} asks for {cause}.") from cause

    def _problem(self, row: Row, at: int, split: str, how: tuple[Style, Sequence[Row]]) -> Problem:
        style, shots = how
        try:
            name, reference = self.read(row, f"{split}/{at}")
            return Problem(name, style.prompt(row, at, shots), reference)
        except (KeyError, TypeError, ValueError, AttributeError) as cause:
            held = ", ".join(sorted(str(key) for key in row if key != FILE))
            raise ConfigError(
                f"{self.name}: row {at} is not as upstream has it ({cause!r}), in {row[FILE]}; "
                f"it has: {held}."
            ) from cause


EXACT = 2**53
"""Floats below this are exact integers where they look like one."""
FILE = "__file__"
"""The key under which a row says the file it came from; MATH takes its ids from it."""


def answer_text(value: object) -> str:
    """Return an answer as text: AMC's file holds 27.0 where 27 is meant.

    >>> answer_text(27.0), answer_text(0.5), answer_text(" 073 ")
    ('27', '0.5', '073')
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    return str(value).strip()


def question(row: Row, *names: str) -> str:
    """Return the text of the first of these fields that a row has.

    Raises:
        KeyError: it has none of them.
        ValueError: the text is empty.
    """
    found = next((row[name] for name in names if row.get(name) is not None), None)
    if found is None:
        raise KeyError(names[0])
    if not str(found).strip():
        raise ValueError("the question is empty")
    return str(found)


def _folder(path: str | Path | None) -> Path | None:
    """Return where the other splits are, if a file was named."""
    if path is None:
        return None
    return Path(path).parent if Path(path).is_file() else Path(path)


def _marked(row: Row, file: Path) -> Row:
    return {**row, FILE: str(file)}


def local_files(name: str, path: Path, patterns: tuple[str, ...]) -> list[Path]:
    """Return the files of a split: `path` itself, or what it holds under the upstream's names.

    Raises:
        ConfigError: there is nothing of that kind, or more than one file where one is meant.
    """
    if path.is_file():
        return [path]
    for pattern in patterns:
        found = sorted(path.rglob(pattern), key=_natural)
        if len(found) > 1 and "*" not in pattern:
            raise ConfigError(
                f"{name}: {path} holds {len(found)} files called {pattern}, such as {found[0]} and "
                f"{found[1]}; name the one."
            )
        if found:
            return found
    raise ConfigError(f"{name}: {path} holds no {' or '.join(patterns)}.")


def _natural(path: Path) -> tuple[str, int, str]:
    return str(path.parent), int(path.stem) if path.stem.isdecimal() else -1, path.name
