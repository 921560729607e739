"""Recorded verdicts of one sample: whose they are, what most say, and their mean score."""

from collections.abc import Sequence

from vervet.errors import ConfigError
from vervet.types import Outcome, Verdict


def named_one(name: str, known: Sequence[str]) -> str:
    """Return the one id that `name` means: the id itself, or its part before the @.

    >>> named_one("judge", ["judge@1-a", "exact@1-b"])
    'judge@1-a'

    Raises:
        ConfigError: it means none, or several.
    """
    means = [name] if name in known else [i for i in known if i.partition("@")[0] == name]
    if len(means) != 1:
        problem = "means several" if means else "is none"
        raise ConfigError(f"verifier {name!r} {problem} of the run's: {', '.join(known)}.")
    return means[0]


def majority(verdicts: Sequence[Verdict]) -> Outcome | None:
    """Return what most of the verdicts say, a tie rejecting; None where none says anything."""
    said = [v.outcome for v in verdicts if v.outcome is not Outcome.ERROR]
    if not said:
        return None
    return Outcome.ACCEPT if 2 * said.count(Outcome.ACCEPT) > len(said) else Outcome.REJECT


def mean_score(verdicts: Sequence[Verdict]) -> float:
    """Return the mean score, a verdict without one counting 1 or 0; NaN where none says anything.

    >>> import math
    >>> math.isnan(mean_score([]))
    True
    """
    said = [
        float(v.outcome is Outcome.ACCEPT) if v.score is None else v.score
        for v in verdicts
        if v.outcome is not Outcome.ERROR
    ]
    return sum(said) / len(said) if said else float("nan")
