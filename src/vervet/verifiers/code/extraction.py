"""The program in a reply: fences of every kind, several fences, no fence, continued prompts."""

import ast
import re
import warnings
from dataclasses import dataclass
from itertools import islice

FENCE = re.compile(
    r"(?P<fence>`{3,}|~{3,})[ \t]*(?P<tag>[A-Za-z][\w+#.-]*)?[^\S\n]*(?P<rest>[^\n]*)"
)
EMPTY_FENCE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})[\w+#.-]*[ \t]*\n?", re.MULTILINE)
TAGS = {
    "python": (
        "python",
        "py",
        "python3",
        "python2",
        "py3",
        "pypy",
        "pypy3",
        "ipython",
        "pycon",
        "sage",
    ),
    "cpp": ("cpp", "c++", "cc", "cxx", "c++17", "c++14", "c++20", "c++11", "c"),
    "java": ("java",),
    "javascript": ("javascript", "js", "node", "nodejs", "typescript", "ts"),
    "rust": ("rust", "rs"),
    "go": ("go", "golang"),
}
NEUTRAL = ("", "code", "text", "plaintext", "txt", "solution")
EVERY_TAG = frozenset(tag for tags in TAGS.values() for tag in tags) | set(NEUTRAL) | {
    "bash", "sh", "shell", "console", "json", "html", "css", "sql", "markdown", "md", "output",
    "input", "diff", "yaml", "xml", "latex", "tex", "r", "ruby", "php", "swift", "kotlin", "scala",
}  # fmt: skip
INFO = re.compile(r"[:{]|\w+=[\"'{]|(?:showLineNumbers|copy|numberLines)\b")
"""What may stand behind a tag without being the program's first line."""
READS = re.compile(
    r"\binput\s*\(|\bsys\.stdin\b|\bstdin\b|\bopen\s*\(\s*0|\bread_to_string\b|\bcin\b|\bScanner\b"
)
PARSED = 300_000
"""Characters parsed for one reply at most."""
BLOCKS, CLOSINGS = 50, 20
STATEMENT = re.compile(r"(?:def|class|import|from|async def)\b|@")
THINK_CLOSES, THINK_OPENS = "</think>", "<think>"


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences."""

    tag: str
    code: str


class Parser:
    """Parses Python, up to a total length: a hostile reply must not keep the reader busy.

    >>> Parser()("x = 1") is not None, Parser()("x = ") is None, Parser(3)("x = 1") is None
    (True, True, True)
    """

    def __init__(self, budget: int = PARSED) -> None:
        self.budget = budget

    def __call__(self, source: str) -> ast.Module | None:
        """Return the syntax tree, or None where it is not Python or too much of it."""
        self.budget -= len(source)
        if self.budget < 0:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # invalid escapes in a reply are no concern of ours
                return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def extract_code(
    reply: str, *, entry_point: str = "", prompt: str = "", language: str = "python"
) -> str | None:
    r"""Return the program a reply gives, or None where it gives none.

    A reply that continues a `prompt` of code (it begins indented) is put behind it as it is. Of
    several fenced blocks the last that defines `entry_point` counts, together with earlier blocks
    whose names it uses; without an entry point, the last that reads its input, else the longest.

    >>> extract_code("Sure:\n```py\nx = 1\n```\nDone.")
    'x = 1\n'
    >>> extract_code("    return a\n", entry_point="f", prompt="def f(a):\n")
    'def f(a):\n    return a\n'
    """
    parse = Parser()
    if continues(reply, prompt, parse):
        return prompt + until_fence(reply, prompt, parse)
    reply = without_thoughts(reply)
    found = [b for b in blocks(reply, language, parse) if b.code.strip()]
    if not found:
        bare = EMPTY_FENCE.sub("", reply)
        return unfenced(bare, entry_point, prompt, parse) if language == "python" else bare or None
    if language != "python":
        return last_tagged(found, language)
    if entry_point:
        return defining(found, entry_point.partition(".")[0], prompt, parse)
    return reading(found, parse)


def without_thoughts(reply: str) -> str:
    """Drop what a model thought aloud; nothing is left of thoughts that never ended."""
    closed = reply.rfind(THINK_CLOSES)
    if closed >= 0:
        return reply[closed + len(THINK_CLOSES) :]
    return "" if reply.lstrip().startswith(THINK_OPENS) else reply


def continues(reply: str, prompt: str, parse: Parser) -> bool:
    """Whether a reply is the rest of a prompt of code: its first line of text is indented.

    >>> [continues(r, "def f():", Parser()) for r in ("    return 1", "def f():")]
    [True, False]
    """
    first = reply.lstrip("\n\r")
    if not prompt or first[:1] not in {" ", "\t"}:
        return False
    start = first.lstrip()
    return not start.startswith(("```", "~~~")) and (
        "```" not in reply or parse(prompt + until_fence(reply, prompt, parse)) is not None
    )


def until_fence(reply: str, prompt: str, parse: Parser) -> str:
    r"""Cut a continuation where it closes the fence that its prompt opened; else leave it whole.

    >>> until_fence("    return 1\n```\nIt is 1.", "def f():\n", Parser())
    '    return 1\n'
    """
    if "```" not in reply or parse(prompt + reply) is not None:
        return reply
    cut = re.split(r"^```", reply, maxsplit=1, flags=re.MULTILINE)[0]
    return cut if parse(prompt + cut) is not None else reply


def blocks(reply: str, language: str, parse: Parser) -> list[Block]:
    r"""Return the fenced blocks of a reply, in order.

    A closing fence is one of the same sign and at least the same length. In Python, back-ticks
    inside the program (a docstring with a fence in it) do not close it: the first closing fence
    at which the program parses counts, those on lines of their own before others, and then even
    shorter ones.

    >>> [b.code for b in blocks("a\n```\nx\n```\nb\n~~~py\ny\n~~~", "python", Parser())]
    ['x\n', 'y\n']
    >>> [b.code for b in blocks("```x = 1```\n\n```python\n```", "python", Parser())]
    ['x = 1', '']
    """
    found: list[Block] = []
    at = 0
    while len(found) < BLOCKS and (opening := FENCE.search(reply, at)) is not None:
        block, at = block_at(reply, opening, language, parse)
        if block.code.lstrip().startswith(("```", "~~~")):
            at = opening.end()  # a fence around a fence
        else:
            found.append(block)
    return found


def block_at(reply: str, opening: re.Match[str], language: str, parse: Parser) -> tuple[Block, int]:
    """Return the block that begins at an opening fence, and where the reply goes on."""
    tag = (opening["tag"] or "").lower()
    start = opening.end() + 1
    rest = opening["rest"].strip()
    if tag not in EVERY_TAG or (rest and not INFO.match(rest)):
        # The program begins on the line of the fence, as few-shot prompts teach some models.
        start = opening.start("tag") if tag and tag not in EVERY_TAG else opening.start("rest")
        tag = tag if tag in EVERY_TAG else ""
    margin = reply[reply.rfind("\n", 0, opening.start()) + 1 : opening.start()]
    closings = closing_fences(reply, opening["fence"], start)
    python = language == "python" and tag in {*TAGS["python"], *NEUTRAL}
    for closing in closings if python else ():
        whole = reply[start : closing.start()]
        for code in dict.fromkeys((whole, without_margin(whole, margin))):
            if parse(code) is not None and code.strip():
                return Block(tag, code), closing.end()
    long_enough = (
        c.span() for c in closings if c[0].count(opening["fence"][0]) >= len(opening["fence"])
    )
    end, goes_on = next(long_enough, (len(reply), len(reply)))
    return Block(tag, without_margin(reply[start:end], margin)), goes_on


def without_margin(code: str, margin: str) -> str:
    r"""Take from each line what stands before the opening fence: blanks of a list, quote marks.

    >>> without_margin("   if a:\n     b\n", "   ")
    'if a:\n  b\n'
    >>> without_margin("> if a:\n>   b\n>\n", "> ")
    'if a:\n  b\n\n'
    """
    if not margin or margin.strip(" \t>"):
        return code
    quotes = margin.count(">")
    lead = rf"^(?:[ \t]*>){{{quotes}}} ?" if quotes else rf"^[ \t]{{1,{len(margin)}}}"
    return re.sub(lead, "", code, flags=re.MULTILINE)


def closing_fences(reply: str, fence: str, start: int) -> list[re.Match[str]]:
    """Return what may close a block: fences on own lines, fences anywhere, then shorter ones."""
    sign, shorter = (re.escape(fence[0]) + f"{{{length},}}" for length in (len(fence), 3))
    own_line = rf"^[ \t>]*{sign}[ \t]*$"
    return [
        match
        for pattern in (re.compile(own_line, re.MULTILINE), re.compile(sign), re.compile(shorter))
        for match in islice(pattern.finditer(reply, start), CLOSINGS)
    ]


def defining(found: list[Block], entry_point: str, prompt: str, parse: Parser) -> str:
    """Return the last block that defines the entry point, with what it needs from others."""
    trees = [parse(block.code) for block in found]
    for at in range(len(found) - 1, -1, -1):
        tree = trees[at]
        if tree is not None and entry_point in defined(tree):
            return preamble(prompt, entry_point, parse) + with_helpers(found, trees, at)
    for block in reversed(found):
        if prompt and parse(prompt + block.code) is not None and parse(block.code) is None:
            return prompt + block.code
        if re.search(rf"\b(?:def|class)\s+{re.escape(entry_point)}\b", block.code):
            return preamble(prompt, entry_point, parse) + block.code
    body = found[-1].code
    return indented_behind(prompt, body, parse) or body


def indented_behind(prompt: str, body: str, parse: Parser) -> str | None:
    r"""Put a body behind its prompt that lost its indentation, or its first line's.

    >>> indented_behind("def f(n):\n", "n += 1\n    return n\n", Parser())
    'def f(n):\n    n += 1\n    return n\n'
    """
    if not prompt or "return" not in body:
        return None
    whole = "".join(f"    {line}" for line in body.splitlines(keepends=True))
    fitting = (text for text in (whole, f"    {body}") if parse(prompt + text) is not None)
    return next((prompt + text for text in fitting), None)


def with_helpers(found: list[Block], trees: list[ast.Module | None], at: int) -> str:
    """Put earlier blocks before block `at` as far as they define names it uses and lacks."""
    tree = trees[at]
    assert tree is not None
    missing = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - defined(tree)
    code = found[at].code
    for before in range(at - 1, -1, -1):
        helper = trees[before]
        if helper is not None and (given := defined(helper) & missing) and only_defines(helper):
            code = found[before].code.rstrip("\n") + "\n\n" + code
            missing -= given
    return code


def defined(tree: ast.Module) -> set[str]:
    """Return the names a module binds at its top level."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(a.asname or a.name).partition(".")[0] for a in node.names}
        elif isinstance(node, ast.Assign):
            names |= {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return names


def only_defines(tree: ast.Module) -> bool:
    """Whether a module does nothing but import, define and assign."""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    return all(isinstance(node, (*kinds, ast.Expr)) for node in tree.body)


def preamble(prompt: str, entry_point: str, parse: Parser) -> str:
    r"""Return what a prompt of code has before the function it asks for: imports and helpers.

    >>> preamble("import math\n\ndef f(x):\n    '''Do it.'''\n", "f", Parser())
    'import math\n\n'
    """
    match = re.search(
        rf"^(?:@|(?:async\s+)?def\s+{re.escape(entry_point)}\b)", prompt, re.MULTILINE
    )
    before = prompt[: match.start()] if match else ""
    return before if parse(before) is not None else ""


def reading(found: list[Block], parse: Parser) -> str:
    """Return the program among blocks: the last that reads its input, else the longest."""

    def rank(at: int) -> tuple[bool, bool, bool, bool, int]:
        block = found[at]
        python, neutral = block.tag in TAGS["python"], block.tag in NEUTRAL
        reads, whole = bool(READS.search(block.code)), parse(block.code) is not None
        return (python or neutral, reads, whole, python, at if reads else len(block.code))

    return found[max(range(len(found)), key=rank)].code


def last_tagged(found: list[Block], language: str) -> str:
    """Return the last block of a language, else the last without one, else the last."""
    for tags in (TAGS.get(language, (language,)), NEUTRAL):
        if fitting := [block for block in found if block.tag in tags]:
            return max(
                fitting, key=lambda block: (bool(READS.search(block.code)), fitting.index(block))
            ).code
    return found[-1].code


def unfenced(reply: str, entry_point: str, prompt: str, parse: Parser) -> str | None:
    """Return the program of a reply without fences: all of it, or what follows some prose."""
    if not reply.strip():
        return None
    tree = parse(reply)
    name = entry_point.partition(".")[0]
    if tree is not None and (not name or name in defined(tree)):
        return preamble(prompt, name, parse) + reply if name else reply
    if (code := after_prose(reply, name, parse)) is not None:
        return preamble(prompt, name, parse) + code if name else code
    if not name:
        return reply
    return indented_behind(prompt, reply.lstrip("\n"), parse) or prompt + reply


def after_prose(reply: str, name: str, parse: Parser) -> str | None:
    """Return the longest stretch of whole lines that is a program, from its first statement on."""
    rows = reply.splitlines(keepends=True)
    starts = [at for at, row in enumerate(rows) if STATEMENT.match(row)]
    for start in starts[:5]:
        ends = [
            len(rows),
            *(i for i in range(len(rows) - 1, start, -1) if not rows[i][:1].isspace()),
        ]
        for end in ends[:40]:
            code = "".join(rows[start:end])
            tree = parse(code)
            if tree is not None and (not name or name in defined(tree)):
                return code
    return None
