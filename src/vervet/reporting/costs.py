"""Cost against accuracy: the same curves over tokens, dollars or floating-point operations."""

from collections.abc import Iterator, Mapping

from vervet.reporting.curves import COVERAGE, Row, Rows, curves_of, leading, model_names
from vervet.reporting.marks import (
    Chart,
    Table,
    band,
    base,
    category,
    ceiling,
    coloured,
    line,
    log_axis,
    logarithmic,
    measured,
    pointed,
    quantity,
    share,
    tips,
)
from vervet.reporting.theme import Spec
from vervet.reporting.words import count, estimate, known, percent

UNITS = {
    "tokens": ("Tokens", "tokens per problem"),
    "usd": ("US dollars", "US dollars per problem"),
    "flops": ("FLOPs", "FLOPs per problem, the prompt read once for all samples"),
    "flops_unshared": ("FLOPs, prompt re-read", "FLOPs per problem, the prompt read every time"),
}
DASHES = [[1, 0], [6, 4], [2, 3], [8, 3, 2, 3], [12, 4]]
MODEL_COLOURS = ("@c0", "@c1", "@c2", "@c3", "@c4", "@c5", "@c6", "@c7")


def cost_charts(document: Row) -> dict[str, Chart]:
    """Return one chart for each unit that is known for at least one model, by unit."""
    return {unit: chart for unit in UNITS if (chart := _chart(document, unit))}


def unknown_costs(document: Row) -> str:
    """Say which costs are not known, and of which models; nothing where all are."""
    rows = document.get("costs", ())
    names = model_names(document)
    models = list(dict.fromkeys(row["model"] for row in rows))
    priced = {unit: {r["model"] for r in rows if known(r.get(unit))} for unit in UNITS}
    missing: dict[tuple[str, ...], list[str]] = {}
    for unit in UNITS:
        absent = tuple(names.get(m, m) for m in models if m not in priced[unit])
        if absent and unit != "flops_unshared":
            missing.setdefault(absent, []).append(UNITS[unit][0])
    said = (f"{' and '.join(what)} of {', '.join(who)}" for who, what in missing.items())
    free = rows and all(row.get("usd") == 0 for row in rows)
    parts = [f"Not known: {'; '.join(said)}."] if missing else []
    return " ".join([*parts, *(["Nothing was charged."] if free else [])])


def _points(document: Row, unit: str) -> Iterator[Spec]:
    paid = {(r["model"], r["k"]): r[unit] for r in document["costs"] if known(r.get(unit))}
    names = model_names(document)
    for pair in leading(document):
        who = names[pair.model]
        for name, rows in curves_of(document, pair).items():
            for row in measured(rows):
                cost = paid.get((pair.model, row["k"]))
                if cost:
                    numbers = {key: row[key] for key in ("k", "value", "low", "high")}
                    yield {"model": who, "method": name, "cost": cost, **numbers}


def _chart(document: Row, unit: str) -> Chart | None:
    points = list(_points(document, unit)) if document.get("costs") else []
    if not points:
        return None
    models = list(dict.fromkeys(str(p["model"]) for p in points))
    methods = list(dict.fromkeys(str(p["method"]) for p in points))
    colour = dict(zip(models, MODEL_COLOURS * len(models), strict=False))
    return Chart(
        id=f"cost-{unit}",
        title=UNITS[unit][0],
        spec=base(_layers(points, unit, colour, methods)),
        table=_table(points, unit),
        note=_note(document),
        legend=colour if len(models) > 1 else {},
    )


def _note(document: Row) -> str:
    verifier = leading(document)[0].verifier
    sources = dict.fromkeys(r["source"] for r in document["costs"] if r.get("source"))
    said = f"Judged by {verifier}. Bands: intervals of coverage."
    return f"{said} Sources: {'; '.join(sources)}." if sources else said


def _layers(
    points: list[Spec], unit: str, palette: Mapping[str, str], methods: list[str]
) -> list[Spec]:
    low, high = (end(p["cost"] for p in points) for end in (min, max))
    high = high if high > low else 10 * low
    top = ceiling(points)
    form = "$~g" if unit == "usd" else "~s" if unit == "tokens" else "~e"
    axis = log_axis(UNITS[unit][1], low, high, form=form)
    x = quantity("cost", axis=axis, scale=logarithmic(low, high))
    y = share("value", top)
    colour = coloured("model", palette)
    legend = {"orient": "top", "title": None, "symbolType": "stroke", "symbolSize": 400}
    legend |= {"columns": 3, "labelLimit": 260}
    dash = category("method", scale={"domain": methods, "range": DASHES}, legend=legend)
    drawn = line(points, x, y, colour)
    drawn["encoding"]["strokeDash"] = dash
    shaded = band([p for p in points if p["method"] == COVERAGE], x, y, colour)
    return [shaded, drawn, pointed(_said(points, unit), x, _tips(points))]


def _said(points: list[Spec], unit: str) -> list[Spec]:
    found: dict[tuple[str, float], Spec] = {}
    for p in points:
        row = {"model": p["model"], "cost": p["cost"], "paid": cost_words(p["cost"], unit)}
        said = found.setdefault((p["model"], p["cost"]), {**row, "samples": f"{p['k']:,}"})
        said[f"v{_methods(points).index(p['method'])}"] = estimate(p)
    return list(found.values())


def _methods(points: Rows) -> list[str]:
    return list(dict.fromkeys(p["method"] for p in points))


def _tips(points: list[Spec]) -> list[Spec]:
    fixed = (("model", "model"), ("samples", "samples"), ("paid", "cost"))
    return tips(*fixed, *((f"v{i}", name) for i, name in enumerate(_methods(points))))


def cost_words(cost: float, unit: str) -> str:
    """Return a cost with its unit.

    >>> cost_words(0.00042, "usd"), cost_words(12500, "tokens"), cost_words(3e15, "flops")
    ('$0.00042', '12,500 tokens', '3e15 FLOPs')
    """
    if unit == "usd":
        return f"${cost:,.2f}" if cost >= 1 else f"${cost:.3g}"
    return f"{count(cost)} {'tokens' if unit == 'tokens' else 'FLOPs'}"


def _table(points: list[Spec], unit: str) -> Table:
    methods = _methods(points)
    found: dict[tuple[str, int], dict[str, str]] = {}
    for p in points:
        row = found.setdefault((p["model"], p["k"]), {"cost": cost_words(p["cost"], unit)})
        row[p["method"]] = percent(p["value"])
    rows = tuple(
        (model, f"{k:,}", said["cost"], *(said.get(m, "") for m in methods))
        for (model, k), said in found.items()
    )
    return Table(("model", "samples", "cost per problem", *methods), rows)
