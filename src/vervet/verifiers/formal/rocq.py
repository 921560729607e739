"""Proofs in Rocq (Coq): accepted when the kernel says the very statement is proved.

    statement ──our name, first──▶ its type T        (in the clean environment of the problem)
    reply ──allow-list──▶ sentences ──▶ theorem t    (nothing of it is believed)
    `Definition final : T := t.` ──▶ what it rests on ⊆ axioms allowed, by full path (`axioms`)

T is fixed before anything of the reply is read, under a name drawn at random, so a notation, a
shadowed name or an added hypothesis can only make the last line fail.
"""

import asyncio
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
from vervet.verifiers.formal.axioms import AXIOMS, Audit, is_plain
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
from vervet.verifiers.formal.recheck import programs, recheck
from vervet.verifiers.formal.script import Refused, Script, read_script
from vervet.verifiers.formal.theorem import Theorem, theorem_of

VERSION = "1"
TRAITS = Traits(
    cost="about ten milliseconds and the proof's own time; half a second where it uses new lemmas",
    deterministic=True,
    fooled_by="a statement that does not say what was meant; a bug in Rocq's kernel",
)


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
        rechecked: bool = False,
    ) -> None:
        """Make the verifier.

        Args:
            seconds: processor time of one proof; a proof that needs more is rejected.
            megabytes: address space of a worker process.
            workers: processes, kept warm by the libraries they have loaded.
            isolation: `namespaces`; or `process`, which confines by limits only.
            axioms: full paths allowed besides the standard library's, separated by spaces.
            rechecked: compile what was accepted anew and have `coqchk` check it.

        Raises:
            ConfigError: Rocq is not installed, or an option has no such value.
        """
        if isolation not in {"namespaces", "process"}:
            raise ConfigError(f"rocq: isolation {isolation!r} is neither namespaces nor process.")
        if min(seconds, megabytes, workers) <= 0:
            raise ConfigError("rocq: seconds, megabytes and workers must be positive.")
        extra = tuple(sorted(axioms.split()))
        release = version_of(program())
        self.id = named(
            "rocq", VERSION, release=release, seconds=seconds, axioms=extra, rechecked=rechecked
        )
        self.rechecked = rechecked and bool(programs())
        self.concurrency = workers
        self.settings = {
            "seconds": seconds, "megabytes": megabytes, "workers": workers,
            "isolation": isolation, "axioms": axioms, "rechecked": rechecked,
        }  # fmt: skip
        self.audit = Audit(frozenset(AXIOMS + extra))
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
        finding = self.attempt(theorem, script) or self.attempt(theorem, script, last=True)
        if finding is None or finding.outcome is not Outcome.ACCEPT or not self.rechecked:
            return finding or lost()
        lines = theorem.file(script, f"v{secrets.token_hex(12)}")
        why = recheck(lines, self.pool.limits, self.pool.isolation)
        return Finding(Outcome.REJECT, why) if why else finding

    def attempt(self, theorem: Theorem, script: Script, *, last: bool = False) -> Finding | None:
        """Run a script; None where the process died and it is worth another try."""
        worker = self.pool.take(theorem.preamble)
        limit = self.pool.limits
        try:
            worker.begin(limit.seconds)
            finding = prove(worker, theorem, script, self.audit)
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


def prove(worker: Coqtop, theorem: Theorem, script: Script, audit: Audit) -> Finding:
    """Run a script on a theorem, then ask the kernel."""
    mark = f"v{secrets.token_hex(12)}"
    worker.forget()
    worker.sent = worker.prompts = 0
    for line in theorem.fixed(mark):
        reply = worker.tell(line)
        if reply.failed:
            raise VerifierError(f"the problem's own text fails: {gist(reply.said)}")
    for line in theorem.claimed(script):
        reply = worker.tell(line)
        if MEMORY.search(gist(reply.said)):
            return Finding(Outcome.REJECT, f"memory limit: {worker.limits.megabytes} MB")
        if reply.failed:
            return Finding(Outcome.REJECT, f"{line[:60]} {gist(reply.said)}")
    return settle(worker, theorem, script, mark) or rests(worker, theorem, script, mark, audit)


def settle(worker: Coqtop, theorem: Theorem, script: Script, mark: str) -> Finding | None:
    """Ask the kernel whether the statement is what was proved; None where it is."""
    worker.forget()
    worker.write(f"Check {mark}_ready.")
    worker.sent += 1
    worker.read(f"{mark}_ready was".encode())
    worker.forget()
    if worker.sent != worker.prompts:
        return Finding(Outcome.REJECT, "a sentence that Rocq reads as several")
    reply = worker.tell(theorem.final(script, mark))
    if reply.failed:
        return Finding(Outcome.REJECT, f"not the statement: {gist(reply.said)}")
    return None


def rests(worker: Coqtop, theorem: Theorem, script: Script, mark: str, audit: Audit) -> Finding:
    """Ask which axioms a proof of the very statement rests on."""
    setting = (*theorem.preamble, *theorem.setting)
    plain = is_plain(theorem.claimed(script))
    why = audit.offence(worker, theorem.proved(script), mark, setting=setting, plain=plain)
    return Finding(Outcome.REJECT, why) if why else Finding(Outcome.ACCEPT)


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
