"""Llama folders in llama.cpp: written as GGUF, drawn from by the slots of its server.

    PYTHON engine_llama.py FOLDER TEXTS.json

prints, for each text, the tokens of the text and of its likeliest continuation, and the
log-probabilities of the continuation's tokens, as JSON. Needs xllamacpp (llama.cpp as a wheel),
gguf and sentencepiece. The server is called in this process, without HTTP.
"""

# ruff: noqa: PLC0415 - imported only in the Python that has it

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.float32]]
NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
}
IN_LAYER = {
    "input_layernorm.weight": "attn_norm.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}


def weights(folder: Path) -> Weights:
    """Read a safetensors file."""
    raw = (folder / "model.safetensors").read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    header.pop("__metadata__", None)
    kinds = {"F16": np.float16, "F32": np.float32}
    return {
        name: np.frombuffer(raw[start:], kinds[said["dtype"]], int(np.prod(said["shape"])),
                            said["data_offsets"][0]).reshape(said["shape"]).astype(np.float32)
        for name, said in header.items()
    }  # fmt: skip


def interleaved(matrix: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Reorder the rows of each head: GGUF turns neighbours, Hugging Face turns halves."""
    rows, width = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, width).swapaxes(1, 2).reshape(rows, width)


def write_gguf(folder: Path, goal: Path, kind: str) -> None:
    """Write a Llama folder as GGUF; matrices in the number format `kind`."""
    import gguf

    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(goal, "llama")
    _write_shape(writer, config)
    _write_words(writer, folder)
    heads = {
        "attn_q.weight": config["num_attention_heads"],
        "attn_k.weight": config["num_key_value_heads"],
    }
    form = gguf.GGMLQuantizationType[kind]
    for name, values in weights(folder).items():
        _, _, place = name.partition("model.layers.")
        layer, _, part = place.partition(".")
        part = IN_LAYER.get(part, "")
        goal_name = f"blk.{layer}.{part}" if part else NAMES[name]
        if values.ndim == 1:
            writer.add_tensor(goal_name, values)
        else:
            matrix = interleaved(values, heads[part]) if part in heads else values
            writer.add_tensor(goal_name, gguf.quantize(matrix, form), raw_dtype=form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_shape(writer: Any, config: dict[str, Any]) -> None:  # noqa: ANN401 - untyped
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])


def _write_words(writer: Any, folder: Path) -> None:  # noqa: ANN401 - untyped
    from sentencepiece import SentencePieceProcessor

    words = SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    numbers = range(words.vocab_size())
    tests = ((3, words.is_control), (2, words.is_unknown), (6, words.is_byte))
    kinds = [next((kind for kind, test in tests if test(i)), 1) for i in numbers]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([words.id_to_piece(i) for i in numbers])
    writer.add_token_scores([words.get_score(i) for i in numbers])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(words.bos_id())
    writer.add_eos_token_id(words.eos_id())
    writer.add_add_space_prefix(False)  # noqa: FBT003 - gguf's own signature


class Slots:
    """Continuations of one prompt, each in a slot of the server, all in one batch."""

    MOST = 256
    """Sequences that llama.cpp takes at once."""

    def __init__(self, folder: Path, batch: int, kind: str) -> None:
        import xllamacpp

        self.file = Path(tempfile.mkdtemp()) / "model.gguf"
        write_gguf(folder, self.file, kind)
        context = json.loads((folder / "config.json").read_text())["max_position_embeddings"]
        self.at_once = min(batch, self.MOST)
        wanted = xllamacpp.CommonParams()
        wanted.model.path = str(self.file)
        wanted.n_parallel, wanted.n_ctx = self.at_once, self.at_once * context
        wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 1
        wanted.warmup, wanted.verbosity = False, -1
        if kind == "F32":  # else keys, values and attention are in float16
            wanted.cache_type_k = wanted.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
            off = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
            wanted.flash_attn_type = off
        self.batch = batch
        self.server = xllamacpp.Server(wanted)

    def draw(self, prompt: list[int], tokens: int) -> int:
        """Draw at temperature 1; return how many tokens that were."""
        choices: list[dict[str, Any]] = []
        while len(choices) < self.batch:
            asked = {
                "prompt": prompt, "n": min(self.at_once, self.batch - len(choices)),
                "max_tokens": tokens, "temperature": 1, "samplers": ["temperature"],
                "ignore_eos": True, "cache_prompt": False,
            }  # fmt: skip
            choices += self.server.handle_completions(asked)["choices"]
        assert all(choice["finish_reason"] == "length" for choice in choices)
        return tokens * len(choices)

    def likeliest(self, text: str, tokens: int) -> tuple[list[int], list[float], int]:
        """Return tokens and log-probabilities of the likeliest reply, and the prompt's length."""
        asked = {"prompt": text, "max_tokens": tokens, "temperature": 0, "n_probs": 1}
        reply = self.server.handle_completions(asked)
        told = reply["choices"][0]["logprobs"]["content"]
        ids = [token["id"] for token in told]
        return ids, [token["logprob"] for token in told], reply["usage"]["prompt_tokens"]


def main() -> None:
    """Print tokens and log-probabilities of the likeliest replies."""
    from sentencepiece import SentencePieceProcessor

    folder, texts = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    words = SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    slots, rows = Slots(folder, 1, "F32"), []
    for text in texts:
        prompt = [words.bos_id(), *words.encode(text)]
        ids, logprobs, length = slots.likeliest(text, 24)
        assert length == len(prompt), f"{text!r} is {length} tokens, not {len(prompt)}"
        rows.append([prompt + ids, logprobs])
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
