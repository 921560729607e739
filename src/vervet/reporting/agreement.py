"""Verifier against verifier: how often they agree, and what each gets wrong by the other."""

from vervet.reporting.curves import Row, Rows, short
from vervet.reporting.marks import Chart, Table, base, category, coloured, quantity, tips
from vervet.reporting.theme import Spec
from vervet.reporting.words import estimate, known, percent, plural

MEASURES = {
    "agreement": "both say the same",
    "completeness": "right samples that are accepted",
    "soundness": "wrong samples that are rejected",
    "false_positive_rate": "wrong samples that are accepted",
    "precision": "accepted samples that are right",
}
CELLS = (
    ("both_accept", "accepts", "accepts"),
    ("only_verifier_accepts", "accepts", "rejects"),
    ("only_against_accepts", "rejects", "accepts"),
    ("both_reject", "rejects", "rejects"),
)
TILE_HEIGHT = 220


def confusion_charts(document: Row) -> list[Chart]:
    """Return one two-by-two chart of counts for each comparison."""
    rows = document.get("verifiers", ())
    return [_confusion(row, i, several=_several(rows)) for i, row in enumerate(rows)]


def _several(rows: Rows) -> bool:
    return len({row["model"] for row in rows}) > 1


def _confusion(row: Row, position: int, *, several: bool) -> Chart:
    total = sum(row[key] for key, _, _ in CELLS) or 1
    cells = [
        {
            "verifier": ours,
            "against": theirs,
            "count": row[key],
            "share": row[key] / total,
            "said": f"{row[key]:,}",
            "part": percent(row[key] / total),
            "agree": "agree" if ours == theirs else "differ",
        }
        for key, ours, theirs in CELLS
    ]
    name = f"{short(row['verifier'])} against {short(row['against'])}"
    title = f"{name}, {short(row['model'])}" if several else name
    return Chart(
        id=f"confusion-{position}",
        title=title,
        spec=_tiles(cells, short(row["verifier"]), short(row["against"])),
        table=_counts(row),
        note=_note(row),
    )


def _tiles(cells: list[Spec], verifier: str, against: str) -> Spec:
    order = ["accepts", "rejects"]
    axis = {"domain": False, "ticks": False, "labelAngle": 0, "grid": False}
    x = category("against", sort=order, axis={**axis, "title": against, "orient": "top"})
    y = category("verifier", sort=order, axis={**axis, "title": verifier})
    colour = coloured("agree", {"agree": "@c0", "differ": "@c1"})
    strong = {"type": "sqrt", "domain": [0, 1], "range": [0.08, 0.5]}
    strength = quantity("share", scale=strong, legend=None)
    said = tips(("said", "samples"), ("part", "share"))
    rect = {"type": "rect", "cornerRadius": 4, "stroke": "@paper", "strokeWidth": 3}
    encoding = {"x": x, "y": y}
    big = {"type": "text", "fontSize": 20, "fontWeight": 500, "color": "@ink", "dy": -8}
    small = {"type": "text", "fontSize": 12, "color": "@muted", "dy": 14}
    shade = {**encoding, "color": colour, "opacity": strength, "tooltip": said}
    layers = [
        {"mark": rect, "encoding": shade},
        {"mark": big, "encoding": {**encoding, "text": category("said")}},
        {"mark": small, "encoding": {**encoding, "text": category("part")}},
    ]
    return base(layers) | {"data": {"values": cells}, "height": TILE_HEIGHT}


def _counts(row: Row) -> Table:
    said = tuple(
        (f"{row['verifier']} {ours}", f"{row['against']} {theirs}", f"{row[key]:,}")
        for key, ours, theirs in CELLS
    )
    return Table(("verifier", "against", "samples"), said)


def _note(row: Row) -> str:
    said = f"{row['against']} is taken as truth; {plural(row['samples'], 'sample')}"
    return said + (f", {row['excluded']:,} left out." if row["excluded"] else ".")


def measures(row: Row) -> list[tuple[str, str, str]]:
    """Return each measure's name, what it means and its value with interval."""
    found = [
        (key.replace("_", " "), meaning, estimate(_measure(row, key)))
        for key, meaning in MEASURES.items()
        if key in row
    ]
    return [*found, *_limit(row), *_attempts(row)]


def _measure(row: Row, key: str) -> Row:
    return {"value": row[key], "low": row[f"{key}_low"], "high": row[f"{key}_high"]}


def _limit(row: Row) -> list[tuple[str, str, str]]:
    if not known(row.get("accuracy_given_accept")):
        return []
    low, high = (row.get(f"bracket_{end}", row[f"limit_{end}"]) for end in ("low", "high"))
    limits = {"value": row["accuracy_given_accept"], "low": low, "high": high}
    meaning = (
        "accuracy when sampling until one is accepted; in brackets, with problems that were never "
        "accepted counted as wrong, and as right, and with chance"
    )
    return [("limit of resampling", meaning, estimate(limits))]


def _attempts(row: Row) -> list[tuple[str, str, str]]:
    if row.get("best_k") is None:
        return []
    cost = f"{row['false_positive_cost']:g}"
    meaning = f"attempts that earn most when accepting a wrong sample costs {cost}"
    advice = "abstain" if row["best_k"] == 0 else f"{row['best_k']:,}"
    if row.get("best_k_low") is not None and row.get("best_k_high") is not None:
        advice += f" [{row['best_k_low']:,}, {row['best_k_high']:,}]"
    return [("best number of attempts", meaning, advice)]
