"""What of a reply is run: an allow-list of commands, and where the theorem is.

The kernel has the last word (`rocq`). This comes before it: what a proof has no use for (axioms,
notations, modules, plugins, files, switched-off checks) is refused by name, unread by Rocq.
"""

import re
from dataclasses import dataclass

from vervet.verifiers.formal.sentences import (
    Unreadable,
    same_words,
    sentences,
    strange,
)

STATEMENTS = {"Theorem", "Lemma", "Fact", "Remark", "Corollary", "Proposition", "Example"}
CLOSERS = {"Qed", "Defined"}
DEFINITIONS = {"Definition", "Fixpoint", "Inductive", "Ltac", "Hint", "Create", "Arguments"}
SCOPES = {"Require", "From", "Import", "Export", "Open", "Close", "Opaque", "Transparent"}
QUERIES = {
    "Check", "About", "Print", "Search", "SearchPattern", "SearchRewrite", "Locate", "Compute",
    "Eval", "Show",
}  # fmt: skip
"""Asked for by people who try things out; they prove nothing and are not run."""
IN_PROOF = {"Proof", "Unshelve", "Focus", "Unfocus", "Guarded"}
RUN = STATEMENTS | CLOSERS | DEFINITIONS | SCOPES | IN_PROOF
SETTINGS = re.compile(r"(?:Unset|Set) (?:Implicit Arguments|Strict Implicit|Default Timeout \d+)\.")
PRINTING = re.compile(r"(?:Unset|Set) Printing [A-Za-z ]+\.")
ATTRIBUTES = re.compile(r"#\[\s*(?:local|global|export)\s*\]\s*")
PREFIX = re.compile(r"(?:Local|Global|Time)\s+|Timeout\s+\d+\s+")
SELECTOR = re.compile(r"(?:all|par|!|\d[\d\s,-]*|\[[^\]]*\])\s*:\s*")
HEAD = re.compile(r"([A-Z][\w']*)(\.[\w'])?")
STATED = re.compile(r"(?:(?:Local|Global)\s+)?([A-Z][a-z]+)\s+([^\W\d][\w']*)")
FENCE = re.compile(r"```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)
LONGEST = 200_000


@dataclass(frozen=True, slots=True)
class Script:
    """What is run for one reply."""

    lines: tuple[str, ...]
    theorem: str
    """The name under which the statement is then proved; empty: the proof alone was given."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing is run."""

    why: str


def code_of(reply: str, languages: tuple[str, ...] = ("coq", "rocq", "gallina", "v")) -> str:
    r"""Return the last block of code of a reply, one of these languages first; else all of it.

    >>> code_of("First: ```text\nno\n``` then ```coq\nlia.\n``` Done.")
    'lia.\n'
    """
    blocks = [(match[1].lower(), match[2]) for match in FENCE.finditer(reply)]
    ours = [body for language, body in blocks if language in languages]
    plain = [body for language, body in blocks if not language]
    return next((found[-1] for found in (ours, plain) if found), reply)


def read_script(reply: str, header: str) -> Script | Refused:
    """Return what of a reply is run, or why it is refused.

    >>> read_script("Proof. intros. lia. Qed.", "Require Import Lia.").lines
    ('Proof.', 'intros.', 'lia.', 'Qed.')
    >>> read_script("Axiom a : False. Theorem t : 1 = 2. Proof. case a. Qed.", "")
    Refused(why='Axiom is not allowed in a proof')
    """
    code = code_of(reply)
    if len(code) > LONGEST:
        return Refused(f"longer than {LONGEST:,} signs")
    if sign := strange(code):
        return Refused(f"an invisible sign: {sign}")
    try:
        given, known = sentences(code), sentences(header)
    except Unreadable as cause:
        return Refused(str(cause))
    return _chosen([line for line in given if not any(same_words(line, it) for it in known)])


def _chosen(lines: list[str]) -> Script | Refused:
    if not lines:
        return Refused("no proof found")
    at = next((i for i, line in enumerate(lines) if head(line) in STATEMENTS | CLOSERS), None)
    if at is None or head(lines[at]) in CLOSERS:
        kept = lines if at is None else lines[: at + 1]
        return _allowed([*kept, "Qed."] if at is None else kept, "")
    last = max(i for i, line in enumerate(lines) if head(line) in STATEMENTS)
    closed = (i for i in range(last, len(lines)) if head(lines[i]) in CLOSERS)
    match = STATED.match(lines[last])
    if match is None:
        return Refused(f"a theorem without a name: {lines[last][:60]}")
    return _allowed(lines[: next(closed, len(lines)) + 1], match[2])


def _allowed(lines: list[str], theorem: str) -> Script | Refused:
    """Keep what is run; refuse the whole where any sentence is not on the list."""
    tactics = {words[1] for line in lines if (words := line.split())[0] == "Ltac"}
    kept = []
    for line in lines:
        if (name := head(line)) in QUERIES or PRINTING.fullmatch(line):
            continue
        if name and name not in RUN and name not in tactics and not SETTINGS.fullmatch(line):
            return Refused(f"{name} is not allowed in a proof")
        kept.append(line)
    return Script(tuple(kept), theorem)


def head(line: str) -> str:
    """Return the command a sentence is, or nothing where it is a tactic.

    >>> head("Local Open Scope R_scope."), head("all: Lia.lia."), head("#[bypass_check(x)] Lemma")
    ('Open', '', 'an attribute')
    """
    rest = ATTRIBUTES.sub("", line, count=1) if line.startswith("#[") else line
    if rest.startswith("#["):
        return "an attribute"
    before = None
    while before != rest:
        before = rest
        rest = SELECTOR.sub("", PREFIX.sub("", rest, count=1), count=1) if _prefixed(rest) else rest
    found = HEAD.match(rest)
    return found[1] if found and not found[2] else ""


def _prefixed(line: str) -> bool:
    return bool(PREFIX.match(line) or SELECTOR.match(line))
