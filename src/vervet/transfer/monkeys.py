"""The YAML of Large Language Monkeys, and of When To Solve, When To Verify: a file a problem."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError, MissingExtra
from vervet.problems.competition import boxed
from vervet.problems.rows import Located
from vervet.store import Run
from vervet.transfer.importing import Brought, Given, bring, given
from vervet.transfer.logs import files_of, final, number, reading, text_of
from vervet.transfer.table import TableReader

JUDGE = "genrm"
SAID = re.compile(r"is the (?:answer|solution) correct.*?(yes|no)\b", re.IGNORECASE | re.DOTALL)
"""Where a verification says its verdict in words; the last counts."""


def import_monkeys(
    path: str | Path,
    run: Run,
    *,
    problems: Given = None,
    model: str = "imported",
    verifications: str | Path = "",
) -> Brought:
    """Import samples of Large Language Monkeys: `ID.yaml` with all samples of a problem.

    Evaluated files (`is_corrects`) bring verdicts of the verifier recorded. Verifications of When
    To Solve, When To Verify (`problem_ID/solution_N.yaml`) are trials of the verifier genrm, whose
    score is p(yes), else 1 − p(no), else what the words say; −1 stands for not found there.

    Args:
        path: the folder of the samples.
        run: where they go; importing the same again changes nothing.
        problems: of these ids, for prompts and references; else the file's own.
        model: whose samples they are; the files do not say it.
        verifications: the folder of the verifications of these samples.

    Raises:
        ConfigError: a file cannot be read, or holds no samples.
        MissingExtra: YAML cannot be read.
    """
    judged = Path(verifications) if verifications else None
    if judged is not None and not judged.is_dir():
        raise ConfigError(f"verifications={judged}: there is no such folder.")
    return bring(
        run,
        lambda: _rows(path, judged),
        partial(TableReader, model=model),
        source=str(path),
        problems=given(problems),
    )


def _rows(path: str | Path, verifications: Path | None) -> Iterator[Located]:
    for file in files_of(path, (".yaml",)):
        held = _loaded(file)
        samples = held.get("samples")
        if (
            not samples
            or not isinstance(samples, list)
            or not all(isinstance(text, str) for text in samples)
        ):
            raise ConfigError(f"{file}: holds no samples.")
        right = held.get("is_corrects", held.get("is_correct"))
        if right is not None and (not isinstance(right, list) or len(right) != len(samples)):
            raise ConfigError(f"{file}: is_corrects is not one verdict for each of the samples.")
        with reading(file):
            asked = held.get("prompt") or held.get("question")
            about = {"problem": file.stem, "prompt": asked, "reference": _reference(held)}
        for index, text in enumerate(samples):
            row = {**about, "index": index, "text": text}
            yield f"{file}: sample {index}", {**row, "correct": right[index] if right else None}
            for trial, said in _verifications(verifications, file.stem, index):
                yield f"{file}: sample {index}", {**row, "verifier": JUDGE, "trial": trial, **said}


def _reference(held: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer, the tests or the theorem of a problem."""
    if isinstance(cases := held.get("test_cases"), dict):
        pairs = zip(cases.get("input") or (), cases.get("output") or (), strict=True)
        return {"cases": [{"input": given, "output": wanted} for given, wanted in pairs]}
    if "theorem_name" in held:
        return {"theorem": str(held["theorem_name"])}
    solution = str(held.get("gt_answer", ""))
    return {"answer": boxed(solution) if "\\boxed" in solution else final(solution)}


def _verifications(
    folder: Path | None, problem: str, index: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    file = folder / f"problem_{problem}" / f"solution_{index}.yaml" if folder else None
    if file is None or not file.is_file():
        return
    with reading(file):
        scores = [probability(said) for said in _loaded(file).get("verifications") or ()]
    for trial, score in enumerate(scores):
        if score is not None:
            yield trial, {"score": score, "correct": score > 0.5}  # noqa: PLR2004 - rather yes than no


def probability(said: Mapping[str, Any]) -> float | None:
    """Return how likely a verification calls a solution right; None where it does not say.

    >>> probability({"p(yes)": 0.75, "p(no)": 0.25}), probability({"p(yes)": -1, "p(no)": 0.25})
    (0.75, 0.75)
    >>> probability({"verification": "... Is the answer correct (Yes/No)? No"})
    0.0
    """
    yes, no = number(said.get("p(yes)")), number(said.get("p(no)"))
    if yes is not None and yes >= 0:
        return yes
    if no is not None and no >= 0:
        return 1 - no
    words = SAID.findall(str(said.get("verification", "")).replace("(Yes/No)", ""))
    return float(words[-1].lower() == "yes") if words else None


def _loaded(file: Path) -> Mapping[str, Any]:
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError as cause:
        raise MissingExtra("YAML", "yaml") from cause
    try:
        held = yaml.load(text_of(file), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError, ValueError) as cause:
        raise ConfigError(f"{file}: is not YAML: {' '.join(str(cause).split())[:300]}") from cause
    if not isinstance(held, dict):
        raise ConfigError(f"{file}: holds {type(held).__name__}, not the samples of a problem.")
    return held
