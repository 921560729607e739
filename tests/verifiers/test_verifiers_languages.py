"""Programs in other languages, where their tool chain is installed."""

# Programs read best on one line.
# ruff: noqa: E501

import asyncio
import json
import shutil
from typing import Any

import pytest

from vervet.errors import ConfigError
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.code.languages import RECIPES, recipe_for
from vervet.verifiers.unit_tests import unit_tests

SQUARES = {
    "cpp": "#include <iostream>\nint main() { long n; std::cin >> n; std::cout << n * n << std::endl; }",
    "java": "import java.util.*;\npublic class Main { public static void main(String[] a) { long n = new Scanner(System.in).nextLong(); System.out.println(n * n); } }",
    "javascript": "const n = Number(require('fs').readFileSync(0, 'utf8'));\nconsole.log(n * n);",
    "rust": 'use std::io;\nfn main() { let mut s = String::new(); io::stdin().read_line(&mut s).unwrap(); let n: i64 = s.trim().parse().unwrap(); println!("{}", n * n); }',
    "go": 'package main\nimport "fmt"\nfunc main() { var n int; fmt.Scan(&n); fmt.Println(n * n) }',
}  # fmt: skip


def judged(language: str, code: str, **more: Any) -> Verdict:
    cases = [{"input": f"{n}\n", "output": f"{n * n}\n"} for n in (2, 3)]
    problem = Problem("p", "?", {"cases": cases, "language": language, **more})
    verifier = unit_tests(timeout=5, workers=1)

    async def go() -> Verdict:
        try:
            return await verifier.verify(problem, Sample("p", "m", 0, code), 0)
        finally:
            await verifier.aclose()

    return asyncio.run(go())


@pytest.mark.slow
@pytest.mark.parametrize("language", RECIPES)
def test_a_program_is_compiled_and_run(language: str) -> None:
    needs = RECIPES[language].needs
    if shutil.which(needs) is None:
        pytest.skip(f"{needs} is not installed")
    right = judged(language, f"```{language}\n{SQUARES[language]}\n```")
    assert right.outcome is Outcome.ACCEPT, right.detail
    assert judged(language, SQUARES[language].replace("n * n", "n + n")).outcome is Outcome.REJECT


def test_a_program_that_does_not_compile_says_so() -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    verdict = judged("cpp", "int main() { return x; }")
    assert verdict.outcome is Outcome.REJECT
    assert "compile" in json.loads(verdict.evidence)["failure"]["why"]


def test_a_language_without_recipe_is_named() -> None:
    with pytest.raises(ConfigError, match="brainfuck"):
        recipe_for("brainfuck")
