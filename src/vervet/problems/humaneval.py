"""HumanEval (Chen et al. 2021, arXiv:2107.03374) and HumanEval+ (Liu et al. 2023)."""

from collections.abc import Mapping
from typing import Any

from vervet.problems.benchmark import Benchmark, Style, Upstream, of_row
from vervet.problems.rows import Row

STOP = ("\nclass ", "\ndef ", "\n#", "\nif ", "\nprint(", "\n@")
"""Where a completion of a base model has left the function (arXiv:2107.03374, section 2.1)."""
CHAT = (
    "Complete the following Python function. Reply with the whole function, imports included, "
    "in one fenced code block.\n\n```python\n{prompt}\n```"
)
MAX_TOKENS = 1024


def _completion(row: Row) -> str:
    return str(row["prompt"])


def _chat(row: Row) -> str:
    return CHAT.format(prompt=str(row["prompt"]).rstrip())


STYLES = {
    "chat": Style(of_row(_chat), max_tokens=MAX_TOKENS, temperature=0.8),
    "paper": Style(
        of_row(_completion), chat=False, stop=STOP, max_tokens=MAX_TOKENS, temperature=0.8
    ),
}


def _read(row: Row, place: str) -> tuple[str, Mapping[str, Any]]:
    del place
    prompt, entry_point = str(row["prompt"]), str(row["entry_point"])
    return str(row["task_id"]), {
        "prompt": prompt,
        "entry_point": entry_point,
        "solution": prompt + str(row["canonical_solution"]),
        "test": str(row["test"]),
        "oracle": "humaneval",
    }


def _read_plus(row: Row, place: str) -> tuple[str, Mapping[str, Any]]:
    name, reference = _read(row, place)
    if "base_input" not in row:  # the hub's Parquet has the tests as source only
        return name, reference
    return name, {
        **{key: value for key, value in reference.items() if key != "test"},
        "inputs": {"base": row["base_input"], "plus": row["plus_input"]},
        "atol": float(row["atol"]),
        "contract": str(row.get("contract", "")),
    }


humaneval = Benchmark(
    name="humaneval",
    about="HumanEval: 164 Python functions with their tests (Chen et al. 2021).",
    upstream=Upstream(
        "openai/openai_humaneval",
        {
            "test": (
                "HumanEval.jsonl",
                "HumanEval.jsonl.gz",
                "openai_humaneval/test-*.parquet",
                "test-*.parquet",
            )
        },
    ),
    verifier="unit-tests",
    read=_read,
    styles=STYLES,
)

humaneval_plus = Benchmark(
    name="humaneval-plus",
    about="HumanEval+: the same 164 functions, 80 times the tests (Liu et al. 2023).",
    upstream=Upstream(
        "evalplus/humanevalplus",
        {
            "test": (
                "HumanEvalPlus*.jsonl",
                "HumanEvalPlus*.jsonl.gz",
                "data/test-*.parquet",
                "test-*.parquet",
            )
        },
    ),
    verifier="unit-tests",
    read=_read_plus,
    styles=STYLES,
)
