"""Proofs in Rocq (Coq): accepted when the kernel says the very statement is proved.

    statement ──our name, first──▶ its type T        (in the clean environment of the problem)
    reply ──allow-list──▶ sentences ──▶ theorem t    (nothing of it is believed)
    `Definition final : T := t.` ──▶ `Print Assumptions final.` ⊆ axioms allowed, by full path

T is fixed before anything of the reply is read, under a name drawn at random, so a notation, a
shadowed name or an added hypothesis can only make the last line fail.
"""

import asyncio
import re
import secrets
import subprocess
import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

from vervet.errors import ConfigError, SandboxError, VerifierError
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.answer import TRUNCATED, Traits, named, verdict, without_thoughts
from vervet.verifiers.formal.coqtop import (
    MEMORY,
    Coqtop,
    Died,
    Late,
    Limits,
    Stalled,
    gist,
    program,
    start,
)
from vervet.verifiers.formal.script import Refused, Script, head, read_script
from vervet.verifiers.formal.sentences import Unreadable, sentences

VERSION = "1"
AXIOMS = (
    "Coq.Logic.Classical_Prop.classic",
    "Coq.Logic.ClassicalEpsilon.constructive_indefinite_description",
    "Coq.Logic.ClassicalUniqueChoice.dependent_unique_choice",
    "Coq.Logic.Description.constructive_definite_description",
    "Coq.Logic.Epsilon.epsilon_statement",
    "Coq.Logic.Eqdep.Eq_rect_eq.eq_rect_eq",
    "Coq.Logic.FunctionalExtensionality.functional_extensionality_dep",
    "Coq.Logic.IndefiniteDescription.constructive_indefinite_description",
    "Coq.Logic.JMeq.JMeq_eq",
    "Coq.Logic.ProofIrrelevance.proof_irrelevance",
    "Coq.Logic.PropExtensionality.propositional_extensionality",
    "Coq.Reals.ClassicalDedekindReals.sig_forall_dec",
    "Coq.Reals.ClassicalDedekindReals.sig_not_dec",
)
"""What the standard library assumes: classical logic, choice and extensionality, by full path."""
PRIMITIVE = ("Coq.Numbers.Cyclic.Int63.", "Coq.Floats.")
"""Machine integers and floats: the library's axioms about the kernel's own arithmetic."""
ASSUMES = {"Axiom", "Axioms", "Parameter", "Parameters", "Conjecture"}
LOADS = re.compile(r"(?:Require|From)\b")
CLOSED = "Closed under the global context"
AXIOM_LINE = re.compile(r"([\w.']+)(?: :.*)?")
LOCATED = re.compile(r"^(?:Constant|Inductive) (\S+)", re.MULTILINE)
NAME_OF = re.compile(
    r"\s*(?:Theorem|Lemma|Fact|Remark|Corollary|Proposition|Example)\s+([^\W\d][\w']*)"
)

TRAITS = Traits(
    cost="about ten milliseconds and the proof's own time; a tenth of a second for its axioms",
    deterministic=True,
    fooled_by="a statement that does not say what was meant; a bug in Rocq's kernel",
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

    @property
    def axioms(self) -> tuple[str, ...]:
        """Return what the problem itself assumes."""
        words = (line.split()[1] for line in self.setting if head(line) in ASSUMES)
        return tuple(f"Top.{word.rstrip(':')}" for word in words)


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one proof."""

    outcome: Outcome
    detail: str = ""


class Rocq:
    """Accepts a reply that proves the problem's statement in Rocq."""

    traits = TRAITS

    def __init__(
        self,
        *,
        seconds: float = 60.0,
        megabytes: int = 4_096,
        workers: int = 2,
        isolation: str = "namespaces",
        axioms: str = "",
    ) -> None:
        """Make the verifier.

        Args:
            seconds: processor time of one proof; a proof that needs more is rejected.
            megabytes: address space of a worker process.
            workers: processes, kept warm by the libraries they have loaded.
            isolation: `namespaces`; or `process`, which confines by limits only.
            axioms: full paths allowed besides the standard library's, separated by spaces.

        Raises:
            ConfigError: Rocq is not installed, or an option has no such value.
        """
        if isolation not in {"namespaces", "process"}:
            raise ConfigError(f"rocq: isolation {isolation!r} is neither namespaces nor process.")
        if min(seconds, megabytes, workers) <= 0:
            raise ConfigError("rocq: seconds, megabytes and workers must be positive.")
        extra = tuple(sorted(axioms.split()))
        release = version_of(program())
        self.id = named("rocq", VERSION, release=release, seconds=seconds, axioms=extra)
        self.concurrency = workers
        self.settings = {
            "seconds": seconds, "megabytes": megabytes, "workers": workers,
            "isolation": isolation, "axioms": axioms,
        }  # fmt: skip
        self.allowed = frozenset(AXIOMS + extra)
        self.old = int(release.partition(".")[0]) < 9  # noqa: PLR2004 - Rocq 9 renamed its library
        self.pool = Pool(Limits(seconds, megabytes), workers, isolation)

    def __reduce__(self) -> tuple[Callable[..., "Rocq"], tuple[type["Rocq"], Any]]:
        """Go to another process as settings; worker processes stay here."""
        return _remade, (type(self), self.settings)

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Accept if the statement is proved from the allowed axioms."""
        if sample.finish == "length":
            return verdict(self.id, sample, trial, Outcome.REJECT, None, TRUNCATED)
        try:
            theorem = theorem_of(problem.reference, old=self.old)
            script = read_script(self.text(sample), str(problem.reference.get("header", "")))
            finding = await self.checked(theorem, script)
        except (VerifierError, SandboxError) as cause:
            return verdict(self.id, sample, trial, Outcome.ERROR, None, str(cause))
        answer = "proved" if finding.outcome is Outcome.ACCEPT else None
        return verdict(self.id, sample, trial, finding.outcome, answer, finding.detail)

    def text(self, sample: Sample) -> str:
        """Return a reply in the words of the Rocq that is installed."""
        text = without_thoughts(sample.text)
        return text.replace("From Stdlib ", "From Coq ") if self.old else text

    def reference_replies(self, problem: Problem) -> dict[str, str]:
        """Return the proof a problem comes with, which must be accepted."""
        proof = str(problem.reference.get("proof") or "")
        return {"proof": proof} if proof else {}

    async def checked(self, theorem: Theorem, script: Script | Refused) -> Finding:
        """Return what becomes of a script."""
        if isinstance(script, Refused):
            return Finding(Outcome.REJECT, script.why)
        asked = self.pool.threads.submit(self.check, theorem, script)
        return await asyncio.shield(asyncio.wrap_future(asked))

    def check(self, theorem: Theorem, script: Script) -> Finding:
        """Run a script in a warm process; once more in a fresh one where that one died."""
        finding = self.attempt(theorem, script)
        return finding or self.attempt(theorem, script, last=True) or lost()

    def attempt(self, theorem: Theorem, script: Script, *, last: bool = False) -> Finding | None:
        """Run a script; None where the process died and it is worth another try."""
        worker = self.pool.take(theorem.preamble)
        limit = self.pool.limits
        try:
            worker.begin(limit.seconds)
            finding = prove(worker, theorem, script, self.allowed)
            back = worker.tell(f"BackTo {worker.state}.")
        except Late:
            self.pool.drop(worker)
            return Finding(Outcome.REJECT, f"time limit: {limit.seconds:g} s of processor time")
        except Stalled:
            self.pool.drop(worker)
            raise VerifierError("rocq: the machine is too busy to check this proof") from None
        except Died:
            said = bytes(worker.errors).decode("utf-8", "replace")
            self.pool.drop(worker)
            if MEMORY.search(said):
                return Finding(Outcome.REJECT, f"memory limit: {limit.megabytes} MB")
            return lost() if last else None
        except BaseException:
            self.pool.drop(worker)
            raise
        self.pool.give(theorem.preamble, worker, fit=back.state == worker.state)
        return finding


def lost() -> Finding:
    """Return what is known where a process ended twice without saying why: nothing."""
    return Finding(Outcome.ERROR, "rocq: the worker process ended")


def _remade(kind: type[Rocq], settings: Mapping[str, Any]) -> Rocq:
    return kind(**settings)


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


def prove(worker: Coqtop, theorem: Theorem, script: Script, allowed: frozenset[str]) -> Finding:
    """Run a script on a theorem, then ask the kernel."""
    mark = f"v{secrets.token_hex(12)}"
    worker.forget()
    worker.sent = worker.prompts = 0
    fix_statement(worker, theorem, mark)
    lines = script.lines if script.theorem else (theorem.statement, *script.lines)
    for line in lines:
        reply = worker.tell(line)
        if MEMORY.search(gist(reply.said)):
            return Finding(Outcome.REJECT, f"memory limit: {worker.limits.megabytes} MB")
        if reply.failed:
            return Finding(Outcome.REJECT, f"{line[:60]} {gist(reply.said)}")
    return audit(worker, script.theorem or theorem.name, mark, allowed | set(theorem.axioms))


def fix_statement(worker: Coqtop, theorem: Theorem, mark: str) -> None:
    """Elaborate the statement in its own setting and keep its type under a name of ours.

    Raises:
        VerifierError: the problem's own text fails.
    """
    ours = re.sub(rf"\b{re.escape(theorem.name)}\b", f"{mark}_stated", theorem.statement, count=1)
    kept = f"Definition {mark}_type := ltac:(let t := type of {mark}_stated in exact t)."
    for line in (*theorem.setting, ours, "Admitted.", kept):
        reply = worker.tell(line)
        if reply.failed:
            raise VerifierError(f"the problem's own text fails: {gist(reply.said)}")


def audit(worker: Coqtop, name: str, mark: str, allowed: frozenset[str]) -> Finding:
    """Ask the kernel whether `name` proves the statement, and from which axioms."""
    worker.forget()
    worker.write(f"Check {mark}_ready.")
    worker.sent += 1
    worker.read(f"{mark}_ready was".encode())
    worker.forget()
    if worker.sent != worker.prompts:
        return Finding(Outcome.REJECT, "a sentence that Rocq reads as several")
    reply = worker.tell(f"Definition {mark}_final : {mark}_type := {name}.")
    if reply.failed:
        return Finding(Outcome.REJECT, f"not the statement: {gist(reply.said)}")
    printed = ask(worker, f"Print Assumptions {mark}_final.", mark)
    names = assumed(printed)
    if names is None:
        return Finding(Outcome.REJECT, f"rests on {' '.join(printed.split())[:160]!r}")
    for axiom in names:
        found = LOCATED.search(ask(worker, f"Locate {axiom}.", mark))
        path = found[1] if found else axiom
        if path not in allowed and not path.startswith(PRIMITIVE):
            return Finding(Outcome.REJECT, f"rests on the axiom {axiom.replace(mark, 'ours')}")
    return Finding(Outcome.ACCEPT)


def ask(worker: Coqtop, question: str, mark: str) -> str:
    """Return all that a question prints: what comes before an end mark of ours."""
    worker.tell("Check tt.")
    worker.forget()
    end = f"{mark}_end{secrets.token_hex(4)}"
    worker.write(f"{question}\nLocate {end}.\nCheck {end}.")
    reply = worker.read(f"{end} was".encode(), printed=end.encode())
    return reply.printed.rpartition("No object of")[0].strip()


def assumed(printed: str) -> list[str] | None:
    r"""Return the names of the axioms that `Print Assumptions` lists; None where it says more.

    >>> assumed("Closed under the global context")
    []
    >>> assumed("Axioms:\nclassic : forall P : Prop,\n  P \\/ ~ P")
    ['classic']
    >>> assumed("Axioms:\nf is assumed to be guarded.") is None
    True
    """
    if printed == CLOSED:
        return []
    first, _, rest = printed.partition("\n")
    if first.strip() != "Axioms:":
        return None
    matches = [AXIOM_LINE.fullmatch(line) for line in rest.splitlines() if line[:1].strip()]
    return [match[1] for match in matches if match] if all(matches) and matches else None


@cache
def version_of(path: str) -> str:
    """Return the release of the Rocq at `path`."""
    said = subprocess.run(  # noqa: S603 - the program that was found
        [path, "--print-version"], capture_output=True, text=True, check=False
    ).stdout
    return said.split()[0] if said.split() else "0"


class Pool:
    """Warm processes by the libraries they have loaded; at most `workers` alive."""

    def __init__(self, limits: Limits, workers: int, isolation: str) -> None:
        self.limits, self.workers, self.isolation = limits, workers, isolation
        self.idle: list[tuple[tuple[str, ...], Coqtop]] = []
        self.lock = threading.Lock()
        self.threads = ThreadPoolExecutor(workers, thread_name_prefix="rocq")
        weakref.finalize(self, close, self.idle, self.threads)

    def take(self, preamble: tuple[str, ...]) -> Coqtop:
        """Return a process that has loaded `preamble`, a new one where none is idle."""
        with self.lock:
            at = next((i for i, (key, _) in enumerate(self.idle) if key == preamble), None)
            if at is not None:
                return self.idle.pop(at)[1]
            old = self.idle.pop(0)[1] if len(self.idle) >= self.workers else None
        if old is not None:
            old.kill()
        return start(preamble, self.limits, self.isolation)

    def give(self, preamble: tuple[str, ...], worker: Coqtop, *, fit: bool) -> None:
        """Take a process back; replace it where it has done its share or did not go back."""
        worker.uses += 1
        swollen = worker.peak_megabytes() > self.limits.megabytes / 2
        if not fit or swollen or worker.uses >= self.limits.uses:
            worker.kill()
            return
        with self.lock:
            self.idle.append((preamble, worker))

    def drop(self, worker: Coqtop) -> None:
        """End a process that can no longer be trusted."""
        worker.kill()


def close(idle: list[tuple[tuple[str, ...], Coqtop]], threads: ThreadPoolExecutor) -> None:
    """End every idle process."""
    threads.shutdown(wait=False, cancel_futures=True)
    while idle:
        idle.pop()[1].kill()
