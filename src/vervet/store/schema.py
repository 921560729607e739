"""The one declaration of the tables: columns, keys, meanings, and how rows become columns.

`docs/format.md` is generated from it by `vervet.store.format`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vervet.errors import ConfigError, StoreError
from vervet.types import Outcome, Problem, Sample, Selection, Verdict

FORMAT = 1
"""Version of the layout, written to `run.json`."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of one table."""

    name: str
    type: Literal["VARCHAR", "INTEGER", "BIGINT", "DOUBLE"]
    meaning: str
    unit: str = ""
    null: bool = False
    """Whether it may be not known."""
    coded: bool = False
    """Whether `scan` returns codes and categories: few different values, many rows."""
    values: tuple[str, ...] = ()
    """The categories, in order, where they are fixed."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its rows' type, its key, and which of two rows with one key is kept."""

    name: str
    row: type
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    keeps: Literal["first", "last"] = "first"

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column called `name`."""
        for column in self.columns:
            if column.name == name:
                return column
        raise StoreError(f"no column {name!r} in {self.name}; it has {', '.join(self.names)}")


def _name(name: str, meaning: str) -> Column:
    return Column(name, "VARCHAR", meaning, coded=True)


def _text(name: str, meaning: str) -> Column:
    return Column(name, "VARCHAR", meaning)


def _count(name: str, meaning: str, unit: str = "tokens") -> Column:
    return Column(name, "INTEGER", meaning, unit, null=True)


def _measure(name: str, meaning: str, unit: str) -> Column:
    return Column(name, "DOUBLE", meaning, unit, null=True)


_SAMPLE_KEY = (
    _name("problem_id", "the problem"),
    _name("sampler_id", "model, revision, prompt template and decoding parameters"),
    Column("index", "INTEGER", "which of the sampler's replies to the problem, from 0"),
)

PROBLEMS = Table(
    "problems",
    Problem,
    ("id",),
    (
        _name("id", "name of the problem, unique in the run"),
        _text("prompt", "what the model is shown; in a conversation, its last user turn"),
        _text("reference", "what verifiers need, as a JSON object"),
        _text("messages", "the whole conversation, as a JSON list; [] where there is none"),
        _text("content", "SHA-256 of prompt, reference and messages, to notice a changed data set"),
    ),
)
SAMPLES = Table(
    "samples",
    Sample,
    ("problem_id", "sampler_id", "index"),
    (
        *_SAMPLE_KEY,
        _text("text", "the reply"),
        _name("finish", "why it ended: stop, length, content_filter, refusal, tool_calls"),
        _text("reasoning", "what came before the text: thoughts, an agent's trajectory"),
        _measure("logprob", "log-probability of the completion, as sampled", "nats"),
        _count("prompt_tokens", "length of the prompt"),
        _count("completion_tokens", "length of the completion, reasoning included"),
        _count("reasoning_tokens", "part of completion_tokens spent on reasoning"),
        _count("cached_tokens", "part of prompt_tokens billed at the cache rate"),
        _count("shared_tokens", "part of prompt_tokens billed with another sample"),
        _measure("cost", "what the endpoint charged", "USD"),
        _measure("seconds", "wall time of the request that brought it", "s"),
        Column("seed", "BIGINT", "the seed that was asked for", null=True),
    ),
)
VERDICTS = Table(
    "verdicts",
    Verdict,
    ("problem_id", "sampler_id", "index", "verifier_id", "trial"),
    (
        *_SAMPLE_KEY,
        _name("verifier_id", "the verifier's name, version and parameters"),
        Column("trial", "INTEGER", "which of the repeated judgements, from 0"),
        Column(
            "outcome",
            "VARCHAR",
            "accept, reject or error; an error says nothing about the sample",
            coded=True,
            values=tuple(map(str, Outcome)),
        ),
        Column(
            "answer", "VARCHAR", "the equivalence class the sample votes for", null=True, coded=True
        ),
        _measure("score", "larger is better: a probability, a reward, a share of tests", ""),
        _text("detail", "one line for people: why"),
        _text("evidence", "JSON for machines; may be empty"),
        _count("prompt_tokens", "length of a judge's prompt"),
        _count("completion_tokens", "length of a judge's reply"),
        _measure("seconds", "wall time of the judgement", "s"),
    ),
)
SELECTIONS = Table(
    "selections",
    Selection,
    ("problem_id", "policy_id"),
    (
        _name("problem_id", "the problem"),
        _name("policy_id", "the policy with its parameters"),
        Column("index", "INTEGER", "the chosen sample; null when the policy abstains", null=True),
        _text("reason", "why this one, or why none"),
        Column("sampler_id", "VARCHAR", "whose sample index is", null=True, coded=True),
        Column("samples_paid", "INTEGER", "samples the policy asked for"),
        Column("verifications_paid", "INTEGER", "verdicts the policy asked for"),
        Column("tokens_paid", "INTEGER", "what they took", "tokens"),
    ),
    keeps="last",
)
TABLES = (PROBLEMS, SAMPLES, VERDICTS, SELECTIONS)
_BY_ROW = {table.row: table for table in TABLES}


def table_of(kind: type) -> Table:
    """Return the table whose rows are of type `kind`."""
    if kind not in _BY_ROW:
        raise StoreError(
            f"a run has no table of {kind.__name__}; it has "
            f"{', '.join(table.row.__name__ for table in TABLES)}"
        )
    return _BY_ROW[kind]


def content_hash(problem: Problem) -> str:
    """Return the SHA-256 of everything that makes `problem` what it is, but its name.

    >>> content_hash(Problem("a", "1+1?")) == content_hash(Problem("b", "1+1?"))
    True
    """
    whole = [problem.prompt, _json(dict(problem.reference)), _json(list(problem.messages))]
    return hashlib.sha256(_json(whole).encode()).hexdigest()


def _json(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True, default=_plain)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"a problem's reference must be plain JSON data: {error}") from error


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} {value!r:.80}")


def _cells(row: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a row of any table
    if isinstance(row, Problem):
        texts = _json(dict(row.reference)), _json(list(row.messages))
        return row.id, row.prompt, *texts, content_hash(row)
    getter = _GETTERS[type(row)]
    return getter(row)


_GETTERS = {table.row: attrgetter(*table.names) for table in TABLES if table is not PROBLEMS}


def to_columns(table: Table, rows: Sequence[object]) -> dict[str, NDArray[Any] | None]:
    """Return `rows` as one array for each column; None where no row has a value."""
    getter = _GETTERS.get(table.row, _cells)
    columns = zip(*map(getter, rows), strict=True)
    pairs = zip(table.columns, columns, strict=True)
    return {column.name: _array(column, values) for column, values in pairs}


def _array(column: Column, values: tuple[Any, ...]) -> NDArray[Any] | None:
    missing = values.count(None)
    if missing == len(values):
        return None
    if column.type == "VARCHAR":
        return np.array(values, dtype=object)
    dtype = np.float64 if column.type == "DOUBLE" else np.int64
    if not missing:
        return np.array(values, dtype=dtype)
    known = [0 if value is None else value for value in values]
    return np.ma.masked_array(np.array(known, dtype=dtype), [value is None for value in values])


def to_row(table: Table, cells: tuple[Any, ...]) -> Any:  # noqa: ANN401 - the table says which
    """Return the row whose stored cells are `cells`, in the order of the table's columns."""
    if table is VERDICTS:
        problem, sampler, index, verifier, trial, outcome, *rest = cells
        return Verdict(problem, sampler, index, verifier, trial, _OUTCOMES[outcome], *rest)
    if table is PROBLEMS:
        name, prompt, reference, messages, _ = cells
        return Problem(name, prompt, json.loads(reference), tuple(json.loads(messages)))
    return table.row(*cells)


_OUTCOMES = {str(outcome): outcome for outcome in Outcome}
