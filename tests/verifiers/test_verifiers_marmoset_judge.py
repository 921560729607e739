"""The embedded verifier judges in process: real weights, real workers, the model's own numbers."""

import asyncio
import json
from math import exp

import numpy as np
import pytest

from vervet import doors
from vervet.errors import ModelError
from vervet.models.marmoset import Marmoset
from vervet.models.marmoset.chat import render
from vervet.models.marmoset.decode import Decoder
from vervet.models.marmoset.sampler import find
from vervet.problems.embedded import embedded
from vervet.types import Outcome, Problem, Reply, Sample, Verdict
from vervet.verifiers.judge import judge
from vervet.verifiers.judging.prompts import TEMPLATES, fill

PROBLEMS = [p for p in embedded().problems if p.reference["steps"] == 2][:6]
TRIALS = 8


async def told(problem: Problem, text: str, trials: int = TRIALS) -> list[Verdict]:
    verifier = judge("marmoset-verifier")
    sample = Sample(problem.id, "m", 0, text)
    try:
        return list(
            await asyncio.gather(*(verifier.verify(problem, sample, t) for t in range(trials)))
        )
    finally:
        await verifier.aclose()


async def test_verdicts_have_words_scores_and_tokens() -> None:
    verdicts = [
        verdict
        for problem in PROBLEMS
        for verdict in await told(problem, str(problem.reference["solution"]))
    ]
    said = [v for v in verdicts if v.outcome is not Outcome.ERROR]
    assert len(said) >= 0.9 * len(verdicts)
    for verdict in said:
        assert verdict.score is not None
        assert 0 < verdict.score < 1
        assert (verdict.completion_tokens or 0) > 10
    assert len({verdict.score for verdict in said}) > len(PROBLEMS)


async def test_p_yes_is_the_models_own_probability_of_the_word() -> None:
    problem = PROBLEMS[0]
    solution = str(problem.reference["solution"])
    decoder = Decoder(find("marmoset-verifier"))
    prompt = fill(TEMPLATES["fine-tuned"], problem, {"solution": solution})
    turn = Problem("", prompt, messages=({"role": "user", "content": prompt},))
    before = [decoder.engine.shape.begin, *decoder.tokenizer.encode(render(find("marmoset"), turn))]
    for verdict in await told(problem, solution, 3):
        assert verdict.outcome is not Outcome.ERROR
        text = json.loads(verdict.evidence)["text"]
        head = text[: text.rindex("Verdict: ") + len("Verdict: ")]
        tokens = [*before, *decoder.tokenizer.encode(head), decoder.tokenizer.numbers["<0x59>"]]
        own = exp(decoder.engine.logprobs(np.array(tokens))[-1])
        assert verdict.score == pytest.approx(
            own, abs=2e-5
        )  # prefill rounds otherwise than decoding
        assert verdict.prompt_tokens == len(before)


async def test_an_answer_depends_on_its_seed_not_on_the_questions_beside_it() -> None:
    model = Marmoset("marmoset-verifier", workers=1)
    try:
        prompts = [f"Problem: Tom has {n} cards.\nSolution: A: 3\nVerification:" for n in (3, 4)]
        questions = [(p, s) for p in prompts for s in range(5)]
        together = await asyncio.gather(*(model.ask(p, s) for p, s in questions))
        alone = [await model.ask(p, s) for p, s in questions[::3]]
        assert list(together[::3]) == alone
        assert len({reply.text for reply in together}) > 2
        assert all(isinstance(reply, Reply) and reply.tokens for reply in together)
        with pytest.raises(ModelError, match="leaves no room"):
            await asyncio.gather(*(model.ask("3+" * 400, s) for s in range(2)))
    finally:
        await model.aclose()


async def test_tokens_spell_the_answer_and_list_the_likeliest() -> None:
    model = Marmoset("marmoset", workers=1)
    try:
        reply = await model.ask("Tom has 3 cards. Tom buys 4 more. How many cards?", 1)
    finally:
        await model.aclose()
    assert "".join(token.text for token in reply.tokens) == reply.text
    assert len(reply.tokens) == reply.completion_tokens
    for token in reply.tokens:
        assert token.logprob is not None
        likely = sorted(token.alternatives.values(), reverse=True)
        assert len(likely) >= 4
        assert token.logprob <= likely[0] + 1e-6
        assert sum(map(exp, likely)) < 1 + 1e-4


def test_the_verifier_knows_its_template_and_is_named_like_any_model() -> None:
    verifier = doors.verifier("judge:model=marmoset-verifier")
    assert verifier.template == TEMPLATES["fine-tuned"]  # type: ignore[attr-defined]  # a Judge
    assert verifier.id == judge("marmoset-verifier", template="fine-tuned").id
    assert judge("marmoset").template == TEMPLATES["zero-shot"]
