"""Stronger tests from known inputs, by type-aware mutation (Liu et al. 2023, section 2.1).

A seed input is changed in a few places, each according to its type: numbers move, strings and
containers lose, repeat or gain a part, often one that other inputs use. Inputs that break the
problem's contract, or on which its solution raises, are dropped.
"""

import ast
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vervet.errors import VerifierError
from vervet.verifiers.code.comparators import FLOAT_TOLERANCE, EvalPlus, ValueJudge, is_floats
from vervet.verifiers.code.mbpp_types import is_not_none
from vervet.verifiers.code.run import answers
from vervet.verifiers.code.suites import Calls
from vervet.verifiers.sandbox import Limits, Runs
from vervet.verifiers.sandbox.wire import decode, encode

KINDS = (int, float, str)
ATTEMPTS = 20
"""Mutations tried for each input wanted."""
MUTANT_SECONDS, RESTARTS = 1.0, 5
"""Processor seconds for a new input; how many of them may take longer."""
SPARE = 2
"""Inputs made for each one wanted: some break the contract."""


def mutate(value: Any, rng: np.random.Generator, parts: Sequence[Any] = ()) -> Any:  # noqa: ANN401 - plain values
    """Return a changed copy of a value, of the same type.

    `parts` are values seen elsewhere; those of the same type may take its place.

    >>> mutate([1, 2], np.random.default_rng(3))
    [1]
    >>> type(mutate({"a": (1.5, True)}, np.random.default_rng(0))).__name__
    'dict'
    """
    alike = [part for part in parts if type(part) is type(value)]
    if alike and rng.random() < 0.3:  # noqa: PLR2004 - EvalPlus reuses ingredients as readily
        return alike[int(rng.integers(len(alike)))]
    change = CHANGES.get(type(value))
    return value if change is None else change(value, rng, parts)


def _bool(value: Any, rng: np.random.Generator, parts: Sequence[Any]) -> Any:  # noqa: ANN401 - one of CHANGES
    del value, parts
    return bool(rng.integers(2))


def _int(value: Any, rng: np.random.Generator, parts: Sequence[Any]) -> Any:  # noqa: ANN401 - one of CHANGES
    del parts
    return value + int(rng.choice((-1, 1)))


def _float(value: Any, rng: np.random.Generator, parts: Sequence[Any]) -> Any:  # noqa: ANN401 - one of CHANGES
    del parts
    return value + float(rng.choice((-1.0, 1.0, -0.1, 0.1)))


def _str(value: Any, rng: np.random.Generator, parts: Sequence[Any]) -> Any:  # noqa: ANN401 - one of CHANGES
    del parts
    return "".join(_sequence(list(value), rng, (), within=False))


def _list(value: Any, rng: np.random.Generator, parts: Sequence[Any]) -> Any:  # noqa: ANN401 - one of CHANGES
    return type(value)(_sequence(list(value), rng, parts, within=True))


def _dict(value: Any, rng: np.random.Generator, parts: Sequence[Any]) -> Any:  # noqa: ANN401 - one of CHANGES
    items = _sequence([list(item) for item in value.items()], rng, (), within=False)
    return {key: mutate(item, rng, parts) for key, item in items}


def _sequence(
    items: list[Any], rng: np.random.Generator, parts: Sequence[Any], *, within: bool
) -> list[Any]:
    """Drop, repeat, swap or change one item."""
    if not items:
        return items
    at, other = (int(n) for n in rng.integers(len(items), size=2))
    action = int(rng.integers(4))
    if action == 0:
        return items[:at] + items[at + 1 :]
    if action == 1:
        return [*items[:other], items[at], *items[other:]]
    if within:
        return [*items[:at], mutate(items[at], rng, parts), *items[at + 1 :]]
    items[at], items[other] = items[other], items[at]
    return items


CHANGES: dict[type, Any] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    list: _list,
    tuple: _list,
    set: _list,
    frozenset: _list,
    dict: _dict,
}


def ingredients(inputs: Sequence[Any]) -> Iterator[Any]:
    """Yield the numbers and strings inside inputs.

    >>> list(ingredients([[1, ["a"]]]))
    [1, 'a']
    """
    for value in inputs:
        if isinstance(value, dict):
            yield from ingredients([*value.keys(), *value.values()])
        elif isinstance(value, list | tuple | set | frozenset):
            yield from ingredients(list(value))
        elif isinstance(value, KINDS):
            yield value


def candidates(
    inputs: Sequence[Sequence[Any]], count: int, rng: np.random.Generator
) -> Iterator[list[Any]]:
    """Yield up to `count` new inputs, none of them twice, none of them known."""
    seen = {encode(list(given)) for given in inputs}
    parts = list(ingredients(inputs))
    pool = [list(given) for given in inputs]
    for _ in range(count * ATTEMPTS):
        given = list(pool[int(rng.integers(len(pool)))])
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(len(given))) if given else 0
            given = [mutate(v, rng, parts) if i == at else v for i, v in enumerate(given)]
        text = encode(given)
        if text not in seen:
            seen.add(text)
            pool.append(given)
            yield given
            count -= 1
        if count <= 0:
            return


def guarded(solution: str, entry_point: str, contract: str) -> str:
    r"""Return a solution whose function begins with the assertions of its contract.

    >>> guarded("def f(n):\n    return n", "f", "    assert n > 0")
    'def f(n):\n    assert n > 0\n    return n'
    """
    tree = ast.parse(solution)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            node.body[:0] = ast.parse(textwrap.dedent(contract)).body
    return ast.unparse(tree)


async def strengthened(sandbox: Runs, calls: Calls, limits: Limits, count: int) -> Calls:
    """Return the calls with up to `count` more, on mutated inputs that the solution answers.

    The same calls give the same inputs. A result is compared as EvalPlus compares, floats within
    1e-6; that the solution's answer is the only right one is taken for granted.

    Raises:
        VerifierError: there is no solution, no input to start from, or it answers no new input.
    """
    seeds = [list(given) for given in calls.inputs if not isinstance(given, dict)]
    if not calls.solution or not seeds or calls.expected is None:
        raise VerifierError("mutated inputs need a reference solution and inputs to start from.")
    new = list(candidates(seeds, SPARE * count, np.random.default_rng(0)))
    code = guarded(calls.solution, calls.entry_point, calls.contract)
    found, seconds = await answered(sandbox, replace(calls, solution=code), new, limits)
    kept = [at for at, value in enumerate(found) if value is not None][:count]
    if new and not kept:
        raise VerifierError(f"the solution answers none of {len(new)} mutated inputs.")
    values = [decode(found[at] or b"") for at in kept]
    known = len(calls.inputs)
    not_none = is_not_none(calls.benchmark, calls.entry_point)

    def judge(at: int, expected: Sequence[Any]) -> ValueJudge:
        if at < known:
            return calls.judge(at, expected)
        tolerance = calls.atol or (FLOAT_TOLERANCE if is_floats(expected[at]) else 0)
        return EvalPlus(calls.benchmark, calls.entry_point, tolerance)

    return replace(
        calls,
        inputs=(*calls.inputs, *(new[at] for at in kept)),
        expected=(
            *calls.expected,
            *([v is not None for v in values] if not_none else values),
        ),
        seconds=(*calls.seconds, *(seconds[at] for at in kept)),
        lines=(),
        judge=judge,
    )


async def answered(
    sandbox: Runs, calls: Calls, new: Sequence[Any], limits: Limits
) -> tuple[list[bytes | None], list[float]]:
    """Return what the solution says to new inputs and the seconds that took it.

    None where it raises. An input that it does not end on is given up, and the next ones go to a
    process of their own, a few times.
    """
    values, seconds = list[bytes | None](), list[float]()
    for _ in range(RESTARTS):
        rest = replace(calls, inputs=tuple(new[len(values) :]))
        reader, _ = await answers(sandbox, rest, limits, MUTANT_SECONDS)
        values += reader.values[: len(reader.seconds)]
        seconds += reader.seconds
        if len(values) >= len(new):
            break
        values.append(None)
        seconds.append(0.0)
    return values, seconds
