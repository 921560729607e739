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

from vervet.errors import ConfigError
from vervet.problems.choose import choose, refuse_repeats
from vervet.problems.hub import fetch
from vervet.problems.problem_set import ProblemSet
from vervet.problems.rows import Row, read_rows
from vervet.types import Problem

SHOWN = "theorem6"
SPLITS = ("test", "valid")
SUBSETS = {"monkeys-130": "mathd"}
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


@dataclass(frozen=True, slots=True)
class Language:
    """What differs between the two proof assistants."""

    repository: str
    suffix: str
    read: Callable[[str, str], Statement]
    """Turns (name, the text of a file) into a statement."""
    prompts: Mapping[str, Callable[[Statement], str]]
    stop: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Statements:
    """miniF2F in one language; calling it returns its problems."""

    name: str
    about: str
    language: Language
    verifier: str
    split: str = "test"

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
            split: `test` or `valid`.
            path: the upstream repository's folder; without it, the Hugging Face hub.
            prompt: `chat`, or `paper` for a completion in the form of Brown et al.
            subset: `monkeys-130`, the statements of the paper.
            ids: these problems, in this order.
            limit: the first so many.
            seed: shuffle by this seed before `limit` cuts; None keeps the order of names.

        Raises:
            ConfigError: an option has no such value, or the statements cannot be had or read.
        """
        split = split or self.split
        for what, value, allowed in (
            ("split", split, SPLITS),
            ("prompt", prompt, tuple(self.language.prompts)),
            ("subset", subset, ("", *SUBSETS)),
        ):
            if value not in allowed:
                options = ", ".join(filter(None, allowed))
                raise ConfigError(f"{self.name}: no {what} {value!r}; there is: {options}.")
        found = self._files(split, Path(path)) if path else self._rows(split)
        kept = [it for it in found if it.name.startswith(SUBSETS.get(subset, ""))]
        problems = [self._problem(it, prompt) for it in kept]
        refuse_repeats(self.name, problems)
        return ProblemSet(
            self.name,
            choose(self.name, problems, ids=ids, limit=limit, seed=seed),
            verifier=self.verifier,
            stop=self.language.stop.get(prompt, ()),
            max_tokens=2048,
            temperature=0.5,
            chat=prompt == "chat",
            source=str(path or f"https://huggingface.co/datasets/{self.language.repository}"),
        )

    def _problem(self, statement: Statement, prompt: str) -> Problem:
        reference = {"header": statement.header, "statement": statement.text}
        return Problem(statement.name, self.language.prompts[prompt](statement), reference)

    def _files(self, split: str, path: Path) -> list[Statement]:
        """Read one file for each statement: `test/NAME.v`, `MiniF2F/Test/NAME.lean`."""
        pattern = f"*{self.language.suffix}"
        files = sorted(
            file for file in path.rglob(pattern) if file.parent.name.lower() == split.lower()
        )
        if not files:
            raise ConfigError(f"{self.name}: {path} holds no {split}/{pattern}.")
        return [self._statement(file.stem, file.read_text(encoding="utf-8")) for file in files]

    def _rows(self, split: str) -> list[Statement]:
        files = fetch(self.language.repository, (f"{split}.jsonl", f"*{split}*.parquet", "*"))
        rows = [row for file in files for row in read_rows(file)]
        return [self._row(row) for row in rows if str(row.get("split", split)) == split]

    def _row(self, row: Row) -> Statement:
        name = _text(row, ("id", "name", "theorem_name"))
        stated = _text(row, ("formal_statement", "statement", "rocq_statement", "theorem"))
        header = str(row.get("header") or row.get("rocq_header") or "")
        return self._statement(name, f"{header}\n\n{stated}")

    def _statement(self, name: str, text: str) -> Statement:
        try:
            return self.language.read(name, text)
        except ValueError as cause:
            raise ConfigError(
                f"{self.name}: {name} is not as upstream has it ({cause})."
            ) from cause


def _text(row: Row, names: Sequence[str]) -> str:
    found: Any = next((row[name] for name in names if row.get(name)), None)
    if found is None:
        raise ConfigError(f"minif2f: a row has none of {', '.join(names)}; it has: {sorted(row)}.")
    return str(found)


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


minif2f = Statements(
    "minif2f",
    "miniF2F in Lean 4: 244 statements to prove (Zheng et al. 2022); subset monkeys-130.",
    Language(
        "cat-searcher/minif2f-lean4",
        ".lean",
        read_lean,
        {"chat": _lean_chat, "paper": _lean_paper},
        {"paper": ("```", "Write a lean4")},
    ),
    "lean",
)
minif2f_rocq = Statements(
    "minif2f-rocq",
    "miniF2F in Rocq: 244 statements to prove (LLM4Rocq); subset monkeys-130.",
    Language(
        "LLM4Rocq/miniF2F-rocq",
        ".v",
        read_rocq,
        {"chat": _rocq_chat, "paper": _rocq_paper},
        {"paper": ("Qed.", "Admitted.")},
    ),
    "rocq",
)
