"""Proofs in Lean 4, through a pool of REPL processes or a Kimina-compatible server by URL.

Both speak JSON messages with positions. A proof is accepted when no message is an error, nothing
in the reply is sorry, and the one answer that stands at our own line names allowed axioms only.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from vervet.errors import ConfigError, VerifierError
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.answer import TRUNCATED, Traits, named, verdict, without_thoughts
from vervet.verifiers.formal.kimina import Kimina
from vervet.verifiers.formal.lean_text import Snippet, snippet_of
from vervet.verifiers.formal.repl import Repl
from vervet.verifiers.formal.script import Refused

VERSION = "1"
AXIOMS = frozenset({"propext", "Classical.choice", "Quot.sound"})
NATIVE = frozenset({"Lean.ofReduceBool", "Lean.trustCompiler"})
DEPENDS = re.compile(r"\s*'([^']+)' depends on axioms:\s*\[([^\]]*)\]\s*")
FREE = re.compile(r"\s*'([^']+)' does not depend on any axioms\s*")
TRAITS = Traits(
    cost="a second to a minute of one processor and up to 8 GB, for each proof",
    deterministic=True,
    fooled_by="a statement that does not say what was meant; metaprograms that our list of words "
    "does not know: audit accepted proofs with SafeVerify or comparator where much depends on it",
)


class Backend(Protocol):
    """Something that elaborates Lean."""

    async def check(self, header: str, body: str) -> tuple[Mapping[str, Any], int]:
        """Return the response, and how many lines of it stand before `body`."""
        ...


class Lean:
    """Accepts a reply that proves the problem's statement in Lean 4."""

    traits = TRAITS

    def __init__(  # noqa: PLR0913 - two ways to reach Lean, each with its own settings
        self,
        *,
        url: str = "",
        command: str = "",
        project: str = "",
        seconds: float = 60.0,
        megabytes: int = 8_192,
        workers: int = 1,
        isolation: str = "namespaces",
        native: bool = False,
        release: str = "",
    ) -> None:
        """Make the verifier; give either `url` or `command`.

        Args:
            url: a Kimina-compatible server; its key is read from LEAN_SERVER_API_KEY.
            command: a program that speaks the REPL's protocol, as `lake env ../repl/.../repl`.
            project: the folder it runs in: a Lake project with Mathlib.
            seconds: wall time of one proof; a proof that needs more is rejected.
            megabytes: resident memory of one REPL process.
            workers: REPL processes, or requests in flight.
            isolation: `namespaces`; or `process`, which confines by limits only.
            native: whether native_decide, which trusts the compiler, is allowed.
            release: the Lean and Mathlib that are used; part of the verifier's id.

        Raises:
            ConfigError: neither or both ways are given, or an option has no such value.
        """
        if bool(url) == bool(command):
            raise ConfigError("lean: give url= of a Kimina server, or command= of a REPL.")
        if min(seconds, megabytes, workers) <= 0:
            raise ConfigError("lean: seconds, megabytes and workers must be positive.")
        self.settings = {
            "url": url, "command": command, "project": project, "seconds": seconds,
            "megabytes": megabytes, "workers": workers, "isolation": isolation,
            "native": native, "release": release,
        }  # fmt: skip
        self.id = named("lean", VERSION, seconds=seconds, native=native, release=release)
        self.native, self.concurrency = native, workers
        self.backend: Backend = (
            Kimina(url, seconds=seconds, workers=workers)
            if url
            else Repl(
                command,
                project,
                seconds=seconds,
                megabytes=megabytes,
                workers=workers,
                isolation=isolation,
            )
        )

    def __reduce__(self) -> tuple[Callable[..., "Lean"], tuple[type["Lean"], Any]]:
        """Go to another process as settings; REPL processes stay here."""
        return _remade, (type(self), self.settings)

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Accept if the statement is proved from the allowed axioms."""
        if sample.finish == "length":
            return verdict(self.id, sample, trial, Outcome.REJECT, None, TRUNCATED)
        mark = f"v{secrets.token_hex(12)}"
        header = str(problem.reference.get("header") or "")
        statement = str(problem.reference.get("statement") or "")
        try:
            snippet = snippet_of(
                without_thoughts(sample.text), header, statement, mark, native=self.native
            )
            outcome, detail = await self.checked(snippet)
        except (VerifierError, ValueError, TimeoutError) as cause:
            return verdict(self.id, sample, trial, Outcome.ERROR, None, str(cause) or "timed out")
        answer = "proved" if outcome is Outcome.ACCEPT else None
        return verdict(self.id, sample, trial, outcome, answer, detail)

    async def checked(self, snippet: Snippet | Refused) -> tuple[Outcome, str]:
        """Return what becomes of a snippet."""
        if isinstance(snippet, Refused):
            return Outcome.REJECT, snippet.why
        response, above = await self.backend.check(snippet.header, snippet.body)
        if "limit" in response:
            return Outcome.REJECT, str(response["limit"])
        return judge(response, snippet, above, AXIOMS | (NATIVE if self.native else frozenset()))

    def reference_replies(self, problem: Problem) -> dict[str, str]:
        """Return the proof a problem comes with, which must be accepted."""
        proof = str(problem.reference.get("proof") or "")
        return {"proof": proof} if proof else {}


def _remade(kind: type[Lean], settings: Mapping[str, Any]) -> Lean:
    return kind(**settings)


def judge(
    response: Mapping[str, Any], snippet: Snippet, above: int, allowed: frozenset[str]
) -> tuple[Outcome, str]:
    """Return what Lean's messages on a snippet amount to.

    Raises:
        VerifierError: they say nothing about the reply.
    """
    if not isinstance(response.get("env"), int):
        raise VerifierError(f"lean: {str(response.get('message') or response)[:200]}")
    messages = [(line_of(message) - above, message) for message in response.get("messages") or []]
    for line, message in messages:
        if message.get("severity") == "error":
            if 0 < line < snippet.first:
                raise VerifierError(f"the problem's own text fails: {gist(message)}")
            return Outcome.REJECT, gist(message)
    if any(line_of(sorry) - above >= snippet.first for sorry in response.get("sorries") or []):
        return Outcome.REJECT, "sorry"
    if any(line >= snippet.first and uses_sorry(message) for line, message in messages):
        return Outcome.REJECT, "declaration uses 'sorry'"
    told = [str(message.get("data", "")) for line, message in messages if line == snippet.asked]
    axioms = axioms_in(told, f"{snippet.mark}_final")
    if axioms is None:
        raise VerifierError("lean: no word on the proof's axioms")
    bad = sorted(axioms - allowed)
    return (Outcome.REJECT, f"rests on the axiom {bad[0]}") if bad else (Outcome.ACCEPT, "")


def axioms_in(told: list[str], name: str) -> set[str] | None:
    r"""Return the axioms that the one answer at our line names; None where it is no answer.

    >>> sorted(axioms_in(["'t' depends on axioms: [propext,\n Quot.sound]"], "t"))
    ['Quot.sound', 'propext']
    """
    if len(told) != 1:
        return None
    if (match := FREE.fullmatch(told[0])) and match[1] == name:
        return set()
    if (match := DEPENDS.fullmatch(told[0])) and match[1] == name:
        return {axiom.strip() for axiom in match[2].split(",") if axiom.strip()}
    return None


def line_of(message: Mapping[str, Any]) -> int:
    """Return the line a message or a sorry starts in; a missing one is inside the reply."""
    position = message.get("pos") or {}
    line = position.get("line")
    return line if isinstance(line, int) else 1 << 30


def uses_sorry(message: Mapping[str, Any]) -> bool:
    """Whether a message says that a declaration is not proved."""
    return "declaration uses" in str(message.get("data", "")) and "sorry" in str(message["data"])


def gist(message: Mapping[str, Any]) -> str:
    """Return a message on one line."""
    return " ".join(str(message.get("data", "")).split())[:200]
