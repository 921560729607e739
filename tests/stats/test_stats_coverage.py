import csv
import json
from fractions import Fraction
from math import comb
from pathlib import Path

import numpy as np
import pytest

from vervet.stats.coverage import coverage, no_success


def rational(correct: int, total: int, k: int) -> float:
    return float(1 - Fraction(comb(total - correct, k), comb(total, k)))


def test_coverage_equals_rational_arithmetic_on_every_small_case() -> None:
    for total in range(1, 13):
        got = coverage(np.arange(total + 1), total, k=np.arange(1, total + 1))
        want = [[rational(c, total, k) for k in range(1, total + 1)] for c in range(total + 1)]
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-15)


def test_coverage_equals_rational_arithmetic_on_128_problems_of_10000_samples() -> None:
    rng = np.random.default_rng(0)
    correct = np.concatenate([[0, 1, 2, 9999, 10000], rng.binomial(10000, rng.beta(0.1, 2, 123))])
    ks = [1, 3, 10, 100, 317, 1000, 5000, 9999, 10000]
    got = coverage(correct, 10000, k=ks)
    want = [[rational(int(c), 10000, k) for k in ks] for c in correct]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)


def test_coverage_is_unknown_where_k_exceeds_the_samples() -> None:
    got = coverage([1, 1], [2, 4], k=[2, 3])
    assert np.isnan(got[0, 1])
    assert got[1, 1] == pytest.approx(0.75)


def test_coverage_and_its_complement_add_up_to_one() -> None:
    total = coverage([0, 3, 7], 9, k=[1, 4, 9]) + no_success([0, 3, 7], 9, k=[1, 4, 9])
    np.testing.assert_allclose(total, 1.0, atol=1e-15)


@pytest.mark.parametrize(
    ("correct", "total", "k", "words"),
    [
        ([3], [2], 1, "3 correct of 2 samples"),
        ([-1], [2], 1, "at least 0"),
        ([1], [2], 0, "k must be at least 1"),
        ([1.5], [2], 1, "whole numbers"),
    ],
)
def test_impossible_counts_are_refused_in_one_line(
    correct: list[float], total: list[int], k: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        coverage(correct, total, k=k)


def test_coverage_reproduces_the_pythia_curves_of_the_monkeys_paper(shared_data: Path) -> None:
    papers = shared_data / "data" / "papers"
    with (papers / "monkeys_math_pythia_counts.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    expected = json.loads((papers / "monkeys_math_pythia_coverage_and_fit.json").read_text())
    for model, entry in expected.items():
        counts = [(int(row["c"]), int(row["n"])) for row in rows if row["model"] == model]
        correct, samples = np.array(counts).T
        assert len(counts) == entry["n_problems"]
        ks = [int(k) for k in entry["coverage"]]
        got = coverage(correct, samples, k=ks).mean(axis=0)
        np.testing.assert_allclose(got, list(entry["coverage"].values()), atol=1e-12)


def test_coverage_equals_exact_values_on_codecontests_and_minif2f(shared_data: Path) -> None:
    """5 models × 140 CodeContests and 2 × 130 MiniF2F problems, 10,000 samples each."""
    papers = shared_data / "data" / "papers"
    file = papers / "monkeys_codecontests_minif2f_counts.csv"
    if not file.exists():
        pytest.skip("the counts of CodeContests and MiniF2F are not among the shared data")
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    groups: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        groups.setdefault((row["dataset"], row["model"]), []).append(int(float(row["c"])))
    assert sorted(len(group) for group in groups.values()) == [130] * 2 + [140] * 5
    ks = [1, 2, 10, 97, 1000, 9999, 10_000]
    for group in groups.values():
        got = coverage(group, 10_000, k=ks)
        want = [[rational(c, 10_000, k) for k in ks] for c in group]
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)


def test_published_coverage_of_codecontests_and_minif2f_is_a_share_of_their_problems(
    shared_data: Path,
) -> None:
    """What was published of those counts is consistent: coverage at 10,000 is solved / problems."""
    file = shared_data / "data" / "papers" / "monkeys_coverage_and_powerlaw_fits.csv"
    with file.open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["dataset"] != "MATH"]
    assert len(rows) == 7
    for row in rows:
        problems, unsolved = int(row["problems"]), int(row["unsolved"])
        solved = coverage([1] * (problems - unsolved) + [0] * unsolved, 1, k=1).mean()
        assert solved == pytest.approx(float(row["cov10000"]), abs=1e-12)
