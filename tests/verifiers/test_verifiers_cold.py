"""Containers and services: the same programs, the same verdicts, from nothing each time."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from aiohttp import web

from vervet.errors import ConfigError, SandboxError
from vervet.types import Outcome, Problem, Sample
from vervet.verifiers.sandbox.cold import container_command
from vervet.verifiers.sandbox.limits import Limits
from vervet.verifiers.unit_tests import unit_tests

CALLS: dict[str, Any] = {"entry_point": "f", "inputs": [[1], [2]], "expected": [2, 4]}
SCRIPT: dict[str, Any] = {"cases": [{"input": "3\n", "output": "9\n"}]}


async def run_code(request: web.Request) -> web.Response:
    """Run Python as SandboxFusion's `/run_code` does, answering in its words."""
    body = await request.json()
    try:
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-I", "-c", body["code"]], capture_output=True,
            timeout=body["run_timeout"], check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return web.json_response(
            {"status": "Failed", "run_result": {"status": "TimeLimitExceeded"}}
        )
    found = {"status": "Finished", "return_code": done.returncode, "stdout": done.stdout.decode()}
    return web.json_response(
        {"status": "Success" if not done.returncode else "Failed", "run_result": found}
    )


async def broken(request: web.Request) -> web.Response:
    del request
    return web.json_response({"status": "SandboxError", "message": "no space left"})


async def asked(
    handler: Any, monkeypatch: pytest.MonkeyPatch, work: list[tuple[dict[str, Any], str]]
) -> list[Outcome]:
    app = web.Application()
    app.router.add_post("/run_code", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    monkeypatch.setenv("SANDBOX_FUSION_ENDPOINT", f"http://127.0.0.1:{runner.addresses[0][1]}")
    verifier = unit_tests(isolation="remote", timeout=2, workers=1)
    try:
        return [
            (
                await verifier.verify(
                    Problem(str(i), "?", reference), Sample(str(i), "m", 0, code), 0
                )
            ).outcome
            for i, (reference, code) in enumerate(work)
        ]
    finally:
        await verifier.aclose()
        await runner.cleanup()


async def test_a_service_runs_the_same_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    work = [
        (CALLS, "def f(n):\n    print('v9')\n    return 2 * n"),
        (CALLS, "def f(n): return n"),
        (CALLS, "import os\ndef f(n): os._exit(0)"),
        (CALLS, "def f(n):\n    while True: pass"),
        (SCRIPT, "print(int(input()) ** 2)"),
        (SCRIPT, "print(1)"),
    ]
    accept, reject = Outcome.ACCEPT, Outcome.REJECT
    assert await asked(run_code, monkeypatch, work) == [
        accept,
        reject,
        reject,
        reject,
        accept,
        reject,
    ]


async def test_a_service_that_fails_is_our_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SandboxError, match="no space left"):
        await asked(broken, monkeypatch, [(CALLS, "def f(n): return n")])


def test_a_service_needs_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SANDBOX_FUSION_ENDPOINT", raising=False)
    with pytest.raises(ConfigError, match="SANDBOX_FUSION_ENDPOINT"):
        unit_tests(isolation="remote")


def test_a_container_has_no_network_and_no_privileges() -> None:
    words = " ".join(container_command("docker", "image", Limits()))
    for needed in ("--network none", "--read-only", "--cap-drop ALL", "no-new-privileges", "--rm"):
        assert needed in words
