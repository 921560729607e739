"""When is an output right? As the benchmarks define it.

A judge of values takes (input, output, expected); a judge of texts takes (output, expected).
Outputs come from hostile programs, but as plain data: see `vervet.verifiers.sandbox.wire`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from typing import Any

import numpy as np

ValueJudge = Callable[[Any, Any, Any], bool]
TextJudge = Callable[[str, str], bool]
RELATIVE, FLOAT_TOLERANCE = 1e-7, 1e-6
"""EvalPlus' rtol, that of `np.testing.assert_allclose`, and its atol for floats."""


def exact(given: Any, output: Any, expected: Any) -> bool:  # noqa: ANN401 - plain values
    """Python's own equality, as assertions use it.

    >>> exact([], (1, 2), [1, 2]), exact([], 1.0, 1)
    (False, True)
    """
    del given
    return bool(output == expected)


def listed(given: Any, output: Any, expected: Any) -> bool:  # noqa: ANN401 - plain values
    """LiveCodeBench's function tests: equal when tuples are read as lists.

    >>> listed(None, (1, (2,)), [1, [2]])
    True
    """
    del given
    return bool(as_lists(output) == as_lists(expected))


def as_lists(value: Any) -> Any:  # noqa: ANN401 - plain values
    """Turn tuples into lists, at every depth."""
    return [as_lists(item) for item in value] if isinstance(value, list | tuple) else value


def within(tolerance: float) -> ValueJudge:
    """Equal, or every number of equal structures within `tolerance`, absolute or relative.

    >>> within(1e-6)(None, [1.0, 2.0000001], [1, 2])
    True
    """

    def judge(given: Any, output: Any, expected: Any) -> bool:  # noqa: ANN401 - plain values
        return exact(given, output, expected) or close(output, expected, tolerance)

    return judge


def close(output: Any, expected: Any, tolerance: float) -> bool:  # noqa: ANN401 - plain values
    """Compare numbers within `tolerance` through lists, tuples and dicts of one shape."""
    if isinstance(expected, list | tuple):
        return (
            type(output) is type(expected)
            and len(output) == len(expected)
            and all(close(o, e, tolerance) for o, e in zip(output, expected, strict=True))
        )
    if isinstance(expected, dict):
        return (
            isinstance(output, dict)
            and output.keys() == expected.keys()
            and all(close(output[k], e, tolerance) for k, e in expected.items())
        )
    if isinstance(expected, int | float) and isinstance(output, int | float):
        return same_number(output, expected, tolerance, tolerance)
    return bool(output == expected)


def same_number(output: float, expected: float, absolute: float, relative: float) -> bool:
    """Equal, both NaN, the same infinity, or close."""
    if output == expected or (output != output and expected != expected):  # noqa: PLR0124 - NaN
        return True
    try:
        return math.isclose(output, expected, rel_tol=relative, abs_tol=absolute)
    except OverflowError:
        return False


class EvalPlus:
    """EvalPlus 0.3.1 `unsafe_execute`, oracle for oracle: judges one test."""

    def __init__(self, benchmark: str, entry_point: str, tolerance: float) -> None:
        self.oracle = ORACLES.get((benchmark, entry_point))
        self.root = (benchmark, entry_point) == ("humaneval", "find_zero")
        self.tolerance = tolerance

    def __call__(self, given: Any, output: Any, expected: Any) -> bool:  # noqa: ANN401 - plain values
        """Judge one output; an oracle that cannot be applied is a failure."""
        try:
            return self._judge(given, output, expected)
        except (TypeError, ValueError, OverflowError, ArithmeticError):
            return False

    def _judge(self, given: Any, output: Any, expected: Any) -> bool:  # noqa: ANN401 - plain values
        if self.root:
            return bool(abs(polynomial(given[0], output)) <= self.tolerance)
        equal = bool(output == expected)
        if self.oracle is not None:
            equal = self.oracle(given, output, expected, equal)
        if equal or self.tolerance == 0:
            return equal
        if type(output) is not type(expected):
            return False
        if isinstance(expected, list | tuple) and len(output) != len(expected):
            return False
        return bool(np.allclose(output, expected, rtol=RELATIVE, atol=self.tolerance))


def tolerance_at(
    at: int, atol: float, expected: Sequence[Any], begins: Sequence[int] = ()
) -> float:
    """Return EvalPlus' tolerance for test `at` of a problem whose own is `atol`.

    0 becomes 1e-6 at the first expected value made of floats, and stays so until the suite ends;
    `begins` are the tests at which a suite begins anew. It depends on the benchmark's order alone,
    not on the order in which tests are run.

    >>> [tolerance_at(at, 0, [1, 2.5, 3, 4], begins=[3]) for at in range(4)]
    [0, 1e-06, 1e-06, 0]
    """
    start = max((begin for begin in begins if begin <= at), default=0)
    floats = atol == 0 and any(map(is_floats, expected[start : at + 1]))
    return FLOAT_TOLERANCE if floats else atol


def is_floats(value: Any) -> bool:  # noqa: ANN401 - a plain value
    """Whether a value is a float or a non-empty list or tuple of floats."""
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, float) for item in value)
    return isinstance(value, float)


def polynomial(coefficients: Sequence[float], x: float) -> float:
    """Return sum of coefficients[i] · xⁱ: the oracle of HumanEval/32.

    >>> polynomial([1, 2], -0.5)
    0.0
    """
    return sum(c * math.pow(x, i) for i, c in enumerate(coefficients))


def digit_distance(first: int, second: int) -> int:
    """Return the sum of digit differences, after padding with zeros: the oracle of Mbpp/558."""
    a, b = str(first), str(second)
    width = max(len(a), len(b))
    pairs = zip(a.zfill(width), b.zfill(width), strict=True)
    return sum(abs(int(x) - int(y)) for x, y in pairs)


def pyramid_surface(base: float, height: float) -> int:
    """Return the surface of a square pyramid, `height` being perpendicular: Mbpp/581."""
    return round(base**2 + 2 * base * math.sqrt((base / 2) ** 2 + height**2))


def _sets(given: Any, output: Any, expected: Any, equal: bool) -> bool:  # noqa: ANN401, FBT001 - an oracle's form
    del given, equal
    return set(output) == set(expected)


def _not_none(given: Any, output: Any, expected: Any, equal: bool) -> bool:  # noqa: ANN401, FBT001 - an oracle's form
    del given, equal
    return bool(
        output == expected if isinstance(output, bool) else expected == (output is not None)
    )


Oracle = Callable[[Any, Any, Any, bool], bool]
NOT_NONE = ("check_str", "text_match_three", "text_starta_endb")
"""MBPP functions whose results only count as something or None."""
SETS = (
    "similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly",
    "larg_nnum", "intersection_array", "find_dissimilar", "Diff",
)  # fmt: skip
"""MBPP functions whose results are compared as sets."""
ORACLES: Mapping[tuple[str, str], Oracle] = {
    **{("mbpp", name): _sets for name in SETS},
    **{("mbpp", name): _not_none for name in NOT_NONE},
    ("mbpp", "are_equivalent"): lambda *_: True,
    ("mbpp", "sum_div"): lambda _given, output, _expected, equal: equal or output == 0,
    ("mbpp", "surface_Area"): lambda given, output, _expected, equal: (
        equal or output == pyramid_surface(*given)
    ),
    ("mbpp", "digit_distance_nums"): lambda given, output, _expected, equal: (
        equal or output == digit_distance(*given)
    ),
}


def tokens(*, absolute: float = 1e-5, relative: float = 1e-6) -> TextJudge:
    """CodeContests: token by token, case ignored, numbers by value.

    A token is equal as text whatever its case. Integers are compared exactly, however long. Where
    one of the two has a fraction or an exponent, they may differ by `absolute`, and where the
    expected one has, also by `relative`. NaN equals NaN and an infinity itself.

    >>> same = tokens()
    >>> same("YES 0.333333", "yes 0.3333333333"), same("1000000001", "1000000000")
    (True, False)
    >>> same("nan -inf", "NaN -Infinity")
    True
    """

    def judge(output: str, expected: str) -> bool:
        if output == expected:
            return True
        ours, theirs = output.split(), expected.split()
        return len(ours) == len(theirs) and all(
            o == e or same_token(o.lower(), e.lower(), absolute, relative)
            for o, e in zip(ours, theirs, strict=True)
        )

    return judge


def same_token(output: str, expected: str, absolute: float, relative: float) -> bool:
    """Compare two lower-case tokens."""
    if output == expected:
        return True
    whole = integer(expected)
    if whole is not None and (ours := integer(output)) is not None:
        return ours == whole
    try:
        a, b = float(output), float(expected)
    except ValueError:
        return False
    if "_" in output or not output.isascii():
        return False
    return same_number(a, b, absolute, 0.0 if whole is not None else relative)


def integer(token: str) -> tuple[str, str] | None:
    """Return sign and digits of an integer token, or None; no conversion, so any length goes.

    >>> integer("-007"), integer("+0"), integer("1.0")
    (('-', '7'), ('', '0'), None)
    """
    digits = token[1:] if token[:1] in {"+", "-"} else token
    if not (digits.isascii() and digits.isdigit()):
        return None
    digits = digits.lstrip("0") or "0"
    return ("-" if token[0] == "-" and digits != "0" else "", digits)


def lines(output: str, expected: str) -> bool:
    r"""LiveCodeBench: line by line, outer blanks ignored, else every token the same decimal.

    >>> lines("1 2.0\n", "1.0 2"), lines("a\nb", "a b")
    (True, False)
    """
    ours, theirs = output.strip().split("\n"), expected.strip().split("\n")
    return len(ours) == len(theirs) and all(
        o.strip() == e.strip() or decimals(o) == decimals(e) != None  # noqa: E711 - a chain reads best
        for o, e in zip_longest(ours, theirs)
    )


def decimals(line: str) -> list[Decimal] | None:
    """Return the decimals of a line, or None where a token is none."""
    try:
        return [Decimal(token) for token in line.split()]
    except InvalidOperation:
        return None


def text(output: str, expected: str) -> bool:
    r"""Equal but for blanks at line ends and newlines at the end.

    >>> text("a \nb\n\n", "a\nb")
    True
    """
    return _trimmed(output) == _trimmed(expected)


def _trimmed(value: str) -> list[str]:
    return [line.rstrip() for line in value.rstrip().split("\n")]


TEXT_JUDGES: Mapping[str, TextJudge] = {"tokens": tokens(), "lines": lines, "text": text}
