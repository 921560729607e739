"""Runs to an archive: the problems that all models answered, with every cost that is known."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vervet.costs.dollars import Price, token_dollars
from vervet.errors import ConfigError
from vervet.models.prices import PriceTable, price_table
from vervet.planning.archive import Archive, archive, verifiers_in
from vervet.policies.flow import Recorded
from vervet.selection import recorded_problems
from vervet.store import Run
from vervet.types import Problem, Sample, Verdict

DECODING = ("temperature", "top_p")


@dataclass(frozen=True, slots=True)
class Found:
    """What a plan may use of some runs."""

    archive: Archive
    readers: tuple[str, ...]
    """Verifiers that read answers, for votes."""
    usable: tuple[str, ...]
    """Verifiers whose acceptance or score a policy may see when it is used."""
    models: Mapping[str, str]
    """How each model is asked for: provider/name, by the name it has in the run."""
    left_out: int = 0
    """Problems that not every model answered."""
    decoding: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """At which temperature and top_p each model was sampled, where that was recorded."""


def read(runs: Sequence[Run], *, truth: str = "", usable: Sequence[str] = ()) -> Found:
    """Read runs into one archive.

    Args:
        runs: runs of the same problems; each may have its own models.
        truth: the verifier whose verdict says what is right; needed where there are several.
        usable: verifiers that a policy may ask. By default all but `truth`, and `truth` too where
            it reads no answers: unit tests and proof checkers can be run on new problems, while
            comparing with the answer key cannot.

    Raises:
        ConfigError: no common problem, no verdicts, or several verifiers and no `truth`.
    """
    table = price_table()
    said = {i: s for run in runs for i, s in run.descriptions("samplers").items()}
    judges = {i: s for run in runs for i, s in run.descriptions("verifiers").items()}
    later = {str(s.get("model", i)) for i, s in said.items() if "revises" in s}
    rows = [_short(row) for run in runs for row in recorded_problems(run)]
    merged, left_out = _common(rows, later)
    if not merged:
        raise ConfigError(_nothing_common(rows))
    priced = [(problem, _priced(recorded, said, table)) for problem, recorded in merged]
    names = verifiers_in(priced)
    right = truth or _only(names)
    kept = archive(priced, right, prices=_judge_prices(judges, table))
    found = describe(kept, usable=usable, models=_specs(said), left_out=left_out)
    return replace(found, decoding=_decoding(said))


def describe(
    kept: Archive,
    *,
    usable: Sequence[str] = (),
    models: Mapping[str, str] | None = None,
    left_out: int = 0,
) -> Found:
    """Say what a plan may use of an archive; see `read`."""
    heard = {name: h for shelf in kept.shelves.values() for name, h in shelf.heard.items()}
    readers = tuple(n for n, h in heard.items() if (h.answer >= 0).any())
    allowed = [n for n in heard if n != kept.truth or n not in readers]
    for name in usable:
        if name not in heard:
            raise ConfigError(f"no verdicts of {name!r}. There are: {', '.join(heard)}.")
    names = models or {model: model for model in kept.shelves}
    return Found(kept, readers, tuple(usable or allowed), names, left_out)


def _short(row: tuple[Problem, Recorded]) -> tuple[Problem, Recorded]:
    """Drop the full id of a verifier that also has its short name."""
    problem, recorded = row
    short = {name for _, _, name in recorded.verdicts if "@" not in name}
    kept = {
        key: told
        for key, told in recorded.verdicts.items()
        if "@" not in key[2] or key[2].partition("@")[0] not in short
    }
    return problem, Recorded(recorded.samples, kept)


def _common(
    rows: Iterable[tuple[Problem, Recorded]], later: set[str]
) -> tuple[list[tuple[Problem, Recorded]], int]:
    """Join what several runs say of a problem; keep the problems that all models answered.

    The `later` turns of a model's samples are no draws of its own, and need not be there.
    """
    problems: dict[str, Problem] = {}
    samples: dict[str, dict[str, list[Sample]]] = {}
    verdicts: dict[str, dict[tuple[str, int, str], Sequence[Verdict]]] = {}
    for problem, recorded in rows:
        problems.setdefault(problem.id, problem)
        for model, drawn in recorded.samples.items():
            samples.setdefault(problem.id, {}).setdefault(model, []).extend(drawn)
        verdicts.setdefault(problem.id, {}).update(recorded.verdicts)
    names = {model for found in samples.values() for model in found}
    models = sorted(names - later)
    kept = [p for p, found in samples.items() if found.keys() >= set(models)]
    common = [
        (
            problems[p],
            Recorded(
                {m: samples[p][m] for m in [*models, *sorted(later)] if m in samples[p]},
                verdicts[p],
            ),
        )
        for p in kept
    ]
    return common, len(samples) - len(kept)


def _priced(recorded: Recorded, said: Mapping[str, Any], table: PriceTable) -> Recorded:
    """Fill in what a sample costs at the list price, where the endpoint did not say."""
    priced = {}
    for model, drawn in recorded.samples.items():
        settings = said.get(drawn[0].sampler_id, {})
        first = said.get(str(settings.get("revises", "")), settings)
        priced[model] = _with_costs(drawn, first, table)
    return Recorded(priced, recorded.verdicts)


def _with_costs(
    drawn: Sequence[Sample], settings: Mapping[str, Any], table: PriceTable
) -> Sequence[Sample]:
    price = _price(settings, table)
    if price is None:
        return drawn
    names = ("prompt_tokens", "completion_tokens", "cached_tokens", "shared_tokens")
    prompt, completion, cached, shared = (
        np.array([getattr(s, name) for s in drawn], dtype=np.float64) for name in names
    )
    dollars = token_dollars(
        price, prompt, completion, np.nan_to_num(cached), np.nan_to_num(shared)
    ).total
    return [
        replace(s, cost=float(d)) if s.cost is None and np.isfinite(d) else s
        for s, d in zip(drawn, dollars, strict=True)
    ]


def _price(settings: Mapping[str, Any], table: PriceTable) -> Price | None:
    host = str(settings.get("host") or settings.get("provider") or "")
    return table.price(host, str(settings.get("model", "")))


def _judge_prices(said: Mapping[str, Any], table: PriceTable) -> dict[str, Price]:
    found = {name.partition("@")[0]: _price(settings, table) for name, settings in said.items()}
    return {name: price for name, price in found.items() if price is not None}


def _only(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    if not names:
        raise ConfigError("nothing says which samples are right. Run `vervet verify` first.")
    known = ", ".join(names)
    raise ConfigError(f"say which verifier tells what is right with --against. There are: {known}.")


def _nothing_common(rows: Sequence[tuple[Problem, Recorded]]) -> str:
    """Say why there is nothing to plan on."""
    some = {model: problem.id for problem, recorded in rows for model in recorded.samples}
    if not some:
        return "the run has no samples. Run `vervet sample` first."
    told = ", ".join(f"{model} has {problem!r}" for model, problem in sorted(some.items())[:3])
    return f"no problem has samples of every model: {told}. Give runs of the same problems."


def _specs(said: Mapping[str, Any]) -> dict[str, str]:
    """Return provider/name of every model, by the name it has in the run."""
    specs = {}
    for sampler_id, settings in said.items():
        if "revises" in settings:
            continue
        model = str(settings.get("model", sampler_id))
        host = str(settings.get("host") or settings.get("provider") or "")
        specs[model] = f"{host}/{model}" if host and host != model else model
    return specs


def _decoding(said: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return how every model was sampled; nothing where its samplers differ."""
    found: dict[str, list[dict[str, float]]] = {}
    for sampler_id, settings in said.items():
        told = {k: settings[k] for k in DECODING if isinstance(settings.get(k), float | int)}
        found.setdefault(str(settings.get("model", sampler_id)), []).append(told)
    return {m: first for m, (first, *more) in found.items() if all(t == first for t in more)}
