"""Byte-pair encoding with a fallback to bytes: what `tokenizer.json` says, in plain Python."""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from vervet.errors import ConfigError, boundary

SPACE = "▁"


class Tokenizer:
    """Text to token numbers and back."""

    def __init__(self, folder: Path) -> None:
        with boundary(ConfigError, f"no tokenizer at {folder}"):
            known = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
            model = known["model"]
            if (model["type"], known["pre_tokenizer"]) != ("BPE", None):
                raise ConfigError(f"{folder} has a tokenizer the embedded engine does not read")
            self.numbers: dict[str, int] = model["vocab"]
            merges = [tuple(m.split(" ") if isinstance(m, str) else m) for m in model["merges"]]
            self.ranks = {pair: rank for rank, pair in enumerate(merges)}
            self.unknown = self.numbers[model["unk_token"]]
            special = {token["id"] for token in known["added_tokens"]}
        self.texts = [b""] * (max(self.numbers.values()) + 1)
        for token, number in self.numbers.items():
            self.texts[number] = b"" if number in special else _meaning(token)
        self._word = lru_cache(maxsize=10_000)(self._encode_word)

    def encode(self, text: str) -> list[int]:
        """Return the numbers of `text`, without the mark of its beginning."""
        words = re.findall(f"{SPACE}?[^{SPACE}]+|{SPACE}", text.replace(" ", SPACE))
        return [number for word in words for number in self._word(word)]

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text of `numbers`."""
        return b"".join(self.texts[number] for number in numbers).decode(errors="replace")

    def _encode_word(self, word: str) -> tuple[int, ...]:
        parts = list(word)
        while (best := min(self._mergeable(parts), default=None)) is not None:
            at = best[1]
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return tuple(number for part in parts for number in self._numbers(part))

    def _mergeable(self, parts: list[str]) -> list[tuple[int, int]]:
        """Return (rank, place) of each pair of neighbours that may be merged."""
        pairs = enumerate(pairwise(parts))
        return [(self.ranks[pair], at) for at, pair in pairs if pair in self.ranks]

    def _numbers(self, part: str) -> list[int]:
        if part in self.numbers:
            return [self.numbers[part]]
        spelled = (f"<0x{byte:02X}>" for byte in part.encode("utf-8", "surrogatepass"))
        return [self.numbers.get(byte, self.unknown) for byte in spelled]


def _meaning(token: str) -> bytes:
    """Return the bytes a token stands for."""
    if re.fullmatch(r"<0x[0-9A-F]{2}>", token):
        return bytes([int(token[3:5], 16)])
    return token.replace(SPACE, " ").encode()
