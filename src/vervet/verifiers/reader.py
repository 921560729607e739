"""The recursive-descent reader: a method for each rule of the grammar (see `grammar`)."""

from fractions import Fraction

from vervet.verifiers.latex import ROWS
from vervet.verifiers.tokens import CONSTANTS, FUNCTIONS, GREEK
from vervet.verifiers.tree import Apply, Based, Many, Node, Number, Relation, Symbol, Unread

DEEPEST = 40
LONGEST_NUMBER = 1_000
"""Digits; a longer number is compared as text."""
BRACKETS = frozenset({"(", "[", "\\{"})
ENVIRONMENTS = frozenset({"pmatrix", "bmatrix", "matrix", "array", "Bmatrix", "smallmatrix"})
COMPARISONS = frozenset({"=", "<", "<=", ">", ">=", "!=", "\\in"})
STARTERS = frozenset(
    {"\\frac", "\\sqrt", "\\pi", "\\binom", "\\lfloor", "\\lceil"} | {"\\" + f for f in FUNCTIONS}
)


class Reader:
    """Reads one token list; every method reads one rule of the grammar."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.in_function = 0

    def peek(self) -> str:
        """Return the next token, or nothing at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        """Consume the next token, which must be `wanted` if that is given."""
        word = self.peek()
        if not word or (wanted and word != wanted):
            raise Unread
        self.at += 1
        return word

    def whole(self) -> Node:
        """Read everything."""
        tree = self.listing()
        if self.peek():
            raise Unread
        return tree

    def listing(self) -> Node:
        """Read relations between commas; one alone is itself."""
        items = [self.relation()]
        while self.peek() in {",", ";"}:
            self.take()
            items.append(self.relation())
        return items[0] if len(items) == 1 else Many("list", tuple(items))

    def relation(self) -> Node:
        """Read a chain of comparisons; one side alone is itself."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unread
        sides, signs = [self.union()], []
        while self.peek() in COMPARISONS:
            signs.append(self.take())
            sides.append(self.union())
        self.depth -= 1
        return Relation(tuple(signs), tuple(sides)) if signs else sides[0]

    def union(self) -> Node:
        """Read sets joined by cups."""
        parts = [self.sum()]
        while self.peek() == "\\cup":
            self.take()
            parts.append(self.sum())
        return Many("union", tuple(parts)) if len(parts) > 1 else parts[0]

    def sum(self) -> Node:
        """Read terms joined by plus and minus."""
        total = self.product()
        while self.peek() in {"+", "-"}:
            sign = self.take()
            term = self.product()
            total = Apply("+", (total, term if sign == "+" else Apply("neg", (term,))))
        return total

    def product(self) -> Node:
        """Read factors joined by signs or side by side."""
        result = self.factor()
        while True:
            word = self.peek()
            if word in {"*", "/", ":"}:
                self.take()
                result = Apply("*" if word == "*" else "/", (result, self.factor()))
            elif self.starts_factor(word):
                result = Apply("*", (result, self.power()))
            else:
                return result

    def starts_factor(self, word: str) -> bool:
        """Whether a factor may stand beside the one before without a sign."""
        return bool(word) and (
            word in {"(", "{"} or word.isalpha() or word in STARTERS or word[1:] in GREEK
        )

    def factor(self) -> Node:
        """Read a signed factor."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unread
        word = self.peek()
        if word in {"+", "-"}:
            self.take()
            inner = self.factor()
            self.depth -= 1
            return inner if word == "+" else Apply("neg", (inner,))
        self.depth -= 1
        return self.power()

    def power(self) -> Node:
        """Read a base with its exponent."""
        base = self.postfix()
        if self.peek() != "^":
            return base
        self.take()
        return Apply("^", (base, self.factor()))

    def postfix(self) -> Node:
        """Read an atom with what follows it."""
        node = self.atom()
        while self.peek() in {"!", "°", "%"}:
            sign = self.take()
            if sign == "!":
                node = Apply("factorial", (node,))
            elif sign == "%":
                node = Apply("percent", (node,))
            elif self.in_function:
                node = Apply("degrees", (node,))
        return node

    def atom(self) -> Node:
        """Read a number, name, group, function or bracketed collection."""
        word = self.take()
        if word[0].isdigit() or word[0] == ".":
            return self.number(word)
        if word.isalpha():
            return Symbol(self.subscripted(word))
        if word in BRACKETS:
            return self.bracketed(word)
        if word == "{":
            return self.closed(self.listing(), "}")
        if word == "|":
            return Apply("abs", (self.closed(self.sum(), "|"),))
        return self.command(word[1:])

    def closed(self, inner: Node, closes: str) -> Node:
        """Return what was read, if `closes` follows it."""
        self.take(closes)
        return inner

    def number(self, word: str) -> Node:
        """Read a number, a mixed number, or digits with their base."""
        if len(word) > LONGEST_NUMBER:
            raise Unread
        if self.peek() == "_" and word.isdecimal():
            self.take()
            base = self.take()
            if base == "{":
                base = self.take()
                self.take("}")
            if not base.isdecimal():
                raise Unread
            return Based(word, base)
        value = decimal(word)
        part = self.proper_fraction() if word.isdecimal() and value else None
        return Number(value if part is None else value + part)

    def proper_fraction(self) -> Fraction | None:
        r"""Read the fraction of a mixed number: `1\frac{4}{5}` and `1 4/5`."""
        ahead = self.tokens[self.at : self.at + 7]
        if ahead[:2] == ["\\frac", "{"] and ahead[3:5] == ["}", "{"] and ahead[6:] == ["}"]:
            top, bottom, length = ahead[2], ahead[5], 7
        elif ahead[1:2] == ["/"] and len(ahead) > 2:  # noqa: PLR2004 - top, slash, bottom
            top, bottom, length = ahead[0], ahead[2], 3
        else:
            return None
        if not (top.isdecimal() and bottom.isdecimal() and int(top) < int(bottom)):
            return None
        self.at += length
        return Fraction(int(top), int(bottom))

    def subscripted(self, name: str) -> str:
        """Read the subscript of a name, if there is one."""
        if self.peek() != "_":
            return name
        self.take()
        if self.peek() != "{":
            return f"{name}_{self.take()}"
        self.take()
        parts = []
        while self.peek() != "}":
            parts.append(self.take())
        self.take()
        return f"{name}_{''.join(parts)}"

    def bracketed(self, opens: str) -> Node:
        """Read what stands in brackets: a group, tuple, interval or set."""
        inner = self.listing()
        closes = self.take()
        several = isinstance(inner, Many) and inner.kind == "list"
        if opens == "\\{":
            if closes != "\\}":
                raise Unread
            return Many("set", inner.items if isinstance(inner, Many) and several else (inner,))
        if closes not in {")", "]"}:
            raise Unread
        if isinstance(inner, Many) and several:
            return Many("tuple", inner.items, opens + closes)
        if opens + closes in {"()", "[]"}:
            return inner
        raise Unread

    def command(self, name: str) -> Node:
        """Read what a LaTeX command begins."""
        if name in GREEK:
            return Symbol(self.subscripted(name))
        if name in CONSTANTS:
            return Symbol(CONSTANTS[name])
        if name in FUNCTIONS and name != "sqrt":
            return self.function(name)
        if name.startswith("begin"):
            return self.matrix(environment_name(name))
        return self.macro(name)

    def macro(self, name: str) -> Node:
        """Read a command with arguments of its own."""
        if name in {"frac", "binom"}:
            first, second = self.argument(), self.argument()
            return Apply("/" if name == "frac" else name, (first, second))
        if name == "sqrt":
            return self.root()
        if name in {"lfloor", "lceil"}:
            return Apply(name[1:], (self.closed(self.sum(), f"\\r{name[1:]}"),))
        raise Unread

    def argument(self) -> Node:
        """Read a macro's argument: a group, or a single digit or letter as TeX does."""
        word = self.peek()
        if word == "{" or not word.isdecimal():
            return self.atom()
        self.tokens[self.at : self.at + 1] = [word[0], *([word[1:]] if word[1:] else [])]
        return Number(Fraction(int(self.take())))

    def root(self) -> Node:
        """Read a root, square or of another degree."""
        if self.peek() != "[":
            return Apply("sqrt", (self.argument(),))
        self.take()
        degree = self.sum()
        self.take("]")
        return Apply("root", (self.argument(), degree))

    def function(self, name: str) -> Node:
        """Read a function with its base, its exponent and its argument."""
        base: tuple[Node, ...] = ()
        if name == "log" and self.peek() == "_":
            self.take()
            base = (self.argument(),)
        exponent = None
        if self.peek() == "^":
            self.take()
            exponent = self.factor()
        self.in_function += 1
        argument = self.operand()
        self.in_function -= 1
        if exponent == Apply("neg", (Number(Fraction(1)),)) and f"arc{name}" in FUNCTIONS:
            return Apply(f"arc{name}", (argument,))
        result: Node = Apply(name, (argument, *base))
        return result if exponent is None else Apply("^", (result, exponent))

    def operand(self) -> Node:
        """Read a function's argument: a group, or the product beside it as in `sin 2x`."""
        if self.peek() in {"(", "{", "|"}:
            return self.power()
        result = self.factor()
        while (word := self.peek()) and self.starts_factor(word) and word[1:] not in FUNCTIONS:
            if word in {"(", "{"}:
                break
            result = Apply("*", (result, self.power()))
        return result

    def matrix(self, environment: str) -> Node:
        """Read a matrix: rows of entries."""
        if environment not in ENVIRONMENTS:
            raise Unread
        if environment == "array":
            while self.take() != "}":
                pass
        rows: list[list[Node]] = [[]]
        while not self.peek().startswith("\\end"):
            if self.peek() == ROWS:
                self.take()
                rows.append([])
            elif self.peek() == "&":
                self.take()
            else:
                rows[-1].append(self.sum())
        if environment_name(self.take()) != environment:
            raise Unread
        full = [Many("row", tuple(row)) for row in rows if row]
        if len({len(row.items) for row in full}) != 1:
            raise Unread
        return Many("matrix", tuple(full))


def environment_name(word: str) -> str:
    r"""Return `pmatrix` of `\begin{pmatrix}`."""
    return word.partition("{")[2].strip(" }")


def decimal(word: str) -> Fraction:
    r"""Return the value of a decimal, repeating or not.

    >>> decimal("0.25"), decimal(r"0.1\overline{6}")
    (Fraction(1, 4), Fraction(1, 6))
    """
    plain, _, period = word.partition("\\overline")
    whole, _, part = plain.partition(".")
    fixed = Fraction(int((whole + part) or "0"), 10 ** len(part))
    if not period:
        return fixed
    digits = period.strip(" {}")
    return fixed + Fraction(int(digits), (10 ** len(digits) - 1) * 10 ** len(part))
