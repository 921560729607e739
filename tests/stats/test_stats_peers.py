"""Where scorio and Inspect compute the same number, it is the same number."""

from typing import Any

import numpy as np
import pytest

from vervet.stats.coverage import coverage
from vervet.stats.reliability import mean_pass_share, pass_all, pass_share


@pytest.fixture(scope="module")
def verdicts() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.random((40, 24)) < rng.beta(0.4, 0.6, (40, 1))).astype(int)


@pytest.fixture(scope="module")
def scorio() -> Any:
    return pytest.importorskip("scorio.eval", reason="pip install scorio")


@pytest.mark.parametrize("k", [1, 2, 7, 24])
def test_scorio_agrees_on_pass_at_k_and_its_relatives(
    scorio: Any, verdicts: np.ndarray, k: int
) -> None:
    counts = verdicts.sum(axis=1)
    pairs = [
        (coverage(counts, 24, k=k), scorio.pass_at_k(verdicts, k)),
        (pass_all(counts, 24, k=k), scorio.pass_hat_k(verdicts, k)),
        (mean_pass_share(counts, 24, k=k), scorio.mg_pass_at_k(verdicts, k)),
    ]
    pairs += [
        (pass_share(counts, 24, k=k, share=share), scorio.g_pass_at_k_tau(verdicts, k, share))
        for share in (0.25, 0.5, 1.0)
    ]
    for ours, theirs in pairs:
        assert ours.mean() == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("k", [1, 5, 24])
def test_inspect_agrees_on_pass_at_k(verdicts: np.ndarray, k: int) -> None:
    scorer = pytest.importorskip("inspect_ai.scorer", reason="pip install inspect_ai")
    reduce, reduce_all = scorer.pass_at(k), scorer.pass_k(k)
    for row in verdicts:
        scores = [scorer.Score(value=int(value)) for value in row]
        count = [row.sum()]
        assert coverage(count, 24, k=k)[0, 0] == pytest.approx(reduce(scores).value, abs=1e-12)
        assert pass_all(count, 24, k=k)[0, 0] == pytest.approx(reduce_all(scores).value, abs=1e-12)
