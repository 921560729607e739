"""The embedded problems: arithmetic stories held out from marmoset's training."""

from collections.abc import Sequence

import numpy as np

from vervet.errors import ConfigError
from vervet.problems.choose import choose, refuse_repeats
from vervet.problems.problem_set import ProblemSet
from vervet.problems.stories import Split, Story, tell
from vervet.types import Problem

COUNT = 128
EXAM, LESSONS = 1, 2
"""Seeds of the two splits, as they are reported."""


def embedded(
    *,
    split: Split = "test",
    ids: Sequence[str] | None = None,
    limit: int | None = None,
    seed: int | None = None,
) -> ProblemSet:
    """Return arithmetic word problems, told from a seed.

    The first 128 of the split `test` are what marmoset's model card reports; a larger `limit`
    tells more. Stories of the split `train` are of the kind marmoset was trained on.

    Args:
        split: `test` or `train`; they never share a story.
        ids: these problems, in this order.
        limit: the first so many.
        seed: shuffle by this seed before `limit` cuts; None keeps the order.

    Raises:
        ConfigError: an option has no such value.

    >>> problems = embedded(limit=2)
    >>> problems.problems[0].id, len(problems), problems.verifier
    ('embedded/test/0', 2, 'gsm8k-answer')
    """
    if split not in ("test", "train"):
        raise ConfigError(f"embedded: no split {split!r}; there is: test, train.")
    problems = [
        Problem(f"embedded/{split}/{at}", story.prompt, reference(story))
        for at, story in enumerate(stories(split, max(limit or 0, COUNT)))
    ]
    refuse_repeats("embedded", problems)
    return ProblemSet(
        "embedded",
        choose("embedded", problems, ids=ids, limit=limit, seed=seed),
        verifier="gsm8k-answer",
        max_tokens=128,
        temperature=1.0,
        chat=False,
        source="vervet.problems.stories",
    )


def stories(split: Split, count: int) -> list[Story]:
    """Tell the first `count` different stories of a split."""
    rng = np.random.Generator(np.random.PCG64(EXAM if split == "test" else LESSONS))
    told: dict[str, Story] = {}
    while len(told) < count:
        story = tell(rng, split)
        told.setdefault(story.prompt, story)
    return list(told.values())


def reference(story: Story) -> dict[str, object]:
    """Return the answer as verifiers want it, with the worked solution and its difficulty."""
    return {
        "answer": str(story.answer),
        "solution": story.solution,
        "steps": len(story.equations),
        "size": story.size,
    }
