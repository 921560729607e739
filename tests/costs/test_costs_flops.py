"""FLOPs against the sums they close, and against the published curves."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.costs.flops import Shape, sampling_eflops, sampling_flops, span_flops
from vervet.errors import ConfigError

LLAMA_8B = Shape(8.03e9, layers=32, hidden=4096, heads=32, kv_heads=8, head_size=128)
LLAMA_70B = Shape(70.6e9, layers=80, hidden=8192, heads=64, kv_heads=8, head_size=128)
# Mean prompt and completion tokens behind figure 4 of Large Language Monkeys (arXiv v1), derived
# from its vector graphics; the paper does not print them.
TOKENS = {
    ("MATH", "8B"): (672, 196), ("MATH", "70B"): (671, 183),
    ("GSM8K", "8B"): (848, 94), ("GSM8K", "70B"): (847, 84),
    ("MiniF2F-MATH", "8B"): (1343, 74), ("MiniF2F-MATH", "70B"): (1336, 96),
    ("CodeContests", "8B"): (2162, 293), ("CodeContests", "70B"): (2138, 164),
}  # fmt: skip
TOLERANCE = 0.04
"""The tokens are means and rounded, and attention is not linear in them."""


@given(st.integers(0, 300), st.integers(0, 300), st.floats(1, 1e12))
def test_the_closed_form_is_the_sum_over_tokens(start: int, tokens: int, parameters: float) -> None:
    shape = Shape(parameters, layers=3, hidden=64)
    positions = range(start + 1, start + tokens + 1)
    summed = sum(2 * (parameters + 2 * 3 * 64 * t) for t in positions)
    assert float(span_flops(shape, start, tokens)) == pytest.approx(summed, rel=1e-12)


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 1000))
def test_sharing_the_prefill_saves_all_prefills_but_one(p: int, c: int, k: int) -> None:
    shared = sampling_flops(LLAMA_8B, p, c, k)
    apart = sampling_flops(LLAMA_8B, p, c, k, shared_prefill=False)
    assert float(shared.decode) == float(apart.decode)
    assert float(apart.prefill) == pytest.approx(k * float(shared.prefill))
    assert float(shared.total) == pytest.approx(float(span_flops(LLAMA_8B, 0, p) + shared.decode))


def test_problems_and_k_broadcast_to_a_curve() -> None:
    k = np.array([[1], [10], [100]])
    cost = sampling_flops(LLAMA_8B, [100, 200], [10, 20], k)
    assert cost.total.shape == (3, 2)
    assert np.all(np.diff(cost.total, axis=0) > 0)


def _shape(model: str) -> tuple[str, Shape]:
    return ("8B", LLAMA_8B) if "8B" in model else ("70B", LLAMA_70B)


def test_figure_4_of_the_monkeys_paper(shared_data: Path) -> None:
    published = json.loads((shared_data / "data/papers/monkeys_fig4_flops_curves.json").read_text())
    seen = 0
    for task, models in published["panels"].items():
        for model, curve in models.items():
            size, shape = _shape(model)
            cost = sampling_flops(shape, *TOKENS[task, size], np.array([1, 10_000])).total
            assert cost == pytest.approx([curve["flops_k1"], curve["flops_k10000"]], rel=TOLERANCE)
            seen += 1
    assert seen == 8


def test_every_point_of_the_published_curves(shared_data: Path) -> None:
    # figure 2 says which k has which coverage; figure 4 then says which FLOPs that k has
    papers = shared_data / "data/papers"
    flops = json.loads((papers / "monkeys_fig4_flops_curves.json").read_text())["panels"]
    coverage = json.loads((papers / "monkeys_fig2_fig3_coverage_curves.json").read_text())["fig2"]
    checked = 0
    for task in ("MATH", "MiniF2F-MATH", "CodeContests"):
        for model, curve in flops[task].items():
            size, shape = _shape(model)
            ours = coverage[task][model]
            k = np.array([float(x) for x in ours])
            points = np.array(curve["curve_log10flops_coverage"])
            at = np.interp(list(ours.values()), points[:, 1], points[:, 0])
            cost = np.log10(sampling_flops(shape, *TOKENS[task, size], k).total)
            assert np.abs(cost - at).max() < 0.12  # decades; reading errors of two figures add up
            assert np.abs(cost - at).mean() < 0.03
            checked += len(k)
    assert checked > 90


def test_eflops_is_compute_plus_traffic_term_by_term() -> None:
    n, given_, made, intensity = 16, 500, 2000, 562.5
    d = 2 * 32 * 8 * 128
    r = 32 / 8
    compute = 2 * n * 8.03e9 * made + 2 * r * n * given_ * d * made + r * n * d * made**2
    traffic = 2 * given_ * d * made + n * d * made**2
    cost = sampling_eflops(LLAMA_8B, given_, made, n)
    assert float(cost.total) == pytest.approx(compute + intensity * traffic, rel=1e-12)


def test_without_traffic_eflops_are_flops_of_decoding() -> None:
    free = sampling_eflops(LLAMA_8B, 1000, 3000, 4, intensity=0.0)
    flops = sampling_flops(LLAMA_8B, 1000, 3000, 4)
    assert float(free.total) == pytest.approx(float(flops.decode), rel=1e-3)


def test_grouped_queries_make_long_samples_cheaper() -> None:
    full = Shape(8.03e9, layers=32, hidden=4096, heads=32, kv_heads=32, head_size=128)
    grouped, whole = (float(sampling_eflops(s, 100, 8000).total) for s in (LLAMA_8B, full))
    assert grouped < whole / 3


def test_eflops_need_the_key_value_heads() -> None:
    with pytest.raises(ConfigError, match="key-value heads"):
        sampling_eflops(Shape(1e9, layers=2, hidden=8), 1, 1)
