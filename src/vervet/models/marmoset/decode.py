"""Draw many completions of one prompt at once."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from vervet.errors import PromptError
from vervet.models.marmoset.batch import Batch
from vervet.models.marmoset.checkpoint import Floats, load
from vervet.models.marmoset.choice import Decoding, Keys, choose, uniforms
from vervet.models.marmoset.engine import ROWS, Engine, Prefix, Tokens, whole
from vervet.models.marmoset.tokens import Tokenizer
from vervet.models.splitmix import mixed

REMEMBERED = 64
"""Prompts whose keys and values are kept."""
SHRINK = 0.875
"""Rows that are done are dropped when no more than this share is still needed."""

Listed = tuple[str, float, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Completion:
    """One continuation of a prompt."""

    text: str
    finish: str
    """`stop` at the end token or a stop string, `length` at the limit."""
    tokens: int
    """How many were drawn, the end token included."""
    logprob: float
    """Sum over the tokens drawn, the end token included, in nats at temperature 1."""
    listed: tuple[Listed, ...] = ()
    """Each token's text and log-probability, and the likeliest tokens at its place, if asked."""


class Decoder:
    """A model with its tokenizer: prompts in, completions out."""

    def __init__(self, folder: Path) -> None:
        self.engine = Engine(load(folder))
        self.tokenizer = Tokenizer(folder)
        self._prefixes: OrderedDict[str, Prefix] = OrderedDict()

    def prefix(self, prompt: str) -> Prefix:
        """Return a prompt's keys and values, computed once for the prompts used last.

        Raises:
            PromptError: the prompt is too long for the model.
        """
        if prompt not in self._prefixes:
            tokens = [self.engine.shape.begin, *self.tokenizer.encode(prompt)]
            if len(tokens) >= self.engine.shape.context:
                raise PromptError(
                    f"a prompt of {len(tokens):,} tokens leaves no room for a reply: "
                    f"the model's context is {self.engine.shape.context:,}"
                )
            self._prefixes[prompt] = self.engine.prefill(np.array(tokens))
            if len(self._prefixes) > REMEMBERED:
                self._prefixes.popitem(last=False)
        self._prefixes.move_to_end(prompt)
        return self._prefixes[prompt]

    def draw(
        self, prompt: str, seeds: Sequence[int], decoding: Decoding, *, top: int = 0
    ) -> list[Completion]:
        """Return one completion for each seed; a completion depends on nothing else.

        With `top`, each lists its tokens, and as many of the likeliest ones at every place.
        """
        prefix = self.prefix(prompt)
        rows = Rows(self, prefix, streams(prompt, seeds), decoding)
        rows.likely = Likely(decoder=self, top=top) if top else None
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for step in range(rows.limit):
                if not rows.advance(step):
                    break
        return [rows.completion(row) for row in range(len(seeds))]


def streams(prompt: str, seeds: Sequence[int]) -> Keys:
    """Return the key of each completion's random numbers: a hash of prompt and seed."""
    salt = blake2b(prompt.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    keys = np.array([seed % 2**64 for seed in seeds], np.uint64)
    return mixed(mixed(keys) + np.uint64(int.from_bytes(salt, "little")))


class Rows:
    """Completions in the making."""

    def __init__(self, decoder: Decoder, prefix: Prefix, keys: Keys, decoding: Decoding) -> None:
        count, shape = len(keys), decoder.engine.shape
        self.limit = min(decoding.max_tokens, shape.context - prefix.length)
        self.decoding, self.tokenizer = decoding, decoder.tokenizer
        self.ending = np.isin(np.arange(shape.vocabulary), shape.ends)
        self.keys = np.resize(keys, whole(count, ROWS))
        self.owners: Tokens = np.arange(len(self.keys))
        """Which completion each row of the batch is; rows past the last fill up the shape."""
        self.tokens = np.zeros((len(self.keys), self.limit), np.intp)
        self.logprobs = np.zeros(len(self.keys), np.float64)
        self.lengths = np.where(self.owners < count, 0, -1)
        """Tokens of each completion that is done; 0 while it goes on, −1 for rows that fill up."""
        self.stopped: dict[int, int] = {}
        """Where the text of a completion ends that ran into a stop string."""
        self.last: Tokens = self.owners
        """The token each row ends with."""
        self.likely: Likely | None = None
        self.batch = Batch(decoder.engine, prefix, len(self.keys))
        self.stops = tuple(text.encode() for text in decoding.stop)
        last = {text[-1] for text in self.stops}
        self.closing = np.array([bool(last & set(text)) for text in decoder.tokenizer.texts])

    def advance(self, step: int) -> bool:
        """Draw a token for each row and compute what follows; return whether any goes on."""
        logits = self.batch.logits if step == 0 else self.batch.step(self.last)
        drawn, logprobs = choose(logits, uniforms(self.keys, step), self.decoding)
        going = self.lengths[self.owners] == 0
        if self.likely is not None:
            self.likely.note(self.owners, logits, drawn, logprobs)
        self.last = drawn
        self.tokens[self.owners[going], step] = drawn[going]
        self.logprobs[self.owners[going]] += logprobs[going]
        done = going & self.ending[drawn]
        if self.stops:
            done |= going & self._stops(drawn, going, step)
        self.lengths[self.owners[done]] = step + 1
        return self._shrink(going & ~done)

    def completion(self, row: int) -> Completion:
        """Return what a row became."""
        length = int(self.lengths[row]) or self.limit
        tokens = self.tokens[row, :length]
        text = self.tokenizer.decode(tokens)
        if row in self.stopped:
            text = b"".join(self.tokenizer.texts[t] for t in tokens)[: self.stopped[row]].decode(
                errors="replace"
            )
        finish = "stop" if self.lengths[row] > 0 else "length"
        listed = self.likely.of(row, length) if self.likely is not None else ()
        return Completion(text, finish, length, float(self.logprobs[row]), listed)

    def _shrink(self, going: np.ndarray) -> bool:
        """Drop rows that are done, once there are enough of them."""
        needed = whole(int(going.sum()), ROWS)
        if 0 < needed <= SHRINK * len(going):
            rows = np.argsort(~going, kind="stable")[:needed]
            self.keys, self.owners, self.last = self.keys[rows], self.owners[rows], self.last[rows]
            self.batch.keep(rows)
        return needed > 0

    def _stops(self, drawn: Tokens, going: np.ndarray, step: int) -> np.ndarray:
        """Return which rows just completed a stop string, and note where their text ends."""
        found = np.zeros(len(drawn), bool)
        for row in np.flatnonzero(going & self.closing[drawn]):
            owner = int(self.owners[row])
            said = b"".join(self.tokenizer.texts[t] for t in self.tokens[owner, : step + 1])
            places = [place for stop in self.stops if (place := said.find(stop)) >= 0]
            if places:
                self.stopped[owner], found[row] = min(places), True
        return found


class Likely:
    """The likeliest tokens at every place of some completions, as servers list them."""

    def __init__(self, decoder: Decoder, top: int) -> None:
        self.texts = [text.decode(errors="replace") for text in decoder.tokenizer.texts]
        self.top = top
        self._steps: list[tuple[dict[int, int], Tokens, Floats]] = []

    def note(self, owners: Tokens, logits: Floats, drawn: Tokens, logprobs: Floats) -> None:
        """Keep one step: the token drawn of each row, then the likeliest ones."""
        rows = np.arange(len(logits))
        total = logits[rows, drawn] - logprobs
        likely = np.argpartition(-logits, self.top, axis=1)[:, : self.top]
        tokens = np.column_stack([drawn, likely])
        chances = logits[rows[:, None], tokens] - total[:, None]
        self._steps.append(
            (dict(zip(owners.tolist(), rows.tolist(), strict=True)), tokens, chances)
        )

    def of(self, owner: int, length: int) -> tuple[Listed, ...]:
        """Return what a completion of `length` tokens lists."""
        return tuple(self._one(self._steps[step], owner) for step in range(length))

    def _one(self, step: tuple[dict[int, int], Tokens, Floats], owner: int) -> Listed:
        rows, tokens, chances = step
        row = rows[owner]
        likely = zip(tokens[row, 1:].tolist(), chances[row, 1:].tolist(), strict=True)
        drawn = self.texts[int(tokens[row, 0])]
        return drawn, float(chances[row, 0]), {self.texts[t]: p for t, p in likely}
