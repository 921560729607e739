"""The text a model is shown for a problem: its prompt, or its conversation by the chat template."""

import json
from functools import lru_cache
from pathlib import Path

from vervet.errors import ConfigError, boundary
from vervet.types import Problem


def render(folder: Path, problem: Problem) -> str:
    """Return what the model reads after its beginning token."""
    if not problem.messages:
        return problem.prompt
    source, tokens = template(folder)
    with boundary(ConfigError, f"the chat template of {folder.name}"):
        from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415 - rarely needed

        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        text = environment.from_string(source).render(
            messages=[dict(message) for message in problem.messages],
            add_generation_prompt=True,
            **tokens,
        )
    return text.removeprefix(tokens["bos_token"])


@lru_cache(maxsize=8)
def template(folder: Path) -> tuple[str, dict[str, str]]:
    """Return the chat template, and the tokens it may name."""
    with boundary(ConfigError, f"no chat template at {folder}"):
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        return config["chat_template"], {name: config[name] for name in ("bos_token", "eos_token")}
