"""Read a Llama model in the Hugging Face layout with numpy alone, ready for fast decoding.

The weights are stored as they are used: transposed for row vectors, the query, key and value
matrices side by side, the two halves of the gated layer side by side. What can be done once is
done here: the norms' gains and the attention's 1/√d are multiplied into the matrices, and the
rotary pairs (i, i + d/2) are put next to each other, where they read as complex numbers.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vervet.errors import ConfigError, boundary

Floats = NDArray[np.float32]
DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model, from config.json."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    groups: int
    """Key and value heads."""
    head: int
    """Width of one head."""
    wide: int
    """Width of the gated layer."""
    context: int
    epsilon: float
    theta: float
    tied: bool
    begin: int
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer's four matrices, to be multiplied from the right."""

    inward: Floats
    """(hidden, (heads + 2 groups) · head): queries, keys, values."""
    outward: Floats
    """(heads · head, hidden)"""
    gate_up: Floats
    """(hidden, 2 · wide): minus the gate, then minus the other factor."""
    down: Floats
    """(wide, hidden)"""


@dataclass(frozen=True, slots=True)
class Weights:
    """A whole model."""

    shape: Shape
    embedding: Floats
    layers: tuple[Layer, ...]
    head: Floats
    """(hidden, vocabulary)"""


def load(folder: Path) -> Weights:
    """Read `config.json` and `model.safetensors`.

    Raises:
        ConfigError: the folder holds no model of this kind.
    """
    with boundary(ConfigError, f"no Llama model at {folder}"):
        shape = read_shape(json.loads((folder / "config.json").read_text()))
        tensors = read_safetensors((folder / "model.safetensors").read_bytes())
        return fold(shape, tensors)


def fingerprint(folder: Path) -> str:
    """Return a hash of what makes the model itself: weights, configuration and tokenizer."""
    names = ("config.json", "model.safetensors", "tokenizer.json")
    with boundary(ConfigError, f"no Llama model at {folder}"):
        content = b"".join(blake2b((folder / name).read_bytes()).digest() for name in names)
    return blake2b(content, digest_size=8).hexdigest()


def architecture(folder: Path) -> dict[str, int]:
    """Return what costs depend on, by the names of `costs.flops.Shape`, without the weights.

    Raises:
        ConfigError: the folder holds no model of this kind.
    """
    with boundary(ConfigError, f"no Llama model at {folder}"):
        shape = read_shape(json.loads((folder / "config.json").read_text()))
    query, keys = shape.heads * shape.head, shape.groups * shape.head
    attention = shape.hidden * (2 * query + 2 * keys)
    layer = attention + 3 * shape.hidden * shape.wide + 2 * shape.hidden
    tables = shape.vocabulary * shape.hidden * (1 if shape.tied else 2)
    return {
        "parameters": shape.layers * layer + tables + shape.hidden,
        "layers": shape.layers,
        "hidden": shape.hidden,
        "heads": shape.heads,
        "kv_heads": shape.groups,
        "head_size": shape.head,
    }


def read_shape(config: Mapping[str, Any]) -> Shape:
    """Return the sizes; refuse what the engine does not compute."""
    scaled = config.get("rope_scaling") or config.get("rope_parameters") or {}
    kind = scaled.get("rope_type", scaled.get("type", "default"))
    asked = (config["model_type"], config.get("hidden_act", "silu"), kind)
    if asked != ("llama", "silu", "default") or config.get("attention_bias"):
        raise ConfigError(f"the embedded engine runs plain Llama models, not {' / '.join(asked)}")
    ends = config.get("eos_token_id", 2)
    heads = config["num_attention_heads"]
    return Shape(
        vocabulary=config["vocab_size"],
        hidden=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=heads,
        groups=config.get("num_key_value_heads") or heads,
        head=config.get("head_dim") or config["hidden_size"] // heads,
        wide=config["intermediate_size"],
        context=config["max_position_embeddings"],
        epsilon=config["rms_norm_eps"],
        theta=scaled.get("rope_theta") or config.get("rope_theta", 10_000.0),
        tied=config.get("tie_word_embeddings", False),
        begin=config.get("bos_token_id", 1),
        ends=tuple(ends) if isinstance(ends, list) else (ends,),
    )


def read_safetensors(content: bytes) -> dict[str, Floats]:
    """Return the tensors of a safetensors file as float32.

    The format: the length of the header in 8 bytes, the header as JSON (name → dtype, shape,
    offsets), then the bytes of the tensors.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    return {name: _tensor(content, 8 + length, about) for name, about in header.items()}


def _tensor(content: bytes, base: int, about: Mapping[str, Any]) -> Floats:
    start, end = about["data_offsets"]
    raw = np.frombuffer(content[base + start : base + end], DTYPES[about["dtype"]])
    if about["dtype"] == "BF16":
        raw = (raw.astype(np.uint32) << 16).view(np.float32)
    return cast("Floats", raw.astype(np.float32).reshape(about["shape"]))


def fold(shape: Shape, tensors: Mapping[str, Floats]) -> Weights:
    """Put the tensors into the form the engine multiplies with."""
    embedding = tensors["model.embed_tokens.weight"]
    head = embedding if shape.tied else tensors["lm_head.weight"]
    return Weights(
        shape,
        embedding,
        tuple(_layer(shape, tensors, f"model.layers.{i}.") for i in range(shape.layers)),
        _transposed(head * tensors["model.norm.weight"]),
    )


def _layer(shape: Shape, tensors: Mapping[str, Floats], at: str) -> Layer:
    before = tensors[at + "input_layernorm.weight"]
    between = tensors[at + "post_attention_layernorm.weight"]
    query, key, value, out = (tensors[f"{at}self_attn.{x}_proj.weight"] for x in "qkvo")
    gate, up, down = (tensors[f"{at}mlp.{x}_proj.weight"] for x in ("gate", "up", "down"))
    query = _paired(query, shape.head) / np.sqrt(np.float32(shape.head))
    inward = np.concatenate([query, _paired(key, shape.head), value]) * before
    gate_up = np.concatenate([gate, up]) * -between
    return Layer(_transposed(inward), _transposed(out), _transposed(gate_up), _transposed(down))


def _paired(weight: Floats, head: int) -> Floats:
    """Put the rows i and i + head/2 of each head next to each other."""
    halves = weight.reshape(-1, 2, head // 2, weight.shape[1])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def _transposed(weight: Floats) -> Floats:
    return np.ascontiguousarray(weight.T, dtype=np.float32)
