"""Pairs of answers that are equal, and pairs that only look so."""

from fractions import Fraction
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.verifiers.canonical import math_class, tree_of
from vervet.verifiers.equivalence import same

EQUAL = [
    (r"\frac{1}{2}", "0.5"), (r"\frac12", "1/2"), (r"\dfrac{17}{50}", "0.34"), (r"\frac 59", "5/9"),
    (r"\frac9{19}", r"\frac{9}{19}"), ("-\\frac12", "\\frac{-1}{2}"), ("0.\\overline{3}", "1/3"),
    ("5.0", "5"), (".5", "0.50"), ("12", "12."), ("073", "73"), ("5", "\\boxed{5}"),
    ("1,000", "1000"), ("10,\\!080", "10080"), (r"11,\! 111,\! 111,\! 100", "11111111100"),
    ("10{,}000", "10000"), ("10\\,000", "10,000"), (r"\$32,\!348", "32348"), ("18.90", r"\$18.9"),
    (r"10\%", "10"), ("10", r"10\%"), (r"10\%", "0.1"), ("5\\%", "0.05"), ("0", "\\$0"),
    (r"2\frac34", "11/4"), ("2 3/4", "11/4"), (r"137 \frac{1}{2}", "137.5"),
    ("1\\frac{4}{5}", "1.8"),
    (r"5\text{ cm}", "5"), ("5", "5 cm^2"), ("5", "5 square units"), ("15", "15 minutes"),
    ("10 \\text{ feet}", "10ft"), ("12 \\text{ km/h}", "12"), (r"864 \mbox{ inches}^2", "864"),
    (r"5.4 \text{ cents}", "5.4"), (r"\frac{270}7\text{ degrees}", "270/7"), ("18", "18 dollars"),
    (r"90^\circ", "90"), ("90", r"90\text{ degrees}"), ("70", "70^{\\circ}"), ("70", "70°"),
    ("211", "\\textbf{(211)}"), ("2", "\\text{2 hours}"),
    ("\\text{Evelyn}", "{\\text{Evelyn}}"), ("90^\\circ", "{{90^\\circ}}"),
    ("x=5", "5"), ("5", "x=5"), ("5", "x = y = 5"), ("P(\\text{win}) = 1/3", "1/3"),
    ("y=2x+3", "2x+3"), ("y=2x+3", "f(x)=2x+3"), ("2x-y+3=0", "y=2x+3"), ("y = x", "x = y"),
    ("y-2x-3=0", "4x-2y+6=0"), ("(x-1)^2+(y+2)^2=9", "x^2-2x+y^2+4y-4=0"),
    ("A = \\pi r^2", "\\pi r^2"), ("3(x+1)=y", "y=3x+3"),
    ("1,2", "2,1"), ("1,2", r"\{2,1\}"), ("(1,2)", "1,2"), ("-2,1", "1 and -2"),
    ("-2,1", "x=-2 \\text{ or } x=1"), ("-2,1", "x=-2, x=1"), ("(3,4)", "x=3,y=4"),
    ("(3,4)", "(x,y)=(3,4)"), ("\\frac{9}{2} \\text{ or } 3", "3, 4.5"), ("3, 5, 7", "7;5;3"),
    ("x_1=1,x_2=2", "2,1"), ("k=45,n=2", "45,2"), (r"x_1=\frac12,\quadx_2=3", "3, 1/2"),
    (r"1\pm\sqrt2", r"1+\sqrt{2}, 1-\sqrt{2}"), (r"\{1\pm\sqrt{5},-2\}", r"-2,1-\sqrt5,1+\sqrt5"),
    (r"\left( 3, \frac{\pi}{2} \right)", "(3, pi/2)"), ("(1,-16,-4,43)", "(1, -16, -4, 43)"),
    ("x<2", r"(-\infty,2)"), (r"x \ge 3", r"[3,\infty)"), (r"1<x\le 4", "(1,4]"), ("x>3", "3<x"),
    ("x \\in [-2,7]", "[-2,7]"), ("[-2,7]", r"-2\le x\le 7"),
    ("[0,1)\\cup(2,3]", "(2,3]\\cup[0,1)"),
    (r"\text{Evelyn}", "Evelyn"), ("\\text{Tuesday}", "tuesday"),
    (r"\text{6:30 p.m.}", "6:30 p.m."),
    ("\\text{no solution}", "no solution"), ("\\emptyset", "\\varnothing"), ("\\text{Bob}", "Bob."),
    (r"\text{(C)}", "C"), (r"\text{(C)}", "(C) 5"), ("\\mathrm{(A)}", "A"), ("\\textbf{(B)}", "B"),
    (r"\text{(C)}", "c"), ("2516_8", "2516"), ("4210_{5}", "4210_5"), ("6:30", "6:30"),
    ("5", "\\text{The answer is } 5"), ("25\\pi", "25\\pi \\text{ square units}"),
    ("25\\pi", "25\\pi cm"),
    ("\\frac{7}{11}", "\\frac{7}{11} \\approx 0.636"), ("2x", "f^{-1}(x) = 2x"),
    ("18", "\\text{\\$}18"),
    ("(-\\infty,-2)\\cup(3,\\infty)", "x<-2 \\text{ or } x>3"), ("1000", "1 000"),
    ("5000", "5\\,000"),
    ("(-\\infty,\\infty)", "\\mathbb{R}"), ("60", "\\angle ABC = 60^\\circ"),
    ("48", "48 \\text{ cm}^{2}"), ("5 inches", "5\\text{ in}"), ("\\$5", "5 dollars"),
    ("1.5 \\times 10^{3}", "1500"), ("5", "\\boxed{\\boxed{5}}"), ("12", "12~\\mathrm{cm}^3"),
    ("\\pm 8", "8 \\text{ and } -8"), ("(2,3)", "x=2\\text{ and }y=3"),
    ("\\text{(A)}", "\\text{(A) } 12"),
    ("3", "\\text{3 apples}"), ("\\{(1,2),(3,4)\\}", "(3,4), (1,2)"),
    ("0.5", "\\frac12 \\text{ of the cake}"),
    ("x^2+2x+1", "(x+1)^2"), ("(a+5)(b+2)", "ab+2a+5b+10"), ("a^2b", "ba^2"), ("2k", "2 k"),
    ("\\frac{11+9a}{20}", "0.55+0.45a"), ("n(n+1)/2", "\\frac{n^2+n}{2}"), ("3x^2", "3*x**2"),
    ("\\frac{1}{x}", "x^{-1}"), (r"\sqrt{50x^3}", r"5x\sqrt{2x}"), ("|x|", "\\sqrt{x^2}"),
    ("\\frac{x^2-1}{x-1}", "x+1"), (r"\sin^2 x", r"1-\cos^2 x"),
    ("\\tan x", "\\frac{\\sin x}{\\cos x}"),
    (r"\frac{\sqrt3}{3}", r"\frac{1}{\sqrt{3}}"), ("4\\sqrt{2}", "√32"), (r"11\sqrt2", "sqrt(242)"),
    (r"\frac{3+\sqrt5}{2}", r"1.5+\frac{\sqrt{5}}{2}"), ("16\\pi", "16π"), ("2^{10}", "1024"),
    ("\\frac{3}{4}\\pi", "3\\pi/4"), ("\\sqrt[3]{-8}", "-2"), ("2\\cdot 3^4", "162"), ("5!", "120"),
    ("\\binom{5}{2}", "10"), ("\\lfloor 3.7\\rfloor", "3"), (r"\log_2 8", "3"), ("\\ln e^2", "2"),
    (r"\cos 60^\circ", "1/2"), ("\\tan^{-1} 1", "\\pi/4"), ("\\sqrt{3+2\\sqrt2}", "1+\\sqrt2"),
    ("i^2", "-1"), ("e^{i\\pi}", "-1"), ("1+2i", "2i+1"), ("6 - 5i", "-5i+6"), ("3:2", "3/2"),
    (r"\begin{pmatrix}1/2\\3\end{pmatrix}", r"\begin{bmatrix}0.5\\3\end{bmatrix}"),
    (r"\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}", r"\begin{matrix}-1&0\\0&-1\end{matrix}"),
    ("$x^2$", "x^{2}"), (r"\(\frac{1}{2}\)", "0.5"), ("-3", "−3"),
]  # fmt: skip

DIFFERENT = [
    ("k=45,n=2", "2,45"), ("k=45,n=2", "45"), ("k=45,n=2", "k=2,n=45"), ("x_1=1,x_2=2", "1,3"),
    ("1/2^{99}", "1/2^{98}"), ("1-1/e", "1+1/e"), ("1-\\frac{1}{e}", "1+\\frac{1}{e}"),
    ("3x-1y+13=0", "3x + 4y + 14=0"), ("5x - 7y + 11z + 4 = 0", "5x - 7y + 11z - 4 = 0"),
    ("(1,2)", "(2,1)"), ("(1,2)", "[1,2]"), ("[2,5)", "[2,5]"), ("(2,5)", "[2,5]"), ("1,2", "1"),
    ("3", "3,4"), ("1,1,2", "1,2,2"), ("1,2,3", "1,2"), ("\\{1,2\\}", "\\{1,2,3\\}"),
    ("[1,2]\\cup[3,4]", "[1,4]"), ("(-\\infty,2)", "(-\\infty,2]"), ("x<2", "x>2"),
    ("x\\le 2", "x<2"), ("x=1,y=2", "x=2,y=1"), ("x=5", "x=-5"), ("y=2x+3", "y=2x-3"),
    ("y=2x+3", "x=2y+3"), ("x", "y"), ("x^2", "x^3"), ("x+1", "x-1"), ("a+b", "a-b"), ("5", "5x"),
    ("\\frac{a}{b}", "\\frac{b}{a}"), ("|x|", "x"), ("\\sqrt{x^2}", "x"), ("\\sin x", "\\cos x"),
    ("\\sin x", "\\sin 2x"), ("\\log 2", "\\ln 2"), ("x^2-y^2", "(x-y)^2"), ("(x+1)^2", "x^2+1"),
    ("5", "-5"), ("0", "\\emptyset"), ("5i", "5"), ("1+i", "1-i"), ("2+\\sqrt3", "2-\\sqrt3"),
    ("1\\pm\\sqrt2", "1+\\sqrt2"), ("\\pm 3", "3"), ("1/3", "0.333"), ("1/3", "0.333333"),
    ("1/3", "0.3333333333333333"), ("\\pi", "3.14"), ("\\pi", "3.14159265"), ("\\pi", "22/7"),
    ("e", "2.718281828"), ("\\sqrt2", "1.41421356"), ("\\sqrt{2}", "\\sqrt{3}"),
    ("\\sqrt[3]{2}", "\\sqrt2"),
    ("2^{100}", "2^{100}+1"), ("10^{30}", "10^{30}+1"), ("9" * 5000, "9" * 4999 + "8"),
    ("1" + "0" * 300, "1" + "0" * 301), ("1e-30", "1e-31"),
    ("123456789012345678", "123456789012345679"),
    ("0.1234567", "0.1234568"), ("10\\%", "1000\\%"), ("10\\%", "100"), ("50\\%", "0.05"),
    ("100", "10^{3}"), ("\\frac{10}{3}", "3\\frac{1}{4}"), ("12,345", "12345.6"), ("12", "1,2"),
    ("123", "1,2,3"), ("1000", "1,00"), ("3", "3!"), ("2516_8", "2516_9"), ("6:30", "3:15"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}2\\1\end{pmatrix}"),
    ("\\text{even}", "odd"), ("\\text{east}", "west"), ("\\text{(C)}", "B"),
    ("\\text{(C)}", "(B) C"),
    ("no", "on"), ("AB", "BA"), ("\\text{Evelyn}", "evelyn and bob"),
    ("\\frac{1}{2}", "\\frac12,\\frac13"),
    ("2x+1=0", "2x+1>0"), ("x^2=4", "x^2=9"), ("x^2 + y^2 = 1", "x^2 - y^2 = 1"), ("7\\pi", "7"),
    ("\\frac{\\pi}{6}", "\\frac{\\pi}{3}"), ("30^\\circ", "60^\\circ"),
    ("\\sin 30^\\circ", "\\sin 30"),
    ("11\\sqrt{5}+11", "11\\sqrt{5}-11"), ("2\\sqrt{113}", "\\sqrt{113}"), ("-2,1", "2,-1"),
    ("(0,9) \\cup (9,36)", "(0,36)"), ("(2,\\infty)", "(-\\infty,2)"), ("2 or more", "2"),
    ("", "0"),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "answer"), EQUAL)
def test_equal_answers_are_accepted_whoever_is_the_reference(reference: str, answer: str) -> None:
    assert same(reference, answer) is True


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_answers_are_rejected_both_ways(one: str, other: str) -> None:
    assert same(one, other) is not True
    assert same(other, one) is not True


VALUES = [
    (r"\frac{\sqrt{8}}{2}", r"\sqrt{2}", "2^{1/2}", r"\frac{2}{\sqrt2}", "sqrt(2)", "√2"),
    ("3/4", "0.75", r"\frac{6}{8}", ".75", r"\tfrac34", "75/100"),
    ("1, 2", "2,1", "x=1 \\text{ or } x=2", "1 and 2"),
    ("(x+1)^2", "x^2+2x+1", "1+2x+x^2", "(1+x)(x+1)"),
    ("x-y=1", "y=x-1", "2x=2y+2", "0=x-y-1"),
    ("x>3", "(3,\\infty)", "3<x", "x \\in (3, \\infty)"),
    ("\\text{East}", "east", "\\textbf{east}", "East."),
]


@pytest.mark.parametrize("ways", VALUES, ids=lambda ways: ways[0])
def test_all_ways_to_write_a_value_are_one_class(ways: tuple[str, ...]) -> None:
    assert len({math_class(way) for way in ways}) == 1


def test_digits_may_lose_the_base_that_was_asked_for_but_not_gain_one() -> None:
    assert same("40_9", "40") is True
    assert same("40", "40_9") is False


@given(st.text(alphabet="0123456789+-*/^(){}[],.=<>|!%_\\xyie \nπ√×−abc&", max_size=60))
def test_any_text_has_a_class_and_is_the_same_as_itself(text: str) -> None:
    assert isinstance(math_class(text), str)
    assert same(text, text) is True


@given(st.text(max_size=200))
def test_any_unicode_has_a_class(text: str) -> None:
    assert math_class(text) == math_class(text)


@given(st.fractions(max_denominator=10**6), st.integers(1, 50))
def test_a_fraction_has_one_class_however_it_is_expanded(value: Fraction, factor: int) -> None:
    top, bottom = value.numerator * factor, value.denominator * factor
    written = f"{'-' if top < 0 else ''}\\frac{{{abs(top)}}}{{{bottom}}}"
    assert math_class(written) == math_class(f"{value.numerator}/{value.denominator}")


@given(st.integers(-99, 99), st.integers(-99, 99), st.integers(-99, 99), st.integers(-99, 99))
def test_products_of_binomials_equal_their_expansions_and_no_others(
    a: int, b: int, c: int, wrong: int
) -> None:
    product = f"({a}x + ({b}))(x + ({c}))"
    expansion = f"{a}x^2 + ({a * c + b})x + ({b * c})"
    assert same(product, expansion) is True
    assert same(product, f"{expansion} + ({wrong})") is (wrong == 0)


HOSTILE = [
    "9" * 5000, "9^" * 50 + "9", "9^{9^{9^{9^9}}}", "((((" * 100, "\\frac{" * 200, "{" * 5000,
    "1/0", "0^{-1}", "0/0", "\\sqrt{-1}", "10^{10^{10}}", "1000!!!", "100000!", "\\pm" * 30,
    "\\tan 90^\\circ", "\\log 0", "(-1)^{1/2}", "2^{10^9}", "\\sin 10^{400}", "x" * 3000, "\0" * 50,
    "\ud800", "\\text{" * 50, "|" * 99, "1,2," * 200, "٣", "²", "NaN", "inf - inf",
    "\\infty/\\infty",
    "(1.0000001)^{9999999999}", "e^{e^{e^{e^{e}}}}", "\\binom{100000}{50000}",
    "7" * 900 + "^" + "7" * 900,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20].encode("ascii", "replace"))
def test_hostile_answers_are_quick_and_equal_nothing_else(text: str) -> None:
    before = process_time()
    assert isinstance(math_class(text), str)
    assert same("42", text) is not True
    assert process_time() - before < 0.5


def test_a_tree_too_deep_is_refused_not_recursed_into() -> None:
    assert tree_of("(" * 60 + "1" + ")" * 60) is None
