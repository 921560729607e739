"""MBPP+ inputs as its functions take them: JSON has no tuples, sets or complex numbers.

The table is EvalPlus 0.3.1's `mbpp_deserialize_inputs` (Apache-2.0), written as data.
"""

from collections.abc import Callable, Sequence
from typing import Any

from vervet.verifiers.code.comparators import NOT_NONE

Input = Sequence[Any]


def deep(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Turn every list into a tuple.

    >>> deep([1, [2]])
    (1, (2,))
    """
    return tuple(deep(item) for item in value) if isinstance(value, list) else value


def _each(given: Input) -> Input:
    return [tuple(argument) for argument in given]


def _each_item(given: Input) -> Input:
    return [[tuple(item) for item in argument] for argument in given]


def _items_of_first(given: Input) -> Input:
    return [[tuple(item) for item in given[0]], given[1]]


def _second(given: Input) -> Input:
    return [given[0], tuple(given[1])]


def _first(given: Input) -> Input:
    return [tuple(given[0]), *given[1:]]


def _sets(given: Input) -> Input:
    return [[set(item) if isinstance(item, list) and item else {} for item in given[0]]]


def _angle(given: Input) -> Input:
    return (float(given[0]), complex(given[1]))


def _tuple_of_tuples(given: Input) -> Input:
    return [tuple(tuple(item) for item in argument) for argument in given]


def _mixed(given: Input) -> Input:
    return [tuple(tuple(item) if isinstance(item, list) else item for item in given[0])]


def _dict_of_tuples(given: Input) -> Input:
    return [{key: tuple(value) for key, value in given[0].items()}, *given[1:]]


def _complex(given: Input) -> Input:
    return [complex(given[0])]


RULES: tuple[tuple[Callable[[Input], Input], tuple[int, ...]], ...] = (
    (_each, (
        2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630,
        726, 740, 744, 809,
    )),
    (_each_item, (63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780)),
    (_items_of_first, (75, 413, 444, 753)),
    (_second, (106, 750)),
    (_sets, (115,)),
    (_angle, (124,)),
    (_first, (250, 405, 446, 617, 720, 763, 808, 307)),
    (_tuple_of_tuples, (259, 401, 445)),
    (_mixed, (278,)),
    (_dict_of_tuples, (722,)),
    (_complex, (252,)),
    (lambda given: deep(list(given)), (580, 615, 791)),
)  # fmt: skip
BY_TASK = {task: rule for rule, tasks in RULES for task in tasks}


def restored(types: str, inputs: Sequence[Input]) -> list[Any]:
    """Return `inputs` of the problem that `types` names (`mbpp/2`) with their Python types.

    >>> restored("mbpp/2", [[[1, 2], [3]]])
    [[(1, 2), (3,)]]
    """
    rule = BY_TASK.get(int(types.rpartition("/")[2]))
    return list(inputs) if rule is None else [rule(given) for given in inputs]


def is_not_none(benchmark: str, entry_point: str) -> bool:
    """Whether a function's result counts only as something or None."""
    return benchmark == "mbpp" and entry_point in NOT_NONE
