"""The tokenizer says what tokenizer.json says: any text comes back, and numbers are the same."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import ConfigError
from vervet.models.marmoset.sampler import find
from vervet.models.marmoset.tokens import Tokenizer
from vervet.problems.embedded import embedded

TOKENIZER = Tokenizer(find("marmoset"))
TRANSFORMERS: dict[str, list[int]] = {
    "Tom has 3 boxes of 47 apples.\n": [459, 318, 311, 267, 371, 337, 311, 268, 271, 396, 262, 13],
    "12*3=36\nA: 36": [265, 266, 259, 267, 275, 267, 270, 13, 325, 311, 267, 270],
    " two  spaces": [322, 308, 300, 311, 333, 301, 287, 289, 313],
    "Tommy walks togetherness": [459, 298, 310, 311, 308, 424, 401, 432, 299, 313, 304],
    "Ünïcode 日本": [
        198,
        159,
        299,
        198,
        178,
        289,
        300,
        290,
        291,
        311,
        233,
        154,
        168,
        233,
        159,
        175,
    ],
    "apples": [287, 395],
    "How many?\tNone": [327, 321, 276, 12, 81, 300, 467],
}
"""Encoded by transformers 5.23, AutoTokenizer.from_pretrained(folder), special tokens left out."""


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    numbers = TOKENIZER.encode(text)
    assert 0 not in numbers
    assert TOKENIZER.decode(numbers) == text.replace("▁", " ")


@pytest.mark.parametrize(("text", "numbers"), TRANSFORMERS.items())
def test_numbers_are_those_of_transformers(text: str, numbers: list[int]) -> None:
    assert TOKENIZER.encode(text) == numbers


def test_words_are_single_tokens_and_digits_stay_apart() -> None:
    problem = embedded().problems[0]
    words = problem.prompt.replace("?", " ?").replace(".", " .").split()
    digits = sum(len(word) for word in words if word.isdigit())
    spaces = sum(word.isdigit() for word in words)
    others = sum(not word.isdigit() for word in words)
    assert len(TOKENIZER.encode(problem.prompt)) == digits + spaces + others + 1


def test_a_mark_of_the_end_in_a_prompt_is_only_text() -> None:
    assert 2 not in TOKENIZER.encode("</s>")


def test_another_kind_of_tokenizer_is_refused(tmp_path: Path) -> None:
    known = json.loads((find("marmoset") / "tokenizer.json").read_text())
    known["pre_tokenizer"] = {"type": "ByteLevel"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(known))
    with pytest.raises(ConfigError, match="does not read"):
        Tokenizer(tmp_path)
