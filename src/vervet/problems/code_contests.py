"""CodeContests (Li et al. 2022, arXiv:2203.07814): competition programs with stdin and stdout.

Brown et al. 2024 (arXiv:2407.21787) take the 140 test problems without image tags, ask with two
random training examples, and give a Python program ten seconds more than the contest did.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vervet.problems.benchmark import Benchmark, Style, Upstream, of_row
from vervet.problems.prompts import draw_shots
from vervet.problems.rows import Row

ASK = (
    "Q: Write python code to solve the following coding problem that obeys the constraints and "
    "passes the example test cases. The output code needs to answer questions from standard "
    "input. Please wrap your code answer using ```:\n{problem}\nA:"
)
"""The few-shot prompt of the papers' code, one example."""
CHAT = (
    "Solve the following problem with a Python 3 program that reads from standard input and "
    "writes to standard output. Reply with the program in one fenced code block.\n\n{problem}"
)
SHOTS = 2
PYTHON3 = 3
"""The number of Python 3 in the data set's enumeration of languages."""
LANGUAGES = {1: "python2", 2: "cpp", 3: "python", 4: "java"}
SUITES = ("public_tests", "private_tests", "generated_tests")


def pairs(row: Row) -> Iterator[tuple[str, str]]:
    """Yield input and output of every test: upstream's layout, or two plain lists.

    >>> list(pairs({"public_tests": {"input": ["1"], "output": ["2"]}}))
    [('1', '2')]
    """
    if "tests_input" in row:
        yield from zip(row["tests_input"], row["tests_output"], strict=True)
        return
    for suite in SUITES:
        tests = row.get(suite) or {"input": (), "output": ()}
        yield from zip(tests["input"], tests["output"], strict=True)


def seconds(row: Row) -> float | None:
    """Return the contest's time limit, which upstream has as seconds and nanoseconds."""
    limit = row.get("time_limit", row.get("timeout"))
    if isinstance(limit, Mapping):
        return float(limit.get("seconds") or 0) + float(limit.get("nanos") or 0) / 1e9 or None
    return float(limit) if limit else None


def _statement(row: Mapping[str, Any]) -> str:
    return str(row.get("description", row.get("question"))).strip()


def solutions(row: Mapping[str, Any], key: str = "solutions") -> list[dict[str, str]]:
    """Return upstream's programs (right or wrong) with the name of their language."""
    held = row.get(key) or {"language": (), "solution": ()}
    return [
        {"language": LANGUAGES.get(int(language), "unknown"), "code": str(code)}
        for language, code in zip(held["language"], held["solution"], strict=True)
    ]


def _read(row: Row, place: str) -> tuple[str, Mapping[str, Any]]:
    name = str(row.get("name") or place)
    cases = [{"input": str(given), "output": str(wanted)} for given, wanted in pairs(row)]
    if not cases:
        raise ValueError("no tests")
    reference: dict[str, Any] = {"cases": cases, "comparator": "tokens"}
    if (limit := seconds(row)) is not None:
        reference["time_limit"] = limit
    if memory := row.get("memory_limit_bytes"):
        reference["memory_limit"] = int(memory)
    python = [program["code"] for program in solutions(row) if program["language"] == "python"]
    if python:
        reference["solutions"] = python[:5]
        reference["solution"] = python[0]
    return name, reference


def _chat(row: Row) -> str:
    return CHAT.format(problem=_statement(row))


def _paper(row: Row, at: int, shots: Sequence[Row]) -> str:
    examples = draw_shots([shot for shot in shots if _python(shot)], at)[:SHOTS]
    told = [f"{_ask(shot)} ```{_python(shot).strip()}```\n\n" for shot in examples]
    return "".join(told) + _ask(row)


def _ask(row: Mapping[str, Any]) -> str:
    return ASK.format(problem=_statement(row))


def _python(row: Mapping[str, Any]) -> str:
    return next((p["code"] for p in solutions(row) if p["language"] == "python"), "")


code_contests = Benchmark(
    name="code-contests",
    about="CodeContests: 165 competition problems with about 200 tests each (Li et al. 2022).",
    upstream=Upstream(
        "deepmind/code_contests",
        {
            split: (
                f"{split}-*.parquet", f"data/{split}-*.parquet", f"code_contests_{split}.jsonl*",
                "codecontests_*.jsonl*",
            )
            for split in ("test", "valid", "train")
        },
    ),
    verifier="unit-tests",
    read=_read,
    styles={
        "chat": Style(of_row(_chat), max_tokens=4096),
        "paper": Style(
            _paper, chat=False, stop=("Q:", "Question:"), max_tokens=1024, shots_from="train"
        ),
    },
)  # fmt: skip
