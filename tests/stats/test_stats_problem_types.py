import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vervet.stats.first_accepted import first_accepted
from vervet.stats.problem_types import ProblemTypes


@pytest.fixture(scope="module")
def published(shared_data: Path) -> Any:
    return json.loads((shared_data / "data/papers/flaws_theory_model.json").read_text())


def llama(published: Any) -> ProblemTypes:
    model = published["llama_3_1_8b"]
    return ProblemTypes.of(
        [model["p1"], 1 - model["p1"]],
        [model["r1"], model["r2"]],
        completeness=model["completeness_c"],
        soundness=model["soundness_s"],
    )


def test_the_published_optimal_limits_are_reproduced_in_both_forms(published: Any) -> None:
    model, types = published["llama_3_1_8b"], llama(published)
    for form, key in ((True, "k_opt_notebook_code"), (False, "k_opt_prior_weighted_survival")):
        got = [types.best_limit(cost=c, as_published=form) for c in model["cost_ratios"]]
        assert got == model[key]


def test_the_heat_map_row_of_the_same_model_agrees(published: Any, shared_data: Path) -> None:
    with (shared_data / "data/papers/flaws_kopt_heatmap.csv").open() as lines:
        row = next(row for row in csv.DictReader(lines) if row.pop("model") == "Llama 3.1 8B")
    types = llama(published)
    got = {ratio: types.best_limit(cost=float(ratio), as_published=True) for ratio in row}
    assert got == {ratio: int(best) for ratio, best in row.items()}


def test_published_rates_of_rejection_and_false_positives(published: Any) -> None:
    model, types = published["llama_3_1_8b"], llama(published)
    np.testing.assert_allclose(types.rejected, [model["beta1"], model["beta2"]], atol=1e-9)
    np.testing.assert_allclose(types.false_positive, model["p_false_positive"], atol=1e-9)


def test_the_toy_model_of_the_notebook_is_reproduced(published: Any) -> None:
    toy = published["toy_model_notebook"]
    types = ProblemTypes.of([toy["p1"], 1 - toy["p1"]], [toy["r1"], toy["r2"]], soundness=toy["s"])
    for result in toy["results"]:
        cost = -result["V_fp"]
        for form, name in ((True, "code"), (False, "consistent")):
            rewards = types.reward(k=range(1, 16), cost=cost, as_published=form)
            np.testing.assert_allclose(rewards, result[f"reward_K1_15_{name}"], atol=1e-6)
            assert (
                types.best_limit(cost=cost, most=15, as_published=form) == (result[f"k_opt_{name}"])
            )


def test_the_consistent_form_is_the_limit_of_first_accepted_on_many_samples() -> None:
    types = ProblemTypes.of([0.5, 0.5], [0.8, 0.1], completeness=0.9, soundness=0.75)
    many = 2_000_000
    right = (types.true_positive * many).astype(int)
    accepted = right + (types.false_positive * many).astype(int)
    outcome = first_accepted(right, accepted, many, k=[1, 3, 20])
    want = outcome.reward(1.5).mean(axis=0)
    np.testing.assert_allclose(types.reward(k=[1, 3, 20], cost=1.5), want, atol=1e-4)


def test_accuracy_at_infinity_per_type() -> None:
    types = ProblemTypes.of([0.5, 0.5], [0.5, 0.0], completeness=0.8, soundness=1.0)
    np.testing.assert_allclose(types.precision(), [1.0, np.nan])


def test_two_types_are_fitted_from_rates_as_the_notebook_does() -> None:
    accepted, right = [1.0, 0.9, 0.4, 0.2], [1.0, 0.8, 0.2, 0.0]
    types = ProblemTypes.from_rates(accepted, right)
    b, q, g = 0.625, 0.5, np.mean([1, 0.8 / 0.9, 0.5, 0])
    assert types.soundness == pytest.approx((1 - b - q + g * b) / (1 - q))
    np.testing.assert_allclose(types.right, [0.9, 0.1])


def test_impossible_mixtures_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        ProblemTypes.of([0.5, 0.4], [0.1, 0.2], soundness=0.5)
    with pytest.raises(ValueError, match="all problems are of one type"):
        ProblemTypes.from_rates([1.0, 1.0], [0.9, 0.8])
