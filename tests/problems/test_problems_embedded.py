"""The embedded problems are right, reproducible, spread in difficulty and held out."""

import re
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import ConfigError
from vervet.problems.embedded import embedded, stories
from vervet.problems.stories import LARGEST, NAMES, Split, tell
from vervet.types import Outcome, Sample
from vervet.verifiers.gsm8k import gsm8k_answer

EQUATION = re.compile(r"(\d+)([-+*/])(\d+)=(\d+)")


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def result(left: int, sign: str, right: int) -> int:
    """Compute an equation exactly, a division only where it is whole."""
    if sign == "/":
        whole, rest = divmod(left, right)
        assert rest == 0
        return whole
    return {"+": left + right, "-": left - right, "*": left * right}[sign]


@given(st.integers(0, 2**63), st.sampled_from(["train", "test"]))
def test_every_story_is_solved_by_its_equations(seed: int, split: Split) -> None:
    story = tell(rng(seed), split)
    known = {int(n) for n in re.findall(r"\d+", story.prompt)}
    for equation in story.equations:
        match = EQUATION.fullmatch(equation)
        assert match
        left, sign, right, value = match.groups()
        assert result(int(left), sign, int(right)) == int(value)
        assert {int(left), int(right)} <= known
        assert 0 < int(value) <= LARGEST
        known.add(int(value))
    assert story.equations[-1].endswith(f"={story.answer}")
    assert 1 <= len(story.equations) <= 6
    assert story.split == split


@given(st.integers(0, 2**63))
def test_a_story_ends_with_its_question_and_one_newline(seed: int) -> None:
    prompt = tell(rng(seed)).prompt
    assert re.fullmatch(r"[A-Za-z0-9 .]+\. How many [a-z]+ do.* have( together)?\?\n", prompt)
    assert prompt.split()[0] in NAMES


def test_a_seed_tells_the_same_stories_for_ever() -> None:
    told = "\0".join(s.prompt + s.solution for s in stories("test", 128))
    assert blake2b(told.encode(), digest_size=8).hexdigest() == "2f401fc9ad868f0f"


def test_the_exam_holds_128_different_problems_of_every_length_and_size() -> None:
    problems = embedded().problems
    assert len({p.prompt for p in problems}) == len({p.id for p in problems}) == 128
    assert {p.reference["steps"] for p in problems} == {1, 2, 3, 4, 5, 6}
    assert {p.reference["size"] for p in problems} == {"small", "medium", "large"}


def test_training_never_tells_a_story_of_the_exam() -> None:
    exam = {p.prompt for p in embedded(limit=2_000)}
    lesson = rng(2026)
    assert not exam & {tell(lesson).prompt for _ in range(20_000)}


async def test_every_reference_solution_is_accepted_and_every_other_answer_is_not() -> None:
    verifier = gsm8k_answer()
    for problem in embedded(limit=40):
        right = Sample(problem.id, "m", 0, str(problem.reference["solution"]))
        assert (await verifier.verify(problem, right, 0)).outcome is Outcome.ACCEPT
        wrong = Sample(problem.id, "m", 1, f"{right.text}7")
        assert (await verifier.verify(problem, wrong, 0)).outcome is Outcome.REJECT


def test_a_larger_limit_tells_more_and_keeps_the_first() -> None:
    more = embedded(limit=200).problems
    assert len(more) == 200
    assert more[:128] == embedded().problems
    assert embedded(limit=3).problems == more[:3]


def test_problems_are_chosen_by_id_and_shuffled_by_seed() -> None:
    assert [p.id for p in embedded(ids=["embedded/test/7"])] == ["embedded/test/7"]
    assert embedded(seed=1).problems != embedded().problems
    assert embedded(split="train", limit=1).problems[0].id == "embedded/train/0"


def test_a_split_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match="no split 'dev'"):
        embedded(split="dev")  # type: ignore[arg-type]
