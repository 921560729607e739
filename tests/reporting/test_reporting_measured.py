"""What `analyze` measures is drawn: mistakes, scores, audits, budgets, mixtures, forecasts."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vervet.analysis import analyze
from vervet.errors import MissingExtra
from vervet.reporting import render, write_figures
from vervet.reporting.charts import as_document, figures
from vervet.reporting.comparisons import difference_table
from vervet.reporting.findings import forecast_tables, verifier_tables
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.reporting.conftest import Browse

Document = dict[str, Any]
WIDER = """[...document.querySelectorAll('main *')].filter((e) => {
    if (e.closest('.scroll, nav, pre, .visually-hidden, svg')) return false;
    return e.getBoundingClientRect().right > innerWidth + 1;
}).map((e) => e.outerHTML.slice(0, 120))"""
DRAWN = """[...document.querySelectorAll('.chart')].filter((c) => c.clientWidth)
    .map((c) => c.querySelectorAll('svg path, svg text').length)"""


def verdict(key: tuple[str, str, int], verifier: str, trial: int, *, ok: bool) -> Verdict:
    outcome = Outcome.ACCEPT if ok else Outcome.REJECT
    answer = ("42" if ok else str(key[2] % 2)) if verifier == "key@1" else None
    score = None if verifier != "graded@1" else (0.7 if ok else 0.2) + key[2] / 100
    return Verdict(*key, verifier, trial, outcome, answer=answer, score=score,
                   prompt_tokens=40, completion_tokens=20)  # fmt: skip


def fill(run: Run) -> None:
    """Record two models, judged by a key, a judge of four trials, a score and a small audit."""
    rng = np.random.default_rng(3)
    run.append([Problem(f"p{i}", "?") for i in range(12)])
    for model, skill in (("small", 0.25), ("large", 0.5)):
        run.describe("samplers", f"{model}@1", {"model": model})
        samples, verdicts = [], []
        for i, rate in enumerate(np.clip(rng.beta(skill, 0.6, 12), 0.05, 0.95)):
            for j in range(16):
                key, ok = (f"p{i}", f"{model}@1", j), bool(rng.random() < rate)
                samples.append(Sample(*key, f"{ok}", prompt_tokens=30, completion_tokens=30 + j))
                verdicts.append(verdict(key, "key@1", 0, ok=ok))
                verdicts.append(verdict(key, "graded@1", 0, ok=bool(rng.random() < 0.2 + 0.6 * ok)))
                verdicts += [
                    verdict(key, "judge@1", t, ok=bool(rng.random() < 0.3 + 0.5 * ok))
                    for t in range(4)
                ]
                verdicts += [verdict(key, "expert@1", 0, ok=ok)] if j < 3 else []
        run.append(samples)
        run.append(verdicts)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Document:
    run = open_run(str(tmp_path_factory.mktemp("measured") / "run"))
    fill(run)
    found = analyze(
        run, against="key", audit="expert", quality=["completion_tokens"], mixture=[4, 40],
        forecast=[200], forecast_width=0.8,
    )  # fmt: skip
    return dict(as_document(found))


def test_every_question_has_its_chart(measured: Document) -> None:
    charts = figures(measured, lambda _, __: "")
    kinds = {chart.id.rsplit("-", 1)[0] for section in charts.values() for chart in section}
    assert kinds >= {
        "utility", "false-positives", "roc", "matched", "strata", "optima", "surface", "climb",
        "mixture", "confusion", "coverage",
    }  # fmt: skip
    ids = [chart.id for section in charts.values() for chart in section]
    assert len(ids) == len(set(ids))
    for chart in (chart for section in charts.values() for chart in section):
        assert chart.table.rows, chart.id
        assert all(len(row) == len(chart.table.columns) for row in chart.table.rows), chart.id


def test_every_finding_has_its_table(measured: Document) -> None:
    found = [*verifier_tables(measured), *forecast_tables(measured)]
    assert [title for title, _ in found] == [
        "Accuracy corrected by an audit",
        "Can resampling the weak model match the strong one?",
        "What tells right acceptances from wrong ones",
        "Best of n from each problem's ROC curve",
        "Agreement among verifiers",
        "Forecasts, and what they rest on",
        "Runs that would narrow the forecasts",
        "Curves compared by a shift along k",
        "Coverage and selection by difficulty",
    ]
    for title, table in found:
        assert all(len(row) == len(table.columns) for row in table.rows), title


def test_the_limit_that_is_not_known_is_said(measured: Document) -> None:
    notes = [c.note for c in figures(measured, lambda _, __: "")["mistakes"] if "roc" in c.id]
    assert any("not known" in note for note in notes)


def test_differences_are_named_by_what_differs(measured: Document) -> None:
    said = {row[0] for row in difference_table(measured).rows}
    assert {"large − small", "key − judge", "majority − best-of by judge"} <= said


def test_the_page_says_how_everything_was_estimated(measured: Document) -> None:
    page = render(measured)
    for method in ("Audit", "Reward", "Agreement", "Equal cost", "Best split of compute"):
        assert f"<dt>{method}</dt>" in page
    assert "Mixtures of models" in page


def test_every_chart_can_be_printed(measured: Document, tmp_path: "Path") -> None:
    try:
        written = write_figures(measured, tmp_path, ("svg",))
    except MissingExtra as absent:
        pytest.skip(str(absent))
    charts = [chart for part in figures(measured, lambda _, __: "").values() for chart in part]
    assert len(written) == len(charts)
    assert all(path.stat().st_size > 1000 for path in written)


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
async def test_the_whole_report_draws_and_fits(
    browse: "Browse", measured: Document, tmp_path: "Path", width: int, scheme: str
) -> None:
    file = tmp_path / "report.html"
    file.write_text(render(measured), encoding="utf-8")
    async with browse() as page:
        await page.open(file.as_uri(), width=width, scheme=scheme)
        drawn = await page.value(DRAWN)
        assert len(drawn) > 20
        assert min(drawn) > 5
        assert await page.value("document.documentElement.scrollWidth") <= width
        assert await page.value(WIDER) == []
        assert page.errors == []
