"""The report in Chromium: it draws, it fits, it follows light and dark, and it asks for nothing."""

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.test_utils import TestServer

from vervet.analysis import analyze
from vervet.reporting import render
from vervet.reporting.charts import as_document
from vervet.reporting.curves import pairs
from vervet.reporting.difficulty import ranked
from vervet.reporting.reading import Choice, Judged, Reading
from vervet.store import open_run
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.viewing import application

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.reporting.conftest import Browse, Page

HOSTILE = "</script><script>window.owned = 1</script><img src=x onerror='window.owned = 2'>"
DRAWN = """[...document.querySelectorAll('.chart')].filter((c) => c.clientWidth)
    .map((c) => c.querySelectorAll('svg path, svg text').length)"""
WIDER = """[...document.querySelectorAll('main *')].filter((e) => {
    if (e.closest('.scroll, nav, pre, .visually-hidden, svg')) return false;
    return e.getBoundingClientRect().right > innerWidth + 1;
}).map((e) => e.outerHTML.slice(0, 120))"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
CURVES = """[...document.querySelectorAll('.chart svg .mark-line path')]
    .map((path) => getComputedStyle(path).stroke)"""
BLUE = {"light": "rgb(0, 103, 168)", "dark": "rgb(91, 178, 240)"}


@pytest.fixture
async def page(browse: "Browse") -> "AsyncIterator[Page]":
    async with browse() as opened:
        yield opened


@pytest.fixture(scope="module")
def address(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    samples = tuple(
        Judged(
            Sample("p", "m", i, f"{HOSTILE} {'long ' * 3000 if i else ''}"),
            "accept" if i else "reject",
            HOSTILE,
            (Verdict("p", "m", i, "v", 0, Outcome.ACCEPT, detail=HOSTILE),),
        )
        for i in range(3)
    )
    reading = Reading(Problem("p", HOSTILE, {"answer": HOSTILE}), samples, 3, 3)
    file: Path = tmp_path_factory.mktemp("browser") / "report.html"
    first = ranked(document, pairs(document)[0])[0]["problem_id"]
    named = Reading(Problem(first, "Which?"), samples, 3, 3)
    text = render(
        document, [(Choice("p", "asked for"), reading), (Choice(first, "easiest"), named)]
    )
    file.write_text(text, encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_report_draws_and_fits(
    page: "Page", address: str, width: int, scheme: str
) -> None:
    await page.open(address, width=width, scheme=scheme)
    drawn = await page.value(DRAWN)
    assert len(drawn) == 8  # two coverage, one cost, two difficulty, one confusion, two surface
    assert min(drawn) > 10
    assert await page.value("document.documentElement.scrollWidth") <= width
    assert await page.value(WIDER) == []
    dark = await page.value(BACKGROUND) == "rgb(21, 23, 28)"
    assert dark == (scheme == "dark")
    assert BLUE[scheme] in await page.value(CURVES)
    assert page.errors == []


async def test_nothing_leaves_the_page_and_nothing_in_it_runs(page: "Page", address: str) -> None:
    await page.open(address)
    outside = [url for url in page.requests if not url.startswith("data:font/") and url != address]
    assert outside == []
    assert await page.value("window.owned === undefined")
    # Even if markup slipped through, the policy would stop it.
    await page.value(
        "{ const s = document.createElement('script'); s.textContent = 'window.owned = 3';"
        " document.body.append(s) }"
    )
    assert await page.value("window.owned === undefined")
    assert any("Content Security Policy" in error for error in page.errors)


async def test_the_toggle_changes_the_theme_and_is_kept(page: "Page", address: str) -> None:
    await page.open(address)
    await page.value("document.querySelector('.theme').click()")
    assert await page.value(BACKGROUND) == "rgb(21, 23, 28)"
    assert BLUE["dark"] in await page.value(CURVES)
    await page.open(address)
    assert await page.value(BACKGROUND) == "rgb(21, 23, 28)"


async def test_units_of_cost_and_outcomes_can_be_chosen(page: "Page", address: str) -> None:
    await page.open(address)
    await page.value("document.querySelector('[data-show=cost-usd]').click()")
    assert await page.ready()
    shown = (
        "[...document.querySelectorAll('.option')].filter((o) => o.clientWidth).map((o) => o.id)"
    )
    assert await page.value(shown) == ["option-cost-usd"]
    assert await page.value("!!document.querySelector('#option-cost-usd svg')")
    await page.value("document.querySelector('[data-only=accept]').click()")
    visible = "document.querySelectorAll('#problem-1 .sample:not([hidden])').length"
    assert await page.value(visible) == 2


async def test_a_problem_leads_to_its_samples(page: "Page", address: str) -> None:
    await page.open(address)
    point = await page.value(
        "(() => { const c = document.querySelector('[data-chart=difficulty-0]');"
        " c.scrollIntoView({block: 'center', behavior: 'instant'});"
        " const b = c.querySelector('.mark-symbol path').getBoundingClientRect();"
        " return [b.x + b.width / 2, b.y + b.height / 2] })()"
    )
    await page.click(*point)
    tip = "document.querySelector('#vg-tooltip-element').textContent"
    assert "accepted" in await page.value(tip)
    assert await page.value("location.hash") == "#problem-2"


async def test_figures_can_be_saved_from_the_page(page: "Page", address: str) -> None:
    await page.open(address)
    saved = await page.value(
        "new Promise((done) => { URL.createObjectURL = (blob) => { blob.text().then(done);"
        " return '#'; }; document.querySelector('.save button').click(); })"
    )
    assert saved.startswith("<svg")
    assert "var(--" not in saved
    assert "#0067a8" in saved
    assert page.errors == []


async def test_pages_of_the_viewer_work_and_fit(page: "Page", tmp_path: "Path") -> None:
    run = open_run(tmp_path / "run")
    run.append([Problem(HOSTILE, HOSTILE), Problem("plain", "What is 1 + 1?")])
    for name in (HOSTILE, "plain"):
        samples = [Sample(name, "m@1", i, f"{HOSTILE} {i}") for i in range(60)]
        run.append(samples)
        run.append(
            [Verdict(name, "m@1", i, "v@1", 0, list(Outcome)[i % 2], str(i % 3)) for i in range(60)]
        )
    app = application(run, as_document(analyze(run)))
    async with TestServer(app, host="127.0.0.1") as server:
        for width in (390, 1280):
            for path in ("/", "/problems", "/problem?id=plain&outcome=accept"):
                await page.open(str(server.make_url(path)), width=width, scheme="dark")
                assert await page.value("document.documentElement.scrollWidth") <= width
                assert await page.value(BACKGROUND) == "rgb(21, 23, 28)"
                assert await page.value("!document.querySelector('.theme').hidden")
        await page.open(str(server.make_url("/problems")))
        await page.value("document.querySelector('tbody tr:last-child a').click()")
        await page.loaded()
        assert await page.value("document.querySelectorAll('.sample').length") == 50
        await page.value("document.querySelector('a[rel=next]').click()")
        await page.loaded()
        assert await page.value("document.querySelectorAll('.sample').length") == 10
        assert await page.value("window.owned === undefined")
    assert page.errors == []
