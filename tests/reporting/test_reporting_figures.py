"""Figures as files: physical sizes, fixed colours, no network, a clear word where a part lacks."""

import re
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from vervet.errors import ConfigError, MissingExtra
from vervet.reporting import write_figures
from vervet.reporting.charts import figures
from vervet.reporting.figures import printed

CHARTS = 11


def test_every_chart_becomes_a_file_of_each_form(document: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
    written = write_figures(document, tmp_path / "figures", ("pdf", "svg", "png"))
    assert len(written) == 3 * CHARTS
    assert all(path.stat().st_size > 2000 for path in written)
    paper = (tmp_path / "figures" / "coverage-0.pdf").read_bytes()
    size = re.search(rb"MediaBox \[0 0 (\d+) ", paper)
    assert paper.startswith(b"%PDF")
    assert size
    assert int(size[1]) == 234  # points: 3.25 inches


def test_a_column_figure_is_as_wide_as_a_column(document: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
    only = document | {"costs": [], "problems": [], "verifiers": [], "success": []}
    write_figures(only, tmp_path, ("png", "svg"))
    header = (tmp_path / "coverage-0.png").read_bytes()[16:24]
    width, _ = struct.unpack(">II", header)
    assert width == pytest.approx(3.25 * 300, abs=3)
    drawing = (tmp_path / "coverage-0.svg").read_text()
    assert re.search(r'<svg[^>]* width="234.00pt"', drawing)
    assert "var(--" not in drawing
    assert "coverage" in drawing
    assert "majority vote" in drawing


def test_files_of_a_report_lie_beside_it(document: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
    only = document | {"costs": [], "problems": [], "verifiers": [], "success": []}
    written = write_figures(only, tmp_path / "words.html", ("svg",), width="page")
    assert [path.name for path in written] == ["words-coverage-0.svg", "words-coverage-1.svg"]


@pytest.mark.parametrize("inches", [3.25, 6.75])
def test_every_curve_is_named_on_paper(document: dict[str, Any], inches: float) -> None:
    for chart in (c for part in figures(document, lambda _p, _q: "").values() for c in part):
        spec = printed(chart, inches)
        encodings = [layer.get("encoding", {}) for layer in spec["layer"]]
        labelled = any(layer.get("name") == "labels" for layer in spec["layer"])
        coloured = [e["color"] for e in encodings if e.get("color", {}).get("type") == "nominal"]
        explained = any(colour["legend"] for colour in coloured)
        assert labelled or explained or not coloured or chart.id.startswith("confusion")


def test_what_cannot_be_made_is_said_in_one_line(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"form 'jpeg' is not known; choose from pdf, svg, png"):
        write_figures(document, tmp_path, ("jpeg",))
    with pytest.raises(ConfigError, match="width 'wide' is not known"):
        write_figures(document, tmp_path, width="wide")
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(MissingExtra, match=r"pip install 'vervet\[figures\]'"):
        write_figures(document, tmp_path)
