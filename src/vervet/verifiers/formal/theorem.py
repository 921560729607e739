"""What is to be proved in Rocq, and the sentences that settle whether it was."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vervet.errors import VerifierError
from vervet.verifiers.formal.script import Script
from vervet.verifiers.formal.sentences import Unreadable, sentences

LOADS = re.compile(r"(?:Require|From)\b")
NAME_OF = re.compile(
    r"\s*(?:Theorem|Lemma|Fact|Remark|Corollary|Proposition|Example)\s+([^\W\d][\w']*)"
)


@dataclass(frozen=True, slots=True)
class Theorem:
    """What is to be proved."""

    preamble: tuple[str, ...]
    """Libraries to load: what a warm process has done already."""
    setting: tuple[str, ...]
    """Scopes and definitions the statement needs."""
    statement: str
    name: str

    def fixed(self, mark: str) -> tuple[str, ...]:
        """Return what elaborates the statement in its own setting and keeps its type."""
        name = re.escape(self.name)
        ours = re.sub(rf"\b{name}\b", f"{mark}_stated", self.statement, count=1)
        kept = f"Definition {mark}_type := ltac:(let t := type of {mark}_stated in exact t)."
        return (*self.setting, ours, "Admitted.", kept)

    def claimed(self, script: Script) -> tuple[str, ...]:
        """Return the candidate's own sentences."""
        return script.lines if script.theorem else (self.statement, *script.lines)

    def proved(self, script: Script) -> str:
        """Return the name under which the candidate proves the statement."""
        return script.theorem or self.name

    def final(self, script: Script, mark: str) -> str:
        """Return the sentence that holds only where the very statement was proved."""
        return f"Definition {mark}_final : {mark}_type := {self.proved(script)}."

    def file(self, script: Script, mark: str) -> tuple[str, ...]:
        """Return all of it, as one file."""
        return (
            *self.preamble, *self.fixed(mark), *self.claimed(script), self.final(script, mark)
        )  # fmt: skip


def theorem_of(reference: Mapping[str, Any], *, old: bool) -> Theorem:
    """Read what is to be proved from a problem's `header` and `statement`.

    Raises:
        VerifierError: the problem says nothing that can be proved.
    """
    header, statement = str(reference.get("header") or ""), str(reference.get("statement") or "")
    if old:
        header = header.replace("From Stdlib ", "From Coq ")
    match = NAME_OF.match(statement)
    if match is None:
        raise VerifierError("the problem has no statement to prove")
    try:
        lines, stated = sentences(header), sentences(statement)
    except Unreadable as cause:
        raise VerifierError(f"the problem's statement cannot be read: {cause}") from cause
    loads = next((i for i, line in enumerate(lines) if not LOADS.match(line)), len(lines))
    return Theorem(tuple(lines[:loads]), tuple(lines[loads:]), stated[0], match[1])
