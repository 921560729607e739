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
    subsets: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Named selections of rows by position in the upstream file."""

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
        kept = self.subsets[subset] if subset else range(len(rows))
        problems = [self._problem(rows, at, split, (style, shots)) for at in kept]
        refuse_repeats(self.name, problems)
        return ProblemSet(
            self.name,
            choose(self.name, problems, ids=ids, limit=limit, seed=seed),
            verifier=self.verifier,
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
        return [_marked(row, file) for file in files for row in read_rows(file)], source

    def _problem(
        self, rows: Sequence[Row], at: int, split: str, how: tuple[Style, Sequence[Row]]
    ) -> Problem:
        if at >= len(rows):
            raise ConfigError(
                f"{self.name}: row {at} is asked for, but {split} has only {len(rows)} rows."
            )
        style, shots = how
        try:
            name, reference = self.read(rows[at], f"{split}/{at}")
            return Problem(name, style.prompt(rows[at], at, shots), reference)
        except (KeyError, TypeError, ValueError, AttributeError) as cause:
            held = ", ".join(sorted(str(key) for key in rows[at] if key != FILE))
            raise ConfigError(
                f"{self.name}: row {at} is not as upstream has it ({cause!r}); it has: {held}."
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
