"""Numbers, letters and texts: what a reply's answer is, and whether it is right."""

import json
from fractions import Fraction
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import ConfigError
from vervet.problems.gsm8k import gsm8k
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.answer import AnswerVerifier, without_thoughts
from vervet.verifiers.choice import choice
from vervet.verifiers.exact import exact, regex
from vervet.verifiers.extract import after_marker, boxes, last_boxed
from vervet.verifiers.gsm8k import gsm8k_answer
from vervet.verifiers.math_answer import any_answer
from vervet.verifiers.number import canonical_number, quotient

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def judged(verifier: AnswerVerifier, answer: object, text: str, finish: str = "stop") -> Verdict:
    problem = Problem("p", "?", {} if answer is None else {"answer": answer})
    return verifier.judge(problem, Sample("p", "m", 3, text, finish), trial=2)


SAID = [
    ("9 * 2 = <<9*2=18>>18\n#### 18", "18"), ("#### $1,018.00", "1018"), ("so\nA: 18", "18"),
    ("A: $18 per day", "18"), ("The answer is 18.", "18"), ("The answer is: **$18.00**", "18"),
    ("**Answer:** 6 * 3 = 18 dollars", "18"), ("Final Answer: -3", "-3"), ("\\boxed{18}", "18"),
    ("\\boxed{18\\text{ dollars}}", "18"), ("$\\boxed{\\$1{,}018}$", "1018"),
    ("\\boxed{1/2}", "0.5"),
    ("\\boxed{\\frac{3}{4}}", "0.75"), ("She makes **18** dollars (9 eggs).", "18"),
    ("16 - 3 - 4 = 9, so 9 * 2 = 18", "18"), ("It takes 2/6 of an hour.", "1/3"),
    ("#### 18\n\nQuestion: another?\nAnswer: it is 7\n#### 7", "18"), ("answer: 5 + 13 = 18", "18"),
    ("#### Step 1. Add 2\n#### 2. Multiply by 3\n#### 18", "18"), ("- 18 apples", "18"),
    ("The answer is \N{MINUS SIGN}18", "-18"), ("answer is \u0661\u0668", "18"), ("A:\n18", "18"),
    ("<think>is it 7?</think>It is 18.", "18"), ("#### .5", "0.5"), ("#### 0018", "18"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "answer"), SAID)
def test_gsm8k_reads_what_a_reply_says(text: str, answer: str) -> None:
    verdict = judged(gsm8k_answer(), answer, text)
    assert (verdict.outcome, verdict.answer) == (Outcome.ACCEPT, answer)
    assert judged(gsm8k_answer(), "12345", text).outcome is Outcome.REJECT


@pytest.mark.parametrize("text", ["", "no number here", "eighteen", "<think>it is 18", "####"])
def test_a_reply_without_an_answer_is_rejected_and_votes_for_nothing(text: str) -> None:
    verdict = judged(gsm8k_answer(), "18", text)
    assert (verdict.outcome, verdict.answer) == (Outcome.REJECT, None)
    assert verdict.detail == "no answer found"


def test_a_reply_cut_off_at_max_tokens_is_rejected_and_votes_for_nothing() -> None:
    verdict = judged(gsm8k_answer(), "1", "The answer is 1", finish="length")
    assert (verdict.outcome, verdict.answer) == (Outcome.REJECT, None)
    assert "max_tokens" in verdict.detail


def test_a_problem_without_a_reference_is_our_error_and_keeps_the_vote() -> None:
    verdict = judged(gsm8k_answer(), None, "#### 18")
    assert (verdict.outcome, verdict.answer) == (Outcome.ERROR, "18")


def test_a_verdict_is_named_as_its_sample_and_trial() -> None:
    verdict = judged(gsm8k_answer(), "18", "#### 18")
    assert (verdict.problem_id, verdict.sampler_id, verdict.index, verdict.trial) == (
        "p",
        "m",
        3,
        2,
    )
    assert verdict.verifier_id == gsm8k_answer().id


def test_ids_depend_on_parameters_only() -> None:
    assert gsm8k_answer().id == gsm8k_answer(style="any").id
    assert len({gsm8k_answer(style=s).id for s in ("any", "marked", "paper")}) == 3


def test_the_papers_style_reads_nothing_but_hashes() -> None:
    paper = gsm8k_answer(style="paper")
    assert judged(paper, "18", "#### $18.").outcome is Outcome.ACCEPT
    assert judged(paper, "18", "The answer is 18").answer is None


def test_the_marked_style_does_not_guess_the_last_number() -> None:
    assert judged(gsm8k_answer(style="marked"), "18", "9 * 2 = 18").answer is None
    assert judged(gsm8k_answer(style="marked"), "18", "A: 18").outcome is Outcome.ACCEPT


def test_an_unknown_style_is_one_clear_line() -> None:
    with pytest.raises(ConfigError, match=r"style 'strict' is none of any, marked, paper"):
        gsm8k_answer(style="strict")


def test_recorded_verdicts_of_four_models_are_reproduced(shared_data: Path) -> None:
    folder = shared_data / "data" / "gsm8k"
    lines = (folder / "example_model_solutions.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    work = [
        (problem, Sample(problem.id, m, 0, row[m]["solution"]), row[m]["is_correct"])
        for problem, row in zip(gsm8k(path=folder), rows, strict=True)
        for m in MODELS
    ]
    verifier = gsm8k_answer()
    before = process_time()
    verdicts = [verifier.judge(problem, sample) for problem, sample, _ in work]
    seconds = (process_time() - before) / len(work)
    disagree = [v for v, w in zip(verdicts, work, strict=True) if (v.outcome == "accept") != w[2]]
    assert len(work) == 5276
    assert not disagree
    assert seconds < 100e-6


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6), st.integers(1, 99))
def test_fractions_have_one_canonical_form(top: int, bottom: int, factor: int) -> None:
    form = canonical_number(f"{top}/{bottom}")
    assert form == canonical_number(f"{top * factor}/{bottom * factor}")
    assert form is not None
    assert Fraction(form) == Fraction(top, bottom)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6), st.integers(0, 5))
def test_padding_zeros_do_not_matter(value: object, zeros: int) -> None:
    assert canonical_number(f"{value:f}") == canonical_number(f"{value:f}" + "0" * zeros)


@pytest.mark.parametrize("token", ["NaN", "inf", "1e5", "", "-", ".", "1/0", "1..2", "--5", "x"])
def test_what_is_no_number_has_no_form(token: str) -> None:
    assert canonical_number(token) is None


def test_integers_of_five_thousand_digits_are_compared_exactly_and_quickly() -> None:
    big = "7" * 5000
    before = process_time()
    assert judged(gsm8k_answer(), big, f"#### {big}").outcome is Outcome.ACCEPT
    assert judged(gsm8k_answer(), big, f"#### {big[:-1]}8").outcome is Outcome.REJECT
    assert process_time() - before < 0.1


def test_a_fraction_that_ends_late_is_written_as_a_fraction() -> None:
    assert quotient(1, 2**99) == f"1/{2**99}"


@given(st.text(max_size=300), st.sampled_from(["", "####", "\\boxed{", "A: ", "answer is "]))
def test_no_text_makes_an_extractor_raise(text: str, mark: str) -> None:
    for verifier in (gsm8k_answer(), choice(), exact(), regex("([0-9]+)")):
        assert judged(verifier, "B", text + mark + text).outcome is not Outcome.ERROR


@pytest.mark.parametrize(
    "unit", ["####", "\\boxed{", "{", "}", "A: ", "answer is ", "1,", "**", "("]
)
def test_extraction_is_linear_in_the_length_of_hostile_text(unit: str) -> None:
    text = unit * (400_000 // len(unit))
    before = process_time()
    judged(gsm8k_answer(), "18", text)
    judged(choice(), "B", text)
    any_answer(text + " I hope it is correct")
    assert process_time() - before < 1.5


def test_the_answer_of_hostile_text_can_be_stored() -> None:
    verdict = judged(exact(), "x", "\ud800\0")
    assert verdict.answer is not None
    verdict.answer.encode()
    assert "\0" not in verdict.answer


CHOSEN = [
    ("so the answer is **(C)** 5 J", "C"), ("Answer: C", "C"), ("answer: c", "C"), ("(D)", "D"),
    ("\\boxed{\\text{B}}", "B"), ("$\\boxed{(A)}$", "A"), ("The answer is option B.", "B"),
    ("The correct answer is A) 5 kg", "A"), ("**Answer: D**", "D"), ("Thus\n\n**B**", "B"),
    ("Answer: A or B? No.\nAnswer: B", "B"), ("\\boxed{C) 5}", "C"), ("Answer: $C$", "C"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "letter"), CHOSEN)
def test_choice_reads_the_letter(text: str, letter: str) -> None:
    assert judged(choice(letters="ABCD"), letter, text).outcome is Outcome.ACCEPT


@pytest.mark.parametrize("text", ["A dog has it.", "The answer is energy.", "E", "I think so", "?"])
def test_choice_does_not_take_a_word_for_a_letter(text: str) -> None:
    assert judged(choice(letters="ABCD"), "A", text).answer is None


def test_choice_reads_a_reference_in_parentheses() -> None:
    assert judged(choice(), "(C)", "Answer: C").outcome is Outcome.ACCEPT


@pytest.mark.parametrize("letters", ["", "abc", "AAB", "A1"])
def test_letters_must_be_distinct_capitals(letters: str) -> None:
    with pytest.raises(ConfigError, match="distinct capitals"):
        choice(letters=letters)


def test_exact_compares_the_whole_reply() -> None:
    assert judged(exact(), "New York", "  New   York\n").outcome is Outcome.ACCEPT
    assert judged(exact(), "New York", "new york").outcome is Outcome.REJECT
    assert judged(exact(ignore_case=True), "New York", "new york").outcome is Outcome.ACCEPT


def test_exact_reads_another_field_and_a_number() -> None:
    problem = Problem("p", "?", {"gold": 42})
    assert exact(field="gold").judge(problem, Sample("p", "m", 0, "42")).outcome is Outcome.ACCEPT


def test_regex_takes_the_last_match_and_a_named_group() -> None:
    verifier = regex(r"colou?r: (?P<c>\w+)", group="c")
    assert judged(verifier, "blue", "color: red. No, colour: blue").outcome is Outcome.ACCEPT
    assert judged(regex("blue|red"), "blue", "it is blue").outcome is Outcome.ACCEPT


@pytest.mark.parametrize(("pattern", "group"), [("(", 1), ("(a)", 2), ("(a)", "b")])
def test_a_bad_expression_is_one_clear_line(pattern: str, group: int | str) -> None:
    with pytest.raises(ConfigError, match="regex: "):
        regex(pattern, group=group)


def test_boxes_nest_and_escape() -> None:
    text = r"\boxed{\{1, \frac{1}{2}\}} and \fbox{x} and \boxed{never closed"
    assert [content for _, _, content in boxes(text)] == [r"\{1, \frac{1}{2}\}", "x"]
    assert [content for _, _, content in boxes(r"\boxed{open \boxed{5} \boxedx")] == ["5"]


def test_boxes_listed_together_are_one_list_and_a_correction_is_not() -> None:
    assert last_boxed(r"\boxed{2} and \boxed{3}") == "2,3"
    assert last_boxed(r"x = \boxed{2}, y = \boxed{3}") == "2,3"
    assert last_boxed(r"\boxed{2}. Wait, that is wrong; it is \boxed{3}") == "3"
    assert last_boxed(r"\boxed{3} \boxed{3}") == "3"


def test_the_last_marker_with_something_behind_it_counts() -> None:
    assert after_marker("The answer is 3.\nThe answer is:\n\n4\n") == "4"
    assert after_marker("The answer is") is None


def test_thoughts_are_not_answers() -> None:
    assert without_thoughts("a</think>b</think>c") == "c"
    assert not without_thoughts("  <think>never ends")
