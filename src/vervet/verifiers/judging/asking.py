"""Whom a judge asks: a model by name, any sampler, or anything with an `ask`."""

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

from vervet import registry
from vervet.errors import ConfigError, VerifierError, boundary
from vervet.types import Asks, Problem, Reply, Sample, Sampler


@dataclass(frozen=True, slots=True)
class Sampled:
    """Any `Sampler` as a judge: its words count; it gives no log-probabilities of tokens."""

    sampler: Sampler

    @property
    def id(self) -> str:
        """The sampler's."""
        return self.sampler.id

    def describe(self) -> Mapping[str, Any]:
        """Return what the sampler says of itself."""
        return self.sampler.describe()

    async def ask(self, prompt: str, seed: int, /) -> Reply:
        """Draw one sample of the prompt.

        Raises:
            VerifierError: the sampler gave none.
        """
        drawn: AsyncIterator[Sample] = self.sampler.draw(Problem(f"judge/{seed}", prompt), [seed])
        async for reply in drawn:
            return Reply(
                reply.text,
                (),
                reply.prompt_tokens,
                reply.completion_tokens,
                reply.finish,
            )
        raise VerifierError("the judge's model gave no reply")


def model_of(
    model: str | Sampler | Asks,
    *,
    base_url: str = "",
    chat: bool = True,
    temperature: float = 0.7,
    top_p: float = 0.95,
    max_tokens: int = 1024,
) -> Asks:
    """Return whom to ask; a named model has no use for a setting it does not know.

    Args:
        model: an installed model (`marmoset-verifier`), `provider/name`, the folder of a small
            Llama model, the name of a model at `base_url` or OPENAI_BASE_URL, or an object.
        base_url: the endpoint's address.
        chat: whether a prompt is a user's turn or the beginning of a completion.
        temperature: of the answers; the papers use 0.7 with top-p 0.95.
        top_p: of the answers.
        max_tokens: of the answers.

    Raises:
        ConfigError: no such model, or no address.
    """
    if not isinstance(model, str):
        return model if isinstance(model, Asks) else Sampled(model)
    name, fixed = found(model, base_url)
    entry = registry.names("models")[name]
    with boundary(ConfigError, name):
        takes = set(signature(entry.load()).parameters)
    settings: dict[str, Any] = {
        "temperature": temperature, "top_p": top_p, "max_tokens": max_tokens
    }  # fmt: skip
    if "host" in takes:  # every OpenAI-compatible endpoint
        settings["endpoint"] = "chat" if chat else "completions"
        settings |= {"base_url": base_url} if base_url else {}
    else:
        settings = {key: value for key, value in settings.items() if key in takes}
    made = registry.find("models", name, **{**settings, **fixed})
    return made if isinstance(made, Asks) else Sampled(made)


def found(model: str, base_url: str) -> tuple[str, dict[str, str]]:
    """Return which installed model a name means, and the settings that this fixes.

    >>> found("marmoset", ""), found("openai/gpt-4o-mini", "")
    (('marmoset', {}), ('openai', {'model': 'gpt-4o-mini'}))
    """
    known = registry.names("models")
    provider, slash, name = model.partition("/")
    if not base_url and model in known:
        return model, {}
    if not base_url and slash and provider in known:
        return provider, {"model": name}
    if not base_url and (Path(model) / "config.json").is_file():
        return "marmoset", {"model": model}
    if base_url or os.environ.get("OPENAI_BASE_URL"):
        return "openai", {"model": model}
    raise ConfigError(
        f"judge: where is the model {model!r}? Write provider/name, say base_url= or set "
        "OPENAI_BASE_URL."
    )
