"""Judges that rate and judges that compare: what they are shown, read and score."""

import json
from collections.abc import Callable
from math import log
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import ConfigError, VerifierError
from vervet.store import open_run
from vervet.types import Outcome, Problem, Reply, Sample, Token, Verdict
from vervet.verification import verify
from vervet.verifiers.pairwise import chance_of_first, pairwise
from vervet.verifiers.rubric import rubric

PROBLEM = Problem("p", "What is 1 + 1?", {"answer": "2", "solution": "1 + 1 = 2"})
SAMPLE = Sample("p", "m", 3, "It is 2.")


class Model:
    """Answers what a function of the prompt says."""

    id = "model"

    def __init__(self, says: Callable[[str], Reply]) -> None:
        self.says = says
        self.asked: list[tuple[str, int]] = []

    async def ask(self, prompt: str, seed: int, /) -> Reply:
        self.asked.append((prompt, seed))
        return self.says(prompt)


def always(text: str, **chances: float) -> Model:
    """A model of one reply, whose last token is one of several."""
    listed = {name: log(p) for name, p in chances.items()}
    head, word = text[: text.rindex(" ") + 1], text[text.rindex(" ") + 1 :]
    tokens = (Token(head, -0.1, {}), Token(word, listed.get(word), listed)) if listed else ()
    return Model(lambda _: Reply(text, tokens, 40, 7))


async def test_a_rating_becomes_a_score_between_zero_and_one() -> None:
    for rating, score, outcome in ((1, 0.0, "reject"), (4, 0.75, "accept"), (5, 1.0, "accept")):
        judge = rubric(always(f"Good.\nRating (1-5): {rating}"))
        verdict = await judge.verify(PROBLEM, SAMPLE, 0)
        assert (verdict.score, verdict.outcome.value) == (score, outcome)
        assert (verdict.prompt_tokens, verdict.completion_tokens) == (40, 7)


async def test_a_score_is_the_mean_rating_where_chances_are_given() -> None:
    model = always("Rating (1-5): 4", **{"4": 0.6, "2": 0.2, "9": 0.1, "x": 0.1})
    verdict = await rubric(model).verify(PROBLEM, SAMPLE, 0)
    assert verdict.score == pytest.approx((3.5 - 1) / 4)
    assert json.loads(verdict.evidence)["rating"] == 4


@pytest.mark.parametrize("text", ["No idea.", "Rating (1-5): 7", "Rating: 0", "Rating: 4.5", ""])
async def test_no_rating_or_one_outside_the_range_is_an_error(text: str) -> None:
    judge = rubric(Model(lambda _: Reply(text, (), 1, 2, "length")))
    verdict = await judge.verify(PROBLEM, SAMPLE, 0)
    assert (verdict.outcome, verdict.score) == (Outcome.ERROR, None)
    assert verdict.detail.endswith("before it was cut off")


async def test_a_rubric_is_shown_with_its_range_and_the_guide() -> None:
    model = always("Rating (0-10): 10")
    settings = {"criteria": "- It {problem} rhymes.", "low": 0, "high": 10, "guide": "worked"}
    await rubric(model, **settings).verify(PROBLEM, SAMPLE, 0)  # type: ignore[arg-type]  # mixed
    shown = model.asked[0][0]
    for part in ("rhymes.", "Rating (0-10): X", "Solution: It is 2.", "solution is: 1 + 1 = 2"):
        assert part in shown
    plain = rubric(always("Rating: 1"), criteria="- It rhymes.")
    assert "{" not in plain.template.replace("{problem}", "").replace("{solution}", "")


@pytest.mark.parametrize(
    "settings", [{"low": 5}, {"threshold": 1.5}, {"guide": "oracle"}, {"thoughts": "all"}]
)
def test_bad_settings_of_a_rubric_are_one_clear_line(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        rubric(always("Rating: 1"), **settings)  # type: ignore[arg-type]  # bad on purpose


def prefers(word: str) -> Model:
    """A model that likes solutions with a word in them, and else the first."""

    def says(prompt: str) -> Reply:
        first, second = prompt.partition("Solution A: ")[2].split("Solution B: ")
        better = "Tie" if (word in first) == (word in second) else "A" if word in first else "B"
        return Reply(f"Better (A/B/Tie): {better}", (), 100, 5)

    return Model(says)


async def test_a_solution_is_compared_with_the_reference_in_both_orders() -> None:
    judge = pairwise(prefers("2."), rivals="reference")
    verdict = await judge.verify(PROBLEM, SAMPLE, 0)
    assert (verdict.score, verdict.outcome) == (1.0, Outcome.ACCEPT)
    assert (verdict.prompt_tokens, verdict.completion_tokens) == (200, 10)
    (one, seed), (two, other) = judge.model.asked  # type: ignore[attr-defined]  # the test's model
    assert one.index("It is 2.") < one.index("1 + 1 = 2") < two.index("It is 2.")
    assert seed != other


async def test_a_judge_that_always_names_the_first_says_nothing() -> None:
    judge = pairwise(always("Better (A/B/Tie): A"), rivals="reference")
    verdict = await judge.verify(PROBLEM, SAMPLE, 0)
    assert (verdict.score, verdict.detail) == (0.5, "equals reference")


async def test_no_name_is_an_error_and_no_rival_is_told() -> None:
    silent = await pairwise(always("Hm. No"), rivals="reference").verify(PROBLEM, SAMPLE, 0)
    assert (silent.outcome, silent.detail) == (Outcome.ERROR, "the judge named no better one")
    judge = pairwise(always("Better: A"))
    with pytest.raises(VerifierError, match="no sample 0 to compare with yet"):
        await judge.verify(PROBLEM, SAMPLE, 0)
    with pytest.raises(VerifierError, match="no worked solution"):
        await pairwise(judge.model, rivals="reference").verify(Problem("q", "?"), SAMPLE, 0)


async def test_rivals_are_the_first_samples_and_never_the_sample_itself() -> None:
    judge = pairwise(prefers("2"))
    texts = ["It is 2.", "It is 3.", "It is 4."]
    judge.meet(Sample("p", "m", i, text) for i, text in enumerate(texts))
    judge.meet([Sample("p", "other", 0, "2"), Sample("q", "m", 0, "2")])

    async def rival(index: int, trial: int) -> str:
        verdict = await judge.verify(PROBLEM, Sample("p", "m", index, f"It is {index} 9."), trial)
        return str(json.loads(verdict.evidence)["rival"])

    assert [await rival(0, t) for t in range(2)] == ["sample 1", "sample 2"]
    assert [await rival(1, t) for t in range(2)] == ["sample 0", "sample 2"]
    assert [await rival(7, t) for t in range(3)] == ["sample 0", "sample 1", "sample 2"]


async def test_an_equal_rival_ties_and_one_that_was_cut_off_loses_without_asking() -> None:
    judge = pairwise(prefers("2"))
    judge.meet([Sample("p", "m", 0, " It is 2. "), Sample("p", "m", 1, "It is", "length")])
    scores = [(await judge.verify(PROBLEM, SAMPLE, t)).score for t in range(2)]
    assert (scores, judge.model.asked) == ([0.5, 1.0], [])  # type: ignore[attr-defined]


def test_a_run_is_judged_in_pairs_and_the_best_wins_most(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run")
    run.append([PROBLEM])
    texts = ["1", "2", "3", "2", "x"]
    run.append([Sample("p", "m", i, f"so {text}.") for i, text in enumerate(texts)])
    judged = verify(run, pairwise(prefers("2")), trials=3)
    assert (judged.errors, judged.wanted) == (0, 15)
    scores: dict[int, list[float]] = {}
    for batch in run.read(Verdict):
        for verdict in batch:
            scores.setdefault(verdict.index, []).append(verdict.score or 0.0)
    means = {index: sum(told) / len(told) for index, told in scores.items()}
    assert sorted(means, key=lambda i: means[i])[-2:] in ([1, 3], [3, 1])


@pytest.mark.parametrize(
    ("text", "chances", "expected"),
    [
        ("Better: A", {}, 1.0), ("better (A/B/Tie): **B**", {}, 0.0), ("Better: tie.", {}, 0.5),
        ("Better: A", {"A": 0.6, "B": 0.2, "Tie": 0.2}, 0.7), ("Better: None", {}, None),
        ("Better: B", {"B": 1.0, "A": 1e-30}, 0.0),
    ],
)  # fmt: skip
def test_the_chance_of_the_first_is_read(
    text: str, chances: dict[str, float], expected: float | None
) -> None:
    model = always(text, **chances)
    reply = model.says("")
    found = chance_of_first(reply.text, reply.tokens)
    assert found == (None if expected is None else pytest.approx(expected))


@given(st.text(max_size=60))
def test_no_text_makes_the_readers_raise(text: str) -> None:
    assert chance_of_first(text) in (None, 0.0, 0.5, 1.0)


def test_identity_depends_on_what_is_asked() -> None:
    model = always("Better: A")
    ids = {pairwise(model).id, pairwise(model, rivals="reference").id, rubric(model).id,
           rubric(model, high=10).id, rubric(model, criteria="- x").id}  # fmt: skip
    assert len(ids) == 5
    with pytest.raises(ConfigError, match=r"no text with \{problem\} and \{first\}"):
        pairwise(model, template="{problem}")
