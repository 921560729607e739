"""Numbers and findings in words: what a reader sees before any chart."""

from collections.abc import Iterator, Mapping, Sequence
from math import floor, isfinite, log10
from typing import Any

from vervet.reporting.curves import Pair, coverage_of, leading, model_names, pairs, policies_of

Row = Mapping[str, Any]
Rows = Sequence[Row]
MOST_MODELS = 4
"""Models that are put in words; the charts have all."""
RAREST = 1e-6
"""Shares closer to 0 or 1 than this are not written out."""
LEVEL_GAIN = 0.02
"""A curve has levelled off when its last tenfold of samples brought less than this."""


def known(value: object) -> bool:
    """Tell whether a number is known: neither null nor NaN.

    >>> [known(v) for v in (0.0, None, float("nan"))]
    [True, False, False]
    """
    return isinstance(value, int | float) and isfinite(value)


def percent(value: float | None) -> str:
    """Return a share as people write it: more digits where it is close to 0 or 1.

    >>> [percent(v) for v in (0.5, 0.3475, 0.00042, 0.99987, 0.0, 1.0, None)]
    ['50.0%', '34.7%', '0.042%', '99.987%', '0%', '100%', 'unknown']
    """
    if value is None or not known(value):
        return "unknown"
    if value in {0, 1}:
        return f"{value:.0%}"
    rare = round(min(value, 1 - value), 12)
    if 0 <= rare < RAREST:
        return f"<{RAREST:.4%}" if value < RAREST else f">{1 - RAREST:.4%}"
    digits = 1 if rare < 0 or rare >= 0.001 else -floor(log10(rare)) - 1  # noqa: PLR2004 - 0.1 %
    shown = float(f"{value:.{digits + 2}f}")  # as a table rounds it, half a digit either way
    return f"{100 * shown:.{digits}f}%"


def interval(row: Row) -> str:
    """Return `[low, high]` in percent, or nothing where it is not known.

    >>> interval({"low": 0.25, "high": 0.5})
    '[25.0, 50.0]'
    """
    if not (known(row.get("low")) and known(row.get("high"))):
        return ""
    return f"[{percent(row['low'])[:-1]}, {percent(row['high'])[:-1]}]"


def estimate(row: Row) -> str:
    """Return a share with its interval, as one phrase.

    >>> estimate({"value": 0.4, "low": 0.25, "high": 0.5})
    '40.0% [25.0, 50.0]'
    """
    return f"{percent(row.get('value'))} {interval(row)}".strip()


def count(value: float | None) -> str:
    """Return a count with its thousands apart, short above a million.

    >>> [count(v) for v in (7, 1234, 2_500_000, 3.1e15, 0.25, None)]
    ['7', '1,234', '2.5 million', '3.1e15', '0.25', 'unknown']
    """
    if value is None or not known(value):
        return "unknown"
    if abs(value) >= 1e12:  # noqa: PLR2004 - beyond words
        return f"{value:.3g}".replace("e+", "e")
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if abs(value) >= size:
            return f"{value / size:.3g} {word}"
    whole = abs(value) >= 100 or float(value).is_integer()  # noqa: PLR2004 - three digits are enough
    return f"{value:,.0f}" if whole else f"{value:.3g}"


def plural(number: int, noun: str) -> str:
    """Return a counted noun.

    >>> plural(1, "sample"), plural(1200, "sample")
    ('1 sample', '1,200 samples')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def headline(document: Row) -> str:
    """Return the finding of the first model and verifier in one sentence."""
    for pair in pairs(document):
        return finding(document, pair)
    return "Nothing has been measured yet: this run has no judged samples."


def finding(document: Row, pair: Pair) -> str:
    """Say in one sentence how coverage rises and what selection makes of it."""
    curve = [row for row in coverage_of(document, pair) if known(row["value"])]
    if not curve:
        return "Coverage is not known: too few samples were judged."
    first, last = curve[0], curve[-1]
    if first is last:
        return f"Coverage is {percent(last['value'])} with {plural(last['k'], 'sample')}."
    rise = f"Coverage {_moves(first, last)}"
    votes = _votes(document, pair)
    return f"{rise}, {_while(votes)}." if votes else f"{rise}."


def _votes(document: Row, pair: Pair) -> Rows:
    votes = policies_of(document, pair).get("majority vote", ())
    return [row for row in votes if known(row["value"])]


def _moves(first: Row, last: Row) -> str:
    start, end = percent(first["value"]), percent(last["value"])
    samples = plural(first["k"], "sample")
    if start == end:
        return f"stays at {start} from {samples} to {last['k']:,}"
    way = "rises" if last["value"] > first["value"] else "falls"
    return f"{way} from {start} with {samples} to {end} with {last['k']:,}"


def _while(votes: Rows) -> str:
    last = votes[-1]
    if levelled(votes):
        return f"while majority vote levels off at {percent(last['value'])}"
    return f"while majority vote reaches {percent(last['value'])}"


def levelled(curve: Rows) -> bool:
    """Tell whether the last tenfold of samples brought less than two points.

    >>> levelled([{"k": 1, "value": 0.2}, {"k": 10, "value": 0.3}, {"k": 100, "value": 0.31}])
    True
    """
    last = curve[-1]
    before = [row for row in curve if row["k"] * 10 <= last["k"]]
    return bool(before) and abs(last["value"] - before[-1]["value"]) < LEVEL_GAIN


def support(document: Row) -> Iterator[str]:
    """Yield the sentences under the headline: from how much, how sure, what remains."""
    names = model_names(document)
    for position, pair in enumerate(leading(document)[:MOST_MODELS]):
        if position:
            yield f"{names[pair.model]}: {_lower(finding(document, pair))}"
        else:
            yield _basis(document, pair, names[pair.model])
            yield from _gap(document, pair)


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _basis(document: Row, pair: Pair, name: str) -> str:
    first, last = (coverage_of(document, pair)[i] for i in (0, -1))
    votes = _votes(document, pair)
    level = f"{100 * last['level']:g}% intervals"
    parts = [f"coverage {interval(first)} and {interval(last)}"] if interval(last) else []
    parts += [f"majority vote {interval(votes[-1])}"] if votes and interval(votes[-1]) else []
    sure = f" {level}: {'; '.join(parts)}." if parts else ""
    return (
        f"{name}, judged by {pair.verifier}: {plural(first['samples'], 'sample')} of "
        f"{plural(first['problems'], 'problem')}.{sure}"
    )


def _gap(document: Row, pair: Pair) -> Iterator[str]:
    last = coverage_of(document, pair)[-1]
    if not known(last["value"]):
        return
    ends = {name: rows[-1] for name, rows in policies_of(document, pair).items()}
    ends = {name: row for name, row in ends.items() if known(row["value"])}
    if not ends:
        return
    best = max(ends, key=lambda name: float(ends[name]["value"]))
    points = 100 * (last["value"] - ends[best]["value"])
    if points >= 1:
        yield (
            f"{points:.0f} points lie between what was sampled and the best selection measured "
            f"({best}, {percent(ends[best]['value'])}): that is what a better verifier could win."
        )
