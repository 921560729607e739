"""One engine drawing from a Llama folder: `PYTHON engine_peers.py NAME JOB.json`, prints JSON.

Started by `engine.py`, each engine in the Python that has it. The job: for each prompt (token
numbers), draw `batch` continuations of `tokens` tokens at temperature 1, the end token ignored,
so that every engine computes the same number of tokens. Every engine may compute the prompt once.
"""

# ruff: noqa: PLC0415 - each engine is imported only in the Python that has it

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Draw = Callable[[list[int]], int]
"""Draws the continuations of one prompt; returns how many tokens that were."""
Job = dict[str, Any]


def vervet(job: Job) -> Draw:
    """The engine of this repository."""
    import dataclasses

    from vervet.models.marmoset.choice import Decoding
    from vervet.models.marmoset.decode import Decoder

    decoder = Decoder(Path(job["folder"]))
    decoder.engine.shape = dataclasses.replace(decoder.engine.shape, ends=())
    decoding = Decoding(max_tokens=job["tokens"])
    most = job["rows"]

    def draw(prompt: list[int]) -> int:
        text = decoder.tokenizer.decode(prompt)
        seeds = range(job["batch"])
        drawn = [decoder.draw(text, seeds[at : at + most], decoding) for at in seeds[::most]]
        return sum(completion.tokens for part in drawn for completion in part)

    return draw


def torch_weights(folder: Path, dtype: Any) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:  # noqa: ANN401
    """Read a model; put query, key and value together, and the two halves of the gated layer."""
    import torch
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text())
    raw = load_file(folder / "model.safetensors")
    w = {name.removeprefix("model."): tensor.to(dtype) for name, tensor in raw.items()}
    layers = []
    for i in range(config["num_hidden_layers"]):
        at = f"layers.{i}."
        qkv = torch.cat([w[f"{at}self_attn.{n}_proj.weight"] for n in "qkv"])
        gate_up = torch.cat([w[f"{at}mlp.{n}_proj.weight"] for n in ("gate", "up")])
        norms = w[at + "input_layernorm.weight"], w[at + "post_attention_layernorm.weight"]
        rest = w[at + "self_attn.o_proj.weight"], w[at + "mlp.down_proj.weight"]
        layers.append((norms[0], qkv, rest[0], norms[1], gate_up, rest[1]))
    return config, w, layers


def torch_loop(job: Job, kind: str) -> Draw:
    """A loop by hand: fused matrices, the prompt computed once, a preallocated cache."""
    import torch
    from torch.nn import functional as F  # noqa: N812 - torch's own short name

    torch.set_num_threads(1)
    dtype = getattr(torch, kind)
    config, w, layers = torch_weights(Path(job["folder"]), dtype)
    heads, head = config["num_attention_heads"], config["head_dim"]
    inverse = config["rope_theta"] ** (-torch.arange(0, head, 2) / head)
    angles = torch.outer(torch.arange(config["max_position_embeddings"]), inverse)
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)

    def forward(tokens: Any, keys: Any, values: Any, start: int) -> Any:  # noqa: ANN401
        rows, count = tokens.shape
        x = F.embedding(tokens, w["embed_tokens.weight"])
        size, epsilon = (x.shape[-1],), config["rms_norm_eps"]
        c, s = cos[start : start + count, None], sin[start : start + count, None]
        for i, (before, qkv, out, between, gate_up, down) in enumerate(layers):
            y = F.linear(F.rms_norm(x, size, before, epsilon), qkv).view(rows, count, -1, head)
            first, second = y[..., : heads + 1, :].chunk(2, dim=-1)
            turned = torch.cat((first * c - second * s, second * c + first * s), dim=-1)
            keys[i, :, :, start : start + count] = turned[:, None, :, heads]
            values[i, :, :, start : start + count] = y[:, None, :, heads + 1]
            k, v = keys[i, :, :, : start + count], values[i, :, :, : start + count]
            if count == 1:  # the heads share keys and values: they are one head's queries
                mixed = F.scaled_dot_product_attention(turned[:, :, :heads], k, v)
            else:
                q = turned[:, :, :heads].transpose(1, 2)
                mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
                mixed = mixed.transpose(1, 2)
            x = x + F.linear(mixed.reshape(rows, count, -1), out)
            gate, up = F.linear(F.rms_norm(x, size, between, epsilon), gate_up).chunk(2, dim=-1)
            x = x + F.linear(F.silu(gate) * up, down)
        return F.linear(
            F.rms_norm(x[:, -1], size, w["norm.weight"], epsilon), w["embed_tokens.weight"]
        )

    @torch.inference_mode()
    def draw(prompt: list[int]) -> int:
        room = len(layers), 1, 1, len(prompt) + job["tokens"], head
        keys, values = torch.zeros(room, dtype=dtype), torch.zeros(room, dtype=dtype)
        logits = forward(torch.tensor([prompt]), keys, values, 0).expand(job["batch"], -1)
        keys, values = (cache.repeat(1, job["batch"], 1, 1, 1) for cache in (keys, values))
        drawn = 0
        for step in range(job["tokens"]):
            chosen = torch.multinomial(logits.float().softmax(dim=-1), 1)
            drawn += len(chosen)
            if step + 1 < job["tokens"]:
                logits = forward(chosen, keys, values, len(prompt) + step)
        return drawn

    return draw


def transformers(job: Job) -> Draw:
    """The generate method of transformers, float32."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(job["folder"])

    def draw(prompt: list[int]) -> int:
        ids = torch.tensor([prompt])
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=0,
            num_return_sequences=job["batch"],
            max_new_tokens=job["tokens"], min_new_tokens=job["tokens"],
        )  # fmt: skip
        return out.shape[0] * (out.shape[1] - len(prompt))

    return draw


def ctranslate2(job: Job, kind: str) -> Draw:
    """CTranslate2, several hypotheses of one prompt."""
    import ctranslate2 as engine
    from ctranslate2.converters import TransformersConverter

    out = str(Path(tempfile.mkdtemp()) / "model")
    TransformersConverter(job["folder"]).convert(out)
    generator = engine.Generator(out, compute_type=kind, intra_threads=1, inter_threads=1)
    words = json.loads((Path(job["folder"]) / "tokenizer.json").read_text())["model"]["vocab"]
    names = {number: word for word, number in words.items()}

    def draw(prompt: list[int]) -> int:
        result = generator.generate_batch(
            [[names[t] for t in prompt]], num_hypotheses=job["batch"], beam_size=1,
            sampling_topk=0, sampling_temperature=1, include_prompt_in_result=False,
            max_length=job["tokens"], min_length=job["tokens"],
        )  # fmt: skip
        return sum(len(ids) for ids in result[0].sequences_ids)

    return draw


def openvino(job: Job) -> Draw:
    """OpenVINO GenAI on a model exported by optimum-intel, weights as float16."""
    import openvino as core
    import openvino_genai as genai
    from optimum.intel import OVModelForCausalLM

    out = Path(tempfile.mkdtemp())
    OVModelForCausalLM.from_pretrained(job["folder"], export=True, compile=False).save_pretrained(
        out
    )
    pipeline = genai.LLMPipeline(
        str(out), genai.Tokenizer(str(tokenizer_for_openvino(job["folder"], out))), "CPU",
        INFERENCE_NUM_THREADS=1,
    )  # fmt: skip

    def draw(prompt: list[int]) -> int:
        import numpy as np

        ids = core.Tensor(np.array([prompt], np.int64))
        mask = core.Tensor(np.ones((1, len(prompt)), np.int64))
        result = pipeline.generate(
            genai.TokenizedInputs(ids, mask), do_sample=True, temperature=1.0, top_k=0,
            num_return_sequences=job["batch"], max_new_tokens=job["tokens"], ignore_eos=True,
        )  # fmt: skip
        return sum(len(ids) for ids in result.tokens)

    return draw


def tokenizer_for_openvino(folder: str, out: Path) -> Path:
    """Convert the tokenizer; OpenVINO GenAI does not start without one."""
    import openvino as core
    from openvino_tokenizers import convert_tokenizer
    from transformers import AutoTokenizer

    known = AutoTokenizer.from_pretrained(folder)
    for part, name in zip(
        convert_tokenizer(known, with_detokenizer=True), ("tokenizer", "detokenizer"), strict=True
    ):
        core.save_model(part, out / f"openvino_{name}.xml")
    return out


def onnxruntime(job: Job) -> Draw:
    """A graph of onnxruntime's fused operators (GroupQueryAttention), float32."""
    from engine_onnx import Loop

    return Loop(Path(job["folder"]), job["batch"], job["tokens"]).draw


def vllm(job: Job) -> Draw:
    """The CPU build of vLLM, in this process, float32."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    from vllm import LLM, SamplingParams

    model = LLM(job["folder"], dtype="float32", max_num_seqs=job["batch"], enforce_eager=True)
    wanted = SamplingParams(
        n=job["batch"], temperature=1, max_tokens=job["tokens"], ignore_eos=True, detokenize=False
    )

    def draw(prompt: list[int]) -> int:
        (result,) = model.generate({"prompt_token_ids": prompt}, wanted, use_tqdm=False)
        return sum(len(output.token_ids) for output in result.outputs)

    return draw


def llamacpp(job: Job, kind: str) -> Draw:
    """The server of llama.cpp, in this process, one slot for each continuation."""
    from engine_llama import Slots

    slots = Slots(Path(job["folder"]), job["batch"], kind)
    return lambda prompt: slots.draw(prompt, job["tokens"])


ENGINES: dict[str, Callable[[Job], Draw]] = {
    "vervet": vervet,
    "torch-float32": lambda job: torch_loop(job, "float32"),
    "torch-bfloat16": lambda job: torch_loop(job, "bfloat16"),
    "transformers": transformers,
    "ctranslate2-float32": lambda job: ctranslate2(job, "float32"),
    "ctranslate2-int8": lambda job: ctranslate2(job, "int8"),
    "openvino-genai": openvino,
    "onnxruntime": onnxruntime,
    "vllm": vllm,
    "llamacpp-float32": lambda job: llamacpp(job, "F32"),
    "llamacpp-float16": lambda job: llamacpp(job, "F16"),
    "llamacpp-int8": lambda job: llamacpp(job, "Q8_0"),
}


def main() -> None:
    """Draw once to warm up, then `rounds` times over; print tokens and CPU seconds of each."""
    name, file = sys.argv[1:]
    job: Job = json.loads(Path(file).read_text())
    draw = ENGINES[name](job)
    draw(job["prompts"][0])
    rounds = []
    for _ in range(job["rounds"]):
        began = time.process_time()
        tokens = sum(draw(prompt) for prompt in job["prompts"])
        rounds.append([tokens, time.process_time() - began])
    print(json.dumps(rounds))


if __name__ == "__main__":
    main()
