"""Tokens are drawn from the distribution that temperature and top-p say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from vervet.errors import ConfigError
from vervet.models.marmoset.choice import Decoding, choose, invert, truncate, uniforms
from vervet.models.marmoset.decode import streams
from vervet.models.marmoset.engine import BLOCK

ROWS = 60_000


def logits() -> np.ndarray:
    row = np.random.default_rng(0).normal(0, 2.0, 3 * BLOCK).astype(np.float32)
    row[-5:] = -np.inf
    return row


def distribution(row: np.ndarray, temperature: float, top_p: float) -> np.ndarray:
    """Return the distribution by its definition, in float64."""
    p = np.exp((row.astype(float) - row.max()) / temperature)
    p /= p.sum()
    order = np.argsort(-p)
    kept = order[: int((p[order].cumsum() < top_p).sum()) + 1]
    cut = np.zeros_like(p)
    cut[kept] = p[kept]
    return np.asarray(cut / cut.sum())


@pytest.mark.parametrize(
    ("temperature", "top_p"),
    [(1.0, 1.0), (0.6, 1.0), (1.5, 1.0), (1.0, 0.9), (1.3, 0.97), (1.0, 0.2)],
)
def test_frequencies_are_those_of_the_distribution(temperature: float, top_p: float) -> None:
    row = logits()
    random = uniforms(np.arange(ROWS, dtype=np.uint64), 5)
    tokens, logprobs = choose(
        np.tile(row, (ROWS, 1)), random, Decoding(temperature=temperature, top_p=top_p)
    )
    expected = distribution(row, temperature, top_p) * ROWS
    seen = np.bincount(tokens, minlength=len(row))
    assert not seen[expected == 0].any()
    usual = expected >= 5
    assert (
        stats.chisquare(
            np.append(seen[usual], seen[~usual].sum()) + 1e-9,
            np.append(expected[usual], expected[~usual].sum()) + 1e-9,
        ).pvalue
        > 1e-4
    )
    raw = np.log(distribution(row, 1.0, 1.0)[tokens])
    assert np.abs(logprobs - raw).max() < 1e-5


def test_temperature_zero_takes_the_likeliest_token() -> None:
    rows = np.random.default_rng(1).normal(size=(100, BLOCK)).astype(np.float32)
    tokens, _ = choose(rows.copy(), uniforms(np.arange(100, dtype=np.uint64), 0), Decoding(0))
    assert (tokens == rows.argmax(axis=1)).all()


masses = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.just(4 * BLOCK)),
    elements=st.one_of(st.just(0.0), st.floats(2**-30, 1.0, width=32)),
)


@given(masses, st.floats(0, 1, exclude_max=True, width=32))
def test_a_token_without_mass_is_never_drawn(weights: np.ndarray, random: float) -> None:
    weights[:, 7] = 1.0
    tokens = invert(weights, np.full(len(weights), random, np.float32))
    assert (weights[np.arange(len(weights)), tokens] > 0).all()


@given(masses, st.floats(0.01, 0.999))
def test_top_p_keeps_the_fewest_likeliest_tokens(weights: np.ndarray, top_p: float) -> None:
    weights[:, 7] = 1.0
    before = weights.astype(float)
    truncate(weights, top_p)
    for all_, kept in zip(before, weights, strict=True):
        held = kept > 0
        assert all_[held].sum() >= top_p * all_.sum() * (1 - 1e-5)
        least = all_[held].min()
        assert (all_[~held] < least).all()
        assert all_[all_ > least].sum() < top_p * all_.sum() * (1 + 1e-5)


def test_random_numbers_are_even_and_unrelated() -> None:
    keys = streams("a prompt", range(2_000))
    drawn = np.array([uniforms(keys, step) for step in range(50)])
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert stats.kstest(drawn.ravel(), "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(drawn[0], drawn[1])[0, 1]) < 0.1
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]) < 0.6
    assert len(np.unique(streams("p", range(10_000)))) == 10_000
    assert not set(streams("p", range(1_000))) & set(streams("q", range(1_000)))


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": -1}, {"temperature": np.nan}, {"top_p": 0}, {"top_p": 1.1},
     {"max_tokens": 0}, {"stop": ("",)}],
)  # fmt: skip
def test_impossible_decoding_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Decoding(**wrong)  # type: ignore[arg-type]
