"""LiveCodeBench (Jain et al. 2024, arXiv:2403.07974): contest problems by date.

Tests are stdin and stdout, or calls of a method of `Solution` with one JSON value a line.
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from pickle import Unpickler, UnpicklingError
from typing import Any

from vervet.problems.benchmark import Benchmark, Style, Upstream, of_row
from vervet.problems.rows import Row

ASK = (
    "You will be given a question (problem specification) and will generate a correct Python "
    "program that matches the specification and passes all tests.\n\n### Question:\n{problem}\n\n"
)
WITH_STARTER = (
    "### Format: You will use the following starter code to write the solution to the problem "
    "and enclose your code within delimiters.\n```python\n{starter}\n```\n\n### Answer: (use the "
    "provided format with backticks)\n\n"
)
WITHOUT = (
    "### Format: Read the inputs from stdin solve the problem and write the answer to stdout (do "
    "not directly test on the sample inputs). Enclose your code within delimiters as follows.\n"
    "```python\n# YOUR CODE HERE\n```\n\n### Answer: (use the provided format with backticks)\n\n"
)
STARRED = (
    "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random",
    "statistics", "itertools", "functools", "operator", "io", "sys", "json", "builtins", "typing",
)  # fmt: skip
HEADER = (
    "".join(
        [f"from {name} import *\n" for name in STARRED] + [f"import {name}\n" for name in STARRED]
    )
    + "sys.setrecursionlimit(50000)\n"
)
"""What upstream's grader puts before every program."""
LARGEST = 512 << 20
"""Bytes of tests after unpacking; more is refused."""


class TextOnly(Unpickler):
    """Upstream packs its hidden tests as a pickle of one string: nothing else is let in."""

    def find_class(self, module: str, name: str, /) -> Any:  # noqa: ANN401 - never returns
        """Refuse every class."""
        raise UnpicklingError(f"{module}.{name} in a file of tests")


def unpacked(cell: object) -> list[Mapping[str, str]]:
    """Return the tests of a cell: JSON, or upstream's base64 of zlib of a pickled JSON text.

    >>> unpacked('[{"input": "1", "output": "2", "testtype": "stdin"}]')[0]["output"]
    '2'
    """
    if isinstance(cell, list):
        return cell
    text = str(cell or "[]")
    if not text.lstrip().startswith(("[", "{")):
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(text), LARGEST)
        if unpacker.unconsumed_tail:
            raise ValueError("tests too large")
        text = data.decode() if data[:1] in b"[{" else str(TextOnly(BytesIO(data)).load())
    found = json.loads(text)
    return found if isinstance(found, list) else [found]


def calls(cases: Sequence[Mapping[str, str]], name: str) -> dict[str, Any]:
    """Return function tests: one JSON value for each argument, a line each."""
    return {
        "entry_point": f"Solution.{name}",
        "inputs": [
            [json.loads(line) for line in str(case["input"]).split("\n") if line.strip()]
            for case in cases
        ],
        "expected": [json.loads(str(case["output"])) for case in cases],
        "oracle": "live-code-bench",
    }


def _reference(row: Row) -> dict[str, Any]:
    cases = [*unpacked(row.get("public_test_cases")), *unpacked(row.get("private_test_cases"))]
    if not cases:
        raise ValueError("no tests")
    if str(cases[0].get("testtype", "stdin")) == "functional":
        metadata = row.get("metadata") or "{}"
        held = json.loads(metadata) if isinstance(metadata, str) else metadata
        return calls(cases, str(held["func_name"]))
    pairs = [{"input": str(case["input"]), "output": str(case["output"])} for case in cases]
    return {"cases": pairs, "comparator": "lines"}


def _read(row: Row, place: str) -> tuple[str, Mapping[str, Any]]:
    reference = _reference(row)
    if starter := str(row.get("starter_code") or ""):
        reference["starter"] = starter
    reference |= {"prompt": "", "header": HEADER}
    return str(row.get("question_id") or place), reference


def _chat(row: Row) -> str:
    starter = str(row.get("starter_code") or "")
    form = WITH_STARTER.format(starter=starter) if starter else WITHOUT
    return ASK.format(problem=str(row["question_content"]).strip()) + form


live_code_bench = Benchmark(
    name="live-code-bench",
    about="LiveCodeBench: contest problems by date, stdin or function tests (Jain et al. 2024).",
    upstream=Upstream(
        "livecodebench/code_generation_lite",
        {
            "test": ("test.jsonl", "test*.jsonl", "live_code_bench*.jsonl*"),
            **{f"v{n}": (f"test{n}.jsonl",) for n in range(2, 7)},
        },
    ),
    verifier="unit-tests",
    read=_read,
    styles={"chat": Style(of_row(_chat), max_tokens=4096, temperature=0.2)},
)
