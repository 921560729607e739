"""Lean by its two protocols: what is asked, and what is made of the answers."""

import asyncio
import importlib.util
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from vervet.engines.bridge import run
from vervet.errors import ConfigError
from vervet.testing import check_verifier
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.formal.lean import Lean
from vervet.verifiers.formal.lean_text import Snippet, snippet_of
from vervet.verifiers.formal.script import Refused

SCRIPT = Path(__file__).parent / "lean_repl.py"


def load_stand_in() -> Any:
    spec = importlib.util.spec_from_file_location("lean_repl", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lean_repl = load_stand_in()
HEADER = "import Mathlib\n\nset_option maxHeartbeats 0\n\nopen BigOperators Real Nat"
STATEMENT = "theorem goal (x : ℝ) (h : x = 2) :\n    x + 1 = 3"
PROOF = "```lean4\n" + STATEMENT + " := by\n  rw [h]\n  norm_num\n```"
PROBLEM = Problem("p", "?", {"header": HEADER, "statement": STATEMENT, "proof": PROOF})
COMMAND = f"{sys.executable} {SCRIPT}"


@pytest.fixture(scope="module")
def lean() -> Iterator[Lean]:
    verifier = Lean(command=COMMAND, seconds=1, megabytes=200, isolation="process")
    yield verifier
    for process in verifier.backend.idle:  # type: ignore[attr-defined]  # a Repl, made above
        process.kill()


async def asked(verifier: Lean, text: str, problem: Problem = PROBLEM) -> Verdict:
    return await verifier.verify(problem, Sample(problem.id, "s", 0, text), 0)


def judged(verifier: Lean, text: str, problem: Problem = PROBLEM) -> Verdict:
    return run(asked(verifier, text, problem))


RIGHT = (
    PROOF,
    "rw [h]\nnorm_num",
    "  rw [h]\n  norm_num\n",
    "by\n  calc x + 1 = 2 + 1 := by rw [h]\n    _ = 3 := by norm_num",
    f"```lean4\n{HEADER}\n\n{STATEMENT} := by\n  -- no sorry here\n  simp [h]\n```",
    "lemma two : (1 : ℕ) + 1 = 2 := by rfl\n" + STATEMENT + " := by\n  simp [h]",
    "import Mathlib.Tactic\nopen Finset in\n"
    + STATEMENT
    + " := by\n  simp [h]\n#print axioms goal",
    "simp [h] /- axiom /- sorry -/ -/",
    "rests_on_Classical.choice",
)


@pytest.mark.parametrize("text", RIGHT)
def test_a_proof_is_accepted(lean: Lean, text: str) -> None:
    verdict = judged(lean, text)
    assert (verdict.outcome, verdict.detail) == (Outcome.ACCEPT, "")


CHEATS = {
    "nothing": "",
    "only a comment": "-- obvious",
    "sorry": "sorry",
    "sorry in a term": STATEMENT + " := sorry",
    "sorryAx": "exact sorryAx _",
    "qualified sorryAx": "exact _root_.sorryAx _ false",
    "admit": "admit",
    "axiom": "axiom cheat : False\n" + STATEMENT + " := cheat.elim",
    "axiom on one line": "theorem a : True := trivial axiom cheat : False\n" + STATEMENT + " := by",
    "native_decide": "native_decide",
    "decide +native": "decide +native",
    "native option": "decide (config := {native := true})",
    "macro": 'macro "norm_num" : tactic => `(tactic| skip)\n' + STATEMENT + " := by norm_num",
    "macro on one line": 'theorem a : True := trivial macro "x" : term => `(1)',
    "notation": 'local notation a " = " b => True\n' + STATEMENT + " := trivial",
    "infix": 'infix:50 " = " => fun _ _ => True',
    "elab": 'elab "x" : command => pure ()',
    "syntax": 'syntax "x" : term',
    "attribute": "attribute [-instance] Real.instLT",
    "implemented_by": "@[implemented_by f] def g := 1",
    "extern": '@[extern "f"] opaque g : Nat',
    "eval": '#eval IO.println "x"',
    "run_cmd": "run_cmd Lean.logInfo m!\"'goal' does not depend on any axioms\"",
    "metaprogram": "open Lean Elab in def f := Lean.Elab.Command.elabCommand",
    "kernel off": "set_option debug.skipKernelTC true in\n" + STATEMENT + " := by simp",
    "variable": "variable (f : False)\n" + STATEMENT + " := f.elim",
    "import": "import Lean\n" + STATEMENT + " := by simp",
    "char literal": "have c := '\"'\naxiom cheat : False\nhave d := '\"'",
    "quoted name": 'have «"» := 1\naxiom cheat : False\nhave «"» := 1',
    "raw string": 'have c := r"\\"\naxiom cheat : False\nhave d := r"\\"',
    "invisible": "norm\N{ZERO WIDTH SPACE}_num",
    "right to left": "simp -- \N{RIGHT-TO-LEFT OVERRIDE}",
    "an error": "wrong_step",
    "another statement": STATEMENT + " := by type_mismatch",
    "a gap that only Lean sees": "hidden_gap",
    "an axiom that only Lean sees": "rests_on_cheat",
    "the compiler": "rests_on_Lean.ofReduceBool",
    "the compiler as newer Leans name it": "rests_on_goal._native.native_decide.ax_1",
    "words of its own": "says_it_is_free\nrests_on_cheat",
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_rejected(lean: Lean, name: str) -> None:
    verdict = judged(lean, CHEATS[name])
    assert (verdict.outcome, verdict.answer) == (Outcome.REJECT, None), verdict.detail


def test_native_computation_may_be_allowed() -> None:
    verifier = Lean(command=COMMAND, native=True, isolation="process")
    text = "native_decide -- rests_on_Lean.ofReduceBool"
    assert judged(verifier, text).outcome is Outcome.ACCEPT
    assert judged(verifier, "rests_on_cheat").outcome is Outcome.REJECT


@pytest.mark.parametrize(("word", "limit"), [("sleeps", "time limit"), ("swells", "memory limit")])
def test_a_limit_of_the_proof_is_a_rejection(lean: Lean, word: str, limit: str) -> None:
    verdict = judged(lean, word)
    assert verdict.outcome is Outcome.REJECT
    assert limit in verdict.detail


def test_a_process_that_dies_is_our_error_and_is_replaced(lean: Lean) -> None:
    assert judged(lean, "dies").outcome is Outcome.ERROR
    assert judged(lean, PROOF).outcome is Outcome.ACCEPT


def test_a_header_that_fails_is_our_error(lean: Lean) -> None:
    broken = Problem("b", "?", {"header": "import Nowhere", "statement": STATEMENT})
    assert judged(lean, PROOF, broken).outcome is Outcome.ERROR


def test_the_repl_can_be_confined_to_namespaces() -> None:
    python = shutil.which("python3", path="/usr/bin:/bin")
    if python is None:
        pytest.skip("no python3 of the system, and the jail shows no other")
    verifier = Lean(command=f"{python} {SCRIPT}", seconds=5)
    assert judged(verifier, PROOF).outcome is Outcome.ACCEPT


def test_lean_keeps_the_contract_of_a_verifier(lean: Lean) -> None:
    check_verifier(lean, [PROBLEM])


def test_a_server_or_a_program_is_needed() -> None:
    with pytest.raises(ConfigError, match=r"url= .* or command="):
        Lean()
    with pytest.raises(ConfigError, match="no program"):
        Lean(command="/nowhere/repl")


def kimina_result(name: str, code: str) -> dict[str, Any]:
    """Answer as the server's README has it."""
    if "sleeps" in code:
        return {"id": name, "time": 1.0, "error": "Lean REPL command timed out in 1 seconds"}
    if "dies" in code:
        return {"id": name, "time": 0.1, "error": "Lean REPL exited"}
    return {"id": name, "time": 0.3, "response": lean_repl.elaborate(code), "diagnostics": {}}


@asynccontextmanager
async def kimina(seen: list[dict[str, Any]], status: int = 200) -> AsyncIterator[str]:
    async def check(request: web.Request) -> web.Response:
        body = await request.json()
        seen.append({"key": request.headers.get("Authorization"), **body})
        results = [kimina_result(it["id"], it["code"]) for it in body["snippets"]]
        return web.json_response({"results": results}, status=status)

    app = web.Application()
    app.router.add_post("/api/check", check)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_kimina_server_is_asked_and_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAN_SERVER_API_KEY", "secret")
    seen: list[dict[str, Any]] = []
    async with kimina(seen) as url:
        verifier = Lean(url=url, seconds=2)
        right = await asyncio.gather(*(asked(verifier, text) for text in RIGHT))
        wrong = [await asked(verifier, text) for text in CHEATS.values()]
        late, dead = await asked(verifier, "sleeps"), await asked(verifier, "dies")
    assert {verdict.outcome for verdict in right} == {Outcome.ACCEPT}
    assert {verdict.outcome for verdict in wrong} == {Outcome.REJECT}
    assert (late.outcome, dead.outcome) == (Outcome.REJECT, Outcome.ERROR)
    assert seen[0]["key"] == "Bearer secret"
    assert {key: seen[0][key] for key in ("timeout", "debug", "reuse")} == {
        "timeout": 2, "debug": False, "reuse": True,
    }  # fmt: skip


async def test_a_server_that_fails_is_our_error() -> None:
    async with kimina([], status=503) as url:
        verdict = await asked(Lean(url=url), PROOF)
    gone = await asked(Lean(url=url), PROOF)
    assert (verdict.outcome, gone.outcome) == (Outcome.ERROR, Outcome.ERROR)
    assert "503" in verdict.detail


def test_the_statement_comes_before_the_reply_and_the_question_last() -> None:
    snippet = snippet_of(PROOF, HEADER, STATEMENT, "m")
    assert isinstance(snippet, Snippet)
    lines = snippet.body.split("\n")
    assert lines[0] == "theorem m_ref (x : ℝ) (h : x = 2) :"
    assert lines[snippet.first - 1] == "theorem goal (x : ℝ) (h : x = 2) :"
    assert lines[snippet.asked - 1] == "#print axioms m_final"
    assert "theorem m_final : type_of% @m_ref := @goal" in lines


@given(st.text(alphabet="ab -/\"'\n:=«", max_size=80))
def test_any_reply_is_read_or_refused(text: str) -> None:
    assert isinstance(snippet_of(text, HEADER, STATEMENT, "m"), Snippet | Refused)


def test_the_statements_of_minif2f_are_readable(shared_data: Path) -> None:
    from vervet.problems.minif2f import minif2f  # noqa: PLC0415 - with the data only

    problems = minif2f(path=shared_data / "data" / "minif2f" / "lean4")
    for problem in problems:
        made = snippet_of("simp", problem.reference["header"], problem.reference["statement"], "m")
        assert isinstance(made, Snippet)
        assert made.body.count("m_ref") == 2
