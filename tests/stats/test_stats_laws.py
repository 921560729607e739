from fractions import Fraction
from math import comb, exp, factorial

import numpy as np
import pytest

from vervet.stats.arrays import attempts, counts_of, whole
from vervet.stats.laws import binomials, circle, hypergeometric, poissons
from vervet.stats.quadrature import REACH, cells, fewest_nodes, gauss


@pytest.mark.parametrize(("trials", "chance"), [(0, 0.3), (1, 0.5), (40, 0.25), (10000, 0.5)])
def test_binomial_probabilities_keep_thirteen_digits(trials: int, chance: float) -> None:
    p, law = Fraction(chance), binomials(np.array([trials]), chance)
    mean = int(trials * chance)
    for value in {0, mean, mean + 1, trials} & set(range(trials + 1)):
        want = float(comb(trials, value) * p**value * (1 - p) ** (trials - value))
        assert law.on(value, value + 1)[0, 0] == pytest.approx(want, rel=1e-13, abs=1e-21)
    assert law.reaching(mean)[0] + law.below(mean)[0] == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize("mean", [0.0, 0.5, 7.0, 150.5])
def test_poisson_probabilities(mean: float) -> None:
    law = poissons(np.array([mean]))
    for value in range(0, 120, 7):
        want = float(Fraction(mean) ** value / factorial(value)) * exp(-mean)
        assert law.on(value, value + 1)[0, 0] == pytest.approx(want, rel=1e-12, abs=1e-20)


def test_hypergeometric_probabilities_at_the_edges_and_at_10000() -> None:
    for total, marked, drawn in ((5, 0, 3), (5, 5, 3), (5, 2, 5), (6, 4, 4), (10000, 37, 500)):
        want = [
            float(Fraction(comb(marked, x) * comb(total - marked, drawn - x), comb(total, drawn)))
            for x in range(drawn + 1)
        ]
        np.testing.assert_allclose(hypergeometric(total, marked, drawn), want, atol=1e-15)


def test_the_circle_has_points_enough_for_what_wraps_around() -> None:
    chance, points = circle(1000, 300)
    law = binomials(np.array([1000]), 0.3).on(0, 1001)[0]
    assert chance == pytest.approx(law[300])
    wrapped = sum(law[300 + points :: points]) + sum(law[300 - points :: -points])
    assert wrapped < 1e-16 * chance


def test_gauss_rules_split_ties_of_many_candidates() -> None:
    for ties in (1, 10, 255, 5000):
        size = ties * np.log(REACH)[None]
        count = int(fewest_nodes(size, np.array([ties]))[0])
        points, weights = gauss(count)
        assert float(weights @ points**ties) == pytest.approx(1 / (ties + 1), abs=1e-13)
        assert count <= ties // 2 + 1


def test_cells_list_every_node_of_every_row() -> None:
    row, point, weight = cells(np.array([0, 2, 3]))
    assert row.tolist() == [1, 1, 2, 2, 2]
    assert weight.sum() == pytest.approx(2.0)
    assert np.all((point > 0) & (point < 1))


def test_numbers_of_samples_are_whole() -> None:
    assert attempts([3.0, 1]).tolist() == [3, 1]
    assert counts_of(1, [2, 3])[0].tolist() == [1, 1]
    with pytest.raises(ValueError, match="must be whole numbers"):
        whole([0.5], "k")
