"""Programs in replies: fences of every tag, several, none, inside each other, and noise."""
# Replies read best on one line.
# ruff: noqa: E501

import ast
import gzip
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vervet.verifiers.code.extraction import extract_code

CODE = "def f(n):\n    return n\n"


@pytest.mark.parametrize(
    "tag", ["", "python", "py", "python3", "Python", "PYTHON3", "py3", "code", "ipython"]
)
@pytest.mark.parametrize("fence", ["```", "````", "~~~"])
def test_a_fence_of_every_tag(tag: str, fence: str) -> None:
    reply = f"Here it is:\n\n{fence}{tag}\n{CODE}{fence}\nIt returns n."
    assert extract_code(reply, entry_point="f") == CODE


@pytest.mark.parametrize("info", [":f.py", " title='f.py'", " {linenos=true}", " showLineNumbers"])
def test_what_else_a_fence_says_is_no_program(info: str) -> None:
    assert extract_code(f"```python{info}\n{CODE}```", entry_point="f") == CODE


@pytest.mark.parametrize("margin", ["   ", "    ", "\t", "> ", "  > "])
def test_a_fence_in_a_list_or_a_quotation_loses_its_margin(margin: str) -> None:
    lines = ["```python", *CODE.splitlines(), "```"]
    reply = "1. Write it:\n\n" + "".join(f"{margin}{line}\n" for line in lines) + "\n2. Run it."
    assert extract_code(reply, entry_point="f") == CODE


def test_the_program_may_begin_on_the_line_of_the_fence() -> None:
    assert (
        extract_code(" ```# A sum\nn = int(input())\nprint(n)````\nQ:")
        == "# A sum\nn = int(input())\nprint(n)"
    )


@pytest.mark.parametrize(
    "reply",
    [
        " ```{}```\n\n\n```python\n```\n\n\n```python\n```",
        " ``````\n{}\n````\nQ:",
        " ``````python\n{}```\n````\nQ:",
        " ``````\n```python\n{}\n```\n````\nQ:",
        " ```{}```\n\n```python\n```A: ```def broken(:\n    input()\n``````\nQ:",
    ],
)
def test_what_models_make_of_a_few_shot_prompts_fences(reply: str) -> None:
    program = "n = int(input())\nfor _ in range(n):\n\tprint(n)"
    found = extract_code(reply.replace("{}", program))
    assert found is not None
    assert found.strip() == program


def test_the_last_block_that_defines_the_function_counts() -> None:
    reply = f"```python\ndef f(n):\n    return 0\n```\nNo, better:\n```python\n{CODE}```\nUse it:\n```python\nprint(f(3))\n```"
    assert extract_code(reply, entry_point="f") == CODE


def test_helpers_of_an_earlier_block_come_along() -> None:
    reply = "```python\nimport math\ndef g(n):\n    return math.floor(n)\n```\nand\n```python\ndef f(n):\n    return g(n)\n```"
    code = extract_code(reply, entry_point="f")
    assert code is not None
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102 - written three lines above
    assert names["f"](2.5) == 2  # type: ignore[operator]


def test_back_ticks_inside_a_docstring_do_not_end_the_block() -> None:
    code = 'def f(n):\n    """Do it.\n\n    ```\n    f(1)\n    ```\n    """\n    return n\n'
    assert extract_code(f"```python\n{code}```\ndone", entry_point="f") == code


def test_a_fence_that_never_closes_is_read_to_the_end() -> None:
    assert extract_code(f"```python\n{CODE}", entry_point="f") == CODE


def test_a_reply_without_fence_is_a_program_or_has_one_after_prose() -> None:
    assert extract_code(CODE, entry_point="f") == CODE
    assert extract_code(f"Sure, here it is:\n{CODE}", entry_point="f") == CODE


def test_a_completion_continues_its_prompt_as_it_is() -> None:
    prompt = 'import math\n\ndef f(n):\n    """Return n."""\n'
    broken = "    return n\n\ndef g(:\n"
    assert (
        extract_code("    return n\n", entry_point="f", prompt=prompt) == prompt + "    return n\n"
    )
    assert extract_code(broken, entry_point="f", prompt=prompt) == prompt + broken


@pytest.mark.parametrize(
    "body",
    [
        "    n += 1\n    return n\n",
        "n += 1\n    return n\n",
        "n += 1\nreturn n\n",
        "    n += 1\n    return n\n```\nIt returns the next number.",
        "```python\nn += 1\n    return n\n```",
        "```\nn += 1\nreturn n\n```",
        "```python\n    n += 1\n    return n\n```",
    ],
)
def test_a_body_finds_back_to_its_prompt_however_it_was_cut(body: str) -> None:
    code = extract_code(body, entry_point="f", prompt='def f(n):\n    """Return n + 1."""\n')
    assert code is not None
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102 - one of the seven above
    assert names["f"](1) == 2  # type: ignore[operator]


def test_a_block_gets_the_imports_and_helpers_of_its_prompt() -> None:
    prompt = "from typing import List\n\ndef g(n):\n    return n\n\ndef f(n: List[int]):\n    '''Do.'''\n"
    code = extract_code(f"```python\n{CODE}```", entry_point="f", prompt=prompt)
    assert code == "from typing import List\n\ndef g(n):\n    return n\n\n" + CODE


def test_a_body_alone_in_a_fence_is_put_behind_the_prompt() -> None:
    prompt = "def f(n):\n    '''Return n.'''\n"
    assert (
        extract_code("```python\n    return n\n```", entry_point="f", prompt=prompt)
        == prompt + "    return n\n"
    )


def test_a_program_is_the_block_that_reads_not_the_example() -> None:
    program = "n = int(input())\nprint(n + 1)\n"
    reply = (
        f"For\n```\n3\n```\nit prints\n```\n4\n```\n```python\n{program}```\nOutput:\n```\n4\n```"
    )
    assert extract_code(reply) == program


def test_fences_around_nothing_are_no_program() -> None:
    assert extract_code("```python\n\n```") is None
    assert extract_code("```python\n```\n", entry_point="f") is None
    assert extract_code("```python\n```\nprint(input())\n") == "print(input())\n"


def test_thoughts_are_no_answer() -> None:
    assert extract_code("<think>```python\nx = 1\n```</think>```python\ny = 2\n```") == "y = 2\n"
    assert extract_code("<think>```python\nx = 1\n```") is None
    assert extract_code("  \n") is None


def test_another_language_is_taken_from_its_own_fence() -> None:
    reply = "```python\nx = 1\n```\n```cpp\nint main() {}\n```"
    assert extract_code(reply, language="cpp") == "int main() {}\n"


PIECES = st.lists(
    st.sampled_from(
        [
            "```",
            "````",
            "~~~",
            "python",
            "\n",
            "def f(n):",
            "    return n",
            "'''",
            '"',
            "(",
            "x",
            " ",
            "\0",
            "\ud800",
            "é",
        ]
    )
)


@given(PIECES, st.sampled_from(["", "f"]), st.sampled_from(["", "def f(n):\n    '''a'''\n"]))
@settings(deadline=None, max_examples=300)
def test_whatever_a_reply_is_something_comes_back(
    pieces: list[str], name: str, prompt: str
) -> None:
    found = extract_code("".join(pieces), entry_point=name, prompt=prompt)
    assert found is None or isinstance(found, str)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("```\n" * 20_000, False),
        ("x = 1\n" * 50_000, True),
        ("(" * 50_000, True),
        ("- " * 50_000 + "1", True),
        ("if a: pass\n" + "elif a: pass\n" * 50_000, True),
    ],
)
def test_a_hostile_reply_does_not_keep_the_reader_busy(reply: str, *, found: bool) -> None:
    assert (extract_code(reply, entry_point="f", prompt="def f():\n") is not None) is found


def test_live_code_bench_s_own_extraction_of_880_replies_is_reached(shared_data: Path) -> None:
    rows = json.loads((shared_data / "data/livecodebench/O1-Mini_N1_eval_all.json").read_text())
    differ = []
    for row in rows:
        method = re.search(r"def (\w+)\(self", row["starter_code"] or "")
        name = f"Solution.{method[1]}" if method else ""
        found = extract_code(row["output_list"][0], entry_point=name) or ""
        if found.strip() != row["code_list"][0].strip():
            differ.append((row["question_id"], row["code_list"][0]))
    assert differ == [("3637", ""), ("abc384_g", "")], "theirs finds nothing in a fence in a fence"


def test_nearly_every_reply_of_a_few_shot_prompt_holds_a_program(shared_data: Path) -> None:
    name = "data/papers/codecontests_test_139_problems_with_tests.jsonl.gz"
    with gzip.open(shared_data / name, "rt") as file:
        replies = [reply for row in map(json.loads, file) for reply in row["samples"]]
    broken = 0
    for reply in replies:
        try:
            ast.parse(extract_code(reply) or "(")
        except SyntaxError:
            broken += 1
    assert (len(replies), broken) == (278, 3)  # read: these three are no Python
