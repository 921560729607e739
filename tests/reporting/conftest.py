"""A document like those `analyze` makes, and a browser to look at its report."""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from math import comb
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

PROBLEMS, SAMPLES = 96, 1000
KS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000)
VERIFIER = "gsm8k-answer-1"
STRONG, WEAK = "marmoset/large@a41f09c2", "marmoset/small@07bb31de"
Row = dict[str, Any]


def coverage_at(counts: np.ndarray, k: int) -> np.ndarray:
    """Return 1 − C(n − c, k) / C(n, k) for each problem, in exact integers."""
    whole = comb(SAMPLES, k)
    return np.array([float(1 - comb(SAMPLES - int(c), k) / whole) for c in counts])


def estimate(per_problem: np.ndarray, rng: np.random.Generator) -> Row:
    """Return the mean with its bootstrap interval over problems."""
    picks = rng.integers(0, len(per_problem), (400, len(per_problem)))
    low, high = np.quantile(per_problem[picks].mean(axis=1), (0.025, 0.975))
    return {
        "value": float(per_problem.mean()), "low": float(low), "high": float(high),
        "level": 0.95, "method": "bootstrap over problems", "problems": len(per_problem),
        "samples": len(per_problem) * SAMPLES, "excluded": 0, "reason": "",
    }  # fmt: skip


def population(shape: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return success counts over several orders of magnitude, and the best wrong answer's share."""
    rates = np.clip(10 ** (-4.2 * rng.beta(shape, 1.6, PROBLEMS)), 0, 0.97)
    wrong = rng.uniform(0.05, 0.5, PROBLEMS) * (1 - rates)
    return rng.binomial(SAMPLES, rates), wrong


def rows_of(model: str, shape: float, rng: np.random.Generator) -> dict[str, list[Row]]:
    """Return every table of the document for one simulated model."""
    counts, wrong = population(shape, rng)
    rates = counts / SAMPLES
    who = {"model": model, "verifier": VERIFIER}
    found: dict[str, list[Row]] = {"coverage": [], "selection": [], "costs": []}
    for k in KS:
        found["coverage"].append({**who, "k": k, **estimate(coverage_at(counts, k), rng)})
        spread = np.sqrt((rates + wrong) / k)
        votes = rates + (np.where(rates > wrong, 1.0, 0.0) - rates) * (1 - np.exp(-(k - 1) / 9))
        best = rates + 0.6 * (votes - rates) * np.exp(-k / 2000) - 0.01 * np.log10(k) * spread
        for policy, by, share in (("majority", "", votes), ("best-of", "logprob", best)):
            found["selection"].append({**who, "policy": policy, "by": by, "k": k,
                                       "abstained": 0.0, **estimate(share, rng)})  # fmt: skip
        price = 4.2e-6 * k if model == STRONG else None
        found["costs"].append({"model": model, "k": k, "tokens": 92.0 + 61.0 * k, "usd": price,
                               "flops": 1.9e6 * (92 + 61 * k) * (4 if model == STRONG else 1),
                               "flops_unshared": 1.9e6 * 153 * k * (4 if model == STRONG else 1),
                               "problems": PROBLEMS, "source": "prices of 2026-11"})  # fmt: skip
    found["problems"] = [
        {**who, "problem_id": f"embedded/{i:03}", "samples": SAMPLES, "accepted": int(c),
         "rejected": SAMPLES - int(c), "errors": 0, "rate": float(c / SAMPLES),
         "modal_answer": str(17 + i), "modal_share": float(max(c / SAMPLES, w)),
         "modal_correct": 1.0 if c / SAMPLES > w else 0.0, "mean_tokens": 61.0}
        for i, (c, w) in enumerate(zip(counts, wrong, strict=True))
    ]  # fmt: skip
    first, last = found["coverage"][0], found["coverage"][-1]
    a = float(np.log10(first["value"]))
    b = float(np.log10(np.log10(last["value"]) / a) / np.log10(KS[-1]))
    found["fits"] = [{**who, "law": "exponentiated power", "a": a, "b": b, "base": 10.0,
                      "loss": "log coverage", "error": 0.008, "error_sd": 0.004,
                      "backtest_fitted_to": 100, "backtest_k": 1000,
                      "backtest_predicted": last["value"] + 0.02,
                      "backtest_observed": last["value"]}]  # fmt: skip
    forecast = min(0.995, last["value"] + 0.05)
    found["forecasts"] = [{**who, "k": 10_000, **estimate(np.array([forecast]), rng),
                           "value": forecast, "low": forecast - 0.04,
                           "high": min(1.0, forecast + 0.03), "regime": "within"}]  # fmt: skip
    return found


def judges() -> list[Row]:
    """Return one comparison of two verifiers."""
    measures = {"agreement": 0.974, "completeness": 0.981, "soundness": 0.969,
                "false_positive_rate": 0.052}  # fmt: skip
    spread = {f"{key}_{end}": value + step for key, value in measures.items()
              for end, step in (("low", -0.006), ("high", 0.005))}  # fmt: skip
    return [{"model": STRONG, "verifier": "last-number-1", "against": VERIFIER,
             "both_accept": 35_210, "both_reject": 58_291, "only_verifier_accepts": 1_931,
             "only_against_accepts": 568, **measures, **spread, "accuracy_given_accept": 0.83,
             "limit_low": 0.79, "limit_high": 0.86, "never_accepted": 4, "best_k": 7,
             "best_k_low": 4, "best_k_high": 12, "best_reward": 0.41, "false_positive_cost": 4.0,
             "level": 0.95, "method": "bootstrap over problems", "problems": PROBLEMS,
             "samples": 96_000, "excluded": 41, "reason": ""}]  # fmt: skip


def surface(rng: np.random.Generator) -> list[Row]:
    """Return a success surface over solutions and verifications."""
    return [
        {"model": STRONG, "verifier": VERIFIER, "judge": "genrm/7b@11c2", "solutions": s,
         "verifications": v, "cost": s * (1 + 0.5 * v),
         **estimate(np.clip(rng.normal(0.35 + 0.07 * np.log2(s) * (v > 0) + 0.025 * np.log2(s)
                                       + 0.02 * np.log2(1 + v), 0.02, 96), 0, 1), rng)}
        for s in (1, 2, 4, 8, 16, 32) for v in (0, 1, 2, 4, 8)
    ]  # fmt: skip


def example(seed: int = 7) -> Row:
    """Return a whole document of two models."""
    rng = np.random.default_rng(seed)
    tables = [rows_of(STRONG, 0.9, rng), rows_of(WEAK, 1.7, rng)]
    merged = {key: [row for table in tables for row in table[key]] for key in tables[0]}
    excluded = [
        {"model": STRONG, "verifier": VERIFIER, "reason": "verifier errors", "count": 37,
         "total": 96_000, "detail": "SandboxError: could not start (37)"},
        {"model": WEAK, "verifier": VERIFIER, "reason": "no answer found", "count": 4_210,
         "total": 96_000, "detail": "judged wrong; the share is reported"},
        {"model": WEAK, "verifier": VERIFIER, "reason": "cut off at the token limit",
         "count": 912, "total": 96_000, "detail": "finish = length; judged wrong"},
    ]  # fmt: skip
    run = {"path": "runs/demo", "problems": PROBLEMS, "samples": 192_000, "verdicts": 192_000,
           "models": [STRONG, WEAK], "verifiers": [VERIFIER], "created": "2026-11-21",
           "vervet": "0.1.0"}  # fmt: skip
    return {"schema": "vervet.analysis/1", "runs": [run], **merged, "success": surface(rng),
            "verifiers": judges(), "excluded": excluded, "notes": []}  # fmt: skip


@pytest.fixture(scope="session")
def document() -> Row:
    """Return the example document."""
    return example()


FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--disable-dev-shm-usage", "--remote-debugging-port=0",
)  # fmt: skip
READY = """new Promise((done) => {
  const drawn = () => [...document.querySelectorAll('.chart')]
    .every((c) => c.dataset.drawn || !c.clientWidth);
  const look = (left) => drawn() || !left ? done(drawn()) : setTimeout(() => look(left - 1), 50);
  look(200);
})"""


class Page:
    """A tab, spoken to over the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._session: str | None = None
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._seen: list[str] = []

    async def attach(self) -> None:
        target = await self.send("Target.createTarget", url="about:blank")
        found = await self.send("Target.attachToTarget", **target, flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.send(f"{domain}.enable")

    async def send(self, method: str, **params: Any) -> Row:
        """Send a command and return its result, noting what happens meanwhile."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        await self._socket.send_json(message)
        while True:
            reply = await self._socket.receive_json(timeout=30)
            if reply.get("id") == self._number:
                assert "error" not in reply, reply
                return dict(reply["result"])
            self._note(reply)

    def _note(self, event: Row) -> None:
        params = event.get("params", {})
        self._seen.append(event["method"])
        if event["method"] == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"]))
        elif event["method"] == "Runtime.consoleAPICalled" and params["type"] in {
            "error",
            "warning",
        }:
            self.errors.append(str(params["args"]))
        elif event["method"] == "Log.entryAdded":
            self.errors.append(str(params["entry"]))
        elif event["method"] == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    async def open(self, url: str, *, width: int = 1280, scheme: str = "light") -> None:
        """Load a page at a width and a colour scheme, until its charts are drawn."""
        await self.send("Emulation.setDeviceMetricsOverride", width=width, height=900,
                        deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.send("Emulation.setEmulatedMedia", features=features)
        await self.send("Page.navigate", url=url)
        await self.loaded()
        assert await self.ready(), self.errors

    async def loaded(self) -> None:
        """Wait until a page is loaded."""
        while "Page.loadEventFired" not in self._seen:
            self._note(await self._socket.receive_json(timeout=30))
        self._seen.clear()

    async def ready(self) -> bool:
        """Wait until every chart that is shown is drawn."""
        return bool(await self.value(READY))

    async def click(self, x: float, y: float) -> None:
        """Move to a point and press there, as a hand would."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {}
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)
            await asyncio.sleep(0.1)

    async def value(self, expression: str) -> Any:
        """Evaluate JavaScript and return its value."""
        found = await self.send("Runtime.evaluate", expression=expression, awaitPromise=True,
                                returnByValue=True)  # fmt: skip
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def picture(self) -> bytes:
        """Return the whole page as PNG."""
        found = await self.send("Page.captureScreenshot", captureBeyondViewport=True)
        return b64decode(found["data"])


Browse = Callable[[], AbstractAsyncContextManager[Page]]


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Return a way to open a browser on an empty profile."""
    return lambda: chromium(tmp_path / "profile")


@asynccontextmanager
async def chromium(profile: Path) -> AsyncIterator[Page]:
    """Start Chromium with an empty profile and yield a tab; skip where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    process = await asyncio.create_subprocess_exec(
        program, *FLAGS, f"--user-data-dir={profile}", "about:blank",
        stdout=DEVNULL, stderr=DEVNULL,
    )  # fmt: skip
    try:
        port, path = await _address(profile / "DevToolsActivePort")
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0) as socket,
        ):
            page = Page(socket)
            await page.attach()
            yield page
    finally:
        process.kill()
        await process.wait()


async def _address(file: Path) -> tuple[str, str]:
    """Return the port and path that Chromium wrote down once it listens."""
    for _ in range(400):
        lines = await asyncio.to_thread(_lines, file)
        if len(lines) == 2:
            return lines[0], lines[1]
        await asyncio.sleep(0.05)
    pytest.fail("chromium did not start within 20 s")


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []
