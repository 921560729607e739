"""From a recorded run to its report and its pages, nothing replaced."""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from vervet.analysis import analyze
from vervet.errors import ConfigError
from vervet.reporting import write_report
from vervet.reporting.charts import as_document
from vervet.reporting.recorded import recorded
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.viewing import application, serve

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}\u202eevil\x00"
    '" onmouseover="alert(3)'
)
MODEL, JUDGE = "tiny@0011223344", "exact@1-aa"
PROBLEMS, SAMPLES = 6, 120


def outcome_of(problem: int, index: int) -> Outcome:
    """Problem 0 is always right, the last never; every 40th judgement fails."""
    if index % 40 == 39:
        return Outcome.ERROR
    return Outcome.ACCEPT if index % (problem + 1) == 0 and problem < 5 else Outcome.REJECT


def rows(problem: int) -> tuple[list[Sample], list[Verdict]]:
    name = f"set/{problem}" if problem else HOSTILE
    samples = [
        Sample(name, MODEL, i, f"{HOSTILE} the answer is {i}", logprob=-float(i), seed=i,
               prompt_tokens=10, completion_tokens=20 + i)
        for i in range(SAMPLES)
    ]  # fmt: skip
    verdicts = [
        Verdict(name, MODEL, i, JUDGE, 0, outcome_of(problem, i), answer=f"<b>{i % 3}</b>",
                detail=HOSTILE)
        for i in range(SAMPLES)
    ]  # fmt: skip
    return samples, verdicts


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    opened = open_run(tmp_path_factory.mktemp("runs") / "hostile-run")
    names = [HOSTILE, *(f"set/{i}" for i in range(1, PROBLEMS))]
    opened.append([Problem(name, f"What? {HOSTILE}", {"answer": HOSTILE}) for name in names])
    for problem in range(PROBLEMS):
        for table in rows(problem):
            opened.append(table)
    return opened


@pytest.fixture(scope="module")
def analysed(run: Run) -> dict[str, Any]:
    return dict(as_document(analyze(run)))


def test_a_run_becomes_one_file(run: Run, tmp_path: Path) -> None:
    path = write_report(run, analyze(run), tmp_path / "new" / "report.html")
    page = path.read_text(encoding="utf-8")
    assert page.count("<article") == 4  # easiest, median, hardest solved, never solved
    assert page.count('class="sample"') == 4 * 100
    assert page.count("100 of 120 samples") == 4
    assert page.count("<summary>88 more") == 4


class Elements(HTMLParser):
    """Which elements and attributes a browser would find."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}


def check_harmless(page: str, scripts: int) -> None:
    found = Elements(page)
    assert found.tags["script"] == scripts
    assert not {"img", "iframe", "object"} & set(found.tags)
    assert not {name for name in found.attributes if name.startswith("on")}
    assert not {"\x00", "\u202e"} & set(page)
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page
    assert "{{ 7 * 7 }}" in page
    assert "⟨U+202E⟩" in page


def test_hostile_text_never_becomes_markup(run: Run, tmp_path: Path) -> None:
    page = write_report(run, analyze(run), tmp_path / "r.html").read_text(encoding="utf-8")
    check_harmless(page, scripts=5)  # three libraries, ours, and the data
    assert "<b>0</b>" not in page


def test_asked_for_problems_are_shown_and_unknown_ones_refused(run: Run, tmp_path: Path) -> None:
    page = write_report(run, analyze(run), tmp_path / "r.html", problems=["set/3"]).read_text()
    assert page.count("<article") == 1
    assert "asked for" in page
    with pytest.raises(ConfigError, match="no problem 'set/77'"):
        write_report(run, analyze(run), tmp_path / "r.html", problems=["set/77"])


def test_samples_are_shown_of_each_outcome(run: Run, analysed: dict[str, Any]) -> None:
    reading = recorded([run], analysed).readings(["set/4"], 12)[0]
    outcomes = [one.outcome for one in reading.shown]
    assert reading.total == SAMPLES
    assert {o: outcomes.count(o) for o in set(outcomes)} == {"accept": 5, "reject": 4, "error": 3}
    assert sum(t.count for t in reading.tallies) == SAMPLES
    assert all(one.verdicts[0].verifier_id == JUDGE for one in reading.shown)


def test_the_verdict_shown_is_that_of_most_trials(tmp_path: Path) -> None:
    opened = open_run(tmp_path / "run")
    opened.append([Problem("p", "?")])
    opened.append([Sample("p", MODEL, i, "text") for i in range(2)])
    said = (Outcome.ACCEPT, Outcome.REJECT, Outcome.ACCEPT)
    opened.append([Verdict("p", MODEL, 0, JUDGE, t, o) for t, o in enumerate(said)])
    opened.append([Verdict("p", MODEL, 0, "other@1", 0, Outcome.REJECT)])
    document = as_document(analyze(opened, verifier="exact"))
    reading = recorded([opened], document).readings(["p"], 5)[0]
    assert [one.outcome for one in reading.shown] == ["accept", "unjudged"]
    assert [v.verifier_id for v in reading.shown[0].verdicts] == [JUDGE] * 3 + ["other@1"]


async def test_every_sample_can_be_paged_through(run: Run, analysed: dict[str, Any]) -> None:
    async with TestClient(TestServer(application(run, analysed))) as client:
        seen: list[str] = []
        for page in (1, 2, 3):
            answer = await client.get("/problem", params={"id": "set/2", "page": str(page)})
            text = await answer.text()
            seen += [line for line in text.splitlines() if '<span class="facts">#' in line]
        assert len(seen) == SAMPLES
        assert len(set(seen)) == SAMPLES
        only = await client.get("/problem", params={"id": "set/2", "outcome": "error"})
        assert (await only.text()).count('class="sample"') == 3


async def test_pages_are_safe_and_linked(run: Run, analysed: dict[str, Any]) -> None:
    async with TestClient(TestServer(application(run, analysed))) as client:
        for path in ("/", "/problems", "/problems?order=hardest", "/problem?id=set/1"):
            answer = await client.get(path)
            text = await answer.text()
            assert answer.status == 200
            check_harmless(text, scripts=5 if path == "/" else 1)
            assert "default-src &#39;none&#39;" in text
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        listing = await (await client.get("/problems")).text()
        assert 'href="problem?id=set%2F5"' in listing
        hostile = await client.get("/problem", params={"id": HOSTILE})
        assert hostile.status == 200
        check_harmless(await hostile.text(), scripts=1)


async def test_strangers_are_refused(run: Run, analysed: dict[str, Any]) -> None:
    async with TestClient(TestServer(application(run, analysed))) as client:
        rebound = await client.get("/", headers={"Host": "evil.example:80"})
        assert rebound.status == 403
        assert (await client.get("/problem?id=nowhere")).status == 404
        odd = await client.get("/problems", params={"page": "x" * 99, "pair": "-1", "order": "?"})
        assert odd.status == 200


SERVE = """
import sys
from vervet.store import open_run
from vervet.viewing import serve
serve(open_run(sys.argv[1]), port=0, say=lambda text: print(text, flush=True))
"""


async def test_it_serves_this_machine_until_interrupted(run: Run) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, run.url, stdout=PIPE, stderr=PIPE
    )
    assert process.stdout
    assert (await process.stdout.readline()).startswith(b"reading ")
    address = (await process.stdout.readline()).decode().split()[0]
    assert address.startswith("http://127.0.0.1:")
    async with aiohttp.ClientSession() as client, client.get(f"{address}/problems") as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 0


def test_a_taken_port_is_said_at_once(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 cannot be had"):
            serve(run, port=port)


def test_samples_that_read_the_same_are_one_line(tmp_path: Path) -> None:
    opened = open_run(tmp_path / "run")
    opened.append([Problem("p", "?")])
    drawn = [Sample("p", m, i, f"text {i % 3}") for m in ("b@1", "a@1") for i in range(300)]
    opened.append(drawn)
    said = [Outcome.REJECT if s.index % 3 else Outcome.ACCEPT for s in drawn]
    opened.append(
        [Verdict("p", s.sampler_id, s.index, JUDGE, 0, o) for s, o in zip(drawn, said, strict=True)]
    )
    (reading,) = recorded([opened], as_document(analyze(opened))).readings(["p"], 60)
    lines = {(one.sample.sampler_id, one.sample.text): one.alike for one in reading.shown}
    assert lines == {(m, f"text {i}"): 100 for m in ("a@1", "b@1") for i in range(3)}
    assert reading.read == reading.total == 600
