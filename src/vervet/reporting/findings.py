"""Findings in tables: audits, agreement, quality, limits, forecasts and what would narrow them."""

from collections.abc import Iterator, Sequence

from vervet.reporting.comparisons import points as in_points
from vervet.reporting.curves import Row, Rows, model_names, short
from vervet.reporting.marks import Table
from vervet.reporting.words import count, estimate, interval, known, percent

Named = tuple[str, Table]


def plain(row: Row, name: str = "value", digits: int = 3) -> str:
    """Return a number that is no share, with its interval where that is known.

    >>> plain({"value": 1.5, "low": 1.0, "high": 2.25})
    '1.5 [1, 2.25]'
    """
    prefix = "" if name == "value" else f"{name}_"
    if not known(row[name]):
        return "unknown"
    low, high = row.get(f"{prefix}low"), row.get(f"{prefix}high")
    said = f"{row[name]:.{digits}g}"
    return f"{said} [{low:.{digits}g}, {high:.{digits}g}]" if known(low) and known(high) else said


def three(row: Row, name: str) -> Row:
    """Return NAME, NAME_low and NAME_high as an estimate."""
    return {"value": row[name], "low": row[f"{name}_low"], "high": row[f"{name}_high"]}


def verifier_tables(document: Row) -> list[Named]:
    """Return what is known of verifiers beside the charts; each table with rows, by its title."""
    return _filled(
        ("Accuracy corrected by an audit", audits(document)),
        ("Can resampling the weak model match the strong one?", strong_weak(document)),
        ("What tells right acceptances from wrong ones", quality(document)),
        ("Best of n from each problem's ROC curve", limits(document)),
        ("Agreement among verifiers", agreement(document)),
    )


def forecast_tables(document: Row) -> list[Named]:
    """Return forecasts with their diagnostics, back-tests, plans and shifts, by title."""
    return _filled(
        ("Forecasts, and what they rest on", forecasts(document)),
        ("How forecasts from a tenth of the samples did", backtests(document)),
        ("Runs that would narrow the forecasts", plans(document)),
        ("Curves compared by a shift along k", shifts(document)),
        ("Coverage and selection by difficulty", strata(document)),
    )


def _filled(*tables: Named) -> list[Named]:
    return [(title, table) for title, table in tables if table.rows]


def _table(columns: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Table:
    return Table(tuple(columns), tuple(rows))


def audits(document: Row) -> Table:
    """Return the share of right samples by a weak verifier, before and after the correction."""
    columns = ("model", "verifier", "audited by", "accepted", "right, corrected", "audited",
               "completeness", "soundness")  # fmt: skip
    return _table(columns, (
        (short(r["model"]), short(r["verifier"]), short(r["audit"]),
         estimate(three(r, "acceptance")),
         estimate(r) if known(r["value"]) else str(r["reason"]),
         f"{r['audited']:,} of {count(r['samples'])}",
         estimate(three(r, "completeness")), estimate(three(r, "soundness")))
        for r in document.get("audits", ())
    ))  # fmt: skip


def strong_weak(document: Row) -> Table:
    """Return the rule: above the weak model's accuracy given acceptance, no budget suffices."""
    columns = ("strong", "weak", "accepted by", "strong, one sample", "weak, given acceptance",
               "difference in points", "finding")  # fmt: skip
    return _table(columns, (
        (short(r["strong"]), short(r["weak"]), short(r["verifier"]), percent(r["strong_accuracy"]),
         percent(r["weak_given_accept"]), in_points(r), str(r["finding"]))
        for r in document.get("strong_weak", ())
    ))  # fmt: skip


def quality(document: Row) -> Table:
    """Return each column's means among accepted samples, right and wrong."""
    columns = ("column", "model", "verifier", "right", "accepted but wrong", "difference")
    return _table(columns, (
        (str(r["column"]), short(r["model"]), short(r["verifier"]), plain(r, "right"),
         plain(r, "false_positive"), plain(r))
        for r in document.get("quality", ())
    ))  # fmt: skip


def limits(document: Row) -> Table:
    """Return best-of-n by a verifier's score, and where it ends."""
    columns = ("model", "verifier", "n", "accuracy", "bracket")
    return _table(columns, (
        (short(r["model"]), short(r["verifier"]), f"{r['n']:,}" if r["n"] else "∞",
         estimate(r) if known(r["value"]) else "not known",
         interval({"low": r["bracket_low"], "high": r["bracket_high"]}))
        for r in document.get("limits", ())
    ))  # fmt: skip


def agreement(document: Row) -> Table:
    """Return how far verifiers agree, and what repeated verdicts are worth."""
    columns = ("measure", "model", "verifier", "against", "samples", "verdicts", "value")
    return _table(columns, (
        (str(r["measure"]), short(r["model"]), short(r["verifier"]),
         short(r["other"]) if r["other"] else "", str(r["given"]), f"{r['votes']:,}", plain(r))
        for r in document.get("agreement", ())
    ))  # fmt: skip


def forecasts(document: Row) -> Table:
    """Return each forecast with the regime that the counts show, and its members' spread."""
    names = model_names(document)
    columns = ("model", "judged by", "k", "coverage", "regime", "elasticity", "solved",
               "solved once", "members", "sibling")  # fmt: skip
    return _table(columns, (
        (names.get(r["model"], r["model"]), short(r["verifier"]), f"{r['k']:,}", estimate(r),
         str(r.get("regime") or ""), _number(r.get("elasticity")), f"{r.get('solved', 0):,}",
         f"{r.get('solved_once', 0):,}", _members(r), str(r.get("sibling") or ""))
        for r in document.get("forecasts", ())
    ))  # fmt: skip


def _number(value: float | None) -> str:
    return f"{value:.2f}" if value is not None and known(value) else ""


def _members(row: Row) -> str:
    values = [float(v) for v in (row.get("members") or {}).values() if known(v)]
    return f"{percent(min(values))} to {percent(max(values))}" if values else ""


def backtests(document: Row) -> Table:
    """Return how forecasts did on the data in hand."""
    names = model_names(document)
    columns = ("model", "judged by", "samples kept", "asked for k", "observed", "mean error",
               "bias", "intervals that held", "mean width")  # fmt: skip
    return _table(columns, (
        (names.get(r["model"], r["model"]), short(r["verifier"]), f"{r['kept']:,}", f"{r['k']:,}",
         percent(r["truth"]), percent(r["error"]), f"{100 * r['bias']:+.1f}%",
         f"{r['covered']:.0%} of {r['draws']:,}", percent(r["width"]))
        for r in document.get("backtests", ())
    ))  # fmt: skip


def plans(document: Row) -> Table:
    """Return the runs that would bring a forecast to the wanted width."""
    names = model_names(document)
    columns = ("model", "judged by", "k", "width now", "width wanted", "samples a problem",
               "problems", "width to expect", "more samples in all")  # fmt: skip
    return _table(columns, (
        (names.get(r["model"], r["model"]), short(r["verifier"]), f"{r['k']:,}",
         percent(r["now_width"]), percent(r["wanted"]),
         *((f"{r['samples']:,}", f"{r['problems']:,}", percent(r["width"]), f"{r['extra']:,}")
           if r["samples"] else (str(r["reason"]), "", "", "")))
        for r in document.get("sample_plans", ())
    ))  # fmt: skip


def shifts(document: Row) -> Table:
    """Return how far models' curves lie apart along log k."""
    names = model_names(document)
    columns = ("model", "judged by", "anchor", "samples to reach it", "factor to the target",
               "target", "largest disagreement")  # fmt: skip
    return _table(columns, (
        (str(names.get(r["model"], r["model"])), short(r["verifier"]), percent(r["anchor"]),
         plain(r) if known(r["value"]) else "not reached",
         f"{r['factor']:.3g}×" if known(r["factor"]) else "",
         _share(r["target"]), _share(r["disagreement"]))
        for r in document.get("shifts", ())
    ))  # fmt: skip


def _share(value: float | None) -> str:
    return percent(value) if value is not None and known(value) else ""


def strata(document: Row) -> Table:
    """Return each measure at its largest k, on each quarter of the problems."""
    rows: Rows = document.get("strata", ())
    last: dict[tuple[str, str], int] = {}
    for r in rows:
        who = (r["model"], r["verifier"])
        last[who] = max(r["k"], last.get(who, 1))
    names = model_names(document)
    columns = ("problems", "model", "judged by", "measure", "k", "accuracy", "one sample")
    return _table(columns, (
        (str(r["stratum"]), str(names.get(r["model"], r["model"])), short(r["verifier"]),
         str(r["measure"]), f"{r['k']:,}", estimate(r), percent(r["rate"]))
        for r in rows if r["k"] == last[r["model"], r["verifier"]]
    ))  # fmt: skip
