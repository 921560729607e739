"""SWE-bench: issues of real repositories, to be repaired by a patch.

Jimenez et al. 2024 (arXiv:2310.06770). Brown et al. 2024 (arXiv:2407.21787) sampled the 300 of Lite
250 times, and found 34 whose tests do not always say the same of the same patch (their table 3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError
from vervet.problems.benchmark import Benchmark, Style, Upstream, question
from vervet.problems.choose import choose
from vervet.problems.problem_set import ProblemSet
from vervet.problems.rows import Row

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
NOT_FOR_VERIFIERS = {"problem_statement", "hints_text", "text", "__file__"}
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


@dataclass(frozen=True, slots=True)
class SweBench(Benchmark):
    """SWE-bench in one of its editions; calling it returns its problems."""

    def __call__(
        self,
        *,
        split: str = "",
        path: str | Path | None = None,
        prompt: str = "chat",
        subset: str = "",
        ids: Sequence[str] | None = None,
        limit: int | None = None,
        seed: int | None = None,
    ) -> ProblemSet:
        """Return the problems.

        Args:
            split: the upstream split; empty for the one that is reported.
            path: rows in the upstream layout (JSON, JSON Lines, Parquet); else the hub.
            prompt: `chat`, or `issue` for the issue alone, as agents take it.
            subset: `monkeys-266`, without the problems of Lite whose tests are flaky.
            ids: these problems, in this order.
            limit: the first so many.
            seed: shuffle by this seed before `limit` cuts; None keeps the upstream order.

        Raises:
            ConfigError: an option has no such value, or the rows cannot be had or read.
        """
        if subset not in {"", STEADY}:
            raise ConfigError(f"{self.name}: no subset {subset!r}; there is: {STEADY}.")
        # A dataclass with slots is made anew, so `super()` would not know it.
        found = Benchmark.__call__(self, split=split, path=path, prompt=prompt)
        kept = [p for p in found.problems if not (subset and p.id in FLAKY)]
        local = all(p.reference.get("repository") for p in kept)
        return replace(
            found,
            problems=choose(self.name, kept, ids=ids, limit=limit, seed=seed),
            verifier="patch" if local else self.verifier,
        )


def _instance(row: Row, _: str) -> tuple[str, Mapping[str, Any]]:
    for name in NEEDED:
        if not row[name]:
            raise ValueError(f"{name} is empty")
    reference = {key: value for key, value in row.items() if key not in NOT_FOR_VERIFIERS}
    return str(row["instance_id"]), {key: _plain(value) for key, value in reference.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON, or what Parquet has instead
    return value if isinstance(value, str | int | float | list | dict | None) else str(value)


def _chat(row: Row, at: int, _: Sequence[Row]) -> str:
    repo = row.get("repo") or row.get("repository") or ""
    return ASK.format(repo=repo, base_commit=row["base_commit"], issue=_issue(row, at, ()))


def _issue(row: Row, _: int, __: Sequence[Row]) -> str:
    return question(row, "problem_statement", "issue", "prompt").strip()


STYLES = {
    "chat": Style(_chat, max_tokens=4096, temperature=1.0),
    "issue": Style(_issue, max_tokens=4096, temperature=1.6),
}
"""Brown et al. took temperature 1.6, for an agent that asks several times."""


def _edition(name: str, repository: str, problems: str) -> SweBench:
    patterns = {
        split: (f"*{split}*.parquet", f"*{split}.jsonl", f"*{split}.json")
        for split in ("test", "dev", "train")
    }
    return SweBench(
        name,
        f"SWE-bench: {problems} issues to be repaired by a patch (Jimenez et al. 2024).",
        Upstream(repository, patterns),
        "swe-bench",
        _instance,
        STYLES,
    )


swe_bench = _edition("swe-bench", "SWE-bench/SWE-bench_Lite", "Lite, 300")
swe_bench_full = _edition("swe-bench-full", "SWE-bench/SWE-bench", "2,294")
swe_bench_verified = _edition("swe-bench-verified", "SWE-bench/SWE-bench_Verified", "500 verified")
