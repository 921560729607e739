"""Tests as a problem's reference gives them, in the few shapes a sandbox can run.

{"test", "entry_point"}              assertions or check(candidate)       -> Calls or Source
{"entry_point", "inputs", ...}       inputs with expected values, or with
                                     a solution that makes them           -> Calls
{"cases": [{"input", "output"}]}     programs: stdin and stdout           -> Programs
{"stdin", "stdout"}                  the same, as one pair or two lists   -> Programs
{"pytest"}                           a pytest file                        -> Source
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from vervet.errors import VerifierError
from vervet.types import Problem
from vervet.verifiers.code import assertions, mbpp_types
from vervet.verifiers.code.comparators import (
    TEXT_JUDGES,
    EvalPlus,
    ValueJudge,
    exact,
    listed,
    tolerance_at,
    within,
)
from vervet.verifiers.code.extraction import Parser, preamble
from vervet.verifiers.code.order import Plan
from vervet.verifiers.sandbox.wire import encode

SuiteName = Literal["base", "plus"]


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one function; `expected` is None until a solution has been run for it."""

    entry_point: str
    inputs: tuple[Any, ...]
    expected: tuple[Any, ...] | None
    judge: Callable[[int, Sequence[Any]], ValueJudge]
    """Makes the judge of a test, by its place among the expected values."""
    solution: str = ""
    """A whole right program, where there is one."""
    benchmark: str = ""
    """Whose comparison `judge` makes: humaneval, mbpp, live-code-bench."""
    atol: float = 0.0
    """The absolute tolerance that the problem gives itself."""
    contract: str = ""
    """Assertions on the arguments: what a valid input is."""
    not_none: bool = False
    """Whether a result counts only as something or None."""
    shortcut: bool = True
    """Whether a result equal to the expected one, byte for byte, is right without the judge."""
    lines: tuple[bytes | None, ...] = ()
    """The lines that right results are, where byte equality is enough."""
    seconds: tuple[float, ...] = ()
    """What each call of the solution took."""
    output_bytes: int = 0
    """What the solution's results took on the wire."""
    left_out: tuple[int, ...] = ()
    """Tests that cannot be judged here: what the solution returns is too large to be sent."""
    plan: Plan | None = None
    """The order of the tests; None until the problem has been prepared."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Whole programs: what goes in and what must come out."""

    cases: tuple[tuple[str, str], ...]
    comparator: str = "tokens"
    checker: str = ""
    """Source of `check(input, output, expected)`, where several outputs are right."""
    seconds: float | None = None
    """The problem's own time limit for one test."""
    memory_bytes: int | None = None
    language: str = "python"


@dataclass(frozen=True, slots=True)
class Source:
    """Trusted test source that calls the candidate from another process."""

    source: str
    entry_point: str
    style: Literal["check", "pytest"]
    setup: str = ""
    solution: str = ""
    guess: tuple[Any, ...] = field(default=())


Suite = Calls | Programs | Source


def suite_of(problem: Problem, name: SuiteName = "plus") -> Suite:
    """Return the tests of a problem.

    Raises:
        VerifierError: the reference holds no tests, or not in a known form.
    """
    reference = problem.reference
    try:
        if "pytest" in reference:
            return Source(
                str(reference["pytest"]), str(reference.get("entry_point", "")), "pytest",
                solution=str(reference.get("solution", "")),
            )  # fmt: skip
        if "cases" in reference or "stdin" in reference:
            return programs(reference)
        if "inputs" in reference:
            return calls(reference, name)
        if "test" in reference:
            return assertion_suite(problem, reference)
    except KeyError as lacking:
        raise VerifierError(f"{problem.id}: its tests need {lacking} beside them.") from lacking
    except (TypeError, ValueError) as error:
        raise VerifierError(f"{problem.id}: its tests are not as expected ({error!r}).") from error
    held = ", ".join(sorted(reference)) or "nothing"
    raise VerifierError(
        f"{problem.id}: no tests; its reference holds {held}. "
        "Known: test, inputs, cases, stdin and stdout, pytest."
    )


def assertion_suite(problem: Problem, reference: Mapping[str, Any]) -> Suite:
    """Read assertions as calls where that can be done, else keep them as source."""
    test, entry_point = str(reference["test"]), str(reference["entry_point"])
    prompt = str(reference.get("prompt", problem.prompt))
    setup = str(reference.get("setup", "")) + "\n" + preamble(prompt, entry_point, Parser())
    solution = str(reference.get("solution", ""))
    found = assertions.read(test, entry_point)
    if found is None:
        return Source(test, entry_point, "check", setup=setup, solution=solution)
    inputs = tuple(given(a.arguments, dict(a.names)) for a in found)
    return Calls(
        entry_point,
        inputs,
        tuple(found),
        lambda _at, _expected: holds,
        solution=solution,
        benchmark=str(reference.get("oracle", "")),
        shortcut=False,
    )


def holds(arguments: Any, output: Any, expected: Any) -> bool:  # noqa: ANN401 - a judge's form
    """Judge by an assertion; one that cannot be evaluated is a failing one."""
    del arguments
    try:
        return bool(expected.holds(output))
    except Exception:  # noqa: BLE001 - as in the test itself, whatever is raised fails it
        return False


def given(arguments: Sequence[Any], names: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the inside takes it
    """Return one call's arguments in the form the inside takes."""
    return {"args": list(arguments), "kwargs": dict(names)} if names else list(arguments)


def calls(reference: Mapping[str, Any], name: SuiteName) -> Calls:
    """Read inputs with expected values, or a solution in their place."""
    entry_point = str(reference["entry_point"])
    inputs = chosen(reference["inputs"], name)
    if types := reference.get("types"):
        inputs = mbpp_types.restored(str(types), inputs)
    benchmark, atol = str(reference.get("oracle", "")), float(reference.get("atol", 0))
    expected = reference.get("expected")
    solution = str(reference.get("solution", ""))
    if expected is None and not solution:
        raise ValueError("inputs without expected values and without a solution")
    if expected is not None:
        expected = tuple(chosen(expected, name))
        if len(expected) != len(inputs):
            raise ValueError(f"{len(inputs)} inputs but {len(expected)} expected values")
    special = (benchmark, entry_point) == ("humaneval", "find_zero")
    return Calls(
        entry_point,
        tuple(inputs),
        expected,
        judge_factory(benchmark, entry_point, atol, begins(reference["inputs"])),
        solution=solution,
        benchmark=benchmark,
        atol=atol,
        contract=str(reference.get("contract", "")),
        not_none=mbpp_types.is_not_none(benchmark, entry_point),
        shortcut=not special,
        lines=expected_lines(expected) if expected is not None and not special else (),
    )


def judge_factory(
    benchmark: str, entry_point: str, atol: float, begins: Sequence[int]
) -> Callable[[int, Sequence[Any]], ValueJudge]:
    """Return what makes the judge of a test."""
    if benchmark == "live-code-bench":
        return lambda _at, _expected: listed
    if benchmark:
        return lambda at, expected: EvalPlus(
            benchmark, entry_point, tolerance_at(at, atol, expected, begins)
        )
    judge = within(atol) if atol else exact
    return lambda _at, _expected: judge


def begins(values: Any) -> tuple[int, ...]:  # noqa: ANN401 - a list, or two of them
    """Return at which of the tests a suite begins.

    >>> begins([1, 2]), begins({"base": [1, 2], "plus": [3]})
    ((0,), (0, 2))
    """
    return (0, len(values["base"])) if isinstance(values, Mapping) else (0,)


def chosen(values: Any, name: SuiteName) -> list[Any]:  # noqa: ANN401 - a list, or two of them
    """Return the values of a suite; the stronger one begins with the weaker.

    >>> chosen({"base": [1], "plus": [2]}, "plus"), chosen([3], "base")
    ([1, 2], [3])
    """
    if isinstance(values, Mapping):
        return [*values["base"], *(values["plus"] if name == "plus" else ())]
    return list(values)


def expected_lines(expected: Sequence[Any]) -> tuple[bytes | None, ...]:
    """Return the line each right result is; None where equal text is not equality (NaN)."""
    return tuple(
        None if "NaN" in text or '"?"' in text else b"v" + text.encode()
        for text in map(encode, expected)
    )


def programs(reference: Mapping[str, Any]) -> Programs:
    """Read input and output pairs."""
    if "cases" in reference:
        cases = [(str(case["input"]), str(case["output"])) for case in reference["cases"]]
    else:
        stdin, stdout = reference["stdin"], reference["stdout"]
        several = isinstance(stdin, list)
        cases = list(zip(stdin, stdout, strict=True)) if several else [(str(stdin), str(stdout))]
    comparator = str(reference.get("comparator", "tokens"))
    if comparator not in TEXT_JUDGES:
        raise ValueError(f"no comparator {comparator!r}; there is {', '.join(TEXT_JUDGES)}")
    limit, memory = reference.get("time_limit"), reference.get("memory_limit")
    return Programs(
        tuple(cases),
        comparator,
        checker=str(reference.get("checker", "")),
        seconds=None if limit is None else float(limit),
        memory_bytes=None if not memory else int(memory),
        language=str(reference.get("language", "python")),
    )
