"""Several judges as one, by weights that `vervet calibrate` learned from a small audit.

The score is the calibrated chance that the solution is right, `1 / (1 + e^−(b + Σ w (x − c)))`
with x the mean score of each judge's trials. Where a judge that has weight failed, the chance is
not known: the verdict is an ERROR, and is asked for again.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import exp, isfinite, isnan
from pathlib import Path
from typing import Any

from vervet import registry
from vervet.errors import ConfigError, boundary
from vervet.types import Outcome, Problem, Sample, Verdict, Verifier
from vervet.verifiers.answer import Traits, named
from vervet.verifiers.combine import (
    ask,
    close_all,
    concurrency_of,
    refuse_rivals,
    summary,
    traits_of,
)
from vervet.verifiers.recorded import mean_score

VERSION = "1"
LARGEST = 700.0
"""Log-odds beyond which a chance is 0 or 1 in floating point."""


@dataclass(frozen=True, slots=True)
class Part:
    """One judge of an ensemble."""

    verifier_id: str
    spec: str
    """How it is named on the command line."""
    trials: int
    weight: float
    center: float


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Asks several judges and weighs what they say."""

    id: str
    parts: tuple[Part, ...]
    intercept: float
    threshold: float
    judges: tuple[Verifier, ...] = field(default=(), repr=False, compare=False)

    @property
    def traits(self) -> Traits:
        """What the judges cost and what fools them, together."""
        return traits_of(self.judges)

    @property
    def concurrency(self) -> int | None:
        """How many verdicts to ask for at a time; None where no judge says."""
        return concurrency_of(self.judges)

    def describe(self) -> Mapping[str, Any]:
        """Return the judges with their weights."""
        weights = {part.verifier_id: part.weight for part in self.parts}
        return {"judges": weights, "intercept": self.intercept, "threshold": self.threshold}

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Ask every judge as often as it was asked in the audit, and weigh the answers."""
        told = [
            [await ask(judge, problem, sample, trial * part.trials + t) for t in range(part.trials)]
            for part, judge in zip(self.parts, self.judges, strict=True)
        ]
        return replace(self.weigh(told), trial=trial)

    def weigh(self, told: Sequence[Sequence[Verdict]]) -> Verdict:
        """Return the verdict that the judges' verdicts make, in the order of the parts."""
        means = [mean_score(verdicts) for verdicts in told]
        odds = self.intercept + sum(
            part.weight * (mean - part.center)
            for part, mean in zip(self.parts, means, strict=True)
            if not isnan(mean)
        )
        score = 1 / (1 + exp(-max(-LARGEST, min(LARGEST, odds))))
        verdicts = [verdict for each in told for verdict in each]
        pairs = list(zip(self.parts, means, strict=True))
        known = {part.verifier_id: None if isnan(mean) else mean for part, mean in pairs}
        if silent := [part.verifier_id for part, mean in pairs if isnan(mean) and part.weight]:
            found = summary(self.id, Outcome.ERROR, verdicts, None)
            detail = f"{len(silent)} of {len(means)} judges failed: {', '.join(silent)}"
            return replace(found, trial=0, answer=None, detail=detail, evidence=json.dumps(known))
        outcome = Outcome.ACCEPT if score >= self.threshold else Outcome.REJECT
        found = summary(self.id, outcome, verdicts, score)
        return replace(found, trial=0, answer=None, detail="", evidence=json.dumps(known))

    async def aclose(self) -> None:
        """Close what the judges hold."""
        await close_all(self.judges)


def made(parts: Sequence[Part], intercept: float, threshold: float = 0.5) -> Ensemble:
    """Return the ensemble of these parts without its judges: it weighs, and asks nobody."""
    weights = {part.verifier_id: [part.weight, part.center, part.trials] for part in parts}
    identity = named("ensemble", VERSION, parts=weights, intercept=intercept, threshold=threshold)
    return Ensemble(identity, tuple(parts), intercept, threshold)


def ensemble(file: str | Path, *, threshold: float | None = None) -> Ensemble:
    """Return the verifier that a file of `vervet calibrate` describes.

    Args:
        file: where the weights are.
        threshold: the least chance that is accepted, instead of the file's.

    Raises:
        ConfigError: the file cannot be read, or names a judge that cannot be made, is another, or
            compares samples with each other.
    """
    with boundary(ConfigError, f"ensemble {str(file)!r}"):
        said = tomllib.loads(Path(file).read_text("utf-8"))
        parts = [Part(**row) for row in said["judge"]]
        level = float(said["threshold"] if threshold is None else threshold)
        whole = made(parts, float(said["intercept"]), level)
    if not parts or not 0 <= level <= 1 or not isfinite(whole.intercept):
        raise ConfigError(f"ensemble {str(file)!r}: no judges, or a threshold outside 0..1.")
    judges = tuple(opened(part) for part in parts)
    refuse_rivals("ensemble", judges)
    return replace(whole, judges=judges)


def opened(part: Part) -> Verifier:
    """Return the judge of a part.

    Raises:
        ConfigError: its name leads nowhere, or to a judge with other settings.
    """
    name, settings = registry.parse(part.spec)
    judge: Verifier = registry.find("verifiers", name, **settings)
    if judge.id != part.verifier_id:
        raise ConfigError(
            f"ensemble: {part.spec!r} is {judge.id} now, and the weights are of "
            f"{part.verifier_id}. Calibrate again."
        )
    return judge


def toml(whole: Ensemble, notes: Sequence[str] = ()) -> str:
    """Return the file that `ensemble` reads, with notes on its first lines."""
    lines = [f"# {note}" for note in notes]
    lines += [f"intercept = {whole.intercept!r}", f"threshold = {whole.threshold!r}"]
    for part in whole.parts:
        lines += [
            "", "[[judge]]", f"verifier_id = {json.dumps(part.verifier_id)}",
            f"spec = {json.dumps(part.spec)}", f"trials = {part.trials}",
            f"weight = {part.weight!r}", f"center = {part.center!r}",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"
