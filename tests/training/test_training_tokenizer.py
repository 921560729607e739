"""The shipped tokenizer follows from the stories: training it again gives the very same file."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from vervet.models.marmoset.sampler import SHIPPED
from vervet.models.marmoset.tokens import Tokenizer
from vervet.problems.stories import tell

TRAINING = Path(__file__).parents[2] / "training"


@pytest.fixture(scope="module")
def tokenizer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tokenizer", TRAINING / "tokenizer.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_training_again_gives_the_shipped_tokenizer(tokenizer: ModuleType) -> None:
    rng = np.random.default_rng(2026)
    stories = [tell(rng) for _ in range(5_000)]
    vocabulary, merges = tokenizer.train([s.prompt + s.solution for s in stories], 512)
    again = tokenizer.description(vocabulary, merges)
    for name in ("marmoset", "marmoset-strong"):
        assert json.loads((SHIPPED / name / "tokenizer.json").read_text()) == again


def test_the_most_frequent_pair_is_merged_first(tokenizer: ModuleType) -> None:
    _, merges = tokenizer.train(["abab ab cab", "ab"], 1_000)
    assert merges[0] == ("a", "b")
    assert tokenizer.join(("a", "b", "a", "b", "b"), ("a", "b")) == ("ab", "ab", "b")


def test_digits_and_signs_are_never_merged(tokenizer: ModuleType) -> None:
    vocabulary, merges = tokenizer.train(["12*12=144 12*12=144\nA: 144"] * 5, 1_000)
    assert merges == [("A", ":")]
    assert "12" not in vocabulary


def test_every_story_is_written_without_bytes_but_for_new_lines() -> None:
    known = Tokenizer(SHIPPED / "marmoset")
    rng = np.random.default_rng(9)
    stories = [tell(rng, "test") for _ in range(300)]
    numbers = {n for s in stories for n in known.encode(s.prompt + s.solution)}
    assert {known.texts[n] for n in numbers if 3 <= n < 259} == {b"\n"}
