"""A Llama transformer in numpy, for many continuations of one prompt.

The prompt is computed once. Its keys and values are shared by all rows, so attention to it is one
matrix product for the whole batch; only a row's own continuation has a cache of its own. All rows
are at the same position, so a rotation is one complex number per pair of dimensions.

A row's result does not depend on the other rows: every operation works on rows one by one, and
BLAS, which may round differently for other shapes, is only given shapes for which it does not
(rows in multiples of `ROWS`, keys in multiples of `KEYS`). The test suite checks it bit by bit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vervet.models.marmoset.checkpoint import Floats, Layer, Shape, Weights

Tokens = NDArray[np.intp]
Complex = NDArray[np.complex64]

ROWS = 16
KEYS = 16
BLOCK = 24
"""Logits come in whole blocks of this width, filled up with −∞ (see `choice`)."""
CALM = np.float32(1e30)
"""Sums of exponentials between 1/CALM and CALM need no shift by their largest term."""


def whole(count: int, unit: int) -> int:
    """Return the smallest multiple of `unit` that holds `count`.

    >>> whole(17, 16), whole(16, 16)
    (32, 16)
    """
    return -(-count // unit) * unit


@dataclass(frozen=True, slots=True)
class Prefix:
    """A prompt that was computed: what its continuations attend to, and what they begin from."""

    length: int
    keys: Floats
    """(layers, groups, head, padded length)"""
    values: Floats
    """(layers, groups, padded length, head)"""
    logits: Floats
    """(padded vocabulary,): after the last token of the prompt."""


class Engine:
    """A model that computes prompts, log-probabilities and continuations."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.shape = weights.shape
        shape = weights.shape
        self.turns: Complex = np.tile(rotations(shape), shape.heads + shape.groups)
        """(context, (heads + groups) · head / 2): what turns queries and keys at a position."""

    def prefill(self, tokens: Tokens) -> Prefix:
        """Compute a prompt."""
        with np.errstate(over="ignore"):
            x, keys, values = self._read(tokens)
        logits = self.blank(1)
        logits[:, : self.shape.vocabulary] = normalized(x[-1:], self.shape.epsilon) @ (
            self.weights.head
        )
        padded = whole(len(tokens), KEYS)
        gap = padded - len(tokens)
        return Prefix(
            len(tokens),
            np.pad(np.stack(keys).swapaxes(2, 3), ((0, 0), (0, 0), (0, 0), (0, gap))),
            np.pad(np.stack(values), ((0, 0), (0, 0), (0, gap), (0, 0))),
            logits[0],
        )

    def logprobs(self, tokens: Tokens) -> Floats:
        """Return log p(token i | tokens before i) for i = 1 … n − 1, in nats."""
        with np.errstate(over="ignore"):
            x, _, _ = self._read(tokens)
        logits = normalized(x[:-1], self.shape.epsilon) @ self.weights.head
        logits -= logits.max(axis=1, keepdims=True)
        chosen = logits[np.arange(len(logits)), tokens[1:]]
        result: Floats = chosen - np.log(np.exp(logits).sum(axis=1))
        return result

    def blank(self, rows: int) -> Floats:
        """Return logits to be filled: padded to whole blocks with −∞."""
        return np.full((rows, whole(self.shape.vocabulary, BLOCK)), -np.inf, np.float32)

    def _read(self, tokens: Tokens) -> tuple[Floats, list[Floats], list[Floats]]:
        """Return the last hidden states, and each layer's keys and values (group, token, head)."""
        x = self.weights.embedding[tokens]
        keys, values = [], []
        for layer in self.weights.layers:
            mixed, key, value = self._attend(layer, x)
            x = x + mixed @ layer.outward
            gated = normalized(x, self.shape.epsilon) @ layer.gate_up
            x = x + gate(gated, np.empty_like(gated[:, : self.shape.wide])) @ layer.down
            keys.append(key)
            values.append(value)
        return x, keys, values

    def _attend(self, layer: Layer, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Return causal self-attention over one sequence, and its keys and values."""
        shape, count = self.shape, len(x)
        inward = normalized(x, shape.epsilon) @ layer.inward
        turned = self.turns.shape[1] * 2
        inward[:, :turned] = (inward[:, :turned].view(np.complex64) * self.turns[:count]).view(
            np.float32
        )
        parts = inward.reshape(count, -1, shape.head).swapaxes(0, 1)
        query = parts[: shape.heads].reshape(shape.groups, -1, count, shape.head)
        key, value = np.split(parts[shape.heads :], 2)
        scores = query @ key[:, None].swapaxes(2, 3)
        scores[..., np.triu(np.ones((count, count), bool), 1)] = -np.inf
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = (scores @ value[:, None]).reshape(shape.heads, count, shape.head)
        return mixed.swapaxes(0, 1).reshape(count, -1), key, value


def rotations(shape: Shape) -> Complex:
    """Return e^{i · position · θ^(−2j/head)}: (context, head / 2).

    In float32 throughout, as the models are trained: a more exact angle is another model.
    """
    pairs = np.arange(0, shape.head, 2, dtype=np.float32) / np.float32(shape.head)
    angles = np.outer(
        np.arange(shape.context, dtype=np.float32), 1 / np.float32(shape.theta) ** pairs
    )
    turns: Complex = (np.cos(angles) + 1j * np.sin(angles)).astype(np.complex64)
    return turns


def normalized(x: Floats, epsilon: float) -> Floats:
    """Return x / √(mean x² + ε) of each row."""
    square = np.einsum("ij,ij->i", x, x)
    result: Floats = (
        x * (1 / np.sqrt(square / np.float32(x.shape[1]) + np.float32(epsilon)))[:, None]
    )
    return result


def gate(gate_up: Floats, out: Floats) -> Floats:
    """Return silu(g) · u from (−g, −u), which is used up: silu(g) = g / (1 + e^−g)."""
    negative, up = gate_up[:, : out.shape[1]], gate_up[:, out.shape[1] :]
    np.exp(negative, out=out)
    out += 1
    negative *= up
    np.divide(negative, out, out=out)
    return out
