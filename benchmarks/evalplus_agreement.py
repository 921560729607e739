"""Do `unit-tests` and EvalPlus agree? Every program, base and plus, every disagreement listed.

    python benchmarks/evalplus_agreement.py --data DATA --peer PYTHON --store FOLDER

DATA holds `humaneval_plus/`, `mbpp_plus/` and `codet/`. PYTHON is an interpreter with EvalPlus
(`pip install evalplus`). FOLDER keeps the programs and EvalPlus' verdicts, so that a run that was
broken off goes on, and a second one pays for ours only.

Programs: `codet`, 8,200 real ones of CodeGen-16B; `altered`, the reference solutions of HumanEval+
and MBPP+ with what goes wrong in practice put around them (`evalplus_alterations.py`), `--each` for
every problem. A disagreement is judged once more on both sides before it is listed, for a
machine with other work on it makes EvalPlus' clock run out.
"""

import argparse
import asyncio
import gzip
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np

from evalplus_alterations import ALTERATIONS, altered
from vervet.problems.humaneval import humaneval_plus
from vervet.problems.mbpp import mbpp_plus
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.code.suites import SuiteName
from vervet.verifiers.unit_tests import unit_tests

TESTS = {
    "humaneval": "humaneval_plus/HumanEvalPlus.jsonl.gz",
    "mbpp": "mbpp_plus/MbppPlus.jsonl.gz",
}
CODET = "codet/HumanEval_codegen16B_temp0.8_topp0.95_num100_max300_code_solution.jsonl"
SUITES: tuple[SuiteName, ...] = ("base", "plus")
Row = dict[str, Any]


def rows_of(path: Path) -> list[Row]:
    """Read whole JSON lines."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        return [json.loads(line) for line in file if line.endswith("\n")]


def codet(data: Path) -> Iterator[Row]:
    """Yield the real programs: prompts of HumanEval+ and what CodeGen-16B went on with."""
    problems = rows_of(data / TESTS["humaneval"])
    for row in rows_of(data / CODET):
        name = re.findall(r"def (\w+)\(", row["prompt"])[-1]
        alike = [problem for problem in problems if problem["entry_point"] == name]
        problem = max(  # two problems ask for a correct_bracketing
            alike,
            key=lambda problem: SequenceMatcher(None, problem["prompt"], row["prompt"]).ratio(),
        )
        for at, text in enumerate(row["samples"]):
            yield program("humaneval", problem, str(at), problem["prompt"] + text)


def alterations(data: Path, each: int, seed: int = 0) -> Iterator[Row]:
    """Yield altered reference solutions, `each` of every problem, other ones for every problem."""
    rng = np.random.default_rng(seed)
    for benchmark, file in TESTS.items():
        for row in rows_of(data / file):
            name, solution = row["entry_point"], row["prompt"] + row["canonical_solution"]
            for change in rng.choice(list(ALTERATIONS), each, replace=False):
                yield program(benchmark, row, change, altered(solution, name, change))


def program(benchmark: str, problem: Row, which: str, solution: str) -> Row:
    """Return one program as the peer reads it."""
    task = problem["task_id"]
    key = f"{task}/{problem['entry_point']}/{which}"
    return {"key": key, "benchmark": benchmark, "task_id": task, "solution": solution}


def theirs(given: argparse.Namespace, programs: Path, verdicts: Path) -> dict[str, Row]:
    """Have EvalPlus judge what it has not judged; return its verdicts."""
    environment = dict(os.environ)
    for benchmark, variable in (("humaneval", "HUMANEVAL"), ("mbpp", "MBPP")):
        plain = given.store / f"{benchmark}.jsonl"
        plain.write_bytes(gzip.decompress((given.data / TESTS[benchmark]).read_bytes()))
        environment[f"{variable}_OVERRIDE_PATH"] = str(plain)
    peer = Path(__file__).parent / "evalplus_agreement_peer.py"
    command = [given.peer, str(peer), str(programs), str(verdicts)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return {row["key"]: row for row in rows_of(verdicts)}


def problems_of(data: Path) -> dict[str, Problem]:
    """Return our problems by their names, without prompts: programs are whole."""
    return {
        problem.id: Problem(problem.id, "", {**problem.reference, "prompt": ""})
        for benchmark, load in (("humaneval", humaneval_plus), ("mbpp", mbpp_plus))
        for problem in load(path=data / TESTS[benchmark])
    }


async def ours(data: Path, programs: Sequence[Row]) -> dict[str, dict[str, Verdict]]:
    """Judge every program on the base tests, and on both suites where it passes those.

    Both suites begin with the base tests, so what fails these is not asked about again; EvalPlus'
    side does the same.
    """
    problems = problems_of(data)
    found: dict[str, dict[str, Verdict]] = {row["key"]: {} for row in programs}
    for suite in SUITES:
        verifier = unit_tests(suite=suite)
        queue = iter(programs)

        async def worker() -> None:
            for row in queue:  # noqa: B023 - awaited before the next suite
                verdicts = found[row["key"]]
                if verdicts and verdicts["base"].outcome is not Outcome.ACCEPT:
                    verdicts["plus"] = verdicts["base"]
                    continue
                problem = problems[row["task_id"]]
                sample = Sample(problem.id, "m", 0, f"```python\n{row['solution']}\n```")
                verdicts[suite] = await verifier.verify(problem, sample, 0)  # noqa: B023 - as above

        await asyncio.gather(*(worker() for _ in range(verifier.concurrency)))
        await verifier.aclose()
    return found


def passes(row: Row, suite: str) -> bool:
    """Whether EvalPlus passes a program; plus needs base."""
    return bool(row[suite] == "pass")


def differing(mine: dict[str, dict[str, Verdict]], peer: dict[str, Row]) -> list[tuple[str, str]]:
    """Return (key, suite) of every disagreement."""
    return [
        (key, suite)
        for key, verdicts in mine.items()
        for suite, verdict in verdicts.items()
        if (verdict.outcome is Outcome.ACCEPT) != passes(peer[key], suite)
    ]


def again(given: argparse.Namespace, rows: list[Row], name: str) -> list[tuple[str, str, str, str]]:
    """Judge disagreements once more on both sides; return those that stay, with both words."""
    programs, verdicts = given.store / f"{name}.jsonl", given.store / f"{name}_evalplus.jsonl"
    write(programs, rows)
    verdicts.unlink(missing_ok=True)
    peer = theirs(given, programs, verdicts)
    mine = asyncio.run(ours(given.data, rows))
    return [
        (
            key,
            suite,
            str(peer[key][suite]),
            f"{mine[key][suite].outcome}: {mine[key][suite].detail}",
        )
        for key, suite in differing(mine, peer)
    ]


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def compare(given: argparse.Namespace) -> None:
    """Judge on both sides and print what differs."""
    given.store.mkdir(parents=True, exist_ok=True)
    kind = given.programs
    rows = list(codet(given.data) if kind == "codet" else alterations(given.data, given.each))
    if given.only:
        rows = [row for row in rows if re.search(given.only, row["key"])]
    programs = given.store / f"{kind}.jsonl"
    write(programs, rows)
    peer = theirs(given, programs, given.store / f"{kind}_evalplus.jsonl")
    mine = asyncio.run(ours(given.data, rows))
    first = differing(mine, peer)
    odd = {key for key, _ in first}
    stay = again(given, [row for row in rows if row["key"] in odd], f"{kind}_again") if odd else []
    for suite in SUITES:
        left = sum(s == suite for _, s, _, _ in stay)
        both = sum(passes(peer[row["key"]], suite) for row in rows)
        print(
            f"{suite}: {len(rows) - left} of {len(rows)} verdicts equal "
            f"({1 - left / len(rows):.4%}; {both} pass EvalPlus); "
            f"{sum(s == suite for _, s in first)} before a second look"
        )
    for key, which, word, detail in stay:
        print(f"  {key} {which}: EvalPlus {word}; vervet {detail}")
    if kind == "altered":
        print("disagreements by alteration:", Counter(key.rpartition("/")[2] for key, *_ in stay))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peer", required=True, help="an interpreter with evalplus")
    parser.add_argument("--store", type=Path, required=True, help="a folder for what is kept")
    parser.add_argument("--programs", choices=("codet", "altered"), default="codet")
    parser.add_argument("--each", type=int, default=8, help="alterations of each problem")
    parser.add_argument("--only", default="", help="only programs whose key has this expression")
    given = parser.parse_args()
    if subprocess.run([given.peer, "-c", "import evalplus"], check=False).returncode:
        sys.exit(f"{given.peer}: no evalplus there; pip install evalplus")
    compare(given)


if __name__ == "__main__":
    main()
