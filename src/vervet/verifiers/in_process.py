"""A reward model in this process, which answers as a server would: the extra `vervet[torch]`.

It takes the very bodies that vLLM's /score, /classify and /pooling and text-embeddings-inference's
/predict take, and puts the score where they put it, so a reward is the same whoever is asked. A
sequence-classification head gives a probability (softmax over several classes, sigmoid of one)
where its configuration does not ask for the bare number.
"""

import asyncio
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from typing import Any

from vervet.errors import MissingExtra, VerifierError, boundary

ACTIVATIONS = {
    "regression": "identity",
    "single_label_classification": "softmax",
    "multi_label_classification": "sigmoid",
}
"""As transformers trains heads of these types, and as vLLM reads them."""


class InProcess:
    """A sequence-classification model of transformers, loaded when it is first asked."""

    def __init__(self, model: str) -> None:
        """Name a model: a folder, or a repository of the Hugging Face hub.

        Raises:
            MissingExtra: torch or transformers is not installed.
        """
        if not find_spec("torch") or not find_spec("transformers"):
            raise MissingExtra(f"the reward model {model} in this process", "torch")
        self.model = model
        self._lock = Lock()
        self._parts: tuple[Any, Any] | None = None

    def __reduce__(self) -> tuple[type["InProcess"], tuple[str]]:
        return type(self), (self.model,)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Return the reply to `body`.

        Raises:
            VerifierError: the model cannot be loaded, or the text is too long for it.
        """
        return await asyncio.to_thread(self._answer, path, body)

    def _answer(self, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        with self._lock, boundary(VerifierError, f"the reward model {self.model}"):
            chances = self._chances(body)
        replies: dict[str, Any] = {
            "score": {"data": [{"index": 0, "score": chances[-1]}]},
            "classify": {"data": [{"index": 0, "probs": chances}]},
            "pooling": {"data": [{"index": 0, "data": chances}]},
            "predict": [[{"label": "reward", "score": chances[-1]}]],
        }
        if path not in replies:
            raise VerifierError(
                f"no form {path!r} in this process; there are: {', '.join(replies)}"
            )
        return replies[path]

    def _chances(self, body: Mapping[str, Any]) -> list[float]:
        """Return what the head says of the text in `body`, one number for each class."""
        torch: Any = import_module("torch")
        model, tokenizer = self._loaded()
        tokens = encoded(tokenizer, body)
        most = getattr(model.config, "max_position_embeddings", None)
        if most and len(tokens) > most:
            raise VerifierError(f"{len(tokens):,} tokens are more than the model's {most:,}")
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([tokens], device=model.device)).logits[0].float()
            kind = activation(model.config) if body.get("use_activation", True) else "identity"
            if kind != "identity":
                logits = logits.softmax(-1) if kind == "softmax" else logits.sigmoid()
        return [float(value) for value in logits]

    def _loaded(self) -> tuple[Any, Any]:
        """Return the model and its tokenizer.

        The padding token is unset: nothing is padded here, and a text may end with it.
        """
        if self._parts is None:
            torch: Any = import_module("torch")
            transformers: Any = import_module("transformers")
            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = transformers.AutoModelForSequenceClassification.from_pretrained(
                self.model, dtype=torch.float32 if device == "cpu" else "auto"
            )
            model.config.pad_token_id = None
            tokenizer = transformers.AutoTokenizer.from_pretrained(self.model)
            self._parts = model.to(device).eval(), tokenizer
        return self._parts


def encoded(tokenizer: Any, body: Mapping[str, Any]) -> list[int]:  # noqa: ANN401 - transformers'
    """Return the tokens of a body's text: a pair, a conversation or one text.

    Raises:
        VerifierError: the body has none of them.
    """
    if "messages" in body:
        text = tokenizer.apply_chat_template(body["messages"], tokenize=False)
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])
    if "text_1" in body:
        return list(tokenizer(body["text_1"], body["text_2"])["input_ids"])
    if "inputs" in body:
        first, second = body["inputs"][0]
        return list(tokenizer(first, second)["input_ids"])
    if "input" in body:
        return list(tokenizer(body["input"])["input_ids"])
    raise VerifierError(f"a body with {', '.join(body)} has no text a reward model reads")


def activation(config: Any) -> str:  # noqa: ANN401 - transformers'
    """Return what makes a score of a head's number: `softmax`, `sigmoid` or `identity`."""
    known = ACTIVATIONS.get(str(getattr(config, "problem_type", None)))
    trained = getattr(config, "sentence_transformers", None) or {}
    named = trained.get("activation_fn") or getattr(
        config, "sbert_ce_default_activation_function", None
    )
    if known is None and named and str(named).endswith("Identity"):
        return "identity"
    return known or ("softmax" if config.num_labels > 1 else "sigmoid")
