"""The scripted model: given replies, and populations whose truth is known."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import ConfigError, ModelError
from vervet.models.population import Population, uniforms
from vervet.models.scripted import Scripted, read_replies, scripted
from vervet.types import Problem, Sample, Sampler

PROBLEM = Problem("p1", "What is 6 × 7?", {"answer": "42"})


async def drawn(sampler: Scripted, problem: Problem, indices: Any) -> list[Sample]:
    return [s async for s in sampler.draw(problem, indices)]


async def test_given_replies_are_cycled_by_index() -> None:
    sampler = scripted(replies={"p1": ["a", "b", "c"]})
    assert isinstance(sampler, Sampler)
    assert [s.text for s in await drawn(sampler, PROBLEM, range(7))] == list("abcabca")
    assert [s.text for s in await drawn(sampler, PROBLEM, [5])] == ["c"]


async def test_random_replies_follow_from_the_seed_and_use_all() -> None:
    texts = [
        [s.text for s in await drawn(scripted(replies={"*": "abc"}, random=True, seed=seed),
                                     PROBLEM, range(300))]
        for seed in (1, 1, 2)
    ]  # fmt: skip
    assert texts[0] == texts[1] != texts[2]
    assert min(Counter(texts[0]).values()) > 60


async def test_a_reply_may_say_more_than_its_text() -> None:
    reply = {"text": "a", "finish": "length", "logprob": -1.5, "completion_tokens": 9}
    sample = (await drawn(scripted(replies={"*": [reply]}), PROBLEM, [0]))[0]
    assert (sample.finish, sample.logprob, sample.completion_tokens) == ("length", -1.5, 9)


async def test_a_file_of_replies_is_a_model(tmp_path: Path) -> None:
    rows = [{"problem": "p1", "replies": ["a"]}, {"problem": "p1", "text": "b"},
            {"problem": "*", "replies": ["z"]}]  # fmt: skip
    path = tmp_path / "replies.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    sampler = scripted(str(path))
    assert [s.text for s in await drawn(sampler, PROBLEM, range(2))] == ["a", "b"]
    assert (await drawn(sampler, Problem("other", "?"), [3]))[0].text == "z"


async def test_a_problem_without_a_reply_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="no reply to problem 'p1'"):
        await drawn(scripted(replies={"p2": ["a"]}), PROBLEM, [0])


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"replies": ["a"]}', '{"problem": 1}', '{"problem": 1, "replies": [3]}',
             '{"problem": 1, "replies": [{"text": "a", "colour": 1}]}'],
)  # fmt: skip
def test_a_wrong_line_is_one_clear_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text(line)
    with pytest.raises(ConfigError) as error:
        scripted(str(path))
    assert "\n" not in str(error.value)


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("x") / "replies.jsonl"
    path.write_bytes(content)
    try:
        read_replies(path)
    except ConfigError:
        return


@pytest.mark.parametrize("wrong", [{"a": 0}, {"problems": 0}, {"impossible": 2}, {"colour": 1}])
def test_a_population_that_cannot_be_is_a_clear_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        scripted(**wrong)


def test_identity_follows_the_script() -> None:
    ids = [
        scripted(replies={"*": ["a"]}).id,
        scripted(replies={"*": ["b"]}).id,
        scripted(replies={"*": ["a"]}, random=True).id,
        scripted(replies={"*": ["a"]}, random=True, seed=1).id,
        scripted(seed=1).id,
        scripted(a=0.7).id,
    ]
    assert len(set(ids)) == len(ids)
    assert scripted(replies={"*": ["a"]}, latency=1.0).id == ids[0]


async def test_a_sample_depends_on_its_index_and_not_on_who_else_is_drawn() -> None:
    sampler = scripted(problems=3)
    problem = sampler.script.population.problem(1)  # type: ignore[attr-defined] # a population's
    together = await drawn(sampler, problem, range(10_000))
    alone = await drawn(sampler, problem, [9_000, 17])
    for sample in alone:
        twin = together[sample.index]
        assert (sample.text, sample.logprob) == (twin.text, twin.logprob)


async def test_the_population_has_the_truth_it_claims() -> None:
    population = Population(problems=40, impossible=0.1, seed=3)
    sampler = scripted(problems=40, impossible=0.1, seed=3)
    for number in range(0, 40, 8):
        samples = await drawn(sampler, population.problem(number), range(4000))
        last = Counter(s.text.rpartition(" ")[2] for s in samples)
        share = np.array([last[str(1000 + number + w)] for w in range(9)]) / 4000
        truth = population.answers(number)
        assert np.all(np.abs(share - truth) < 5 * np.sqrt(truth * (1 - truth) / 4000) + 1e-9)
    assert np.count_nonzero(population.rates == 0) == 4


def test_true_coverage_is_the_mean_over_problems() -> None:
    population = Population(problems=200, seed=5)
    k = np.array([1, 10, 1000])
    expected = (1 - (1 - population.rates[:, None]) ** k).mean(axis=0)
    assert np.allclose(population.coverage(k.tolist()), expected, atol=1e-12)
    assert population.coverage(1)[0] == pytest.approx(population.rates.mean())


def test_the_plateau_is_where_the_top_answer_is_right() -> None:
    population = Population(problems=100, wrong_answers=1)
    assert population.plateau() == np.mean(population.rates > 0.5)


def test_uniforms_are_uniform_and_differ_by_stream() -> None:
    indices = np.arange(100_000, dtype=np.uint64)
    first, second = uniforms(7, indices, 0), uniforms(7, indices, 1)
    assert abs(first.mean() - 0.5) < 0.005
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.015
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.015
    counts = np.histogram(first, 100, (0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 160  # chi-square, 99 degrees of freedom


async def test_failures_break_draws_off_and_another_try_completes() -> None:
    sampler = scripted(replies={"*": ["a"]}, failures=0.5)
    missing, tries = set(range(100)), 0
    while missing:
        tries += 1
        try:
            async for sample in sampler.draw(PROBLEM, sorted(missing)):
                missing.discard(sample.index)
        except ModelError:
            continue
    assert 1 < tries < 30


async def test_a_problem_of_another_population_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="not one of this population"):
        await drawn(scripted(problems=3), Population(seed=9).problem(0), [0])
