"""How many Rocq proofs are judged a second, beside one coqc process for each proof.

    python benchmarks/rocq.py [rounds]

Each statement has a right proof and a wrong one. The peer compiles a file with the statement, the
proof and `Print Assumptions`, which is what a verdict needs; it runs unconfined. Both run one at a
time, taking turns, in the same run. Warm processes are started before the clock (their cost is
shown apart).
"""

import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vervet.types import Outcome, Problem, Sample
from vervet.verifiers.formal.rocq import Rocq

REALS = "Require Import Reals Lra.\nOpen Scope R_scope."
INTEGERS = "Require Import ZArith Lia.\nOpen Scope Z_scope."
PAIRS = (
    (REALS, "Theorem t (x : R) (h : 2 * x + 3 = 7) : x = 2.", "lra.", "reflexivity."),
    (
        REALS,
        "Theorem t (x y : R) : 2 * x * y <= x * x + y * y.",
        "pose proof (Rle_0_sqr (x - y)) as S; unfold Rsqr in S; lra.",
        "lra.",
    ),
    (REALS, "Theorem t (x : R) : 0 <= x * x.", "nra.", "lra."),
    (INTEGERS, "Theorem t (x y : Z) (h : 2 * x = 2 * y) : x = y.", "lia.", "congruence."),
    (INTEGERS, "Theorem t (n : Z) : n = 1 \\/ n <> 1.", "lia.", "now left."),
    (INTEGERS, "Theorem t (x : Z) (h : x = 2) : x * x * x = 8.", "now subst.", "reflexivity."),
)


def peer(header: str, statement: str, proof: str) -> tuple[bool, float]:
    """Compile one proof in a process of its own; return whether it passed, and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "t.v"
        file.write_text(
            f"{header}\n{statement}\nProof. intros. {proof} Qed.\nPrint Assumptions t.\n"
        )
        began = time.perf_counter()
        done = subprocess.run(["coqc", "-q", file], capture_output=True, check=False)
        return done.returncode == 0, time.perf_counter() - began


async def ours(verifier: Rocq, problem: Problem, proof: str) -> tuple[bool, float]:
    """Judge one proof in a warm process."""
    began = time.perf_counter()
    sample = Sample(problem.id, "s", 0, f"Proof. intros. {proof} Qed.")
    found = await verifier.verify(problem, sample, 0)
    assert found.outcome is not Outcome.ERROR, found.detail
    return found.outcome is Outcome.ACCEPT, time.perf_counter() - began


async def main() -> None:
    """Measure and print."""
    if shutil.which("coqc") is None:
        print("no coqc on this machine: apt install coq")
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    verifier = Rocq(workers=2)
    mine: dict[bool, list[float]] = {True: [], False: []}
    theirs: dict[bool, list[float]] = {True: [], False: []}
    wrong = 0
    starts = []
    for header in (REALS, INTEGERS):
        first = next(pair for pair in PAIRS if pair[0] == header)
        problem = Problem(header, "", {"header": header, "statement": first[1]})
        starts.append((await ours(verifier, problem, first[3]))[1])
    for _ in range(rounds):
        for header, statement, right, bad in PAIRS:
            problem = Problem(statement, "", {"header": header, "statement": statement})
            for expected, proof in ((True, right), (False, bad)):
                said, seconds = await ours(verifier, problem, proof)
                other, longer = peer(header, statement, proof)
                mine[expected].append(seconds)
                theirs[expected].append(longer)
                if said != expected or other != expected:
                    print(f"unexpected: {statement} {proof} vervet {said}, coqc {other}")
                wrong += (said != expected) + (other != expected)
    report(mine, theirs, wrong, starts)


def report(
    mine: dict[bool, list[float]],
    theirs: dict[bool, list[float]],
    wrong: int,
    starts: list[float],
) -> None:
    """Print the table."""
    print(f"warm process started in {statistics.median(starts):.2f} s; wrong verdicts: {wrong}")
    for name, keys in (("right", [True]), ("wrong", [False]), ("both", [True, False])):
        ours_, coqc = ([t for key in keys for t in times[key]] for times in (mine, theirs))
        print(
            f"{name:6} vervet {len(ours_) / sum(ours_):7.1f}/s "
            f"(median {statistics.median(ours_):.3f} s)"
        )
        print(
            f"       coqc   {len(coqc) / sum(coqc):7.1f}/s (median {statistics.median(coqc):.3f} s)"
            f"   ratio {sum(coqc) / sum(ours_):.1f}"
        )


if __name__ == "__main__":
    asyncio.run(main())
