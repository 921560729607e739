"""EvalPlus' side of `evalplus_agreement.py`: run by an interpreter that has it installed.

    python evalplus_agreement_peer.py PROGRAMS VERDICTS

PROGRAMS has one JSON line `{"key", "benchmark", "task_id", "solution"}` a program, those of one
problem together; VERDICTS gets one line `{"key", "base", "plus"}` a program and is continued where
it ends. EvalPlus' own functions make the expected values and the verdicts; the plus tests are run
where the base tests pass, as its score needs both. A problem's expected values live no longer than
its programs, so that EvalPlus' forks stay small.
"""

import json
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache
def problems_of(benchmark: str) -> dict[str, Any]:
    """Return EvalPlus' problems by name."""
    from evalplus.data import get_human_eval_plus, get_mbpp_plus  # noqa: PLC0415 - a peer

    load = get_human_eval_plus if benchmark == "humaneval" else get_mbpp_plus
    problems: dict[str, Any] = load()
    return problems


@lru_cache(maxsize=1)
def truth_of(benchmark: str, task: str) -> dict[str, Any]:
    """Return the expected values and times of one problem, made as EvalPlus makes them."""
    from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS  # noqa: PLC0415
    from evalplus.gen.util import trusted_exec  # noqa: PLC0415 - a peer

    problem = problems_of(benchmark)[task]
    entry_point = problem["entry_point"]
    only_not_none = benchmark == "mbpp" and entry_point in MBPP_OUTPUT_NOT_NONE_TASKS
    code, truth = problem["prompt"] + problem["canonical_solution"], {}
    for suite in ("base", "plus"):
        values, seconds = trusted_exec(
            code, problem[f"{suite}_input"], entry_point, record_time=True,
            output_not_none=only_not_none,
        )  # fmt: skip
        truth |= {suite: values, f"{suite}_time": seconds}
    return truth


def judged(row: dict[str, Any]) -> dict[str, Any]:
    """Return the statuses of one program."""
    from evalplus.eval import untrusted_check  # noqa: PLC0415 - a peer

    benchmark, task = row["benchmark"], row["task_id"]
    problem, truth = problems_of(benchmark)[task], truth_of(benchmark, task)
    found = {"key": row["key"], "base": None, "plus": None}
    for suite in ("base", "plus"):
        found[suite], _ = untrusted_check(
            benchmark, row["solution"], problem[f"{suite}_input"], problem["entry_point"],
            expected=truth[suite], atol=problem["atol"], ref_time=truth[f"{suite}_time"],
            fast_check=True,
        )  # fmt: skip
        if found[suite] != "pass":
            break
    return found


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read whole JSON lines; none where there is no file."""
    if path.exists():
        with path.open() as file:
            yield from (json.loads(line) for line in file if line.endswith("\n"))


def main() -> None:
    """Judge what has not been judged."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    programs, verdicts = map(Path, sys.argv[1:3])
    done = {row["key"] for row in lines(verdicts)}
    with verdicts.open("a") as out:
        for row in lines(programs):
            if row["key"] not in done:
                out.write(json.dumps(judged(row)) + "\n")
                out.flush()


if __name__ == "__main__":
    main()
