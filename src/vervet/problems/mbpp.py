"""MBPP (Austin et al. 2021, arXiv:2108.07732) and MBPP+ (Liu et al. 2023, arXiv:2305.01210)."""

import ast
import builtins
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from vervet.problems.benchmark import Benchmark, Style, Upstream, of_row
from vervet.problems.rows import Row

STOP = ("[DONE]", "\nclass ", "\nassert ", '\n"""', "\nprint(", "\nif ")
CHAT = (
    "{text} The function must pass these tests:\n\n{tests}\n\n"
    "Reply with the whole function, imports included, in one fenced code block."
)
PAPER = (
    "You are an expert Python programmer, and here is your task: {text} "
    "Your code should pass these tests:\n\n{tests}\n[BEGIN]\n"
)
"""The prompt of arXiv:2108.07732, section 4, without its three worked examples."""


def _tree(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # upstream writes "\\w" in plain strings
        return ast.parse(source)


def entry_point(tests: Sequence[str], solution: str = "") -> str:
    """Return the function that assertions are about: one of the solution's, else not built in.

    >>> entry_point(["assert set(similar((3, 4), (5,))) == set(())"])
    'similar'
    >>> entry_point(["assert sum(10, 15) == 6"], "def sum(a, b): ...")
    'sum'
    """
    body = _tree(solution).body
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    called = [
        node.func.id
        for test in tests
        for node in ast.walk(_tree(test))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    for name in called:
        if name in defined:
            return name
    for name in called:
        if not hasattr(builtins, name):
            return name
    raise ValueError("no assertion calls a function")


def imports(source: str) -> str:
    r"""Return the import statements of a program: its assertions may use them.

    >>> imports("import sys\ndef f(): ...")
    'import sys\n'
    """
    nodes = (n for n in _tree(source).body if isinstance(n, ast.Import | ast.ImportFrom))
    return "".join(f"{ast.unparse(node)}\n" for node in nodes)


def _shown(row: Row, template: str) -> str:
    return template.format(text=str(row["text"]).strip(), tests="\n".join(row["test_list"]))


def _chat(row: Row) -> str:
    return _shown(row, CHAT)


def _paper(row: Row) -> str:
    return _shown(row, PAPER)


def _read(row: Row, place: str) -> tuple[str, Mapping[str, Any]]:
    del place
    tests = [str(test) for test in row["test_list"]]
    solution = str(row["code"]).replace("\r\n", "\n")
    setup = str(row.get("test_setup_code") or "\n".join(row.get("test_imports") or ()))
    return f"mbpp/{row['task_id']}", {
        "prompt": "",
        "entry_point": entry_point(tests, solution),
        "setup": setup.replace("\r\n", "\n") + "\n" + imports(solution),
        "test": "\n".join(tests),
        "oracle": "mbpp",
        "challenge": [str(test) for test in row.get("challenge_test_list") or ()],
        "solution": solution,
    }


def _read_plus(row: Row, place: str) -> tuple[str, Mapping[str, Any]]:
    del place
    reference: dict[str, Any] = {
        "prompt": "",
        "entry_point": str(row.get("entry_point") or entry_point(row.get("test_list") or ())),
        "solution": str(row.get("canonical_solution") or row["code"]),
    }
    if "base_input" not in row:  # the hub's Parquet has the tests as source only
        return f"mbpp/{row['task_id']}", {**reference, "test": str(row["test"])}
    return str(row["task_id"]), {
        **reference,
        "inputs": {"base": row["base_input"], "plus": row["plus_input"]},
        "types": f"mbpp/{str(row['task_id']).rpartition('/')[2]}",
        "atol": float(row["atol"]),
        "contract": str(row.get("contract", "")),
        "oracle": "mbpp",
    }


def _plus_chat(row: Row) -> str:
    if "text" in row:
        return _chat(row)
    if "prompt" in row and "test_list" in row:
        return _shown({**row, "text": row["prompt"]}, CHAT)
    return "Reply with one Python function in a fenced code block.\n\n" + str(row["prompt"])


def _plus_paper(row: Row) -> str:
    return str(row["prompt"])


mbpp = Benchmark(
    name="mbpp",
    about="MBPP: 500 short Python functions (of 974) with three assertions (Austin et al. 2021).",
    upstream=Upstream(
        "google-research-datasets/mbpp",
        {
            split: ("mbpp.jsonl", "mbpp.jsonl.gz", f"full/{split}-*.parquet", f"{split}-*.parquet")
            for split in ("test", "train", "validation", "prompt")
        },
    ),
    verifier="unit-tests",
    read=_read,
    styles={
        "chat": Style(of_row(_chat), max_tokens=1024, temperature=0.8),
        "paper": Style(of_row(_paper), chat=False, stop=STOP, max_tokens=1024, temperature=0.8),
    },
)

mbpp_plus = Benchmark(
    name="mbpp-plus",
    about="MBPP+: 378 of MBPP's functions, 35 times the tests (Liu et al. 2023).",
    upstream=Upstream(
        "evalplus/mbppplus",
        {
            "test": (
                "MbppPlus*.jsonl",
                "MbppPlus*.jsonl.gz",
                "data/test-*.parquet",
                "test-*.parquet",
            )
        },
    ),
    verifier="unit-tests",
    read=_read_plus,
    styles={
        "chat": Style(of_row(_plus_chat), max_tokens=1024, temperature=0.8),
        "paper": Style(
            of_row(_plus_paper), chat=False, stop=STOP, max_tokens=1024, temperature=0.8
        ),
    },
)
