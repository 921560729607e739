"""How a budget is best spent: the compute-matched frontier, its scaling, mixtures of models."""

from collections.abc import Iterator

from vervet.reporting.comparisons import points as in_points
from vervet.reporting.curves import Row, Rows, model_names, short
from vervet.reporting.marks import Chart, Table, base, category, coloured, quantity, tips
from vervet.reporting.plots import Axis, chart, curves
from vervet.reporting.theme import Spec
from vervet.reporting.words import count, estimate, known, percent

Who = tuple[str, str, str]
STRATA = {"hardest": "@c1", "hard": "@c4", "easy": "@c2", "easiest": "@c0"}
BOTH = {"verification": "@c0", "majority vote": "@c1"}


def by_judge(rows: Rows) -> dict[Who, list[Row]]:
    """Return the rows of each model, truth and judge."""
    found: dict[Who, list[Row]] = {}
    for row in rows:
        found.setdefault((row["model"], row["verifier"], row["judge"]), []).append(row)
    return found


def frontier_charts(document: Row) -> list[Chart]:
    """Return verification beside the vote at equal cost, by difficulty, and how both scale."""
    frontiers = by_judge(document.get("frontier", ()))
    scaling = by_judge(document.get("exponents", ()))
    made = []
    for position, (who, rows) in enumerate(frontiers.items()):
        name = f"{short(who[0])}, judged by {short(who[2])}"
        made += [_matched(name, [r for r in rows if r["stratum"] == "all"], position)]
        made += _strata(name, [r for r in rows if r["stratum"] != "all"], position)
        made += _optima(name, scaling.get(who, ()), position)
    return made


def _matched(name: str, rows: Rows, position: int) -> Chart:
    points = [_point("verification", r, "value", "low", "high") for r in rows]
    points += [
        _point("majority vote", r, "vote", "vote_low", "vote_high")
        for r in rows
        if known(r["vote"])
    ]
    x = _cost_axis(rows)
    top = max(float(p["high"] if known(p["high"]) else p["value"]) for p in points)
    y = Axis("value", None, 0.0, 1.0 if top > 0.5 else 0.5, form="%")  # noqa: PLR2004 - half a page
    palette = {n: c for n, c in BOTH.items() if any(p["series"] == n for p in points)}
    said = {"said": "success", "cost": "cost", "split": "split"}
    return Chart(
        id=f"matched-{position}",
        title=f"{name}: verifying or voting, at equal cost",
        spec=chart(curves(points, x, y, palette, said=said)),
        table=_matched_table(rows),
        note="Each cost buys the best split of solutions and verifications, or a vote over as many "
        "solutions. Both from the same solutions.",
        legend=palette,
    )


def _point(series: str, row: Row, value: str, low: str, high: str) -> Spec:
    split = f"S = {row['solutions']:,}, V = {row['verifications']:,}"
    if value == "vote":
        split = f"S = {row['vote_solutions']:,}"
    found = {"value": row[value], "low": row[low], "high": row[high]}
    return {"series": series, "cost": row["cost"], "split": split, "said": estimate(found), **found}


def _cost_axis(rows: Rows) -> Axis:
    costs = [float(r["cost"]) for r in rows]
    return Axis("cost", "cost per problem, in solutions", min(costs), max(costs), log=True)


def _matched_table(rows: Rows) -> Table:
    columns = ("cost", "S", "V", "verification", "vote", "difference in points")
    cells = tuple(
        (f"{r['cost']:,.4g}", f"{r['solutions']:,}", f"{r['verifications']:,}", estimate(r),
         estimate({"value": r["vote"], "low": r["vote_low"], "high": r["vote_high"]}),
         in_points(_difference(r)))
        for r in rows
    )  # fmt: skip
    return Table(columns, cells)


def _difference(row: Row) -> Row:
    return {
        "value": row["difference"], "low": row["difference_low"], "high": row["difference_high"],
    }  # fmt: skip


def _strata(name: str, rows: Rows, position: int) -> Iterator[Chart]:
    usable = [r for r in rows if known(r["difference"])]
    if not usable:
        return
    points = [
        {"series": r["stratum"], "cost": r["cost"], "value": r["difference"], "low": None,
         "high": None, "said": in_points(_difference(r)),
         "split": f"S = {r['solutions']}, V = {r['verifications']}"}
        for r in usable
    ]  # fmt: skip
    values = [float(p["value"]) for p in points]
    y = Axis("value", "verification minus vote", min(0.0, *values) - 0.02,
             max(0.0, *values) + 0.02, form="+%")  # fmt: skip
    said = {"said": "difference, points", "cost": "cost", "split": "split"}
    zero = {"data": {"values": [{"value": 0.0}]}, "mark": {"type": "rule", "color": "@muted"},
            "encoding": {"y": y.encoding()}}  # fmt: skip
    layers = [zero, *curves(points, _cost_axis(usable), y, STRATA, said=said)]
    yield Chart(
        id=f"strata-{position}",
        title=f"{name}: by difficulty",
        spec=chart(layers),
        table=_strata_table(usable),
        note="Quarters of the problems by their share of right solutions. The quarters were told "
        "apart by the same samples, so the outer two are less extreme than they look.",
        legend=STRATA,
    )


def _strata_table(rows: Rows) -> Table:
    columns = ("problems", "cost", "S", "V", "verification", "difference in points")
    cells = tuple(
        (r["stratum"], f"{r['cost']:,.4g}", f"{r['solutions']:,}", f"{r['verifications']:,}",
         estimate(r), in_points(_difference(r)))
        for r in rows
    )  # fmt: skip
    return Table(columns, cells)


def _optima(name: str, rows: Rows, position: int) -> Iterator[Chart]:
    if not rows:
        return
    palette = {"solutions, S": "@c0", "verifications, V": "@c1"}
    names = dict(zip(("solutions", "verifications"), palette, strict=True))
    points = [
        {"series": names[r["quantity"]], "cost": c, "value": best, "said": f"{best:,}"}
        for r in rows
        for c, best in zip(r["budgets"], r["optimum"], strict=True)
    ]
    costs = [float(p["cost"]) for p in points]
    x = Axis("cost", "cost per problem, in solutions", min(costs), max(costs), log=True)
    y = Axis("value", None, 1.0, max(2.0, *(float(p["value"]) for p in points)) * 1.3, log=True)
    laws = [
        {"series": names[r["quantity"]], "cost": c, "value": r["factor"] * c ** r["value"]}
        for r in rows if known(r["value"])
        for c in (min(costs), max(costs))
    ]  # fmt: skip
    across, up, colour = x.encoding(), y.encoding(), coloured("series", palette)
    fitted = {"type": "line", "strokeDash": [2, 4], "strokeWidth": 1.5, "clip": True}
    dots = {"type": "point", "filled": True, "size": 50, "opacity": 1}
    encoding = {"x": across, "y": up, "color": colour}
    said = tips(("series", ""), ("cost", "cost"), ("said", "best"))
    yield Chart(
        id=f"optima-{position}",
        title=f"{name}: the best split of compute",
        spec=chart([
            {"data": {"values": laws}, "mark": fitted, "encoding": encoding},
            {"data": {"values": points}, "mark": dots, "encoding": {**encoding, "tooltip": said}},
        ]),
        table=_optima_table(rows),
        note=" ".join(map(_law, rows)),
        legend=palette,
    )  # fmt: skip


def _law(row: Row) -> str:
    sign = "S" if row["quantity"] == "solutions" else "V"
    ends = f" [{row['low']:.2f}, {row['high']:.2f}]" if known(row["low"]) else ""
    said = f"{sign} ∝ C^{row['value']:.2f}{ends}"
    if row["edge"] > 0:
        said += (
            f", biased low: the largest recorded {sign} is best at {row['edge']:.0%} of the costs"
        )
    return f"{said}."


def _optima_table(rows: Rows) -> Table:
    columns = ("cost", *(str(r["quantity"]) for r in rows))
    lines = zip(rows[0]["budgets"], *(r["optimum"] for r in rows), strict=True)
    return Table(columns, tuple((f"{c:,.4g}", *(f"{b:,}" for b in best)) for c, *best in lines))


def mixture_charts(document: Row) -> list[Chart]:
    """Return how each budget is split over the models, one chart for each verifier."""
    rows = document.get("mixtures", ())
    groups = {
        row["verifier"]: [r for r in rows if r["verifier"] == row["verifier"]] for row in rows
    }
    return [_mixture(document, name, part, i) for i, (name, part) in enumerate(groups.items())]


def _mixture(document: Row, verifier: str, rows: Rows, position: int) -> Chart:
    names = model_names(document)
    models = list(rows[0]["attempts"])
    palette = {names.get(m, m): f"@c{i % 8}" for i, m in enumerate(models)}
    parts = [
        {"budget": _budget(r), "order": i, "model": names.get(m, m),
         "value": r["attempts"][m] * r["costs"][m] / r["budget"],
         "said": f"{r['attempts'][m]:.1f} samples a problem"}
        for i, r in enumerate(rows) for m in models
    ]  # fmt: skip
    y = category("budget", sort=[_budget(r) for r in rows],
                 axis={"title": None, "domain": False, "ticks": False, "grid": False})  # fmt: skip
    x = quantity("value", stack="zero", axis={"title": "share of the budget", "format": "%",
                       "tickCount": 5},
                 scale={"domain": [0, 1]})  # fmt: skip
    said = tips(("model", "model"), ("said", "draws"))
    bar = {"type": "bar", "height": {"band": 0.55}, "stroke": "@paper", "strokeWidth": 2}
    layer = {
        "data": {"values": parts},
        "mark": bar,
        "encoding": {"x": x, "y": y, "color": coloured("model", palette), "tooltip": said},
    }
    return Chart(
        id=f"mixture-{position}",
        title=f"The split that covers most, judged by {short(verifier)}",
        spec=base([layer]) | {"height": 60 + 46 * len(rows)},
        table=_mixture_table(document, rows),
        note=" ".join(_gain(r, names) for r in rows),
        legend=palette,
    )  # fmt: skip


def _budget(row: Row) -> str:
    return f"{count(row['budget'])} {row['unit']}"


def _gain(row: Row, names: Row) -> str:
    sure = known(row["low"]) and row["low"] > 0
    verdict = "more" if row["value"] > 0 else "no more"
    alone = names.get(row["single"], row["single"])
    said = (
        f"{_budget(row)}: on problems it was not chosen on, the mixture covers "
        f"{percent(row['held_out'])}, {verdict} than {alone} alone ({in_points(row)} points)"
    )
    return said + ("." if sure or row["value"] <= 0 else ", which may be chance.")


def _mixture_table(document: Row, rows: Rows) -> Table:
    names = model_names(document)
    models = list(rows[0]["attempts"])
    columns = ("budget", *(names.get(m, m) for m in models), "held-out coverage", "best alone",
               "gain in points", "budget it would need alone")  # fmt: skip
    cells = tuple(
        (_budget(r), *(f"{r['attempts'][m]:.2f}" for m in models),
         estimate({"value": r["held_out"], "low": r["held_out_low"], "high": r["held_out_high"]}),
         f"{names.get(r['single'], r['single'])}, {percent(r['single_held_out'])}", in_points(r),
         f"{r['multiple']:.2f}×" if known(r["multiple"]) else "never enough")
        for r in rows
    )  # fmt: skip
    return Table(columns, cells)
