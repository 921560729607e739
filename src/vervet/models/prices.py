"""The dated table of prices and shapes, and the user's own rows on top of it."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from vervet.costs.dollars import Price
from vervet.costs.flops import Shape
from vervet.errors import ConfigError

VARIABLE = "VERVET_PRICES"
PREFIXES = ("meta-",)
SUFFIXES = (
    "-instruct", "-turbo", "-it", "-chat", "-base", "-hf", "-fp8", "-bf16", "-awq", "-gptq",
    "-instant", "-versatile", "-free", "-latest", "-v0.1", "-v0.2", "-v0.3", "-deduped",
)  # fmt: skip
Row = TypeVar("Row", Price, Shape)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by (host, model) and shapes by model."""

    prices: Mapping[tuple[str, str], Price]
    shapes: Mapping[str, Shape]

    def price(self, host: str, model: str) -> Price | None:
        """Return the price of `model` at `host`, exactly as the host spells it; None if unknown.

        >>> price_table().price("openai", "gpt-4o-mini").output
        0.6
        >>> price_table().price("vllm", "gpt-4o-mini") is None
        True
        """
        return self.prices.get((host, model)) or self.prices.get((host, "*"))

    def shape(self, model: str) -> Shape | None:
        """Return the shape of an open model, however a host spells it; None if unknown.

        >>> price_table().shape("meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo").layers
        32
        """
        return self.shapes.get(model) or self.shapes.get(plain_name(model))

    def over(self, other: "PriceTable") -> "PriceTable":
        """Return `other` with the rows of this table on top."""
        return replace(
            self, prices={**other.prices, **self.prices}, shapes={**other.shapes, **self.shapes}
        )


def plain_name(model: str) -> str:
    """Return the name of a model without owner and packaging.

    >>> plain_name("mistralai/Mistral-7B-Instruct-v0.3")
    'mistral-7b'
    """
    name = model.rpartition("/")[2].lower()
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    while (
        shorter := next((name.removesuffix(s) for s in SUFFIXES if name.endswith(s)), name)
    ) != name:
        name = shorter
    return name


def price_table(path: Path | str | None = None) -> PriceTable:
    """Return the table of the package, with the rows of `path` (else VERVET_PRICES) on top.

    Raises:
        ConfigError: the user's file cannot be read, or a row of it cannot be.
    """
    packaged = files("vervet.models").joinpath("prices.toml").read_text("utf-8")
    table = parse_table(packaged, "prices.toml")
    own = path or os.environ.get(VARIABLE)
    if not own:
        return table
    try:
        text = Path(own).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"prices {str(own)!r} cannot be read: {error}") from error
    return parse_table(text, str(own)).over(table)


def parse_table(text: str, where: str) -> PriceTable:
    r"""Read a table in the form of the package's own.

    Raises:
        ConfigError: naming the row and what is wrong with it.

    >>> rows = '[[price]]\nhost = "vllm"\n[price.models]\n"*" = {input = 0.0, output = 0.0}'
    >>> parse_table(rows, "mine.toml").price("vllm", "llama").input
    0.0
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not TOML: {error}") from error
    prices, shapes = {}, {}
    for block in _blocks(document, "price", where):
        host = block.get("host")
        if not isinstance(host, str):
            raise ConfigError(f"{where}: a [[price]] block has no host.")
        given = {"source": str(block.get("source", "")), "checked": str(block.get("checked", ""))}
        for name, row in _models(block, where):
            prices[host, name] = _row(Price, row | given, f"{where}: {host}/{name}")
    for block in _blocks(document, "shape", where):
        for name, row in _models(block, where):
            shapes[name] = _row(Shape, row, f"{where}: {name}")
    return PriceTable(prices, shapes)


def _blocks(document: dict[str, Any], kind: str, where: str) -> list[dict[str, Any]]:
    blocks = document.get(kind, [])
    if not isinstance(blocks, list) or not all(isinstance(b, dict) for b in blocks):
        raise ConfigError(f"{where}: write [[{kind}]] blocks.")
    return blocks


def _models(block: dict[str, Any], where: str) -> list[tuple[str, dict[str, Any]]]:
    models = block.get("models", {})
    if not isinstance(models, dict) or not all(isinstance(r, dict) for r in models.values()):
        raise ConfigError(f'{where}: write models as "NAME" = {{ ... }}.')
    return list(models.items())


def _row(kind: type[Row], row: dict[str, Any], where: str) -> Row:
    known = {f.name for f in fields(kind)}
    for name, value in row.items():
        if name not in known:
            raise ConfigError(f"{where}: no field {name!r}. Known: {', '.join(sorted(known))}.")
        text = name in {"source", "checked"}
        number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        if not text and not number:
            raise ConfigError(f"{where}: {name} = {value!r} is not a number of at least 0.")
    try:
        return kind(**row)
    except TypeError as error:
        raise ConfigError(f"{where}: {error}") from error
