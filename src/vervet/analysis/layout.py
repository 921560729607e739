"""How the parts of an analysis are laid out for reading: columns, order, and what is left out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from types import MappingProxyType
from typing import Any

from vervet.analysis.table import Table, shown

INTERVAL = ("value", "low", "high", "problems", "samples", "excluded")
SHORT = ("value", "low", "high", "problems")
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "coverage": ("model", "verifier", "k", *INTERVAL),
    "differences": (
        "model", "measure", "verifier", "other", "other_measure", "other_verifier", "k", *SHORT,
    ),
    "selection": ("model", "policy", "by", "verifier", "k", *INTERVAL),
    "reliability": ("model", "verifier", "measure", "k", *INTERVAL),
    "strata": ("model", "verifier", "stratum", "rate", "measure", "k", *SHORT),
    "fits": (
        "model", "verifier", "loss", "base", "a", "b", "error", "backtest_fitted_to",
        "backtest_k", "backtest_predicted", "backtest_observed",
    ),
    "shifts": ("model", "verifier", "anchor", *SHORT, "target", "factor", "disagreement"),
    "forecasts": (
        "model", "verifier", "k", "value", "low", "high", "level", "regime", "elasticity",
        "solved", "solved_once", "sibling",
    ),
    "backtests": (
        "model", "verifier", "kept", "k", "truth", "error", "bias", "covered", "width", "level",
        "draws", "skipped",
    ),
    "sample_plans": (
        "model", "verifier", "k", "now_samples", "now_problems", "now_width", "wanted", "samples",
        "problems", "width", "extra", "reason",
    ),
    "mixtures": (
        "verifier", "budget", "attempts", "held_out", "single", "single_held_out", "gain",
        "better", "coverage", "single_coverage", "multiple", "gap",
        "problems",
    ),
    "success": ("model", "judge", "solutions", "verifications", "cost", *INTERVAL),
    "crossings": (
        "model", "judge", "rule", "cost_ratio", "reference_cost", "crossing_cost", "value",
        "low", "high", "never",
    ),
    "frontier": (
        "model", "judge", "stratum", "cost", "solutions", "verifications", "value", "low", "high",
        "vote", "vote_solutions", "difference",
    ),
    "exponents": (
        "model", "judge", "quantity", "value", "low", "high", "factor", "edge", "cost_ratio",
        "budgets", "optimum", "problems",
    ),
    "verifiers": (
        "model", "verifier", "against", "both_accept", "both_reject", "only_verifier_accepts",
        "only_against_accepts", "agreement", "completeness", "soundness",
        "false_positive_rate", "precision", "break_even_precision", "accuracy_given_accept",
        "limit_low", "limit_high", "bracket_low", "bracket_high", "never_accepted",
        "false_positive_cost", "best_k", "best_reward", "best_note", "problems", "samples",
        "excluded",
    ),
    "strong_weak": (
        "strong", "weak", "verifier", "strong_accuracy", "weak_given_accept", *SHORT, "finding",
    ),
    "audits": (
        "model", "verifier", "audit", "acceptance", "value", "low", "high", "audited",
        "audited_problems", "completeness", "soundness", "problems", "samples", "reason",
    ),
    "agreement": ("model", "measure", "verifier", "other", "given", "votes", *SHORT, "samples"),
    "quality": (
        "model", "verifier", "against", "column", "accepted", "right", "false_positive", "value",
        "low", "high", "samples", "excluded",
    ),
    "limits": ("model", "verifier", "n", *SHORT, "excluded", "bracket_low", "bracket_high"),
    "roc": (
        "model", "verifier", "threshold", "true_positive_rate", "false_positive_rate", *SHORT,
        "drawn",
    ),
    "utility": (
        "model", "verifier", "k", "false_positive_cost", "value", "low", "high", "right", "wrong",
        "abstained", "drawn", "wrong_at_k",
    ),
    "false_positives": (
        "model", "verifier", "problem_id", "value", "low", "high", "wrong", "accepted", "right",
        "precision",
    ),
    "theory": (
        "model", "verifier", "against", "easy_share", "easy_right", "hard_right", "value", "low",
        "high", "false_positive_cost", "best_k", "best_k_as_published",
    ),
    "costs": ("model", "k", "tokens", "usd", "flops", "flops_unshared", "problems", "source"),
    "problems": (
        "model", "verifier", "problem_id", "samples", "accepted", "rejected", "errors",
        "rate", "modal_answer", "modal_share", "modal_correct",
    ),
    "excluded": ("model", "verifier", "reason", "count", "total", "detail"),
})  # fmt: skip
"""Every part of the document, in reading order, and the columns that are shown of it."""
ASIDE = {
    "differences", "reliability", "strata", "fits", "shifts", "backtests", "frontier", "agreement",
    "limits", "roc", "utility", "false_positives", "theory", "problems",
}  # fmt: skip
"""Parts that are shown only when they are asked for; the others answer on a screen or two."""
SHOWN = tuple(name for name in COLUMNS if name not in ASIDE)
MOST_ROWS = 10
"""A curve with more rows than this is shown at a few k."""


def layout(name: str, part: Table, *, full: bool = False) -> Iterator[Table]:
    """Yield a part as a reader wants it: every row, or first what matters most."""
    ways = WRITTEN if full else SHORTENED | WRITTEN
    way = ways.get(name, _whole if full else _shortened)
    if len(part):
        yield from way(part)


def _whole(part: Table) -> Iterator[Table]:
    yield part


def headline(ks: Sequence[int]) -> set[int]:
    """Return 1, 10, 100, ... and the largest.

    >>> sorted(headline([1, 2, 5, 10, 20, 40]))
    [1, 10, 40]
    """
    return {k for k in ks if str(k).strip("0") == "1"} | {max(ks, default=1)}


def _shortened(part: Table) -> Iterator[Table]:
    """Yield a table, at a few k where it has a curve for many."""
    ks = [row["k"] for row in part if "k" in row]
    if len(part) <= MOST_ROWS or len(ks) < len(part):
        yield part
        return
    kept = headline(ks)
    rows = tuple(row for row in part if row["k"] in kept)
    yield Table(f"{part.title} (at a few k; --show {part.title} for all)", rows, part.columns)


def _grids(part: Table) -> Iterator[Table]:
    """Yield each success surface as a grid of S by V."""
    found: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for row in part:
        line = found.setdefault((row["model"], row["judge"]), {}).setdefault(row["solutions"], {})
        line |= {"S": row["solutions"], f"V={row['verifications']}": row["value"]}
    for (model, judge), lines in found.items():
        rows = tuple(lines.values())
        columns = tuple(dict.fromkeys(name for row in rows for name in row))
        title = f"success of {model} by {judge}: S solutions, V verifications of each"
        yield Table(title, rows, columns)


def _optima(part: Table) -> Iterator[Table]:
    """Yield exponents with the ends of the budgets they were fitted to."""
    yield part.written(
        budgets=lambda row: _ends(row["budgets"]), optimum=lambda row: _ends(row["optimum"])
    )


def _ends(values: Sequence[float]) -> str:
    return f"{shown(values[0])} … {shown(values[-1])}" if values else ""


def _limits(part: Table) -> Iterator[Table]:
    yield part.written(n=lambda row: row["n"] or "∞")


def _mixtures(part: Table) -> Iterator[Table]:
    """Yield each split, what it covers beside the best single model, and the gain."""
    yield part.written(
        budget=lambda row: f"{shown(row['budget'])} {row['unit']}",
        gain=lambda row: f"{shown(row['value'])} [{shown(row['low'])}, {shown(row['high'])}]",
        multiple=lambda row: row["multiple"] if isfinite(row["multiple"]) else "never",
    )


WRITTEN: dict[str, Callable[[Table], Iterator[Table]]] = {
    "exponents": _optima,
    "limits": _limits,
    "mixtures": _mixtures,
}
SHORTENED: dict[str, Callable[[Table], Iterator[Table]]] = {
    "success": _grids,
}
