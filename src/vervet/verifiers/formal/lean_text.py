"""What of a reply is sent to Lean: our statement first, the reply, then our own question.

header                                             (imported once)
theorem ref … := by sorry                          the statement, before anything of the reply
the reply's own lines
theorem final : type_of% @ref := @theirs           a changed statement fails here
#print axioms final                                believed at this line only
"""

import re
from dataclasses import dataclass
from textwrap import dedent, indent

from vervet.verifiers.formal.script import LONGEST, Refused, code_of
from vervet.verifiers.formal.sentences import strange

LANGUAGES = ("lean", "lean4")
FORBIDDEN = re.compile(
    r"(?<![\w'!?])(sorry|sorryAx|admit|axiom|unsafe|native_decide|run_tac|run_cmd|run_elab|run_meta"
    r"|by_elab|implemented_by|extern|csimp|ofReduceBool|trustCompiler|skipKernelTC|include_str"
    r"|builtin_initialize|macro_rules|elab_rules|declare_syntax_cat|notation3|simproc"
    r"|Lean\.[A-Z]\w*|IO\.\w+|unsafeCast|unsafeIO|dbg_trace)(?![\w'!?])"
)
"""Words that a proof has no use for, wherever they stand."""
KEYWORDS = re.compile(
    r"(?<![\w.'!?])(macro|syntax|notation|infix[lr]?|prefix|postfix|elab|opaque|export|initialize"
    r"|attribute|universe|variable|import|prelude)(?![\w'!?])"
)
"""Commands that change what later text means; Lean allows several commands on one line."""
UNREAD = re.compile(r"«|\br#*\"")
"""Quoted names and raw strings, in which our reading of strings could go astray."""
CHARACTER = re.compile(r"(?<![\w'])'(?:\\.|[^\\'])'")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
HASH = re.compile(r"(?<!\w)#(?!check\b|print\b)([a-z]\w*)")
OPTION = re.compile(r"\bset_option\s+(?!maxHeartbeats\b|maxRecDepth\b)(\S+)")
NATIVE = re.compile(r"\+\s*native\b|\bnative\s*:=")
ATTRIBUTE = re.compile(r"@\[(?!\s*simp\s*\])")
IMPORT = re.compile(r"^import [^\n]*$", re.MULTILINE)
STATED = re.compile(r"^\s*(?:private\s+)?(?:theorem|lemma)\s+([^\s:({\[]+)", re.MULTILINE)
NAMED = re.compile(r"(\b(?:theorem|lemma)\s+)([^\s:({\[]+)")
ENDING = re.compile(r"\s*:=\s*(?:by\s*)?(?:sorry)?\s*\Z")


@dataclass(frozen=True, slots=True)
class Snippet:
    """What Lean is given, and where in it our question stands (lines of `body`, from 1)."""

    header: str
    body: str
    first: int
    """The first line of the reply."""
    asked: int
    """The line of `#print axioms`."""
    mark: str


def blank(text: str) -> str:
    r"""Return the text with comments and strings taken out; block comments nest.

    >>> blank('simp -- sorry\nexact h /- a /- b -/ c -/ "axiom"').split()
    ['simp', 'exact', 'h']
    """
    kept: list[str] = []
    at = depth = 0
    while at < len(text):
        two = text[at : at + 2]
        if two == "/-" or (two == "-/" and depth):
            depth, at = depth + (1 if two == "/-" else -1), at + 2
        elif depth:
            kept.append("\n" if text[at] == "\n" else "")
            at += 1
        elif two == "--":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif text[at] == '"':
            match = STRING.match(text, at)
            kept.append(" ")
            at = match.end() if match else at + 1
        elif literal := CHARACTER.match(text, at):
            kept.append(" ")
            at = literal.end()
        else:
            kept.append(text[at])
            at += 1
    return "".join(kept)


def objection(code: str, *, native: bool) -> str:
    """Return what in a reply is refused, or nothing.

    >>> objection("simp [foo] -- no sorry here", native=False), objection("sorry", native=False)
    ('', 'sorry is not allowed in a proof')
    """
    if len(code) > LONGEST:
        return f"longer than {LONGEST:,} signs"
    if sign := strange(code):
        return f"an invisible sign: {sign}"
    if UNREAD.search(code):
        return "a quoted name or a raw string"
    text = blank(code)
    for pattern in (FORBIDDEN, KEYWORDS, HASH, OPTION, NATIVE, ATTRIBUTE):
        for match in pattern.finditer(text):
            word = (match[1] if pattern.groups else match[0]).strip()
            if not (native and (word == "native_decide" or pattern is NATIVE)):
                return f"{word} is not allowed in a proof"
    return ""


def snippet_of(
    reply: str, header: str, statement: str, mark: str, *, native: bool = False
) -> Snippet | Refused:
    """Return what Lean is given for a reply, or why nothing.

    Raises:
        ValueError: the problem's statement names no theorem.
    """
    name = NAMED.search(statement)
    if name is None:
        raise ValueError("the problem has no statement to prove")
    lines = {line.strip() for line in header.splitlines() if line.strip()}
    code = _without(code_of(reply, LANGUAGES), lines)
    if not blank(code).strip():
        return Refused("no proof found")
    if why := objection(code, native=native):
        return Refused(why)
    theorem = _last_theorem(code)
    if not theorem:
        theorem, code = name[2], f"{ENDING.sub('', statement).strip()} := by\n{_block(code)}"
    ours = NAMED.sub(lambda found: f"{found[1]}{mark}_ref", statement, count=1)
    before = f"{ENDING.sub('', ours).strip()} := by sorry\n"
    after = f"\ntheorem {mark}_final : type_of% @{mark}_ref := @{theorem}\n"
    body = f"{before}{code.rstrip()}\n{after}"
    first, asked = before.count("\n") + 1, body.count("\n") + 1
    return Snippet(header.strip(), f"{body}#print axioms {mark}_final", first, asked, mark)


def _without(code: str, lines: set[str]) -> str:
    """Drop the header's lines, which are loaded already, and imports of Mathlib's own parts."""
    kept = [line for line in code.splitlines() if line.strip() not in lines]
    mathlib = re.compile(r"\s*import\s+(?:Mathlib|Aesop|Batteries|Std|Init)[\w.]*\s*$")
    return "\n".join(line for line in kept if not mathlib.match(line))


def _last_theorem(code: str) -> str:
    found = STATED.findall(blank(code))
    return str(found[-1]) if found else ""


def _block(code: str) -> str:
    """Return a bare proof as an indented block of tactics."""
    text = re.sub(r"\A\s*(?::=)?\s*by\b", "", code).strip("\n")
    first, _, rest = text.partition("\n")
    margin = min(
        (len(line) - len(line.lstrip()) for line in rest.splitlines() if line.strip()), default=0
    )
    if first == first.lstrip():
        text = f"{' ' * margin}{text}"
    return indent(dedent(text), "  ")
