"""The onnxruntime peer: a Llama graph built from its fused operators, float32."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

FLOAT, CONTRIB = TensorProto.FLOAT, "com.microsoft"


class Graph:
    """Nodes and weights being collected."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, value: Any) -> str:  # noqa: ANN401
        """Add a constant."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, inputs: list[str], out: str, **how: Any) -> str:  # noqa: ANN401
        """Add a node with one output."""
        self.nodes.append(helper.make_node(kind, inputs, [out], **how))
        return out


def build(folder: Path) -> tuple[bytes, dict[str, int]]:
    """Return the serialized graph and its sizes."""
    config = json.loads((folder / "config.json").read_text())
    raw = load_file(folder / "model.safetensors")
    w = {n.removeprefix("model."): t.astype(np.float32) for n, t in raw.items()}
    heads, groups, head = (
        config[k] for k in ("num_attention_heads", "num_key_value_heads", "head_dim")
    )
    g = Graph()
    inverse = config["rope_theta"] ** (-np.arange(0, head, 2) / head)
    angles = np.outer(np.arange(config["max_position_embeddings"]), inverse).astype(np.float32)
    g.weight("cos", np.cos(angles))
    g.weight("sin", np.sin(angles))
    x = g.add("Gather", [g.weight("embedding", w["embed_tokens.weight"]), "tokens"], "x0")
    inputs, outputs = [], []

    def norm(x: str, gain: str, out: str) -> str:
        scale = g.weight(out + "_gain", w[gain])
        return g.add("SimplifiedLayerNormalization", [x, scale], out, axis=-1,
                     epsilon=config["rms_norm_eps"])  # fmt: skip

    def linear(x: str, names: list[str], out: str) -> str:
        matrix = np.concatenate([w[n] for n in names]).T
        return g.add("MatMul", [x, g.weight(out + "_w", matrix)], out)

    for i in range(config["num_hidden_layers"]):
        at, n = f"layers.{i}.", str(i)
        y = norm(x, at + "input_layernorm.weight", "before" + n)
        qkv = linear(y, [f"{at}self_attn.{p}_proj.weight" for p in "qkv"], "qkv" + n)
        g.nodes.append(
            helper.make_node(
                "GroupQueryAttention",
                [qkv, "", "", "past_k" + n, "past_v" + n, "last", "total", "cos", "sin"],
                ["mixed" + n, "present_k" + n, "present_v" + n],
                domain=CONTRIB, num_heads=heads, kv_num_heads=groups, do_rotary=1,
            )
        )  # fmt: skip
        for kind, group in (("past", inputs), ("present", outputs)):
            for letter in "kv":
                shape = ["rows", groups, "room", head]
                group.append(helper.make_tensor_value_info(f"{kind}_{letter}{n}", FLOAT, shape))
        out = linear("mixed" + n, [at + "self_attn.o_proj.weight"], "out" + n)
        x = g.add("Add", [x, out], "mid" + n)
        y = norm(x, at + "post_attention_layernorm.weight", "between" + n)
        gate_up = linear(y, [f"{at}mlp.{p}_proj.weight" for p in ("gate", "up")], "gate_up" + n)
        g.nodes.append(
            helper.make_node("Split", [gate_up], ["gate" + n, "up" + n], axis=-1, num_outputs=2)
        )
        sigmoid = g.add("Sigmoid", ["gate" + n], "sigmoid" + n)
        silu = g.add("Mul", ["gate" + n, sigmoid], "silu" + n)
        gated = g.add("Mul", [silu, "up" + n], "gated" + n)
        x = g.add(
            "Add", [x, linear(gated, [at + "mlp.down_proj.weight"], "down" + n)], "x" + str(i + 1)
        )
    y = norm(x, "norm.weight", "normed")
    linear(y, ["embed_tokens.weight"], "logits")
    inputs += [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, ["rows", "count"]),
        helper.make_tensor_value_info("last", TensorProto.INT32, ["rows"]),
        helper.make_tensor_value_info("total", TensorProto.INT32, [1]),
    ]
    outputs.append(
        helper.make_tensor_value_info(
            "logits", FLOAT, ["rows", "count", len(w["embed_tokens.weight"])]
        )
    )
    graph = helper.make_graph(g.nodes, "llama", inputs, outputs, g.weights)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(CONTRIB, 1)]
    sizes = {"layers": config["num_hidden_layers"], "groups": groups, "head": head}
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString(), sizes


class Loop:
    """Prompt once, then step by step; keys and values stay where they are."""

    def __init__(self, folder: Path, batch: int, tokens: int) -> None:
        model, self.sizes = build(folder)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.batch, self.tokens, self.rng = batch, tokens, np.random.default_rng(0)

    def forward(self, tokens: Any, caches: list[Any], done: int) -> Any:  # noqa: ANN401
        """Return the logits after `tokens`, whose keys and values are written into `caches`."""
        binding, total = self.session.io_binding(), done + tokens.shape[1]
        binding.bind_cpu_input("tokens", tokens)
        binding.bind_cpu_input("last", np.full(len(tokens), total - 1, np.int32))
        binding.bind_cpu_input("total", np.array([total], np.int32))
        for place, cache in enumerate(caches):
            name = f"{'kv'[place % 2]}{place // 2}"
            binding.bind_ortvalue_input("past_" + name, cache)
            binding.bind_ortvalue_output("present_" + name, cache)
        binding.bind_output("logits")
        self.session.run_with_iobinding(binding)
        return binding.get_outputs()[-1].numpy()[:, -1]

    def draw(self, prompt: list[int]) -> int:
        """Draw the continuations of one prompt."""
        s = self.sizes
        shape = (1, s["groups"], len(prompt) + self.tokens, s["head"])
        empty = [
            ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
            for _ in range(2 * s["layers"])
        ]
        logits = self.forward(np.array([prompt]), empty, 0)
        caches = [
            ort.OrtValue.ortvalue_from_numpy(np.repeat(cache.numpy(), self.batch, axis=0))
            for cache in empty
        ]
        logits = np.repeat(logits, self.batch, axis=0)
        drawn = 0
        for step in range(self.tokens):
            e = np.exp(logits - logits.max(axis=1, keepdims=True))
            edges = e.cumsum(axis=1)
            target = self.rng.random((self.batch, 1), np.float32) * edges[:, -1:]
            chosen = np.minimum((edges <= target).sum(axis=1), e.shape[1] - 1)[:, None]
            drawn += self.batch
            if step + 1 < self.tokens:
                logits = self.forward(chosen, caches, len(prompt) + step)
        return drawn
