"""Assertions read as inputs and expected values, without running the test.

`assert candidate([1, 2]) == 3` says which call to make and what to think of its value. Where every
assertion of a test is of this kind (one call of the candidate on literal arguments inside an
expression of a few pure functions), the candidate's process gets the inputs only, and the
expressions are evaluated here on the plain values that come back. Any other test (loops, random
inputs, helpers) is run as it stands, in a process of its own (`inside.tester`).
"""

import ast
import builtins
import math
from dataclasses import dataclass
from types import CodeType
from typing import Any

PURE = (
    "abs", "all", "any", "bool", "complex", "dict", "divmod", "enumerate", "float", "frozenset",
    "int", "isinstance", "len", "list", "max", "min", "range", "reversed", "round", "set", "sorted",
    "str", "sum", "tuple", "type", "zip",
)  # fmt: skip
NAMES: dict[str, Any] = {name: getattr(builtins, name) for name in PURE} | {"math": math}
MATH = ("isclose", "inf", "nan", "pi", "e", "isnan", "isinf", "sqrt", "floor", "ceil", "fabs")
VALUE = "__value__"
SCOPE: dict[str, Any] = {"__builtins__": {}, **NAMES}
ALLOWED = (
    ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Load, ast.Compare, ast.BoolOp,
    ast.UnaryOp, ast.BinOp, ast.Subscript, ast.Slice, ast.IfExp, ast.keyword, ast.Call, ast.Name,
    ast.Attribute, ast.cmpop, ast.boolop, ast.unaryop, ast.operator, ast.Starred,
)  # fmt: skip
LONGEST_POWER = 64


@dataclass(frozen=True, slots=True)
class Assertion:
    """One call of the candidate, and the expression its value must make true."""

    arguments: tuple[Any, ...]
    names: tuple[tuple[str, Any], ...]
    condition: CodeType
    source: str

    def holds(self, value: Any) -> bool:  # noqa: ANN401 - a plain value
        """Evaluate the assertion on the value of its call."""
        return bool(eval(self.condition, {**SCOPE, VALUE: value}))  # noqa: S307 - built from allowed nodes only, by `read`


def read(source: str, entry_point: str) -> list[Assertion] | None:
    r"""Return the assertions of a test in order, or None where it is not made of such only.

    >>> test = "def check(c):\n    assert c(1) == 2, 'no'\n    assert c(2) > 2"
    >>> [a.arguments for a in read(test, "f")], read(test, "f")[1].holds(3)
    ([(1,), (2,)], True)
    >>> read("def check(c):\n    for i in range(9): assert c(i) == i", "f") is None
    True
    """
    try:
        tree = ast.parse(source)
        statements, name = body_of(tree, entry_point)
        found = [assertion(node, name) for node in statements if not is_idle(node)]
    except (SyntaxError, ValueError, RecursionError, ArithmeticError, TypeError, MemoryError):
        return None
    return found or None


def body_of(tree: ast.Module, entry_point: str) -> tuple[list[ast.stmt], str]:
    """Return the statements that assert, and what they call the candidate."""
    checks = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "check"]
    others = [n for n in tree.body if n not in checks]
    if not checks:
        return others, entry_point
    (check,) = checks
    (parameter,) = check.args.args
    for node in others:
        if not (is_idle(node) or is_call_of_check(node)):
            raise ValueError("more than a check")
    return check.body, parameter.arg


def is_idle(node: ast.stmt) -> bool:
    """Whether a statement asserts nothing and changes nothing: `assert True`, METADATA, a text."""
    if isinstance(node, ast.Assert):
        return isinstance(node.test, ast.Constant) and bool(node.test.value)
    if isinstance(node, ast.Assign):
        return all(isinstance(t, ast.Name) and t.id == "METADATA" for t in node.targets)
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names] == ["math"] and not node.names[0].asname
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def is_call_of_check(node: ast.stmt) -> bool:
    """Whether a statement is `check(candidate)` itself."""
    call = node.value if isinstance(node, ast.Expr) else None
    return (
        isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "check"
    )


def assertion(node: ast.stmt, name: str) -> Assertion:
    """Read one assertion; ValueError where it is not of the simple kind."""
    if not isinstance(node, ast.Assert):
        raise ValueError("not an assertion")  # noqa: TRY004 - the form of a test, not a type
    finder = CallFinder(name)
    condition = finder.visit(node.test)
    if len(finder.calls) != 1:
        raise ValueError("not one call")
    call = finder.calls[0]
    require_pure(condition)
    return Assertion(
        tuple(constant(argument) for argument in call.args),
        tuple((str(k.arg), constant(k.value)) for k in call.keywords if k.arg or fail()),
        compile(ast.fix_missing_locations(ast.Expression(condition)), "<assertion>", "eval"),
        ast.unparse(node),
    )


def fail() -> bool:
    """Refuse `**names`."""
    raise ValueError("keyword arguments in a mapping")


class CallFinder(ast.NodeTransformer):
    """Takes the call of the candidate out of an expression and puts a name in its place."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls: list[ast.Call] = []

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Replace the candidate's call; go into any other."""
        if isinstance(node.func, ast.Name) and node.func.id == self.name:
            self.calls.append(node)
            return ast.Name(VALUE, ast.Load())
        self.generic_visit(node)
        return node


def require_pure(expression: ast.AST) -> None:
    """Refuse an expression that could do more than compute a value."""
    for node in ast.walk(expression):
        if not isinstance(node, ALLOWED):
            raise ValueError(f"{type(node).__name__} in an assertion")  # noqa: TRY004 - the form of a test
        if isinstance(node, ast.Name) and node.id not in {*NAMES, VALUE}:
            raise ValueError(f"the name {node.id}")
        if isinstance(node, ast.Attribute) and not (
            isinstance(node.value, ast.Name) and node.value.id == "math" and node.attr in MATH
        ):
            raise ValueError(f"the attribute {node.attr}")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.LShift):
            require_small(node.right)


def require_small(node: ast.expr) -> None:
    """Refuse `10 ** 10 ** 10`."""
    if (
        not isinstance(node, ast.Constant)
        or not isinstance(node.value, int)
        or node.value > LONGEST_POWER
    ):
        raise ValueError("a large power")


def constant(expression: ast.expr) -> Any:  # noqa: ANN401 - a literal's value
    """Evaluate an argument: literals, and pure functions of literals."""
    require_pure(expression)
    if any(isinstance(n, ast.Name) and n.id == VALUE for n in ast.walk(expression)):
        raise ValueError("a call in a call")
    code = compile(ast.fix_missing_locations(ast.Expression(expression)), "<argument>", "eval")
    value = eval(code, dict(SCOPE))  # noqa: S307 - allowed nodes only
    if isinstance(value, range | zip | enumerate | reversed | type):
        raise ValueError("not plain data")  # noqa: TRY004 - the form of a test
    return value
