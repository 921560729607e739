"""A table's chart: every row is in it, what it shows is what the table says."""

import json
from pathlib import Path
from typing import Any

import pytest

from vervet.analysis.plot import MIME, plot
from vervet.analysis.table import Table
from vervet.errors import ConfigError

NAN = float("nan")


def coverage(*models: str) -> Table:
    rows = tuple(
        {"model": m, "verifier": "key", "k": k, "value": 0.1 * k, "low": 0.05 * k, "high": NAN,
         "method": f"{m}'s"}
        for m in models for k in (1, 2, 4)
    )  # fmt: skip
    return Table("coverage", rows, ("model", "k", "value"))


def test_curves_over_k_have_their_intervals_as_bands() -> None:
    spec: Any = coverage("a").plot().spec
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["area", "line"]
    assert spec["encoding"]["x"]["scale"] == {"type": "log"}
    assert "color" not in spec["encoding"]
    assert [row["value"] for row in spec["data"]["values"]] == [0.1, 0.2, 0.4]
    json.dumps(spec, allow_nan=False)


def test_series_are_named_by_what_differs() -> None:
    spec: Any = coverage("small", "large").plot().spec
    assert [row["series"] for row in spec["data"]["values"]] == ["small"] * 3 + ["large"] * 3
    assert spec["encoding"]["color"]["field"] == "series"


def test_policies_are_points_over_their_samples() -> None:
    row = {"policy": "fixed", "accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6}
    spec: Any = plot("policies", [{**row, "samples": 1.0}]).spec
    assert [layer["encoding"]["y"]["field"] for layer in spec["layer"]] == [
        "accuracy_low",
        "accuracy",
    ]
    assert spec["encoding"]["x"]["field"] == "samples"


def test_costs_without_dollars_are_tokens() -> None:
    rows = [{"model": "m", "k": k, "usd": None, "tokens": 10.0 * k} for k in (1, 2)]
    assert plot("costs", rows).spec["layer"][0]["encoding"]["y"]["field"] == "tokens"


@pytest.mark.parametrize("rows", [(), ({"model": "m", "a": 1.0},), ({"value": 0.5},)])
def test_what_has_no_chart_says_so(rows: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(ConfigError, match="fits: nothing to plot; tables over k and of policies"):
        Table("fits", rows, ()).plot()


@pytest.mark.parametrize("ending", ["svg", "png", "json"])
def test_a_chart_is_saved(tmp_path: Path, ending: str) -> None:
    if ending != "json":
        pytest.importorskip("vl_convert", reason="pictures need vervet[figures]")
    file = coverage("a", "b").plot().save(tmp_path / f"chart.{ending}")
    begins = {"svg": b"<svg", "png": b"\x89PNG", "json": b'{"$schema'}[ending]
    assert file.read_bytes().startswith(begins)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the ending must be"):
        coverage("a").plot().save(tmp_path / "chart.gif")


def test_a_notebook_gets_the_specification() -> None:
    chart = coverage("a").plot()
    assert chart._repr_mimebundle_()[MIME] == chart.spec
