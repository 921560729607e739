"""Generative verification, measured: marmosets solve, marmoset-verifier judges, up to V = 32.

    python benchmarks/genrm.py RUN [--model marmoset-strong] [-S 32] [-V 32] [--problems 64]

Samples, truth and verdicts are kept in RUN, so an interrupted measurement goes on. Printed: the
judge's quality (false positive rate, AUROC within problems, what repeats are worth), the success
surface over S and V, the cost ratio λ from tokens, and where verification overtakes the vote.

    VERVET_VLLM=/tmp/vllm/bin/python python benchmarks/genrm.py RUN --server --problems 4 -S 8

has a real server (vLLM) verify, through a proxy that keeps every reply as it went over the wire;
each verdict's p(Yes) is compared with the log-probability in its own reply, and with what the same
weights give in this process for the same words.
"""

import argparse
import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web

import vervet
from vervet.engines.bridge import run as run_async
from vervet.models.marmoset import Marmoset
from vervet.models.marmoset.chat import render
from vervet.models.marmoset.decode import Decoder
from vervet.models.marmoset.sampler import find
from vervet.problems.embedded import embedded
from vervet.store import Run
from vervet.types import Problem, Sample, Verdict
from vervet.verifiers.judge import judge
from vllm_server import interpreter, serving

JSON = {"Content-Type": "application/json"}
TRUTH = "gsm8k-answer"
VERIFIER = "marmoset-verifier"
SETTINGS = {"temperature": 0.7, "top_p": 0.95, "max_tokens": 128}


def sampled(run: Run, model: str, problems: int, solutions: int) -> list[Problem]:
    """Draw and judge what is missing of S solutions of every problem."""
    chosen = list(embedded(limit=problems).problems)
    sampler = Marmoset(model, workers=1)
    print(vervet.sample(run, chosen, sampler, n=solutions))
    print(vervet.verify(run, vervet.verifier(TRUTH)))
    return chosen


def report(run: Run) -> dict[str, Any]:
    """Print what the recorded verdicts say, and return it."""
    document = vervet.analyze(run, against=TRUTH).document.to_json()
    rows = [r for r in document["success"] if r["verifications"] in (1, 4, 16, 32)]
    for row in document["verifiers"]:
        names = ("completeness", "false_positive_rate", "precision")
        print(
            row["verifier"],
            {n: [rounded(row[n + e]) for e in ("", "_low", "_high")] for n in names},
        )
    for row in document["agreement"]:
        if "judge" in row["verifier"]:
            numbers = [rounded(row[n]) for n in ("value", "low", "high") if row[n] is not None]
            print(row["measure"], row["given"], row["votes"], numbers)
    votes = [r for r in document["selection"] if r["policy"] == "majority"]
    print("vote:", {r["k"]: round(r["value"], 3) for r in votes})
    print(
        "coverage:",
        {r["k"]: round(r["value"], 3) for r in document["coverage"] if r["verifier"] == TRUTH},
    )
    for row in rows:
        print(f"S={row['solutions']} V={row['verifications']}: {row['value']:.3f} "
              f"({row['low']:.3f} to {row['high']:.3f}), C = {row['cost']:.1f}")  # fmt: skip
    for row in document["crossings"]:
        print(
            {
                n: row[n]
                for n in ("rule", "cost_ratio", "reference_cost", "crossing_cost", "value", "never")
            }
        )
    lengths(run)
    return {name: document[name] for name in ("verifiers", "agreement", "success", "crossings")}


def rounded(value: float | None) -> float | None:
    """Return three digits of what is known."""
    return None if value is None else round(value, 3)


def lengths(run: Run) -> None:
    """Print mean tokens of a solution and of a verification, and λ with and without prompts."""
    solved = run.scan(Sample, ("prompt_tokens", "completion_tokens"))
    judged = run.scan(Verdict, ("prompt_tokens", "completion_tokens"))
    means = [
        float(np.nanmean(table[name].astype(float)))
        for table in (solved, judged)
        for name in ("prompt_tokens", "completion_tokens")
    ]
    words = means[3] / means[1]
    whole = (means[2] + means[3]) / (means[0] + means[1])
    print(f"tokens: a solution {means[0]:.1f} + {means[1]:.1f}, a verification {means[2]:.1f} + "
          f"{means[3]:.1f}; λ = {words:.2f} generated, {whole:.2f} with prompts")  # fmt: skip


@asynccontextmanager
async def listening(server: str, kept: list[dict[str, Any]]) -> AsyncIterator[str]:
    """Pass requests on to `server`, and keep what it answers as it came."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(600)) as session:

        async def handler(request: web.Request) -> web.Response:
            asked, path = await request.read(), request.match_info["path"]
            async with session.post(f"{server}/{path}", data=asked, headers=JSON) as reply:
                body = await reply.read()
                kept.append({"asked": json.loads(asked), "reply": json.loads(body)})
                return web.Response(body=body, status=reply.status, content_type="application/json")

        async def metrics(request: web.Request) -> web.Response:
            del request
            async with session.get(f"{server.removesuffix('/v1')}/metrics") as reply:
                return web.Response(text=await reply.text(), status=reply.status)

        app = web.Application()
        app.router.add_get("/metrics", metrics)  # judges ask a server near by who it is
        app.router.add_post("/v1/{path:.*}", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            await runner.cleanup()


async def served(run: Run, trials: int, server: str) -> dict[str, float]:
    """Verify through a real server; compare p(Yes) with the wire, and with this process."""
    kept: list[dict[str, Any]] = []
    async with listening(server, kept) as url:
        asked = judge(VERIFIER, base_url=url, template="fine-tuned", **SETTINGS)
        print(await asyncio.to_thread(vervet.verify, run, asked, trials=trials))
    wire: dict[tuple[str, str], list[float]] = {}
    words: dict[tuple[str, str], list[str]] = {}
    for said in kept:
        choice = said["reply"]["choices"][0]
        key = (said["asked"]["messages"][0]["content"], choice["message"]["content"])
        listed = choice["logprobs"]["content"]
        place = verdict_place([token["token"] for token in listed])
        if place is not None:
            chances = {other["token"]: other["logprob"] for other in listed[place]["top_logprobs"]}
            wire.setdefault(key, []).append(chances.get("Y", -math.inf))
            words[key] = [token["token"] for token in listed[:place]]
    scores = [v for batch in run.read(Verdict, {"verifier_id": asked.id}) for v in batch]
    told = [(v, json.loads(v.evidence)) for v in scores if v.evidence]
    by_words: dict[str, list[float]] = {}
    for (_, content), chances in wire.items():
        by_words.setdefault(content, []).extend(chances)
    apart = [
        min(abs(math.log(said["p_yes"]) - chance) for chance in by_words[said["text"]])
        for _, said in told
        if said["p_yes"]
    ]
    inside = in_process(wire, words)
    return {
        "verdicts": len(told),
        "p_yes_compared": len(apart),
        "log_p_yes_apart": max(apart, default=math.nan),
        "served_and_in_process_apart": max(inside, default=math.nan),
        "compared_in_process": len(inside),
    }


def verdict_place(tokens: list[str]) -> int | None:
    """Return the token that follows the last `Verdict:`, by counting letters."""
    places = [
        at for at, token in enumerate(tokens)
        if token.strip() and "".join(tokens[:at]).rstrip().endswith("Verdict:")
    ]  # fmt: skip
    return places[-1] if places else None


def in_process(
    wire: dict[tuple[str, str], list[float]], words: dict[tuple[str, str], list[str]]
) -> list[float]:
    """Return how far the served log p(Yes) is from that of the same weights in this process."""
    decoder = Decoder(find(VERIFIER))
    apart = []
    for (prompt, content), chances in wire.items():
        turn = Problem("", prompt, messages=({"role": "user", "content": prompt},))
        before = decoder.tokenizer.encode(render(find(VERIFIER), turn))
        head = content[: content.rindex("Verdict:") + len("Verdict: ")]
        said = decoder.tokenizer.encode(head)
        if len(said) != len(words[prompt, content]):
            continue  # the words were drawn as other tokens than they are read
        yes = decoder.tokenizer.numbers["<0x59>"]
        tokens = np.array([decoder.engine.shape.begin, *before, *said, yes])
        mine = float(decoder.engine.logprobs(tokens)[-1])
        apart += [abs(mine - chance) for chance in chances if math.isfinite(chance)]
    return apart


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--model", default="marmoset-strong")
    parser.add_argument("-S", "--solutions", type=int, default=32)
    parser.add_argument("-V", "--verifications", type=int, default=32)
    parser.add_argument("--problems", type=int, default=64)
    parser.add_argument("--server", action="store_true", help="vLLM verifies")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    settings = parser.parse_args()
    run = vervet.open(settings.run)
    sampled(run, settings.model, settings.problems, settings.solutions)
    figures: dict[str, Any] = {}
    if settings.server:
        with serving(interpreter(), find(VERIFIER), name=VERIFIER, context=384) as url:
            figures["server"] = run_async(served(run, settings.verifications, url))
        print(figures["server"])
    else:
        print(vervet.verify(run, judge(VERIFIER, **SETTINGS), trials=settings.verifications))
    figures |= report(run)
    if settings.json:
        settings.json.write_text(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
