"""λ, the cost of one verification in solutions: given, or measured from tokens."""

from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from vervet.analysis.recorded import Floats, Judged, mean_known
from vervet.errors import ConfigError
from vervet.stats.solve_or_verify import measured_ratio

MEASURED = ("tokens", "cached", "generated")
"""Prompts as they were read; read once for all that share them; left out, as the paper does."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How λ is had: a number, or which tokens are counted."""

    given: float | None = None
    tokens: str = "tokens"

    @classmethod
    def read(cls, asked: float | str | None) -> "Ratio":
        """Read a number, or one of `tokens`, `cached`, `generated`.

        Raises:
            ConfigError: it is neither.

        >>> Ratio.read("2"), Ratio.read(None)
        (Ratio(given=2.0, tokens='tokens'), Ratio(given=None, tokens='tokens'))
        """
        if asked is None or asked in MEASURED:
            return cls(tokens=str(asked or MEASURED[0]))
        try:
            number = float(asked)
        except ValueError:
            number = nan
        if not (isfinite(number) and number > 0):
            raise ConfigError(
                f"λ is a positive number, or one of {', '.join(MEASURED)}; not {asked!r}."
            )
        return cls(given=number)

    def of(self, judged: Judged) -> tuple[float, str]:
        """Return λ of one judge, and where it comes from; NaN where tokens were not counted."""
        if self.given is not None:
            return self.given, "given"
        prompts = _prompts(judged, cached=self.tokens == "cached")
        try:
            ratio = measured_ratio(
                mean_known(judged.drawn.number("completion_tokens")),
                judged.completion_tokens,
                solution_prompt=prompts[0],
                verification_prompt=prompts[1],
                prompt_price=0.0 if self.tokens == "generated" else 1.0,
            )
        except ValueError:
            return nan, "tokens were not counted"
        return ratio, SOURCES[self.tokens] if isfinite(ratio) else "tokens were not counted"


SOURCES = {
    "tokens": "measured: tokens generated and prompts as they were read",
    "cached": "measured: tokens generated and each prompt read once for all that share it",
    "generated": "measured: tokens generated, prompts left out",
}


def _prompts(judged: Judged, *, cached: bool) -> tuple[float, float]:
    """Return the prompt tokens computed for a solution and for a verification, 0 if not counted.

    A cache reads a problem's prompt once for its solutions, and a judge's once for its verdicts on
    a solution. Without one, what the endpoint served from its own cache is left out.
    """
    drawn = judged.drawn
    prompt = drawn.number("prompt_tokens")
    verdicts = judged.accepts + judged.rejects + judged.errors
    if cached:
        solution = mean_known(prompt) * len(drawn.problems) / max(len(drawn), 1)
        repeats = float(verdicts[verdicts > 0].mean()) if verdicts.any() else 1.0
        return _zero(solution), _zero(judged.prompt_tokens / repeats)
    return _zero(mean_known(prompt - _served(judged))), _zero(judged.prompt_tokens)


def _served(judged: Judged) -> Floats:
    """Return the prompt tokens of each sample that were not computed for it."""
    columns = [judged.drawn.number(name) for name in ("cached_tokens", "shared_tokens")]
    return np.maximum(*(np.nan_to_num(column) for column in columns))


def _zero(value: float) -> float:
    return value if isfinite(value) else 0.0
