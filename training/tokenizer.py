"""Train marmoset's tokenizer: byte-pair merges inside words, with a fallback to bytes.

Written in three forms that mean the same: `tokenizer.json` and `tokenizer_config.json` (read by
vervet, transformers and vLLM) and `tokenizer.model` (read by llama.cpp's converter).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

SPECIAL = ("<unk>", "<s>", "</s>")
SPACE = "▁"
WORDS = re.compile(r"[A-Za-z]+:| ?[A-Za-z]+|[^A-Za-z]")
"""Merges never cross these; digits stay single, so that every number is spelled."""
CHAT = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] != 'system' %}"
    "{{ message['content'] | trim }}\n{% endif %}{% endfor %}"
)

Merge = tuple[str, str]


def train(texts: Iterable[str], size: int) -> tuple[list[str], list[Merge]]:
    """Return the vocabulary and the merges, most frequent pair first, ties by spelling."""
    counts = Counter(
        word.replace(" ", SPACE) for text in texts for word in WORDS.findall(text) if word != "\n"
    )
    words = {word: tuple(word) for word in counts}
    vocabulary = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    vocabulary += sorted({letter for word in words for letter in word})
    merges: list[Merge] = []
    while len(vocabulary) < size:
        pairs: Counter[Merge] = Counter()
        for word, parts in words.items():
            for pair in pairwise(parts):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        vocabulary.append("".join(best))
        words = {word: join(parts, best) for word, parts in words.items()}
    return vocabulary, merges


def join(parts: tuple[str, ...], pair: Merge) -> tuple[str, ...]:
    """Merge every occurrence of `pair` in `parts`, from the left."""
    joined: list[str] = []
    for part in parts:
        if joined and (joined[-1], part) == pair:
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)


def write(folder: Path, vocabulary: list[str], merges: list[Merge], *, context: int) -> None:
    """Write the tokenizer in the forms transformers, vLLM and llama.cpp read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(
        json.dumps(description(vocabulary, merges), ensure_ascii=False, indent=1) + "\n"
    )
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "bos_token": "<s>",
                "eos_token": "</s>",
                "unk_token": "<unk>",
                "pad_token": "</s>",
                "add_bos_token": True,
                "clean_up_tokenization_spaces": False,
                "model_max_length": context,
                "chat_template": CHAT,
            },
            indent=1,
        )
        + "\n"
    )
    (folder / "tokenizer.model").write_bytes(sentencepiece(vocabulary))


def description(vocabulary: list[str], merges: list[Merge]) -> dict[str, object]:
    """Return the content of tokenizer.json, in the form of Llama 2's."""
    added = [
        {"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for i, token in enumerate(SPECIAL)
    ]  # fmt: skip
    start, text = (
        {"SpecialToken": {"id": "<s>", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    )
    second = {"Sequence": {"id": "B", "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, text],
            "pair": [start, text, second],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(vocabulary)},
            "merges": [list(pair) for pair in merges],
        },
    }


def sentencepiece(vocabulary: list[str]) -> bytes:
    """Return the vocabulary as a SentencePiece BPE model: the earlier merge scores higher."""
    from sentencepiece import sentencepiece_model_pb2 as proto  # noqa: PLC0415 - only for llama.cpp

    model = proto.ModelProto()
    kinds = proto.ModelProto.SentencePiece
    for i, token in enumerate(vocabulary):
        if i < len(SPECIAL):
            kind = kinds.UNKNOWN if i == 0 else kinds.CONTROL
        else:
            kind = kinds.BYTE if re.fullmatch(r"<0x..>", token) else kinds.NORMAL
        score = -float(i) if kind == kinds.NORMAL else 0.0
        model.pieces.add(piece=token, score=score, type=kind)
    model.trainer_spec.model_type = proto.TrainerSpec.BPE
    model.trainer_spec.vocab_size = len(vocabulary)
    model.trainer_spec.byte_fallback = True
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = False
    model.normalizer_spec.remove_extra_whitespaces = False
    model.normalizer_spec.escape_whitespaces = True
    return model.SerializeToString()
