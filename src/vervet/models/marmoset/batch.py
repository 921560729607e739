"""Rows of continuations of one prompt, all at the same position, one step at a time."""

import numpy as np

from vervet.models.marmoset.checkpoint import Floats
from vervet.models.marmoset.engine import (
    CALM,
    Engine,
    Prefix,
    Tokens,
    gate,
    normalized,
    whole,
)

FIRST, GROW = 48, 32
"""Positions a cache has room for at first, and grows by."""


class Batch:
    """What the rows have said so far, as keys and values, and room to compute the next step."""

    def __init__(self, engine: Engine, prefix: Prefix, rows: int) -> None:
        self.engine, self.prefix, self.rows = engine, prefix, rows
        self.shape, self.length = engine.shape, 0
        shape = self.shape
        self.keys = np.empty((shape.layers, shape.groups, rows, FIRST, shape.head), np.float32)
        self.values = np.empty_like(self.keys)
        self.inward = np.empty((rows, (shape.heads + 2 * shape.groups) * shape.head), np.float32)
        self.mixed = np.empty((rows, shape.heads * shape.head), np.float32)
        self.gate_up = np.empty((rows, 2 * shape.wide), np.float32)
        self.gated = np.empty((rows, shape.wide), np.float32)
        self.logits = engine.blank(rows)
        self.logits[:] = prefix.logits

    def step(self, tokens: Tokens) -> Floats:
        """Append one token to each row; return the logits of the next, overwritten by each step."""
        weights, epsilon = self.engine.weights, self.shape.epsilon
        if self.length == self.keys.shape[3]:
            self._grow()
        self.counted = np.ones(self.prefix.keys.shape[3] + self.length + 1, np.float32)
        self.counted[self.prefix.length : self.prefix.keys.shape[3]] = 0
        x = weights.embedding[tokens]
        for index, layer in enumerate(weights.layers):
            np.matmul(normalized(x, epsilon), layer.inward, out=self.inward)
            self._attend(index)
            x += self.mixed @ layer.outward
            np.matmul(normalized(x, epsilon), layer.gate_up, out=self.gate_up)
            x += gate(self.gate_up, self.gated) @ layer.down
        self.length += 1
        np.matmul(normalized(x, epsilon), weights.head, out=self.logits[:, : self.shape.vocabulary])
        return self.logits

    def keep(self, rows: Tokens) -> None:
        """Go on with `rows` only, in that order."""
        self.rows = len(rows)
        self.keys, self.values = (
            np.take(cache[:, :, :, : whole(self.length, GROW)], rows, axis=2)
            for cache in (self.keys, self.values)
        )
        self.inward, self.mixed = self.inward[: self.rows], self.mixed[: self.rows]
        self.gate_up, self.gated = self.gate_up[: self.rows], self.gated[: self.rows]
        self.logits = self.logits[: self.rows]

    def _grow(self) -> None:
        more = np.empty((*self.keys.shape[:3], GROW, self.shape.head), np.float32)
        self.keys = np.concatenate([self.keys, more], axis=3)
        self.values = np.concatenate([self.values, more], axis=3)

    def _attend(self, index: int) -> None:
        """Attend from the new token of each row to the prompt and to what the row said."""
        shape, now = self.shape, self.length
        turn = self.engine.turns[self.prefix.length + now]
        turned = self.inward[:, : 2 * len(turn)].view(np.complex64)
        turned *= turn
        inward = self.inward.reshape(self.rows, -1, shape.head)
        per_group = shape.heads // shape.groups
        for group in range(shape.groups):
            key = shape.heads + group
            self.keys[index, group, :, now] = inward[:, key]
            self.values[index, group, :, now] = inward[:, key + shape.groups]
            mine = slice(group * per_group, (group + 1) * per_group)
            mixed = self._mix(index, group, np.ascontiguousarray(inward[:, mine]))
            self.mixed.reshape(self.rows, -1, shape.head)[:, mine] = mixed

    def _mix(self, index: int, group: int, query: Floats) -> Floats:
        """Return the mean of the values, weighted by exp(query · key): (row, head, width)."""
        rows, heads, width = query.shape
        padded, said = self.prefix.keys.shape[3], self.length + 1
        keys = self.keys[index, group, :, :said]
        values = self.values[index, group, :, :said]
        scores = np.empty((rows, heads, padded + said), np.float32)
        flat = scores.reshape(rows * heads, -1)
        np.matmul(query.reshape(-1, width), self.prefix.keys[index, group], out=flat[:, :padded])
        np.matmul(query, keys.swapaxes(1, 2), out=scores[:, :, padded:])
        np.exp(scores, out=scores)
        mixed: Floats = np.matmul(flat[:, :padded], self.prefix.values[index, group])
        mixed = mixed.reshape(rows, heads, width)
        mixed += np.matmul(scores[:, :, padded:], values)
        totals = flat @ self.counted
        mixed /= totals.reshape(rows, heads, 1)
        if not 1 / CALM < totals.min() <= totals.max() < CALM:
            wild = ~((totals > 1 / CALM) & (totals < CALM)).reshape(rows, heads).all(axis=1)
            mixed[wild] = self._shifted(query[wild], keys[wild], values[wild], (index, group))
        return mixed

    def _shifted(self, query: Floats, keys: Floats, values: Floats, at: tuple[int, int]) -> Floats:
        """Return what `_mix` returns, for rows whose exponentials overflow or vanish."""
        length = self.prefix.length
        first = query @ self.prefix.keys[at][:, :length]
        scores = np.concatenate([first, query @ keys.swapaxes(1, 2)], axis=2)
        scores = np.exp(scores - scores.max(axis=2, keepdims=True))
        scores /= scores.sum(axis=2, keepdims=True)
        result: Floats = scores[:, :, :length] @ self.prefix.values[at][:length]
        result += scores[:, :, length:] @ values
        return result
