"""Logs of Inspect, `.eval` or `.json`: every epoch is a sample, every scorer a verifier."""

import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from vervet.errors import ConfigError, MissingExtra
from vervet.problems.rows import Located
from vervet.store import Run
from vervet.transfer.importing import Brought, Given, bring, given
from vervet.transfer.logs import files_of, natural, number, parsed, reading, text_of, user_turn

SUFFIXES = (".eval", ".json")
GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Correct, partial, incorrect, no answer, as Inspect counts them."""
FINISH = {"max_tokens": "length", "model_length": "length"}
ATTACHED = "attachment://"
ZSTANDARD = 93
"""The number that ZIP gives this compression."""
Sample = Mapping[str, Any]


def import_inspect(
    path: str | Path, run: Run, *, problems: Given = None, accept: float = 1.0
) -> Brought:
    """Import logs of Inspect, `.eval` or `.json`: epochs are samples, scorers are verifiers.

    A problem is called TASK/ID, or ID where `problems` have that. A sample that ended in an error
    is left out and counted; a score that is no number and none of C, P, I and N is no verdict.

    Args:
        path: a log, or a folder of them.
        run: where they go; importing the same again changes nothing.
        problems: of these ids, for prompts and references; else the log's own.
        accept: the least score that is right; C counts 1, P 0.5, I and N 0.

    Raises:
        ConfigError: a log cannot be read, or holds no samples.
        MissingExtra: it is compressed with zstd, which this Python cannot read by itself.
    """
    known = given(problems)
    names = frozenset(problem.id for problem in known or ())
    failed: set[str] = set()
    brought = bring(
        run, lambda: _rows(path, names, accept, failed), source=str(path), problems=known
    )
    return replace(brought, failed=len(failed))


def _rows(
    path: str | Path, known: frozenset[str], accept: float, failed: set[str]
) -> Iterator[Located]:
    drawn: Counter[tuple[str, str]] = Counter()
    met: set[str] = set()
    files = files_of(path, SUFFIXES)
    for file in files:
        for spec, sample in _samples(file, alone=len(files) == 1):
            with reading(file):
                where = f"{file}: sample {sample['id']!r}, epoch {sample['epoch']}"
                unique = str(sample.get("uuid") or where)
                if _lost(sample):
                    failed.add(unique)
                    continue
                if unique in met:
                    continue  # a log that was tried again holds what its first try finished
                met.add(unique)
                failed.discard(unique)
                row, judged = _drawn(sample, spec, known), _judged(sample, accept) or [{}]
            key = (row["problem"], row["model"])
            for said in judged:
                yield where, {**row, "index": drawn[key], **said}
            drawn[key] += 1
    if not met:
        raise ConfigError(f"{path}: holds no samples of Inspect.")


def _samples(file: Path, *, alone: bool) -> Iterator[tuple[Mapping[str, Any], Sample]]:
    """Yield every sample of a log with what the log says of its evaluation."""
    if file.suffix == ".eval":
        yield from _zipped(file)
        return
    log = parsed(text_of(file), file)
    samples = log.get("samples") or [] if isinstance(log, dict) else None
    if isinstance(samples, list) and isinstance(log.get("eval"), dict):
        for sample in samples:
            yield log["eval"], sample
    elif alone:
        raise ConfigError(f"{file}: is no log of Inspect.")


def _zipped(file: Path) -> Iterator[tuple[Mapping[str, Any], Sample]]:
    try:
        with _archive(file) as archive:
            names = archive.namelist()
            header = "header.json" if "header.json" in names else "_journal/start.json"
            spec = parsed(archive.read(header), f"{file}: {header}")["eval"]
            for name in sorted((n for n in names if n.startswith("samples/")), key=natural):
                yield spec, parsed(archive.read(name), f"{file}: {name}")
    except (zipfile.BadZipFile, OSError, KeyError, TypeError) as cause:
        raise ConfigError(f"{file}: is no log of Inspect: {cause}.") from cause


def _archive(file: Path) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(file)
    if sys.version_info >= (3, 14) or all(
        member.compress_type != ZSTANDARD for member in archive.infolist()
    ):
        return archive
    archive.close()
    try:
        from backports.zstd import zipfile as zipfile_zstd  # noqa: PLC0415 - an extra
    except ImportError as cause:
        raise MissingExtra("a log of Inspect that is compressed with zstd", "inspect") from cause
    return cast("zipfile.ZipFile", zipfile_zstd.ZipFile(file))


def _lost(sample: Sample) -> bool:
    """Whether a sample ended in an error before it was scored: it says nothing of the model."""
    return bool(sample.get("error")) and not sample.get("scores")


def _drawn(sample: Sample, spec: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    model, output = str(spec.get("model", "")), sample.get("output") or {}
    choice = (output.get("choices") or [{}])[0]
    used = (sample.get("model_usage") or {}).get(model) or output.get("usage") or {}
    read = [used.get(f"input_tokens{part}") for part in ("", "_cache_read", "_cache_write")]
    stop = str(choice.get("stop_reason", "stop"))
    name = str(sample.get("id"))
    said = (choice.get("message") or {}).get("content", output.get("completion", ""))
    return {
        "problem": name if name in known else f"{spec.get('task', 'task')}/{name}",
        "model": model,
        "text": _words(said, sample),
        "finish": FINISH.get(stop, stop),
        "prompt_tokens": None if read[0] is None else sum(part or 0 for part in read),
        "completion_tokens": used.get("output_tokens"),
        "cost": used.get("total_cost"),
        "seconds": sample.get("working_time"),
        "reference": _reference(sample),
        **_asked(sample),
    }


def _asked(sample: Sample) -> dict[str, Any]:
    """Return the prompt, and the conversation where there is more than that."""
    asked = sample.get("input", "")
    if isinstance(asked, str):
        return {"prompt": _words(asked, sample)}
    turns = [{"role": m["role"], "content": _words(m.get("content"), sample)} for m in asked]
    return {"prompt": user_turn(turns), "messages": turns if len(turns) > 1 else ()}


def _reference(sample: Sample) -> dict[str, Any]:
    target = sample.get("target", "")
    targets = target if isinstance(target, list) else [target]
    more = {"answers": targets} if len(targets) > 1 else {}
    choices = {"choices": sample["choices"]} if sample.get("choices") else {}
    return {"answer": str(targets[0]) if targets else "", **more, **choices}


def _words(content: object, sample: Sample) -> str:
    """Return the text of a message; Inspect keeps long texts apart, and pictures are none."""
    if isinstance(content, list):
        parts = (p for p in content if isinstance(p, dict) and p.get("type") == "text")
        return "".join(_words(part.get("text", ""), sample) for part in parts)
    text = str(content or "")
    if text.startswith(ATTACHED):
        return str((sample.get("attachments") or {}).get(text.removeprefix(ATTACHED), text))
    return text


def _judged(sample: Sample, accept: float) -> list[dict[str, Any]]:
    """Return what each scorer said; of a scorer with several values, each as a verifier."""
    found: list[dict[str, Any]] = []
    for scorer, score in (sample.get("scores") or {}).items():
        said = score.get("value")
        values = (
            {f"{scorer}.{key}": v for key, v in said.items()}
            if isinstance(said, dict)
            else {scorer: said}
        )
        for verifier, value in values.items():
            points = GRADES.get(value) if isinstance(value, str) else number(value)
            if points is not None:
                right = points >= accept
                found.append(
                    {"verifier": verifier, "correct": right, "score": points,
                     "answer": score.get("answer")}
                )  # fmt: skip
    return found
