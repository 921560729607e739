"""Quality of accepted-but-wrong samples against right ones: style metrics and any column.

The four metrics are those of RACE (Zheng et al. 2024, 2407.11470) with the settings of 2411.17501,
on the source text of a Python program: 1.0 where it adheres, 0.0 where it does not or does
not parse.
"""

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from vervet.stats.arrays import Floats
from vervet.stats.estimate import Estimate
from vervet.stats.resampling import RESAMPLES, derived, resample

CAMEL = re.compile(r"[a-z]+(?:[A-Z][a-z0-9]*)*")
SNAKE = re.compile(r"[a-z]+(?:_[a-z]+)*")
DOCSTRING = re.compile(r'""".*?"""', re.DOTALL)
COMMENT = re.compile(r"\s#+\s")
LONGEST_LINE = 70
LONGEST_FUNCTION = 30
COMMENTED = 0.75


def camel_case(source: str) -> float:
    r"""Tell whether every function, argument and variable name is camelCase.

    >>> camel_case("def addOne(x):\n    newValue = x + 1\n    return newValue")
    1.0
    """
    names = list(_names(source))
    return float(bool(names) and all(CAMEL.fullmatch(name) for name in names))


def snake_case(source: str) -> float:
    r"""Tell whether every name of two letters or more is snake_case; digits fail, as in RACE.

    >>> snake_case("def add_one(x):\n    value2 = x + 1\n    return value2")
    0.0
    """
    names = list(_names(source))
    return float(bool(names) and all(SNAKE.fullmatch(name) for name in names if len(name) > 1))


def short_lines(source: str) -> float:
    r"""Tell whether every line has at most 70 characters and every function at most 30 lines.

    >>> short_lines("def one():\n    return 1"), short_lines("x = 1")
    (1.0, 0.0)
    """
    tree = _parsed(source)
    functions = [] if tree is None else _functions(tree)
    if not functions or any(len(line) > LONGEST_LINE for line in source.split("\n")):
        return 0.0
    lengths = [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]
    return float(max(lengths) <= LONGEST_FUNCTION)


def commented(source: str) -> float:
    r"""Tell whether there are three comments (a docstring is one) per four lines of code.

    Text that does not parse is judged line by line, as RACE does.

    >>> commented("# add\nx = 1  # one"), commented("x = 1\ny = 2")
    (1.0, 0.0)
    """
    comments = len(COMMENT.findall(source)) + bool(DOCSTRING.search(source))
    tree = _parsed(DOCSTRING.sub("", source).strip())
    if tree is not None:
        return float(comments / len(ast.unparse(tree).split("\n")) >= COMMENTED)
    lines = source.split("\n")
    bare = [line for line in lines if line.strip() and "#" not in line]
    return float(len(bare) / len(lines) < 1 - COMMENTED)


STYLES: Mapping[str, Callable[[str], float]] = MappingProxyType(
    {
        "camelCase": camel_case,
        "snake_case": snake_case,
        "line_length": short_lines,
        "commenting": commented,
    }
)
"""The metrics by the names of the paper's table."""


def _parsed(source: str) -> ast.Module | None:
    """Return the syntax tree, or None where the text is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _functions(tree: ast.Module) -> list[ast.FunctionDef]:
    """Return every function."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def _names(source: str) -> Iterator[str]:
    """Yield names of functions, their arguments, and what assignments and loops bind."""
    tree = _parsed(source)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.FunctionDef):
            yield node.name
            yield from (argument.arg for argument in node.args.args)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _bound(target)
        elif isinstance(node, ast.For):
            yield from _bound(node.target)


def _bound(target: ast.expr) -> Iterator[str]:
    """Yield the plain names that a target binds."""
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    yield from (part.id for part in parts if isinstance(part, ast.Name))


@dataclass(frozen=True, slots=True)
class Contrast:
    """A column's mean among accepted, right and accepted-but-wrong samples."""

    accepted: Estimate
    right: Estimate
    """Accepted and right."""
    false_positive: Estimate
    """Accepted and wrong."""
    difference: Estimate
    """Right minus false positive; its interval resamples problems, so both sides stay paired."""


def contrast(
    column: Sequence[npt.ArrayLike],
    accepted: Sequence[npt.ArrayLike],
    right: Sequence[npt.ArrayLike],
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Contrast:
    """Compare any column (a style metric, length, seconds) between right and wrong acceptances.

    Means pool samples, as the paper's table does; intervals resample problems.

    Args:
        column: per problem, one value per sample; NaN is left out.
        accepted: per problem, whether the verifier accepted each sample.
        right: per problem, the truth of each sample.
        rng: random generator of the bootstrap.
        resamples: bootstrap samples of problems.
        level: nominal coverage.

    Source: 2411.17501, sect. 5 (code quality of false positives).

    >>> found = contrast([[1, 0], [1, 1]], [[1, 1], [1, 1]], [[1, 0], [1, 0]],
    ...                  rng=np.random.default_rng(0))
    >>> found.right.value, found.false_positive.value
    (1.0, 0.5)
    """
    sums = np.array(
        [_group_sums(*parts) for parts in zip(column, accepted, right, strict=True)]
    ).reshape(-1, 2, 3)
    weights = resample(len(sums), rng=rng, resamples=resamples)
    value = _means(sums.sum(axis=0))
    draws = _means(np.einsum("bp,psg->bsg", weights, sums))
    used = (sums[:, 1] > 0).sum(axis=0)

    def group(index: int, name: str) -> Estimate:
        return derived(
            float(value[index]), draws[:, index], level=level, problems=int(used[index]), what=name
        )

    gap = derived(
        float(value[1] - value[2]),
        draws[:, 1] - draws[:, 2],
        level=level,
        problems=int(used[1:].min()),
        what="right minus false positive",
    )
    return Contrast(group(0, "accepted"), group(1, "right"), group(2, "false positives"), gap)


def _group_sums(values: npt.ArrayLike, accepted: npt.ArrayLike, right: npt.ArrayLike) -> Floats:
    """Return sums and counts over accepted, right and wrong acceptances, shape (2, 3)."""
    column, yes = np.asarray(values, dtype=float), np.asarray(accepted, dtype=bool)
    true = np.asarray(right, dtype=bool)
    known = ~np.isnan(column)
    groups = [known & yes, known & yes & true, known & yes & ~true]
    return np.array([[column[g].sum() for g in groups], [g.sum() for g in groups]], dtype=float)


def _means(sums: Floats) -> Floats:
    """Return means from (..., 2, groups) sums and counts, NaN where a group is empty."""
    counts = sums[..., 1, :]
    return np.asarray(sums[..., 0, :] / np.where(counts > 0, counts, np.nan))
