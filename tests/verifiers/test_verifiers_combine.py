"""Verifiers of verifiers: three-valued, no more work than needed, nothing counted twice."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from vervet import doors
from vervet.errors import AccessError, ConfigError, VerifierError
from vervet.testing import check_verifier
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.combine import all_of, any_of, first_of, weighted
from vervet.verifiers.exact import exact
from vervet.verifiers.gsm8k import gsm8k_answer
from vervet.verifiers.judge import judge
from vervet.verifiers.wrap import cached, limited, repeated

ACCEPT, REJECT, ERROR = Outcome.ACCEPT, Outcome.REJECT, Outcome.ERROR
PROBLEM = Problem("p", "?", {"answer": "18"})
SAMPLE = Sample("p", "m", 4, "18")


class Says:
    """Gives the outcomes it was told to, in turn, and counts how often it was asked."""

    def __init__(self, *outcomes: Outcome, score: float | None = None, name: str = "says") -> None:
        self.outcomes, self.score, self.id = outcomes, score, name
        self.trials: list[int] = []

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        outcome = self.outcomes[len(self.trials) % len(self.outcomes)]
        self.trials.append(trial)
        if outcome is ERROR:
            raise VerifierError("no disk")
        answer = "a" if outcome is ACCEPT else None
        return Verdict(
            problem.id, sample.sampler_id, sample.index, self.id, trial, outcome, answer,
            score=self.score, detail=f"said {outcome}", prompt_tokens=10, completion_tokens=None,
        )  # fmt: skip


async def outcome_of(verifier: Any) -> Outcome:
    verdict: Verdict = await verifier.verify(PROBLEM, SAMPLE, 0)
    return verdict.outcome


class Refuses(Says):
    """Cannot judge anything, and says so; notes that it was closed."""

    def __init__(self, error: Exception) -> None:
        super().__init__(ACCEPT, name="refuses")
        self.error, self.closed = error, False

    async def verify(self, *asked: object) -> Verdict:
        del asked
        raise self.error

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("error", [ConfigError("no Docker"), AccessError("HTTP 401")])
@pytest.mark.parametrize("whole", [all_of, any_of, first_of, weighted, cached, repeated])
async def test_a_part_that_can_judge_nothing_ends_it_and_every_part_is_closed(
    whole: Any, error: Exception
) -> None:
    part = Refuses(error)
    verifier = whole([part])
    with pytest.raises(type(error)):
        await verifier.verify(PROBLEM, SAMPLE, 0)
    await verifier.aclose()
    assert part.closed


async def test_a_part_that_crashes_is_an_error_which_others_may_outvote() -> None:
    crashes = Refuses(KeyError("no such field"))
    assert await outcome_of(any_of([crashes, Says(ACCEPT)])) is ACCEPT
    verdict = await all_of([crashes, Says(ACCEPT)]).verify(PROBLEM, SAMPLE, 0)
    assert (verdict.outcome, verdict.detail) == (ERROR, "refuses: KeyError: 'no such field'")


@pytest.mark.parametrize("outcomes", list(product((ACCEPT, REJECT, ERROR), repeat=3)))
async def test_all_and_any_are_kleenes_and_or(outcomes: Sequence[Outcome]) -> None:
    order = [REJECT, ERROR, ACCEPT]
    parts = [Says(outcome) for outcome in outcomes]
    assert await outcome_of(all_of(parts)) is min(outcomes, key=order.index)
    assert await outcome_of(any_of(parts)) is max(outcomes, key=order.index)


async def test_no_part_is_asked_that_cannot_change_the_outcome() -> None:
    late = Says(ACCEPT)
    await all_of([Says(REJECT), late]).verify(PROBLEM, SAMPLE, 0)
    await any_of([Says(ACCEPT), late]).verify(PROBLEM, SAMPLE, 0)
    await first_of([Says(REJECT), late]).verify(PROBLEM, SAMPLE, 0)
    assert not late.trials


async def test_first_passes_over_parts_that_fail() -> None:
    assert await outcome_of(first_of([Says(ERROR), Says(REJECT), Says(ACCEPT)])) is REJECT
    assert await outcome_of(first_of([Says(ERROR), Says(ERROR)])) is ERROR


async def test_the_whole_names_itself_adds_tokens_and_keeps_each_word() -> None:
    both = all_of([Says(ACCEPT, score=0.9), Says(ACCEPT, score=0.6)])
    verdict = await both.verify(PROBLEM, SAMPLE, 2)
    assert (verdict.verifier_id, verdict.index, verdict.trial) == (both.id, 4, 2)
    assert (verdict.prompt_tokens, verdict.completion_tokens) == (20, None)
    assert (verdict.answer, verdict.score) == ("a", 0.6)
    assert [said["outcome"] for said in json.loads(verdict.evidence)] == ["accept", "accept"]
    failed = await all_of([Says(ERROR), Says(ACCEPT)]).verify(PROBLEM, SAMPLE, 0)
    assert failed.detail == "no disk"


async def test_weighted_accepts_at_its_threshold() -> None:
    parts = [Says(ACCEPT, score=0.8), Says(REJECT)]
    verdict = await weighted(parts, weights=[3, 1], threshold=0.6).verify(PROBLEM, SAMPLE, 0)
    assert verdict.outcome is ACCEPT
    assert verdict.score == pytest.approx(0.6)
    assert await outcome_of(weighted(parts, weights="1+1")) is REJECT


async def test_weighted_is_an_error_only_where_the_failed_part_could_decide() -> None:
    failed = [Says(ERROR), Says(ACCEPT)]
    assert await outcome_of(weighted(failed, weights=[1, 3], threshold=0.7)) is ACCEPT
    assert await outcome_of(weighted(failed, weights=[1, 3], threshold=0.8)) is ERROR
    refused = [Says(ERROR), Says(REJECT)]
    assert await outcome_of(weighted(refused, weights=[1, 3], threshold=0.3)) is REJECT


def test_ids_depend_on_parts_order_and_weights() -> None:
    ids = {
        all_of("exact+choice").id, any_of("exact+choice").id, all_of("choice+exact").id,
        weighted("exact+choice").id, weighted("exact+choice", weights="2+1").id,
    }  # fmt: skip
    assert len(ids) == 5
    assert all_of("exact+choice").id == all_of([exact(), "choice"]).id


def test_combined_verifiers_keep_the_contract_of_their_parts() -> None:
    for verifier in (
        all_of("exact+gsm8k-answer"), any_of("exact+gsm8k-answer"), first_of("gsm8k-answer"),
        weighted("exact+gsm8k-answer"), cached(gsm8k_answer()), repeated("gsm8k-answer"),
        limited("gsm8k-answer", seconds=5),
    ):  # fmt: skip
        check_verifier(verifier, [Problem("p", "?", {"answer": "19"})])


def test_traits_are_those_of_the_parts_together() -> None:
    assert all_of("exact+choice").traits.deterministic
    assert "guess" in all_of("exact+choice").traits.fooled_by
    assert not all_of([exact(), Says(ACCEPT)]).traits.deterministic


BAD: list[tuple[Any, str]] = [
    (lambda: all_of([]), "name at least one"),
    (
        lambda: limited("pairwise:model=marmoset", seconds=9),
        "limited: pairwise@.* compares samples with each other",
    ),
    (lambda: any_of("exact+nonsense"), "no verifier called 'nonsense'"),
    (lambda: all_of([3]), "3 is no verifier"),  # type: ignore[list-item]  # bad on purpose
    (lambda: weighted("exact+choice", weights=[1]), "must be 2 positive numbers"),
    (lambda: weighted("exact", weights=[-1]), "must be 1 positive"),
    (lambda: weighted("exact", weights="a"), "are not numbers"),
    (lambda: weighted("exact", threshold=2), "threshold 2 is not between"),
    (lambda: cached("exact+choice"), "wraps one verifier, not 2"),
    (lambda: cached("exact", remembered=0), "must be at least 1"),
    (lambda: limited("exact", seconds=0), "must be positive"),
    (lambda: limited("exact"), "one of the first three is needed"),
    (lambda: limited("exact", dollars=1), "dollars need a price"),
    (lambda: limited("exact", dollars=1, price="a+b"), "is not two numbers"),
    (lambda: repeated("exact", times=0), "must be at least 1"),
]


@pytest.mark.parametrize(("make", "complaint"), BAD)
def test_what_cannot_be_combined_is_one_clear_line(make: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        make()


class Known(Says):
    """Says is unknown to be deterministic; this one is known to be."""

    traits = exact().traits


async def test_a_cache_asks_once_about_equal_replies_and_names_each_sample() -> None:
    inside = Known(ACCEPT)
    memory = cached(inside)
    verdicts = [await memory.verify(PROBLEM, Sample("p", "m", i, "18"), i) for i in range(3)]
    await memory.verify(PROBLEM, Sample("p", "m", 9, "19"), 0)
    assert len(inside.trials) == 2
    assert [(v.index, v.trial, v.prompt_tokens) for v in verdicts] == [
        (0, 0, 10),
        (1, 1, 0),
        (2, 2, 0),
    ]
    assert memory.id == inside.id


async def test_a_cache_does_not_remember_failures_nor_mix_trials_of_a_random_verifier() -> None:
    failing = Known(ERROR, ACCEPT)
    memory = cached(failing)
    with pytest.raises(VerifierError):
        await memory.verify(PROBLEM, SAMPLE, 0)
    assert await outcome_of(memory) is ACCEPT
    random = Says(ACCEPT, REJECT)
    trials = [await cached(random).verify(PROBLEM, SAMPLE, trial) for trial in range(2)]
    assert [v.outcome for v in trials] == [ACCEPT, REJECT]


async def test_a_cache_is_bounded() -> None:
    memory = cached(Known(ACCEPT), remembered=2)
    for text in "abcd":
        await memory.verify(PROBLEM, Sample("p", "m", 0, text), 0)
    assert len(memory.known) == 2


class Slow(Says):
    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        await asyncio.sleep(30)
        return await super().verify(problem, sample, trial)


async def test_a_limit_turns_waiting_into_an_error() -> None:
    verdict = await limited(Slow(ACCEPT), seconds=0.05).verify(PROBLEM, SAMPLE, 1)
    assert (verdict.outcome, verdict.detail) == (ERROR, "no verdict after 0.05 s")
    assert (verdict.index, verdict.trial) == (4, 1)
    assert await outcome_of(limited(Says(ACCEPT), seconds=5)) is ACCEPT


class Costly(Says):
    """Takes 100 prompt and 50 completion tokens, and a moment, for each verdict."""

    counted = True

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        await asyncio.sleep(0.001)
        verdict = await super().verify(problem, sample, trial)
        tokens = (100, 50) if self.counted else (None, None)
        return replace(verdict, prompt_tokens=tokens[0], completion_tokens=tokens[1], evidence="{}")


@pytest.mark.parametrize(
    ("limits", "paid"),
    [
        ({"tokens": 600}, 4),
        ({"tokens": 599}, 3),
        ({"dollars": 0.001, "price": "1+4"}, 3),  # $0.0003 each
        ({"dollars": 0.001, "price": (1, 4), "tokens": 300}, 2),
    ],
)
async def test_spending_stops_at_its_limit_one_by_one(limits: dict[str, Any], paid: int) -> None:
    verifier = limited(Costly(ACCEPT), **limits)
    verdicts = [await verifier.verify(PROBLEM, SAMPLE, t) for t in range(8)]
    assert [v.outcome for v in verdicts] == [ACCEPT] * paid + [ERROR] * (8 - paid)
    assert verdicts[-1].detail.startswith("the limit of ")
    assert verifier.tokens == 150 * paid


async def test_spending_stops_at_its_limit_where_many_are_under_way() -> None:
    verifier = limited(Costly(ACCEPT), tokens=1500, at_once=4)
    first = await verifier.verify(PROBLEM, SAMPLE, 0)
    rest = await asyncio.gather(*(verifier.verify(PROBLEM, SAMPLE, t) for t in range(1, 30)))
    assert [first, *rest].count(first) == 1
    assert verifier.tokens == 1500


async def test_a_limit_on_spending_needs_counted_tokens() -> None:
    silent = Costly(ACCEPT)
    silent.counted = False
    with pytest.raises(ConfigError, match="does not count its tokens"):
        await limited(silent, tokens=10).verify(PROBLEM, SAMPLE, 0)
    assert await outcome_of(limited(silent, seconds=10)) is ACCEPT


def test_a_part_may_have_settings_of_its_own() -> None:
    spec = "limited:of=judge:model=marmoset;template=few-shot;max_tokens=9,tokens=99"
    assert doors.verifier(spec).id == judge("marmoset", template="few-shot", max_tokens=9).id


async def test_a_repeat_follows_the_majority_of_what_was_said() -> None:
    inside = Says(ACCEPT, REJECT, ACCEPT)
    verdict = await repeated(inside, times=3).verify(PROBLEM, SAMPLE, 2)
    assert (verdict.outcome, verdict.trial) == (ACCEPT, 2)
    assert verdict.score == pytest.approx(2 / 3)
    assert inside.trials == [6, 7, 8]
    assert await outcome_of(repeated(Says(ACCEPT, REJECT), times=2)) is REJECT
    assert await outcome_of(repeated(Says(ERROR, ACCEPT, ERROR), times=3)) is ACCEPT
    assert await outcome_of(repeated(Says(ERROR), times=2)) is ERROR


async def test_every_trial_of_a_repeat_is_its_own() -> None:
    inside = Says(ACCEPT)
    for trial in range(3):
        await repeated(inside, times=4).verify(PROBLEM, SAMPLE, trial)
    assert Counter(inside.trials).most_common(1)[0][1] == 1


def test_the_slowest_part_says_how_many_are_asked_at_a_time() -> None:
    slow, slower = limited("exact", seconds=1, at_once=5), limited("exact", seconds=1, at_once=2)
    assert all_of([slow, slower, exact()]).concurrency == 2
    assert cached(slower).concurrency == repeated(slower).concurrency == 2
    assert any_of([exact()]).concurrency is None


class Large(dict[str, str]):
    """A reference that counts how often it is written out."""

    written = 0

    def __repr__(self) -> str:
        self.written += 1
        return super().__repr__()


async def test_a_memory_writes_a_reference_out_once_and_tells_references_apart() -> None:
    large, inside = Large(answer="18"), exact()
    memory = cached(inside)
    problem = Problem("p", "?", large)
    for text in ("18", "19", "18", "20"):
        await memory.verify(problem, Sample("p", "m", 0, text), 0)
    assert (large.written, len(memory.known)) == (1, 3)
    other = await memory.verify(Problem("p", "?", {"answer": "19"}), SAMPLE, 0)
    assert (other.outcome, (await memory.verify(problem, SAMPLE, 0)).outcome) == (REJECT, ACCEPT)
