"""What was asked of an analysis, and the verdicts of each run that it is about."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from vervet.analysis.accounts import excluded_rows, missing_rows
from vervet.analysis.cost_ratio import Ratio
from vervet.analysis.curves import Picked, Settings, picks, picks_by
from vervet.analysis.forecasting import Beyond
from vervet.analysis.mixture import Budget
from vervet.analysis.recorded import Drawn, Judged, verdicts_on
from vervet.analysis.schema import ExcludedRow, RunRow
from vervet.errors import ConfigError
from vervet.store import Run
from vervet.types import Problem, Verdict

Pair = tuple[Judged, Judged]


@dataclass(frozen=True, slots=True)
class Asked:
    """What an analysis is about."""

    verifier: str | None = None
    against: str | None = None
    audit: str | None = None
    quality: Sequence[str] = ()
    mixture: Sequence[Budget] = ()
    beyond: Beyond = field(default_factory=Beyond)
    false_positive_cost: float = 1.0
    cost_ratio: Ratio = field(default_factory=Ratio)
    whole_surface: bool = False

    def judges(self, judged: Judged) -> bool:
        """Return whether a verifier's own curves are wanted; the truth's always are.

        Those of an audit speak about the few samples it saw, and are left out.
        """
        if self.verifier:
            return bool({self.verifier, self.against} & names(judged))
        return self.audit not in names(judged) or self.audit == self.against

    def truth(self, judged: Judged) -> bool:
        """Return whether a verifier is the one taken as truth."""
        return self.against in names(judged)

    def checked(self) -> "Asked":
        """Return this, if what was asked fits together.

        Raises:
            ConfigError: a question needs another that was not asked.
        """
        if self.quality and self.against is None:
            raise ConfigError(
                "--quality compares right with wrong samples: name the verifier that says which "
                "are right with --against."
            )
        if self.beyond.width is not None and not 0 < self.beyond.width < 1:
            raise ConfigError(f"a width of coverage lies between 0 and 1, not {self.beyond.width}.")
        if self.beyond.width is not None and not self.beyond.ks:
            raise ConfigError(
                "--forecast-width is the width of a forecast: name its k with --forecast."
            )
        if self.audit is not None and self.audit == self.verifier:
            raise ConfigError(
                f"{self.audit!r} cannot audit itself; --audit names the stronger verifier."
            )
        return self


def names(judged: Judged) -> set[str]:
    """Return what a verifier answers to."""
    return {judged.verifier, judged.verifier_id}


@dataclass(frozen=True, slots=True)
class Seen:
    """One model's samples as one verifier sees them, and the ways to pick among them."""

    judged: Judged
    others: Sequence[Judged]
    """The verifiers that are held against this one; none unless it is the truth."""
    own: Sequence[Picked]
    by_others: Sequence[Picked]


class Part:
    """One run: its models, and the verdicts that were asked for, the truth's first."""

    def __init__(self, run: Run, models: list[Drawn], asked: Asked) -> None:
        self.run = run
        self.models = models
        every = [each for drawn in models for each in verdicts_on(run, drawn)]
        short = short_names({each.verifier_id for each in every})
        self.named = [replace(each, verifier=short[each.verifier_id]) for each in every]
        wanted = [each for each in self.named if asked.judges(each)]
        self.judged = sorted(wanted, key=lambda each: not asked.truth(each))
        self.pairs = self._pairs(asked.against)
        self.audits = self._pairs(asked.audit)

    def _pairs(self, truth: str | None) -> list[Pair]:
        """Return every verdict on the samples that the truth, too, has judged."""
        truths = {e.drawn.sampler_id: e for e in self.named if truth in names(e)}
        return [
            (each, other)
            for each in self.judged
            if (other := truths.get(each.drawn.sampler_id)) is not None
            and each.verifier_id != other.verifier_id
        ]

    def truth_of(self, drawn: Drawn) -> Judged | None:
        """Return the truth about a model's samples."""
        found = (truth for _, truth in self.pairs if truth.drawn.sampler_id == drawn.sampler_id)
        return next(found, None)

    def of_model(self, drawn: Drawn) -> list[Judged]:
        """Return all verifiers of one model's samples, whether asked for or not."""
        return [e for e in self.named if e.drawn.sampler_id == drawn.sampler_id]

    def by_model(self) -> Iterator[list[Judged]]:
        """Yield the verifiers asked for, of each model."""
        for drawn in self.models:
            judges = [e for e in self.judged if e.drawn.sampler_id == drawn.sampler_id]
            if judges:
                yield judges

    def seen(self, settings: Settings) -> Iterator[Seen]:
        """Yield each model as each verifier sees it."""
        for judged in self.judged:
            me = (judged.verifier_id, judged.drawn.sampler_id)
            others = [o for o, t in self.pairs if (t.verifier_id, t.drawn.sampler_id) == me]
            by_others = [p for other in others for p in picks_by(other, judged, settings)]
            yield Seen(judged, others, list(picks(judged, settings)), by_others)

    def row(self) -> RunRow:
        """Return what is in the run."""
        return RunRow(
            path=self.run.url,
            problems=len(self.run.scan(Problem, ("id",))),
            samples=sum(map(len, self.models)),
            verdicts=sum(int((e.accepts + e.rejects + e.errors).sum()) for e in self.named),
            models=tuple(dict.fromkeys(d.model for d in self.models)),
            verifiers=tuple(dict.fromkeys(e.verifier for e in self.named)),
        )

    def excluded(self) -> Iterator[ExcludedRow]:
        """Yield what was left out, and why."""
        yield from missing_rows(self.run, self.models)
        for each in self.judged:
            yield from excluded_rows(self.run, each)


def verifier_names(run: Run) -> set[str]:
    """Return the ids of the verifiers that judged anything in a run."""
    found = run.scan(Verdict, ("verifier_id",))
    return {found.categories["verifier_id"][code] for code in set(found["verifier_id"].tolist())}


def labels(models: Sequence[Drawn]) -> dict[str, str]:
    """Return what each sampler is called: the model's name where that is enough."""
    ids = dict.fromkeys((d.sampler_id, d.model) for d in models)
    uses = Counter(model for _, model in ids)
    return {name: model if uses[model] == 1 else name for name, model in ids}


def short_names(verifier_ids: Iterable[str]) -> dict[str, str]:
    """Return what each verifier is called: its name without version where that is enough."""
    ids = list(verifier_ids)
    uses = Counter(name.partition("@")[0] for name in ids)
    return {n: n.partition("@")[0] if uses[n.partition("@")[0]] == 1 else n for n in ids}


def required(parts: Sequence[Part], asked: Asked) -> None:
    """Check that every verifier asked for is there.

    Raises:
        ConfigError: one is not; the message has those that are.
    """
    runs = [part.run for part in parts]
    if not any(part.judged for part in parts):
        raise ConfigError(_nothing(runs, asked.verifier))
    known = set().union(*(names(each) for part in parts for each in part.named))
    for name in (asked.verifier, asked.against, asked.audit):
        if name is not None and name not in known:
            raise ConfigError(_nothing(runs, name))
    if asked.audit is not None and not any(part.audits for part in parts):
        raise ConfigError(
            f"{asked.audit!r} is the only verifier that judged these samples: nothing to correct."
        )


def _nothing(runs: Sequence[Run], verifier: str | None) -> str:
    where = ", ".join(run.url for run in runs)
    recorded = sorted({name for run in runs for name in verifier_names(run)})
    if not recorded:
        return f"nothing is judged in {where}. Run `vervet verify RUN --verifier NAME` first."
    whose = f" of {verifier!r}" if verifier else " of samples that are there"
    return f"no verdicts{whose} in {where}; there are those of: {', '.join(recorded)}."
