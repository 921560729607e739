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
    """Return how much one model's coverage is above another's, problem by problem."""
    names = model_names(document)
    rows = (
        (
            f"{names.get(row['model'], row['model'])} − {names.get(row['other'], row['other'])}",
            short(row["verifier"]),
            f"{row['k']:,}",
            points(row),
            count(row["problems"]),
        )
        for row in document.get("differences", ())
    )
    columns = ("models", "judged by", "samples", "difference in points", "problems")
    return Table(columns, tuple(rows))


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
