"""From runs to an analysis: every number is a function of the tables."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from vervet.analysis.accounts import excluded_rows, missing_rows, problem_rows
from vervet.analysis.compare import difference_rows
from vervet.analysis.costs import cost_rows
from vervet.analysis.curves import Settings, coverage_rows, selection_rows
from vervet.analysis.imperfect import first_accepted_rows, verifier_row
from vervet.analysis.recorded import Drawn, Judged, drawn_by_model, verdicts_on
from vervet.analysis.result import Analysis
from vervet.analysis.scaling import fit_rows, forecast_rows
from vervet.analysis.schema import Document, ExcludedRow, RunRow
from vervet.analysis.solve_or_verify import crossing_rows, success_rows, surface_of
from vervet.errors import ConfigError
from vervet.store import Run
from vervet.types import Problem, Verdict

T = TypeVar("T")


def analyze(  # noqa: PLR0913 - the public face: one setting for each question
    runs: Run | Sequence[Run],
    *,
    k: Sequence[int] = (),
    verifier: str | None = None,
    against: str | None = None,
    forecast: Sequence[int] = (),
    false_positive_cost: float = 1.0,
    cost_ratio: float | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Analysis:
    """Measure coverage, selection, scaling laws, verifiers and cost of one run or several.

    Args:
        runs: what was recorded.
        k: attempts to report; empty for 1, 2, 5, 10, ... as far as the samples go.
        verifier: use the verdicts of this one only, by id or by name.
        against: take this verifier's verdicts as the truth about the others.
        forecast: forecast coverage at these k, beyond what was drawn.
        false_positive_cost: what returning a wrong answer costs, a right one being worth 1.
        cost_ratio: λ, the cost of one verification in solutions.
        level: nominal coverage of intervals.
        seed: of the bootstrap over problems.

    Raises:
        ConfigError: a run has no samples or no verdicts, or `verifier` is not in it.
    """
    settings = Settings(tuple(k), level, seed)
    opened = [runs] if isinstance(runs, Run) else list(runs)
    found = [(run, drawn_by_model(run)) for run in opened]
    labels = _labels([each for _, models in found for each in models])
    asked = Asked(verifier, against)
    parts = [
        _Part(run, [replace(d, model=labels[d.sampler_id]) for d in models], asked)
        for run, models in found
    ]
    judged = [each for part in parts for each in part.judged]
    pairs = [pair for part in parts for pair in part.pairs]
    if not judged or (against is not None and not any(part.truths for part in parts)):
        raise ConfigError(_nothing(opened, against if judged else verifier))
    surfaces = [
        cells
        for pair in pairs
        if (cells := surface_of(*pair, settings, cost_ratio=cost_ratio)) is not None
    ]
    return Analysis(
        Document(
            runs=tuple(part.row() for part in parts),
            coverage=_gather(coverage_rows(each, settings) for each in judged),
            selection=(
                *_gather(selection_rows(each, settings) for each in judged),
                *_gather(first_accepted_rows(*pair, settings) for pair in pairs),
            ),
            success=_gather(success_rows(each, settings) for each in surfaces),
            crossings=_gather(crossing_rows(each, settings) for each in surfaces),
            differences=tuple(difference_rows(judged, settings)),
            fits=_gather(fit_rows(each, settings) for each in judged),
            forecasts=_gather(forecast_rows(each, forecast) for each in judged),
            verifiers=tuple(
                verifier_row(*pair, settings, false_positive_cost=false_positive_cost)
                for pair in pairs
            ),
            costs=_gather(cost_rows(each, settings) for part in parts for each in part.models),
            problems=_gather(problem_rows(each) for each in judged),
            excluded=_gather(part.excluded() for part in parts),
        )
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """Which verifiers an analysis is about."""

    verifier: str | None
    against: str | None

    def judges(self, judged: Judged) -> bool:
        """Return whether a verifier's own curves are wanted; the truth's always are."""
        names = {self.verifier, self.against} if self.verifier else None
        return names is None or bool(names & {judged.verifier, judged.verifier_id})

    def truth(self, judged: Judged) -> bool:
        """Return whether a verifier is the one taken as truth."""
        return self.against in {judged.verifier, judged.verifier_id}


class _Part:
    """One run: its models, and the verdicts that were asked for, the truth's first."""

    def __init__(self, run: Run, models: list[Drawn], asked: Asked) -> None:
        self.run = run
        self.models = models
        every = [each for drawn in models for each in verdicts_on(run, drawn)]
        names = _short_names({each.verifier_id for each in every})
        self.named = [replace(each, verifier=names[each.verifier_id]) for each in every]
        wanted = [each for each in self.named if asked.judges(each)]
        self.judged = sorted(wanted, key=lambda each: not asked.truth(each))
        self.truths = {e.drawn.sampler_id: e for e in self.named if asked.truth(e)}
        self.pairs = [
            (each, truth)
            for each in self.judged
            if (truth := self.truths.get(each.drawn.sampler_id)) is not None and each is not truth
        ]

    def row(self) -> RunRow:
        return RunRow(
            path=self.run.url,
            problems=len(self.run.scan(Problem, ("id",))),
            samples=sum(map(len, self.models)),
            verdicts=sum(int((e.accepts + e.rejects + e.errors).sum()) for e in self.named),
            models=tuple(dict.fromkeys(d.model for d in self.models)),
            verifiers=tuple(dict.fromkeys(e.verifier for e in self.named)),
        )

    def excluded(self) -> Iterator[ExcludedRow]:
        yield from missing_rows(self.run, self.models)
        for each in self.judged:
            yield from excluded_rows(self.run, each)


def verifier_names(run: Run) -> set[str]:
    """Return the ids of the verifiers that judged anything in a run."""
    found = run.scan(Verdict, ("verifier_id",))
    return {found.categories["verifier_id"][code] for code in set(found["verifier_id"].tolist())}


def _gather(parts: Iterable[Iterable[T]]) -> tuple[T, ...]:
    return tuple(row for part in parts for row in part)


def _labels(models: Sequence[Drawn]) -> dict[str, str]:
    """Return what each sampler is called: the model's name where that is enough."""
    ids = dict.fromkeys((d.sampler_id, d.model) for d in models)
    uses = Counter(model for _, model in ids)
    return {name: model if uses[model] == 1 else name for name, model in ids}


def _short_names(verifier_ids: Iterable[str]) -> dict[str, str]:
    """Return what each verifier is called: its name without version where that is enough."""
    ids = list(verifier_ids)
    uses = Counter(name.partition("@")[0] for name in ids)
    return {n: n.partition("@")[0] if uses[n.partition("@")[0]] == 1 else n for n in ids}


def _nothing(runs: Sequence[Run], verifier: str | None) -> str:
    where = ", ".join(run.url for run in runs)
    recorded = sorted({name for run in runs for name in verifier_names(run)})
    if not recorded:
        return f"nothing is judged in {where}. Run `vervet verify RUN --verifier NAME` first."
    return f"no verdicts of {verifier!r} in {where}; there are those of: {', '.join(recorded)}."
