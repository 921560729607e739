"""Competition mathematics: MATH and its 500-problem part, AIME 2024 and 2025, AMC 2023.

MATH is Hendrycks et al. 2021 (arXiv:2103.03874); MATH-500 is the held-out part of Lightman et
al. 2023 (arXiv:2305.20050).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vervet.problems import prompts
from vervet.problems.benchmark import (
    FILE,
    Benchmark,
    Style,
    Upstream,
    answer_text,
    at_positions,
    of_row,
    question,
)
from vervet.problems.monkeys import MATH_128
from vervet.problems.rows import Row

PREFIX = "Return your final response within \\boxed{}. "
"""An instruction that one copy of MATH-500 puts before each problem."""
QUESTIONS = ("problem", "question", "Problem", "Question")
ANSWERS = ("answer", "expected_answer", "Answer")
SOLUTIONS = ("solution", "reference_solution", "Solution")
LONGER = 8192
"""Tokens: olympiad problems are reasoned about at length."""


def _first(row: Row, names: Sequence[str]) -> Any:  # noqa: ANN401 - a cell of a table
    return next((row[name] for name in names if row.get(name) not in {None, ""}), None)


def _question(row: Row) -> str:
    return question(row, *QUESTIONS).removeprefix(PREFIX)


def boxed(solution: str) -> str:
    r"""Return what the last box of a worked solution holds.

    >>> boxed(r"Hence $x=\boxed{\frac{1}{2}}$.")
    '\\frac{1}{2}'
    """
    start = max(solution.rfind("\\boxed"), solution.rfind("\\fbox"))
    rest = solution[start:].partition("\\boxed")[2] or solution[start:].partition("\\fbox")[2]
    if start < 0 or not rest:
        raise ValueError("the solution has no boxed answer")
    rest = rest.lstrip()
    if not rest.startswith("{"):
        return rest[:1]
    depth = 0
    for at, sign in enumerate(rest):
        depth += (sign == "{") - (sign == "}")
        if depth == 0:
            return rest[1:at].strip()
    raise ValueError("the solution's box never closes")


def _reference(row: Row) -> Mapping[str, Any]:
    answer, solution = _first(row, ANSWERS), _first(row, SOLUTIONS)
    if answer is None and solution is None:
        raise KeyError(ANSWERS[0])
    reference = {"answer": boxed(solution) if answer is None else answer_text(answer)}
    return reference if solution is None else {**reference, "solution": solution}


def _read_math(row: Row, place: str) -> tuple[str, Mapping[str, Any]]:
    """Name a problem as MATH-500 does, `test/algebra/1.json`, where the row or its file says so."""
    name = row.get("unique_id") or _file_name(row[FILE]) or f"math/{place}"
    kept = {key: row[key] for key in ("subject", "type", "level") if row.get(key) is not None}
    return str(name), {**_reference(row), **kept}


def _file_name(file: str) -> str:
    path = Path(file)
    return "/".join(path.parts[-3:]) if path.suffix == ".json" else ""


def _placed(name: str) -> Any:  # noqa: ANN401 - a reader of rows, as Benchmark.read declares it
    def read(row: Row, place: str) -> tuple[str, Mapping[str, Any]]:
        return f"{name}/{place.rpartition('/')[2]}", _reference(row)

    return read


def _minerva(row: Row) -> str:
    return prompts.minerva(_question(row))


def _chat(row: Row) -> str:
    return prompts.CHAT_BOXED.format(question=_question(row))


STYLES = {
    "chat": Style(of_row(_chat), max_tokens=2048),
    "paper": Style(of_row(_minerva), chat=False, stop=("Problem:",), max_tokens=512),
}
OLYMPIAD = {"chat": Style(of_row(_chat), max_tokens=LONGER)}

math = Benchmark(
    name="math",
    about="MATH: 5,000 competition problems (Hendrycks et al. 2021); subset monkeys-128.",
    upstream=Upstream(
        "EleutherAI/hendrycks_math",
        {
            split: (
                f"{split}.jsonl",
                f"{split}/*/*.json",
                f"*/{split}-*.parquet",
                f"{split}*.parquet",
            )
            for split in ("test", "train")
        },
    ),
    verifier="math-answer",
    read=_read_math,
    styles=STYLES,
    subsets={"monkeys-128": at_positions(MATH_128)},
)
math500 = Benchmark(
    name="math500",
    about="MATH-500: the held-out part of MATH (Lightman et al. 2023).",
    upstream=Upstream("HuggingFaceH4/MATH-500", {"test": ("test.jsonl", "test*.parquet")}),
    verifier="math-answer",
    read=_read_math,
    styles=STYLES,
)
aime24 = Benchmark(
    name="aime24",
    about="AIME 2024: 30 olympiad qualifiers, answers 0 to 999.",
    upstream=Upstream(
        "HuggingFaceH4/aime_2024",
        {"test": ("aime24.jsonl", "aime24/test.*", "data/train-*.parquet", "*.parquet")},
    ),
    verifier="math-answer",
    read=_placed("aime24"),
    styles=OLYMPIAD,
)
aime25 = Benchmark(
    name="aime25",
    about="AIME 2025: 30 olympiad qualifiers, answers 0 to 999.",
    upstream=Upstream(
        "math-ai/aime25",
        {"test": ("aime25.jsonl", "aime25/test.*", "test.jsonl", "test*.parquet", "*.parquet")},
    ),
    verifier="math-answer",
    read=_placed("aime25"),
    styles=OLYMPIAD,
)
amc23 = Benchmark(
    name="amc23",
    about="AMC 12 of 2023: 40 problems with numeric answers.",
    upstream=Upstream(
        "math-ai/amc23",
        {"test": ("amc23.jsonl", "amc23/test.*", "test-*.parquet", "data/*.parquet", "*.parquet")},
    ),
    verifier="math-answer",
    read=_placed("amc23"),
    styles=OLYMPIAD,
)
