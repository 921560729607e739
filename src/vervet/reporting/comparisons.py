"""Comparisons in tables: models on the same problems, and verification against the vote."""

from vervet.reporting.curves import Row, model_names, short
from vervet.reporting.marks import Table
from vervet.reporting.words import count, known, percent


def points(row: Row) -> str:
    """Return a difference of shares in percentage points, signed, with its interval.

    >>> points({"value": 0.123, "low": -0.01, "high": 0.25})
    '+12.3 [−1.0, +25.0]'
    """
    if not known(row.get("value")):
        return "unknown"
    low, high = row.get("low"), row.get("high")
    ends = f" [{_signed(low)}, {_signed(high)}]" if known(low) and known(high) else ""
    return _signed(row["value"]) + ends


def _signed(value: float | None) -> str:
    return f"{100 * (value or 0):+.1f}".replace("-", "−")


def difference_table(document: Row) -> Table:
    """Return models compared at every k; policies, and verifiers, of one model at its largest."""
    rows = [r for r in document.get("differences", ()) if known(r.get("value"))]
    last: dict[tuple[str, ...], int] = {}
    for row in rows:
        last[_sides(row)] = max(row["k"], last.get(_sides(row), 1))
    shown = [r for r in rows if r["model"] != r["other"] or r["k"] == last[_sides(r)]]
    columns = ("difference", "of", "judged by", "samples", "in points", "problems")
    return Table(columns, tuple(_difference(document, row) for row in shown))


def _difference(document: Row, row: Row) -> tuple[str, ...]:
    names = model_names(document)
    model, other = (names.get(row[key], row[key]) for key in ("model", "other"))
    by = row.get("other_verifier") or row["verifier"]
    first, second = row.get("measure", "coverage"), row.get("other_measure", "coverage")
    if row["model"] != row["other"]:
        said = f"{model} − {other}", first
    elif by != row["verifier"]:
        said = f"{short(row['verifier'])} − {short(by)}", f"{first} of {model}"
    else:
        said = f"{first} − {second}", model
    return *said, short(row["verifier"]), f"{row['k']:,}", points(row), count(row["problems"])


def _sides(row: Row) -> tuple[str, ...]:
    keys = ("model", "other", "verifier", "other_verifier", "measure", "other_measure")
    return tuple(str(row.get(key, "")) for key in keys)


def crossing_table(document: Row) -> Table:
    """Return the factor of compute at which verification first matches the vote."""
    names = model_names(document)
    rows = (
        (
            names.get(row["model"], row["model"]),
            short(row["judge"]),
            str(row["rule"]),
            f"{row['cost_ratio']:.3g}",
            _factor(row),
            percent(row["never"]),
        )
        for row in document.get("crossings", ())
    )
    columns = ("model", "judge", "rule", "λ", "factor of compute", "never, of bootstrap draws")
    return Table(columns, tuple(rows))


def _factor(row: Row) -> str:
    if not known(row.get("value")):
        return "not with what was recorded"
    low, high = row.get("low"), row.get("high")
    ends = f" [{count(low)}, {count(high)}]" if known(low) and known(high) else ""
    return f"{count(row['value'])}×{ends}"
