"""`import table`: one row per sample, from anywhere, into the four tables.

A row needs `problem`; it may have `index` (else rows are counted in order), `model`, `text`,
`answer`, `correct` (true/false/1/0, empty for not judged), `score`, `verifier`, `trial`,
`prompt_tokens`, `shared_tokens` (those of the prompt billed with another sample),
`completion_tokens`, `cost` (US dollars), `finish` (stop, length), `logprob` (nats), `seconds`, and
the problem's `prompt`, `messages` and `reference`. Other names are mapped. A row whose cells are
lists, as long as each other, is one row for each item: all samples of a problem, say.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any

from vervet.errors import ConfigError
from vervet.problems.benchmark import answer_text
from vervet.types import Outcome, Problem, Sample, Verdict

COLUMNS = (
    "problem", "index", "model", "text", "answer", "correct", "score", "verifier", "trial",
    "prompt_tokens", "shared_tokens", "completion_tokens", "cost", "finish", "logprob", "seconds",
)  # fmt: skip
OF_PROBLEM = ("prompt", "reference", "messages")
"""Columns that all rows of a problem have in common."""
KNOWN = (*COLUMNS, *OF_PROBLEM)
Cells = Mapping[str, Any]
"""What a row holds, by the names of `KNOWN`."""
TRUE = {"true", "1", "1.0", "yes", "correct", "accept", "pass", "passed"}
FALSE = {"false", "0", "0.0", "no", "incorrect", "reject", "fail", "failed"}
UNKNOWN = {"", "nan", "null", "none"}
RECORDED = "recorded"
LARGEST = 2**31 - 1
"""Indices, trials and token counts are stored in 32 bits."""
Key = tuple[str, str, int]
"""Problem, sampler and index: one sample."""


def mapping(pairs: Iterable[str]) -> dict[str, str]:
    """Read `ours=theirs` pairs.

    Raises:
        ConfigError: a pair is malformed, or names a column of ours that does not exist.

    >>> mapping(["problem=task_id", "correct=passed"])
    {'problem': 'task_id', 'correct': 'passed'}
    """
    found: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not equals or ours not in KNOWN:
            raise ConfigError(
                f"--map {pair!r} is not ours=theirs with ours one of: {', '.join(KNOWN)}."
            )
        found[ours] = theirs
    return found


@dataclass(frozen=True, slots=True)
class Imported:
    """One row of a user's table as rows of ours."""

    sample: Sample | None
    """None where an earlier row brought the same sample."""
    verdict: Verdict | None


@dataclass(slots=True)
class TableReader:
    """Turns a user's rows into samples and verdicts, one at a time."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    """Ours to theirs, for columns of other names."""
    model: str = "imported"
    """Of rows that name none."""
    verifier: str = RECORDED
    """Of rows that name none."""
    seen: dict[tuple[str, str, str, int], int] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    """sampler_id by model name."""
    verifiers: set[str] = field(default_factory=set)
    problems: dict[str, Problem] = field(default_factory=dict)
    """By name, with what the rows say of them."""
    texts: dict[Key, int | None] = field(default_factory=dict)
    """A hash of each sample's text; None where it has none."""
    unjudged: int = 0
    """Rows with a score that do not say correct."""
    outcomes: dict[tuple[Key, str, int], Outcome] = field(default_factory=dict)
    """By sample, verifier and trial."""

    def read(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Imported]:
        """Yield what each row says.

        Raises:
            ConfigError: a row cannot be read; the message says where it stands, and the value.
        """
        for where, row in rows:
            try:
                found = self._items(row)
            except ValueError as wrong:
                raise ConfigError(f"{where}: {wrong}.") from None
            yield from found

    def _items(self, row: Mapping[str, Any]) -> list[Imported]:
        cells = list(spread({c: row.get(self.renamed.get(c, c)) for c in KNOWN}))
        if not cells:
            raise ValueError("its lists are empty: a problem without samples")
        return [self._row(cell, row) for cell in cells]

    def _row(self, cell: Cells, row: Mapping[str, Any]) -> Imported:
        problem = _text(cell["problem"])
        if not problem:
            have = ", ".join(map(str, row)) or "no columns"
            raise ValueError(
                f"no problem; the columns are: {have}. Map one with --map problem=NAME, or name "
                "the tool whose file it is (see: vervet list formats)"
            )
        model = _text(cell["model"]) or self.model
        verifier = _text(cell["verifier"]) or self.verifier
        trial = _whole(cell["trial"], "trial") or 0
        self._meet(_problem(problem, cell))
        sampler_id = self.models.setdefault(model, sampler_id_of(model))
        sample = Sample(
            problem,
            sampler_id,
            self._index(cell["index"], (problem, sampler_id, verifier, trial)),
            _text(cell["text"]) or _text(cell["answer"]),
            prompt_tokens=_whole(cell["prompt_tokens"], "prompt_tokens"),
            shared_tokens=_whole(cell["shared_tokens"], "shared_tokens"),
            completion_tokens=_whole(cell["completion_tokens"], "completion_tokens"),
            cost=_number(cell["cost"], "cost"),
            finish=_text(cell["finish"]) or "stop",
            logprob=_number(cell["logprob"], "logprob"),
            seconds=_number(cell["seconds"], "seconds"),
        )
        known = self._is_known(sample, _text(cell["text"]))
        return Imported(None if known else sample, self._verdict(cell, sample, verifier, trial))

    def _meet(self, said: Problem) -> None:
        """Keep what a row says of its problem; refuses what contradicts an earlier row."""
        bare = Problem(said.id, "")
        if self.problems.setdefault(said.id, said) == bare:
            self.problems[said.id] = said
        elif said not in (bare, self.problems[said.id]):
            raise ValueError(f"{said.id!r} has another prompt or reference in an earlier row")

    def _is_known(self, sample: Sample, text: str) -> bool:
        """Whether an earlier row brought this sample; refuses another text under its index."""
        key = (sample.problem_id, sample.sampler_id, sample.index)
        known, mine = key in self.texts, hash(text) if text else None
        earlier = self.texts.setdefault(key, mine)
        if known and mine is not None and mine != earlier:
            raise ValueError(
                f"sample {sample.index} of {sample.problem_id!r} has another text in an earlier "
                "row; leave index out to count rows, or say which model each is of"
            )
        return known

    def _index(self, written: Any, key: tuple[str, str, str, int]) -> int:  # noqa: ANN401 - a cell
        index = _whole(written, "index")
        if index is None:
            index = self.seen.get(key, 0)
        self.seen[key] = index + 1
        return index

    def _verdict(self, cell: Cells, sample: Sample, verifier: str, trial: int) -> Verdict | None:
        correct = truth(cell["correct"])
        if correct is None:
            self.unjudged += _number(cell["score"], "score") is not None
            return None
        self.verifiers.add(verifier)
        outcome = Outcome.ACCEPT if correct else Outcome.REJECT
        key = (sample.problem_id, sample.sampler_id, sample.index)
        if self.outcomes.setdefault((key, verifier, trial), outcome) is not outcome:
            raise ValueError(
                f"sample {sample.index} of {sample.problem_id!r} is right in one row and wrong in "
                "another; say the verifier or the trial of each, or leave index out"
            )
        return Verdict(
            sample.problem_id,
            sample.sampler_id,
            sample.index,
            verifier,
            trial,
            outcome,
            answer=_text(cell["answer"]) or None,
            score=_number(cell["score"], "score"),
            detail="imported",
        )


def spread(cell: Cells) -> Iterator[Cells]:
    """Yield a row for each item of the columns that are lists; the row itself where none is.

    Raises:
        ValueError: they are not of one length.

    >>> [row["text"] for row in spread({"problem": "p", "text": ["4", "5"], "correct": [1, 0]})]
    ['4', '5']
    """
    lists = {c: v for c, v in cell.items() if isinstance(v, list) and c not in OF_PROBLEM}
    if not lists:
        yield cell
        return
    lengths = {column: len(items) for column, items in lists.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{column} has {length}" for column, length in lengths.items())
        raise ValueError(f"the lists of a row must be as long as each other: {said}")
    for items in zip(*lists.values(), strict=True):
        yield {**cell, **dict(zip(lists, items, strict=True))}


def sampler_id_of(model: str) -> str:
    """Return the identity of an imported model: its name, marked as not drawn by us.

    >>> sampler_id_of("gpt-4")
    'gpt-4@imported'
    """
    return f"{model}@imported"


def truth(value: Any) -> bool | None:  # noqa: ANN401 - a cell
    """Read a cell that says whether a sample is correct; empty and null mean not judged.

    Raises:
        ValueError: it says something else.

    >>> truth("True"), truth(0), truth(""), truth(None)
    (True, False, None, None)
    """
    text = "" if value is None else str(value).strip().lower()
    if text in UNKNOWN:
        return None
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise ValueError(f"correct is {value!r}; write true, false, 1, 0 or leave it empty")


def _problem(name: str, cell: Cells) -> Problem:
    messages = cell["messages"] or ()
    if not isinstance(messages, list | tuple) or not all(isinstance(m, Mapping) for m in messages):
        raise ValueError("messages is no list of objects with role and content")
    reference = _reference(cell["reference"])
    return Problem(name, _text(cell["prompt"]), reference, tuple(dict(m) for m in messages))


def _reference(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a cell
    """Return an object as it is, and anything else as the answer."""
    if value is None or value == "":
        return {}
    return value if isinstance(value, Mapping) else {"answer": answer_text(value)}


def _text(value: Any) -> str:  # noqa: ANN401 - a cell
    return "" if value is None else str(value)


def _number(value: Any, what: str) -> float | None:  # noqa: ANN401 - a cell
    if value is None or str(value).strip() == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{what} is {value!r}, not a number") from None
    if number in {inf, -inf}:
        raise ValueError(f"{what} is {value!r}, not a finite number")
    return number if isfinite(number) else None


def _whole(value: Any, what: str) -> int | None:  # noqa: ANN401 - a cell
    number = _number(value, what)
    if number is None:
        return None
    if number != int(number) or not 0 <= number <= LARGEST:
        raise ValueError(f"{what} is {value!r}, not a whole number from 0 to {LARGEST:,}")
    return int(number)
