"""SWE-bench's own files: predictions (one patch for each problem) and reports, in and out.

A predictions file holds `{"instance_id", "model_name_or_path", "model_patch"}` as JSON Lines, as a
JSON list, or as an object by instance. A harness takes one patch for a problem, so k samples are k
files, and the n-th patch that a model has for a problem, in the order of the files, is sample n.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError
from vervet.problems.swe_bench import swe_bench
from vervet.store import Run
from vervet.transfer.exporting import model_names
from vervet.transfer.genrm import recorded
from vervet.transfer.importing import Brought
from vervet.transfer.logs import files_of, parsed, text_of
from vervet.transfer.table import sampler_id_of
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.patches.diffs import patch_of
from vervet.verifiers.recorded import named_one

VERIFIER = "swe-bench"
SUFFIXES = (".json", ".jsonl")
RUN_REPORT, TREE_REPORT, SUBMISSION = "resolved_ids", "report.json", "resolved"
JUDGED = {
    "resolved_ids": Outcome.ACCEPT,
    "unresolved_ids": Outcome.REJECT,
    "empty_patch_ids": Outcome.REJECT,
    "error_ids": Outcome.REJECT,
    "infra_failure_ids": Outcome.ERROR,
}
"""Of a run report, in the order in which they are read: the last one counts. A patch that did not
apply, or whose tests took too long, is among the errors of the harness; what it lays on the
environment is among the failures of the infrastructure as well, and says nothing of the patch."""
Known = str | Path | Sequence[Problem] | None
"""Problems, or a file of them in the layout of SWE-bench."""
SAFE = str.maketrans({"/": "__"})


@dataclass(frozen=True, slots=True)
class Said:
    """What one report says of one patch."""

    problem_id: str
    model: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What an export wrote."""

    files: int
    rows: int

    def __repr__(self) -> str:
        return f"{self.rows:,} rows in {self.files:,} files"


def import_predictions(path: str | Path, run: Run, *, problems: Known = None) -> Brought:
    """Import patches of SWE-bench predictions: a file, or a folder with one for each sample.

    Args:
        path: `.json` or `.jsonl`; of a folder, all of them in the order of their names.
        run: where they go; importing the same again changes nothing.
        problems: rows of SWE-bench, for prompts and references.

    Raises:
        ConfigError: a file cannot be read, or holds no predictions.
    """
    files = files_of(path, SUFFIXES)
    samples = list(_samples(row for file in files for row in predictions(file)))
    if not samples:
        raise ConfigError(f"{path}: holds no predictions.")
    models = {sample.sampler_id: sample.sampler_id.removesuffix("@imported") for sample in samples}
    known = _add_problems(run, {sample.problem_id for sample in samples}, problems)
    run.append(samples)
    _describe(run, "samplers", models, str(path))
    return Brought(len(samples), known, len(samples), 0, tuple(models.values()), ())


def predictions(file: Path) -> list[dict[str, Any]]:
    """Read the rows of one predictions file.

    Raises:
        ConfigError: it is not of one of the three forms.
    """
    text = text_of(file)
    lines = [line for line in text.splitlines() if line.strip()]
    held = parsed(text, file) if file.suffix == ".json" else [parsed(line, file) for line in lines]
    rows = list(held.values()) if isinstance(held, dict) else held
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], start=1):
        if not isinstance(row, dict) or not isinstance(row.get("instance_id"), str):
            raise ConfigError(f"{file}: row {number} is no prediction: it has no instance_id.")
        if not isinstance(row.get("model_patch"), str | None):
            raise ConfigError(f"{file}: row {number}: model_patch is not text.")
    return list(rows)


def _samples(rows: Iterable[Mapping[str, Any]]) -> Iterator[Sample]:
    seen: Counter[tuple[str, str]] = Counter()
    for row in rows:
        key = (row["instance_id"], sampler_id_of(str(row.get("model_name_or_path") or "imported")))
        yield Sample(*key, seen[key], _storable(row.get("model_patch") or ""))
        seen[key] += 1


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def import_reports(path: str | Path, run: Run, *, problems: Known = None) -> Brought:
    """Import what the harness of SWE-bench said of patches: run reports, log folders, results.json.

    Args:
        path: a run report (`MODEL.RUN_ID.json`), a submission's `results.json`, the folder
            `logs/run_evaluation`, or a folder of any of these.
        run: where they go; predictions that are there already stay as they are.
        problems: rows of SWE-bench; a submission's problems that are not resolved are known from
            them (or from the run) only.

    Raises:
        ConfigError: a file cannot be read, or there is no report.
    """
    found = [
        said
        for file in files_of(path, SUFFIXES)
        for said in reports(file, lambda: _names(run, problems))
    ]
    if not found:
        raise ConfigError(f"{path}: holds no report of the SWE-bench harness.")
    described = run.descriptions("samplers")
    models = _models(run, {said.model for said in found})
    verdicts = list(_verdicts(found, models))
    known = _add_problems(run, {said.problem_id for said in found}, problems)
    there = run.keys(Sample)
    samples = [
        Sample(v.problem_id, v.sampler_id, v.index, "")
        for v in verdicts
        if v.index not in there.get((v.problem_id, v.sampler_id), ())
    ]
    run.append(samples)
    run.append(verdicts)
    fresh = {sampler: model for model, sampler in models.items() if sampler not in described}
    _describe(run, "samplers", fresh, str(path))
    _describe(run, "verifiers", {VERIFIER: VERIFIER}, str(path))
    return Brought(len(found), known, len(samples), len(verdicts), tuple(models), (VERIFIER,))


def _models(run: Run, names: set[str]) -> dict[str, str]:
    """Return the sampler of each model; the harness writes `org__model` for `org/model`."""
    there = {model.translate(SAFE): sampler for sampler, model in model_names(run).items()}
    return {name: there.get(name, sampler_id_of(name)) for name in sorted(names)}


def _verdicts(found: Iterable[Said], models: Mapping[str, str]) -> Iterator[Verdict]:
    seen: Counter[tuple[str, str]] = Counter()
    for said in found:
        key = (said.problem_id, models[said.model])
        detail = said.detail or "imported"
        yield Verdict(*key, seen[key], VERIFIER, 0, said.outcome, detail=detail)
        seen[key] += 1


def reports(file: Path, names: Any) -> Iterator[Said]:  # noqa: ANN401 - called where it is needed
    """Read one file: a report of a run, of one problem, or of a submission; else nothing.

    Raises:
        ConfigError: it is not JSON, or a submission whose problems nobody knows.
    """
    held = parsed(text_of(file), file) if file.suffix == ".json" else None
    if not isinstance(held, dict):
        return
    if isinstance(held.get(RUN_REPORT), list):
        yield from _run_report(held, file.stem.rpartition(".")[0] or file.stem)
    elif file.name == TREE_REPORT:
        yield from _tree_report(held, file)
    elif isinstance(held.get(SUBMISSION), list):
        yield from _submission(held, file, names())


def _run_report(held: Mapping[str, Any], model: str) -> Iterator[Said]:
    outcomes: dict[str, Outcome] = {}
    blamed = "infra_failure_ids" in held
    for kind, outcome in JUDGED.items():
        unsure = kind == "error_ids" and not blamed  # before version 2 nobody knows whose fault
        for name in held.get(kind) or ():
            outcomes[str(name)] = Outcome.ERROR if unsure else outcome
    reasons = held.get("failure_reasons") or {}
    for name, outcome in sorted(outcomes.items()):
        yield Said(name, model, outcome, str(reasons.get(name, "")))


def _tree_report(held: Mapping[str, Any], file: Path) -> Iterator[Said]:
    """Read `logs/run_evaluation/RUN_ID/MODEL/INSTANCE/report.json`."""
    for name, said in held.items():
        if isinstance(said, dict) and "resolved" in said:
            blamed = said.get("infra_failure") and not said["resolved"]
            wrong = Outcome.ERROR if blamed else Outcome.REJECT
            outcome = Outcome.ACCEPT if said["resolved"] else wrong
            yield Said(
                name, file.parent.parent.name, outcome, str(said.get("infra_failure_reason") or "")
            )


def _submission(held: Mapping[str, Any], file: Path, names: set[str]) -> Iterator[Said]:
    """Read `SUBMISSION/results/results.json` of the leaderboard's repository."""
    resolved = {str(name) for name in held[SUBMISSION]}
    if not names:
        raise ConfigError(
            f"{file}: says only what is resolved. Give the problems: --problems FILE."
        )
    folder = file.parent.parent if file.parent.name == "results" else file.parent
    for name in sorted(names):
        yield Said(name, folder.name, Outcome.ACCEPT if name in resolved else Outcome.REJECT)


def _names(run: Run, problems: Known) -> set[str]:
    if problems is not None:
        return {problem.id for problem in _problems(problems)}
    return set(run.scan(Problem, ("id",)).categories.get("id", ()))


def _problems(known: str | Path | Sequence[Problem]) -> Sequence[Problem]:
    return swe_bench(path=known).problems if isinstance(known, str | Path) else known


def _add_problems(run: Run, names: set[str], problems: Known) -> int:
    if problems is not None:
        run.append([problem for problem in _problems(problems) if problem.id in names])
    known = set(run.scan(Problem, ("id",)).categories.get("id", ()))
    run.append([Problem(name, "") for name in sorted(names - known)])
    return len(names)


def _describe(run: Run, kind: Any, names: Mapping[str, str], source: str) -> None:  # noqa: ANN401 - samplers or verifiers
    said = {"provider": "imported", "source": source}
    for name, model in names.items():
        told = {"model": model} if kind == "samplers" else {"name": model}
        run.describe(kind, name, {**said, **told})


def export_predictions(run: Run, path: str | Path) -> Written:
    """Write the patches of a run as the harness of SWE-bench reads them.

    A folder gets one file for each model and sample, `MODEL.INDEX.jsonl`; a `.jsonl` file takes a
    run with one sample of each problem.

    Raises:
        ConfigError: a file is asked for, but there are several samples of a problem.
    """
    models, target = model_names(run), Path(path)
    lines: dict[tuple[str, int], list[str]] = defaultdict(list)
    for batch in run.read(Sample):
        for sample in batch:
            model = models.get(sample.sampler_id, sample.sampler_id)
            row = {
                "instance_id": sample.problem_id,
                "model_name_or_path": model,
                "model_patch": patch_of(sample.text),
            }
            lines[model, sample.index].append(json.dumps(row, ensure_ascii=False))
    if target.suffix == ".jsonl":
        indices = {index for _, index in lines}
        if len(indices) > 1 or len(lines) > 1:
            raise ConfigError(
                f"{path}: a predictions file holds one patch for a problem, and the run has "
                f"{len(lines)} of each; give a folder."
            )
        text = "".join(f"{line}\n" for part in lines.values() for line in part)
        target.write_text(text, encoding="utf-8")
        return Written(1, sum(map(len, lines.values())))
    target.mkdir(parents=True, exist_ok=True)
    for (model, index), part in lines.items():
        file = target / f"{model.translate(SAFE)}.{index}.jsonl"
        file.write_text("".join(f"{line}\n" for line in part), encoding="utf-8")
    return Written(len(lines), sum(map(len, lines.values())))


def export_reports(run: Run, path: str | Path, *, verifier: str = "") -> Written:
    """Write what a verifier said of patches as run reports of the harness of SWE-bench.

    Args:
        run: holds the verdicts; of several trials, the first that judged counts.
        path: a folder; `MODEL.INDEX.json` is written for each.
        verifier: whose verdicts; not needed where there is one.

    Raises:
        ConfigError: no such verifier, or several and none named.
    """
    known = recorded(run)
    if not verifier and len(known) != 1:
        raise ConfigError(f"swe-bench-reports: which verifier? The run has: {', '.join(known)}.")
    chosen = named_one(verifier, known) if verifier else known[0]
    models, target = model_names(run), Path(path)
    said: dict[tuple[str, int], dict[str, Outcome]] = defaultdict(dict)
    for batch in run.read(Verdict, {"verifier_id": chosen}):
        for verdict in sorted(batch, key=lambda v: v.trial):
            model = models.get(verdict.sampler_id, verdict.sampler_id)
            mine = said[model, verdict.index]
            if mine.get(verdict.problem_id, Outcome.ERROR) is Outcome.ERROR:
                mine[verdict.problem_id] = verdict.outcome
    total = len(run.problems())
    target.mkdir(parents=True, exist_ok=True)
    for (model, index), outcomes in said.items():
        file = target / f"{model.translate(SAFE)}.{index}.json"
        file.write_text(json.dumps(run_report(outcomes, total), indent=4), encoding="utf-8")
    return Written(len(said), sum(map(len, said.values())))


def run_report(outcomes: Mapping[str, Outcome], total: int) -> dict[str, Any]:
    """Return a run report of the harness, in its schema version 2.

    >>> run_report({"a": Outcome.ACCEPT, "b": Outcome.ERROR}, 3)["error_ids"]
    ['b']
    """
    ids = {o: sorted(name for name, said in outcomes.items() if said is o) for o in Outcome}
    completed = sorted([*ids[Outcome.ACCEPT], *ids[Outcome.REJECT]])
    lists = {
        "completed": completed,
        "resolved": ids[Outcome.ACCEPT],
        "unresolved": ids[Outcome.REJECT],
        "infra_failure": ids[Outcome.ERROR],
        "ambiguous_failure": [],
        "empty_patch": [],
        "error": ids[Outcome.ERROR],
    }
    return {
        "total_instances": total,
        "submitted_instances": len(outcomes),
        **{f"{kind}_instances": len(names) for kind, names in lists.items()},
        "incomplete_ids": [],
        "submitted_ids": sorted(outcomes),
        **{f"{kind}_ids": names for kind, names in lists.items()},
        "failure_reasons": {},
        "schema_version": 2,
    }
