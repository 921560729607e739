"""Tests made to fail: whoever passes them has not passed the real ones either.

Code under test runs in the process that tests it, so it can, knowing the witness, tell what it
likes of a test by its name; or give back values that equal everything. So what is accepted is run
once more on the same tests, each of them spoiled: what it compares with is an object that equals
nothing but itself, or its first statement raises. A test that still passes was never passed.
"""

import ast
from pathlib import Path

NOTHING_EQUALS = ast.parse("object()", mode="eval").body
FAILS = ast.parse("raise AssertionError('spoiled')").body[0]
Test = ast.FunctionDef | ast.AsyncFunctionDef


def sabotage(root: str, paths: list[str]) -> dict[str, list[str]]:
    """Spoil the tests in these files and return their names, `Class::test_name`, by file."""
    found: dict[str, list[str]] = {}
    for path in paths:
        file = Path(root, path)
        if file.suffix == ".py" and file.is_file() and not file.is_symlink():
            text, names = spoiled(file.read_text(encoding="utf-8", errors="surrogateescape"))
            if names:
                file.write_text(text, encoding="utf-8", errors="surrogateescape")
                found[path] = names
    return found


def spoiled(text: str) -> tuple[str, list[str]]:
    r"""Return a file of tests that all fail, and their names.

    >>> print(spoiled("def test_a():\n    x = f()\n    assert x == [1]")[0])
    def test_a():
        x = f()
        assert x == object()
    >>> print(spoiled("class A:\n    def test_b(self):\n        f()")[0])
    class A:
    <BLANKLINE>
        def test_b(self):
            raise AssertionError('spoiled')
            f()
    """
    try:
        tree = ast.parse(text)
        names = _spoil(tree.body, "")
        return ast.unparse(ast.fix_missing_locations(tree)), names
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # of another Python, perhaps
        return text, []


def _spoil(body: list[ast.stmt], owner: str) -> list[str]:
    names = []
    for node in body:
        if isinstance(node, ast.ClassDef):
            names += _spoil(node.body, f"{owner}{node.name}::")
        elif isinstance(node, Test) and node.name.startswith("test"):
            _spoil_one(node)
            names.append(f"{owner}{node.name}")
    return names


def _spoil_one(test: Test) -> None:
    """Spoil what a test compares, where it does so whatever happens; else its beginning."""
    if sum(map(_spoil_comparison, test.body)) == 0:
        test.body.insert(1 if ast.get_docstring(test) is not None else 0, FAILS)


def _spoil_comparison(statement: ast.stmt) -> bool:
    """Spoil the expected side of `assert a == b` and of `assertEqual(a, b)`."""
    match statement:
        case ast.Assert(test=ast.Compare(ops=[ast.Eq()]) as compared):
            if _is_literal(compared.left):
                compared.left = NOTHING_EQUALS
            else:
                compared.comparators = [NOTHING_EQUALS]
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(attr="assertEqual"), args=[_, _, *_]) as call
        ):
            call.args[0 if _is_literal(call.args[0]) else 1] = NOTHING_EQUALS
        case _:
            return False
    return True


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def still_passing(
    expected: tuple[str, ...], statuses: dict[str, str | None], names: dict[str, list[str]]
) -> list[str]:
    """Return the expected tests that passed although they were spoiled.

    >>> still_passing(("t.py::test_b[1]",), {"t.py::test_b[1]": "passed"}, {"t.py": ["test_b"]})
    ['t.py::test_b[1]']
    """
    return [
        name for name in expected if statuses.get(name) == "passed" and was_spoiled(name, names)
    ]


def was_spoiled(name: str, names: dict[str, list[str]]) -> bool:
    """Whether a test, by its id, is one that was spoiled."""
    if "::" in name:
        file, _, test = name.partition("::")
        return test.partition("[")[0] in names.get(file, ())
    method, _, where = name.partition(" (")
    owner = where.rstrip(")").removesuffix(f".{method}") if where else name.rpartition(".")[0]
    method = method.rpartition(".")[2]
    asked = f"{owner.rpartition('.')[2]}::{method}" if owner else method
    return any(asked in known for known in names.values())
