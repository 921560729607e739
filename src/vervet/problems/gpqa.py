"""GPQA Diamond (Rein et al. 2023, arXiv:2311.12022): graduate science, four choices."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import numpy as np

from vervet.problems import prompts
from vervet.problems.benchmark import Benchmark, Style, Upstream, of_row, question
from vervet.problems.rows import Row

LETTERS = "ABCD"
RIGHT = "Correct Answer"
WRONG = ("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


def options(row: Row) -> tuple[str, ...]:
    """Return the four choices in an order that depends on the question alone.

    >>> row = {"Question": "?", RIGHT: "w", **dict(zip(WRONG, "xyz"))}
    >>> sorted(options(row)), options(row) == options(row)
    (['w', 'x', 'y', 'z'], True)
    """
    choices = [str(row[name]).strip() for name in (RIGHT, *WRONG)]
    key = blake2b(str(row["Question"]).encode(), digest_size=8).digest()
    order = np.random.Generator(np.random.PCG64(int.from_bytes(key))).permutation(len(choices))
    return tuple(choices[i] for i in order)


def _read(row: Row, place: str) -> tuple[str, Mapping[str, Any]]:
    shown = options(row)
    letter = LETTERS[shown.index(str(row[RIGHT]).strip())]
    name = row.get("Record ID") or place.rpartition("/")[2]
    return f"gpqa-diamond/{name}", {"answer": letter, "choices": list(shown)}


def _chat(row: Row) -> str:
    listed = "\n".join(f"{a}) {b}" for a, b in zip(LETTERS, options(row), strict=True))
    return prompts.CHAT_CHOICE.format(
        letters=LETTERS, question=question(row, "Question").strip(), options=listed
    )


gpqa_diamond = Benchmark(
    name="gpqa-diamond",
    about="GPQA Diamond: 198 graduate questions with four choices (Rein et al. 2023).",
    upstream=Upstream("Idavidrein/gpqa", {"test": ("gpqa_diamond.csv",)}),
    verifier="choice",
    read=_read,
    styles={"chat": Style(of_row(_chat), max_tokens=4096)},
)
