"""What a verifier's mistakes cost: reward by limit, false positives by problem, its ROC curve."""

from collections.abc import Iterator

from vervet.reporting.curves import Row, Rows, short
from vervet.reporting.findings import three
from vervet.reporting.marks import (
    Chart,
    Table,
    base,
    coloured,
    line,
    measured,
    quantity,
    tips,
)
from vervet.reporting.plots import Axis, chart, curves, upright
from vervet.reporting.theme import Spec
from vervet.reporting.words import count, estimate, interval, known, percent

Who = tuple[str, str, str]
MOST_POINTS = 400
"""Problems that are drawn; more are thinned evenly by rank."""
OUTCOMES = {"right": "@c2", "wrong": "@c1", "nothing": "@c7"}


def by_pair(rows: Rows) -> dict[Who, list[Row]]:
    """Return the rows of each model, verifier and truth."""
    found: dict[Who, list[Row]] = {}
    for row in rows:
        found.setdefault((row["model"], row["verifier"], row["against"]), []).append(row)
    return found


def mistake_charts(document: Row) -> list[Chart]:
    """Return the charts of every verifier that was held against the truth."""
    made = [*_utilities(document), *_false_positives(document), *_rocs(document)]
    return sorted(made, key=lambda one: int(one.id.rsplit("-", 1)[1]))


def _title(document: Row, who: Who, what: str) -> str:
    models = {row["model"] for row in document.get("verifiers", ())}
    model = f", {short(who[0])}" if len(models) > 1 else ""
    return f"{short(who[1])}{model}: {what}"


def _utilities(document: Row) -> Iterator[Chart]:
    for position, (who, rows) in enumerate(by_pair(document.get("utility", ())).items()):
        usable = measured(rows)
        if len(usable) > 1:
            yield _utility(document, who, usable, position)


def _utility(document: Row, who: Who, rows: Rows, position: int) -> Chart:
    cost = rows[0]["false_positive_cost"]
    low = min(0.0, *(float(r["low"]) for r in rows if known(r["low"])), 0.0)
    x = Axis("k", "limit on attempts, K", 1, float(rows[-1]["k"]), log=True, form=",d")
    y = Axis("value", None, low, 1.0, form=".1f")
    palette = {"reward": "@c0", **OUTCOMES}
    points = [
        {"series": "reward", "k": r["k"], **{n: r[n] for n in ("value", "low", "high")},
         "said": f"{r['value']:.3f}"}
        for r in rows
    ]  # fmt: skip
    points += [
        {"series": name, "k": r["k"], "value": r[field], "low": None, "high": None,
         "said": percent(r[field])}
        for r in rows
        for name, field in (("right", "right"), ("wrong", "wrong"), ("nothing", "abstained"))
    ]  # fmt: skip
    layers = curves(points, x, y, palette, said={"k": "limit", "said": "value"})
    best = max(rows, key=lambda r: float(r["value"]))
    if best["value"] > 0:
        layers += upright(float(best["k"]), x, y, f"best: {best['k']:,}")
    return Chart(
        id=f"utility-{position}",
        title=_title(document, who, "what the first accepted sample brings"),
        spec=chart(layers),
        table=_utility_table(rows),
        note=_utility_note(document, who, cost),
        legend=palette,
    )


def _utility_note(document: Row, who: Who, cost: float) -> str:
    said = f"Reward: 1 if right, −{cost:g} if wrong, 0 if nothing is accepted."
    for row in by_pair(document.get("verifiers", ())).get(who, ()):
        if row.get("best_k") is not None:
            said += (
                f" Attempts: {row['best_note']}. Returning an accepted sample pays above a "
                f"precision of {percent(row['break_even_precision'])}; measured: "
                f"{estimate(three(row, 'precision'))}."
            )
    return said


def _utility_table(rows: Rows) -> Table:
    columns = (
        "limit",
        "reward",
        "right",
        "wrong",
        "nothing",
        "samples drawn",
        "wrong at this draw",
    )
    cells = tuple(
        (f"{r['k']:,}", f"{r['value']:.3f} [{r['low']:.3f}, {r['high']:.3f}]"
         if known(r["low"]) else f"{r['value']:.3f}",
         percent(r["right"]), percent(r["wrong"]), percent(r["abstained"]), count(r["drawn"]),
         percent(r["wrong_at_k"]))
        for r in rows
    )  # fmt: skip
    return Table(columns, cells)


def _false_positives(document: Row) -> Iterator[Chart]:
    for position, (who, rows) in enumerate(by_pair(document.get("false_positives", ())).items()):
        ranked = sorted(measured(rows), key=lambda r: (-float(r["value"]), str(r["problem_id"])))
        if ranked:
            yield Chart(
                id=f"false-positives-{position}",
                title=_title(document, who, "wrong samples accepted, by problem"),
                spec=base([*_problems(ranked)]) | {"height": 280},
                table=_problem_table(ranked),
                note=_problem_note(rows, ranked),
            )


def _problems(ranked: Rows) -> Iterator[Spec]:
    step = -(-len(ranked) // MOST_POINTS)
    points = [
        {"rank": i, "value": r["value"], "low": r["low"], "high": r["high"],
         "problem": r["problem_id"],
         "said": f"{estimate(r)} of {r['wrong']:,} wrong samples"}
        for i, r in enumerate(ranked, 1) if i % step == 0 or step == 1
    ]  # fmt: skip
    axis = {"title": "problems, most often fooled first", "tickMinStep": 1, "format": ",d"}
    x = quantity("rank", axis=axis, scale={"domain": [0, len(ranked) + 1], "nice": False})
    y = Axis("value", None, 0.0, 1.0, form="%").encoding()
    data = {"values": points}
    said = tips(("problem", "problem"), ("said", "accepted"))
    whisker = {"type": "rule", "color": "@c1", "opacity": 0.28, "strokeWidth": 1.5}
    dot = {"type": "point", "filled": True, "size": 34, "color": "@c1", "opacity": 0.95}
    ends = {"y": {**y, "field": "low"}, "y2": {"field": "high"}}
    yield {"data": data, "mark": whisker, "encoding": {"x": x, **ends}}
    yield {"data": data, "mark": dot, "encoding": {"x": x, "y": y, "tooltip": said}}


def _problem_note(rows: Rows, ranked: Rows) -> str:
    fooled = sum(bool(r["value"]) for r in ranked)
    said = f"{fooled:,} of {len(ranked):,} problems with wrong samples have one that is accepted."
    rest = len(rows) - len(ranked)
    level = f" Lines: {100 * ranked[0]['level']:g}% intervals over a problem's own samples."
    return said + (f" {rest:,} have no wrong sample." if rest else "") + level


def _problem_table(ranked: Rows) -> Table:
    columns = ("problem", "wrong samples accepted", "wrong", "accepted", "right", "precision")
    cells = tuple(
        (str(r["problem_id"]), estimate(r), f"{r['wrong']:,}", f"{r['accepted']:,}",
         f"{r['right']:,}", percent(r["precision"]))
        for r in ranked[:MOST_POINTS]
    )  # fmt: skip
    return Table(columns, cells)


def _rocs(document: Row) -> Iterator[Chart]:
    limits = by_pair(document.get("limits", ()))
    for position, (who, rows) in enumerate(by_pair(document.get("roc", ())).items()):
        yield Chart(
            id=f"roc-{position}",
            title=_title(document, who, "ROC curve of its score"),
            spec=_roc(rows),
            table=_roc_table(rows),
            note=_roc_note(document, who, limits.get(who, ())),
        )


def _roc(rows: Rows) -> Spec:
    points = [{"false": 0.0, "true": 0.0, "at": 0, "series": "verifier", "said": "", "drawn": ""}]
    points += [
        {"false": r["false_positive_rate"], "true": r["true_positive_rate"], "at": i,
         "series": "verifier", "said": estimate(r), "drawn": count(r["drawn"]),
         "threshold": f"{r['threshold']:.3g}"}
        for i, r in enumerate(rows, 1)
    ]  # fmt: skip
    x = Axis("false", "wrong samples accepted", 0.0, 1.0, form="%").encoding()
    y = Axis("true", "right samples accepted", 0.0, 1.0, form="%").encoding()
    colour = coloured("series", {"verifier": "@c0"})
    even = [{"false": v, "true": v} for v in (0.0, 1.0)]
    chance = {"type": "line", "color": "@muted", "strokeDash": [3, 3], "strokeWidth": 1}
    drawn = line(points, x, y, colour)
    drawn["encoding"]["order"] = quantity("at")
    said = tips(("threshold", "score at least"), ("said", "of these right"),
                ("drawn", "samples for each"))  # fmt: skip
    dots = {"type": "point", "filled": True, "size": 44, "opacity": 1}
    encoding = {"x": x, "y": y, "color": colour, "tooltip": said}
    return base([
        {"data": {"values": even}, "mark": chance, "encoding": {"x": x, "y": y}},
        drawn,
        {"data": {"values": points[1:]}, "mark": dots, "encoding": encoding},
    ]) | {"height": 280}  # fmt: skip


def _roc_note(document: Row, who: Who, limits: Rows) -> str:
    within = next(
        (r for r in document.get("agreement", ())
         if r["measure"] == "AUROC within problems" and (r["model"], r["verifier"]) == who[:2]),
        None,
    )  # fmt: skip
    said = []
    if limits and known(limits[0]["area"]):
        said.append(f"Area {limits[0]['area']:.3f} over all samples")
        if within and known(within["value"]):
            ends = f"[{within['low']:.3f}, {within['high']:.3f}]" if known(within["low"]) else ""
            said[0] += (
                f", {within['value']:.3f} {ends} within problems, which is what choosing uses"
            )
        said[0] += "."
    return " ".join([*said, *(_endless(row) for row in limits if row["n"] is None)])


def _endless(row: Row) -> str:
    if known(row["value"]):
        return f"Best of n ends at {estimate(row)} as n grows."
    bracket = {"low": row["bracket_low"], "high": row["bracket_high"]}
    return (
        f"Where best of n ends as n grows is not known: in {interval(bracket)}%; {row['reason']}."
    )


def _roc_table(rows: Rows) -> Table:
    columns = ("score at least", "right accepted", "wrong accepted", "of these right",
               "samples for each")  # fmt: skip
    cells = tuple(
        (f"{r['threshold']:.4g}", percent(r["true_positive_rate"]),
         percent(r["false_positive_rate"]), estimate(r), count(r["drawn"]))
        for r in rows
    )  # fmt: skip
    return Table(columns, cells)
