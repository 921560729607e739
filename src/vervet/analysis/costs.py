"""What k samples of a problem cost: tokens as billed, dollars, FLOPs."""

import warnings

import numpy as np

from vervet.analysis.curves import Settings
from vervet.analysis.recorded import Drawn, Floats, mean_known
from vervet.analysis.schema import CostRow
from vervet.costs.dollars import Price, token_dollars
from vervet.costs.flops import Shape, sampling_flops
from vervet.errors import ConfigError
from vervet.models.prices import PriceTable, price_table

SHAPE_FIELDS = ("parameters", "layers", "hidden")


def cost_rows(drawn: Drawn, settings: Settings) -> list[CostRow]:
    """Return tokens, dollars and FLOPs a problem, at every k of the grid."""
    ks = settings.grid(drawn.per_problem)
    prompt, completion = (
        _means(drawn, drawn.number(n)) for n in ("prompt_tokens", "completion_tokens")
    )
    known = np.isfinite(prompt) & np.isfinite(completion)
    if not known.any():
        return []
    table = price_table()
    price, shape = _price(drawn, table), _shape(drawn, table)
    billed = prompt - np.nan_to_num(_means(drawn, drawn.number("shared_tokens")))
    dollars = _dollars(drawn, price)
    return [
        CostRow(
            model=drawn.model,
            k=k,
            tokens=k * _mean(billed + completion),
            usd=None if dollars is None else k * dollars,
            flops=_flops(shape, prompt[known], completion[known], k, shared=True),
            flops_unshared=_flops(shape, prompt[known], completion[known], k, shared=False),
            problems=int(known.sum()),
            source=_source(drawn, price, shape),
        )
        for k in ks
    ]


def tokens_of(drawn: Drawn) -> float | None:
    """Return the mean tokens of a sample as billed, prompt included; None where not counted."""
    prompt, completion = drawn.number("prompt_tokens"), drawn.number("completion_tokens")
    shared = np.nan_to_num(drawn.number("shared_tokens"))
    return _known(mean_known(prompt - shared + completion))


def dollars_of(drawn: Drawn) -> float | None:
    """Return the mean dollars of a sample: as charged, else at the list price, else None."""
    return _dollars(drawn, _price(drawn, price_table()))


def flops_of(drawn: Drawn) -> float | None:
    """Return the mean FLOPs of a sample, its prompt read once a problem; None where not known."""
    prompt, completion = (mean_known(drawn.number(f"{n}_tokens")) for n in ("prompt", "completion"))
    found = _flops(
        _shape(drawn, price_table()), np.array([prompt]), np.array([completion]), 1, shared=True
    )
    return None if found is None else _known(found)


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _means(drawn: Drawn, values: Floats) -> Floats:
    """Return the mean of a column over the samples of each problem, unknown ones left out."""
    size, known = len(drawn.problems), np.isfinite(values)
    counts = np.bincount(drawn.problem[known], minlength=size)
    sums = np.bincount(drawn.problem[known], weights=values[known], minlength=size)
    with np.errstate(invalid="ignore"):
        means: Floats = sums / counts
    return means


def _mean(values: Floats) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a mean of nothing is NaN, as it should be
        return float(np.nanmean(values))


def _price(drawn: Drawn, table: PriceTable) -> Price | None:
    settings = drawn.settings
    host = str(settings.get("host") or settings.get("provider") or "")
    return table.price(host, str(settings.get("model", "")))


def _shape(drawn: Drawn, table: PriceTable) -> Shape | None:
    """Return the model's shape: as the sampler describes itself, else from the table."""
    said = drawn.settings.get("shape")
    if isinstance(said, dict) and all(said.get(name) for name in SHAPE_FIELDS):
        return Shape(**said)
    return table.shape(str(drawn.settings.get("model", "")))


def _dollars(drawn: Drawn, price: Price | None) -> float | None:
    """Return the mean dollars of a sample: as charged, else at the list price, else None."""
    charged = drawn.number("cost")
    if not np.isfinite(charged).all() and price is not None:
        names = ("prompt_tokens", "completion_tokens", "cached_tokens", "shared_tokens")
        prompt, completion, cached, shared = (drawn.number(name) for name in names)
        listed = token_dollars(
            price, prompt, completion, np.nan_to_num(cached), np.nan_to_num(shared)
        ).total
        charged = np.where(np.isfinite(charged), charged, listed)
    mean = _mean(_means(drawn, charged))
    return mean if np.isfinite(mean) else None


def _flops(
    shape: Shape | None, prompt: Floats, completion: Floats, k: int, *, shared: bool
) -> float | None:
    if shape is None:
        return None
    try:
        return float(
            sampling_flops(shape, prompt, completion, k, shared_prefill=shared).total.mean()
        )
    except ConfigError:
        return None


def _source(drawn: Drawn, price: Price | None, shape: Shape | None) -> str:
    if np.isfinite(drawn.number("cost")).any():
        dollars = "dollars as charged"
    elif price is None:
        dollars = "price not known"
    else:
        dollars = f"price: {price.source} {price.checked}".strip()
    return f"{dollars}; " + ("parameters not known" if shape is None else "FLOPs from the shape")
