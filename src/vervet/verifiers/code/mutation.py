"""Stronger tests from known inputs, by type-aware mutation (Liu et al. 2023, section 2.1).

A seed input is changed in a few places, each according to its type: numbers move, strings and
containers lose, repeat or gain a part, often one that other inputs use. Inputs on which the
reference solution raises are dropped: they break the contract of the problem.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vervet.errors import VerifierError
from vervet.types import Outcome, Problem, Sample, Verifier
from vervet.verifiers.code.suites import Calls, suite_of
from vervet.verifiers.sandbox.wire import encode

KINDS = (int, float, str)
ATTEMPTS = 20
"""Mutations tried for each input wanted."""


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


async def strengthen(verifier: Verifier, problem: Problem, *, count: int, seed: int = 0) -> Problem:
    """Return a problem with `count` more inputs, which its reference solution accepts.

    Its suite `base` is the inputs so far, `plus` both: two verifiers of the same samples, whose
    disagreement is what the added tests are worth.

    Raises:
        VerifierError: the problem has no reference solution, or no inputs to start from.
    """
    suite = suite_of(problem)
    if not isinstance(suite, Calls) or not suite.solution:
        raise VerifierError(f"{problem.id}: needs inputs and a reference solution to be mutated.")
    plain = [given for given in suite.inputs if not isinstance(given, dict)]
    added = list(candidates(plain, count, np.random.default_rng(seed)))
    kept = [given for given in added if await _valid(verifier, suite, given)]
    reference = {
        "prompt": problem.reference.get("prompt", problem.prompt),
        "entry_point": suite.entry_point,
        "solution": suite.solution,
        "inputs": {"base": plain, "plus": kept},
        "atol": problem.reference.get("atol", 0),
        "oracle": problem.reference.get("oracle", ""),
    }
    return replace(problem, reference=reference)


async def _valid(verifier: Verifier, suite: Calls, given: list[Any]) -> bool:
    """Whether the solution answers an input; it is run like any candidate."""
    trial = Problem(
        "valid",
        "",
        {"entry_point": suite.entry_point, "inputs": [given], "solution": suite.solution},
    )
    try:
        sample = Sample("valid", "solution", 0, suite.solution)
        return (await verifier.verify(trial, sample, 0)).outcome is Outcome.ACCEPT
    except VerifierError:
        return False


async def newly_rejected(
    weak: Verifier,
    strong: Verifier,
    problem: Problem,
    samples: Sequence[Sample],
) -> tuple[int, int]:
    """Return (samples the weak suite accepts, those of them the strong one rejects)."""
    accepted = [s for s in samples if (await weak.verify(problem, s, 0)).outcome is Outcome.ACCEPT]
    rejected = [
        s for s in accepted if (await strong.verify(problem, s, 0)).outcome is Outcome.REJECT
    ]
    return len(accepted), len(rejected)
