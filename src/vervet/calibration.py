"""Calibrate: learn from a small audit how much each judge's word counts, and weigh a run by it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vervet import registry
from vervet.errors import ConfigError
from vervet.stats.judge_weights import JudgeWeights, judge_weights
from vervet.store import Run
from vervet.types import Outcome, Verdict
from vervet.verifiers.ensemble import Ensemble, Part, made, toml
from vervet.verifiers.recorded import majority, mean_score, named_one

Key = tuple[str, str, int]
Told = dict[Key, dict[str, list[Verdict]]]
"""Verdicts by sample (problem, model, index), then verifier."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """An ensemble, what it was learned from, and what it is worth on problems left out."""

    ensemble: Ensemble
    found: JudgeWeights
    audited: int
    weighed: int
    """Samples that now have a verdict of the ensemble."""

    @property
    def notes(self) -> list[str]:
        """Return what a reader of the weights should know, line by line."""
        found, parts = self.found, self.ensemble.parts
        right, wrong, many = found.votes_right, found.votes_wrong, len(parts)
        drawn = f"{self.audited:,} audited samples of {found.problems:,} problems"
        base = f"knowing only the share of right samples: {found.base_loss:.3f}"
        return [
            f"{drawn}; ridge {found.penalty:g}, chosen on problems left out",
            f"log loss on problems left out: {found.loss:.3f}; {base}",
            f"effective judges of {many}: {right:.1f} on right samples, {wrong:.1f} on wrong ones",
            *(
                f"{part.verifier_id}: weight {part.weight:+.2f} a point of score, {part.trials} "
                f"trials, alone {alone:.3f}"
                for part, alone in zip(parts, found.alone, strict=True)
            ),
        ]

    def to_toml(self) -> str:
        """Return the file that the verifier `ensemble:file=...` reads."""
        return toml(self.ensemble, self.notes)

    def __repr__(self) -> str:
        return "\n".join([*self.notes, f"weighed {self.weighed:,} samples as {self.ensemble.id}"])


def calibrate(
    run: Run, judges: Sequence[str], audit: str, *, limit: int | None = None, threshold: float = 0.5
) -> Calibrated:
    """Learn the weights of `judges` from the samples that `audit` judged too, and weigh all.

    Every sample that some judge judged gets a verdict of the ensemble, from what is recorded:
    nobody is asked. `limit` takes only so many audited samples, spread evenly over the run.

    Args:
        run: holds the judges' verdicts, and the audit's on some samples.
        judges: verifiers as named on the command line, or their names or ids in the run.
        audit: the verifier taken as the truth.
        limit: the most audited samples to learn from.
        threshold: the least chance of being right that the ensemble accepts.

    Raises:
        ConfigError: fewer than two judges, no such verdicts, or an audit that cannot teach.
    """
    if len(set(judges)) < 2 or len(set(judges)) < len(judges):  # noqa: PLR2004 - to be weighed
        raise ConfigError(f"calibrate: name two judges or more, each once, not {list(judges)}.")
    if not 0 <= threshold <= 1:
        raise ConfigError(f"calibrate: threshold {threshold} is not between 0 and 1.")
    known = [str(i) for i in run.scan(Verdict, ("verifier_id",)).categories["verifier_id"]]
    ids = [identity(spec, known) for spec in judges]
    truth = named_one(audit, known)
    told = _told(run, [*ids, truth])
    keys = [key for key in sorted(told) if majority(told[key].get(truth, ())) is not None]
    keys = keys if limit is None else spread(keys, limit)
    scores = np.array([[mean_score(told[key].get(i, ())) for i in ids] for key in keys])
    right = [majority(told[key][truth]) is Outcome.ACCEPT for key in keys]
    try:
        found = judge_weights(scores.reshape(len(keys), len(ids)), right, [key[0] for key in keys])
    except ValueError as cause:
        raise ConfigError(f"calibrate: {len(keys)} audited samples: {cause}.") from cause
    depth = {i: max((len(told[key].get(i, ())) for key in told), default=1) for i in ids}
    parts = [
        Part(i, spec, depth[i], rounded(weight), rounded(center))
        for i, spec, weight, center in zip(ids, judges, found.weights, found.centers, strict=True)
    ]
    whole = made(parts, rounded(found.intercept), threshold)
    rows = list(_weighed(whole, ids, told))
    run.describe("verifiers", whole.id, whole.describe())
    run.append(rows)
    return Calibrated(whole, found, len(keys), len(rows))


def identity(spec: str, known: Sequence[str]) -> str:
    """Return the id that a judge has in the run: as it is named there, or as it would be made.

    Raises:
        ConfigError: the run has no verdicts of it.
    """
    if spec in known or sum(i.partition("@")[0] == spec for i in known) == 1:
        return named_one(spec, known)
    name, settings = registry.parse(spec)
    if not settings:
        return named_one(spec, known)
    return named_one(registry.find("verifiers", name, **settings).id, known)


def rounded(value: float) -> float:
    """Return a weight in nine digits: the same on every machine, whatever its last bits.

    >>> rounded(0.12345678949999)
    0.123456789
    """
    return float(f"{value:.9g}")


def spread(keys: Sequence[Key], most: int) -> list[Key]:
    """Return at most `most` of the keys, at equal distances.

    >>> spread([("p", "m", i) for i in range(10)], 3)
    [('p', 'm', 0), ('p', 'm', 3), ('p', 'm', 6)]
    """
    many = min(max(most, 1), len(keys))
    return [keys[at * len(keys) // many] for at in range(many)]


def _told(run: Run, verifiers: Sequence[str]) -> Told:
    told: Told = {}
    for batch in run.read(Verdict, {"verifier_id": list(verifiers)}):
        for verdict in batch:
            key = (verdict.problem_id, verdict.sampler_id, verdict.index)
            told.setdefault(key, {}).setdefault(verdict.verifier_id, []).append(verdict)
    for by in told.values():
        for verdicts in by.values():
            verdicts.sort(key=lambda verdict: verdict.trial)
    return told


def _weighed(whole: Ensemble, ids: Sequence[str], told: Told) -> Iterator[Verdict]:
    for key in sorted(told):
        verdicts = [told[key].get(i, []) for i in ids]
        if any(verdicts):
            yield whole.weigh(verdicts)
