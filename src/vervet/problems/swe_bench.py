"""SWE-bench: issues of real repositories, to be repaired by a patch.

Jimenez et al. 2024 (arXiv:2310.06770). Brown et al. 2024 (arXiv:2407.21787) sampled the 300 of Lite
250 times, and found 34 whose tests do not always say the same of the same patch (their table 3).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vervet.problems.benchmark import FILE, Benchmark, Style, Upstream, of_row, question
from vervet.problems.rows import Row
from vervet.types import Problem

FLAKY = frozenset(
    {
        *(
            f"django__django-{n}"
            for n in (
                13315, 13447, 13590, 13710, 13757, 13933, 13964, 14017, 14238, 14382, 14608, 14672,
                14752, 14915, 14997, 14999, 15320, 15738, 15790, 15814, 15819, 16229, 16379, 16400,
                17051,
            )
        ),
        *(f"sympy__sympy-{n}" for n in (13146, 13177, 16988)),
        *(f"psf__requests-{n}" for n in (863, 2317, 2674, 3362)),
        "scikit-learn__scikit-learn-13241",
        "matplotlib__matplotlib-23987",
    }
)  # fmt: skip
"""The 34 problems of Lite with flaky tests: Brown et al. 2024, table 3."""
STEADY = "monkeys-266"
NEEDED = ("base_commit", "FAIL_TO_PASS")
NOT_FOR_VERIFIERS = {"problem_statement", "hints_text", "text", FILE}
ASK = """\
Repair this issue of a repository.

Repository: {repo}
Base commit: {base_commit}

<issue>
{issue}
</issue>

Reply with one patch in unified diff format, made from the root of the repository, in one ```diff \
block. Do not change its tests: they will be replaced.
"""


def steady(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems whose tests always say the same of the same patch."""
    return [problem for problem in problems if problem.id not in FLAKY]


def judged_by(problems: Sequence[Problem]) -> str:
    """Return `patch` where every problem brings its own repository, else the official harness."""
    return "patch" if all(p.reference.get("repository") for p in problems) else "swe-bench"


def _instance(row: Row, _: str) -> tuple[str, Mapping[str, Any]]:
    for name in NEEDED:
        if not row[name]:
            raise ValueError(f"{name} is empty")
    reference = {key: value for key, value in row.items() if key not in NOT_FOR_VERIFIERS}
    return str(row["instance_id"]), {key: _plain(value) for key, value in reference.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON, or what Parquet has instead
    return value if isinstance(value, str | int | float | list | dict | None) else str(value)


def _chat(row: Row) -> str:
    repo = row.get("repo") or row.get("repository") or ""
    return ASK.format(repo=repo, base_commit=row["base_commit"], issue=_issue(row))


def _issue(row: Row) -> str:
    return question(row, "problem_statement", "issue", "prompt").strip()


STYLES = {
    "chat": Style(of_row(_chat), max_tokens=4096, temperature=1.0),
    "issue": Style(of_row(_issue), max_tokens=4096, temperature=1.6),
}
"""Brown et al. took temperature 1.6, for an agent that asks several times."""


def _edition(name: str, repository: str, problems: str) -> Benchmark:
    patterns = {
        split: (f"*{split}*.parquet", f"*{split}.jsonl", f"*{split}.json")
        for split in ("test", "dev", "train")
    }
    return Benchmark(
        name,
        f"SWE-bench: {problems} issues to be repaired by a patch (Jimenez et al. 2024).",
        Upstream(repository, patterns),
        "swe-bench",
        _instance,
        STYLES,
        subsets={STEADY: steady},
        verifier_for=judged_by,
    )


swe_bench = _edition("swe-bench", "SWE-bench/SWE-bench_Lite", "Lite, 300")
swe_bench_full = _edition("swe-bench-full", "SWE-bench/SWE-bench", "2,294")
swe_bench_verified = _edition("swe-bench-verified", "SWE-bench/SWE-bench_Verified", "500 verified")
