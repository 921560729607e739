"""The numpy engine computes what Llama's definition says, whatever it computes beside it."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vervet.errors import ConfigError
from vervet.models.marmoset.batch import Batch
from vervet.models.marmoset.checkpoint import load, read_safetensors
from vervet.models.marmoset.choice import Decoding
from vervet.models.marmoset.decode import Decoder
from vervet.models.marmoset.engine import Engine
from vervet.models.marmoset.pool import Pool
from vervet.models.marmoset.sampler import find
from vervet.problems.embedded import embedded

Array = NDArray[Any]
SHAPE = {
    "model_type": "llama", "vocab_size": 50, "hidden_size": 24, "intermediate_size": 40,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "max_position_embeddings": 96, "rms_norm_eps": 1e-6, "rope_theta": 500.0,
    "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": [2, 3],
}  # fmt: skip


def names_and_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    wide, hidden, vocabulary = (
        config[k] for k in ("intermediate_size", "hidden_size", "vocab_size")
    )
    queries = config["num_attention_heads"] * config["head_dim"]
    keys = config["num_key_value_heads"] * config["head_dim"]
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (vocabulary, hidden),
        "model.norm.weight": (hidden,),
        "lm_head.weight": (vocabulary, hidden),
    }
    for i in range(config["num_hidden_layers"]):
        at = f"model.layers.{i}."
        shapes |= {
            at + "input_layernorm.weight": (hidden,),
            at + "post_attention_layernorm.weight": (hidden,),
            at + "self_attn.q_proj.weight": (queries, hidden),
            at + "self_attn.k_proj.weight": (keys, hidden),
            at + "self_attn.v_proj.weight": (keys, hidden),
            at + "self_attn.o_proj.weight": (hidden, queries),
            at + "mlp.gate_proj.weight": (wide, hidden),
            at + "mlp.up_proj.weight": (wide, hidden),
            at + "mlp.down_proj.weight": (hidden, wide),
        }
    return shapes


def random_model(folder: Path, *, dtype: str = "F32", scale: float = 1.0) -> Path:
    """Write a model with grouped queries, an untied head and random weights."""
    rng = np.random.default_rng(0)
    header, body = {}, b""
    for name, shape in names_and_shapes(SHAPE).items():
        values = rng.normal(1.0 if len(shape) == 1 else 0.0, 0.3, shape).astype(np.float32)
        if "q_proj" in name:
            values *= scale
        raw = {
            "F32": values.tobytes(),
            "F16": values.astype(np.float16).tobytes(),
            "BF16": (values.view(np.uint32) >> 16).astype(np.uint16).tobytes(),
        }[dtype]
        offsets = [len(body), len(body) + len(raw)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        body += raw
    head = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    (folder / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + body)
    (folder / "config.json").write_text(json.dumps(SHAPE))
    return folder


def reference_logprobs(folder: Path, tokens: list[int]) -> Array:
    """Compute log p(token | tokens before) by Llama's definition, step by step, in float64."""
    config = json.loads((folder / "config.json").read_text())
    raw = read_safetensors((folder / "model.safetensors").read_bytes())
    w = {name: tensor.astype(np.float64) for name, tensor in raw.items()}
    heads, head = config["num_attention_heads"], config["head_dim"]
    inverse = config["rope_theta"] ** -(np.arange(0, head, 2) / head)
    angles = np.outer(np.arange(len(tokens)), np.concatenate([inverse, inverse]))

    def norm(x: Array, gain: Array) -> Array:
        mean = (x**2).mean(-1, keepdims=True) + config["rms_norm_eps"]
        return np.asarray(x / np.sqrt(mean) * gain)

    def rotated(x: Array) -> Array:
        half = np.concatenate([-x[..., head // 2 :], x[..., : head // 2]], -1)
        return np.asarray(x * np.cos(angles)[:, None] + half * np.sin(angles)[:, None])

    def softmax(x: Array) -> Array:
        e = np.exp(x - x.max(-1, keepdims=True))
        return np.asarray(e / e.sum(-1, keepdims=True))

    x = w["model.embed_tokens.weight"][tokens]
    future = np.triu(np.ones((len(tokens), len(tokens)), bool), 1)
    for i in range(config["num_hidden_layers"]):
        at = f"model.layers.{i}."
        y = norm(x, w[at + "input_layernorm.weight"])
        q, k, v = (
            (y @ w[f"{at}self_attn.{n}_proj.weight"].T).reshape(len(y), -1, head) for n in "qkv"
        )
        q, k = rotated(q), rotated(k)
        repeat = heads // k.shape[1]
        mixed = np.empty_like(q)
        for h in range(heads):
            scores = q[:, h] @ k[:, h // repeat].T / np.sqrt(head)
            mixed[:, h] = softmax(np.where(future, -np.inf, scores)) @ v[:, h // repeat]
        x = x + mixed.reshape(len(x), -1) @ w[at + "self_attn.o_proj.weight"].T
        y = norm(x, w[at + "post_attention_layernorm.weight"])
        g = y @ w[at + "mlp.gate_proj.weight"].T
        up = y @ w[at + "mlp.up_proj.weight"].T
        x = x + (g / (1 + np.exp(-g)) * up) @ w[at + "mlp.down_proj.weight"].T
    tied = w["model.embed_tokens.weight"]
    logits = norm(x, w["model.norm.weight"]) @ w.get("lm_head.weight", tied).T
    chosen = softmax(logits)[np.arange(len(tokens) - 1), tokens[1:]]
    return np.asarray(np.log(chosen))


@pytest.mark.parametrize("model", ["marmoset", "marmoset-strong"])
def test_log_probabilities_are_those_of_the_definition(model: str) -> None:
    decoder = Decoder(find(model))
    for problem in embedded(limit=5):
        text = problem.prompt + str(problem.reference["solution"])
        tokens = [1, *decoder.tokenizer.encode(text), 2]
        expected = reference_logprobs(find(model), tokens)
        assert np.abs(decoder.engine.logprobs(np.array(tokens)) - expected).max() < 1e-4


@pytest.mark.parametrize(
    ("dtype", "scale"), [("F32", 1.0), ("F16", 1.0), ("BF16", 1.0), ("F32", 40)]
)
def test_any_llama_folder_is_computed_whatever_its_groups_type_and_scale(
    tmp_path: Path, dtype: str, scale: float
) -> None:
    folder = random_model(tmp_path, dtype=dtype, scale=scale)
    tokens = np.random.default_rng(1).integers(0, 50, 40).tolist()
    ours = Engine(load(folder)).logprobs(np.array(tokens))
    assert np.abs(ours - reference_logprobs(folder, tokens)).max() < 1e-3 * scale


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_a_batch_of_continuations_is_computed_as_one_sequence_each(
    tmp_path: Path, scale: float
) -> None:
    engine = Engine(load(random_model(tmp_path, scale=scale)))
    rng = np.random.default_rng(2)
    prompt, said = rng.integers(0, 50, 21), rng.integers(0, 50, (16, 60))
    batch = Batch(engine, engine.prefill(prompt), 16)
    if scale > 1:
        with np.errstate(over="ignore", invalid="ignore"):
            steps = [batch.step(said[:, i]).copy() for i in range(60)]
    else:
        steps = [batch.step(said[:, i]).copy() for i in range(60)]
    for row in (0, 7, 15):
        whole = engine.logprobs(np.concatenate([prompt, said[row]]))[len(prompt) :]
        logits = np.array(steps)[:-1, row, :50].astype(float)
        logits -= np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True)) + (
            logits.max(1, keepdims=True)
        )
        ours = logits[np.arange(59), said[row, 1:]]
        assert np.abs(ours - whole).max() < 2e-4 * scale


def test_a_completion_does_not_depend_on_its_batch() -> None:
    pool = Pool(find("marmoset"), 1)
    problem = embedded().problems[3]

    def drawn(seeds: Sequence[int]) -> list[Any]:
        request = {
            "prompt": problem.prompt,
            "seeds": list(seeds),
            "decoding": {"max_tokens": 64, "stop": []},
        }
        completions: list[Any] = pool.submit(request).result()["completions"]
        return completions

    together = drawn(range(512))
    for size in (1, 15, 16, 17, 100, 300):
        assert drawn(range(size)) == together[:size]
    assert drawn(range(299, -1, -1))[::-1] == together[:300]
    pool.close()


def test_drawn_log_probabilities_are_those_of_the_sequence() -> None:
    decoder = Decoder(find("marmoset"))
    problem = embedded().problems[3]
    prompt = [1, *decoder.tokenizer.encode(problem.prompt)]
    for decoding in (Decoding(), Decoding(temperature=0.5, top_p=0.9), Decoding(temperature=0)):
        for drawn in decoder.draw(problem.prompt, range(5), decoding):
            tokens = [*prompt, *decoder.tokenizer.encode(drawn.text), 2]
            assert len(tokens) == len(prompt) + drawn.tokens
            known = decoder.engine.logprobs(np.array(tokens))[len(prompt) - 1 :].sum()
            assert drawn.logprob == pytest.approx(known, abs=1e-4 * drawn.tokens)


def test_a_completion_ends_at_the_limit_or_at_a_stop_string() -> None:
    decoder = Decoder(find("marmoset"))
    problem = embedded().problems[3]
    whole = decoder.draw(problem.prompt, range(40), Decoding())
    short = decoder.draw(problem.prompt, range(40), Decoding(max_tokens=5))
    assert {(c.finish, c.tokens) for c in short} == {("length", 5)}
    assert all(a.text.startswith(b.text) for a, b in zip(whole, short, strict=True))
    stopped = decoder.draw(problem.prompt, range(40), Decoding(stop=("=", "\nA:")))
    assert [c.text for c in stopped] == [c.text.partition("=")[0] for c in whole]
    assert {c.finish for c in stopped} == {"stop"}


def test_a_context_that_is_full_ends_a_completion() -> None:
    decoder = Decoder(find("marmoset"))
    prompt = "7 " * 120 + "\n"
    length = decoder.prefix(prompt).length
    decoder.engine.shape = dataclasses.replace(decoder.engine.shape, ends=())
    drawn = decoder.draw(prompt, range(3), Decoding(max_tokens=500))
    assert [c.tokens for c in drawn] == [256 - length] * 3
    assert {c.finish for c in drawn} == {"length"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "mistral"}, "plain Llama models"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8}}, "llama3"),
        ({"attention_bias": True}, "plain Llama models"),
    ],
)
def test_what_the_engine_does_not_compute_is_refused(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    folder = random_model(tmp_path)
    (folder / "config.json").write_text(json.dumps({**SHAPE, **change}))
    with pytest.raises(ConfigError, match=reason):
        load(folder)


def test_a_torn_file_is_refused_by_name(tmp_path: Path) -> None:
    folder = random_model(tmp_path)
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(ConfigError, match=f"no Llama model at {tmp_path}"):
        load(folder)
