"""Which curves a document holds: who was measured, by which verifier, under which name."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Row = Mapping[str, Any]
Rows = Sequence[Row]

POLICY_NAMES = {
    "majority": "majority vote",
    "weighted": "weighted vote",
    "best-of": "best of k",
    "first-accepted": "first accepted",
}
BY_NAMES = {"logprob": "log-probability", "answers": ""}
COVERAGE = "coverage"
COLOURS = {COVERAGE: 0, "majority vote": 1, "best of k": 2, "first accepted": 3, "weighted vote": 4}
"""Each kind of curve has its colour in every chart; others take the remaining ones."""
FREE_COLOURS = (5, 6, 7)
LONGEST_NAME = 34


class Pair(NamedTuple):
    """A model as one verifier sees it."""

    model: str
    verifier: str


def pairs(document: Row) -> list[Pair]:
    """Return every (model, verifier) with a coverage curve, those of the leading verifier first."""
    every = list(dict.fromkeys(Pair(r["model"], r["verifier"]) for r in document["coverage"]))
    lead = _lead(document, every)
    return sorted(every, key=lambda pair: pair.verifier != lead)


def _lead(document: Row, every: Sequence[Pair]) -> str:
    """Return the verifier to begin with: the one taken as truth, or one whose answers can vote."""
    judged = [pair.verifier for pair in every]
    truths = [row["against"] for row in document.get("verifiers", ())]
    voting = [r["verifier"] for r in document.get("selection", ()) if r["policy"] == "majority"]
    return next((name for name in (*truths, *voting, *judged) if name in judged), "")


def leading(document: Row) -> list[Pair]:
    """Return the pairs of the leading verifier: what models are compared by."""
    every = pairs(document)
    return [pair for pair in every if pair.verifier == every[0].verifier]


def of(rows: Rows, pair: Pair) -> list[Row]:
    """Return the rows of one pair."""
    return [row for row in rows if (row["model"], row["verifier"]) == pair]


def coverage_of(document: Row, pair: Pair) -> list[Row]:
    """Return the coverage curve of one pair, by k."""
    return sorted(of(document["coverage"], pair), key=lambda row: int(row["k"]))


def policies_of(document: Row, pair: Pair) -> dict[str, list[Row]]:
    """Return each selection method's curve, by k, under the name readers see."""
    found: dict[str, list[Row]] = {}
    for row in of(document.get("selection", ()), pair):
        found.setdefault(policy_name(row), []).append(row)
    return {name: sorted(rows, key=lambda r: int(r["k"])) for name, rows in found.items()}


def curves_of(document: Row, pair: Pair) -> dict[str, list[Row]]:
    """Return coverage and every selection method of one pair."""
    return {COVERAGE: coverage_of(document, pair), **policies_of(document, pair)}


def policy_name(row: Row) -> str:
    """Name a selection method, and what it selects by where that is not implied.

    >>> policy_name({"policy": "majority", "by": "answers"})
    'majority vote'
    >>> policy_name({"policy": "best-of", "by": "logprob"})
    'best of k by log-probability'
    """
    name = POLICY_NAMES.get(row["policy"], str(row["policy"]))
    by = str(row.get("by") or "")
    by = BY_NAMES.get(by, by)
    return f"{name} by {by}" if by else name


def brief(names: Sequence[str]) -> dict[str, str]:
    """Return what stands beside each curve: without what it selects by, where that is clear.

    >>> brief(["majority vote", "best of k by log-probability"])["best of k by log-probability"]
    'best of k'
    """
    kinds = [name.split(" by ")[0] for name in names]
    return {n: k if kinds.count(k) == 1 else n for n, k in zip(names, kinds, strict=True)}


def colours(names: Sequence[str]) -> dict[str, str]:
    """Give each curve its colour token, the same in every chart of a report.

    >>> colours(["coverage", "best of k by log-probability", "best of k by judge"])
    {'coverage': '@c0', 'best of k by log-probability': '@c2', 'best of k by judge': '@c5'}
    """
    given: dict[str, str] = {}
    free = iter(FREE_COLOURS * (1 + len(names)))
    for name in names:
        own = next((f"@c{c}" for kind, c in COLOURS.items() if name.startswith(kind)), None)
        given[name] = own if own and own not in given.values() else f"@c{next(free)}"
    return given


def short(name: str) -> str:
    """Return a name that fits a legend: the last part of a path, without the settings' hash.

    >>> short("openai/meta-llama/Llama-3-8B-Instruct@0f3a2b11c0")
    'Llama-3-8B-Instruct'
    """
    return fitted(name.rsplit("/", 1)[-1].split("@", 1)[0] or name)


def fitted(tail: str) -> str:
    """Return a name no longer than a legend allows, the middle left out."""
    half = LONGEST_NAME // 2
    return tail if len(tail) <= LONGEST_NAME else f"{tail[:half]}…{tail[-half + 1 :]}"


def model_names(document: Row) -> dict[str, str]:
    """Return what each model is called in a report: short where that says who is meant."""
    models = list(dict.fromkeys(pair.model for pair in pairs(document)))
    ways = (short, lambda model: fitted(model.rsplit("/", 1)[-1]), str)
    for way in ways:
        named = {model: way(model) for model in models}
        if len(set(named.values())) == len(models):
            return named
    return {model: model for model in models}


def display(document: Row, pair: Pair) -> str:
    """Name a pair: the model, and the verifier where there are several."""
    several = len({p.verifier for p in pairs(document)}) > 1
    model = model_names(document).get(pair.model, pair.model)
    return f"{model} · {short(pair.verifier)}" if several else model
