"""Whether a reply's answer means what the reference means.

Equal classes are equal answers. Beyond that the reference fixes what the problem left open:
`y = 2x + 3` may be answered `2x + 3`, a percentage with or without its sign, digits in a stated
base without repeating the base, a tuple without its parentheses.
"""

import re
from functools import lru_cache

from vervet.verifiers.canonical import (
    PLAIN,
    canonical,
    is_assignment,
    listed,
    math_class,
    symbols,
    tree_of,
)
from vervet.verifiers.choice import leading_letter
from vervet.verifiers.latex import plain_text
from vervet.verifiers.tree import Apply, Based, Many, Node, Number, Relation, Symbol, Unread, Words
from vervet.verifiers.units import contradict

CHOICE = re.compile(r"\\(?:text|textbf|mathrm)\s*\{\s*\(?([A-J])\)?\s*\}|\(([A-J])\)")
"""A reference that is one of several choices."""


@lru_cache(maxsize=65_536)
def same(reference: str, answer: str) -> bool | None:
    r"""Return whether two answers are equal, or None where one of them is not read.

    >>> same("y = 2x + 3", "2x+3"), same("1 - 1/e", "1 + 1/e"), same(r"\oint", r"\int")
    (True, False, None)
    """
    if contradict(reference, answer) or _names_another(tree_of(reference), tree_of(answer)):
        return False
    if _chooses(reference, answer) or math_class(reference) == math_class(answer):
        return True
    if PLAIN.fullmatch(reference) and PLAIN.fullmatch(answer):
        return False
    if plain_text(reference) == plain_text(answer):
        return True
    return _by_meaning(tree_of(reference), tree_of(answer))


def _names_another(reference: Node | None, answer: Node | None) -> bool:
    """Whether each gives a value to a variable, and not to the same one: `x = 5` and `y = 5`."""
    match reference, answer:
        case Relation(("=",), (Symbol(mine), value)), Relation(("=",), (Symbol(yours), other)):
            return mine != yours and not symbols(value) | symbols(other)
    return False


def _by_meaning(reference: Node | None, answer: Node | None) -> bool | None:
    """Compare trees; an answer without a value is not a reference that has one."""
    if reference is None or answer is None:
        return None
    try:
        canonical(reference)
    except Unread:
        return None
    try:
        return _meets(reference, answer)
    except Unread:
        return False


def _chooses(reference: str, answer: str) -> bool:
    choice = CHOICE.fullmatch(reference.strip())
    return choice is not None and leading_letter(answer) == (choice[1] or choice[2])


def _meets(reference: Node, answer: Node) -> bool:
    """Whether one is a reading of the other, or both give a name the same value."""
    if isinstance(reference, Words) or isinstance(answer, Words):
        return False
    if isinstance(reference, Based) and isinstance(answer, Number):
        return reference.digits.lstrip("0") == str(answer.value)
    mine, yours = readings(reference), readings(answer)
    if canonical(reference) in yours or canonical(answer) in mine:
        return True
    if _is_equations(reference) or (
        isinstance(reference, Relation) and isinstance(answer, Relation)
    ):
        return bool(mine & yours)
    return _percent(reference, answer) or _percent(answer, reference)


@lru_cache(maxsize=65_536)
def readings(node: Node) -> set[str]:
    """Return the classes of what else an answer may be meant to say."""
    match node:
        case Relation() if is_assignment(node):
            return {canonical(node.sides[1])} | readings(node.sides[1])
        case Relation(signs, sides) if signs[0] == "\\in":
            return readings(sides[1])
        case Many("list", items) if _is_equations(node):
            values = [canonical(item.sides[1]) for item in items if isinstance(item, Relation)]
            return {f"({', '.join(values)})"}
        case Many("list", items):
            values = [canonical(item) for item in items]
            return {f"({', '.join(values)})", f"{{{', '.join(sorted(set(values)))}}}"}
        case Many("set", items):
            return {", ".join(sorted(listed(items)))}
    return set()


def _is_equations(node: Node) -> bool:
    """Whether it gives several names a value each: `k = 45, n = 2`, answered by `45, 2`."""
    return (
        isinstance(node, Many)
        and node.kind == "list"
        and all(isinstance(item, Relation) and is_assignment(item) for item in node.items)
    )


def _percent(one: Node, other: Node) -> bool:
    """Whether `one` is a percentage and `other`, written without the sign, its share."""
    if not isinstance(one, Apply) or one.name != "percent" or not isinstance(one.args[0], Number):
        return False
    if isinstance(other, Apply) and other.name == "percent":
        return False
    return canonical(Number(one.args[0].value / 100)) == canonical(other)
