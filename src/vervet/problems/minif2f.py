"""miniF2F: 244 + 244 competition statements to prove, in Lean 4 and in Rocq.

Zheng, Han, Polu 2022 (arXiv:2109.00110); Lean 4 by Yang, Rocq by LLM4Rocq. The names of theorems
tell where they are from (`imo_1960_p2`), so a prompt never shows them: Brown et al. 2024
(arXiv:2407.21787) call the theorem to prove `theorem6`, after five examples. Their subset is the
130 `mathd` statements of the test split.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vervet.problems.benchmark import Benchmark, Prompt, Style, Upstream, of_row
from vervet.problems.rows import Row, read_rows
from vervet.types import Problem

SHOWN = "theorem6"
TEMPERATURE, MAX_TOKENS = 0.5, 2048
COMMENT = re.compile(r"\(\*.*?\*\)", re.DOTALL)
LEAN_COMMENT = re.compile(r"/-.*?-/|--[^\n]*", re.DOTALL)
SORRY = re.compile(r":=\s*(?:by\s*)?(?:sorry)?\s*\Z")
PROOF = re.compile(r"^\s*Proof\b.*", re.DOTALL | re.MULTILINE)
ROCQ_CHAT = (
    "Prove this theorem in Rocq (Coq 8.16) with its standard library. Reply with the whole proof, "
    "from `Proof.` to `Qed.`, in one ```coq block.\n\n```coq\n{header}\n\n{statement}\n```"
)
LEAN_CHAT = (
    "Prove this theorem in Lean 4 with Mathlib. Reply with the whole theorem and its proof in one "
    "```lean4 block.\n\n```lean4\n{header}\n\n{statement} := by\n  sorry\n```"
)
LEAN_ASK = (
    "Write a lean4 proof to the provided formal statement. You have access to the standard "
    "mathlib4 library.\n```{header}\n\n{statement} := by\n"
)
"""The instruction of Brown et al.; `Write a lean4` is their stop string."""
EXAMPLES = (
    (
        (
            "(k x : ℝ) (h₀ : x = (13 - Real.sqrt 131) / 4) (h₁ : 2 * x ^ 2 - 13 * x + k = 0) :\n"
            "  k = 19 / 4"
        ),
        "rw [h₀] at h₁\n  nlinarith [Real.sq_sqrt (show (0 : ℝ) ≤ 131 by norm_num)]",
    ),
    (
        "(x p : ℝ) (h₀ : x < 2) (h₁ : |x - 2| = p) : x - p = 2 - 2 * p",
        "rw [abs_of_neg (by linarith)] at h₁\n  linarith",
    ),
    (
        (
            "(x : ℝ) (f g : ℝ → ℝ) (h₀ : ∀ x, f x = x + 2) (h₁ : ∀ x, g x = x ^ 2)\n"
            "  (h₂ : f (g x) = g (f x)) : x = -1 / 2"
        ),
        "simp only [h₀, h₁] at h₂\n  nlinarith",
    ),
    (
        (
            "(a b : ℝ) (h₀ : a ≠ b) (h₁ : a ≠ 2 * b) (h₂ : (4 * a + 3 * b) / (a - 2 * b) = 5) :\n"
            "  (a + 11 * b) / (a - b) = 2"
        ),
        (
            "have h₃ : a - 2 * b ≠ 0 := sub_ne_zero.mpr h₁\n"
            "  have h₄ : a - b ≠ 0 := sub_ne_zero.mpr h₀\n"
            "  rw [div_eq_iff h₃] at h₂\n  rw [div_eq_iff h₄]\n  linarith"
        ),
    ),
    (": Int.floor ((9 : ℝ) / 160 * 100) = 5", "rw [Int.floor_eq_iff]\n  constructor <;> norm_num"),
)
"""The five statements of the paper's prompt (mathd_algebra_116, amc12_2000_p5, mathd_algebra_132,
mathd_algebra_11, mathd_numbertheory_84), with proofs of our own."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, its own name taken out of it."""

    name: str
    header: str
    text: str
    """From `theorem` to the end of the type."""


Read = Callable[[str, str], Statement]
"""Turns (name, the text of a file) into a statement."""
Styles = Mapping[str, tuple[Callable[[Statement], str], tuple[str, ...]]]
"""By name: how a statement is asked for, and what ends a reply."""


def rows_of(file: Path, split: str) -> list[Row]:
    """Return the rows of a split: one file for each statement, or a table of them.

    Raises:
        ConfigError: the table cannot be read.
    """
    if file.suffix in {".lean", ".v"}:
        return [{"name": file.stem, "statement": file.read_text(encoding="utf-8")}]
    return [row for row in read_rows(file) if str(row.get("split", split)) == split]


def statement_of(read: Read, row: Row) -> Statement:
    """Return the statement of a row, by the names that upstream's copies give its parts.

    Raises:
        KeyError: the row has no name, or no statement.
        ValueError: the statement is of no theorem of that name.
    """
    name = _text(row, ("id", "name", "theorem_name"))
    stated = _text(row, ("formal_statement", "statement", "rocq_statement", "theorem"))
    header = str(row.get("header") or row.get("rocq_header") or "")
    return read(name, f"{header}\n\n{stated}")


def _text(row: Row, names: Sequence[str]) -> str:
    found = next((row[name] for name in names if row.get(name)), None)
    if found is None:
        raise KeyError(names[0])
    return str(found)


def mathd(problems: Sequence[Problem]) -> list[Problem]:
    """Return the statements that the paper sampled."""
    return [problem for problem in problems if problem.id.startswith("mathd")]


def read_rocq(name: str, text: str) -> Statement:
    r"""Read a Rocq file: what comes before the theorem, and the theorem.

    >>> read_rocq("imo_1", "Require Import Lia.\nTheorem imo_1 : 1 = 1.\nProof.\nAdmitted.").text
    'Theorem theorem6 : 1 = 1.'
    """
    clean = COMMENT.sub(" ", text)
    return _cut(name, clean, rf"^\s*(?:Theorem|Lemma)\s+{re.escape(name)}\b", PROOF)


def read_lean(name: str, text: str) -> Statement:
    r"""Read a Lean file.

    >>> read_lean("imo_1", "import Mathlib\n\ntheorem imo_1 : 1 = 1 := by sorry").text
    'theorem theorem6 : 1 = 1'
    """
    clean = LEAN_COMMENT.sub(" ", text)
    return _cut(name, clean, rf"^\s*(?:theorem|lemma)\s+{re.escape(name)}\b", SORRY)


def _cut(name: str, text: str, head: str, tail: re.Pattern[str]) -> Statement:
    """Cut a file at its theorem and hide the theorem's name wherever it stands.

    Raises:
        ValueError: there is no theorem of that name.
    """
    match = re.search(head, text, re.MULTILINE)
    if match is None:
        raise ValueError("no theorem of that name")
    header, stated = text[: match.start()].strip(), tail.sub("", text[match.start() :]).strip()
    return Statement(name, header.replace(name, SHOWN), stated.replace(name, SHOWN))


def _rocq_paper(statement: Statement) -> str:
    return f"{statement.header}\n\n{statement.text}\nProof.\n"


def _lean_paper(statement: Statement) -> str:
    shots = "".join(
        LEAN_ASK.format(
            header=statement.header,
            statement=f"theorem theorem{at} {stated}",
        )
        + f"  {proof}\n```\n"
        for at, (stated, proof) in enumerate(EXAMPLES, start=1)
    )
    return shots + LEAN_ASK.format(header=statement.header, statement=statement.text)


def _rocq_chat(statement: Statement) -> str:
    return ROCQ_CHAT.format(header=statement.header, statement=statement.text)


def _lean_chat(statement: Statement) -> str:
    return LEAN_CHAT.format(header=statement.header, statement=statement.text)


def _statements(
    name: str, about: str, upstream: tuple[str, str], verifier: str, ways: tuple[Read, Styles]
) -> Benchmark:
    """Return miniF2F in one language.

    Args:
        name: of the problem set.
        about: one line for lists.
        upstream: the hub's repository, and the suffix of files that hold one statement each.
        verifier: who judges the proofs.
        ways: how a file is read; and by style, how a statement is asked for and what ends a reply.
    """
    repository, suffix = upstream
    read, styles = ways

    def asked(prompt: Callable[[Statement], str]) -> Prompt:
        return of_row(lambda row: prompt(statement_of(read, row)))

    def kept(row: Row, _: str) -> tuple[str, Mapping[str, Any]]:
        found = statement_of(read, row)
        return found.name, {"header": found.header, "statement": found.text}

    folders = {"test": ("test", "Test"), "valid": ("valid", "Valid")}
    patterns = {
        split: (
            *(f"{folder}/*{suffix}" for folder in names),
            f"{split}.jsonl", f"*{split}*.parquet", "*.jsonl", "*.parquet",
        )
        for split, names in folders.items()
    }  # fmt: skip
    return Benchmark(
        name,
        about,
        Upstream(repository, patterns),
        verifier,
        kept,
        {
            way: Style(asked(prompt), way == "chat", stop, MAX_TOKENS, TEMPERATURE)
            for way, (prompt, stop) in styles.items()
        },
        subsets={"monkeys-130": mathd},
        rows=rows_of,
    )


minif2f = _statements(
    "minif2f",
    "miniF2F in Lean 4: 244 statements to prove (Zheng et al. 2022); subset monkeys-130.",
    ("cat-searcher/minif2f-lean4", ".lean"),
    "lean",
    (read_lean, {"chat": (_lean_chat, ()), "paper": (_lean_paper, ("```", "Write a lean4"))}),
)
minif2f_rocq = _statements(
    "minif2f-rocq",
    "miniF2F in Rocq: 244 statements to prove (LLM4Rocq); subset monkeys-130.",
    ("LLM4Rocq/miniF2F-rocq", ".v"),
    "rocq",
    (read_rocq, {"chat": (_rocq_chat, ()), "paper": (_rocq_paper, ("Qed.", "Admitted."))}),
)
