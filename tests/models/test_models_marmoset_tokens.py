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
TRANSFORMERS = {}
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
