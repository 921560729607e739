"""Bring a file of another tool into a run."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError
from vervet.problems.files import files
from vervet.problems.rows import Located, stream_rows
from vervet.store import Run
from vervet.transfer.table import RECORDED, Imported, TableReader
from vervet.types import Outcome, Problem, Sample, Verdict

Given = str | Path | Sequence[Problem] | None
"""Problems, or a file of prompts and references."""
ROWS_AT_ONCE = 50_000
UNJUDGED = "their rows do not say correct, so they are no verdicts"
FEW = 3
"""Names in a message."""
FIRST_ROWS = 1_000
"""Rows in which a column that was named must be somewhere."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What an import brought."""

    rows: int
    problems: int
    samples: int
    verdicts: int
    models: tuple[str, ...]
    verifiers: tuple[str, ...]
    present: int = 0
    """Of the samples, those that were there before."""
    strange: tuple[str, ...] = ()
    """Problems that the problem set which came along does not have."""
    unjudged: int = 0
    """Scores left out, for a score stands in a verdict."""
    failed: int = 0
    """Samples that had failed in the other tool: left out, for they say nothing of the model."""

    def __repr__(self) -> str:
        there = f" ({self.present:,} were there)" if self.present else ""
        few = ", ".join([*self.strange[:FEW], *(["..."] if len(self.strange) > FEW else [])])
        strange = f"\n{len(self.strange):,} of these problems are not in the problem set: {few}"
        return (
            f"{self.rows:,} rows: {self.problems:,} problems, {self.samples:,} samples{there} of "
            f"{', '.join(self.models)}, {self.verdicts:,} verdicts"
            + (f" of {', '.join(self.verifiers)}" if self.verifiers else "")
            + (strange if self.strange else "")
            + (f"\nleft out {self.unjudged:,} scores: {UNJUDGED}" if self.unjudged else "")
            + (f"\nleft out: samples that had failed there, {self.failed:,}" if self.failed else "")
        )


def import_table(
    path: str | Path,
    run: Run,
    *,
    renamed: Mapping[str, str] | None = None,
    problems: Given = None,
    fields: Mapping[str, str] | None = None,
    model: str = "imported",
    verifier: str = RECORDED,
) -> Brought:
    """Import a table with one row per sample (or problem): CSV, JSONL, JSON or Parquet.

    Args:
        path: the table.
        run: where it goes; importing the same file again changes nothing.
        renamed: ours to theirs, for columns of other names.
        problems: the problems, or a file of prompts and references; else only names are known.
        fields: ours to theirs, for the fields of `problems`.
        model: of rows that name none.
        verifier: of rows that name none.

    Raises:
        ConfigError: a file or a row cannot be read, or says something else than the run does;
            nothing was stored.
    """
    return bring(
        run,
        partial(_rows, Path(path), renamed or {}),
        partial(TableReader, renamed or {}, model, verifier),
        source=str(path),
        problems=given(problems, fields=fields),
    )


def given(problems: Given, *, fields: Mapping[str, str] | None = None) -> Sequence[Problem] | None:
    """Return the problems that come with samples, from their file where it is named."""
    return list(files(problems, fields=fields)) if isinstance(problems, str | Path) else problems


def bring(
    run: Run,
    rows: Callable[[], Iterable[Located]],
    reader: Callable[[], TableReader] = TableReader,
    *,
    source: str,
    problems: Sequence[Problem] | None = None,
) -> Brought:
    """Store the rows of a table: all of them, or none.

    They are read twice, and stored the second time, so that a mistake anywhere is found before
    anything is stored, whatever their number.

    Raises:
        ConfigError: a row cannot be read, or says something else than the run does.
    """
    checked = reader()
    count = sum(1 for _ in checked.read(rows()))
    present = _present(run, checked)
    known = set(run.scan(Problem, ("id",)).categories.get("id", ()))
    known.update(problem.id for problem in problems or ())
    strange = _strange(checked, known, problems or (), source)
    run.append(problems or ())
    run.append([problem for name, problem in checked.problems.items() if name not in known])
    samples = verdicts = 0
    for chunk in _chunks(reader().read(rows())):
        drawn = [each.sample for each in chunk if each.sample is not None]
        judged = [each.verdict for each in chunk if each.verdict is not None]
        run.append(drawn)
        run.append(judged)
        samples, verdicts = samples + len(drawn), verdicts + len(judged)
    _describe(run, checked, source)
    return Brought(
        count, len(checked.problems), samples, verdicts,
        tuple(checked.models), tuple(sorted(checked.verifiers)), present, strange,
        checked.unjudged,
    )  # fmt: skip


def _rows(path: Path, renamed: Mapping[str, str]) -> Iterator[Located]:
    """Return the rows; refuse none, and columns that are nowhere in the first of them.

    Raises:
        ConfigError: there are no rows, or no such column.
    """
    rows = stream_rows(path)
    first = list(islice(rows, FIRST_ROWS))
    if not first:
        raise ConfigError(f"{path}: holds no rows.")
    for ours, theirs in renamed.items():
        if not any(theirs in row for _, row in first):
            have = ", ".join(map(str, first[0][1]))
            raise ConfigError(f"{path}: no column {theirs!r} for {ours}; it has: {have}.")
    return ((f"{path}: {where}", row) for where, row in chain(first, rows))


def _strange(
    reader: TableReader, known: Container[str], given: Sequence[Problem], source: str
) -> tuple[str, ...]:
    """Return the problems of the table that are not in the problem set that came along.

    Raises:
        ConfigError: none is.
    """
    if not given:
        return ()
    strange = tuple(name for name in reader.problems if name not in known)
    if len(strange) == len(reader.problems):
        raise ConfigError(
            f"{source}: none of its problems is in the problem set, which has {given[0].id!r} and "
            f"not {strange[0]!r}. Map problem to the column that has these names."
        )
    return strange


def _present(run: Run, reader: TableReader) -> int:
    """Return how many of the samples the run has already.

    Raises:
        ConfigError: it has one with another text, or judged otherwise by the same verifier.
    """
    present = 0
    for batch in run.read(Sample, {"sampler_id": list(reader.models.values())}):
        for sample in batch:
            key = (sample.problem_id, sample.sampler_id, sample.index)
            present += key in reader.texts
            if reader.texts.get(key) not in {None, hash(sample.text)}:
                raise _otherwise(run, sample, "with another text")
    if present:
        _refuse_other_verdicts(run, reader)
    return present


def _refuse_other_verdicts(run: Run, reader: TableReader) -> None:
    for batch in run.read(Verdict, {"verifier_id": sorted(reader.verifiers)}):
        for said in batch:
            key = (said.problem_id, said.sampler_id, said.index)
            mine = reader.outcomes.get((key, said.verifier_id, said.trial))
            if mine not in {None, said.outcome} and said.outcome is not Outcome.ERROR:
                raise _otherwise(run, said, f"with another verdict of {said.verifier_id!r}")


def _otherwise(run: Run, row: Sample | Verdict, how: str) -> ConfigError:
    return ConfigError(
        f"sample {row.index} of {row.problem_id!r} is in {run.url} {how}. Name the rows apart with "
        "--model NAME or --verifier NAME, or use a new run."
    )


def _chunks(found: Iterable[Imported]) -> Iterator[list[Imported]]:
    rows = iter(found)
    while chunk := list(islice(rows, ROWS_AT_ONCE)):
        yield chunk


def _describe(run: Run, reader: TableReader, source: str) -> None:
    settings: dict[str, Any] = {"provider": "imported", "source": source}
    for model, sampler_id in reader.models.items():
        run.describe("samplers", sampler_id, {**settings, "model": model})
    for verifier in sorted(reader.verifiers):
        run.describe("verifiers", verifier, {**settings, "name": verifier})
