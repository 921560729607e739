"""Accepted-but-wrong samples against right ones: style, any recorded number, any file of yours."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from vervet.analysis.curves import Settings, measured
from vervet.analysis.imperfect import three
from vervet.analysis.mistakes import Pair, who
from vervet.analysis.recorded import NUMBERS, Bools, Drawn, Floats, Judged
from vervet.analysis.schema_judging import QualityRow
from vervet.errors import ConfigError
from vervet.problems.rows import Row, read_rows
from vervet.stats.estimate import Estimate
from vervet.stats.quality import STYLES, contrast
from vervet.store.run import Run
from vervet.types import Problem, Sample
from vervet.verifiers.code.extraction import extract_code
from vervet.verifiers.unit_tests import prompt_of

STYLE = "style"
KEYS = ("problem", "index", "model")
Columns = dict[str, Floats]


def quality_rows(
    run: Run, pair: Pair, judges: Sequence[Judged], names: Sequence[str], settings: Settings
) -> Iterator[QualityRow]:
    """Yield, for every column named, its means among accepted samples, right and wrong.

    Raises:
        ConfigError: a name is neither a number of samples, a verifier, `style`, nor a file.
    """
    judged, truth = pair
    both = judged.judged & truth.judged
    for name in names:
        for column, values in columns(run, pair, judges, name).items():
            parts = judged.split(values, judged.accepted, truth.accepted, which=both)
            found = contrast(*parts, rng=settings.rng, level=settings.level)
            here = both & judged.accepted & np.isfinite(values)
            yield QualityRow(
                **who(pair),
                column=column,
                **three("accepted", found.accepted),
                **three("right", found.right),
                **three("false_positive", found.false_positive),
                **measured(_counted(found.difference, here, both & judged.accepted)),
            )


def _counted(found: Estimate, known: Bools, every: Bools) -> Estimate:
    """Return the estimate with the accepted samples behind it, and those without a value."""
    used = int(known.sum())
    return replace(found, samples=used, excluded=int(every.sum()) - used)


def columns(run: Run, pair: Pair, judges: Sequence[Judged], name: str) -> Columns:
    """Return what a name stands for, one value for each sample of the model."""
    drawn = pair[0].drawn
    if name == STYLE:
        return _styles(run, *pair)
    if name in NUMBERS:
        return {name: drawn.number(name)}
    for other in judges:
        if name in {other.verifier, other.verifier_id}:
            return {name: _said(other)}
    if Path(name).suffix:
        return _of_file(Path(name), drawn)
    known = ", ".join((STYLE, *NUMBERS, *(each.verifier for each in judges)))
    raise ConfigError(
        f"no column {name!r} to compare: there are {known}; or name a file with the columns "
        "problem, index and numbers of your own."
    )


def _said(judged: Judged) -> Floats:
    """Return a verifier's score, else whether it accepts."""
    graded = judged.graded
    plain = np.where(judged.judged, judged.accepted.astype(np.float64), nan)
    return graded if np.isfinite(graded).any() else plain


def _styles(run: Run, judged: Judged, truth: Judged) -> Columns:
    """Return the paper's style metrics of the programs in the samples that were accepted."""
    drawn = judged.drawn
    wanted = judged.accepted & truth.judged
    found: Columns = {name: np.full(len(drawn), nan) for name in STYLES}
    place = _places(drawn)
    problems = {problem.id: problem for rows in run.read(Problem) for problem in rows}
    for rows in run.read(Sample, {"sampler_id": drawn.sampler_id}):
        for sample in rows:
            at = place.get((sample.problem_id, sample.index))
            if at is not None and wanted[at]:
                source = program(problems.get(sample.problem_id), sample)
                for name, style in STYLES.items():
                    found[name][at] = style(source) if source else nan
    return found


def program(problem: Problem | None, sample: Sample) -> str:
    """Return the program a sample holds, completed by its prompt as a test would run it."""
    if problem is None:
        return extract_code(sample.text) or ""
    entry = str(problem.reference.get("entry_point", ""))
    return extract_code(sample.text, entry_point=entry, prompt=prompt_of(problem)) or ""


def _places(drawn: Drawn) -> dict[tuple[str, int], int]:
    keys = zip(drawn.problem.tolist(), drawn.index.tolist(), strict=True)
    return {(drawn.problems[problem], index): at for at, (problem, index) in enumerate(keys)}


def _of_file(path: Path, drawn: Drawn) -> Columns:
    """Return the numbers of a file with one row for each sample, in any order."""
    rows = read_rows(path)
    names = [n for n in (rows[0] if rows else ()) if n not in KEYS and _any_number(rows, n)]
    if not rows or KEYS[0] not in rows[0] or not names:
        have = ", ".join(rows[0]) if rows else "no rows"
        raise ConfigError(
            f"{path}: a column `problem` and one of numbers are needed; it has {have}."
        )
    place, seen = _places(drawn), dict[str, int]()
    found: Columns = {name: np.full(len(drawn), nan) for name in names}
    for row in rows:
        if str(row.get("model") or drawn.model) != drawn.model:
            continue
        problem = str(row["problem"])
        index = _index(path, row, seen.get(problem, 0))
        seen[problem] = index + 1
        at = place.get((problem, index))
        if at is not None:
            for name in names:
                found[name][at] = number(row.get(name))
    return found


def _index(path: Path, row: Row, otherwise: int) -> int:
    written = number(row.get("index"))
    if np.isfinite(written) and not written.is_integer():
        raise ConfigError(f"{path}: index {row['index']!r} is not a whole number.")
    return int(written) if np.isfinite(written) else otherwise


def _any_number(rows: Sequence[Row], name: str) -> bool:
    return any(np.isfinite(number(row.get(name))) for row in rows)


def number(value: Any) -> float:  # noqa: ANN401 - a cell
    """Return a cell as a number, NaN where it is none.

    >>> [number(cell) for cell in ("2.5", True, "", None, "many")]
    [2.5, 1.0, nan, nan, nan]
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        return {"true": 1.0, "false": 0.0}.get(str(value).strip().lower(), nan)
