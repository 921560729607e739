"""How hard each problem is: success rates in order, and whether a vote would find the answer."""

from collections.abc import Callable, Mapping

from vervet.reporting.curves import Pair, Row, Rows, display, of, pairs
from vervet.reporting.marks import (
    Chart,
    Table,
    base,
    coloured,
    log_axis,
    logarithmic,
    quantity,
    tips,
)
from vervet.reporting.theme import Spec
from vervet.reporting.words import known, percent

MOST_POINTS = 1200
"""More points than this are thinned evenly by rank: a screen shows no more."""
STATUS = {
    "a vote finds it": ("@c0", "circle"),
    "solved, but a vote misses it": ("@c1", "diamond"),
    "solved at least once": ("@c2", "circle"),
    "never solved": ("@c7", "triangle-down"),
}
Link = Callable[[Pair, str], str]


def ranked(document: Row, pair: Pair) -> list[Row]:
    """Return the problems that were judged, from easiest to hardest."""
    rows = [r for r in of(document.get("problems", ()), pair) if known(r.get("rate"))]
    return sorted(rows, key=lambda r: (-float(r["rate"]), str(r["problem_id"])))


def status(row: Row) -> str:
    """Say what a problem's samples allow: nothing, a vote, or only a verifier.

    >>> status({"rate": 0.1, "modal_correct": 0.0}), status({"rate": 0.0})
    ('solved, but a vote misses it', 'never solved')
    """
    if not row["rate"]:
        return "never solved"
    if not known(row.get("modal_correct")):
        return "solved at least once"
    right = row["modal_correct"] >= 0.5  # noqa: PLR2004 - most of its samples
    return "a vote finds it" if right else "solved, but a vote misses it"


def difficulty_charts(document: Row, link: Link) -> list[Chart]:
    """Return one chart for each (model, verifier); `link` says where a problem is read."""
    found = [(pair, ranked(document, pair)) for pair in pairs(document)]
    return [_chart(document, p, rows, link, i) for i, (p, rows) in enumerate(found) if rows]


def _chart(document: Row, pair: Pair, rows: list[Row], link: Link, position: int) -> Chart:
    floor = 0.5 / max(r["samples"] for r in rows)
    points = [_point(i + 1, r, floor, link(pair, r["problem_id"])) for i, r in enumerate(rows)]
    step = -(-len(points) // MOST_POINTS)
    kept = [p for i, p in enumerate(points) if i % step == 0 or p["link"]]
    used = {name: look for name, look in STATUS.items() if any(p["is"] == name for p in points)}
    thinned = "" if step == 1 else f" Every {step}th problem is drawn."
    return Chart(
        id=f"difficulty-{position}",
        title=display(document, pair),
        spec=base([_marks(kept, used, floor, len(points))]),
        table=_table(rows),
        note=_note(rows) + thinned,
        legend={name: colour for name, (colour, _) in used.items()},
    )


def _point(rank: int, row: Row, floor: float, link: str) -> Spec:
    return {
        "rank": rank,
        "rate": max(row["rate"], floor),
        "is": status(row),
        "problem": row["problem_id"],
        "said": f"{percent(row['rate'])} ({row['accepted']:,} of {_judged(row):,})",
        "modal": _modal(row),
        "link": link,
    }


def _judged(row: Row) -> int:
    return int(row["accepted"]) + int(row["rejected"])


def _modal(row: Row) -> str:
    if row.get("modal_answer") is None or not known(row.get("modal_share")):
        return "–"
    answer = str(row["modal_answer"])
    return f"{answer[:40]}{'…' * (len(answer) > 40)} ({percent(row['modal_share'])})"  # noqa: PLR2004 - a tooltip's line


def _marks(points: list[Spec], used: Mapping[str, tuple[str, str]], floor: float, n: int) -> Spec:
    axis = log_axis("", 2 * floor, 1, form="~%")
    axis["values"] = [floor, *axis["values"]]
    axis |= {"title": None, "labelExpr": f"datum.value < {1.5 * floor} ? 'none' : datum.label"}
    names = list(used)
    colour = coloured("is", {name: used[name][0] for name in names})
    shape = coloured("is", {name: used[name][1] for name in names})
    said = tips(("problem", "problem"), ("said", "accepted"), ("modal", "most frequent answer"))
    x_axis = {"title": "problems, easiest first", "tickMinStep": 1, "format": ",d"}
    x = quantity("rank", axis=x_axis, scale={"domain": [0, n + 1], "nice": False})
    y = quantity("rate", axis=axis, scale=logarithmic(floor * 0.8, 1.1))
    encoding = {"x": x, "y": y, "color": colour, "shape": shape, "tooltip": said}
    if not all(p["link"] for p in points):
        encoding["stroke"] = {"condition": {"test": "datum.link", "value": "@ink"}, "value": None}
    cursor = {"expr": "datum.link ? 'pointer' : 'default'"}
    mark = {"type": "point", "filled": True, "size": 46, "opacity": 0.85, "cursor": cursor}
    mark["strokeWidth"] = 1.5
    return {"data": {"values": points}, "mark": mark, "encoding": encoding}


def _note(rows: Rows) -> str:
    never = sum(not r["rate"] for r in rows)
    missed = sum(status(r) == "solved, but a vote misses it" for r in rows)
    rare = sum(0 < r["rate"] <= 0.01 for r in rows)  # noqa: PLR2004 - 1 %, as the sentence says
    said = [f"{never:,} of {len(rows):,} problems were never solved."]
    said += [f"{rare:,} were solved in at most 1% of samples."] if rare else []
    said += [f"{missed:,} were solved, yet the most frequent answer is wrong."] if missed else []
    return " ".join(said)


def _table(rows: Rows) -> Table:
    columns = ("problem", "success rate", "accepted", "judged", "errors", "most frequent answer")
    cells = tuple(
        (
            str(r["problem_id"]),
            percent(r["rate"]),
            f"{r['accepted']:,}",
            f"{_judged(r):,}",
            f"{r['errors']:,}",
            _modal(r),
        )
        for r in rows[:MOST_POINTS]
    )
    return Table(columns, cells)
